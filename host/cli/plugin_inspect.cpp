// tomada plugin inspect FILE: what the file says of itself and why it would be refused. Runs no code of it.
#include "host/cli/commands.hpp"

#include "host/abi/inspect.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string_view>

namespace tomada::cli {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const abi::Inspection& inspection, const std::filesystem::path& file) {
  ordered_json view;
  view["file"] = file.string();
  view["sha256"] = inspection.sha256;
  view["size_bytes"] = inspection.size_bytes;
  view["acceptable"] = inspection.refusals.empty();
  auto refusals = ordered_json::array();
  for (const abi::Refusal& refusal : inspection.refusals) refusals.push_back({{"rule", refusal.rule}, {"reason", refusal.reason}});
  view["refusals"] = std::move(refusals);
  view["exports"] = inspection.exports;
  view["needed_libraries"] = inspection.needed_libraries;
  view["glibc_min"] = inspection.glibc_min;
  view["manifest"] = inspection.has_manifest ? ordered_json(inspection.manifest.document) : ordered_json(nullptr);
  return view;
}

void print_words(std::ostream& out, std::string_view label, const std::vector<std::string>& words) {
  out << label;
  if (words.empty()) out << "none";
  for (std::size_t i = 0; i < words.size(); ++i) out << (i == 0 ? "" : ", ") << words[i];
  out << "\n";
}

void print(std::ostream& out, const abi::Inspection& inspection, const std::filesystem::path& file) {
  out << "file          " << file.string() << " (" << inspection.size_bytes << " bytes)\n";
  out << "sha256        " << inspection.sha256 << "\n";
  if (inspection.has_manifest) {
    const abi::Manifest& manifest = inspection.manifest;
    out << "plugin        " << manifest.id << " " << manifest.version << " (" << manifest.name << ")\n";
    out << "publisher     " << manifest.publisher << ", licence " << manifest.licence << ", " << manifest.support_level << "\n";
    print_words(out, "services      ", manifest.services_required);
    if (!manifest.services_optional.empty()) print_words(out, "  optional    ", manifest.services_optional);
    print_words(out, "hosts         ", manifest.hosts);
    print_words(out, "capabilities  ", manifest.capabilities);
    std::vector<std::string> entities;
    for (const abi::Entity& entity : manifest.entities)
      entities.push_back(entity.name + (entity.incremental ? " (full, incremental)" : " (full)"));
    print_words(out, "entities      ", entities);
  }
  print_words(out, "needs         ", inspection.needed_libraries);
  if (!inspection.glibc_min.empty()) out << "glibc         " << inspection.glibc_min << " or newer\n";
  for (const abi::Refusal& refusal : inspection.refusals) out << "refused       " << refusal.rule << ": " << refusal.reason << "\n";
  if (inspection.refusals.empty()) out << "acceptable    yes\n";
}

}  // namespace

int inspect_plugin(Output output, const std::filesystem::path& file, bool as_json) {
  const auto inspection = abi::inspect_file(file);
  if (inspection.has_error()) return failed(output, inspection.error());
  if (as_json) {
    output.out << to_json(*inspection, file).dump(2, ' ', false, ordered_json::error_handler_t::replace) << "\n";
  } else {
    print(output.out, *inspection, file);
  }
  return inspection->refusals.empty() ? 0 : 1;
}

}  // namespace tomada::cli
