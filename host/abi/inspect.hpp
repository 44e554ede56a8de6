// Looks at a plugin file without running any code of it: the note, the exports, what it needs. Each refusal names its
// rule; sdk-docs/rules.md lists them.
#pragma once

#include "host/abi/manifest.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::abi {

inline constexpr std::size_t k_plugin_bytes_max = 256 * 1024 * 1024;

/// "P04": the number in sdk-docs/rules.md.
struct Refusal {
  std::string rule;
  std::string reason;  // what, where, how to mend it
};

/// What a loader said: "P18: the entry …" is P18's, and what has no number is `otherwise`'s.
Refusal refusal_of(std::string_view message, std::string_view otherwise);

struct Inspection {
  Manifest manifest;
  std::string sha256;  // of the file, hex
  std::uint64_t size_bytes{};
  std::vector<std::string> exports;
  std::vector<std::string> needed_libraries;
  std::string glibc_min;           // "2.34"
  std::vector<Refusal> refusals;   // empty: may be loaded
  bool has_manifest{false};        // manifest is valid
};

/// The checks on the bytes of a file. Never throws, never reads outside `image`.
Inspection inspect_image(std::span<const char> image);
/// The same for a file, with the checks of its owner and mode. NOT_FOUND, UNAVAILABLE: it could not be read.
Result<Inspection> inspect_file(const std::filesystem::path& file);

}  // namespace tomada::abi
