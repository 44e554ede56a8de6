// Reads the settings: defaults, then the file, then the environment, then the command line; the last one wins.
#pragma once

#include "host/base/result.hpp"
#include "host/settings/settings.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::settings {

/// Where settings come from. Tests give their own environment.
struct Sources {
  std::filesystem::path config_file;  // empty: the environment's TOMADA_CONFIG, or none
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> command_line;  // key path, text
};

struct Loaded {
  Settings settings;
  std::vector<std::string> warnings;  // TOMADA_… variables that no key knows
};

/// The variables of this process that begin with TOMADA_, and the few that the defaults look at.
std::vector<std::pair<std::string, std::string>> process_environment();

/// INVALID_CONFIG: an unknown key, a wrong type or a value out of range; names key, file and line (or the variable, or
/// the option), what is expected and the nearest known key. NOT_FOUND: the file is not there.
Result<Loaded> load(const Sources& sources);

struct ListenAddress {
  std::string host;  // an IP address
  std::uint16_t port{};
};
/// "127.0.0.1:7070", "[::1]:7070", "localhost:0". INVALID_CONFIG otherwise.
Result<ListenAddress> parse_listen(std::string_view text);

}  // namespace tomada::settings
