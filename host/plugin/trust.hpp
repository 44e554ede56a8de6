// Whose plugin files this host takes: the keys an operator trusts, the digests an operator pinned.
#pragma once

#include "host/abi/inspect.hpp"
#include "host/plugin/signature.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::plugin {

inline constexpr std::size_t k_trusted_keys_max = 100;

struct TrustOptions {
  bool signature_required{false};
  std::filesystem::path keys_dir;   // NAME.pem, a public key each; empty: no key is trusted
  std::vector<std::string> sha256;  // "ID=HEX": of that plugin only these contents
};

/// Of a file with a signature that fits it.
struct Signer {
  std::string fingerprint;
  std::string name;  // the trusted key's; empty: it is not trusted
  bool operator==(const Signer&) const = default;
};

/// 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.', beginning with a letter or digit.
bool is_key_name(std::string_view name);

struct TrustedKeys {
  std::map<PublicKey, std::string> names;
  std::vector<std::string> problems;  // files that count for nothing, and why: "DIR/a.pem: …"
};
/// The *.pem of a directory; one that is not there holds none. A file that group or others may write, whose owner is neither root
/// nor this process's user, or that is no key, is a problem and no key. UNAVAILABLE: the directory cannot be read, or others may
/// write it, or it has more than k_trusted_keys_max.
Result<TrustedKeys> read_trusted_keys(const std::filesystem::path& keys_dir);

/// Blocks on the disk in reload(). One thread.
class Trust {
 public:
  /// INVALID_CONFIG: "plugins.sha256[0]: …".
  static Result<Trust> make(TrustOptions options);

  /// Reads the keys again. True: judge() may answer differently now. What cannot be read is not trusted, and is told in the log.
  bool reload();
  /// May this content be loaded? `signature_text` is that of its signature file, empty: there is none. Reasons why not are added
  /// to `refusals` (P23, P24, P25).
  std::optional<Signer> judge(const std::string& plugin_id, const std::string& sha256, std::string_view signature_text,
                              std::vector<abi::Refusal>& refusals) const;

 private:
  TrustOptions options_;
  std::multimap<std::string, std::string> pinned_;  // plugin id, sha256
  TrustedKeys trusted_;
};

}  // namespace tomada::plugin
