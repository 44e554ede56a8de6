#include "tests/unit/http/curl_fixture.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace tomada::http {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;

KeyPtr make_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void extend(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

CertPtr make_cert(EVP_PKEY* key, const char* name, const char* alternative, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 1;
  CertPtr cert(X509_new(), &X509_free);
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* signer = issuer != nullptr ? issuer : cert.get();
  X509_set_issuer_name(cert.get(), X509_get_subject_name(signer));
  extend(cert.get(), signer, NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (alternative != nullptr) extend(cert.get(), signer, NID_subject_alt_name, alternative);
  X509_sign(cert.get(), issuer_key, EVP_sha256());
  return cert;
}

struct CurlTlsTest : CurlFixture {
  KeyPtr ca_key = make_key();
  CertPtr ca = make_cert(ca_key.get(), "Test CA", nullptr, nullptr, ca_key.get());
  std::filesystem::path folder;
  std::vector<SSL_CTX*> contexts;

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tomada-tls-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    std::FILE* file = std::fopen(ca_file().c_str(), "w");
    PEM_write_X509(file, ca.get());
    std::fclose(file);
    trust(ca_file());
  }
  void TearDown() override {
    for (SSL_CTX* context : contexts) SSL_CTX_free(context);
    std::filesystem::remove_all(folder);
  }
  std::string ca_file() const { return (folder / "ca.pem").string(); }
  void trust(std::string file) {
    client = make_curl_client(loop, {.ca_file = std::move(file), .allow_private = {"127.0.0.0/8"}});
  }
  SSL_CTX* context_for(const char* alternative) {
    const KeyPtr key = make_key();
    const CertPtr cert = make_cert(key.get(), "server", alternative, ca.get(), ca_key.get());
    SSL_CTX* context = contexts.emplace_back(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context, cert.get());
    SSL_CTX_use_PrivateKey(context, key.get());
    return context;
  }
};

TEST_F(CurlTlsTest, TrustsTheGivenAuthority) {
  TestServer server(always("safe"), context_for("DNS:localhost"));
  for (int i = 0; i < 3; ++i) {
    const auto response = get(server.url());
    ASSERT_TRUE(response.has_value()) << response.error().message;
    EXPECT_EQ(response->body, "safe");
  }
  EXPECT_EQ(server.connections_count(), 1u);
}

TEST_F(CurlTlsTest, RefusesAnUnknownAuthority) {
  TestServer server(always("x"), context_for("DNS:localhost"));
  trust("");
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_error());
  EXPECT_EQ(response.error().code, Errc::unavailable);
  EXPECT_NE(response.error().message.find("TLS certificate of localhost"), std::string::npos) << response.error().message;
}

TEST_F(CurlTlsTest, RefusesACertificateOfAnotherHost) {
  TestServer server(always("x"), context_for("DNS:other.example"));
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_error());
  EXPECT_NE(response.error().message.find("TLS certificate"), std::string::npos) << response.error().message;
}

TEST_F(CurlTlsTest, RefusesOldVersionsOfTls) {
  SSL_CTX* context = context_for("DNS:localhost");
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  TestServer server(always("x"), context);
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_error());
  EXPECT_EQ(response.error().code, Errc::unavailable);
  EXPECT_NE(response.error().message.find("TLS"), std::string::npos) << response.error().message;
}

TEST_F(CurlTlsTest, SaysWhenTheCaFileIsMissing) {
  TestServer server(always("x"), context_for("DNS:localhost"));
  trust((folder / "missing.pem").string());
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_error());
  EXPECT_NE(response.error().message.find("trusted TLS certificates"), std::string::npos) << response.error().message;
}

}  // namespace
}  // namespace tomada::http
