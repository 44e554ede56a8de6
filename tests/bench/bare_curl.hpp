// The yardstick of http_bench: libcurl's multi interface on Asio with the same tuning as host/http, and nothing above
// it: no coroutines, no layers, no limits, no checks.
#pragma once

#include <cstddef>
#include <string>

namespace tomada::bench {

/// Sends `requests_count` GETs to `url`, `concurrency` at once, from the calling thread; every answer must be a 200.
/// Connections stay for the next run.
class BareCurl {
 public:
  BareCurl(std::string url, std::string authorization, std::size_t concurrency);
  ~BareCurl();
  BareCurl(const BareCurl&) = delete;
  BareCurl& operator=(const BareCurl&) = delete;
  void run(std::size_t requests_count);

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace tomada::bench
