#include "host/http/curl_client.hpp"

#include "host/http/curl_exchange.hpp"
#include "host/http/curl_multi.hpp"
#include "host/http/url.hpp"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <mutex>

namespace tomada::http {
namespace {

void start_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    // With NOSIGNAL libcurl leaves SIGPIPE alone, and OpenSSL writes to sockets that the peer may have closed.
    struct sigaction now {};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
  });
}

class CurlClient final : public Client {
 public:
  CurlClient(runtime::Loop& loop, const CurlOptions& options) : multi_(std::make_shared<CurlMulti>(loop, options)) {
    for (const auto& entry : options.allow_private)
      if (auto allowed = multi_->rules().allow(entry); allowed.has_error())
        spdlog::warn("{}; the entry is ignored", allowed.error().message);
  }
  ~CurlClient() override { multi_->close(); }

  Result<std::unique_ptr<Exchange>> open(runtime::Task& task, Request request) override {
    TOMADA_TRY(task.check());
    TOMADA_TRY_ASSIGN(auto url, parse_url(request.url));
    return CurlExchange::start(multi_, std::move(request), std::move(url));
  }

 private:
  std::shared_ptr<CurlMulti> multi_;  // with the Asio handlers that are on their way
};

}  // namespace

std::unique_ptr<Client> make_curl_client(runtime::Loop& loop, const CurlOptions& options) {
  start_curl_once();
  return std::make_unique<CurlClient>(loop, options);
}

Result<void> check_allow_private(std::string_view entry) { return AddressRules().allow(entry); }

}  // namespace tomada::http
