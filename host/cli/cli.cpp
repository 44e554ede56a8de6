#include "host/cli/cli.hpp"

#include "host/cli/commands.hpp"
#include "host/cli/logging.hpp"
#include "host/settings/load.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tomada::cli {
namespace {

constexpr int k_usage_error = 2;
constexpr std::chrono::milliseconds k_poll{200};

/// Everything the command line can say.
struct Words {
  std::string config, data_dir, listen, plugin_dir;
  std::string tenant, role, name, plugin, file;
  SyncRun sync;
  bool as_json{false};
};

void add_common(CLI::App& command, Words& words) {
  command.add_option("--config", words.config, "TOML file with settings (TOMADA_CONFIG)");
  command.add_option("--data-dir", words.data_dir, "Database, keys and control socket (TOMADA_DATA_DIR)");
  command.add_option("--plugin-dir", words.plugin_dir, "Where plugins are (TOMADA_PLUGIN_DIR)");
}

Result<settings::Settings> load_settings(const Words& words, bool quiet) {
  settings::Sources sources{.config_file = words.config, .environment = settings::process_environment(), .command_line = {}};
  for (const auto& [path, value] : {std::pair{"data_dir", &words.data_dir}, std::pair{"listen", &words.listen},
                                    std::pair{"plugin_dir", &words.plugin_dir}})
    if (!value->empty()) sources.command_line.emplace_back(path, *value);
  TOMADA_TRY_ASSIGN(auto loaded, settings::load(sources));
  start_logging(loaded.settings.log, quiet);
  for (const std::string& warning : loaded.warnings) spdlog::warn("{}", warning);
  return std::move(loaded.settings);
}

/// The running host if there is one, else one in this process.
Result<std::unique_ptr<Control>> open_control(const settings::Settings& settings, const Hooks& hooks) {
  TOMADA_TRY_ASSIGN(auto control, open_socket_control(std::filesystem::path(settings.data_dir) / "control.sock"));
  if (control) return control;
  return hooks.open_local(settings);
}

int serve(const Words& words, const Hooks& hooks, Output output) {
  const auto settings = load_settings(words, false);
  if (settings.has_error()) return failed(output, settings.error());
  const auto ended = hooks.serve(*settings);
  return ended.has_error() ? failed(output, ended.error()) : 0;
}

/// Runs a command against a host.
template <class F>
int with_control(const Words& words, const Hooks& hooks, Output output, F command) {
  const auto settings = load_settings(words, true);
  if (settings.has_error()) return failed(output, settings.error());
  auto control = open_control(*settings, hooks);
  if (control.has_error()) return failed(output, control.error());
  return command(**control);
}

}  // namespace

int run(int argc, char** argv, const Hooks& hooks) {
  Words words;
  const Output output{std::cout, std::cerr};
  std::function<int()> chosen;
  CLI::App app("Tomada: an integration host. Providers plug in, records come out.", "tomada");
  app.set_version_flag("--version", "tomada " TOMADA_VERSION);
  app.require_subcommand(1);

  const auto add = [&](CLI::App& parent, const char* name, const char* help, auto command) {
    CLI::App* leaf = parent.add_subcommand(name, help);
    add_common(*leaf, words);
    leaf->callback([&, command] { chosen = [&, command] { return with_control(words, hooks, output, command); }; });
    return leaf;
  };

  CLI::App* serve_command = app.add_subcommand("serve", "Run the host until Ctrl-C");
  add_common(*serve_command, words);
  serve_command->add_option("--listen", words.listen, "ADDR:PORT of the API (TOMADA_LISTEN)");
  serve_command->callback([&] { chosen = [&] { return serve(words, hooks, output); }; });

  CLI::App* tenant = app.add_subcommand("tenant", "Tenants of this host")->require_subcommand(1);
  add(*tenant, "create", "Make a tenant", [&](Control& control) { return create_tenant(control, output, words.name); })
      ->add_option("name", words.name, "Its name")->required();

  CLI::App* key = app.add_subcommand("key", "API keys")->require_subcommand(1);
  CLI::App* key_create = add(*key, "create", "Make an API key; prints the key alone, once",
                             [&](Control& control) { return create_key(control, output, words.tenant, words.role); });
  key_create->add_option("--tenant", words.tenant, "Whose key")->required();
  key_create->add_option("--role", words.role, "viewer, operator or admin")->required();

  CLI::App* plugin = app.add_subcommand("plugin", "Provider plugins")->require_subcommand(1);
  add(*plugin, "list", "What the plugin directory holds, with reasons for refusals",
      [&](Control& control) { return list_plugins(control, output, words.as_json); })
      ->add_flag("--json", words.as_json, "As JSON");
  CLI::App* allow = add(*plugin, "allow", "Let a tenant use a plugin",
                        [&](Control& control) { return allow_plugin(control, output, words.plugin, words.tenant); });
  allow->add_option("id", words.plugin, "The plugin's id")->required();
  allow->add_option("--tenant", words.tenant, "For whom")->required();
  CLI::App* inspect = plugin->add_subcommand("inspect", "Look at a plugin file without running any code of it");
  inspect->add_option("file", words.file, "The file")->required();
  inspect->add_flag("--json", words.as_json, "As JSON");
  inspect->callback([&] { chosen = [&] { return inspect_plugin(output, words.file, words.as_json); }; });

  CLI::App* sync = app.add_subcommand("sync", "Syncs of an integration")->require_subcommand(1);
  CLI::App* sync_run = add(*sync, "run", "Start a sync; prints its id", [&](Control& control) {
    return run_sync(control, output, words.sync, [] { std::this_thread::sleep_for(k_poll); });
  });
  sync_run->add_option("integration,--integration", words.sync.integration, "Its id, or its provider's")->required();
  sync_run->add_option("--tenant", words.sync.tenant, "Whose integration")->required();
  sync_run->add_option("--type", words.sync.type, "One entity; all by default");
  sync_run->add_option("--mode", words.sync.mode, "full or incremental")->capture_default_str();
  sync_run->add_flag("--wait", words.sync.wait, "Follow it to its end; exit code 1 when it failed");
  CLI::App* sync_status = add(*sync, "status", "The last sync and how far it is", [&](Control& control) {
    return show_sync(control, output, words.sync.tenant, words.sync.integration, words.as_json);
  });
  sync_status->add_option("integration,--integration", words.sync.integration, "Its id, or its provider's")->required();
  sync_status->add_option("--tenant", words.sync.tenant, "Whose integration")->required();
  sync_status->add_flag("--json", words.as_json, "As JSON");

  app.add_subcommand("version", "Print the version")->callback([&] {
    chosen = [&] {
      output.out << "tomada " TOMADA_VERSION "\n";
      return 0;
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, output.out, output.err) == 0 ? 0 : k_usage_error;
  }
  try {
    return chosen();
  } catch (const std::exception& error) {
    return failed(output, fail(Errc::internal, error.what()));
  }
}

}  // namespace tomada::cli
