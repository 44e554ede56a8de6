#include "host/credentials/cipher.hpp"

#include "host/base/assert.hpp"
#include "host/base/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>
#include <mutex>

namespace tomada::credentials {
namespace {

constexpr char k_version = 1;
constexpr std::size_t k_nonce_bytes = 12;
constexpr std::size_t k_tag_bytes = 16;
constexpr std::size_t k_header_bytes = 1 + k_key_id_bytes;
constexpr std::size_t k_secure_heap_bytes = 256 * 1024;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* in(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* out(std::string& bytes, std::size_t at) { return reinterpret_cast<unsigned char*>(bytes.data()) + at; }
int length(std::string_view bytes) { return static_cast<int>(bytes.size()); }

// OpenSSL fails here only when it has no memory or no randomness: nothing that a caller could mend.
void must(int ok) { TOMADA_ASSERT(ok == 1); }

unsigned char* key_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Best effort: without room in RLIMIT_MEMLOCK the heap exists but may be swapped.
    if (CRYPTO_secure_malloc_initialized() == 0) CRYPTO_secure_malloc_init(k_secure_heap_bytes, k_key_bytes);
  });
  void* memory = OPENSSL_secure_malloc(k_key_bytes);
  if (memory == nullptr) memory = OPENSSL_malloc(k_key_bytes);  // the secure heap is full
  TOMADA_ASSERT(memory != nullptr);
  return static_cast<unsigned char*>(memory);
}

}  // namespace

Key::Key() : bytes_(key_memory()) {}

Key::~Key() {
  OPENSSL_cleanse(bytes_, k_key_bytes);
  if (CRYPTO_secure_allocated(bytes_) == 1) OPENSSL_secure_free(bytes_);
  else OPENSSL_free(bytes_);
}

std::shared_ptr<const Key> Key::random() {
  std::shared_ptr<Key> key(new Key);
  must(RAND_priv_bytes(key->bytes_, static_cast<int>(k_key_bytes)));
  key->name();
  return key;
}

std::shared_ptr<const Key> Key::copy_of(std::string_view bytes) {
  TOMADA_ASSERT(bytes.size() == k_key_bytes);
  std::shared_ptr<Key> key(new Key);
  std::memcpy(key->bytes_, bytes.data(), k_key_bytes);
  key->name();
  return key;
}

std::string_view Key::expose_key() const { return {reinterpret_cast<const char*>(bytes_), k_key_bytes}; }

void Key::name() {
  std::string text = "tomada key id";
  text += expose_key();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  must(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr));
  wipe(text.data(), text.size());
  std::memcpy(id_.data(), digest.data(), id_.size());
}

std::string seal_bytes(const Key& key, std::string_view clear, std::string_view context) {
  std::string sealed(1, k_version);
  sealed.reserve(k_header_bytes + k_nonce_bytes + clear.size() + k_tag_bytes);
  sealed += key.id();
  sealed.resize(k_header_bytes + k_nonce_bytes + clear.size() + k_tag_bytes);
  must(RAND_bytes(out(sealed, k_header_bytes), static_cast<int>(k_nonce_bytes)));
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  must(EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), in(key.expose_key()), out(sealed, k_header_bytes), nullptr));
  must(EVP_EncryptUpdate(cipher.get(), nullptr, &written, in(sealed), static_cast<int>(k_header_bytes)));
  must(EVP_EncryptUpdate(cipher.get(), nullptr, &written, in(context), length(context)));
  const std::size_t body = k_header_bytes + k_nonce_bytes;
  must(EVP_EncryptUpdate(cipher.get(), out(sealed, body), &written, in(clear), length(clear)));
  must(EVP_EncryptFinal_ex(cipher.get(), out(sealed, body + clear.size()), &written));
  must(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(k_tag_bytes),
                           out(sealed, body + clear.size())));
  return sealed;
}

bool open_bytes(const Key& key, std::string_view sealed, std::string_view context, std::string& clear) {
  if (key_id_of(sealed) != key.id()) return false;
  const std::string_view header = sealed.substr(0, k_header_bytes);
  const std::string_view nonce = sealed.substr(k_header_bytes, k_nonce_bytes);
  const std::string_view body =
      sealed.substr(k_header_bytes + k_nonce_bytes, sealed.size() - k_header_bytes - k_nonce_bytes - k_tag_bytes);
  std::string tag(sealed.substr(sealed.size() - k_tag_bytes));
  std::string text(body.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  must(EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), in(key.expose_key()), in(nonce), nullptr));
  must(EVP_DecryptUpdate(cipher.get(), nullptr, &written, in(header), length(header)));
  must(EVP_DecryptUpdate(cipher.get(), nullptr, &written, in(context), length(context)));
  must(EVP_DecryptUpdate(cipher.get(), out(text, 0), &written, in(body), length(body)));
  must(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(k_tag_bytes), tag.data()));
  if (EVP_DecryptFinal_ex(cipher.get(), out(text, body.size()), &written) != 1) {
    wipe(text.data(), text.size());
    return false;
  }
  clear = std::move(text);
  return true;
}

std::string_view key_id_of(std::string_view sealed) {
  if (sealed.size() < k_header_bytes + k_nonce_bytes + k_tag_bytes || sealed[0] != k_version) return {};
  return sealed.substr(1, k_key_id_bytes);
}

std::string context_of(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return text;
}

}  // namespace tomada::credentials
