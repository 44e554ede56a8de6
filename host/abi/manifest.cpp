#include "host/abi/manifest.hpp"

#include "host/abi/manifest_limits.hpp"
#include "host/abi/manifest_reader.hpp"
#include "host/base/json_depth.hpp"

#include <tomada/plugin.h>

#include <algorithm>
#include <array>
#include <limits>

namespace tomada::abi {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_stack_asked_bytes_min = 64 * 1024;
constexpr std::uint64_t k_stack_asked_bytes_max = 1024 * 1024;

bool is_one_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view k_lower_and_digits = "abcdefghijklmnopqrstuvwxyz0123456789";

/// 1.2.3, with -pre and +build
bool is_semantic_version(std::string_view version) {
  if (version.size() > 128) return false;
  const std::string_view core = version.substr(0, version.find_first_of("-+"));
  int dots = 0;
  std::size_t digits = 0;
  for (const char c : core) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = 0;
    } else if (c >= '0' && c <= '9') {
      ++digits;
    } else {
      return false;
    }
  }
  const std::string_view rest = version.substr(core.size());
  return dots == 2 && digits > 0 &&
         (rest.empty() || (rest.size() > 1 && is_one_of(rest.substr(1), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                                                         "TUVWXYZ0123456789.-+")));
}

/// The fields that templates may name.
struct Known {
  std::vector<std::string> config;
  std::vector<std::string> credentials;

  [[nodiscard]] bool has(const std::string& field) const {
    return std::find(config.begin(), config.end(), field) != config.end() ||
           std::find(credentials.begin(), credentials.end(), field) != credentials.end();
  }
};

void check_template(Reader& reader, const std::string& path, std::string_view text, const Known& known) {
  while (!text.empty()) {
    const std::size_t open = text.find_first_of("{}");
    if (open == std::string_view::npos) return;
    const std::size_t close = text.find('}', open);
    if (text[open] == '}' || close == std::string_view::npos) return reader.refuse(path, "has a brace without its pair");
    const std::string field(text.substr(open + 1, close - open - 1));
    if (!known.has(field))
      return reader.refuse(path, "names the field " + field + ", which neither schema has");
    text.remove_prefix(close + 1);
  }
}

void read_abi(Reader& reader, const json& document, Manifest& manifest) {
  const json* const abi = reader.object(document, "", "abi", true);
  if (abi == nullptr) return;
  const std::uint64_t major = reader.number(*abi, "abi", "major", 1, UINT32_MAX, true);
  const std::uint64_t minor = reader.number(*abi, "abi", "min_minor", 0, UINT32_MAX, true);
  manifest.abi_min_minor = static_cast<std::uint32_t>(minor);
  // Before anything else is judged: a manifest of a later version may have fields that mean nothing here.
  if (!reader.failed() && (major != TOMADA_ABI_MAJOR || minor > TOMADA_ABI_MINOR))
    reader.refuse("abi", "needs " + std::to_string(major) + "." + std::to_string(minor) + "; this host serves " +
                             std::to_string(TOMADA_ABI_MAJOR) + ".0 to " + std::to_string(TOMADA_ABI_MAJOR) + "." +
                             std::to_string(TOMADA_ABI_MINOR), Errc::too_new);
}

void read_identity(Reader& reader, const json& document, Manifest& manifest) {
  manifest.id = reader.text(document, "", "id", true);
  if (!reader.failed() && !is_plugin_id(manifest.id)) reader.refuse("id", "must be 1 to 64 of a-z, 0-9 and -");
  manifest.name = reader.text(document, "", "name", true);
  manifest.version = reader.text(document, "", "version", true);
  if (!reader.failed() && !is_semantic_version(manifest.version))
    reader.refuse("version", "must be a semantic version such as 1.2.3");
  manifest.publisher = reader.text(document, "", "publisher", true);
  manifest.licence = reader.text(document, "", "licence", true);
  manifest.language = reader.text(document, "", "language", true);
  manifest.support_level = reader.choice(document, "", "support_level", {"community", "partner", "official"}, false);
}

void read_running(Reader& reader, const json& document, Manifest& manifest) {
  manifest.call_model = reader.choice(document, "", "call_model", {"coroutine", "thread"}, true) == "thread"
                            ? CallModel::thread
                            : CallModel::coroutine;
  manifest.concurrency = reader.choice(document, "", "concurrency", {"serial", "parallel"}, false) == "parallel"
                             ? Concurrency::parallel
                             : Concurrency::serial;
  manifest.stack_bytes = reader.number(document, "", "stack_bytes", k_stack_asked_bytes_min, k_stack_asked_bytes_max, false);
  if (const json* const services = reader.object(document, "", "services", true)) {
    reader.only(*services, "services", {"required", "optional"});
    manifest.services_required = reader.texts(*services, "services", "required");
    manifest.services_optional = reader.texts(*services, "services", "optional");
  }
  manifest.capabilities = reader.texts(document, "", "capabilities");
  for (std::size_t i = 0; i < manifest.capabilities.size(); ++i)
    if (manifest.capabilities[i] != "secrets")
      reader.refuse("capabilities[" + std::to_string(i) + "]", "must be \"secrets\", the only one that is known");
}

/// Enough of a look to find the usual mistakes; what it means is the validator's to say.
json read_schema(Reader& reader, const json& document, const std::string& field, std::vector<std::string>& names) {
  const json* const schema = reader.object(document, "", field, false);
  if (schema == nullptr) return json{{"type", "object"}};
  if (schema->contains("type") && schema->at("type") != "object") reader.refuse(field + ".type", "must be \"object\"");
  (void)reader.texts(*schema, field, "required");
  if (const json* const properties = reader.object(*schema, field, "properties", false)) {
    for (const auto& [name, property] : properties->items()) {
      if (!property.is_object()) {
        reader.refuse(field + ".properties." + name, "must be an object");
        continue;
      }
      if (property.contains("required") && !property.at("required").is_array())
        reader.refuse(field + ".properties." + name + ".required",
                      "must be a list of names (draft 4: the object says which of its fields are required)");
      names.push_back(name);
    }
  }
  return *schema;
}

void read_credential_fields(Reader& reader, Manifest& manifest) {
  const json& schema = manifest.credentials_schema;
  if (reader.failed()) return;
  manifest.credential_fields_required = reader.texts(schema, "credentials_schema", "required");
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, property] : properties.items()) {
    if (!property.contains("secret")) continue;
    if (!property.at("secret").is_boolean())
      reader.refuse("credentials_schema.properties." + name + ".secret", "must be true or false");
    else if (property.at("secret").get<bool>())
      manifest.credential_fields_secret.push_back(name);
  }
}

void read_placements(Reader& reader, const json& method, const std::string& path, AuthMethod& auth, const Known& known) {
  const json* const headers = reader.list(method, path, "headers", true);
  if (headers == nullptr) return;
  for (std::size_t i = 0; i < headers->size() && !reader.failed(); ++i) {
    const std::string at = path + ".headers[" + std::to_string(i) + "]";
    const json* const header = reader.element(*headers, i, at);
    if (header == nullptr) return;
    reader.only(*header, at, {"in", "name", "value"});
    AuthMethod::Placement placement;
    placement.in_query = reader.choice(*header, at, "in", {"header", "query"}, true) == "query";
    placement.name = reader.text(*header, at, "name", true);
    placement.value = reader.text(*header, at, "value", true);
    check_template(reader, at + ".value", placement.value, known);
    auth.placements.push_back(std::move(placement));
  }
}

AuthMethod read_auth_method(Reader& reader, const json& method, const std::string& path, const Known& known) {
  AuthMethod auth;
  const auto read_template = [&](std::string& to, const char* field) {
    to = reader.text(method, path, field, true);
    check_template(reader, path + "." + field, to, known);
  };
  const std::string type = reader.choice(method, path, "type", {"none", "headers", "basic", "aws_sigv4"}, true);
  if (type == "headers") {
    auth.kind = AuthMethod::Kind::headers;
    reader.only(method, path, {"type", "headers"});
    read_placements(reader, method, path, auth, known);
  } else if (type == "basic") {
    auth.kind = AuthMethod::Kind::basic;
    reader.only(method, path, {"type", "username", "password"});
    read_template(auth.username, "username");
    read_template(auth.password, "password");
  } else if (type == "aws_sigv4") {
    auth.kind = AuthMethod::Kind::aws_sigv4;
    reader.only(method, path, {"type", "service", "region"});
    read_template(auth.service, "service");
    read_template(auth.region, "region");
  } else {
    reader.only(method, path, {"type"});
  }
  return auth;
}

void read_network(Reader& reader, const json& document, Manifest& manifest, const Known& known) {
  manifest.hosts = reader.texts(document, "", "hosts");
  for (std::size_t i = 0; i < manifest.hosts.size(); ++i) {
    const std::string at = "hosts[" + std::to_string(i) + "]";
    if (manifest.hosts[i].find_first_of("/:@ ") != std::string::npos)
      reader.refuse(at, "must be a host name without scheme, port or path");
    check_template(reader, at, manifest.hosts[i], known);
  }
  const json* const methods = reader.list(document, "", "auth", false);
  if (methods == nullptr) return;
  for (std::size_t i = 0; i < methods->size() && !reader.failed(); ++i) {
    const std::string at = "auth[" + std::to_string(i) + "]";
    if (const json* const method = reader.element(*methods, i, at))
      manifest.auth.push_back(read_auth_method(reader, *method, at, known));
  }
}

void read_entities(Reader& reader, const json& document, Manifest& manifest) {
  const json* const entities = reader.list(document, "", "entities", false);
  if (entities == nullptr) return;
  for (std::size_t i = 0; i < entities->size() && !reader.failed(); ++i) {
    const std::string at = "entities[" + std::to_string(i) + "]";
    const json* const given = reader.element(*entities, i, at);
    if (given == nullptr) return;
    reader.only(*given, at, {"name", "modes", "description"});
    Entity entity;
    entity.name = reader.text(*given, at, "name", true);
    if (!reader.failed() && (entity.name.size() > 64 || !is_one_of(entity.name, std::string(k_lower_and_digits) + "_-.")))
      reader.refuse(at + ".name", "must be 1 to 64 of a-z, 0-9, _, - and .");
    for (const auto& other : manifest.entities)
      if (other.name == entity.name) reader.refuse(at + ".name", "is there twice");
    entity.description = reader.text(*given, at, "description", false);
    const auto modes = reader.texts(*given, at, "modes");
    entity.full = given->contains("modes") ? false : true;
    for (const auto& mode : modes) {
      if (mode == "full") entity.full = true;
      else if (mode == "incremental") entity.incremental = true;
      else reader.refuse(at + ".modes", "must be of full and incremental");
    }
    if (!entity.full && !entity.incremental) reader.refuse(at + ".modes", "must name full, incremental or both");
    manifest.entities.push_back(std::move(entity));
  }
}

/// Each "{config:field…}" of the document; the braces are checked when it is compiled.
void check_config_fields(Reader& reader, const json& value, const Known& known) {
  constexpr std::string_view k_begin = "{config:";
  if (value.is_structured())
    for (const json& part : value) check_config_fields(reader, part, known);
  if (!value.is_string()) return;
  const auto& text = value.get_ref<const std::string&>();
  for (std::size_t at = text.find(k_begin); at != std::string::npos; at = text.find(k_begin, at + 1)) {
    const std::size_t from = at + k_begin.size();
    const std::string field = text.substr(from, std::min(text.find_first_of("|}", from), text.size()) - from);
    if (std::find(known.config.begin(), known.config.end(), field) == known.config.end())
      reader.refuse("webhook", "{config:" + field + "} is no property of config_schema");
  }
}

/// A wrong name would mean a scheme that never applies.
void check_when_config(Reader& reader, const json& webhook, const Known& known) {
  const json schemes = webhook.value("schemes", json::array());
  for (std::size_t i = 0; schemes.is_array() && i < schemes.size(); ++i) {
    if (!schemes[i].is_object() || !schemes[i].contains("when_config")) continue;
    for (const auto& [field, value] : schemes[i].at("when_config").items())
      if (std::find(known.config.begin(), known.config.end(), field) == known.config.end())
        reader.refuse("webhook.schemes[" + std::to_string(i) + "].when_config." + field, "is no property of config_schema");
  }
}

void read_webhook(Reader& reader, const json& document, Manifest& manifest, const Known& known) {
  const json* const webhook = reader.object(document, "", "webhook", false);
  if (webhook == nullptr || reader.failed()) return;
  check_config_fields(reader, *webhook, known);
  auto compiled = scheme::Webhook::compile(*webhook, nullptr);
  if (compiled.has_value()) check_when_config(reader, *webhook, known);
  if (compiled.has_error()) {
    const std::string& message = compiled.error().message;
    const std::size_t colon = std::min(message.find(": "), message.size());
    return reader.refuse(message.substr(0, colon), message.substr(std::min(colon + 2, message.size())));
  }
  // An app's secrets are its own: the credentials of an integration need no place for them.
  for (const std::string& field : (*compiled)->secret_fields())
    if (std::find(known.credentials.begin(), known.credentials.end(), field) == known.credentials.end() && !(*compiled)->has_account())
      reader.refuse("webhook", "the secret \"" + field + "\" is no property of credentials_schema");
  manifest.webhook = *std::move(compiled);
}

/// A typo in an optional field would silently do nothing.
void check_top_level(Reader& reader, const json& document) {
  static constexpr std::array<std::string_view, 21> k_fields{
      "id", "name", "version", "publisher", "licence", "language", "abi", "call_model", "concurrency", "stack_bytes",
      "services", "hosts", "capabilities", "auth", "config_schema", "credentials_schema", "entities", "support_level",
      "webhook", "actions", "limits"};
  for (const auto& [name, value] : document.items())
    if (!name.starts_with("x-") && std::find(k_fields.begin(), k_fields.end(), name) == k_fields.end())
      reader.refuse(name, "is no field of a manifest; names of your own start with x-");
  // Not interpreted yet, but it must not have to change its shape later.
  (void)reader.list(document, "", "actions", false);
}

Result<Manifest> read(const json& document) {
  Reader reader;
  Manifest manifest;
  Known known;
  read_abi(reader, document, manifest);
  check_top_level(reader, document);
  read_identity(reader, document, manifest);
  read_running(reader, document, manifest);
  manifest.config_schema = read_schema(reader, document, "config_schema", known.config);
  manifest.credentials_schema = read_schema(reader, document, "credentials_schema", known.credentials);
  read_credential_fields(reader, manifest);
  read_network(reader, document, manifest, known);
  read_entities(reader, document, manifest);
  read_webhook(reader, document, manifest, known);
  manifest.limits = read_limits(reader, document);
  if (reader.failed()) return reader.error();
  if (manifest.support_level.empty()) manifest.support_level = "community";
  manifest.document = document;
  return manifest;
}

}  // namespace

std::vector<std::string> entity_names(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const Entity& entity : manifest.entities) names.push_back(entity.name);
  return names;
}

bool is_plugin_id(std::string_view id) { return id.size() <= 64 && is_one_of(id, std::string(k_lower_and_digits) + "-"); }

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > k_manifest_bytes_max) return fail(Errc::invalid_data, "the manifest is larger than 1 MiB");
  if (!is_json_depth_fine(text)) return fail(Errc::invalid_data, "the manifest is nested deeper than 64 levels");
  try {
    const json document = json::parse(text.begin(), text.end());
    if (!document.is_object()) return fail(Errc::invalid_data, "the manifest must be a JSON object");
    return read(document);
  } catch (const json::exception& error) {
    return fail(Errc::invalid_data, "the manifest is not JSON: " + std::string(error.what()));
  }
}

}  // namespace tomada::abi
