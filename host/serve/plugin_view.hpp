// What tenants and the operator both see of a plugin. Private to serve/.
#pragma once

#include "host/plugin/snapshot.hpp"
#include "host/store/plugins.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string_view>

namespace tomada::serve {

/// [{version, sha256, signature, installed_at, current, previous}], the newest version first.
nlohmann::ordered_json versions_view(const plugin::Versions& versions);
/// {key, trusted_as}, or null for one that is not signed; `trusted_as` is null when the key is not trusted.
nlohmann::ordered_json signature_view(const std::optional<plugin::Signer>& signer);
/// {version, reason, signal, last_service, since}, or null.
nlohmann::ordered_json quarantine_view(const std::optional<store::PluginQuarantine>& quarantine);

/// {hosts, secrets, storage}
nlohmann::ordered_json capabilities_view(const plugin::Capabilities& capabilities);
/// What the tenant waits for: {version, capabilities, asks_for_more, uses}; `uses`: the version of its calls meanwhile, or null.
/// Null: it waits for nothing.
nlohmann::ordered_json waiting_view(const plugin::Versions& versions, std::string_view tenant_id);

}  // namespace tomada::serve
