#include "host/check/scripted_services.hpp"

#include <tomada/plugin.h>

#include <algorithm>
#include <utility>

namespace tomada::check {
namespace {

constexpr std::size_t k_secret_bytes_min = 6;    // shorter ones are found everywhere
constexpr std::size_t k_refused_max = 100;
constexpr std::size_t k_lines_max = 50'000;      // of a transcript
constexpr std::size_t k_shown_bytes_max = 2'000;  // of a request's body in it

std::string shown(std::string_view text) {
  if (text.size() <= k_shown_bytes_max) return std::string(text);
  return std::string(text.substr(0, k_shown_bytes_max)) + "… " + std::to_string(text.size()) + " bytes";
}

}  // namespace

class ScriptedServices::Exchange final : public abi::HttpExchange {
 public:
  Exchange(ScriptedServices& services, abi::HttpRequest request) : services_(services), request_(std::move(request)) {}

  Result<void> write(std::string_view bytes) override {
    request_.body.append(bytes);
    return {};
  }
  Result<abi::HttpHead> finish() override {
    TOMADA_TRY(services_.ask("http " + request_.method + " " + request_.url + " " + shown(request_.body)));
    for (const auto& [name, value] : request_.headers) services_.seen_.transcript.back() += "\n  " + name + ": " + value;
    answer_ = services_.provider_.answer(request_);
    services_.saw_error_ = services_.saw_error_ || answer_.error || answer_.head.status < 200 || answer_.head.status > 299;
    if (answer_.error) return *answer_.error;
    return answer_.head;
  }
  Result<std::size_t> read(std::span<char> buffer) override {
    TOMADA_TRY(services_.check());
    const std::size_t end = answer_.breaks_off_at.value_or(answer_.body.size());
    if (at_ == end && answer_.breaks_off_at) return broke_off();
    const std::size_t count = std::min(buffer.size(), end - at_);
    std::copy_n(answer_.body.begin() + static_cast<std::ptrdiff_t>(at_), count, buffer.begin());
    at_ += count;
    return count;
  }
  Result<std::string> read_all() override {
    TOMADA_TRY(services_.check());
    if (answer_.breaks_off_at) return broke_off();
    return std::exchange(answer_.body, {});
  }

 private:
  Error broke_off() {
    services_.saw_error_ = true;
    return fail(Errc::unavailable, "the connection broke off within the body");
  }
  ScriptedServices& services_;
  abi::HttpRequest request_;
  Answer answer_;
  std::size_t at_{0};
};

ScriptedServices::ScriptedServices(const Job& job, std::optional<abi::RecordRules> rules, Provider& provider, const Setup& setup, Endless endless)
    : job_(job), rules_(std::move(rules)), provider_(provider), setup_(setup), credentials_(setup.credentials), now_ms_(setup.now_ms),
      endless_(std::move(endless)) {}

Observation ScriptedServices::observation(const Result<void>& outcome) {
  if (outcome.has_error()) {
    seen_.status = to_string(outcome.error().code);
    seen_.message = outcome.error().message;
    look_for_secrets("the error text", outcome.error().message);
  }
  seen_.misses_count = provider_.misses_count();
  return seen_;
}

Result<void> ScriptedServices::ask(std::string line) {
  if (ended_) {
    if (++seen_.asked_after_end_count >= k_asked_after_end_max) endless_(seen_);
    return over();
  }
  if (seen_.transcript.size() < k_lines_max) seen_.transcript.push_back(std::move(line));
  if (++asked_count_ > job_.cancel_after || asked_count_ > job_.asked_max) {
    ended_ = true;
    seen_.transcript.push_back("cancelled");
    return over();
  }
  return {};
}

void ScriptedServices::look_for_secrets(std::string_view where, std::string_view text) {
  for (const auto& [field, value] : credentials_)
    if (value.size() >= k_secret_bytes_min && text.find(value) != std::string_view::npos)
      seen_.leaks.push_back("credentials." + field + " in " + std::string(where));
}

void ScriptedServices::log(abi::LogLevel, std::string_view message) { look_for_secrets("a log line", message); }

Result<void> ScriptedServices::sleep(std::chrono::milliseconds duration) {
  TOMADA_TRY(ask("sleep " + std::to_string(duration.count())));
  now_ms_ += duration.count();
  return {};
}

Result<std::unique_ptr<abi::HttpExchange>> ScriptedServices::http_open(abi::HttpRequest request) {
  TOMADA_TRY(check().has_value() ? Result<void>() : ask(""));
  return std::unique_ptr<abi::HttpExchange>(std::make_unique<Exchange>(*this, std::move(request)));
}

Result<void> ScriptedServices::has_sink() const {
  if (rules_) return {};
  return fail(Errc::unsupported, "records can be sent from sync() and handle_webhook() only");
}

Result<void> ScriptedServices::upsert(std::string_view entity, const abi::RecordView& record) {
  TOMADA_TRY(has_sink());
  auto data = rules_->upsert(entity, record);
  if (data.has_error()) {
    refuse_record(data.error().message);
    return std::move(data).error();
  }
  look_for_secrets("a record", record.data_json);
  seen_.records.push_back({std::string(entity), std::string(record.external_id), *std::move(data), record.updated_at_ms});
  ++seen_.unsaved_count;
  return {};
}

Result<void> ScriptedServices::remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) {
  TOMADA_TRY(has_sink());
  if (auto checked = rules_->remove(entity, external_id); checked.has_error()) {
    refuse_record(checked.error().message);
    return checked;
  }
  seen_.records.push_back({std::string(entity), std::string(external_id), "", updated_at_ms});
  ++seen_.unsaved_count;
  return {};
}

void ScriptedServices::refuse_record(std::string_view why) {
  if (seen_.refused.size() < k_refused_max) seen_.refused.emplace_back(why);
}

Result<void> ScriptedServices::checkpoint(std::string_view cursor) {
  TOMADA_TRY(has_sink());
  TOMADA_TRY(ask("checkpoint " + shown(cursor)));
  if (cursor.size() > abi::k_cursor_bytes_max) return fail(Errc::invalid_data, "a cursor has at most 64 KiB");
  look_for_secrets("a cursor", cursor);
  seen_.cursors.emplace_back(cursor);
  rules_->start_page();
  seen_.unsaved_count = 0;
  if (job_.stop_at_checkpoint) ended_ = true;
  return {};
}

Result<void> ScriptedServices::complete(std::string_view entity, std::string_view since) {
  TOMADA_TRY(has_sink());
  TOMADA_TRY(ask("complete " + std::string(entity) + " " + shown(since)));
  seen_.completed.emplace_back(entity);
  rules_->start_page();
  seen_.completed_after_error = seen_.completed_after_error || saw_error_;
  seen_.unsaved_count = 0;
  return {};
}

Result<void> ScriptedServices::undeclared(std::string what) {
  seen_.undeclared.push_back(what);
  return fail(Errc::forbidden, std::move(what));
}

Result<std::string> ScriptedServices::storage_get(std::string_view key) {
  if (!setup_.keeps_values) TOMADA_TRY(undeclared("uses storage, and its manifest does not name \"" TOMADA_STORAGE_ID "\" under services"));
  TOMADA_TRY(ask("storage_get " + shown(key)));
  const auto found = storage_.find(key);
  if (found == storage_.end()) return fail(Errc::not_found, "no such key");
  return found->second;
}

Result<void> ScriptedServices::storage_put(std::string_view key, std::string_view value) {
  if (!setup_.keeps_values) TOMADA_TRY(undeclared("uses storage, and its manifest does not name \"" TOMADA_STORAGE_ID "\" under services"));
  TOMADA_TRY(ask("storage_put " + shown(key) + " " + shown(value)));
  look_for_secrets("a stored value", value);
  storage_.insert_or_assign(std::string(key), std::string(value));
  return {};
}

Result<void> ScriptedServices::storage_remove(std::string_view key) {
  if (!setup_.keeps_values) TOMADA_TRY(undeclared("uses storage, and its manifest does not name \"" TOMADA_STORAGE_ID "\" under services"));
  TOMADA_TRY(ask("storage_remove " + shown(key)));
  storage_.erase(std::string(key));
  return {};
}

Result<void> ScriptedServices::reply(int status, std::string_view content_type, std::string_view body) {
  return ask("reply " + std::to_string(status) + " " + std::string(content_type) + " " + shown(body));
}

Result<std::string_view> ScriptedServices::credential(std::string_view field) {
  // No finding: a worker is given all that may be read before its plugin asks.
  if (!setup_.reads_secrets) return fail(Errc::forbidden, "reading credentials in clear needs the capability \"secrets\" in the manifest");
  const auto found = credentials_.find(field);
  if (found == credentials_.end()) return fail(Errc::not_found, "no such field");
  return std::string_view(found->second);
}

std::vector<std::string> ScriptedServices::credential_fields() {
  std::vector<std::string> fields;
  for (const auto& [field, value] : credentials_) fields.push_back(field);
  return fields;
}

}  // namespace tomada::check
