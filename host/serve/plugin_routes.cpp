// GET /v1/plugins: what could be connected, and whether this tenant may.
#include "host/serve/routes.hpp"

#include "host/serve/input.hpp"

#include <algorithm>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;

ordered_json plugin_view(const plugin::Entry& entry, bool allowed) {
  const abi::Manifest& manifest = *entry.manifest;
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
  view["sha256"] = entry.sha256;
  view["config_schema"] = manifest.config_schema;
  view["credentials_schema"] = manifest.credentials_schema;
  return view;
}

}  // namespace

void add_plugin_routes(Router& router, const Parts& parts) {
  router.add("GET", "/v1/plugins", Access::viewer, [parts](runtime::Task& task, const Call& call) -> Answer {
    TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {}));
    TOMADA_TRY_ASSIGN(const auto allowed, parts.store.tenants().allowed_plugins(task, call.principal.tenant_id));
    auto plugins = ordered_json::array();
    for (const plugin::Entry& entry : parts.registry.entries()) {
      if (!entry.refusals.empty() || !entry.manifest) continue;
      const bool is_allowed = std::any_of(allowed.begin(), allowed.end(),
                                          [&](const store::AllowedPlugin& one) { return one.plugin_id == entry.plugin_id; });
      plugins.push_back(plugin_view(entry, is_allowed));
    }
    return json_answer(200, {{"plugins", std::move(plugins)}});
  });
}

}  // namespace tomada::serve
