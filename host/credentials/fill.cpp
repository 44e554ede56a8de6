#include "host/credentials/fill.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tomada::credentials {

std::optional<Secret> Fields::find(std::string_view name) const {
  if (const auto found = credentials.find(name); found != credentials.end() && !found->second.empty())
    return found->second;
  if (!config.is_object()) return std::nullopt;
  const auto found = config.find(name);
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    if (text.empty()) return std::nullopt;
    return Secret(std::string_view(text));
  }
  if (found->is_number() || found->is_boolean()) return Secret(found->dump());
  return std::nullopt;
}

Secret fill(std::string_view text, const Fields& fields, std::vector<std::string>& missing) {
  struct Piece {
    std::string_view literal;
    std::optional<Secret> value;
  };
  std::vector<Piece> pieces;
  std::size_t bytes = 0;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    Piece piece;
    piece.literal = text.substr(0, close == std::string_view::npos ? text.size() : open);
    bytes += piece.literal.size();
    if (close == std::string_view::npos) {
      text = {};
    } else {
      const auto name = text.substr(open + 1, close - open - 1);
      piece.value = fields.find(name);
      if (piece.value) bytes += piece.value->expose_secret().size();
      else if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.emplace_back(name);
      text.remove_prefix(close + 1);
    }
    pieces.push_back(std::move(piece));
  }
  std::string result;
  result.reserve(bytes);  // a string that grows leaves copies behind
  for (const auto& piece : pieces) {
    result += piece.literal;
    if (piece.value) result += piece.value->expose_secret();
  }
  return Secret(std::move(result));
}

}  // namespace tomada::credentials
