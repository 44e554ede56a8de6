#include "host/serve/routes.hpp"

#include "host/serve/problem.hpp"

namespace tomada::serve {
namespace {

constexpr std::string_view k_tenant_header = "X-Tomada-Tenant";

Outcome<access::Principal> authenticate(runtime::Task& task, const Parts& parts, const Request& request) {
  if (request.origin == Origin::control) {
    const std::string name(request.header(k_tenant_header));
    if (name.empty()) return problem(400, Errc::invalid_data, "name the tenant in the header X-Tomada-Tenant");
    auto tenant = parts.store.tenants().find_by_name(task, name);
    if (tenant.has_error()) return Answer(tenant.error());
    if (!*tenant) return problem(404, Errc::not_found, "no tenant named " + name + "; make it with: tomada tenant create " + name);
    return access::Principal{(*tenant)->tenant_id, (*tenant)->name, access::Role::admin};
  }
  auto principal = access::authenticate(task, parts.store.tenants(), request.header("Authorization"));
  if (principal.has_value()) return *std::move(principal);
  Answer refused(principal.error());
  if (refused.status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

}  // namespace

std::unique_ptr<Router> make_router(const Parts& parts) {
  auto router = std::make_unique<Router>(
      [parts](runtime::Task& task, const Request& request) { return authenticate(task, parts, request); }, parts.metrics);
  add_plugin_routes(*router, parts);
  add_integration_routes(*router, parts);
  add_connect_routes(*router, parts);
  add_sync_routes(*router, parts);
  add_record_routes(*router, parts);
  add_webhook_routes(*router, parts);
  add_webhook_log_routes(*router, parts);
  add_app_routes(*router, parts);
  add_limit_routes(*router, parts);
  add_event_routes(*router, parts);
  add_health_routes(*router, parts);
  add_control_routes(*router, parts);
  return router;
}

}  // namespace tomada::serve
