// The commands behind the words; each prints its result and returns the exit code. Private to cli/.
#pragma once

#include "host/cli/control.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>

namespace tomada::cli {

/// Where results and everything else go. Tests look into both.
struct Output {
  std::ostream& out;
  std::ostream& err;
};

int create_tenant(Control& control, Output output, const std::string& name);
int create_key(Control& control, Output output, const std::string& tenant, const std::string& role);
int list_plugins(Control& control, Output output, bool as_json);
int allow_plugin(Control& control, Output output, const std::string& id, const std::string& tenant);
/// Runs no code of the file and needs no host.
int inspect_plugin(Output output, const std::filesystem::path& file, bool as_json);

struct SyncRun {
  std::string tenant;
  std::string integration;
  std::string type;  // empty: all
  std::string mode{"incremental"};
  bool wait{false};
};
/// `pause` waits between two looks at a running sync; a test's does not.
int run_sync(Control& control, Output output, const SyncRun& options, const std::function<void()>& pause);
int show_sync(Control& control, Output output, const std::string& tenant, const std::string& integration, bool as_json);

/// One request and its JSON; a refusal becomes an error whose message is the problem's detail. Empty `tenant`: none.
Result<nlohmann::json> ask(Control& control, const std::string& method, const std::string& path, const std::string& tenant,
                           const nlohmann::json* body);
/// Prints the sentence on stderr; the exit code 1.
int failed(Output output, const Error& error);

}  // namespace tomada::cli
