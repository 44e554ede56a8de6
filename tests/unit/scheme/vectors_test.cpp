// Every published and generated signature vector, through the manifests that describe the schemes.
#include "host/base/encoding.hpp"
#include "host/scheme/scheme.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tomada::scheme {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path k_source = TOMADA_SOURCE_DIR;
const fs::path k_vectors = k_source / "tests/vectors/webhooks";

json read(const fs::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  return json::parse(in);
}

/// The real plugin's manifest where there is one.
json webhook_of(const std::string& provider) {
  if (provider == "stripe") return read(k_source / "plugins/stripe/manifest.json").at("webhook");
  if (provider == "github" || provider.starts_with("standard-webhooks")) return read(k_source / "plugins/webhook/manifest.json").at("webhook");
  return read(k_vectors / "manifests" / (provider + ".json"));
}

struct Vector {
  std::string file;
  json data;
  [[nodiscard]] std::string body() const { return *base64_decode(data.at("body_base64").get<std::string>()); }
};

std::vector<Vector> all_vectors() {
  std::vector<Vector> vectors;
  for (const auto& entry : fs::directory_iterator(k_vectors)) {
    const std::string name = entry.path().stem();
    // PayPal signs with a certificate that has to be fetched from an address in the request: that needs code.
    if (entry.path().extension() != ".json" || name == "paypal") continue;
    for (auto& data : read(entry.path())) vectors.push_back({name, std::move(data)});
  }
  std::sort(vectors.begin(), vectors.end(), [](const Vector& a, const Vector& b) { return a.file < b.file; });
  return vectors;
}

class SchemeVectors : public testing::TestWithParam<Vector> {
 protected:
  void SetUp() override {
    const Vector& vector = GetParam();
    auto compiled = Webhook::compile(webhook_of(vector.file), nullptr);
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message;
    webhook = *compiled;
    for (const auto& [name, value] : vector.data.at("headers").items()) headers.emplace_back(name, value);
    method = vector.data.at("method");
    url = vector.data.at("url");
    body = vector.body();
    secret = vector.data.at("secret");
    for (const std::string& field : webhook->secret_fields()) secrets[field] = {secret};
    options.now_s = vector.data.at("now_unix");
    options.allow_legacy = true;
    if (!vector.data.at("tolerance_s").is_null()) options.tolerance_s = vector.data.at("tolerance_s").get<std::int64_t>();
  }

  /// As the intake and the command judge: a handshake counts as well.
  bool accepted(const Inbound& inbound) {
    verdict = webhook->verify(inbound, secrets, options);
    const auto shaken = webhook->handshake(inbound, secrets, verdict);
    if (shaken.has_value() && *shaken) reply = **shaken;
    return verdict.valid || reply.has_value();
  }
  Inbound inbound() const { return {.method = method, .url = url, .headers = headers, .body = body}; }

  std::shared_ptr<const Webhook> webhook;
  Headers headers;
  std::string method, url, body, secret;
  Secrets secrets;
  Options options;
  Verdict verdict;
  std::optional<Handshake> reply;
};

TEST_P(SchemeVectors, AreJudgedAsTheirMakersSay) {
  const json& data = GetParam().data;
  EXPECT_EQ(accepted(inbound()), data.at("expect") == "valid")
      << data.at("description") << ": " << data.at("reason") << "\nours: " << verdict.scheme << ": " << verdict.reason;
  if (!verdict.valid && !reply) { EXPECT_FALSE(verdict.reason.empty()); }
  if (data.contains("expect_response_body") && data.at("expect") == "valid") {
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->body, data.at("expect_response_body"));
  }
}

TEST_P(SchemeVectors, AreRefusedWithoutASecret) {
  secrets.clear();
  EXPECT_FALSE(webhook->verify(inbound(), secrets, options).valid);
  for (const std::string& field : webhook->secret_fields()) secrets[field] = {""};
  EXPECT_FALSE(webhook->verify(inbound(), secrets, options).valid);
}

std::string name_of(const testing::TestParamInfo<Vector>& vector) {
  std::string name = vector.param.file + "_" + std::to_string(vector.index);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Webhooks, SchemeVectors, testing::ValuesIn(all_vectors()), name_of);

}  // namespace
}  // namespace tomada::scheme
