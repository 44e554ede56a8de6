#include "host/runtime/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tomada::runtime {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(Metrics, KeepsTheNamesThatTheUsersKnow) {
  Metrics metrics;
  metrics.request("hubspot", "GET", "200", 20ms, 0);
  metrics.response_bytes("hubspot", "GET", 512);
  metrics.error("hubspot", "rate_limited");
  metrics.rate_limit_hit("hubspot");
  metrics.sync("hubspot", 3s);
  metrics.sync_records("hubspot", 10, 1);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("integration_requests_total{method=\"GET\",provider=\"hubspot\",status=\"200\"} 1"));
  EXPECT_THAT(text, HasSubstr("integration_request_duration_seconds_bucket{method=\"GET\",provider=\"hubspot\",le=\"0.025\"} 1"));
  EXPECT_THAT(text, HasSubstr("integration_response_size_bytes_sum{method=\"GET\",provider=\"hubspot\"} 512"));
  EXPECT_THAT(text, HasSubstr("integration_errors_total{error_type=\"rate_limited\",provider=\"hubspot\"} 1"));
  EXPECT_THAT(text, HasSubstr("integration_rate_limit_hits_total{provider=\"hubspot\"} 1"));
  EXPECT_THAT(text, HasSubstr("integration_sync_duration_seconds_count{provider=\"hubspot\"} 1"));
  EXPECT_THAT(text, HasSubstr("integration_sync_records_processed_total{provider=\"hubspot\"} 10"));
  EXPECT_THAT(text, HasSubstr("integration_sync_records_failed_total{provider=\"hubspot\"} 1"));
  EXPECT_THAT(text, HasSubstr("process_open_file_descriptors"));
}

TEST(Metrics, CountsFailedRequestsForHealth) {
  Metrics metrics;
  metrics.request("s3", "GET", "200", 1ms, 0);
  metrics.request("s3", "GET", "304", 1ms, 0);
  metrics.request("s3", "GET", "404", 1ms, 0);
  metrics.request("s3", "GET", "unavailable", 1ms, 0);
  EXPECT_EQ(metrics.requests_total(), 4u);
  EXPECT_EQ(metrics.errors_total(), 2u);
}

TEST(Metrics, InventedMethodsShareOneLabel) {
  Metrics metrics;
  metrics.request("s3", "BREW", "200", 1ms, 0);
  metrics.api_request("/v1/plugins", "FROB", 405, 1ms);
  EXPECT_THAT(metrics.text(), HasSubstr("method=\"other\""));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("FROB")));
}

TEST(Metrics, ReadsTheProcess) {
  Metrics metrics;
  const std::string text = metrics.text();
  const std::size_t at = text.find("\nprocess_resident_memory_bytes ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GT(std::strtod(text.c_str() + at + 31, nullptr), 1024.0 * 1024.0);
}

}  // namespace
}  // namespace tomada::runtime
