// What a plugin may do beyond its own records: what a version asks for, and what the operator approved for a tenant.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::plugin {

inline constexpr std::size_t k_capabilities_bytes_max = 1024 * 1024;  // of their text: that of a manifest is no longer

struct Capabilities {
  std::vector<std::string> hosts;  // as the manifest writes them: templates over config fields, "*.example.com"; sorted, each once
  bool secrets{};                  // reads credentials in clear
  bool storage{};                  // keeps data between calls
  bool operator==(const Capabilities&) const = default;
};

Capabilities asked_by(const abi::Manifest& manifest);

/// What of `asked` is not covered by `approved`; nullopt: nothing. A host is covered by the same text, or by an approved
/// "*.example.com" that matches whatever it can become.
std::optional<Capabilities> missing(const Capabilities& asked, const Capabilities& approved);
/// Both together.
Capabilities united(Capabilities left, const Capabilities& right);

/// {"hosts":["api.example.com"],"secrets":false,"storage":true}: one text for what is equal.
std::string to_json(const Capabilities& capabilities);
/// INVALID_DATA, naming the field: not such a text, or over k_capabilities_bytes_max.
Result<Capabilities> from_json(std::string_view text);

/// For people: "requests to api.example.com; reads credentials in clear; keeps data in storage", or "nothing". Printable
/// ASCII, whatever the plugin wrote; more than `hosts_count_max` hosts end in "and 7 more".
std::string words(const Capabilities& capabilities, std::size_t hosts_count_max = SIZE_MAX);

}  // namespace tomada::plugin
