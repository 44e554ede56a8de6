#include "host/credentials/signing.hpp"

#include "host/base/encoding.hpp"
#include "host/credentials/fill.hpp"
#include "host/credentials/sigv4.hpp"
#include "host/http/url.hpp"

#include <optional>
#include <string>

namespace tomada::credentials {
namespace {

using Kind = abi::AuthMethod::Kind;
using Missing = std::vector<std::string>;

/// Replaces a parameter of that name: two of them would let the server choose.
Result<void> set_query_parameter(http::Request& request, const std::string& name, const Secret& value) {
  TOMADA_TRY_ASSIGN(auto url, http::parse_url(request.url));
  std::string query;
  std::string_view rest = url.query;
  while (!rest.empty()) {
    const auto piece = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
    if (percent_decode(piece.substr(0, piece.find('='))) == name) continue;
    query += std::string(piece) + '&';
  }
  url.query = query + percent_encode(name) + '=' + percent_encode(value.expose_secret());
  request.url = http::to_string(url);
  return {};
}

Result<void> add_placements(http::Request& request, const abi::AuthMethod& method, const Fields& fields,
                            Missing& missing) {
  std::vector<Secret> values;
  for (const auto& placement : method.placements) values.push_back(fill(placement.value, fields, missing));
  if (!missing.empty()) return {};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& placement = method.placements[i];
    if (placement.in_query) TOMADA_TRY(set_query_parameter(request, placement.name, values[i]));
    else http::set_header(request.headers, placement.name, std::string(values[i].expose_secret()));
  }
  return {};
}

Result<void> add_basic(http::Request& request, const abi::AuthMethod& method, const Fields& fields, Missing& missing) {
  const Secret username = fill(method.username, fields, missing);
  const Secret password = fill(method.password, fields, missing);
  if (!missing.empty()) return {};
  if (username.expose_secret().find(':') != std::string_view::npos)
    return fail(Errc::invalid_config, "basic authentication: the user name must not contain a colon");
  std::string pair;
  pair.reserve(username.expose_secret().size() + 1 + password.expose_secret().size());
  pair += username.expose_secret();
  pair += ':';
  pair += password.expose_secret();
  const Secret both(std::move(pair));
  http::set_header(request.headers, "Authorization", "Basic " + base64_encode(both.expose_secret()));
  return {};
}

Result<void> add_sigv4(http::Request& request, const abi::AuthMethod& method, const Fields& fields,
                       runtime::WallTime now, Missing& missing) {
  SigV4 keys;
  keys.access_key_id = fill("{access_key_id}", fields, missing).expose_secret();
  keys.secret_access_key = fill("{secret_access_key}", fields, missing);
  if (const auto token = fields.find("session_token")) keys.session_token = token->expose_secret();
  keys.region = fill(method.region, fields, missing).expose_secret();
  keys.service = fill(method.service, fields, missing).expose_secret();
  if (!missing.empty()) return {};
  const bool is_s3 = keys.service == "s3";
  keys.normalize_path = !is_s3;
  keys.encode_path_twice = !is_s3;
  const auto trace = sign_v4(request, keys, now);
  if (trace.has_error()) return trace.error();
  return {};
}

Result<void> try_method(http::Request& request, const abi::AuthMethod& method, const Fields& fields,
                        runtime::WallTime now, Missing& missing) {
  switch (method.kind) {
    case Kind::none: return {};
    case Kind::headers: return add_placements(request, method, fields, missing);
    case Kind::basic: return add_basic(request, method, fields, missing);
    case Kind::aws_sigv4: return add_sigv4(request, method, fields, now, missing);
  }
  return {};
}

std::string joined(const Missing& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class SigningClient final : public http::Client {
 public:
  SigningClient(http::Client& inner, const std::vector<abi::AuthMethod>& methods, const nlohmann::json& config,
                const Credentials& credentials, const runtime::Clock& clock)
      : inner_(inner), methods_(methods), config_(config), credentials_(credentials), clock_(clock) {}

  Result<std::unique_ptr<http::Exchange>> open(runtime::Task& task, http::Request request) override {
    if (request.authenticate) TOMADA_TRY(authorize(request, methods_, config_, credentials_, clock_.wall()));
    return inner_.open(task, std::move(request));
  }

 private:
  http::Client& inner_;
  const std::vector<abi::AuthMethod>& methods_;
  const nlohmann::json& config_;
  const Credentials& credentials_;
  const runtime::Clock& clock_;
};

}  // namespace

Result<void> authorize(http::Request& request, const std::vector<abi::AuthMethod>& methods,
                       const nlohmann::json& config, const Credentials& credentials, runtime::WallTime now) {
  if (methods.empty()) return {};
  const Fields fields{config, credentials};
  std::string needed;
  for (const auto& method : methods) {
    Missing missing;
    TOMADA_TRY(try_method(request, method, fields, now, missing));
    if (missing.empty()) return {};
    needed += (needed.empty() ? "" : ", or ") + joined(missing);
  }
  return fail(Errc::unauthenticated, "this integration lacks credentials: " + needed);
}

std::unique_ptr<http::Client> make_signing_client(http::Client& inner, const std::vector<abi::AuthMethod>& methods,
                                                  const nlohmann::json& config, const Credentials& credentials,
                                                  const runtime::Clock& clock) {
  return std::make_unique<SigningClient>(inner, methods, config, credentials, clock);
}

}  // namespace tomada::credentials
