#include "host/plugin/trust.hpp"

#include "host/base/encoding.hpp"
#include "host/cage/file_bytes.hpp"

#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>
#include <utility>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

/// As P13 for plugin files: whoever can write here decides what code runs.
std::string writable_by_whom(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "cannot be looked at";
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return "belongs neither to root nor to the host's user; use chown";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "may be written by its group or others; use chmod go-w";
  return {};
}

Result<PublicKey> read_key(const fs::path& file) {
  if (!is_key_name(file.stem().string()))
    return fail(Errc::invalid_data, "the name must be 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit");
  if (const std::string problem = writable_by_whom(file); !problem.empty()) return fail(Errc::invalid_data, problem);
  std::string pem;
  TOMADA_TRY(cage::read_file(file, k_key_bytes_max, [&](std::string_view piece) -> Result<void> {
    pem += piece;
    return {};
  }));
  return parse_public_key(pem);
}

}  // namespace

bool is_key_name(std::string_view name) {
  const auto is_word = [](unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; };
  return !name.empty() && name.size() <= 64 && is_word(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_word(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
         });
}

Result<TrustedKeys> read_trusted_keys(const fs::path& keys_dir) {
  TrustedKeys keys;
  std::error_code error;
  if (keys_dir.empty() || !fs::exists(keys_dir, error)) {
    if (error) return fail(Errc::unavailable, keys_dir.string() + ": " + error.message());
    return keys;
  }
  if (const std::string problem = writable_by_whom(keys_dir); !problem.empty())
    return fail(Errc::unavailable, keys_dir.string() + ": " + problem);
  std::set<fs::path> files;
  for (fs::directory_iterator at(keys_dir, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".pem") files.insert(at->path());
  if (error) return fail(Errc::unavailable, keys_dir.string() + ": " + error.message());
  if (files.size() > k_trusted_keys_max)
    return fail(Errc::unavailable, keys_dir.string() + ": more than " + std::to_string(k_trusted_keys_max) + " keys");
  for (const fs::path& file : files) {
    const auto key = read_key(file);
    if (key.has_error()) keys.problems.push_back(file.string() + ": " + key.error().message);
    else keys.names.emplace(*key, file.stem().string());
  }
  return keys;
}

Result<Trust> Trust::make(TrustOptions options) {
  Trust trust;
  for (std::size_t i = 0; i < options.sha256.size(); ++i) {
    const std::string& pin = options.sha256[i];
    const std::size_t at = pin.find('=');
    const std::string id = pin.substr(0, at);
    const std::string sha256 = at == std::string::npos ? std::string() : pin.substr(at + 1);
    const auto bytes = hex_decode(sha256);
    if (!abi::is_plugin_id(id) || !bytes || bytes->size() != 32)
      return fail(Errc::invalid_config, "plugins.sha256[" + std::to_string(i) + "]: \"" + pin +
                                            "\" is not ID=DIGEST with the 64 hex digits that tomada plugin inspect shows");
    trust.pinned_.emplace(id, hex_encode(*bytes));
  }
  trust.options_ = std::move(options);
  return trust;
}

bool Trust::reload() {
  auto read = read_trusted_keys(options_.keys_dir);
  TrustedKeys now;
  if (read.has_value()) now = *std::move(read);
  else now.problems.push_back(read.error().message + "; no key is trusted");
  if (now.problems != trusted_.problems)
    for (const std::string& problem : now.problems) spdlog::warn("trusted keys: {}", problem);
  const bool is_changed = now.names != trusted_.names;
  trusted_ = std::move(now);
  return is_changed;
}

std::optional<Signer> Trust::judge(const std::string& plugin_id, const std::string& sha256, std::string_view signature_text,
                                   std::vector<abi::Refusal>& refusals) const {
  const auto [first, last] = pinned_.equal_range(plugin_id);
  if (first != last && std::none_of(first, last, [&](const auto& pin) { return pin.second == sha256; }))
    refusals.push_back({"P25", "its sha256 is " + sha256 + ", and plugins.sha256 names others for " + plugin_id +
                                   "; add " + plugin_id + "=" + sha256 + " if you want this file"});

  std::optional<Signer> signer;
  if (!signature_text.empty()) {
    const auto signature = parse_signature(signature_text);
    if (signature.has_error() || !fits(*signature, sha256)) {
      refusals.push_back({"P24", signature.has_error() ? "the signature beside it cannot be read: " + signature.error().message
                                                       : "the signature beside it is of other bytes: the file or the signature "
                                                         "was changed; get both again from the publisher"});
      return std::nullopt;
    }
    const auto name = trusted_.names.find(signature->key);
    signer = Signer{fingerprint(signature->key), name == trusted_.names.end() ? std::string() : name->second};
  }
  if (options_.signature_required && (!signer || signer->name.empty()))
    refusals.push_back({"P23", !signer ? "it is not signed (there is no signature file beside it), and plugins.signatures is \"required\""
                                       : "it is signed with " + signer->fingerprint + ", a key that is not trusted here; if it is the "
                                             "publisher's: tomada plugin trust KEY --name NAME"});
  return signer;
}

}  // namespace tomada::plugin
