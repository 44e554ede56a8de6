// What the rules need to know of an ELF file; the only folder-internal header over libelf.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tomada::abi {

struct ElfFacts {
  enum class Shape { ok, not_elf, other_machine, truncated };
  Shape shape{Shape::ok};
  std::string shape_detail;  // for a person, when the shape is not ok

  bool is_shared_object{false};  // not an executable, not an object file
  std::vector<std::string> manifests;  // the descriptions of all manifest notes (at most a few)
  std::size_t manifests_count{0};
  std::vector<std::string> exports;         // defined, default visibility, not made by the linker
  std::vector<std::string> unique_symbols;  // STB_GNU_UNIQUE
  std::vector<std::string> needed;
  std::vector<std::string> glibc_versions;  // "2.34", "PRIVATE" as verneed says
  bool static_tls{false};
  bool defines_cxx_runtime{false};
  bool imports_unwinder{false};
};

/// Reads nothing outside `image`. libelf converts in place: the bytes may change.
ElfFacts read_elf(std::span<char> image);

}  // namespace tomada::abi
