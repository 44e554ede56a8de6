#include "host/check/recorder.hpp"

#include "host/abi/inspect.hpp"
#include "host/check/subject.hpp"
#include "host/service/outbound.hpp"
#include "host/service/redactor.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace tomada::check {
namespace {

constexpr int k_waits_max = 20;
constexpr std::chrono::seconds k_wait_max{120};
using Waits = std::function<void(std::chrono::seconds)>;

/// Of a 429: how long its provider wants us to wait; nothing when that is no number of seconds or too long.
std::optional<std::chrono::seconds> wait_of(const Answer& answer) {
  if (answer.error || answer.head.status != 429) return std::nullopt;
  std::chrono::seconds wait{1};
  for (const auto& [name, value] : answer.head.headers) {
    if (name != "retry-after") continue;
    int seconds = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (code != std::errc() || end != value.data() + value.size() || seconds < 0) return std::nullopt;
    wait = std::chrono::seconds(seconds);
  }
  return wait <= k_wait_max ? std::optional(wait) : std::nullopt;
}

/// Sends what is asked, and keeps it.
class Live final : public Provider {
 public:
  Live(runtime::Task& task, service::Outbound& outbound, const credentials::Credentials& credentials, Recording& recording,
       const Waits& waits)
      : task_(task), outbound_(outbound), credentials_(credentials), recording_(recording), waits_(waits) {}

  Answer answer(const abi::HttpRequest& request) override {
    Traffic one{.method = request.method, .url = clean(request.url), .body = clean(request.body), .error = {}, .headers = {}, .answer_body = {}};
    Answer answer = ask(request);
    for (int i = 0; i < k_waits_max; ++i) {
      const auto wait = wait_of(answer);
      if (!wait) break;
      waits_(*wait);
      if (runtime::sleep_for(task_, *wait).has_error()) break;
      answer = ask(request);
    }
    if (answer.error) one.error = clean(answer.error->message);
    one.status = answer.head.status;
    for (const auto& [name, value] : answer.head.headers)
      if (is_kept(name)) one.headers.emplace_back(name, clean(value));
    one.answer_body = clean(answer.body);
    recording_.traffic.push_back(std::move(one));
    return answer;
  }

 private:
  Answer ask(abi::HttpRequest request) {
    Answer answer;
    request.streamed_length.reset();  // the body is whole
    auto exchange = outbound_.open(task_, std::move(request));
    if (exchange.has_error()) return {exchange.error(), {}, {}, {}};
    auto head = (*exchange)->finish(task_);
    if (head.has_error()) return {head.error(), {}, {}, {}};
    auto body = http::read_all(task_, **exchange);
    if (body.has_error()) return {body.error(), {}, {}, {}};
    answer.head = {head->status, std::move(head->headers)};
    answer.body = *std::move(body);
    return answer;
  }
  std::string clean(std::string_view text) const { return service::redact(text, credentials_); }
  static bool is_kept(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::array k_left_out = {"set-cookie", "authorization", "www-authenticate", "proxy-authenticate"};
    return std::find(k_left_out.begin(), k_left_out.end(), name) == k_left_out.end();
  }

  runtime::Task& task_;
  service::Outbound& outbound_;
  const credentials::Credentials& credentials_;
  Recording& recording_;
  const Waits& waits_;
};

Result<Recording> record_one(runtime::Task& task, const Subject& subject, const RecordOptions& options, http::Client& transport,
                             runtime::Metrics& metrics, const abi::Entity& entity, const Waits& waits) {
  credentials::Credentials credentials;
  std::map<std::string, std::string, std::less<>> readable;
  for (const auto& [field, value] : options.credentials.items()) {
    readable[field] = value.is_string() ? value.get<std::string>() : value.dump();
    credentials.emplace(field, Secret(readable[field]));
  }
  Setup setup = subject.setup();
  setup.config_json = options.config.dump();
  setup.credentials = std::move(readable);
  setup.now_ms = task.clock().unix_ms();
  Recording recording{.plugin_id = subject.manifest.id,
                      .version = subject.manifest.version,
                      .entity = entity.name,
                      .mode = entity.full ? "full" : "incremental",
                      .since = {},
                      .now_ms = setup.now_ms,
                      .config = options.config,
                      .traffic = {},
                      .records = {},
                      .completed = {}};
  TOMADA_TRY_ASSIGN(const auto link, subject.start_worker(task, options.worker_program, metrics));
  TOMADA_TRY(link->ready(task));
  const Job job{.entity = recording.entity, .mode = recording.mode};
  std::unique_ptr<service::Outbound> outbound;
  const Observation seen = run_in_worker(task, link, setup, job, [&](runtime::Task& inner) {
    outbound = service::Outbound::make_bare(transport, subject.manifest, options.config, credentials, inner.clock());
    return std::make_unique<Live>(inner, *outbound, credentials, recording, waits);
  });
  if (!seen.crash.empty()) return fail(Errc::unavailable, entity.name + ": its process " + seen.crash);
  if (seen.status != "ok") return fail(Errc::unavailable, entity.name + ": " + seen.status + ": " + seen.message);
  recording.records = seen.records;
  recording.checkpoints_count = seen.cursors.size();
  recording.completed = seen.completed;
  return recording;
}

}  // namespace

Result<void> record(const RecordOptions& options, const std::function<void(const Recording&, const std::filesystem::path&)>& told,
                    const Waits& waits) {
  const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  runtime::Metrics metrics;
  const auto transport = http::make_curl_client(loop, options.http);
  return runtime::run(loop, [&](runtime::Task& task) -> Result<void> {
    TOMADA_TRY_ASSIGN(const Subject subject, Subject::open(options.file));
    TOMADA_TRY(abi::check_schema(subject.manifest.config_schema, options.config, "config"));
    TOMADA_TRY(abi::check_schema(subject.manifest.credentials_schema, options.credentials, "credentials"));
    bool is_found = false;
    for (const abi::Entity& entity : subject.manifest.entities) {
      if (!options.entity.empty() && entity.name != options.entity) continue;
      is_found = true;
      TOMADA_TRY_ASSIGN(const Recording recording, record_one(task, subject, options, *transport, metrics, entity, waits));
      TOMADA_TRY(save_recording(options.folder, recording));
      told(recording, options.folder / recording.file_name());
    }
    if (!is_found) return fail(Errc::not_found, "the plugin has no entity " + options.entity);
    return {};
  });
}

}  // namespace tomada::check
