#include "host/abi/inspect.hpp"

#include "host/abi/elf_facts.hpp"
#include "host/abi/host_table.hpp"
#include "host/base/encoding.hpp"

#include <tomada/plugin.h>

#include <gnu/libc-version.h>
#include <openssl/evp.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace tomada::abi {
namespace {

constexpr std::size_t k_names_shown_max = 5;

std::string sha256_of(std::span<const char> bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex_encode(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

/// "a, b, c and 7 more"
std::string first_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), k_names_shown_max); ++i)
    list += (list.empty() ? "" : ", ") + names[i];
  if (names.size() > k_names_shown_max) list += " and " + std::to_string(names.size() - k_names_shown_max) + " more";
  return list;
}

/// {2, 34} of "2.34"
std::pair<int, int> version_of(std::string_view text) {
  std::pair<int, int> version{0, 0};
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec == std::errc() && major.ptr != end && *major.ptr == '.')
    std::from_chars(major.ptr + 1, end, version.second);
  return version;
}

bool is_allowed_library(std::string_view name) {
  static constexpr std::array<std::string_view, 8> k_allowed{
      "libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2",
      "libpthread.so.0", "libdl.so.2", "librt.so.1"};  // the last three are parts of libc since 2.34
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  for (const std::string_view runtime : {"libasan.so", "libubsan.so", "libtsan.so"})
    if (name.starts_with(runtime)) return true;
#endif
  return std::find(k_allowed.begin(), k_allowed.end(), name) != k_allowed.end();
}

class Judge {
 public:
  Judge(const ElfFacts& facts, Inspection& inspection) : facts_(facts), inspection_(inspection) {}

  void judge() {
    if (!judge_shape()) return;
    judge_manifest();
    judge_symbols();
    judge_libraries();
    judge_glibc();
    judge_tls_and_runtime();
  }

 private:
  void refuse(const char* rule, std::string reason) { inspection_.refusals.push_back({rule, std::move(reason)}); }

  bool judge_shape() {
    switch (facts_.shape) {
      case ElfFacts::Shape::not_elf:
        refuse("P01", "this is not an ELF file: a plugin is a shared library for Linux");
        return false;
      case ElfFacts::Shape::other_machine:
        refuse("P02", "built for another machine (" + facts_.shape_detail + "): build it for 64-bit x86-64 Linux");
        return false;
      case ElfFacts::Shape::truncated:
        refuse("P03", "the file is truncated or malformed: " + facts_.shape_detail + "; copy or build it again");
        return false;
      case ElfFacts::Shape::ok: break;
    }
    if (!facts_.is_shared_object) refuse("P04", "not a shared object: link it with -shared (CMake: a MODULE library)");
    return true;
  }

  void judge_manifest() {
    if (facts_.manifests_count != 1) {
      refuse("P05", facts_.manifests_count == 0
                        ? "no manifest note: build it with tomada_add_plugin, which puts the manifest into " +
                              std::string(TOMADA_NOTE_SECTION)
                        : "several manifest notes: a plugin has exactly one");
      return;
    }
    auto manifest = parse_manifest(facts_.manifests.front());
    if (manifest.has_error()) {
      refuse(manifest.error().code == Errc::too_new ? "P07" : "P06",
             (manifest.error().code == Errc::too_new ? "needs a newer or other plugin ABI than this host has: "
                                                     : "the manifest is not valid: ") +
                 manifest.error().message);
      return;
    }
    inspection_.manifest = std::move(*manifest);
    inspection_.has_manifest = true;
    const auto known = known_services();
    for (const auto& id : inspection_.manifest.services_required)
      if (std::find(known.begin(), known.end(), id) == known.end())
        refuse("P14", "requires the service " + id + ", which this host does not have; a newer host may, or name it under "
                      "services.optional");
  }

  void judge_symbols() {
    const auto& exports = inspection_.exports;
    std::vector<std::string> extra;
    std::copy_if(exports.begin(), exports.end(), std::back_inserter(extra),
                 [](const std::string& name) { return name != TOMADA_PLUGIN_ENTRY_NAME; });
    if (extra.size() == exports.size())
      refuse("P08", "does not export " + std::string(TOMADA_PLUGIN_ENTRY_NAME) + ": define it with TOMADA_EXPORT");
    if (!extra.empty())
      refuse("P08", "exports more than " + std::string(TOMADA_PLUGIN_ENTRY_NAME) + ": " + first_of(extra) +
                        "; hide them with -fvisibility=hidden and the version script");
    if (!facts_.unique_symbols.empty())
      refuse("P12", "has symbols that are unique in the process (STB_GNU_UNIQUE): " + first_of(facts_.unique_symbols) +
                        "; compile with -fno-gnu-unique");
  }

  void judge_libraries() {
    std::vector<std::string> extra;
    std::copy_if(facts_.needed.begin(), facts_.needed.end(), std::back_inserter(extra),
                 [](const std::string& name) { return !is_allowed_library(name); });
    if (!extra.empty())
      refuse("P09", "needs libraries besides libc, libm, libstdc++ and libgcc_s: " + first_of(extra) +
                        "; link them statically with hidden symbols, or use the host's services");
  }

  void judge_glibc() {
    std::pair<int, int> newest{0, 0};
    bool is_private = false;
    for (const auto& name : facts_.glibc_versions) {
      if (name == "PRIVATE") is_private = true;
      newest = std::max(newest, name == "ABI_DT_RELR" ? std::pair{2, 36} : version_of(name));
    }
    if (newest.first != 0)
      inspection_.glibc_min = std::to_string(newest.first) + "." + std::to_string(newest.second);
    if (newest > version_of(gnu_get_libc_version()))
      refuse("P10", "needs GLIBC " + inspection_.glibc_min + "; this machine has " + gnu_get_libc_version() +
                        ": build it on an older system");
    if (is_private) refuse("P10", "uses private symbols of GLIBC (GLIBC_PRIVATE), which change with every release");
  }

  void judge_tls_and_runtime() {
    const bool is_coroutine = inspection_.has_manifest && inspection_.manifest.call_model == CallModel::coroutine;
    if (facts_.static_tls && is_coroutine)
      refuse("P11", "has static thread-local storage, which call model coroutine does not bear: compile with -fPIC and "
                    "without -ftls-model=initial-exec, or declare call model thread");
    const auto& needed = facts_.needed;
    const bool is_cxx = inspection_.has_manifest && inspection_.manifest.language == "c++";
    const bool lacks_runtime = std::find(needed.begin(), needed.end(), "libstdc++.so.6") == needed.end();
    if (is_coroutine && (facts_.defines_cxx_runtime || (is_cxx && facts_.imports_unwinder && lacks_runtime)))
      refuse("P19", "contains its own C++ runtime (static libstdc++), whose exceptions break when calls interleave on one "
                    "thread: link libstdc++ dynamically, or declare call model thread");
  }

  const ElfFacts& facts_;
  Inspection& inspection_;
};

Inspection inspect_writable(std::span<char> image) {
  Inspection inspection;
  inspection.size_bytes = image.size();
  inspection.sha256 = sha256_of(image);
  const ElfFacts facts = read_elf(image);
  inspection.exports = facts.exports;
  inspection.needed_libraries = facts.needed;
  Judge(facts, inspection).judge();
  return inspection;
}

Inspection refused_file(std::uint64_t size_bytes, std::string reason) {
  Inspection inspection;
  inspection.size_bytes = size_bytes;
  inspection.refusals.push_back({"P20", std::move(reason)});
  return inspection;
}

struct Descriptor {
  int number;
  ~Descriptor() { if (number >= 0) ::close(number); }
};

Result<std::vector<char>> read_all(int descriptor, std::size_t size) {
  std::vector<char> bytes(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::read(descriptor, bytes.data() + filled, size - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Errc::unavailable, std::string("cannot be read: ") + std::strerror(errno));
    if (count == 0) break;  // it shrank; what is left is judged
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

Inspection inspect_image(std::span<const char> image) {
  if (image.size() > k_plugin_bytes_max) return refused_file(image.size(), "larger than 256 MiB");
  std::vector<char> copy(image.begin(), image.end());  // libelf wants to write
  return inspect_writable(copy);
}

Refusal refusal_of(std::string_view message, std::string_view otherwise) {
  const bool is_numbered = message.size() > 5 && message[0] == 'P' && message.substr(3, 2) == ": ";
  if (!is_numbered) return {std::string(otherwise), std::string(message)};
  return {std::string(message.substr(0, 3)), std::string(message.substr(5))};
}

Result<Inspection> inspect_file(const std::filesystem::path& file) {
  // NONBLOCK: a named pipe must not hold us up before it is refused.
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status{};
  if (descriptor.number < 0 || ::fstat(descriptor.number, &status) != 0) {
    const int reason = errno;
    return fail(reason == ENOENT || reason == ENOTDIR ? Errc::not_found : Errc::unavailable,
                file.string() + ": " + std::strerror(reason));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode)) return refused_file(0, "not a regular file");
  if (size > k_plugin_bytes_max) return refused_file(size, "larger than 256 MiB");
  auto bytes = read_all(descriptor.number, size);
  if (bytes.has_error()) return std::move(bytes).error().within(file.string());
  Inspection inspection = inspect_writable(*bytes);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    inspection.refusals.push_back({"P13", "writable by its group or by others: chmod go-w " + file.string()});
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    inspection.refusals.push_back(
        {"P13", "owned by user " + std::to_string(status.st_uid) + ": it must be owned by root or by the host's user"});
  return inspection;
}

}  // namespace tomada::abi
