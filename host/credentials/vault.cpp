#include "host/credentials/vault.hpp"

#include "host/base/encoding.hpp"
#include "host/credentials/cipher.hpp"
#include "host/credentials/master_key.hpp"
#include "host/scheme/crypto.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <mutex>
#include <optional>

namespace tomada::credentials {
namespace {

constexpr std::size_t k_credentials_bytes_max = 256 * 1024;
constexpr std::size_t k_data_keys_max = 4096;  // kept unwrapped; beyond it all are dropped and unwrapped again

/// Text that is wiped when it goes; reserved in full, since a string that grows leaves copies behind.
struct WipedText {
  std::string text;
  WipedText() = default;
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  ~WipedText() { wipe(text.data(), text.size()); }
};

// In clear: for each field four bytes of length, the name, four bytes of length, the value. JSON's parser would leave
// copies of the secrets in freed memory.
void put(std::string& text, std::string_view field) {
  const auto size = static_cast<std::uint32_t>(field.size());
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 0xff);
  text += field;
}

std::optional<std::string_view> get(std::string_view& text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(text[i]);
  text.remove_prefix(4);
  if (size > text.size()) return std::nullopt;
  const auto field = text.substr(0, size);
  text.remove_prefix(size);
  return field;
}

/// `credentials` as a map, or INVALID_DATA naming the field, never its value.
Result<Credentials> flat(const nlohmann::json& credentials) {
  if (!credentials.is_object()) return fail(Errc::invalid_data, "credentials: must be an object");
  Credentials fields;
  for (const auto& [name, value] : credentials.items()) {
    if (value.is_string()) fields.emplace(name, Secret(std::string_view(value.get_ref<const std::string&>())));
    else if (value.is_number() || value.is_boolean()) fields.emplace(name, Secret(value.dump()));
    else return fail(Errc::invalid_data, "credentials." + name + ": must be a string, a number or a boolean");
  }
  return fields;
}

Result<Credentials> parse(std::string_view clear) {
  Credentials fields;
  while (!clear.empty()) {
    const auto name = get(clear);
    const auto value = name ? get(clear) : std::nullopt;
    if (!value) return fail(Errc::internal, "the stored credentials are damaged");
    fields.insert_or_assign(std::string(*name), Secret(*value));
  }
  return fields;
}

std::string credentials_context(std::string_view tenant_id, std::string_view config_id) {
  return context_of({"credentials", tenant_id, config_id});
}

}  // namespace

struct Vault::Impl {
  std::shared_ptr<const Key> master;
  store::Tenants& tenants;
  std::mutex mutex;  // of data_keys; never held while a task is suspended
  std::map<std::string, std::shared_ptr<const Key>, std::less<>> data_keys;  // with the calls that use one right now

  std::shared_ptr<const Key> remembered(std::string_view tenant_id) {
    const std::lock_guard lock(mutex);
    const auto found = data_keys.find(tenant_id);
    return found == data_keys.end() ? nullptr : found->second;
  }

  void remember(std::string_view tenant_id, const std::shared_ptr<const Key>& key) {
    const std::lock_guard lock(mutex);
    if (data_keys.size() >= k_data_keys_max) data_keys.clear();
    data_keys.insert_or_assign(std::string(tenant_id), key);
  }

  Result<std::shared_ptr<const Key>> unwrap(std::string_view tenant_id, std::string_view wrapped) const {
    if (const auto id = key_id_of(wrapped); !id.empty() && id != master->id())
      return fail(Errc::internal, "the tenant's data key was wrapped by master key " + hex_encode(id) +
                                      ", but this host's master key is " + hex_encode(master->id()) +
                                      "; restore the master key file that belongs to this store");
    WipedText clear;
    if (!open_bytes(*master, wrapped, context_of({"data key", tenant_id}), clear.text) ||
        clear.text.size() != k_key_bytes)
      return fail(Errc::internal, "the tenant's data key is damaged, or is another tenant's");
    return Key::copy_of(clear.text);
  }

  Result<std::shared_ptr<const Key>> make(runtime::Task& task, std::string_view tenant_id) {
    const auto key = Key::random();
    const auto wrapped = seal_bytes(*master, key->expose_key(), context_of({"data key", tenant_id}));
    auto put_outcome = tenants.put_wrapped_key(task, tenant_id, wrapped);
    if (put_outcome.has_value()) return key;
    if (put_outcome.error().code != Errc::conflict) return std::move(put_outcome).error();
    // Another call was first: its key counts.
    TOMADA_TRY_ASSIGN(const auto theirs, tenants.wrapped_key(task, tenant_id));
    if (!theirs) return fail(Errc::internal, "the tenant's data key has gone");
    return unwrap(tenant_id, *theirs);
  }

  /// nullptr: there is none, and `create` is false.
  Result<std::shared_ptr<const Key>> data_key(runtime::Task& task, std::string_view tenant_id, bool create) {
    if (auto key = remembered(tenant_id)) return key;
    TOMADA_TRY_ASSIGN(const auto wrapped, tenants.wrapped_key(task, tenant_id));
    std::shared_ptr<const Key> key;
    if (wrapped) {
      TOMADA_TRY_ASSIGN(key, unwrap(tenant_id, *wrapped));
    } else if (create) {
      TOMADA_TRY_ASSIGN(key, make(task, tenant_id));
    } else {
      return key;
    }
    remember(tenant_id, key);
    return key;
  }
};

Result<std::unique_ptr<Vault>> Vault::open(const std::filesystem::path& master_key_file, bool create,
                                           store::Tenants& tenants) {
  TOMADA_TRY_ASSIGN(auto master, open_master_key(master_key_file, create));
  return std::unique_ptr<Vault>(new Vault(std::unique_ptr<Impl>(new Impl{std::move(master), tenants, {}, {}})));
}

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vault::~Vault() = default;

Result<void> Vault::check(runtime::Task& task) {
  TOMADA_TRY_ASSIGN(const auto tenants, impl_->tenants.list(task));
  for (const store::Tenant& tenant : tenants) {
    TOMADA_TRY_ASSIGN(const auto wrapped, impl_->tenants.wrapped_key(task, tenant.tenant_id));
    if (!wrapped) continue;
    TOMADA_TRY(impl_->unwrap(tenant.tenant_id, *wrapped));
    break;  // all are wrapped by the same
  }
  return {};
}

std::string Vault::fingerprint(std::string_view text) const {
  const std::string key = "account fingerprint of " + std::string(impl_->master->expose_key());
  return hex_encode(scheme::hmac(scheme::Digest::sha256, key, text)).substr(0, 32);
}

Result<std::string> Vault::seal(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                const nlohmann::json& credentials) {
  TOMADA_TRY_ASSIGN(const auto fields, flat(credentials));
  std::size_t bytes = 0;
  for (const auto& [name, value] : fields) bytes += 8 + name.size() + value.expose_secret().size();
  if (bytes > k_credentials_bytes_max)
    return fail(Errc::invalid_data, "credentials: longer than " + std::to_string(k_credentials_bytes_max) + " bytes");
  TOMADA_TRY_ASSIGN(const auto key, impl_->data_key(task, tenant_id, true));
  WipedText clear;
  clear.text.reserve(bytes);
  for (const auto& [name, value] : fields) {
    put(clear.text, name);
    put(clear.text, value.expose_secret());
  }
  return seal_bytes(*key, clear.text, credentials_context(tenant_id, config_id));
}

Result<Credentials> Vault::open_sealed(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                       std::string_view sealed) {
  if (sealed.empty()) return Credentials();
  TOMADA_TRY_ASSIGN(const auto key, impl_->data_key(task, tenant_id, false));
  if (!key) return fail(Errc::internal, "the tenant has no data key, so its stored credentials cannot be opened");
  WipedText clear;
  if (!open_bytes(*key, sealed, credentials_context(tenant_id, config_id), clear.text))
    return fail(Errc::internal, "the stored credentials are damaged, or were sealed for another integration");
  return parse(clear.text);
}

}  // namespace tomada::credentials
