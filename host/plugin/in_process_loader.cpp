#include "host/plugin/in_process_loader.hpp"

#include "host/cage/sealed_file.hpp"

#include <utility>

namespace tomada::plugin {

Result<std::shared_ptr<abi::LoadedPlugin>> InProcessLoader::load(const Release& release) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_sha256_.find(release.sha256); known != by_sha256_.end()) return known->second;
  TOMADA_TRY_ASSIGN(const cage::SealedFile copy, cage::sealed_copy(release.copy, abi::k_plugin_bytes_max));
  if (copy.sha256 != release.sha256)
    return fail(Errc::unavailable, release.copy.string() + ": is not what was inspected; remove it and start again");
  auto loaded = abi::LoadedPlugin::load(release.copy, *release.manifest);
  if (loaded.has_error()) return std::move(loaded).error().within("plugin " + release.plugin_id);
  by_sha256_.emplace(release.sha256, *loaded);
  return *loaded;
}

}  // namespace tomada::plugin
