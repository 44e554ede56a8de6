// The command line: words in, an exit code out. Every command but `serve` and `plugin inspect` is a request to a host.
#pragma once

#include "host/cli/control.hpp"
#include "host/settings/settings.hpp"

#include <functional>
#include <memory>

namespace tomada::cli {

/// What only main() can build.
struct Hooks {
  /// `tomada serve`: returns when the host has stopped.
  std::function<Result<void>(const settings::Settings& settings)> serve;
  /// A host without listeners in this process, for commands while none runs.
  std::function<Result<std::unique_ptr<Control>>(const settings::Settings& settings)> open_local;
};

/// 0: done. 1: it failed, and the last line on stderr says why. 2: the command line itself is wrong.
/// Results go to stdout, everything else to stderr.
int run(int argc, char** argv, const Hooks& hooks);

}  // namespace tomada::cli
