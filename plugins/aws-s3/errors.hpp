// What S3's error codes mean for the integration.
#pragma once

#include "reply.hpp"

#include <tomada/failure.hpp>

namespace aws_s3 {

struct ErrorContext {
  std::uint32_t http_status{};
  std::string bucket_region;  // header x-amz-bucket-region
  std::uint64_t retry_after_ms{};
  std::string_view bucket;  // the configured ones, for the message
  std::string_view configured_region;
};

/// `error` is empty (no code) when the body was not an S3 error document.
tomada::sdk::Failure failure_of(const ErrorReply& error, const ErrorContext& context);

}  // namespace aws_s3
