#include "host/plugin/signature.hpp"

#include "host/base/encoding.hpp"
#include "host/cage/file_bytes.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <system_error>

namespace tomada::plugin {
namespace {

constexpr std::string_view k_word = "tomada-signature-1";

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;

std::string_view text_of(const auto& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

template <std::size_t N>
std::optional<std::array<unsigned char, N>> decode(std::string_view base64) {
  const auto bytes = base64_decode(base64);
  if (!bytes || bytes->size() != N) return std::nullopt;
  std::array<unsigned char, N> decoded;
  std::copy(bytes->begin(), bytes->end(), decoded.begin());
  return decoded;
}

/// A passphrase is not asked for: whoever signs in a pipeline has nobody to type it.
int no_passphrase(char*, int, int, void*) { return -1; }

Bio bio_of(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

Result<PublicKey> public_part(const EVP_PKEY* key) {
  PublicKey raw;
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1 || size != raw.size())
    return fail(Errc::invalid_data, "the key's public part cannot be read");
  return raw;
}

bool is_ed25519(const Key& key) { return key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519; }

}  // namespace

std::filesystem::path signature_file_of(const std::filesystem::path& file) {
  std::filesystem::path signature = file;
  return signature += ".sig";
}

Result<std::string> signature_beside(const std::filesystem::path& file) {
  const std::filesystem::path signature = signature_file_of(file);
  std::string text;
  std::error_code error;
  if (!std::filesystem::exists(signature, error)) {
    if (error) return fail(Errc::unavailable, signature.string() + ": " + error.message());
    return text;
  }
  TOMADA_TRY(cage::read_file(signature, k_signature_bytes_max, [&](std::string_view piece) -> Result<void> {
    text += piece;
    return {};
  }));
  if (text.empty()) return fail(Errc::invalid_data, signature.string() + ": is empty");
  return text;
}

std::string format_signature(const Signature& signature) {
  return std::string(k_word) + " " + base64_encode(text_of(signature.key)) + " " + base64_encode(text_of(signature.value)) + "\n";
}

Result<Signature> parse_signature(std::string_view text) {
  const Error wrong = fail(Errc::invalid_data, "must be one line: " + std::string(k_word) + " KEY VALUE, as tomada plugin sign writes it");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (!text.starts_with(k_word) || text.size() == k_word.size() || text[k_word.size()] != ' ') return wrong;
  text.remove_prefix(k_word.size() + 1);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return wrong;
  const auto key = decode<32>(text.substr(0, space));
  const auto value = decode<64>(text.substr(space + 1));
  if (!key || !value) return wrong;
  return Signature{*key, *value};
}

std::string signed_text(std::string_view sha256) { return "tomada-plugin-sha256:" + std::string(sha256); }

bool fits(const Signature& signature, std::string_view sha256) {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, signature.key.data(), signature.key.size()));
  const Digest context(EVP_MD_CTX_new());
  const std::string text = signed_text(sha256);
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.value.data(), signature.value.size(), bytes_of(text), text.size()) == 1;
}

Result<Signature> sign(const Secret& private_key_pem, std::string_view sha256) {
  const Bio bio = bio_of(private_key_pem.expose_secret());
  const Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!is_ed25519(key))
    return fail(Errc::invalid_data, "holds no private ed25519 key without a passphrase; make one with: "
                                    "openssl genpkey -algorithm ed25519 -out KEY");
  Signature signature;
  TOMADA_TRY_ASSIGN(signature.key, public_part(key.get()));
  const Digest context(EVP_MD_CTX_new());
  const std::string text = signed_text(sha256);
  std::size_t size = signature.value.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.value.data(), &size, bytes_of(text), text.size()) != 1 || size != signature.value.size())
    return fail(Errc::internal, "OpenSSL could not sign");
  return signature;
}

Result<PublicKey> parse_public_key(std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Key key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!is_ed25519(key))
    return fail(Errc::invalid_data, "holds no public ed25519 key; make one with: openssl pkey -in KEY -pubout");
  return public_part(key.get());
}

std::string format_public_key(const PublicKey& raw) {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!key || !bio || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint(const PublicKey& key) {
  std::array<unsigned char, 32> digest;
  EVP_Digest(key.data(), key.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return "ed25519:" + hex_encode(text_of(digest)).substr(0, 16);
}

}  // namespace tomada::plugin
