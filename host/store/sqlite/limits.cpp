#include "host/store/limits.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

void add_use(Connection& connection, std::int64_t config_no, const RateUse& use) {
  connection.run("INSERT INTO rate_limit_tracking (config_no, time_window_ms, window_type, request_count, quota_limit,"
                 " quota_remaining, quota_reset_at_ms, last_request_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                 " ON CONFLICT (config_no, time_window_ms, window_type) DO UPDATE SET"
                 " request_count = request_count + excluded.request_count, quota_limit = excluded.quota_limit,"
                 " quota_remaining = excluded.quota_remaining, quota_reset_at_ms = excluded.quota_reset_at_ms,"
                 " last_request_at_ms = max(last_request_at_ms, excluded.last_request_at_ms)",
                 config_no, use.window_start_ms, use.window_type, use.request_count, use.quota_limit, use.quota_remaining,
                 use.quota_reset_at_ms, use.last_request_at_ms);
}

class SqliteLimits final : public Limits {
 public:
  explicit SqliteLimits(Database& database) : database_(database) {}

  Result<void> save(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                    std::span<const RateUse> uses, std::string_view learned_json, std::int64_t now_ms) override {
    TOMADA_TRY(check_uses(uses, learned_json));
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      for (const RateUse& use : uses) add_use(connection, config_no, use);
      if (!learned_json.empty())
        connection.run("INSERT OR REPLACE INTO rate_limit_learned (config_no, learned_json, updated_at_ms) VALUES (?1, ?2, ?3)",
                       config_no, learned_json, now_ms);
      for (const RateWindow& window : k_rate_windows)
        connection.run("DELETE FROM rate_limit_tracking WHERE config_no = ?1 AND time_window_ms < ?2 AND window_type = ?3",
                       config_no, now_ms - window.kept_ms, window.type);
      return {};
    });
  }

  Result<RateState> load(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<RateState> {
      RateState state;
      auto query = connection.prepare(
          "SELECT t.window_type, t.time_window_ms, t.request_count, t.quota_limit, t.quota_remaining, t.quota_reset_at_ms,"
          " t.last_request_at_ms FROM api_configurations c JOIN rate_limit_tracking t ON t.config_no = c.config_no"
          " WHERE c.tenant_id = ?1 AND c.config_id = ?2 ORDER BY t.window_type, t.time_window_ms");
      query.bind(tenant_id, config_id);
      while (query.step())
        state.uses.push_back({.window_type = query.text(0),
                              .window_start_ms = query.integer(1),
                              .request_count = query.integer(2),
                              .quota_limit = query.integer(3),
                              .quota_remaining = query.optional_integer(4),
                              .quota_reset_at_ms = query.optional_integer(5),
                              .last_request_at_ms = query.integer(6)});
      auto learned = connection.prepare(
          "SELECT l.learned_json FROM api_configurations c JOIN rate_limit_learned l ON l.config_no = c.config_no"
          " WHERE c.tenant_id = ?1 AND c.config_id = ?2");
      if (learned.first(tenant_id, config_id)) state.learned_json = learned.text(0);
      return state;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Limits> make_limits(Database& database) { return std::make_unique<SqliteLimits>(database); }

}  // namespace tomada::store::sqlite
