// The commands behind the words; each prints its result and returns the exit code. Private to cli/.
#pragma once

#include "host/cli/control.hpp"
#include "host/settings/settings.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace tomada::cli {

/// Where results and everything else go. Tests look into both.
struct Output {
  std::ostream& out;
  std::ostream& err;
};

int create_tenant(Control& control, Output output, const std::string& name);
int create_key(Control& control, Output output, const std::string& tenant, const std::string& role);
int list_plugins(Control& control, Output output, bool as_json);
struct PluginAllow {
  std::string plugin;  // ID or ID@VERSION
  std::string tenant;
  bool yes{false};     // without asking
};
/// Shows what the plugin asks for, asks, and approves exactly that. `terminal`: who answers; null: nobody, so only with `yes`.
int allow_plugin(Control& control, Output output, const PluginAllow& options, std::istream* terminal);
int roll_back_plugin(Control& control, Output output, const std::string& id);
int pin_plugin(Control& control, Output output, const std::string& id_and_version, const std::string& tenant);
int unpin_plugin(Control& control, Output output, const std::string& id, const std::string& tenant);
int release_plugin(Control& control, Output output, const std::string& id);
/// Runs no code of the file and needs no host.
int inspect_plugin(Output output, const std::filesystem::path& file, bool as_json);

struct PluginNew {
  std::string id, language;
  std::filesystem::path folder;  // empty: ./ID
};
/// Makes a plugin project from the templates beside this program. Needs no host.
int new_plugin(Output output, const PluginNew& options);

struct PluginCheck {
  std::filesystem::path file;
  std::uint64_t seed{1};
  std::string only;                             // tests whose name contains it
  std::string config, credentials, replay;      // files and a folder; empty: samples, none
  std::string record, entity;                   // a folder to write to, instead of the tests; empty entity: all
};
/// Needs no host; code of the file runs in closed-off processes. 0 all passed, 1 something failed, 2 could not be done.
int check_plugin(Output output, const PluginCheck& options, bool as_json);
/// One real sync of each entity; for whom `settings` say what may be reached.
int record_plugin(Output output, const settings::Settings& settings, const PluginCheck& options);

/// Signs FILE with a private ed25519 key in PEM, writes FILE.sig. Needs no host.
int sign_plugin(Output output, const std::filesystem::path& file, const std::filesystem::path& key);
/// A public key in PEM becomes trusted under that name. Needs no host; a running one sees it within two seconds.
int trust_key(Output output, const std::filesystem::path& keys_dir, const std::filesystem::path& key, const std::string& name);
int untrust_key(Output output, const std::filesystem::path& keys_dir, const std::string& name);
int list_trusted_keys(Output output, const std::filesystem::path& keys_dir, bool as_json);

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

struct WebhookList {
  std::string tenant;
  std::string integration;
  std::string status, type, since, until, verified, cursor;  // empty: all
  int limit{50};
};
int list_webhooks(Control& control, Output output, const WebhookList& options, bool as_json);
int show_webhook(Control& control, Output output, const std::string& tenant, const std::string& integration, const std::string& id,
                 bool as_json);
struct WebhookReplay {
  std::string tenant;
  std::string integration;
  std::vector<std::string> ids;  // or a range, or all dead ones
  std::string since, until, status;
  bool dead{false};
};
int replay_webhooks(Control& control, Output output, const WebhookReplay& options);
/// Of every integration of the tenant when `integration` is empty.
int list_dead_webhooks(Control& control, Output output, const std::string& tenant, const std::string& integration, bool as_json);

struct WebhookVerify {
  std::string provider;
  std::vector<std::string> secrets;
  std::string config_json;  // empty: every scheme of the manifest, with its defaults
  std::int64_t now_s{};
  std::optional<std::int64_t> tolerance_s;
  std::string method{"POST"};
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
};
/// Needs no host, key or data directory. `input`: the body. 0 valid, 1 invalid, 2 wrong usage.
int verify_webhook(Output output, const std::filesystem::path& plugin_dir, const WebhookVerify& options, std::istream& input);

struct StoreCopy {
  std::string from, to;  // sqlite:FILE, postgres://…
  bool start_over{false};
  bool as_json{false};
};
/// Needs no host and no data directory; none may run on either store.
int copy_store(Output output, const StoreCopy& options);

int list_apps(Control& control, Output output, const std::string& tenant, bool as_json);
struct AppCreate {
  std::string tenant;
  std::string provider;
  std::string name;
  bool shared{false};
  bool allow_legacy{false};
};
/// `credentials`: a JSON object, read to its end; nullptr: none. Secrets are no arguments: others can see those.
int create_app(Control& control, Output output, const AppCreate& options, std::istream* credentials);
int remove_app(Control& control, Output output, const std::string& tenant, const std::string& id);

/// One request and its JSON; a refusal becomes an error whose message is the problem's detail. Empty `tenant`: none.
/// `path` may have a query.
Result<nlohmann::json> ask(Control& control, const std::string& method, const std::string& path, const std::string& tenant,
                           const nlohmann::json* body);
/// Prints the sentence on stderr; the exit code 1.
int failed(Output output, const Error& error);

}  // namespace tomada::cli
