#include "host/service/allowed_hosts.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
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
    auto origin = origin_of(found->get_ref<const std::string&>());
    if (origin.has_value()) origins_.push_back(*std::move(origin));
  }
}

Result<AllowedHosts::Origin> AllowedHosts::origin_of(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
  if (!parsed || parsed->encoded_host().empty())
    return fail(Errc::invalid_data, "the URL must be absolute and percent-encoded, such as https://api.example.com/v1");
  Origin origin{.scheme = lower(std::string(parsed->scheme())),
                .host = lower(std::string(parsed->encoded_host())),
                .port = std::string(parsed->port())};
  if (origin.scheme != "http" && origin.scheme != "https")
    return fail(Errc::invalid_data, "the URL's scheme must be https or http");
  if (parsed->has_userinfo()) return fail(Errc::invalid_data, "the URL must not carry a user or password");
  if (origin.port.empty()) origin.port = origin.scheme == "https" ? "443" : "80";
  if (origin.host.ends_with('.')) origin.host.pop_back();
  return origin;
}

Result<void> AllowedHosts::check(std::string_view url) const {
  TOMADA_TRY_ASSIGN(const Origin target, origin_of(url));
  for (const auto& origin : origins_)
    if (origin.scheme == target.scheme && origin.host == target.host && origin.port == target.port) return {};
  const bool named =
      std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& pattern) { return matches(pattern, target.host); });
  // Boost.URL keeps an IP literal as a host; a manifest names hosts, so a literal matches only when written out.
  if (named && target.scheme == "https") return {};
  if (named) return fail(Errc::forbidden, "plain http to " + target.host + " is refused; use https");
  return fail(Errc::forbidden, "the host " + target.host + ":" + target.port +
                                   " is not among the manifest's hosts nor the configured endpoint or base_url");
}

}  // namespace tomada::service
