// The plugin: lists the bucket and hands its objects to the host.
#pragma once

#include "bucket.hpp"
#include "reply.hpp"

#include <tomada/plugin.hpp>

#include <array>

namespace aws_s3 {

inline constexpr int k_page_keys = 1000;  // the most that S3 gives

class Plugin {
 public:
  static constexpr std::array<std::string_view, 2> k_services{TOMADA_HTTP_ID, TOMADA_RECORDS_ID};

  explicit Plugin(const tomada::sdk::Setup& setup) : bucket_(Bucket::from_config(setup.config_json)) {}

  void test_connection(tomada::sdk::Call& call);
  void sync(tomada::sdk::Call& call, const tomada::sdk::SyncRequest& request);

 private:
  ListPage fetch(tomada::sdk::Call& call, const std::string& url) const;

  Bucket bucket_;
};

}  // namespace aws_s3
