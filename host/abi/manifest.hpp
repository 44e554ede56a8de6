// A plugin's manifest: what it is, what it needs, what it offers. Read from the file without running any code of it.
#pragma once

#include "host/abi/limits.hpp"
#include "host/base/result.hpp"
#include "host/scheme/scheme.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::abi {

inline constexpr std::size_t k_manifest_bytes_max = 1024 * 1024;

enum class CallModel { coroutine, thread };
enum class Concurrency { serial, parallel };

struct Entity {
  std::string name;
  bool full{true};         // modes it can do
  bool incremental{false};
  std::string description;
};

/// How the host authenticates requests; the first method whose credentials are all present is used.
struct AuthMethod {
  enum class Kind { none, headers, basic, aws_sigv4 };
  struct Placement {
    bool in_query{false};
    std::string name;
    std::string value;  // a template over credential and config fields: "Bearer {access_token}"
  };
  Kind kind{Kind::none};
  std::vector<Placement> placements;  // headers
  std::string username, password;     // basic: templates
  std::string service, region;        // aws_sigv4: templates over config; the credentials have AWS's own names
};

struct Manifest {
  std::string id;       // [a-z0-9-]{1,64}
  std::string name;
  std::string version;  // semantic
  std::string publisher;
  std::string licence;
  std::string language;
  std::uint32_t abi_min_minor{};
  CallModel call_model{CallModel::coroutine};
  Concurrency concurrency{Concurrency::serial};
  std::size_t stack_bytes{};  // 0: the host's default
  std::vector<std::string> services_required;
  std::vector<std::string> services_optional;
  std::vector<std::string> hosts;         // templates over config fields; "*.example.com" matches one label or more
  std::vector<std::string> capabilities;  // "secrets"
  std::vector<AuthMethod> auth;
  std::vector<std::string> credential_fields_required;
  std::vector<std::string> credential_fields_secret;
  nlohmann::json config_schema;       // JSON Schema draft 4
  nlohmann::json credentials_schema;  // JSON Schema draft 4; property "secret": true is understood by the host
  std::vector<Entity> entities;
  std::shared_ptr<const scheme::Webhook> webhook;  // null: receives none; compiled without a configuration
  Limits limits;                                   // what is known of the provider's; never without its first pool
  std::string support_level;  // community | partner | official
  nlohmann::json document;    // the whole text, for inspect and for later fields
};

std::vector<std::string> entity_names(const Manifest& manifest);

/// INVALID_DATA with the path of the field and what it must be: "entities[0].name: missing". TOO_NEW: for an ABI that this
/// host does not serve; nothing else of it was judged.
Result<Manifest> parse_manifest(std::string_view json);

/// 1 to 64 of a-z, 0-9 and -.
bool is_plugin_id(std::string_view id);

/// Replaces each {field} by `values[field]` (a string, number or boolean). INVALID_CONFIG: a field that is not there.
Result<std::string> fill_template(std::string_view text, const nlohmann::json& values);

/// Checks `value` against a JSON Schema (draft 4). INVALID_CONFIG: "config.region: must be a string".
Result<void> check_schema(const nlohmann::json& schema, const nlohmann::json& value, std::string_view what);

}  // namespace tomada::abi
