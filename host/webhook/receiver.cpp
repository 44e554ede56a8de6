#include "host/webhook/receiver.hpp"

#include "host/base/uuid.hpp"
#include "host/webhook/accounts.hpp"
#include "host/webhook/inline_reply.hpp"
#include "host/webhook/known.hpp"
#include "host/webhook/known_loader.hpp"
#include "host/webhook/stored_headers.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

namespace tomada::webhook {
namespace {

using runtime::Task;
using std::chrono::milliseconds;

constexpr std::int64_t k_retry_seconds_busy = 1;
constexpr std::int64_t k_retry_seconds_store = 5;
constexpr milliseconds k_rotation_look{1'000};  // a refused signature reads secrets that are older again
constexpr std::size_t k_refused_bytes_max = 16 * 1024;  // kept of a refused request's body, and of its headers
constexpr std::size_t k_reason_bytes_max = 500;

struct Outcome {
  Response response;
  std::string webhook_id;
  std::string reason;  // of a refusal; for the operator, not for the caller
};

/// Says nothing about the reason: it would help whoever tries.
Outcome refusal(int status, std::string_view title, std::string reason, std::int64_t retry_after_seconds = 0) {
  Outcome outcome;
  outcome.response.status = status;
  outcome.response.content_type = "application/problem+json";
  outcome.response.body = R"({"type":"about:blank","title":")" + std::string(title) + R"(","status":)" +
                          std::to_string(status) + "}\n";
  outcome.response.retry_after_seconds = retry_after_seconds;
  outcome.reason = std::move(reason);
  return outcome;
}
Outcome no_such_address() { return refusal(404, "Not Found", "there is no such address"); }
Outcome unavailable(const Error& error) {
  return refusal(503, "Service Unavailable", error.message, k_retry_seconds_store);
}

struct Judged {
  std::optional<scheme::Handshake> handshake;
  scheme::Verdict verdict;
};

Judged judge(const Known& known, const scheme::Inbound& inbound, std::int64_t now_s) {
  Judged judged;
  if (!known.material) {
    judged.verdict.reason = known.why_not;
    return judged;
  }
  const Material& material = *known.material;
  /// True: go on.
  const auto shake_hands = [&] {
    auto answer = material.webhook->handshake(inbound, material.secrets, judged.verdict);
    if (answer.has_error()) {
      judged.verdict.valid = false;
      judged.verdict.reason = answer.error().message;
      return false;
    }
    judged.handshake = *std::move(answer);
    return !judged.handshake;
  };
  if (!shake_hands()) return judged;
  const bool allow_legacy = known.integration ? known.integration->allow_legacy : known.app->allow_legacy;
  judged.verdict = material.webhook->verify(
      inbound, material.secrets, {.now_s = now_s, .tolerance_s = std::nullopt, .allow_legacy = allow_legacy});
  if (judged.verdict.valid) (void)shake_hands();
  return judged;
}

std::string accepted_body(std::string_view webhook_id, bool duplicate) {
  std::string body = R"({"success":true,"id":")";
  body.append(webhook_id).append(duplicate ? "\",\"duplicate\":true}\n" : "\"}\n");
  return body;
}

}  // namespace

struct Receiver::Impl {
  /// One for each loop; nothing in it is shared.
  struct alignas(64) PerLoop {
    KnownCache integrations;
    KnownCache apps;
    Accounts accounts;
  };
  struct Waiting {
    std::atomic<std::size_t>& count;
    explicit Waiting(std::atomic<std::size_t>& counter) : count(counter) { count.fetch_add(1, std::memory_order_relaxed); }
    ~Waiting() { count.fetch_sub(1, std::memory_order_relaxed); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
  };
  /// Events on their way into the store, and the one integration that may be asked for the answer.
  struct Prepared {
    std::vector<store::NewWebhook> events;
    Accounts::Integrations integrations;         // of an app: those of the last event
    const store::Integration* only{nullptr};  // all events are of this one
    std::size_t ignored_count{0};
  };

  store::Store& store;
  const plugin::Registry& registry;
  KnownLoader loader;
  plugin::Calls& calls;
  service::Environment& environment;
  jobs::Runner& runner;
  runtime::Metrics& metrics;
  ReceiverOptions options;
  std::vector<std::unique_ptr<PerLoop>> loops;
  std::atomic<std::uint64_t> epoch{0};
  std::atomic<std::size_t> waiting_count{0};
  std::atomic<std::int64_t> trouble_noted_s{0};
  // Read by every request, written once or twice: an old text stays, so that readers need no lock.
  std::mutex urls_mutex;
  std::deque<std::string> urls;
  std::atomic<const std::string*> public_url{nullptr};

  Impl(runtime::Loops& all, store::Store& store_, const plugin::Registry& registry_, plugin::Calls& calls_,
       service::Environment& environment_, jobs::Runner& runner_, runtime::Metrics& metrics_, ReceiverOptions options_)
      : store(store_), registry(registry_), loader(store_, registry_, environment_), calls(calls_), environment(environment_),
        runner(runner_), metrics(metrics_), options(std::move(options_)) {
    using Old = std::shared_ptr<const Known>;
    const KnownCache::Load integration = [this](Task& task, std::string_view id, const Old& old) {
      return loader.integration(task, id, old);
    };
    const KnownCache::Load app = [this](Task& task, std::string_view id, const Old& old) {
      return loader.app(task, id, old);
    };
    for (std::size_t i = 0; i < all.count(); ++i)
      loops.push_back(std::unique_ptr<PerLoop>(new PerLoop{KnownCache(integration, options.known_for, epoch),
                                                           KnownCache(app, options.known_for, epoch),
                                                           Accounts(store.apps(), options.known_for, epoch)}));
    set_url(options.public_url);
  }

  void set_url(std::string url) {
    const std::lock_guard lock(urls_mutex);
    public_url.store(&urls.emplace_back(std::move(url)), std::memory_order_release);
  }
  [[nodiscard]] const std::string& url() const { return *public_url.load(std::memory_order_acquire); }

  /// `is_test`: stored like any other, but not handed to the plugin, which knows no such event.
  Outcome receive(Task& task, KnownCache& cache, std::string_view id, const Request& request, bool is_test = false) {
    const auto started = task.clock().steady();
    if (waiting_count.load(std::memory_order_relaxed) >= options.waiting_max)
      return refusal(503, "Service Unavailable", "too many requests wait for the disk", k_retry_seconds_busy);
    auto found = cache.find(task, id);
    if (found.has_error()) return unavailable(found.error());
    std::shared_ptr<const Known> known = *std::move(found);
    if (!known) return no_such_address();

    std::string called;
    called.reserve(url().size() + request.target.size());
    called.append(url()).append(request.target);
    const scheme::Inbound inbound{request.method, called, request.headers, request.body};
    const std::int64_t now_ms = task.clock().unix_ms();
    Judged judged = judge(*known, inbound, now_ms / 1'000);
    if (!judged.verdict.valid && !judged.handshake) {
      // The secret may have been changed on another host, or by a command, a moment ago.
      auto newer = cache.find_newer(task, id, known, k_rotation_look);
      if (newer.has_value() && *newer) {
        known = *std::move(newer);
        judged = judge(*known, inbound, now_ms / 1'000);
      }
    }
    if (judged.handshake) {
      Outcome outcome;
      outcome.response.status = judged.handshake->status;
      outcome.response.content_type = std::move(judged.handshake->content_type);
      outcome.response.body = std::move(judged.handshake->body);
      return outcome;
    }
    if (!judged.verdict.valid) {
      note_refusal(task, cache, id, *known, request, judged.verdict.reason);
      return refusal(401, "Unauthorized", std::move(judged.verdict.reason));
    }
    auto events = known->material->webhook->events(inbound, judged.verdict);
    if (events.has_error()) {
      note_refusal(task, cache, id, *known, request, events.error().message);
      return refusal(400, "Bad Request", events.error().message);
    }
    auto prepared = prepare(task, *known, request, *std::move(events), now_ms);
    if (prepared.has_error()) return unavailable(prepared.error());
    if (is_test) {
      for (store::NewWebhook& event : prepared->events) {
        event.processing_status = "ignored";
        event.processing_error = "a test of the intake; with a body of its own it would go to the plugin";
      }
      prepared->ignored_count = prepared->events.size();
      prepared->only = nullptr;
    }
    Outcome outcome = accept(task, *known, *prepared, now_ms);
    if (outcome.response.status == 404) epoch.fetch_add(1, std::memory_order_release);  // removed meanwhile
    if (outcome.response.status == 200) metrics.webhook_intake(known->provider(), task.clock().steady() - started);
    return outcome;
  }

  Result<Prepared> prepare(Task& task, const Known& known, const Request& request, std::vector<scheme::Event> events,
                           std::int64_t now_ms) {
    Prepared prepared;
    prepared.events.reserve(events.size());
    const std::string headers = stored_headers(request, *known.material->webhook);
    const auto add = [&](const scheme::Event& event, const store::Integration* integration) {
      store::NewWebhook& added = prepared.events.emplace_back();
      added.webhook_id = store::make_webhook_id(now_ms);
      added.tenant_id = integration != nullptr ? integration->tenant_id : known.tenant_id();
      if (integration != nullptr) added.config_id = integration->config_id;
      if (known.app) added.app_id = known.app->app_id;
      added.event_id = event.event_id;
      added.event_type = event.event_type;
      added.subject = event.subject;
      added.headers = headers;
      added.body = std::string(event.body);
      added.source_ip = std::string(request.source_ip);
      added.received_at_ms = added.next_processing_at_ms = now_ms;
    };
    for (const scheme::Event& event : events) {
      if (known.integration) {
        add(event, &*known.integration);
        prepared.only = &*known.integration;
        continue;
      }
      TOMADA_TRY_ASSIGN(prepared.integrations, owners(task, *known.app, event.account));
      for (const store::Integration& integration : *prepared.integrations) add(event, &integration);
      prepared.only = prepared.integrations->size() == 1 ? &prepared.integrations->front() : nullptr;
      if (!prepared.integrations->empty()) continue;
      add(event, nullptr);
      prepared.events.back().processing_status = "ignored";
      prepared.events.back().processing_error = event.account.empty()
                                                    ? "the event names no account"
                                                    : "no integration has the account " + event.account.substr(0, 200);
      ++prepared.ignored_count;
    }
    return prepared;
  }

  Result<Accounts::Integrations> owners(Task& task, const store::App& app, const std::string& account) {
    if (account.empty()) return std::make_shared<const std::vector<store::Integration>>();
    return loops[task.loop().index()]->accounts.find(task, app, account);
  }

  Outcome accept(Task& task, const Known& known, Prepared& prepared, std::int64_t now_ms) {
    Outcome outcome;
    if (prepared.events.empty()) {  // an empty list of events is a list of events
      outcome.response.body = "{\"success\":true}\n";
      return outcome;
    }
    const bool is_inline = known.material->webhook->reply() == scheme::Reply::inline_ && prepared.events.size() == 1 &&
                           prepared.only != nullptr && prepared.only->is_enabled;
    if (is_inline) {
      prepared.events.front().processing_status = "processing";
      prepared.events.front().next_processing_at_ms = now_ms + k_inline_given_up.count();
    }
    Result<store::Acceptance> accepted = [&] {
      const Waiting waiting(waiting_count);
      return store.webhooks().accept(task, prepared.events);
    }();
    if (accepted.has_error()) {
      if (accepted.error().code == Errc::not_found) return no_such_address();
      note_trouble(task, known, accepted.error());
      return unavailable(accepted.error());
    }
    if (accepted->wakes_job) runner.kick();
    const auto duplicates_count = static_cast<std::size_t>(
        std::count_if(accepted->events.begin(), accepted->events.end(), [](const auto& one) { return one.duplicate; }));
    const std::size_t all_count = accepted->events.size();
    const std::size_t ignored_count = std::min(prepared.ignored_count, all_count - duplicates_count);
    metrics.webhook_received(known.provider(), "duplicate", duplicates_count);
    metrics.webhook_received(known.provider(), "ignored", ignored_count);
    metrics.webhook_received(known.provider(), "accepted", all_count - duplicates_count - ignored_count);

    outcome.webhook_id = store::format_webhook_id(accepted->events.front().webhook_id);
    if (is_inline && duplicates_count == 0) {
      outcome.response = answer_inline(task, known, prepared, accepted->events.front().webhook_id);
      return outcome;
    }
    outcome.response.body = accepted_body(outcome.webhook_id, duplicates_count == all_count);
    return outcome;
  }

  /// Once a second: a full disk must not be filled by words about it.
  void note_trouble(Task& task, const Known& known, const Error& error) {
    const std::int64_t now_s = task.clock().unix_ms() / 1'000;
    if (trouble_noted_s.exchange(now_s, std::memory_order_relaxed) == now_s) return;
    spdlog::error("webhooks of {}: cannot be stored: {}", known.provider(), error.message);
  }

  Response answer_inline(Task& task, const Known& known, const Prepared& prepared, std::int64_t webhook_id) {
    auto opened = known.integration ? Result<std::shared_ptr<const service::OpenedIntegration>>(known.material->opened)
                                    : service::open_integration(task, environment, *prepared.only);
    // An app's tenant may be another one, with another version.
    auto release = known.integration ? known.material->release
                                     : registry.find(prepared.only->provider_name, prepared.only->tenant_id);
    if (!release) opened = fail(Errc::not_found, "the plugin is not available on this host");
    InlineOutcome ended;
    ended.response.content_type = "text/plain; charset=utf-8";
    if (opened.has_value())
      ended = reply_inline(task, {calls, store.webhooks(), metrics, options.inline_timeout},
                           Target{environment, *prepared.only, std::move(release), *std::move(opened)},
                           prepared.events.front(), webhook_id);
    else
      spdlog::error("webhook of {}: {}", prepared.only->config_id, opened.error().message);
    if (ended.pending) runner.kick();
    return std::move(ended.response);
  }

  void note_refusal(Task& task, KnownCache& cache, std::string_view id, const Known& known, const Request& request,
                    const std::string& reason) {
    metrics.webhook_rejected(known.provider());
    if (options.rejected_max == 0 || !cache.may_note_refusal(task, id)) return;
    store::NewWebhook refused;
    refused.received_at_ms = task.clock().unix_ms();
    refused.webhook_id = store::make_webhook_id(refused.received_at_ms);
    refused.tenant_id = known.tenant_id();
    if (known.integration) refused.config_id = known.integration->config_id;
    if (known.app) refused.app_id = known.app->app_id;
    if (known.material) refused.headers = stored_headers(request, *known.material->webhook);
    if (refused.headers.size() > k_refused_bytes_max) refused.headers.resize(k_refused_bytes_max);
    refused.body = std::string(request.body.substr(0, k_refused_bytes_max));
    refused.source_ip = std::string(request.source_ip);
    refused.signature_verified = false;
    refused.processing_status = "failed";
    refused.processing_error = reason.substr(0, k_reason_bytes_max);
    const auto kept = store.webhooks().reject(task, refused, options.rejected_max);
    if (kept.has_error()) spdlog::warn("a refused webhook of {} is not kept: {}", id, kept.error().message);
  }
};

Receiver::Receiver(runtime::Loops& loops, store::Store& store, credentials::Vault& vault,
                   const plugin::Registry& registry, plugin::Calls& calls, service::Environment& environment,
                   jobs::Runner& runner, runtime::Metrics& metrics, ReceiverOptions options)
    : impl_(std::make_unique<Impl>(loops, store, registry, calls, environment, runner, metrics, std::move(options))) {
  (void)vault;  // environment has it
}

Receiver::~Receiver() = default;

Response Receiver::receive(Task& task, std::string_view config_id, const Request& request) {
  return impl_->receive(task, impl_->loops[task.loop().index()]->integrations, config_id, request).response;
}

Response Receiver::receive_for_app(Task& task, std::string_view app_id, const Request& request) {
  return impl_->receive(task, impl_->loops[task.loop().index()]->apps, app_id, request).response;
}

Result<TestOutcome> Receiver::test(Task& task, const store::Integration& integration, std::string_view body_json) {
  KnownCache& cache = impl_->loops[task.loop().index()]->integrations;
  TOMADA_TRY_ASSIGN(const auto known, cache.find(task, integration.config_id));
  if (!known) return fail(Errc::unsupported, "the plugin of this integration receives no webhooks");
  if (!known->material) return fail(Errc::invalid_config, known->why_not);
  const std::string body = !body_json.empty()
                               ? std::string(body_json)
                               : R"({"id":"tomada-test-)" + make_uuid_v7(task.clock().wall()) +
                                     R"(","type":"tomada.test"})";
  TestOutcome tested;
  tested.url = url_of(integration.config_id);
  std::string target = "/webhooks/" + integration.config_id;
  scheme::Headers headers{{"Content-Type", "application/json"}, {"User-Agent", "Tomada/test"}};
  TOMADA_TRY_ASSIGN(auto signed_, known->material->webhook->sign({"POST", tested.url, headers, body},
                                                                 known->material->secrets,
                                                                 task.clock().unix_ms() / 1'000));
  for (auto& header : signed_.headers) headers.push_back(std::move(header));
  if (!signed_.query.empty()) target += "?" + signed_.query;
  Outcome outcome =
      impl_->receive(task, cache, integration.config_id, {"POST", target, headers, body, "tomada"}, body_json.empty());
  tested.accepted = outcome.response.status < 300 && !outcome.webhook_id.empty();
  tested.webhook_id = std::move(outcome.webhook_id);
  tested.reason = std::move(outcome.reason);
  if (!tested.accepted && tested.reason.empty()) tested.reason = "a handshake answered instead of the intake";
  return tested;
}

void Receiver::forget(std::string_view) { impl_->epoch.fetch_add(1, std::memory_order_release); }

std::string Receiver::url_of(std::string_view config_id) const {
  return impl_->url() + "/webhooks/" + std::string(config_id);
}
std::string Receiver::url_of_app(std::string_view app_id) const {
  return impl_->url() + "/webhooks/apps/" + std::string(app_id);
}
void Receiver::set_public_url(std::string url) { impl_->set_url(std::move(url)); }
std::size_t Receiver::waiting_count() const { return impl_->waiting_count.load(std::memory_order_relaxed); }

}  // namespace tomada::webhook
