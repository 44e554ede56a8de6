#include "host/abi/manifest_limits.hpp"

#include <chrono>

namespace tomada::abi {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_amount_max = 1'000'000'000;
constexpr std::uint64_t k_length_seconds_max = 31 * 24 * 3'600;
constexpr std::size_t k_rules_max = 64;
constexpr std::size_t k_text_bytes_max = 256;

class LimitsReader {
 public:
  explicit LimitsReader(Reader& reader) : reader_(reader) {}

  Limits read(const json& section) {
    Limits limits;
    reader_.only(section, "limits", {"windows", "buckets", "concurrency_max", "pools", "costs", "throttled", "graphql_cost"});
    read_pool(section, "limits", limits.pools.front());
    each(section, "limits", "pools", k_pools_max - 1, [&](const json& given, const std::string& at) {
      reader_.only(given, at, {"name", "method", "path", "windows", "buckets", "concurrency_max"});
      PoolLimits pool;
      pool.name = reader_.text(given, at, "name", true);
      read_rule(given, at, pool.method, pool.path);
      read_pool(given, at, pool);
      limits.pools.push_back(std::move(pool));
    });
    each(section, "limits", "costs", k_rules_max, [&](const json& given, const std::string& at) {
      reader_.only(given, at, {"method", "path", "cost"});
      CostRule rule;
      read_rule(given, at, rule.method, rule.path);
      rule.cost = decimal(given, at, "cost");
      limits.costs.push_back(std::move(rule));
    });
    each(section, "limits", "throttled", k_rules_max, [&](const json& given, const std::string& at) {
      reader_.only(given, at, {"status", "contains"});
      ThrottledRule rule;
      rule.status = static_cast<int>(reader_.number(given, at, "status", 200, 599, true));
      rule.contains = reader_.text(given, at, "contains", true);
      limits.throttled.push_back(std::move(rule));
    });
    if (section.contains("graphql_cost")) {
      if (section.at("graphql_cost").is_boolean()) limits.graphql_cost = section.at("graphql_cost").get<bool>();
      else reader_.refuse("limits.graphql_cost", "must be true or false");
    }
    return limits;
  }

 private:
  template <class F>
  void each(const json& from, const std::string& path, const std::string& field, std::size_t count_max, F fn) {
    const json* const list = reader_.list(from, path, field, false);
    if (list == nullptr) return;
    const std::string name = path + "." + field;
    if (list->size() > count_max) return reader_.refuse(name, "has more than " + std::to_string(count_max) + " entries");
    for (std::size_t i = 0; i < list->size() && !reader_.failed(); ++i) {
      const std::string at = name + "[" + std::to_string(i) + "]";
      if (const json* const given = reader_.element(*list, i, at)) fn(*given, at);
    }
  }

  void read_pool(const json& given, const std::string& path, PoolLimits& pool) {
    each(given, path, "windows", k_windows_max, [&](const json& window, const std::string& at) {
      reader_.only(window, at, {"name", "amount", "length_seconds"});
      WindowLimit limit;
      limit.name = reader_.text(window, at, "name", true);
      limit.amount = static_cast<double>(reader_.number(window, at, "amount", 1, k_amount_max, true));
      limit.length = std::chrono::seconds(reader_.number(window, at, "length_seconds", 1, k_length_seconds_max, true));
      limit.is_default = true;
      pool.windows.push_back(std::move(limit));
    });
    each(given, path, "buckets", k_windows_max, [&](const json& bucket, const std::string& at) {
      reader_.only(bucket, at, {"name", "capacity", "restore_per_second"});
      BucketLimit limit;
      limit.name = reader_.text(bucket, at, "name", true);
      limit.capacity = static_cast<double>(reader_.number(bucket, at, "capacity", 1, k_amount_max, true));
      limit.restore_per_second = decimal(bucket, at, "restore_per_second");
      pool.buckets.push_back(std::move(limit));
    });
    pool.concurrency_max = reader_.number(given, path, "concurrency_max", 1, 10'000, false);
  }

  /// The requests that a pool or a cost is for: some of them, or it would be for all.
  void read_rule(const json& given, const std::string& at, std::string& method, std::string& path) {
    method = reader_.text(given, at, "method", false);
    path = reader_.text(given, at, "path", false);
    if (method.empty() && path.empty()) reader_.refuse(at, "must have a method, a path or both");
    if (!path.empty() && path.front() != '/' && path.front() != '*') reader_.refuse(at + ".path", "must begin with / or *");
    if (path.size() > k_text_bytes_max) reader_.refuse(at + ".path", "has more than 256 bytes");
  }

  double decimal(const json& from, const std::string& path, const std::string& field) {
    if (!from.contains(field) || !from.at(field).is_number()) {
      reader_.refuse(path + "." + field, "must be a number above 0");
      return 1;
    }
    const double value = from.at(field).get<double>();
    if (!(value > 0) || value > static_cast<double>(k_amount_max)) reader_.refuse(path + "." + field, "must be a number above 0");
    return value;
  }

  Reader& reader_;
};

}  // namespace

Limits read_limits(Reader& reader, const json& document) {
  const json* const section = reader.object(document, "", "limits", false);
  return section == nullptr ? Limits{} : LimitsReader(reader).read(*section);
}

}  // namespace tomada::abi
