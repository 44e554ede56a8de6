// One request on an easy handle: its buffers, its waits, and its end.
#pragma once

#include "host/http/client.hpp"
#include "host/http/curl_multi.hpp"
#include "host/http/url.hpp"

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::http {

inline constexpr std::size_t k_exchange_buffer_bytes = 256 * 1024;  // in each direction

/* States: running (easy_ is set) until libcurl reports the end, a timeout or an interruption; then ended_ is set and
 * easy_ is back in the pool, so that no callback can come any more. What was received before stays readable.
 * libcurl's callbacks never run task code: they fill buffers and wake the one waiting task. */
class CurlExchange final : public Exchange, private Transfer {
 public:
  /// INVALID_DATA: the method or a header cannot be sent.
  static Result<std::unique_ptr<Exchange>> start(std::shared_ptr<CurlMulti> multi, Request request, Url url);
  CurlExchange(std::shared_ptr<CurlMulti> multi, Request request, Url url);
  ~CurlExchange() override;

  Result<void> write(runtime::Task& task, std::string_view bytes) override;
  Result<Head> finish(runtime::Task& task) override;
  Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) override;

 private:
  /// Bytes between libcurl and the task: appended at the end, taken from the front.
  struct Buffer {
    std::string bytes;
    std::size_t taken{0};
    [[nodiscard]] std::size_t size() const { return bytes.size() - taken; }
    std::size_t take(char* to, std::size_t max);
    void append(std::string_view more);
  };

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_upload(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);

  Result<void> prepare_headers();
  void configure();
  void configure_for_all();
  void configure_body();
  void on_done(CURLcode code) override;
  void end(Result<void> outcome);
  void resume_curl();
  void wake();
  Result<void> wait(runtime::Task& task);
  [[nodiscard]] std::int64_t elapsed_ms() const;

  std::shared_ptr<CurlMulti> multi_;  // with the client; the client goes last
  Request request_;
  std::string url_text_;
  Url url_;
  std::string place_;
  std::string header_text_;  // what header_list_ points into: lines, each ended by NUL
  std::vector<curl_slist> header_list_;
  CURL* easy_{nullptr};
  runtime::SteadyTime started_;
  runtime::Timer timeout_;
  runtime::Wait* waiting_{nullptr};
  std::optional<Result<void>> ended_;

  Head head_;
  std::size_t header_bytes_{0};
  bool head_complete_{false};
  bool header_too_large_{false};
  std::string forbidden_address_;
  Buffer download_;
  bool download_paused_{false};
  Buffer upload_;
  std::uint64_t upload_bytes_{0};
  bool upload_paused_{false};
  bool upload_complete_{false};
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace tomada::http
