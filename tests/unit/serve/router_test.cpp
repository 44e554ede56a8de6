#include "host/serve/router.hpp"

#include "host/serve/input.hpp"
#include "host/serve/problem.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace tomada::serve {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

struct RouterTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  runtime::Metrics metrics;
  access::Role role{access::Role::admin};
  bool known_key{true};
  Router router{[this](runtime::Task&, const Request&) -> Outcome<access::Principal> {
                  if (!known_key) return problem(401, Errc::unauthenticated, "no key");
                  return access::Principal{"t", "demo", role};
                },
                metrics};

  void SetUp() override {
    const auto echo = [](runtime::Task&, const Call& call) -> Answer {
      std::string text = call.principal.tenant_name;
      for (const auto& param : call.params) text += "|" + param;
      return {200, "text/plain", text};
    };
    router.add("GET", "/open", Access::everyone, echo);
    router.add("GET", "/things/{id}", Access::viewer, echo);
    router.add("POST", "/things/{id}", Access::admin, echo);
    router.add("POST", "/things/{id}/sync", Access::operator_, echo);
    router.add("POST", "/control/tenants", Access::host, echo);
    router.add("GET", "/boom", Access::everyone, [](runtime::Task&, const Call&) -> Answer { throw std::runtime_error("secret text"); });
    router.add("GET", "/busy", Access::everyone, [](runtime::Task&, const Call&) -> Answer {
      return Error{Errc::unavailable, "busy", std::chrono::milliseconds(1500)};
    });
    router.add("POST", "/body", Access::everyone, [](runtime::Task&, const Call& call) -> Answer {
      TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"name", "config"}));
      TOMADA_TRY_ASSIGN(const std::string name, body.required_text("name"));
      TOMADA_TRY_ASSIGN(const auto config, body.object("config"));
      return {200, "text/plain", name + (config ? config->dump() : "-")};
    });
  }
  Answer ask(std::string method, std::string path, std::string body = {}, Origin origin = Origin::network) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    request.origin = origin;
    return runtime::run(loop, [&](runtime::Task& task) { return router.answer(task, request); });
  }
  static std::string header(const Answer& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers)
      if (key == name) return value;
    return {};
  }
};

TEST_F(RouterTest, PassesTheTenantAndDecodedParams) {
  EXPECT_EQ(ask("GET", "/things/a%2Fb").body, "demo|a/b");
  EXPECT_EQ(ask("HEAD", "/things/x").status, 200);
}

TEST_F(RouterTest, AnUnknownRouteIsAProblem404) {
  const Answer answer = ask("GET", "/nothing");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.content_type, "application/problem+json");
  const json problem = json::parse(answer.body);
  EXPECT_EQ(problem["status"], 404);
  EXPECT_EQ(problem["title"], "Not Found");
  EXPECT_EQ(problem["code"], "not_found");
  EXPECT_EQ(problem["type"], "about:blank");
  EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr("/nothing"));
  for (const char* path : {"/things", "/things/", "/things/a/b", "/open/", "/", "//open"}) EXPECT_EQ(ask("GET", path).status, 404) << path;
}

TEST_F(RouterTest, AWrongMethodIs405WithAllow) {
  const Answer answer = ask("DELETE", "/things/1");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header(answer, "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(json::parse(answer.body)["code"], "unsupported");
}

TEST_F(RouterTest, ABrokenPathIs400) {
  for (const char* path : {"/things/%zz", "/things/%ff", "/things/%00", "things", ""}) EXPECT_EQ(ask("GET", path).status, 400) << path;
}

TEST_F(RouterTest, RolesBoundWhatAKeyMayDo) {
  role = access::Role::viewer;
  EXPECT_EQ(ask("GET", "/things/1").status, 200);
  EXPECT_EQ(ask("POST", "/things/1/sync").status, 403);
  EXPECT_EQ(ask("POST", "/things/1").status, 403);
  role = access::Role::operator_;
  EXPECT_EQ(ask("POST", "/things/1/sync").status, 200);
  const Answer refused = ask("POST", "/things/1");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("role admin"));
  role = access::Role::admin;
  EXPECT_EQ(ask("POST", "/things/1").status, 200);
}

TEST_F(RouterTest, WithoutAKeyOnlyOpenRoutesAnswer) {
  known_key = false;
  EXPECT_EQ(ask("GET", "/open").status, 200);
  EXPECT_EQ(ask("GET", "/things/1").status, 401);
}

TEST_F(RouterTest, HostRoutesExistOnlyOnTheControlSocket) {
  EXPECT_EQ(ask("POST", "/control/tenants").status, 404);
  EXPECT_EQ(ask("GET", "/control/tenants").status, 404);
  EXPECT_EQ(ask("POST", "/control/tenants", "", Origin::control).status, 200);
}

TEST_F(RouterTest, AnExceptionBecomes500WithoutItsText) {
  const Answer answer = ask("GET", "/boom");
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, Not(HasSubstr("secret text")));
}

TEST_F(RouterTest, AnErrorCarriesRetryAfter) {
  const Answer answer = ask("GET", "/busy");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(header(answer, "Retry-After"), "2");
}

TEST_F(RouterTest, BadJsonIs400WithoutQuotingIt) {
  const Answer answer = ask("POST", "/body", R"({"name": "x", "password": hunter2})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, Not(HasSubstr("hunter2")));
  EXPECT_EQ(ask("POST", "/body", "[]").status, 400);
  EXPECT_EQ(ask("POST", "/body", "{\"name\":\"\xff\"}").status, 400);
  const std::string deep = "{\"config\":" + std::string(100'000, '[');
  EXPECT_EQ(ask("POST", "/body", deep).status, 400);
}

TEST_F(RouterTest, UnknownAndWrongFieldsAreNamed) {
  const Answer unknown = ask("POST", "/body", R"({"name": "x", "nmae": 1})");
  EXPECT_EQ(unknown.status, 422);
  const json problem = json::parse(unknown.body);
  EXPECT_EQ(problem["errors"][0]["field"], "nmae");
  EXPECT_THAT(problem["errors"][0]["detail"].get<std::string>(), HasSubstr("name, config"));
  EXPECT_EQ(json::parse(ask("POST", "/body", R"({"name": 3})").body)["errors"][0]["detail"], "must be a text");
  EXPECT_EQ(json::parse(ask("POST", "/body", R"({})").body)["errors"][0]["detail"], "missing");
  EXPECT_EQ(json::parse(ask("POST", "/body", R"({"name":"x","config":[]})").body)["errors"][0]["field"], "config");
  EXPECT_EQ(ask("POST", "/body", R"({"name":"x","config":{"a":1}})").body, R"(x{"a":1})");
}

TEST_F(RouterTest, OutsideTextNeverBecomesAMetricLabel) {
  ask("GET", "/no/such/path");
  ask("GET", "/things/secret-id");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("secret-id")));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("/no/such")));
  EXPECT_THAT(metrics.text(), HasSubstr("route=\"/things/{id}\""));
}

TEST(QueryTest, DecodesAndRefuses) {
  Request request;
  request.query = "entity=a%20b+c&limit=7&cursor=";
  auto query = Query::parse(request, {"entity", "limit", "cursor"});
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->text("entity"), "a b c");
  EXPECT_EQ(query->text("cursor"), "");
  EXPECT_EQ(*query->limit(100, 1000), 7u);
  for (const char* bad : {"limit=0", "limit=1001", "limit=x", "limit=-1", "limit=99999999999999999999"}) {
    request.query = bad;
    auto parsed = Query::parse(request, {"limit"});
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->limit(100, 1000).error().status, 400) << bad;
  }
  request.query = "entity=%zz";
  EXPECT_EQ(Query::parse(request, {"entity"}).error().status, 400);
  request.query = "entitty=1";
  EXPECT_THAT(Query::parse(request, {"entity"}).error().body, HasSubstr("known are: entity"));
}

}  // namespace
}  // namespace tomada::serve
