#include "host/plugin/probe.hpp"

#include "host/plugin/sealed_files.hpp"

#include <memory>
#include <utility>

namespace tomada::plugin {

Probe make_worker_probe(WorkerOptions options, runtime::Metrics& metrics, RegistryOptions where) {
  // A std::function is copied; its copies share the files.
  return [options = std::move(options), &metrics, where = std::move(where),
          files = std::make_shared<SealedFiles>()](runtime::Task& task, const Release& release) -> Result<void> {
    if (where.runs_here(release.plugin_id)) return {};
    TOMADA_TRY_ASSIGN(auto sealed, files->of(task, release));
    TOMADA_TRY_ASSIGN(const auto link, worker::Link::start(task.loop(), worker_spec(options, release, std::move(sealed)), metrics,
                                                           [](const std::shared_ptr<const abi::Crash>&) {}));
    return link->ready(task);
  };
}

}  // namespace tomada::plugin
