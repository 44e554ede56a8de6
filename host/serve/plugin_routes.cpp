// GET /v1/plugins: what could be connected, and whether this tenant may.
#include "host/serve/routes.hpp"

#include "host/base/encoding.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/plugin_view.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;

/// As the tenant sees it: the manifest is that of the version which its calls use.
ordered_json plugin_view(const plugin::Release& release, const plugin::Versions& versions, std::string_view tenant_id, bool allowed) {
  const abi::Manifest& manifest = *release.manifest;
  auto entities = ordered_json::array();
  for (const abi::Entity& entity : manifest.entities) {
    auto modes = ordered_json::array();
    if (entity.full) modes.push_back("full");
    if (entity.incremental) modes.push_back("incremental");
    entities.push_back({{"name", entity.name}, {"modes", std::move(modes)}, {"description", entity.description}});
  }
  ordered_json view;
  view["id"] = manifest.id;
  view["name"] = manifest.name;
  view["version"] = manifest.version;
  view["publisher"] = manifest.publisher;
  view["support_level"] = manifest.support_level;
  view["allowed"] = allowed;
  view["entities"] = std::move(entities);
  view["sha256"] = release.sha256;
  view["config_schema"] = manifest.config_schema;
  view["credentials_schema"] = manifest.credentials_schema;
  view["versions"] = versions_view(versions);
  const auto pin = versions.pins.find(tenant_id);
  view["pinned"] = pin == versions.pins.end() ? ordered_json(nullptr) : ordered_json(pin->second.version);
  view["quarantine"] = quarantine_view(versions.quarantine);
  view["capabilities"] = capabilities_view(plugin::asked_by(manifest));
  view["waiting"] = waiting_view(versions, tenant_id);
  return view;
}

}  // namespace

ordered_json quarantine_view(const std::optional<store::PluginQuarantine>& quarantine) {
  if (!quarantine) return nullptr;
  return {{"version", quarantine->version},
          {"reason", quarantine->reason},
          {"signal", quarantine->signal != 0 ? ordered_json(quarantine->signal) : ordered_json(nullptr)},
          {"last_service", text_or_null(quarantine->last_service)},
          {"since", format_time(quarantine->since_ms)}};
}

ordered_json signature_view(const std::optional<plugin::Signer>& signer) {
  if (!signer) return nullptr;
  return {{"key", signer->fingerprint}, {"trusted_as", text_or_null(signer->name)}};
}

ordered_json capabilities_view(const plugin::Capabilities& capabilities) {
  return {{"hosts", capabilities.hosts}, {"secrets", capabilities.secrets}, {"storage", capabilities.storage}};
}

ordered_json waiting_view(const plugin::Versions& versions, std::string_view tenant_id) {
  const auto meant = versions.meant_for(tenant_id);
  if (!meant || !versions.approvals.contains(tenant_id)) return nullptr;
  const auto more = versions.missing(*meant, tenant_id);
  if (!more) return nullptr;
  const auto used = versions.used_by(tenant_id);
  return {{"version", meant->version},
          {"capabilities", capabilities_view(*more)},
          {"asks_for_more", plugin::words(*more)},
          {"uses", used == meant ? ordered_json(nullptr) : ordered_json(used->version)}};
}

ordered_json versions_view(const plugin::Versions& versions) {
  auto views = ordered_json::array();
  for (const auto& one : versions.all) {
    ordered_json view;
    view["version"] = one.release->version;
    view["sha256"] = one.release->sha256;
    view["signature"] = signature_view(one.signer);
    view["installed_at"] = one.installed_at_ms > 0 ? ordered_json(format_time(one.installed_at_ms)) : ordered_json(nullptr);
    view["current"] = one.release == versions.current;
    view["previous"] = one.release == versions.previous;
    views.push_back(std::move(view));
  }
  return views;
}

void add_plugin_routes(Router& router, const Parts& parts) {
  router.add("GET", "/v1/plugins", Access::viewer, [parts](runtime::Task& task, const Call& call) -> Answer {
    TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {}));
    TOMADA_TRY_ASSIGN(const auto allowed, parts.store.tenants().allowed_plugins(task, call.principal.tenant_id));
    auto plugins = ordered_json::array();
    const auto known = parts.registry.snapshot();
    for (const auto& [id, versions] : known->plugins) {
      const bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                          [&plugin_id = id](const store::AllowedPlugin& one) { return one.plugin_id == plugin_id; });
      const auto used = versions.used_by(call.principal.tenant_id);
      plugins.push_back(plugin_view(used ? *used : *versions.current, versions, call.principal.tenant_id, is_allowed));
    }
    return json_answer(200, {{"plugins", std::move(plugins)}});
  });
}

}  // namespace tomada::serve
