#include "host/plugin/version_order.hpp"

#include <algorithm>
#include <string>

namespace tomada::plugin {
namespace {

/// Up to the first `end`; `rest` goes on behind it.
std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = std::min(rest.find(end), rest.size());
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return taken;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int sign_of(int value) { return value < 0 ? -1 : value > 0 ? 1 : 0; }

/// Of any length: the longer one is larger, once zeros in front are gone.
int compare_numbers(std::string_view left, std::string_view right) {
  left.remove_prefix(std::min(left.find_first_not_of('0'), left.size()));
  right.remove_prefix(std::min(right.find_first_not_of('0'), right.size()));
  if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
  return sign_of(left.compare(right));
}

int compare_identifiers(std::string_view left, std::string_view right) {
  const bool left_counts = is_number(left);
  const bool right_counts = is_number(right);
  if (left_counts && right_counts) return compare_numbers(left, right);
  if (left_counts != right_counts) return left_counts ? -1 : 1;
  return sign_of(left.compare(right));
}

int compare_lists(std::string_view left, std::string_view right) {
  while (!left.empty() && !right.empty())
    if (const int order = compare_identifiers(take_until(left, '.'), take_until(right, '.')); order != 0) return order;
  if (left.empty() == right.empty()) return 0;
  return left.empty() ? -1 : 1;
}

}  // namespace

int compare_versions(std::string_view left, std::string_view right) {
  left = take_until(left, '+');
  right = take_until(right, '+');
  const std::string_view left_core = take_until(left, '-');
  const std::string_view right_core = take_until(right, '-');
  if (const int order = compare_lists(left_core, right_core); order != 0) return order;
  // A version without a pre-release part is the newer one.
  if (left.empty() != right.empty()) return left.empty() ? 1 : -1;
  return compare_lists(left, right);
}

}  // namespace tomada::plugin
