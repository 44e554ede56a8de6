#include "host/access/keys.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"
#include "host/base/uuid.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace tomada::access {
namespace {

constexpr std::string_view k_alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool is_scheme_bearer(std::string_view text) {
  constexpr std::string_view k_bearer = "bearer ";
  return text.size() > k_bearer.size() &&
         std::equal(k_bearer.begin(), k_bearer.end(), text.begin(),
                    [](char expected, char c) { return expected == (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); });
}

Error refused() {
  return fail(Errc::unauthenticated, "a valid API key is needed: Authorization: Bearer tmd_…");
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::viewer: return "viewer";
    case Role::operator_: return "operator";
    case Role::admin: return "admin";
  }
  return "viewer";
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::viewer, Role::operator_, Role::admin})
    if (text == to_string(role)) return role;
  return std::nullopt;
}

Secret make_key() {
  std::string key(k_key_prefix);
  key.reserve(k_key_prefix.size() + k_key_random_chars);
  while (key.size() < k_key_prefix.size() + k_key_random_chars) {
    std::array<unsigned char, 64> random{};
    TOMADA_ASSERT(RAND_bytes(random.data(), static_cast<int>(random.size())) == 1);
    for (const unsigned char byte : random) {
      // 248 = 4 * 62: above it some characters would come more often than others.
      if (byte >= 248 || key.size() == k_key_prefix.size() + k_key_random_chars) continue;
      key += k_alphabet[byte % k_alphabet.size()];
    }
    wipe(random.data(), random.size());
  }
  return Secret(std::move(key));
}

std::string key_digest(std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  TOMADA_ASSERT(EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  std::string bytes(size, '\0');
  std::transform(digest.begin(), digest.begin() + size, bytes.begin(), [](unsigned char c) { return static_cast<char>(c); });
  return hex_encode(bytes);
}

Result<Secret> create_key(runtime::Task& task, store::Tenants& tenants, std::string_view tenant_name,
                          std::string_view role) {
  if (!parse_role(role))
    return fail(Errc::invalid_data, "role must be one of: viewer, operator, admin; not \"" + std::string(role) + "\"");
  TOMADA_TRY_ASSIGN(const auto tenant, tenants.find_by_name(task, tenant_name));
  if (!tenant)
    return fail(Errc::not_found, "no tenant named " + std::string(tenant_name) + "; make it with: tomada tenant create " +
                                     std::string(tenant_name));
  Secret key = make_key();
  TOMADA_TRY(tenants.add_key(task, store::ApiKey{.key_id = make_uuid_v7(task.clock().wall()),
                                                 .tenant_id = tenant->tenant_id,
                                                 .tenant_name = tenant->name,
                                                 .role = std::string(role),
                                                 .key_sha256 = key_digest(key.expose_secret()),
                                                 .created_at_ms = task.clock().unix_ms()}));
  return key;
}

Result<Principal> authenticate(runtime::Task& task, store::Tenants& tenants, std::string_view authorization) {
  if (authorization.size() > k_key_chars_max || !is_scheme_bearer(authorization)) return refused();
  std::string_view key = authorization.substr(authorization.find(' '));
  while (!key.empty() && key.front() == ' ') key.remove_prefix(1);
  if (!key.starts_with(k_key_prefix)) return refused();
  // Looked up by digest, so the time of the answer says nothing about a key's characters.
  TOMADA_TRY_ASSIGN(const auto found, tenants.find_key(task, key_digest(key)));
  if (!found) return refused();
  const auto role = parse_role(found->role);
  if (!role) return fail(Errc::internal, "key " + found->key_id + " has an unknown role");
  return Principal{.tenant_id = found->tenant_id, .tenant_name = found->tenant_name, .role = *role};
}

}  // namespace tomada::access
