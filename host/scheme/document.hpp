// Reads the fields of a `webhook` object and keeps the first thing that is wrong, with its path. Private to scheme/.
#pragma once

#include "host/scheme/template.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::scheme {

/// "{config:field|default}" in every text of `document`, replaced. INVALID_DATA: a brace without its partner.
Result<void> fill_config(nlohmann::json& document, const nlohmann::json* config);

class Document {
 public:
  using json = nlohmann::json;

  void refuse(const std::string& path, const std::string& why) {
    if (!error_) error_ = path + ": " + why;
  }
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const std::string& error() const { return *error_; }

  void only(const json& from, const std::string& path, std::initializer_list<std::string_view> allowed);
  const json* find(const json& from, const std::string& name) const;
  const json* object(const json& from, const std::string& path, const std::string& name);
  /// At most `count_max`; nullptr when absent.
  const json* list(const json& from, const std::string& path, const std::string& name, std::size_t count_max);
  std::string text(const json& from, const std::string& path, const std::string& name, std::string fallback);
  std::string required_text(const json& from, const std::string& path, const std::string& name);
  bool flag(const json& from, const std::string& path, const std::string& name, bool fallback);
  /// Also written as a text, as it comes out of a config field.
  std::int64_t number(const json& from, const std::string& path, const std::string& name, std::int64_t fallback,
                      std::int64_t max);
  /// The value that the word stands for.
  template <class T>
  T choice(const json& from, const std::string& path, const std::string& name, std::string fallback,
           std::initializer_list<std::pair<std::string_view, T>> known) {
    const std::string word = text(from, path, name, std::move(fallback));
    std::string words;
    for (const auto& [one, value] : known) {
      if (one == word) return value;
      words += (words.empty() ? "" : ", ") + std::string(one);
    }
    refuse(path + "." + name, word.empty() ? "missing; must be one of: " + words : "must be one of: " + words);
    return known.begin()->second;
  }
  Template text_template(const json& from, const std::string& path, const std::string& name);

 private:
  std::optional<std::string> error_;
};

}  // namespace tomada::scheme
