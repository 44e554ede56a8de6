// Drives the built file itself, as a host would.
#include "fake_host.hpp"

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <stdexcept>

namespace {

using plugins_test::FakeCall;
using plugins_test::Instance;
using plugins_test::Reply;
using plugins_test::Seen;

Instance::EntryFunction entry_of_file() {
  // Never closed, as in the host.
  static void* const file = dlopen(EXAMPLE_FILE, RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) throw std::runtime_error(dlerror());
  return reinterpret_cast<Instance::EntryFunction>(dlsym(file, TOMADA_PLUGIN_ENTRY_NAME));
}

Reply two_pages(const Seen& request) {
  if (request.url.find("cursor=c2") == std::string::npos)
    return {.body = R"({"items":[{"id":"1","name":"Lamp","updated_at":"2026-01-02T00:00:00Z"},
                                 {"id":"2","name":"Fan \"x\"","updated_at":"2026-01-01T00:00:00Z"}],"next":"c2"})"};
  return {.body = R"({"items":[{"id":"3","name":"Rug","updated_at":"2026-01-01T12:00:00Z"}],"next":null})"};
}

class Example : public testing::Test {
 protected:
  Instance instance_{entry_of_file(), R"({"base_url":"https://api.example.com/v1/"})"};
  FakeCall call_;
};

TEST_F(Example, SyncsAllPagesAndRemembersTheLatestTime) {
  call_.on_request = two_pages;
  ASSERT_EQ(instance_.sync(call_, "item"), TOMADA_OK);
  ASSERT_EQ(call_.requests.size(), 2u);
  EXPECT_EQ(call_.requests[0].url, "https://api.example.com/v1/items");
  EXPECT_EQ(call_.requests[1].url, "https://api.example.com/v1/items?cursor=c2");
  ASSERT_EQ(call_.committed.size(), 3u);
  EXPECT_EQ(call_.committed[1].json, R"({"name":"Fan \"x\"","updated_at":"2026-01-01T00:00:00Z"})");
  EXPECT_EQ(call_.completed_since, "2026-01-02T00:00:00Z");
  EXPECT_TRUE(call_.responses.empty());
}

TEST_F(Example, ResumesAtItsCheckpoint) {
  call_.on_request = two_pages;
  ASSERT_EQ(instance_.sync(call_, "item"), TOMADA_OK);
  FakeCall second;
  second.on_request = two_pages;
  ASSERT_EQ(instance_.sync(second, "item", TOMADA_SYNC_FULL, call_.checkpoints.at(0)), TOMADA_OK);
  EXPECT_EQ(second.requests.size(), 1u);
  EXPECT_EQ(second.committed.size(), 1u);
  EXPECT_EQ(second.completed_since, "2026-01-02T00:00:00Z");
}

TEST_F(Example, AsksForChangesOnly) {
  call_.on_request = [](const Seen&) { return Reply{.body = R"({"items":[]})"}; };
  ASSERT_EQ(instance_.sync(call_, "item", TOMADA_SYNC_INCREMENTAL, "", "2026-01-02T00:00:00Z"), TOMADA_OK);
  EXPECT_NE(call_.requests[0].url.find("updated_since=2026-01-02T00%3A00%3A00Z"), std::string::npos);
  EXPECT_EQ(call_.completed_since, "2026-01-02T00:00:00Z");
}

TEST_F(Example, AnswersOfTheApiBecomeStatuses) {
  const auto outcome = [this](Reply reply) {
    call_.on_request = [&](const Seen&) { return reply; };
    return instance_.sync(call_, "item");
  };
  EXPECT_EQ(outcome({.status = 401}), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(outcome({.status = 429}), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(outcome({.status = 500}), TOMADA_E_UNAVAILABLE);
  EXPECT_EQ(outcome({.body = "<html>"}), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(outcome({.body = R"({"items":[{"id":1}]})"}), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(outcome({.body = R"({"items":[],"next":""})"}), TOMADA_OK);
}

TEST_F(Example, TestConnectionIsOneRequest) {
  call_.on_request = two_pages;
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_OK);
  EXPECT_EQ(call_.requests.size(), 1u);
}

}  // namespace
