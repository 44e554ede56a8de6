// What is declared about a provider's limits, by its manifest, the operator or the integration.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::abi {

inline constexpr std::size_t k_pools_max = 64;
inline constexpr std::size_t k_windows_max = 8;  // of one pool

struct WindowLimit {
  std::string name;
  double amount{};
  std::chrono::nanoseconds length{};
  /// A manifest's: what an answer tells for the same length takes its place.
  bool is_default{false};
  friend bool operator==(const WindowLimit&, const WindowLimit&) = default;
};

struct BucketLimit {
  std::string name;
  double capacity{};
  double restore_per_second{};
  friend bool operator==(const BucketLimit&, const BucketLimit&) = default;
};

/// Requests that share limits. The first pool of an account has all its requests; each other one those of some paths, which
/// count in both.
struct PoolLimits {
  std::string name;
  std::string method;  // empty: any
  std::string path;    // exact, or with * for any text; empty: any
  std::vector<WindowLimit> windows;
  std::vector<BucketLimit> buckets;
  std::size_t concurrency_max{0};  // 0: no limit
  friend bool operator==(const PoolLimits&, const PoolLimits&) = default;
};

struct CostRule {
  std::string method;
  std::string path;
  double cost{1};
  friend bool operator==(const CostRule&, const CostRule&) = default;
};

/// An answer that is a refusal although its status is not 429: the body's first 16 KiB have the text.
struct ThrottledRule {
  int status{};
  std::string contains;
  friend bool operator==(const ThrottledRule&, const ThrottledRule&) = default;
};

struct Limits {
  std::vector<PoolLimits> pools{PoolLimits{.name = "account"}};  // never empty
  std::vector<CostRule> costs;  // the first that matches; else 1
  std::vector<ThrottledRule> throttled;
  bool graphql_cost{false};  // answers end with extensions.cost in Shopify's form
  friend bool operator==(const Limits&, const Limits&) = default;

  /// 0 when no other pool has the request.
  [[nodiscard]] std::size_t pool_of(std::string_view method, std::string_view path) const;
  [[nodiscard]] double cost_of(std::string_view method, std::string_view path) const;
};

/// `pattern` may have several *, each for any text, also none.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace tomada::abi
