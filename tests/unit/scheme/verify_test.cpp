// What the vectors do not show: reasons, rotation, downgrades, extreme clocks, tokens.
#include "host/base/encoding.hpp"
#include "host/scheme/crypto.hpp"
#include "host/scheme/scheme.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>

namespace tomada::scheme {
namespace {

using nlohmann::json;

std::shared_ptr<const Webhook> compile(const char* text) {
  const auto compiled = Webhook::compile(json::parse(text), nullptr);
  EXPECT_TRUE(compiled.has_value()) << (compiled.has_error() ? compiled.error().message : "");
  return *compiled;
}

constexpr std::int64_t k_now_s = 1'700'000'000;
constexpr std::string_view k_url = "https://h.example/x";

constexpr const char* k_timed = R"({
  "schemes": [{"id": "v1", "algorithm": "hmac-sha256", "signature": {"header": "X-Signature", "separator": ",", "prefix": "v1="},
               "timestamp": {"header": "X-Signature", "separator": ",", "prefix": "t="}, "signed": "{timestamp}.{body}"}]})";

std::string signature(std::string_view secret, std::int64_t time, std::string_view body) {
  return hex_encode(hmac(Digest::sha256, secret, std::to_string(time) + "." + std::string(body)));
}
std::string header(std::string_view secret, std::int64_t time) {
  return "t=" + std::to_string(time) + ",v1=" + signature(secret, time, "{}");
}

std::string reason(const std::shared_ptr<const Webhook>& webhook, const Headers& headers, const Secrets& secrets,
                   Options options = {.now_s = k_now_s}) {
  const Verdict verdict =
      webhook->verify({.method = "POST", .url = k_url, .headers = headers, .body = "{}"}, secrets, options);
  EXPECT_EQ(verdict.valid, verdict.reason.empty());
  return verdict.valid ? "valid" : verdict.reason;
}

const Secrets k_secrets{{"webhook_secret", {"one"}}};

TEST(SchemeVerify, TellsAPersonWhy) {
  const auto webhook = compile(k_timed);
  const Headers good{{"x-signature", header("one", k_now_s)}};
  EXPECT_EQ(reason(webhook, good, k_secrets), "valid");
  EXPECT_EQ(reason(webhook, {}, k_secrets), "the header X-Signature is missing");
  EXPECT_EQ(reason(webhook, {good[0], good[0]}, k_secrets), "the header X-Signature is there more than once");
  EXPECT_EQ(reason(webhook, good, {}), "no secret is stored in credentials.webhook_secret");
  EXPECT_EQ(reason(webhook, good, {{"webhook_secret", {""}}}), "no secret is stored in credentials.webhook_secret");
  EXPECT_EQ(reason(webhook, good, {{"webhook_secret", {"two"}}}),
            "the signature does not match: the body was changed on its way, or the secret is another one");
  EXPECT_EQ(reason(webhook, {{"X-Signature", header("one", k_now_s - 301)}}, k_secrets),
            "the timestamp is 301 s old, more than the tolerance of 300 s");
  EXPECT_EQ(reason(webhook, {{"X-Signature", header("one", k_now_s + 301)}}, k_secrets),
            "the timestamp is 301 s in the future, more than the tolerance of 300 s");
  EXPECT_EQ(reason(webhook, {{"X-Signature", header("one", k_now_s - 300)}}, k_secrets), "valid");
  EXPECT_EQ(reason(webhook, {{"X-Signature", header("one", k_now_s + 300)}}, k_secrets), "valid");
  EXPECT_EQ(reason(webhook, {{"X-Signature", "t=1,v0=" + signature("one", 1, "{}")}}, k_secrets),
            "the header X-Signature has no entry that begins with \"v1=\"");
}

TEST(SchemeVerify, TakesOneOfSeveralSecretsAndSignatures) {
  const auto webhook = compile(k_timed);
  EXPECT_EQ(reason(webhook, {{"X-Signature", header("new", k_now_s)}}, {{"webhook_secret", {"old", "new"}}}), "valid");
  const std::string wrong(64, '0');
  EXPECT_EQ(reason(webhook,
                   {{"X-Signature",
                     "t=" + std::to_string(k_now_s) + ",v1=" + wrong + ", v1=" + signature("one", k_now_s, "{}")}},
                   k_secrets),
            "valid");
  std::string flood = "t=" + std::to_string(k_now_s);
  for (std::size_t i = 0; i < k_signatures_max; ++i) flood += ",v1=" + wrong;
  EXPECT_NE(reason(webhook, {{"X-Signature", flood + ",v1=" + signature("one", k_now_s, "{}")}}, k_secrets), "valid")
      << "only so many are looked at";
}

TEST(SchemeVerify, BearsEveryClockAndTimestamp) {
  const auto webhook = compile(k_timed);
  using Limits = std::numeric_limits<std::int64_t>;
  for (const std::int64_t now : {Limits::min(), std::int64_t{0}, Limits::max()})
    for (const char* time : {"", "-1", "+1", "1.5", " 1", "0x1", "99999999999999999", "999999999999999999999"})
      EXPECT_NE(reason(webhook, {{"X-Signature", std::string("t=") + time + ",v1=" + std::string(64, '0')}}, k_secrets,
                       {.now_s = now, .tolerance_s = Limits::max()}),
                "valid");
}

/// The older scheme is for requests without the newer header: one that is there twice is no reason to fall back.
TEST(SchemeVerify, ADuplicatedHeaderIsNotAbsent) {
  const auto webhook = compile(R"({
    "schemes": [{"id": "new", "algorithm": "hmac-sha256", "signature": {"header": "X-New"}, "signed": "{body}"},
                {"id": "old", "algorithm": "hmac-sha1", "when": [{"value": "{header:X-New}", "absent": true}],
                 "signature": {"header": "X-Old"}, "signed": "{body}"}]})");
  const std::pair<std::string, std::string> old{"X-Old", hex_encode(hmac(Digest::sha1, "one", "{}"))};
  EXPECT_EQ(reason(webhook, {old}, k_secrets), "valid");
  EXPECT_EQ(reason(webhook, {old, {"X-New", "00"}, {"X-New", "00"}}, k_secrets),
            "the header X-New is there more than once");
}

TEST(SchemeVerify, ATokenMayNotAskForWhatIsNotKnown) {
  const auto webhook =
      compile(R"({"schemes": [{"id": "j", "algorithm": "jwt-hs256", "signature": {"header": "X-Token"}}]})");
  const auto token = [](const json& head, const json& claims) {
    const auto part = [](const json& document) {
      std::string text = base64_encode(document.dump());
      return text.substr(0, text.find('='));
    };
    const std::string text = part(head) + "." + part(claims);
    std::string mark = base64_encode(hmac(Digest::sha256, "one", text));
    return text + "." + mark;
  };
  const json claims{{"exp", k_now_s + 10}};
  const auto judged = [&](const json& head, const json& given) {
    return reason(webhook, {{"X-Token", token(head, given)}}, k_secrets);
  };
  EXPECT_EQ(judged({{"alg", "HS256"}}, claims), "valid");
  EXPECT_EQ(judged({{"alg", "HS256"}, {"crit", json::array({"b64"})}}, claims),
            "the token wants extensions that are not known here (crit)");
  EXPECT_EQ(judged({{"alg", "none"}}, claims), "the token's algorithm is not HS256");
  EXPECT_EQ(judged({{"alg", "HS512"}}, claims), "the token's algorithm is not HS256");
  EXPECT_EQ(judged({{"alg", "HS256"}}, json::object()), "the token never expires (no exp)");
  EXPECT_EQ(judged({{"alg", "HS256"}}, {{"exp", "tomorrow"}}), "the token has expired");
  EXPECT_EQ(judged({{"alg", "HS256"}}, {{"exp", k_now_s}}), "the token has expired");
  EXPECT_EQ(judged({{"alg", "HS256"}}, {{"exp", k_now_s + 10}, {"nbf", k_now_s + 1}}),
            "the token is not valid yet (nbf)");
}

}  // namespace
}  // namespace tomada::scheme
