// The configured bucket and the addresses of its listing.
#pragma once

#include <string>
#include <string_view>

namespace aws_s3 {

struct Bucket {
  std::string name;
  std::string region;
  std::string prefix;
  std::string address;  // what the query is appended to: "https://b.s3.eu-west-1.amazonaws.com/"

  /// From the integration's configuration. Throws Failure (INVALID_CONFIG) that names the field.
  static Bucket from_config(std::string_view config_json);

  /// The first page after `start_after`, which is empty for the whole listing.
  [[nodiscard]] std::string listing_after(std::string_view start_after, int keys_max) const;
  /// A further page of the same listing.
  [[nodiscard]] std::string listing_continued(std::string_view continuation_token, int keys_max) const;
};

}  // namespace aws_s3
