#include "host/cli/cli.hpp"

#include "host/cli/commands.hpp"
#include "host/cli/logging.hpp"
#include "host/settings/load.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <ctime>
#include <fstream>
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
  std::string config, data_dir, listen, plugin_dir, store;
  std::string tenant, role, name, plugin, file, key_file;
  SyncRun sync;
  WebhookList webhooks;
  WebhookReplay replay;
  WebhookVerify verify;
  AppCreate app;
  StoreCopy copy;
  PluginAllow allow;
  PluginNew made;
  PluginCheck check;
  std::string integration, id, credentials_file;
  bool as_json{false};
};

void add_common(CLI::App& command, Words& words) {
  command.add_option("--config", words.config, "TOML file with settings (TOMADA_CONFIG)");
  command.add_option("--data-dir", words.data_dir, "Database, keys and control socket (TOMADA_DATA_DIR)");
  command.add_option("--plugin-dir", words.plugin_dir, "Where plugins are (TOMADA_PLUGIN_DIR)");
  command.add_option("--store", words.store, "postgres://… or sqlite:FILE (TOMADA_STORE)");
}

Result<settings::Settings> load_settings(const Words& words, bool quiet) {
  settings::Sources sources{.config_file = words.config, .environment = settings::process_environment(), .command_line = {}};
  for (const auto& [path, value] : {std::pair{"data_dir", &words.data_dir}, std::pair{"listen", &words.listen},
                                    std::pair{"plugin_dir", &words.plugin_dir}, std::pair{"store.url", &words.store}})
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

int verify_here(const Words& words, Output output) {
  const auto settings = load_settings(words, true);
  if (settings.has_error()) return failed(output, settings.error()), 2;
  return verify_webhook(output, settings->plugin_dir, words.verify, std::cin);
}

int check_here(const Words& words, Output output) {
  if (words.check.record.empty()) return check_plugin(output, words.check, words.as_json);
  const auto settings = load_settings(words, true);
  if (settings.has_error()) return failed(output, settings.error()), k_usage_error;
  return record_plugin(output, *settings, words.check);
}

/// Runs a command that needs the settings and no host.
template <class F>
int with_settings(const Words& words, Output output, F command) {
  const auto settings = load_settings(words, true);
  if (settings.has_error()) return failed(output, settings.error());
  return command(*settings);
}

/// `file`: "-" is stdin, empty is none.
int create_app_from(Control& control, Output output, const AppCreate& options, const std::string& file) {
  if (file.empty()) return create_app(control, output, options, nullptr);
  if (file == "-") return create_app(control, output, options, &std::cin);
  std::ifstream credentials(file);
  if (!credentials) return failed(output, fail(Errc::invalid_data, "cannot read " + file));
  return create_app(control, output, options, &credentials);
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
  CLI::App* allow = add(*plugin, "allow", "Show what a plugin asks for, and let a tenant use it", [&](Control& control) {
    return allow_plugin(control, output, words.allow, isatty(STDIN_FILENO) == 1 ? &std::cin : nullptr);
  });
  allow->add_option("id", words.allow.plugin, "The plugin's id, or ID@VERSION; the version the tenant would use by default")->required();
  allow->add_option("--tenant", words.allow.tenant, "For whom")->required();
  allow->add_flag("--yes", words.allow.yes, "Allow what it asks for without asking");
  add(*plugin, "rollback", "New calls use the version before; once more: the other way round",
      [&](Control& control) { return roll_back_plugin(control, output, words.plugin); })
      ->add_option("id", words.plugin, "The plugin's id")->required();
  CLI::App* pin = add(*plugin, "pin", "Keep a tenant on one version",
                      [&](Control& control) { return pin_plugin(control, output, words.plugin, words.tenant); });
  pin->add_option("id@version", words.plugin, "Such as example@1.2.0")->required();
  pin->add_option("--tenant", words.tenant, "Which tenant")->required();
  CLI::App* unpin = add(*plugin, "unpin", "Let a tenant use the current version again",
                        [&](Control& control) { return unpin_plugin(control, output, words.plugin, words.tenant); });
  unpin->add_option("id", words.plugin, "The plugin's id")->required();
  unpin->add_option("--tenant", words.tenant, "Which tenant")->required();
  add(*plugin, "release", "Call a plugin again that is in quarantine for its crashes",
      [&](Control& control) { return release_plugin(control, output, words.plugin); })
      ->add_option("id", words.plugin, "The plugin's id")->required();
  CLI::App* inspect = plugin->add_subcommand("inspect", "Look at a plugin file without running any code of it");
  inspect->add_option("file", words.file, "The file")->required();
  inspect->add_flag("--json", words.as_json, "As JSON");
  inspect->callback([&] { chosen = [&] { return inspect_plugin(output, words.file, words.as_json); }; });

  CLI::App* made = plugin->add_subcommand("new", "Make a plugin project that builds outside of Tomada's tree");
  made->add_option("id", words.made.id, "The plugin's id, 1 to 64 of a-z, 0-9 and -")->required();
  made->add_option("--lang", words.made.language, "c, cpp, rust or go")->required();
  made->add_option("--dir", words.made.folder, "Where to make it; ./ID by default");
  made->callback([&] { chosen = [&] { return new_plugin(output, words.made); }; });

  CLI::App* sign = plugin->add_subcommand("sign", "Sign a plugin file: writes FILE.sig");
  sign->add_option("file", words.file, "The file")->required();
  sign->add_option("--key", words.key_file, "Private ed25519 key: openssl genpkey -algorithm ed25519 -out KEY")->required();
  sign->callback([&] { chosen = [&] { return sign_plugin(output, words.file, words.key_file); }; });

  const auto add_for_keys = [&](CLI::App& parent, const char* name, const char* help, auto command) {
    CLI::App* leaf = parent.add_subcommand(name, help);
    add_common(*leaf, words);
    leaf->callback([&, command] {
      chosen = [&, command] {
        return with_settings(words, output, [&](const settings::Settings& settings) { return command(settings.plugins.trusted_keys_dir); });
      };
    });
    return leaf;
  };
  CLI::App* trust = add_for_keys(*plugin, "trust", "Take plugin files that this key signed", [&](const std::string& keys_dir) {
    return trust_key(output, keys_dir, words.key_file, words.name);
  });
  trust->add_option("key", words.key_file, "The publisher's public key: openssl pkey -in KEY -pubout")->required();
  trust->add_option("--name", words.name, "What you call the publisher")->required();
  add_for_keys(*plugin, "untrust", "Take no plugin file any more that this key signed",
               [&](const std::string& keys_dir) { return untrust_key(output, keys_dir, words.name); })
      ->add_option("name", words.name, "As tomada plugin trusted lists it")->required();
  add_for_keys(*plugin, "trusted", "Whose keys are trusted",
               [&](const std::string& keys_dir) { return list_trusted_keys(output, keys_dir, words.as_json); })
      ->add_flag("--json", words.as_json, "As JSON");

  CLI::App* check = plugin->add_subcommand("check", "Try all that can be tried of a plugin file without its provider");
  check->add_option("file", words.check.file, "The file")->required();
  check->add_option("--replay", words.check.replay, "A folder of recordings: calls and records must be as recorded");
  check->add_option("--config", words.check.config, "A JSON file, in place of a sample that the plugin's schema takes");
  check->add_option("--credentials", words.check.credentials, "A JSON file, in place of samples; they are sent nowhere");
  check->add_option("--only", words.check.only, "Only tests whose name contains this");
  check->add_option("--seed", words.check.seed, "Of what hostile servers answer (1)");
  check->add_flag("--json", words.as_json, "As JSON");
  check->add_option("--record", words.check.record, "Instead: run one real full sync and write its traffic into this folder, secrets removed");
  check->add_option("--entity", words.check.entity, "With --record: only this one");
  check->callback([&] { chosen = [&] { return check_here(words, output); }; });

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

  CLI::App* webhooks = app.add_subcommand("webhooks", "Webhooks that came in")->require_subcommand(1);
  CLI::App* webhooks_list = add(*webhooks, "list", "What came in, newest first",
                                [&](Control& control) { return list_webhooks(control, output, words.webhooks, words.as_json); });
  webhooks_list->add_option("integration,--integration", words.webhooks.integration, "Its id, or its provider's")->required();
  webhooks_list->add_option("--tenant", words.webhooks.tenant, "Whose integration")->required();
  webhooks_list->add_option("--status", words.webhooks.status, "pending, processing, completed, failed, partial or ignored");
  webhooks_list->add_option("--type", words.webhooks.type, "The provider's word for the event");
  webhooks_list->add_option("--since", words.webhooks.since, "From this time on, such as 2026-01-31T15:30:00Z");
  webhooks_list->add_option("--until", words.webhooks.until, "Before this time");
  webhooks_list->add_option("--verified", words.webhooks.verified, "true or false");
  webhooks_list->add_option("--limit", words.webhooks.limit, "At most so many")->capture_default_str()->check(CLI::Range(1, 1000));
  webhooks_list->add_option("--cursor", words.webhooks.cursor, "Where an earlier list ended");
  webhooks_list->add_flag("--json", words.as_json, "As JSON");
  CLI::App* webhooks_show = add(*webhooks, "show", "One event with its headers, body and attempts", [&](Control& control) {
    return show_webhook(control, output, words.tenant, words.integration, words.id, words.as_json);
  });
  webhooks_show->add_option("integration,--integration", words.integration, "Its id, or its provider's")->required();
  webhooks_show->add_option("id", words.id, "The webhook's id, as the list shows it")->required();
  webhooks_show->add_option("--tenant", words.tenant, "Whose integration")->required();
  webhooks_show->add_flag("--json", words.as_json, "As JSON");
  CLI::App* replay = add(*webhooks, "replay", "Hand events to the plugin again: by id, by time, or all that are dead",
                         [&](Control& control) { return replay_webhooks(control, output, words.replay); });
  replay->add_option("integration,--integration", words.replay.integration, "Its id, or its provider's")->required();
  replay->add_option("ids", words.replay.ids, "Ids, as the list shows them");
  replay->add_option("--tenant", words.replay.tenant, "Whose integration")->required();
  replay->add_option("--since", words.replay.since, "From this time on, such as 2026-01-31T15:30:00Z");
  replay->add_option("--until", words.replay.until, "Before this time");
  replay->add_option("--status", words.replay.status, "Of those only completed, failed, partial or ignored");
  replay->add_flag("--dead", words.replay.dead, "All that were given up");
  CLI::App* dead = add(*webhooks, "dead", "Events that were given up", [&](Control& control) {
    return list_dead_webhooks(control, output, words.tenant, words.integration, words.as_json);
  });
  dead->add_option("integration,--integration", words.integration, "Its id, or its provider's; all of the tenant by default");
  dead->add_option("--tenant", words.tenant, "Whose integrations")->required();
  dead->add_flag("--json", words.as_json, "As JSON");

  CLI::App* verify = webhooks->add_subcommand("verify", "Why a signature passes or fails; the body comes on stdin");
  add_common(*verify, words);
  verify->add_option("--provider", words.verify.provider, "The plugin's id")->required();
  verify->add_option("--secret", words.verify.secrets, "The webhook secret; again for each further one")->required()->allow_extra_args(false);
  verify->add_option("--integration-config", words.verify.config_json, "The integration's configuration, as JSON; without it every scheme of the plugin is tried");
  verify->add_option("--now", words.verify.now_s, "The time to judge by, seconds since 1970; now by default")->default_val(std::time(nullptr))->default_str("now");
  verify->add_option("--tolerance", words.verify.tolerance_s, "Seconds, instead of the scheme's own; 0: any age")->check(CLI::NonNegativeNumber);
  verify->add_option("--method", words.verify.method, "GET or POST")->capture_default_str();
  verify->add_option("--url", words.verify.url, "The whole URL that the provider called")->required();
  verify->add_option("--header", words.verify.headers, "'Name: value'; again for each further one")->allow_extra_args(false);
  verify->callback([&] { chosen = [&] { return verify_here(words, output); }; });

  CLI::App* apps = app.add_subcommand("app", "Apps registered at providers, for many accounts")->require_subcommand(1);
  CLI::App* app_list = add(*apps, "list", "The tenant's apps",
                           [&](Control& control) { return list_apps(control, output, words.tenant, words.as_json); });
  app_list->add_option("--tenant", words.tenant, "Whose apps")->required();
  app_list->add_flag("--json", words.as_json, "As JSON");
  CLI::App* app_create = add(*apps, "create", "Register an app; prints its id", [&](Control& control) {
    return create_app_from(control, output, words.app, words.credentials_file);
  });
  app_create->add_option("--tenant", words.app.tenant, "Whose app")->required();
  app_create->add_option("--provider", words.app.provider, "The plugin's id")->required();
  app_create->add_option("--name", words.app.name, "A name for people");
  app_create->add_option("--credentials", words.credentials_file, "File with a JSON object: client_id, client_secret, webhook_secret; - reads stdin");
  app_create->add_flag("--shared", words.app.shared, "Integrations of other tenants may use it");
  app_create->add_flag("--allow-legacy", words.app.allow_legacy, "Accept signature schemes that the provider has replaced");
  CLI::App* app_remove = add(*apps, "remove", "Remove an app that no integration uses",
                             [&](Control& control) { return remove_app(control, output, words.tenant, words.id); });
  app_remove->add_option("id", words.id, "Its id")->required();
  app_remove->add_option("--tenant", words.tenant, "Whose app")->required();

  CLI::App* stores = app.add_subcommand("store", "What hosts keep their data in")->require_subcommand(1);
  CLI::App* copy = stores->add_subcommand("copy", "Copy a whole store into an empty database; the same command again goes on after an end in between");
  copy->add_option("--from", words.copy.from, "sqlite:FILE; its host must be stopped")->required();
  copy->add_option("--to", words.copy.to, "postgres://USER@HOST:PORT/DATABASE; a password is better in PGPASSWORD or ~/.pgpass")->required();
  copy->add_flag("--start-over", words.copy.start_over, "Remove what an unfinished copy wrote, and begin anew");
  copy->add_flag("--json", words.copy.as_json, "The report as JSON");
  copy->callback([&] { chosen = [&] { return copy_store(output, words.copy); }; });

  app.add_subcommand("version", "Print the version")->callback([&] {
    chosen = [&] {
      output.out << "tomada " TOMADA_VERSION "\n";
      return 0;
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // "A subcommand is required" does not say what is wrong with the word that stands there.
    if (const auto unknown = app.remaining(true); !unknown.empty()) {
      output.err << "tomada: unknown command: " << unknown.front() << "\nRun with --help for more information.\n";
      return k_usage_error;
    }
    return app.exit(error, output.out, output.err) == 0 ? 0 : k_usage_error;
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
