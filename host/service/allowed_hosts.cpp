#include "host/service/allowed_hosts.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace tomada::service {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  const std::string_view suffix = pattern.substr(1);  // ".example.com"
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

AllowedHosts::AllowedHosts(const abi::Manifest& manifest, const nlohmann::json& config) {
  for (const auto& pattern : manifest.hosts) {
    auto host = abi::fill_template(pattern, config);
    // A filled-in value must stay one host name: "x/y", "a@b" or a port would mean another place.
    if (host.has_value() && host->find_first_of("/@:?# ") == std::string::npos) hosts_.push_back(lower(*host));
  }
  for (const char* field : {"endpoint", "base_url"}) {
    const auto found = config.find(field);
    if (found == config.end() || !found->is_string()) continue;
    auto origin = http::parse_url(found->get_ref<const std::string&>());
    if (origin.has_value()) origins_.push_back(*std::move(origin));
  }
}

Result<void> AllowedHosts::check(std::string_view url) const {
  TOMADA_TRY_ASSIGN(http::Url target, http::parse_url(url));
  if (target.host.ends_with('.')) target.host.pop_back();
  for (const auto& origin : origins_)
    if (http::same_origin(origin, target)) return {};
  const bool named =
      std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& pattern) { return matches(pattern, target.host); });
  // The manifest names hosts, so another port of the same name is another place.
  if (named && target.scheme == "https" && target.port == 443) return {};
  if (named) return fail(Errc::forbidden, "only https on port 443 may be used for " + target.host);
  return fail(Errc::forbidden, "the host " + http::host_and_port(target) +
                                   " is not among the manifest's hosts nor the configured endpoint or base_url");
}

}  // namespace tomada::service
