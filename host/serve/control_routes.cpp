// /control/…: what the operator of the host does. These routes exist on the control socket only.
#include "host/serve/routes.hpp"

#include "host/access/keys.hpp"
#include "host/base/uuid.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/plugin_view.hpp"
#include "host/serve/problem.hpp"

#include <algorithm>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;

constexpr std::size_t k_tenant_name_chars_max = 64;

/// Names stand in headers, options and messages: no spaces, no surprises.
bool is_tenant_name(std::string_view name) {
  return !name.empty() && name.size() <= k_tenant_name_chars_max && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

Answer create_tenant(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"name"}));
  TOMADA_TRY_ASSIGN(const std::string name, body.required_text("name"));
  if (!is_tenant_name(name)) return field_problem("name", "must be 1 to 64 letters, digits, '-', '_' or '.', not beginning with '-'");
  const store::Tenant tenant{.tenant_id = make_uuid_v7(parts.clock.wall()), .name = name, .created_at_ms = parts.clock.unix_ms()};
  if (auto created = parts.store.tenants().create(task, tenant); created.has_error()) {
    if (created.error().code == Errc::conflict) return problem(409, Errc::conflict, "there is a tenant named " + name + " already");
    return created.error();
  }
  return json_answer(201, {{"id", tenant.tenant_id}, {"name", tenant.name}});
}

Answer list_tenants(Task& task, const Parts& parts, const Call&) {
  TOMADA_TRY_ASSIGN(const auto tenants, parts.store.tenants().list(task));
  auto views = ordered_json::array();
  for (const store::Tenant& tenant : tenants) views.push_back({{"id", tenant.tenant_id}, {"name", tenant.name}});
  return json_answer(200, {{"tenants", std::move(views)}});
}

Answer create_key(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"tenant", "role"}));
  TOMADA_TRY_ASSIGN(const std::string tenant, body.required_text("tenant"));
  TOMADA_TRY_ASSIGN(const std::string role, body.required_text("role"));
  TOMADA_TRY_ASSIGN(const Secret key, access::create_key(task, parts.store.tenants(), tenant, role));
  return json_answer(201, {{"key", key.expose_secret()}, {"tenant", tenant}, {"role", role}});
}

Outcome<store::Tenant> find_tenant(Task& task, const Parts& parts, const std::string& name) {
  TOMADA_TRY_ASSIGN(auto tenant, parts.store.tenants().find_by_name(task, name));
  if (!tenant) return problem(404, Errc::not_found, "no tenant named " + name + "; make it with: tomada tenant create " + name);
  return *std::move(tenant);
}

/// The version that an approval is about, or the 404 that names what there is.
Outcome<std::shared_ptr<const plugin::Release>> asking(const Parts& parts, const std::string& id, const std::string& version,
                                                       const store::Tenant& tenant) {
  const auto known = parts.registry.snapshot();
  if (known->find(id) == nullptr) {
    std::string ids;
    for (const auto& [plugin_id, versions] : known->plugins) ids += (ids.empty() ? "" : ", ") + plugin_id;
    return problem(404, Errc::not_found, "no plugin " + id + " is available; there are: " + (ids.empty() ? "none" : ids));
  }
  TOMADA_TRY_ASSIGN(auto release, parts.registry.asking(id, version, tenant.tenant_id));
  return release;
}

/// For whoever is to approve it: what it asks for, what was approved before, and what is new.
Answer show_capabilities(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"tenant", "version"}));
  TOMADA_TRY_ASSIGN(const store::Tenant tenant, find_tenant(task, parts, query.text("tenant")));
  const std::string& id = call.params[0];
  TOMADA_TRY_ASSIGN(const auto release, asking(parts, id, query.text("version"), tenant));
  TOMADA_TRY_ASSIGN(const auto allowed, parts.store.tenants().allowed_plugins(task, tenant.tenant_id));
  const plugin::Capabilities asked = plugin::asked_by(*release->manifest);
  ordered_json view;
  view["plugin"] = id;
  view["version"] = release->version;
  view["publisher"] = release->manifest->publisher;
  view["tenant"] = tenant.name;
  view["capabilities"] = capabilities_view(asked);
  view["asks_for"] = plugin::words(asked);
  view["approved"] = view["asks_for_more"] = view["approved_by"] = view["approved_at"] = nullptr;
  const auto known = parts.registry.snapshot();
  const plugin::Versions* const versions = known->find(id);
  const auto approval = versions->approvals.find(tenant.tenant_id);
  if (approval == versions->approvals.end()) return json_answer(200, view);
  view["approved"] = capabilities_view(approval->second->capabilities);
  if (const auto more = versions->missing(*release, tenant.tenant_id)) view["asks_for_more"] = plugin::words(*more);
  for (const store::AllowedPlugin& one : allowed) {
    if (one.plugin_id != id) continue;
    view["approved_by"] = text_or_null(one.approved_by);
    if (one.approved_at_ms > 0) view["approved_at"] = time_or_null(one.approved_at_ms);
  }
  return json_answer(200, view);
}

Answer allow_plugin(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"tenant", "version", "capabilities"}));
  TOMADA_TRY_ASSIGN(const std::string name, body.required_text("tenant"));
  TOMADA_TRY_ASSIGN(const auto version, body.text("version"));
  TOMADA_TRY_ASSIGN(const auto seen, body.object("capabilities"));
  const std::string& id = call.params[0];
  if (!seen)
    return field_problem("capabilities", "must be what is approved, as GET /control/plugins/" + id + "/capabilities?tenant=" + name +
                                             " shows it");
  auto capabilities = plugin::from_json(seen->dump());
  if (capabilities.has_error()) return field_problem("capabilities", capabilities.error().message);
  TOMADA_TRY_ASSIGN(const store::Tenant tenant, find_tenant(task, parts, name));
  TOMADA_TRY_ASSIGN(const auto release, asking(parts, id, version.value_or(""), tenant));
  TOMADA_TRY_ASSIGN(const plugin::Capabilities approved,
                    parts.registry.allow(task, {.plugin_id = id,
                                                .tenant_id = tenant.tenant_id,
                                                .version = version.value_or(""),
                                                .seen = *std::move(capabilities),
                                                .approved_by = call.request.peer_user.empty() ? "operator" : call.request.peer_user}));
  return json_answer(200, {{"plugin", id}, {"tenant", name}, {"allowed", true}, {"version", release->version},
                           {"approved", capabilities_view(approved)}});
}

/// The tenants by name: pins of a tenant that is gone are gone as well.
Outcome<ordered_json> available_view(Task& task, const Parts& parts, const plugin::Snapshot& known) {
  TOMADA_TRY_ASSIGN(const auto tenants, parts.store.tenants().list(task));
  auto views = ordered_json::array();
  for (const auto& [id, versions] : known.plugins) {
    auto pins = ordered_json::array(), waiting = ordered_json::array();
    for (const store::Tenant& tenant : tenants) {
      if (const auto pin = versions.pins.find(tenant.tenant_id); pin != versions.pins.end())
        pins.push_back({{"tenant", tenant.name}, {"version", pin->second.version}, {"available", pin->second.release != nullptr}});
      if (auto one = waiting_view(versions, tenant.tenant_id); !one.is_null()) {
        ordered_json named{{"tenant", tenant.name}};
        named.update(one);
        waiting.push_back(std::move(named));
      }
    }
    ordered_json view;
    view["id"] = id;
    view["version"] = versions.current->version;
    view["versions"] = versions_view(versions);
    view["pins"] = std::move(pins);
    view["waiting"] = std::move(waiting);
    view["quarantine"] = quarantine_view(versions.quarantine);
    views.push_back(std::move(view));
  }
  return views;
}

Answer roll_back_plugin(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto release, parts.registry.rollback(task, call.params[0]));
  return json_answer(200, {{"plugin", call.params[0]}, {"version", release->version}, {"sha256", release->sha256}});
}

Answer pin_plugin(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"tenant", "version"}));
  TOMADA_TRY_ASSIGN(const std::string name, body.required_text("tenant"));
  TOMADA_TRY_ASSIGN(const std::string version, body.required_text("version"));
  TOMADA_TRY_ASSIGN(const store::Tenant tenant, find_tenant(task, parts, name));
  TOMADA_TRY(parts.registry.pin(task, {.plugin_id = call.params[0], .tenant_id = tenant.tenant_id, .version = version}));
  return json_answer(200, {{"plugin", call.params[0]}, {"tenant", name}, {"version", version}});
}

Answer unpin_plugin(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"tenant"}));
  TOMADA_TRY_ASSIGN(const std::string name, body.required_text("tenant"));
  TOMADA_TRY_ASSIGN(const store::Tenant tenant, find_tenant(task, parts, name));
  TOMADA_TRY(parts.registry.unpin(task, call.params[0], tenant.tenant_id));
  return json_answer(200, {{"plugin", call.params[0]}, {"tenant", name}});
}

Answer release_plugin(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY(parts.registry.release(task, call.params[0]));
  return json_answer(200, {{"plugin", call.params[0]}, {"released", true}});
}

/// `plugins`: the files and what became of each; `available`: what calls can use.
Answer list_plugins(Task& task, const Parts& parts, const Call&) {
  const auto known = parts.registry.snapshot();
  TOMADA_TRY_ASSIGN(auto available, available_view(task, parts, *known));
  auto views = ordered_json::array();
  for (const plugin::Entry& entry : known->entries) {
    auto refusals = ordered_json::array();
    for (const abi::Refusal& refusal : entry.refusals) refusals.push_back({{"rule", refusal.rule}, {"reason", refusal.reason}});
    ordered_json view;
    view["file"] = entry.file.string();
    view["id"] = entry.plugin_id;
    view["version"] = entry.version;
    view["sha256"] = entry.sha256;
    view["publisher"] = entry.manifest ? ordered_json(entry.manifest->publisher) : ordered_json(nullptr);
    view["signature"] = signature_view(entry.signer);
    view["available"] = entry.refusals.empty();
    view["refusals"] = std::move(refusals);
    views.push_back(std::move(view));
  }
  return json_answer(200, {{"plugin_dir", parts.settings.plugin_dir}, {"plugins", std::move(views)}, {"available", std::move(available)}});
}

}  // namespace

void add_control_routes(Router& router, const Parts& parts) {
  const auto with = [parts](Answer (*handler)(Task&, const Parts&, const Call&)) {
    return [parts, handler](Task& task, const Call& call) { return handler(task, parts, call); };
  };
  router.add("GET", "/control/tenants", Access::host, with(list_tenants));
  router.add("POST", "/control/tenants", Access::host, with(create_tenant));
  router.add("POST", "/control/keys", Access::host, with(create_key));
  router.add("GET", "/control/plugins", Access::host, with(list_plugins));
  router.add("GET", "/control/plugins/{id}/capabilities", Access::host, with(show_capabilities));
  router.add("POST", "/control/plugins/{id}/allow", Access::host, with(allow_plugin));
  router.add("POST", "/control/plugins/{id}/rollback", Access::host, with(roll_back_plugin));
  router.add("POST", "/control/plugins/{id}/pin", Access::host, with(pin_plugin));
  router.add("POST", "/control/plugins/{id}/unpin", Access::host, with(unpin_plugin));
  router.add("POST", "/control/plugins/{id}/release", Access::host, with(release_plugin));
}

}  // namespace tomada::serve
