#include "host/abi/limits.hpp"

namespace tomada::abi {
namespace {

bool applies(std::string_view rule_method, std::string_view rule_path, std::string_view method, std::string_view path) {
  return (rule_method.empty() || rule_method == method) && (rule_path.empty() || matches(rule_path, path));
}

}  // namespace

std::size_t Limits::pool_of(std::string_view method, std::string_view path) const {
  for (std::size_t i = 1; i < pools.size(); ++i)
    if (applies(pools[i].method, pools[i].path, method, path)) return i;
  return 0;
}

double Limits::cost_of(std::string_view method, std::string_view path) const {
  for (const CostRule& rule : costs)
    if (applies(rule.method, rule.path, method, path)) return rule.cost;
  return 1;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace tomada::abi
