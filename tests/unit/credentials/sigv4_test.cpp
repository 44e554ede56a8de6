// AWS's own test suite, the documented S3 examples, and generated S3 cases; skipped where the vectors are absent.
#include "host/credentials/sigv4.hpp"

#include "host/base/encoding.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace tomada::credentials {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::chrono::system_clock::time_point at(const json& timestamp) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(*parse_time(timestamp.get<std::string>())));
}

/// What a caller does before a raw text can be a URL.
std::string as_url(std::string_view raw) {
  std::string text;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte <= 0x20 || byte >= 0x7f ? percent_encode({&c, 1}) : std::string(1, c);
  }
  return text;
}

/// request.txt of AWS's suite: headers may go on in the next line, the target is not encoded.
http::Request parse_request(const std::string& text) {
  http::Request request;
  const std::size_t first_end = text.find('\n');
  const std::string first = without_end(text.substr(0, first_end));
  const std::size_t space = first.find(' ');
  request.method = first.substr(0, space);
  const std::string target = first.substr(space + 1, first.rfind(' ') - space - 1);
  std::size_t line_start = first_end + 1;
  while (line_start < text.size()) {
    const std::size_t line_end = std::min(text.find('\n', line_start), text.size());
    const std::string line = without_end(text.substr(line_start, line_end - line_start));
    line_start = line_end + 1;
    if (line.empty()) break;
    if (line[0] == ' ') {
      request.headers.back().second += '\n' + line;
      continue;
    }
    const std::size_t colon = line.find(':');
    request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  if (line_start < text.size()) request.body = text.substr(line_start);
  request.url = "https://" + *http::find_header(request.headers, "Host") + as_url(target);
  return request;
}

SigV4 keys_of(const json& credentials, const std::string& region, const std::string& service) {
  SigV4 keys;
  keys.access_key_id = credentials.at("access_key_id");
  keys.secret_access_key = Secret(credentials.at("secret_access_key").get<std::string>());
  keys.session_token = credentials.value("token", credentials.value("session_token", ""));
  keys.region = region;
  keys.service = service;
  return keys;
}

struct SigV4Test : testing::Test {
  fs::path vectors = fs::path(TOMADA_VECTORS) / "sigv4";
  void SetUp() override {
    if (fs::exists(vectors)) return;
    std::cout << "notice: " << vectors << " is absent, so SigV4 is not checked against AWS's vectors\n";
    GTEST_SKIP();
  }
};

TEST_F(SigV4Test, PassesTheSuiteOfAws) {
  int cases_count = 0;
  for (const auto& folder : fs::directory_iterator(vectors / "aws-signing-test-suite" / "v4")) {
    SCOPED_TRACE(folder.path().filename().string());
    const json context = json::parse(slurp(folder.path() / "context.json"));
    SigV4 keys = keys_of(context["credentials"], context["region"], context["service"]);
    keys.normalize_path = context["normalize"];
    keys.content_sha256_header = context["sign_body"];
    keys.sign_session_token = !context.value("omit_session_token", false);
    const auto expect = [&](const SigV4Trace& trace, const std::string& way) {
      EXPECT_EQ(trace.canonical_request, without_end(slurp(folder.path() / (way + "-canonical-request.txt"))));
      EXPECT_EQ(trace.string_to_sign, without_end(slurp(folder.path() / (way + "-string-to-sign.txt"))));
      EXPECT_EQ(trace.signature, without_end(slurp(folder.path() / (way + "-signature.txt"))));
    };
    auto request = parse_request(slurp(folder.path() / "request.txt"));
    const auto trace = sign_v4(request, keys, at(context["timestamp"]));
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    expect(*trace, "header");
    EXPECT_NE(slurp(folder.path() / "header-signed-request.txt")
                  .find("\nAuthorization:" + *http::find_header(request.headers, "Authorization")),
              std::string::npos);

    auto to_presign = parse_request(slurp(folder.path() / "request.txt"));
    const std::chrono::seconds valid_for(context["expiration_in_seconds"].get<int>());
    const auto presigned = presign_v4(to_presign, keys, valid_for, at(context["timestamp"]));
    ASSERT_TRUE(presigned.has_value()) << presigned.error().message;
    expect(*presigned, "query");
    EXPECT_NE(to_presign.url.find("&X-Amz-Signature=" + presigned->signature), std::string::npos);
    ++cases_count;
  }
  EXPECT_GE(cases_count, 38);
}

TEST_F(SigV4Test, PassesTheExamplesOfS3) {
  int cases_count = 0;
  for (const char* file : {"s3-aws-documentation-examples.json", "s3-generated.json"}) {
    for (const json& example : json::parse(slurp(vectors / file))) {
      SCOPED_TRACE(example["name"].get<std::string>());
      const SigV4 keys = keys_of(example["credentials"], example["region"], "s3");
      http::Request request;
      request.method = example["method"];
      request.body = example.value("body", "");
      std::string query;
      for (const auto& [name, value] : example["query"].items())
        query += (query.empty() ? '?' : '&') + percent_encode(name) + '=' + percent_encode(value.get<std::string>());
      // Host and X-Amz-* are left to the signer; a payload that is signed is hashed by it.
      const std::string host = example["headers"]["host"];
      request.url = (host.find(':') == std::string::npos ? "https://" : "http://") + host +
                    percent_encode(example["path"].get<std::string>(), "/") + query;
      for (const auto& [name, value] : example["headers"].items()) {
        const bool ours = name == "host" || name == "x-amz-date" || name == "x-amz-security-token" ||
                          (name == "x-amz-content-sha256" && example["payload_mode"] == "signed");
        if (!ours) request.headers.emplace_back(name, value.get<std::string>());
      }
      const bool in_query = example["payload_mode"] == "presigned";
      const auto trace = in_query ? presign_v4(request, keys, std::chrono::seconds(example["expires"].get<int>()),
                                               at(example["timestamp"]))
                                  : sign_v4(request, keys, at(example["timestamp"]));
      ASSERT_TRUE(trace.has_value()) << trace.error().message;
      EXPECT_EQ(trace->canonical_request, example["canonical_request"]);
      EXPECT_EQ(trace->string_to_sign, example["string_to_sign"]);
      EXPECT_EQ(trace->signature, example["signature"]);
      if (!in_query) {
        EXPECT_EQ(*http::find_header(request.headers, "Authorization"), example["authorization"]);
      }
      EXPECT_NE(request.url.find(host + example["canonical_uri"].get<std::string>()), std::string::npos) << request.url;
      ++cases_count;
    }
  }
  EXPECT_GE(cases_count, 10);
}

struct SigV4UrlTest : testing::Test {
  SigV4 keys;
  std::chrono::system_clock::time_point now{std::chrono::seconds(1440938160)};
  std::string sent_url(std::string url) {
    keys.service = "s3";
    keys.region = "us-east-1";
    http::Request request;
    request.url = std::move(url);
    const auto trace = sign_v4(request, keys, now);
    return trace.has_value() ? request.url : trace.error().message;
  }
};

TEST_F(SigV4UrlTest, SendsTheEncodingThatItSigns) {
  EXPECT_EQ(sent_url("https://h/a+b(c)%2fd%7e//../x"), "https://h/a%2Bb%28c%29%2Fd~//../x");
  EXPECT_EQ(sent_url("https://h/?b=2&a=1&b=1&flag&plus=+%20&&"), "https://h/?a=1&b=1&b=2&flag=&plus=%2B%20");
  EXPECT_EQ(sent_url("https://h/%zz"), "the URL has a percent sign without two hex digits after it");
}

TEST_F(SigV4UrlTest, SignsTheHostWithItsPort) {
  http::Request request;
  request.url = "http://127.0.0.1:9000/bucket/key";
  const auto trace = sign_v4(request, keys, now);
  ASSERT_TRUE(trace.has_value());
  EXPECT_NE(trace->canonical_request.find("host:127.0.0.1:9000\n"), std::string::npos);
  EXPECT_EQ(*http::find_header(request.headers, "Host"), "127.0.0.1:9000");
}

TEST_F(SigV4UrlTest, AStreamedPayloadIsNotSigned) {
  http::Request request;
  request.url = "https://h/";
  request.streamed_length.emplace(10);
  ASSERT_TRUE(sign_v4(request, keys, now).has_value());
  EXPECT_EQ(*http::find_header(request.headers, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
}

TEST_F(SigV4UrlTest, OtherServicesEncodeThePathTwice) {
  keys.normalize_path = true;
  keys.encode_path_twice = true;
  http::Request request;
  request.url = "https://h/a%20b/./c/../d/";
  const auto trace = sign_v4(request, keys, now);
  ASSERT_TRUE(trace.has_value());
  EXPECT_TRUE(trace->canonical_request.starts_with("GET\n/a%2520b/d/\n")) << trace->canonical_request;
}

}  // namespace
}  // namespace tomada::credentials
