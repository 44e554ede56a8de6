// Services of a plugin call that remember what was asked and answer what a test put in.
#pragma once

#include "host/abi/services.hpp"
#include "host/runtime/task.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace tomada::abi {

/// Answers with `chunks` as the body.
class FakeExchange final : public HttpExchange {
 public:
  HttpHead head{200, {{"Content-Type", "application/json"}, {"Link", "a"}, {"link", "b"}}};
  std::string body{"{\"ok\":true}"};
  std::string written;
  std::size_t* live_count{};

  ~FakeExchange() override {
    if (live_count != nullptr) --*live_count;
  }
  Result<void> write(std::string_view bytes) override {
    written += bytes;
    return {};
  }
  Result<HttpHead> finish() override { return head; }
  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t count = std::min(buffer.size(), body.size());
    std::copy_n(body.begin(), count, buffer.begin());
    body.erase(0, count);
    return count;
  }
  Result<std::string> read_all() override { return std::exchange(body, {}); }
};

class FakeServices final : public Services {
 public:
  explicit FakeServices(runtime::Task& task) : task_(task) {}

  std::vector<std::string> logs;
  std::vector<std::string> faults;  // misbehaved()
  std::vector<std::string> records;  // "entity/id" as they came; "-entity/id" for deletions
  std::vector<HttpRequest> requests;
  std::map<std::string, std::string, std::less<>> storage;
  std::map<std::string, std::string, std::less<>> credentials;
  std::vector<std::string> replies;  // "200 text/plain body"
  std::size_t exchanges_live_count{0};
  std::vector<std::string> refused;
  std::optional<Error> next_error;  // of the next fallible service

  Result<void> check() override { return task_.check(); }
  std::chrono::milliseconds remaining() override { return task_.deadline().remaining(task_.clock()); }
  void log(LogLevel, std::string_view message) override { logs.emplace_back(message); }
  std::int64_t now_ms() override { return task_.clock().unix_ms(); }
  Result<void> sleep(std::chrono::milliseconds duration) override { return runtime::sleep_for(task_, duration); }

  Result<std::unique_ptr<HttpExchange>> http_open(HttpRequest request) override {
    if (auto error = std::exchange(next_error, {})) return *error;
    requests.push_back(std::move(request));
    auto exchange = std::make_unique<FakeExchange>();
    exchange->live_count = &exchanges_live_count;
    ++exchanges_live_count;
    return std::unique_ptr<HttpExchange>(std::move(exchange));
  }

  Result<void> upsert(std::string_view entity, const RecordView& record) override {
    if (record.external_id.empty()) return fail(Errc::invalid_data, "a record without id");
    records.push_back(std::string(entity) + "/" + std::string(record.external_id));
    return {};
  }
  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t) override {
    records.push_back("-" + std::string(entity) + "/" + std::string(external_id));
    return {};
  }
  void refuse_record(std::string_view why) override { refused.emplace_back(why); }
  Result<void> checkpoint(std::string_view) override { return take_error(); }
  Result<void> complete(std::string_view, std::string_view) override { return take_error(); }
  Result<void> progress(std::uint64_t, std::uint64_t) override { return {}; }

  Result<std::string> storage_get(std::string_view key) override {
    const auto found = storage.find(key);
    if (found == storage.end()) return fail(Errc::not_found, "no such key");
    return found->second;
  }
  Result<void> storage_put(std::string_view key, std::string_view value) override {
    storage.insert_or_assign(std::string(key), std::string(value));
    return {};
  }
  Result<void> storage_remove(std::string_view key) override {
    storage.erase(std::string(key));
    return {};
  }
  Result<void> reply(int status, std::string_view content_type, std::string_view body) override {
    replies.push_back(std::to_string(status) + " " + std::string(content_type) + " " + std::string(body));
    return take_error();
  }
  Result<std::string_view> credential(std::string_view field) override {
    const auto found = credentials.find(field);
    if (found == credentials.end()) return fail(Errc::not_found, "no such field");
    return std::string_view(found->second);
  }
  bool has_credential(std::string_view field) override { return credentials.contains(field); }
  std::vector<std::string> credential_fields() override {
    std::vector<std::string> fields;
    for (const auto& [field, value] : credentials) fields.push_back(field);
    return fields;
  }
  void misbehaved(std::string_view what) override { faults.emplace_back(what); }

 private:
  Result<void> take_error() {
    if (auto error = std::exchange(next_error, {})) return *error;
    return {};
  }
  runtime::Task& task_;
};

}  // namespace tomada::abi
