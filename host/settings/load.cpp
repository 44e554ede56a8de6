#include "host/settings/load.hpp"

#include "host/base/this_program.hpp"
#include "host/settings/keys.hpp"

#include <arpa/inet.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <type_traits>

extern char** environ;

namespace tomada::settings {
namespace {

constexpr std::uintmax_t k_config_bytes_max = 1024 * 1024;
constexpr std::string_view k_prefix = "TOMADA_";
constexpr std::string_view k_config_variable = "TOMADA_CONFIG";
constexpr std::string_view k_store_variable = "TOMADA_STORE";  // short for the next
constexpr std::string_view k_store_url_variable = "TOMADA_STORE_URL";

std::vector<std::string_view> known_paths() {
  std::vector<std::string_view> paths;
  for (const Key& key : keys()) paths.push_back(key.path);
  return paths;
}

Error refuse(std::string_view where, std::string_view path, const std::string& expected, const std::string& given) {
  return fail(Errc::invalid_config, std::string(where) + ": " + std::string(path) + " must be " + expected + ", not " + given);
}

Result<void> check_text(const Key& key, const std::string& value, std::string_view where) {
  if (!key.choices.empty()) {
    const std::string framed = "|" + std::string(key.choices) + "|";
    if (value.empty() || framed.find("|" + value + "|") == std::string::npos)
      return refuse(where, key.path, expectation(key), '"' + value + '"');
  }
  if (key.path == "listen")
    if (auto address = parse_listen(value); address.has_error()) return std::move(address).error().within(where);
  return {};
}

Result<void> check_number(const Key& key, std::int64_t value, std::string_view where) {
  if (value < key.min || value > key.max) return refuse(where, key.path, expectation(key), std::to_string(value));
  return {};
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

/// A value of the environment or the command line, which are only text.
Result<void> set_from_text(Settings& settings, const Key& key, const std::string& value, std::string_view where) {
  if (const auto* text = std::get_if<Key::Text>(&key.field)) {
    TOMADA_TRY(check_text(key, value, where));
    (*text)(settings) = value;
  } else if (const auto* list = std::get_if<Key::List>(&key.field)) {
    (*list)(settings) = split_list(value);
  } else {
    std::int64_t number{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || value.empty())
      return refuse(where, key.path, expectation(key), '"' + value + '"');
    TOMADA_TRY(check_number(key, number, where));
    std::get<Key::Number>(key.field)(settings) = number;
  }
  return {};
}

std::string place(const std::filesystem::path& file, const toml::node& node) {
  return file.string() + ":" + std::to_string(node.source().begin.line);
}

std::string type_name(const toml::node& node) {
  std::ostringstream out;
  out << "a value of type " << node.type();
  return out.str();
}

Result<void> set_from_node(Settings& settings, const Key& key, const toml::node& node, const std::string& where) {
  if (const auto* text = std::get_if<Key::Text>(&key.field)) {
    const auto* value = node.as_string();
    if (value == nullptr) return refuse(where, key.path, expectation(key), type_name(node));
    TOMADA_TRY(check_text(key, value->get(), where));
    (*text)(settings) = value->get();
  } else if (const auto* number = std::get_if<Key::Number>(&key.field)) {
    const auto* value = node.as_integer();
    if (value == nullptr) return refuse(where, key.path, expectation(key), type_name(node));
    TOMADA_TRY(check_number(key, value->get(), where));
    (*number)(settings) = value->get();
  } else {
    const auto* array = node.as_array();
    if (array == nullptr) return refuse(where, key.path, expectation(key), type_name(node));
    std::vector<std::string> items;
    for (const toml::node& item : *array) {
      const auto* value = item.as_string();
      if (value == nullptr) return refuse(where, key.path, expectation(key), "a list with " + type_name(item));
      items.push_back(value->get());
    }
    std::get<Key::List>(key.field)(settings) = std::move(items);
  }
  return {};
}

bool is_section(std::string_view path) {
  const std::string prefix = std::string(path) + ".";
  return std::any_of(keys().begin(), keys().end(), [&](const Key& key) { return key.path.starts_with(prefix); });
}

Result<void> read_table(Settings& settings, const std::filesystem::path& file, const toml::table& table,
                        const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string path = prefix + std::string(name.str());
    if (const Key* key = find_key(path)) {
      TOMADA_TRY(set_from_node(settings, *key, node, place(file, node)));
      continue;
    }
    if (const toml::table* inner = node.as_table(); inner != nullptr && is_section(path)) {
      TOMADA_TRY(read_table(settings, file, *inner, path + "."));
      continue;
    }
    std::string message = place(file, node) + ": unknown key " + path;
    if (const std::string near = nearest(path, known_paths()); !near.empty()) message += "; did you mean " + near + "?";
    return fail(Errc::invalid_config, message);
  }
  return {};
}

Result<void> read_file(Settings& settings, const std::filesystem::path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed)
    return fail(Errc::not_found, "the configuration file " + file.string() + " cannot be read: " + failed.message());
  if (size > k_config_bytes_max)
    return fail(Errc::invalid_config, "the configuration file " + file.string() + " is larger than 1 MiB");
  try {
    const toml::table table = toml::parse_file(file.string());
    return read_table(settings, file, table, "");
  } catch (const toml::parse_error& error) {
    return fail(Errc::invalid_config, file.string() + ":" + std::to_string(error.source().begin.line) + ": " +
                                          std::string(error.description()));
  }
}

std::string variable(const Sources& sources, std::string_view name) {
  for (const auto& [key, value] : sources.environment)
    if (key == name) return value;
  return {};
}

Result<void> read_environment(Loaded& loaded, const Sources& sources) {
  std::vector<std::string> names;
  for (const Key& key : keys()) names.push_back(environment_name(key.path));
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with(k_prefix) || name == k_config_variable) continue;
    const auto found = std::find(names.begin(), names.end(), name == k_store_variable ? k_store_url_variable : name);
    if (found != names.end()) {
      const auto index = static_cast<std::size_t>(found - names.begin());
      TOMADA_TRY(set_from_text(loaded.settings, keys()[index], value, name));
      continue;
    }
    // Other programs may use the prefix, so this is not an error.
    std::string warning = "the variable " + name + " is not a setting of Tomada";
    if (const std::string near = nearest(name, views); !near.empty()) warning += "; did you mean " + near + "?";
    loaded.warnings.push_back(std::move(warning));
  }
  return {};
}

std::filesystem::path default_data_dir(const Sources& sources) {
  if (geteuid() == 0) return "/var/lib/tomada";
  if (const std::string state = variable(sources, "XDG_STATE_HOME"); !state.empty())
    return std::filesystem::path(state) / "tomada";
  const std::string home = variable(sources, "HOME");
  return std::filesystem::path(home.empty() ? "." : home) / ".local/state/tomada";
}

std::filesystem::path default_plugin_dir() {
  std::error_code failed;
  if (const auto program = this_program(); !program.empty()) {
    for (const char* const place : {"../plugins", "../lib/tomada/plugins"})  // a build directory; any prefix of an installation
      if (const auto dir = (program.parent_path() / place).lexically_normal(); std::filesystem::is_directory(dir, failed)) return dir;
  }
  return "/usr/lib/tomada/plugins";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    if (name.starts_with(k_prefix) || name == "HOME" || name == "XDG_STATE_HOME")
      variables.emplace_back(name, text.substr(equals + 1));
  }
  return variables;
}

Result<Loaded> load(const Sources& sources) {
  Loaded loaded;
  std::filesystem::path file = sources.config_file;
  if (file.empty()) file = variable(sources, k_config_variable);
  if (!file.empty()) TOMADA_TRY(read_file(loaded.settings, file));
  TOMADA_TRY(read_environment(loaded, sources));
  for (const auto& [path, value] : sources.command_line) {
    const Key* key = find_key(path);
    if (key == nullptr) return fail(Errc::invalid_config, "command line: unknown key " + path);
    TOMADA_TRY(set_from_text(loaded.settings, *key, value, "command line"));
  }
  Settings& settings = loaded.settings;
  if (settings.data_dir.empty()) settings.data_dir = default_data_dir(sources).string();
  if (settings.plugin_dir.empty()) settings.plugin_dir = default_plugin_dir().string();
  if (settings.plugins.trusted_keys_dir.empty())
    settings.plugins.trusted_keys_dir = (std::filesystem::path(settings.data_dir) / "trusted_keys").string();
  return loaded;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto refused = [&] {
    return fail(Errc::invalid_config, "listen must be an address and a port such as 127.0.0.1:7070 or [::1]:7070, not \"" +
                                          std::string(text) + "\"");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused();
  ListenAddress address{.host = std::string(text.substr(0, colon))};
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || port.empty()) return refused();
  if (address.host == "localhost") address.host = "127.0.0.1";
  unsigned char bytes[sizeof(in6_addr)];
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (inet_pton(AF_INET6, address.host.c_str(), bytes) != 1) return refused();
  } else if (inet_pton(AF_INET, address.host.c_str(), bytes) != 1) {
    return refused();
  }
  return address;
}

}  // namespace tomada::settings
