// Secrets at rest: AES-256-GCM under a data key for each tenant, each data key wrapped by the master key.
#pragma once

#include "host/base/secret.hpp"
#include "host/runtime/task.hpp"
#include "host/store/tenants.hpp"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::credentials {

/// One integration's credentials in clear; wiped when they go.
using Credentials = std::map<std::string, Secret, std::less<>>;

/// Thread-safe; data keys are unwrapped once and kept in locked memory.
class Vault {
 public:
  /// Reads the master key file (32 random bytes as 64 hex digits) or, when `create`, makes it with mode 0600.
  /// UNAVAILABLE: it cannot be read, is readable by others, or is malformed; says which and how to mend it.
  static Result<std::unique_ptr<Vault>> open(const std::filesystem::path& master_key_file, bool create,
                                             store::Tenants& tenants);
  ~Vault();

  /// At start: INTERNAL when the store's data keys were wrapped by another master key, as with a second host on the same
  /// database that made a master key of its own. Names both.
  Result<void> check(runtime::Task& task);

  /// Encrypts a flat JSON object of strings (numbers and booleans become text). The result is bound to tenant and
  /// integration: opened for another it fails. Makes the tenant's data key when there is none.
  /// INVALID_DATA: not a flat object. The result is binary.
  Result<std::string> seal(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                           const nlohmann::json& credentials);
  /// Empty `sealed` gives no credentials. INTERNAL: damaged, or sealed for another integration or master key.
  Result<Credentials> open_sealed(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                  std::string_view sealed);

  /// Tells accounts apart without telling their secrets: 32 hex digits of a keyed hash, the same on every host with this
  /// master key.
  [[nodiscard]] std::string fingerprint(std::string_view text) const;

 private:
  struct Impl;
  explicit Vault(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::credentials
