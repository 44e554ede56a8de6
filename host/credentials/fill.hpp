// Templates of AuthMethod over credential and config fields. abi::fill_template does the same for what is no secret.
#pragma once

#include "host/credentials/vault.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::credentials {

/// Where {field} comes from: the credentials first, then config (strings, numbers, booleans). Empty counts as missing.
struct Fields {
  const nlohmann::json& config;
  const Credentials& credentials;

  [[nodiscard]] std::optional<Secret> find(std::string_view name) const;
};

/// Replaces each {field}. Fields that are missing are added to `missing`, once each, and leave nothing in the text.
Secret fill(std::string_view text, const Fields& fields, std::vector<std::string>& missing);

}  // namespace tomada::credentials
