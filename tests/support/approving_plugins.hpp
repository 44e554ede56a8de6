// A store of plugins' facts that allows the tenants it is made with every plugin, with whatever is asked for.
#pragma once

#include "host/plugin/registry.hpp"
#include "tests/support/store_fixture.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tomada::plugin {

class ApprovingPlugins final : public store::Plugins {
 public:
  explicit ApprovingPlugins(std::vector<std::pair<std::string, std::string>> plugins_and_tenants) {
    for (const auto& [plugin, tenant] : plugins_and_tenants)
      state_.approvals.push_back({.plugin_id = plugin, .tenant_id = tenant, .capabilities = "", .approved_by = "", .approved_at_ms = 0});
    std::sort(state_.approvals.begin(), state_.approvals.end(), [](const auto& left, const auto& right) { return left.plugin_id < right.plugin_id; });
  }
  Result<store::PluginState> all(runtime::Task&) override { return state_; }
  Result<void> add_version(runtime::Task&, const store::PluginVersion&) override { return {}; }
  Result<void> remove_version(runtime::Task&, std::string_view, std::string_view) override { return {}; }
  Result<void> choose(runtime::Task&, std::string_view, std::string_view, std::int64_t) override { return {}; }
  Result<void> pin(runtime::Task&, const store::PluginPin&) override { return {}; }
  Result<void> unpin(runtime::Task&, std::string_view, std::string_view) override { return {}; }
  Result<void> approve(runtime::Task&, const store::PluginApproval&) override { return {}; }
  Result<std::int64_t> adopt(runtime::Task&, const store::PluginApproval& approval) override {
    std::int64_t count = 0;
    for (auto& one : state_.approvals) {
      if (one.plugin_id != approval.plugin_id || !one.capabilities.empty()) continue;
      one.capabilities = approval.capabilities;
      ++count;
    }
    return count;
  }
  Result<void> quarantine(runtime::Task&, const store::PluginQuarantine&) override { return {}; }
  Result<void> release(runtime::Task&, std::string_view) override { return fail(Errc::not_found, "not in quarantine"); }

 private:
  store::PluginState state_;
};

}  // namespace tomada::plugin
