// The table of all keys: it drives the file, the environment, the command line and the test of config/tomada.toml.
#pragma once

#include "host/settings/settings.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tomada::settings {

struct Key {
  using Text = std::string& (*)(Settings&);
  using Number = std::int64_t& (*)(Settings&);
  using List = std::vector<std::string>& (*)(Settings&);

  std::string_view path;  // "http.connections_max"
  std::variant<Text, Number, List> field;
  std::int64_t min{0};
  std::int64_t max{std::numeric_limits<std::int64_t>::max()};
  std::string_view choices{};  // "a|b|c": a text must be one of them
};

std::span<const Key> keys();
const Key* find_key(std::string_view path);

/// "http.connections_max" -> "TOMADA_HTTP_CONNECTIONS_MAX".
std::string environment_name(std::string_view path);
/// What the key is when nobody sets it, as TOML: `"info"`, `1000`, `[]`.
std::string default_text(const Key& key);
/// "a whole number from 1 to 64", "one of: text, json": for error texts.
std::string expectation(const Key& key);
/// The known word with the smallest edit distance; empty when none is near.
std::string nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace tomada::settings
