#include "host/store/limits.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace tomada::store::postgres {
namespace {

/// One statement may touch a row once; in the order of the key, so that two writers lock in the same order.
std::vector<RateUse> one_for_each_window(std::span<const RateUse> uses) {
  std::map<std::pair<std::int64_t, std::string_view>, RateUse> windows;
  for (const RateUse& use : uses) {
    const auto [place, is_first] = windows.try_emplace({use.window_start_ms, use.window_type}, use);
    if (is_first) continue;
    const RateUse before = std::exchange(place->second, use);
    place->second.request_count += before.request_count;
    place->second.last_request_at_ms = std::max(before.last_request_at_ms, use.last_request_at_ms);
  }
  std::vector<RateUse> merged;
  merged.reserve(windows.size());
  for (auto& [key, use] : windows) merged.push_back(std::move(use));
  return merged;
}

void add_uses(Connection& connection, std::string_view tenant_id, std::string_view config_id,
              std::span<const RateUse> given) {
  if (given.empty()) return;
  const std::vector<RateUse> uses = one_for_each_window(given);
  connection.run(
      "INSERT INTO integrations.rate_limit_tracking AS t (tenant_id, config_id, window_type, time_window, request_count,"
      " quota_limit, quota_remaining, quota_reset_at, last_request_at)"
      " SELECT $1::uuid, $2::uuid, g.type, integrations.at(g.start), g.count, g.quota, g.remaining, integrations.at(g.reset),"
      " integrations.at(g.last) FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],"
      " $9::bigint[]) AS g (type, start, count, quota, remaining, reset, last)"
      " ON CONFLICT (config_id, time_window, window_type) DO UPDATE SET"
      " request_count = coalesce(t.request_count, 0) + excluded.request_count, quota_limit = excluded.quota_limit,"
      " quota_remaining = excluded.quota_remaining, quota_reset_at = excluded.quota_reset_at,"
      " last_request_at = greatest(t.last_request_at, excluded.last_request_at)",
      tenant_id, config_id, array_of(uses, [](const RateUse& use) { return use.window_type; }),
      array_of(uses, [](const RateUse& use) { return use.window_start_ms; }),
      array_of(uses, [](const RateUse& use) { return use.request_count; }),
      array_of(uses, [](const RateUse& use) { return use.quota_limit; }),
      array_of(uses, [](const RateUse& use) { return use.quota_remaining; }),
      array_of(uses, [](const RateUse& use) { return use.quota_reset_at_ms; }),
      array_of(uses, [](const RateUse& use) { return use.last_request_at_ms; }));
}

void remove_old(Connection& connection, std::string_view tenant_id, std::string_view config_id, std::int64_t now_ms) {
  connection.run("DELETE FROM integrations.rate_limit_tracking t USING unnest($3::text[], $4::bigint[]) AS w (type, first)"
                 " WHERE t.tenant_id = $1 AND t.config_id = $2 AND t.window_type = w.type"
                 " AND t.time_window < integrations.at(w.first)",
                 tenant_id, config_id, array_of(k_rate_windows, [](const RateWindow& window) { return window.type; }),
                 array_of(k_rate_windows, [&](const RateWindow& window) { return now_ms - window.kept_ms; }));
}

class PostgresLimits final : public Limits {
 public:
  explicit PostgresLimits(Database& database) : database_(database) {}

  Result<void> save(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                    std::span<const RateUse> uses, std::string_view learned_json, std::int64_t now_ms) override {
    TOMADA_TRY(check_uses(uses, learned_json));
    return database_.write(task, tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_integration(connection, tenant_id, config_id));
      add_uses(connection, tenant_id, config_id, uses);
      if (!learned_json.empty())
        connection.run("INSERT INTO integrations.rate_limit_learned (config_id, tenant_id, learned_json, updated_at_ms)"
                       " VALUES ($1, $2, $3, $4) ON CONFLICT (config_id) DO UPDATE SET learned_json = excluded.learned_json,"
                       " updated_at_ms = excluded.updated_at_ms",
                       config_id, tenant_id, learned_json, now_ms);
      remove_old(connection, tenant_id, config_id, now_ms);
      return {};
    });
  }

  Result<RateState> load(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<RateState> {
      RateState state;
      for (const Row row : connection.query(
               "SELECT window_type, integrations.ms(time_window), request_count, quota_limit, quota_remaining,"
               " integrations.ms(quota_reset_at), integrations.ms(last_request_at) FROM integrations.rate_limit_tracking"
               " WHERE tenant_id = $1 AND config_id = $2 ORDER BY window_type COLLATE \"C\", time_window",
               tenant_id, config_id))
        state.uses.push_back({.window_type = row.text(0),
                              .window_start_ms = row.integer(1),
                              .request_count = row.integer(2),
                              .quota_limit = row.integer(3),
                              .quota_remaining = row.optional_integer(4),
                              .quota_reset_at_ms = row.optional_integer(5),
                              .last_request_at_ms = row.integer(6)});
      const Rows learned = connection.query(
          "SELECT learned_json FROM integrations.rate_limit_learned WHERE tenant_id = $1 AND config_id = $2", tenant_id,
          config_id);
      if (!learned.empty()) state.learned_json = learned.front().text(0);
      return state;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Limits> make_limits(Database& database) { return std::make_unique<PostgresLimits>(database); }

}  // namespace tomada::store::postgres
