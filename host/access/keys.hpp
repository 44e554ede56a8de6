// API keys: made once, shown once, stored as a digest. A key names its tenant and its role.
#pragma once

#include "host/base/result.hpp"
#include "host/base/secret.hpp"
#include "host/runtime/task.hpp"
#include "host/store/tenants.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tomada::access {

inline constexpr std::string_view k_key_prefix = "tmd_";  // so that a leaked key can be searched for
inline constexpr std::size_t k_key_random_chars = 43;     // base62: 256 bits
inline constexpr std::size_t k_key_chars_max = 256;       // of a header's value; longer is refused unread

/// Each may do what those before it may.
enum class Role {
  viewer,    // reads
  operator_,  // starts syncs and tests
  admin,     // everything of its tenant
};
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

struct Principal {
  std::string tenant_id;
  std::string tenant_name;
  Role role{Role::viewer};
};

/// "tmd_" and 43 characters from the system's random source.
Secret make_key();
/// SHA-256 in hex. Unsalted and fast on purpose: a key has 256 random bits, nothing can be guessed from its digest.
std::string key_digest(std::string_view key);

/// NOT_FOUND: no such tenant, says how to make it. INVALID_DATA: unknown role, names the three. The key is in the
/// result and nowhere else.
Result<Secret> create_key(runtime::Task& task, store::Tenants& tenants, std::string_view tenant_name,
                          std::string_view role);

/// `authorization` is the header's value, "Bearer tmd_…". UNAUTHENTICATED: none, malformed, or not known (one answer
/// for all, which holds nothing of what was sent). UNAVAILABLE: the store did not answer.
Result<Principal> authenticate(runtime::Task& task, store::Tenants& tenants, std::string_view authorization);

}  // namespace tomada::access
