#include "host/plugin/sealed_files.hpp"

#include "host/abi/inspect.hpp"
#include "host/cage/sealed_file.hpp"

#include <utility>

namespace tomada::plugin {

std::shared_ptr<const cage::Descriptor> SealedFiles::known(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  return by_sha256_[sha256].lock();
}

Result<std::shared_ptr<const cage::Descriptor>> SealedFiles::of(runtime::Task& task, const Release& release) {
  if (auto there = known(release.sha256)) return there;
  return runtime::run_blocking(task, pool_, [&]() -> Result<std::shared_ptr<const cage::Descriptor>> {
    // Many calls may have asked at once: the one before this one has made it.
    if (auto there = known(release.sha256)) return there;
    TOMADA_TRY_ASSIGN(cage::SealedFile copy, cage::sealed_copy(release.copy, abi::k_plugin_bytes_max));
    if (copy.sha256 != release.sha256)
      return fail(Errc::unavailable, release.copy.string() + ": is not what was inspected; remove it and start again");
    auto made = std::make_shared<const cage::Descriptor>(std::move(copy.descriptor));
    const std::lock_guard lock(mutex_);
    by_sha256_[release.sha256] = made;
    return made;
  });
}

}  // namespace tomada::plugin
