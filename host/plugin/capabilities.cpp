#include "host/plugin/capabilities.hpp"

#include "host/abi/checks.hpp"

#include <tomada/plugin.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace tomada::plugin {
namespace {

using nlohmann::json;

void sort_once(std::vector<std::string>& hosts) {
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
}

/// Also of a template: what it is filled with stands before the suffix.
bool covers(std::string_view approved, std::string_view asked) {
  if (approved == asked) return true;
  if (!approved.starts_with("*.")) return false;
  const std::string_view suffix = approved.substr(1);  // ".example.com"
  // A suffix with a field of its own is another one for each integration.
  return suffix.find('{') == std::string_view::npos && asked.size() > suffix.size() && asked.ends_with(suffix);
}

/// A host's name is ASCII. Anything else may be there to make a terminal, or a reader, see another one.
std::string printable(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= 0x7f; }, '?');
  return text;
}

Error bad(const std::string& what) { return fail(Errc::invalid_data, "capabilities: " + what); }

Result<bool> flag(const json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_boolean()) return bad(std::string(name) + " must be true or false");
  return found->get<bool>();
}

}  // namespace

Capabilities asked_by(const abi::Manifest& manifest) {
  const auto& named = manifest.capabilities;
  Capabilities asked{.hosts = manifest.hosts,
                     .secrets = std::find(named.begin(), named.end(), "secrets") != named.end(),
                     .storage = abi::names_service(manifest, TOMADA_STORAGE_ID)};
  sort_once(asked.hosts);
  return asked;
}

std::optional<Capabilities> missing(const Capabilities& asked, const Capabilities& approved) {
  Capabilities more{.hosts = {}, .secrets = asked.secrets && !approved.secrets, .storage = asked.storage && !approved.storage};
  for (const std::string& host : asked.hosts)
    if (std::none_of(approved.hosts.begin(), approved.hosts.end(), [&](const auto& one) { return covers(one, host); }))
      more.hosts.push_back(host);
  if (more == Capabilities{}) return std::nullopt;
  return more;
}

Capabilities united(Capabilities left, const Capabilities& right) {
  left.hosts.insert(left.hosts.end(), right.hosts.begin(), right.hosts.end());
  sort_once(left.hosts);
  left.secrets = left.secrets || right.secrets;
  left.storage = left.storage || right.storage;
  return left;
}

std::string to_json(const Capabilities& capabilities) {
  return json{{"hosts", capabilities.hosts}, {"secrets", capabilities.secrets}, {"storage", capabilities.storage}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

Result<Capabilities> from_json(std::string_view text) {
  if (text.size() > k_capabilities_bytes_max)
    return bad("must be at most " + std::to_string(k_capabilities_bytes_max) + " bytes of JSON");
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return bad("must be a JSON object with hosts, secrets and storage");
  for (const auto& [name, value] : document.items())
    if (name != "hosts" && name != "secrets" && name != "storage") return bad("\"" + name + "\" is not known; there are hosts, secrets and storage");
  Capabilities read;
  const auto hosts = document.find("hosts");
  if (hosts == document.end() || !hosts->is_array()) return bad("hosts must be an array of texts");
  for (const json& host : *hosts) {
    if (!host.is_string() || host.get_ref<const std::string&>().empty()) return bad("hosts must be an array of texts, none empty");
    read.hosts.push_back(host.get<std::string>());
  }
  sort_once(read.hosts);
  TOMADA_TRY_ASSIGN(read.secrets, flag(document, "secrets"));
  TOMADA_TRY_ASSIGN(read.storage, flag(document, "storage"));
  return read;
}

std::string words(const Capabilities& capabilities, std::size_t hosts_count_max) {
  std::string said;
  const auto add = [&](const std::string& one) { said += (said.empty() ? "" : "; ") + one; };
  std::string hosts;
  const std::size_t count = std::min(hosts_count_max, capabilities.hosts.size());
  for (std::size_t i = 0; i < count; ++i) hosts += (i == 0 ? "" : ", ") + printable(capabilities.hosts[i]);
  if (count < capabilities.hosts.size()) hosts += " and " + std::to_string(capabilities.hosts.size() - count) + " more";
  if (!hosts.empty()) add("requests to " + hosts);
  if (capabilities.secrets) add("reads credentials in clear");
  if (capabilities.storage) add("keeps data in storage");
  return said.empty() ? "nothing" : said;
}

}  // namespace tomada::plugin
