#include "host/http/redirects.hpp"

#include "tests/unit/http/curl_fixture.hpp"

#include <map>
#include <mutex>

namespace tomada::http {
namespace {

using namespace std::chrono_literals;

/// A site: path -> the answer; remembers what was asked.
struct Site {
  struct Asked {
    std::string head;
    std::string body;
  };
  std::map<std::string, std::pair<std::string, std::string>> answers;  // path -> status, Location
  std::mutex mutex;
  std::vector<Asked> asked;

  TestServer server{[this](Connection& connection) {
    for (std::string head = connection.read_head(); !head.empty(); head = connection.read_head()) {
      const std::string body = connection.read_body(head);
      const std::size_t from = head.find(' ') + 1;
      const std::string path = head.substr(from, head.find(' ', from) - from);
      std::unique_lock lock(mutex);
      asked.push_back({head, body});
      const auto answer = answers.find(path);
      const auto [status, location] =
          answer == answers.end() ? std::pair<std::string, std::string>{"200 OK", ""} : answer->second;
      lock.unlock();
      connection.reply("body of " + path, location.empty() ? "" : "Location: " + location + "\r\n", status);
    }
  }};
};

struct RedirectsTest : CurlFixture {
  Site site;
  std::unique_ptr<Client> following = make_redirecting_client(*client);

  Request request(std::string method, std::string path) {
    Request made;
    made.method = std::move(method);
    made.url = site.server.url(path);
    made.may_follow = [](std::string_view) { return Result<void>(); };
    return made;
  }
  Result<Response> send(Request made) {
    return runtime::run(loop, [&](runtime::Task& task) { return fetch(task, *following, std::move(made)); });
  }
  static bool has(const Site::Asked& asked, std::string_view text) { return asked.head.find(text) != std::string::npos; }
};

TEST_F(RedirectsTest, FollowsOnOneConnection) {
  site.answers = {{"/a", {"302 Found", "b"}}, {"/b", {"301 Moved", "/c"}}};
  const auto response = send(request("GET", "/a"));
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->head.status, 200);
  EXPECT_EQ(response->body, "body of /c");
  EXPECT_EQ(site.server.connections_count(), 1u);
}

TEST_F(RedirectsTest, ReturnsTheRedirectWhenNobodyIsAsked) {
  site.answers = {{"/a", {"302 Found", "/b"}}};
  auto made = request("GET", "/a");
  made.may_follow = nullptr;
  EXPECT_EQ(send(std::move(made))->head.status, 302);
}

TEST_F(RedirectsTest, ARefusedTargetIsTheError) {
  site.answers = {{"/a", {"302 Found", "http://evil.example/"}}};
  auto made = request("GET", "/a");
  made.may_follow = [](std::string_view url) -> Result<void> {
    return fail(Errc::forbidden, std::string(url) + " is not allowed");
  };
  const auto response = send(std::move(made));
  ASSERT_TRUE(response.has_error());
  EXPECT_EQ(response.error().code, Errc::forbidden);
  EXPECT_EQ(response.error().message, "http://evil.example/ is not allowed");
}

TEST_F(RedirectsTest, EndsALoop) {
  site.answers = {{"/a", {"302 Found", "/a"}}};
  const auto response = send(request("GET", "/a"));
  ASSERT_TRUE(response.has_error());
  EXPECT_EQ(response.error().code, Errc::invalid_data);
  EXPECT_EQ(site.asked.size(), k_redirects_max + 1);
}

TEST_F(RedirectsTest, ChangesOrKeepsTheMethod) {
  for (const auto& [status, method, expected] : std::vector<std::array<const char*, 3>>{{"301 M", "POST", "GET"},
                                                                                       {"302 F", "POST", "GET"},
                                                                                       {"303 S", "POST", "GET"},
                                                                                       {"303 S", "PUT", "GET"},
                                                                                       {"302 F", "PUT", "PUT"},
                                                                                       {"307 T", "POST", "POST"},
                                                                                       {"308 P", "PUT", "PUT"}}) {
    site.asked.clear();
    site.answers = {{"/a", {status, "/b"}}};
    auto made = request(method, "/a");
    made.body = "payload";
    made.headers = {{"Content-Type", "text/plain"}, {"X-Own", "kept"}};
    ASSERT_TRUE(send(std::move(made)).has_value());
    ASSERT_EQ(site.asked.size(), 2u);
    EXPECT_TRUE(site.asked[1].head.starts_with(std::string(expected) + " /b ")) << status << ' ' << method;
    EXPECT_EQ(site.asked[1].body, std::string_view(expected) == "GET" ? "" : "payload") << status << ' ' << method;
    EXPECT_EQ(has(site.asked[1], "Content-Type"), std::string_view(expected) != "GET");
    EXPECT_TRUE(has(site.asked[1], "X-Own: kept"));
  }
}

TEST_F(RedirectsTest, AStreamedBodyIsNotSentAgain) {
  site.answers = {{"/a", {"307 Temporary Redirect", "/b"}}};
  const auto status = runtime::run(loop, [&](runtime::Task& task) -> Result<int> {
    auto made = request("PUT", "/a");
    made.streamed_length = std::optional<std::uint64_t>(3);
    TOMADA_TRY_ASSIGN(auto exchange, following->open(task, std::move(made)));
    TOMADA_TRY(exchange->write(task, "abc"));
    TOMADA_TRY_ASSIGN(const auto head, exchange->finish(task));
    return head.status;
  });
  ASSERT_TRUE(status.has_value()) << status.error().message;
  EXPECT_EQ(*status, 307);
}

TEST_F(RedirectsTest, SecretsOfTheCallerStayWithTheirOrigin) {
  Site other;
  site.answers = {{"/same", {"302 Found", "/x"}}, {"/other", {"302 Found", other.server.url("/y")}}};
  for (const char* path : {"/same", "/other"}) {
    auto made = request("GET", path);
    made.headers = {{"authorization", "Bearer t"}, {"Cookie", "c"}, {"X-Own", "kept"}};
    ASSERT_TRUE(send(std::move(made)).has_value());
  }
  EXPECT_TRUE(has(site.asked[1], "authorization: Bearer t"));
  ASSERT_EQ(other.asked.size(), 1u);
  EXPECT_FALSE(has(other.asked[0], "Bearer"));
  EXPECT_FALSE(has(other.asked[0], "Cookie"));
  EXPECT_TRUE(has(other.asked[0], "X-Own: kept"));
}

TEST_F(RedirectsTest, ATargetThatIsNoUrlIsInvalid) {
  site.answers = {{"/a", {"302 Found", "file:///etc/passwd"}}};
  EXPECT_EQ(send(request("GET", "/a")).error().code, Errc::invalid_data);
}

}  // namespace
}  // namespace tomada::http
