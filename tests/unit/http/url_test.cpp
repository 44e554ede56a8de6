#include "host/http/url.hpp"

#include <gtest/gtest.h>

namespace tomada::http {
namespace {

TEST(Url, HasItsParts) {
  const auto url = parse_url("HTTPS://Example.COM:8443/a/../b%20c?x=1&y=%2F#frag");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/a/../b%20c");
  EXPECT_EQ(url->query, "x=1&y=%2F");
  EXPECT_EQ(to_string(*url), "https://example.com:8443/a/../b%20c?x=1&y=%2F");
}

TEST(Url, HidesNoAddressBehindAnotherSpelling) {
  EXPECT_EQ(parse_url("http://0x7f.1/")->host, "127.0.0.1");
  EXPECT_EQ(parse_url("http://2130706433/")->host, "127.0.0.1");
  EXPECT_EQ(parse_url("http://[::1]:80/")->host, "::1");
  EXPECT_EQ(parse_url("http://%31%32%37.0.0.1/")->host, "127.0.0.1");
}

TEST(Url, SaysTheHostHeaderAsItIsSent) {
  EXPECT_EQ(host_header(*parse_url("http://a.b:80/")), "a.b");
  EXPECT_EQ(host_header(*parse_url("http://a.b:443/")), "a.b:443");
  EXPECT_EQ(host_header(*parse_url("https://[2001:db8::1]:9000/")), "[2001:db8::1]:9000");
}

TEST(Url, RefusesWhatIsNotAPlainHttpUrl) {
  for (const char* text :
       {"", "/path", "example.com", "ftp://a/", "file:///etc/passwd", "http://", "http:///x", "http://user:pw@a/",
        "http://user@a/", "http://@a/", "http://a b/", "http://a/\r\nX: y", "http://a/\xc3\xa4", "http://a:0/", "http://a:99999/",
        "http://a:x/", "http://a\\@b/", "javascript:alert(1)"}) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url.has_error()) << text;
    EXPECT_EQ(url.error().code, Errc::invalid_data) << text;
  }
  EXPECT_TRUE(parse_url("http://a/" + std::string(k_url_bytes_max, 'a')).has_error());
}

TEST(Url, ErrorsDoNotRepeatTheUrl) {
  EXPECT_EQ(parse_url("http://user:hunter2@a/").error().message.find("hunter2"), std::string::npos);
}

TEST(Url, ResolvesLocations) {
  EXPECT_EQ(*resolve_url("http://a/b/c?d", "e"), "http://a/b/e");
  EXPECT_EQ(*resolve_url("http://a/b/c?d", "/e?f"), "http://a/e?f");
  EXPECT_EQ(*resolve_url("http://a/b", "//c:81/d"), "http://c:81/d");
  EXPECT_EQ(*resolve_url("http://a/b", "https://x/y"), "https://x/y");
  EXPECT_TRUE(resolve_url("http://a/b", "file:///etc/passwd").has_error());
  EXPECT_TRUE(resolve_url("http://a/b", "http://u:p@x/").has_error());
}

}  // namespace
}  // namespace tomada::http
