// Which addresses a plugin's requests may go to.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/base/result.hpp"
#include "host/http/url.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tomada::service {

/// The manifest's hosts (https only) and the exact origin of the configuration's `endpoint` and `base_url` (http too:
/// the operator wrote it).
class AllowedHosts {
 public:
  /// Templates that name a field which is not configured allow nothing.
  AllowedHosts(const abi::Manifest& manifest, const nlohmann::json& config);

  /// INVALID_DATA: not an absolute http(s) URL. FORBIDDEN: names the host, what is allowed and where that is said.
  [[nodiscard]] Result<void> check(std::string_view url) const;

 private:
  std::vector<std::string> hosts_;  // lower case; "*.example.com" stands for everything below it
  std::vector<http::Url> origins_;
};

}  // namespace tomada::service
