// Sets the process's logger up from the settings.
#pragma once

#include "host/settings/settings.hpp"

namespace tomada::cli {

/// To stderr, so that results stay alone on stdout. `quiet`: warnings and worse only, for commands.
void start_logging(const settings::Settings::Log& log, bool quiet);

}  // namespace tomada::cli
