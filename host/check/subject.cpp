#include "host/check/subject.hpp"

#include "host/abi/checks.hpp"

#include <tomada/plugin.h>

#include <algorithm>

#include "host/abi/inspect.hpp"
#include "host/cage/sealed_file.hpp"

#include <utility>

namespace tomada::check {

Result<Subject> Subject::seal(const std::filesystem::path& file, abi::Manifest manifest, const std::string& sha256) {
  TOMADA_TRY_ASSIGN(auto sealed, cage::sealed_copy(file, abi::k_plugin_bytes_max));
  if (sealed.sha256 != sha256) return fail(Errc::conflict, file.string() + " changed while it was looked at");
  return Subject{std::move(manifest), sha256, std::make_shared<const cage::Descriptor>(std::move(sealed.descriptor))};
}

Result<Subject> Subject::open(const std::filesystem::path& file) {
  TOMADA_TRY_ASSIGN(auto inspection, abi::inspect_file(file));
  if (!inspection.refusals.empty())
    return fail(Errc::invalid_data, file.string() + ": " + inspection.refusals.front().rule + ": " + inspection.refusals.front().reason);
  return seal(file, std::move(inspection.manifest), inspection.sha256);
}

Setup Subject::setup() const {
  return {.plugin_id = manifest.id,
          .threads = manifest.call_model == abi::CallModel::thread,
          .handles_webhooks = manifest.webhook != nullptr,
          .reads_secrets = std::ranges::find(manifest.capabilities, "secrets") != manifest.capabilities.end(),
          .keeps_values = abi::names_service(manifest, TOMADA_STORAGE_ID),
          .entities = abi::entity_names(manifest)};
}

Result<std::shared_ptr<worker::Link>> Subject::start_worker(runtime::Task& task, const std::filesystem::path& program,
                                                            runtime::Metrics& metrics) const {
  return worker::Link::start(task.loop(),
                             {.program = program, .start = worker::start_of(manifest, k_memory_bytes_max, k_threads_max), .plugin = plugin},
                             metrics, {});
}

}  // namespace tomada::check
