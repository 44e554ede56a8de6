#include "host/service/outbound.hpp"

#include "host/breaker/breaking_client.hpp"
#include "host/credentials/signing.hpp"
#include "host/http/redirects.hpp"
#include "host/limit/governed_client.hpp"
#include "host/service/call_limits.hpp"

#include <utility>

namespace tomada::service {

Result<std::unique_ptr<Outbound>> Outbound::make(runtime::Task& task, Environment& environment, const store::Integration& integration,
                                                 const abi::Manifest& manifest, const OpenedIntegration& opened, limit::Lane lane) {
  CallLayers& shared = environment.layers;
  const CallLimits limits = call_limits(manifest, shared.call_defaults, integration.limits, integration.provider_name);
  const std::string key = account_key(manifest, integration, opened.config, opened.credentials, environment.vault);
  TOMADA_TRY_ASSIGN(auto member, shared.tracking.member(task, key, integration.tenant_id, integration.config_id, limits.limits));
  TOMADA_TRY_ASSIGN(auto circuit, shared.breakers.of(task, integration.tenant_id, integration.config_id));
  runtime::Metrics& metrics = environment.metrics;
  const std::string provider = integration.provider_name;

  std::unique_ptr<Outbound> outbound(new Outbound(manifest, opened.config, limits.timeout));
  auto& layers = outbound->layers_;
  http::Client& transport = *environment.http_clients.at(task.loop().index());
  layers.push_back(credentials::make_signing_client(transport, manifest.auth, opened.config, opened.credentials, task.clock()));
  layers.push_back(limit::make_governed_client(
      *layers.back(), {std::move(member), lane},
      {.throttled = [&metrics, provider] { metrics.rate_limit_hit(provider); },
       .waited = [&metrics, provider, lane](std::chrono::nanoseconds wait) { metrics.rate_limit_wait(provider, to_string(lane), wait); }}));
  layers.push_back(breaker::make_breaking_client(*layers.back(), std::move(circuit), limits.breaker));
  layers.push_back(http::make_retrying_client(*layers.back(), limits.retry, shared.retry_budgets, http::random_unit,
                                              [&metrics, provider] { metrics.retried(provider); }));
  layers.push_back(http::make_redirecting_client(*layers.back()));
  return outbound;
}

std::unique_ptr<Outbound> Outbound::make_bare(http::Client& transport, const abi::Manifest& manifest, const nlohmann::json& config,
                                              const credentials::Credentials& credentials, const runtime::Clock& clock) {
  std::unique_ptr<Outbound> outbound(new Outbound(manifest, config, CallDefaults{}.timeout));
  outbound->layers_.push_back(credentials::make_signing_client(transport, manifest.auth, config, credentials, clock));
  outbound->layers_.push_back(http::make_redirecting_client(*outbound->layers_.back()));
  return outbound;
}

Result<std::unique_ptr<http::Exchange>> Outbound::open(runtime::Task& task, abi::HttpRequest request) {
  TOMADA_TRY(allowed_.check(request.url));
  return layers_.back()->open(task, {.method = std::move(request.method),
                                     .url = std::move(request.url),
                                     .headers = std::move(request.headers),
                                     .body = std::move(request.body),
                                     .streamed_length = request.streamed_length,
                                     .timeout = request.timeout.count() == 0 ? timeout_ : request.timeout,
                                     .may_follow = [this](std::string_view url) { return allowed_.check(url); },
                                     .authenticate = request.authenticate});
}

}  // namespace tomada::service
