#include "host/cli/commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

namespace tomada::cli {

using nlohmann::json;

Result<json> ask(Control& control, const std::string& method, const std::string& path, const std::string& tenant,
                 const json* body) {
  serve::Request request;
  request.method = method;
  const std::size_t question = std::min(path.find('?'), path.size());
  request.path = path.substr(0, question);
  request.query = path.substr(std::min(question + 1, path.size()));
  request.origin = serve::Origin::control;
  if (!tenant.empty()) {
    if (tenant.find_first_of("\r\n") != std::string::npos) return fail(Errc::invalid_data, "a tenant's name has no line break");
    request.headers.emplace_back("X-Tomada-Tenant", tenant);
  }
  if (body != nullptr) request.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
  TOMADA_TRY_ASSIGN(const serve::Answer answer, control.call(request));
  json document = json::parse(answer.body, nullptr, false);
  if (answer.status >= 200 && answer.status < 300) {
    if (document.is_discarded() && !answer.body.empty()) return fail(Errc::internal, "the host's answer is not JSON");
    return Result<json>(boost::system::in_place_value, std::move(document));  // json converts to anything: say which
  }
  std::string detail = "the host answered " + std::to_string(answer.status);
  if (document.is_object()) detail = document.value("detail", detail);
  return fail(Errc::permanent, detail);
}

int failed(Output output, const Error& error) {
  output.err << "tomada: " << error.message << "\n";
  return 1;
}

int create_tenant(Control& control, Output output, const std::string& name) {
  const json body{{"name", name}};
  const auto created = ask(control, "POST", "/control/tenants", "", &body);
  if (created.has_error()) return failed(output, created.error());
  output.out << "tenant " << name << " created (" << created->value("id", "") << ")\n";
  return 0;
}

int create_key(Control& control, Output output, const std::string& tenant, const std::string& role) {
  const json body{{"tenant", tenant}, {"role", role}};
  const auto created = ask(control, "POST", "/control/keys", "", &body);
  if (created.has_error()) return failed(output, created.error());
  output.out << created->value("key", "") << "\n";  // alone, so that a script can take it
  output.err << "This key is shown once; keep it safe.\n";
  return 0;
}

}  // namespace tomada::cli
