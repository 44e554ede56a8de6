#include "host/service/outbound.hpp"

#include "host/credentials/signing.hpp"
#include "host/http/redirects.hpp"

#include <utility>

namespace tomada::service {
namespace {

constexpr std::chrono::milliseconds k_request_timeout{30'000};

}  // namespace

Outbound::Outbound(http::Client& transport, const abi::Manifest& manifest, const nlohmann::json& config,
                   const credentials::Credentials& credentials, const runtime::Clock& clock)
    : allowed_(manifest, config),
      signing_(credentials::make_signing_client(transport, manifest.auth, config, credentials, clock)),
      client_(http::make_redirecting_client(*signing_)) {}

Result<std::unique_ptr<http::Exchange>> Outbound::open(runtime::Task& task, abi::HttpRequest request) {
  TOMADA_TRY(allowed_.check(request.url));
  return client_->open(task, {.method = std::move(request.method),
                              .url = std::move(request.url),
                              .headers = std::move(request.headers),
                              .body = std::move(request.body),
                              .streamed_length = request.streamed_length,
                              .timeout = request.timeout.count() == 0 ? k_request_timeout : request.timeout,
                              .may_follow = [this](std::string_view url) { return allowed_.check(url); },
                              .authenticate = request.authenticate});
}

}  // namespace tomada::service
