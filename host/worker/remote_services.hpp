// The services of one call in a worker: each question goes to the host, which has the real ones.
#pragma once

#include "host/abi/record_rules.hpp"
#include "host/abi/services.hpp"
#include "host/worker/line.hpp"
#include "host/worker/wire.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::worker {

class RemoteServices final : public abi::Services {
 public:
  /// `credentials`: as put_credentials() wrote them.
  RemoteServices(Line& line, Reader& credentials);
  ~RemoteServices() override;

  /// Records can be sent from this function; otherwise they are UNSUPPORTED.
  void take_records(std::vector<std::string> entities, std::string own_entity) {
    rules_.emplace(std::move(entities), std::move(own_entity));
  }

  Result<void> check() override { return line_.check(); }
  std::chrono::milliseconds remaining() override { return line_.remaining(); }
  void log(abi::LogLevel level, std::string_view message) override;
  std::int64_t now_ms() override;
  Result<void> sleep(std::chrono::milliseconds duration) override { return line_.sleep(duration); }
  Result<std::unique_ptr<abi::HttpExchange>> http_open(abi::HttpRequest request) override;
  Result<void> upsert(std::string_view entity, const abi::RecordView& record) override;
  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) override;
  void refuse_record(std::string_view why) override;
  Result<void> checkpoint(std::string_view cursor) override;
  Result<void> complete(std::string_view entity, std::string_view since) override;
  Result<void> progress(std::uint64_t current, std::uint64_t total) override;
  Result<std::string> storage_get(std::string_view key) override;
  Result<void> storage_put(std::string_view key, std::string_view value) override;
  Result<void> storage_remove(std::string_view key) override;
  Result<void> reply(int status, std::string_view content_type, std::string_view body) override;
  Result<std::string_view> credential(std::string_view field) override;
  bool has_credential(std::string_view field) override;
  std::vector<std::string> credential_fields() override;
  void misbehaved(std::string_view what) override;

 private:
  class Exchange;

  template <class Read>
  auto read_answer(Read read, const Result<std::string>& answer) -> Result<std::invoke_result_t<Read&, Reader&>>;
  /// `values` after the kind of question; what the answer holds after its flag is read by `read(reader)`.
  template <class Read, class... Values>
  auto ask(Read read, Ask what, const Values&... values) -> Result<std::invoke_result_t<Read&, Reader&>>;
  template <class... Values>
  Result<void> order(Ask what, const Values&... values);
  template <class... Values>
  void note(Note what, const Values&... values);

  template <class... Values>
  void say(Note what, const Values&... values);

  Result<void> has_sink() const;
  template <class... Values>
  void add_record(RecordKind kind, const Values&... values);
  void send_records();
  Result<void> end_page(const Result<void>& ended);

  Line& line_;
  std::string body_;  // of a question; keeps its memory
  std::optional<abi::RecordRules> rules_;
  std::string records_;           // that the host has not been told of
  std::size_t refused_count_{0};  // since the last checkpoint, with words
  std::size_t notes_count_{0};
  std::chrono::steady_clock::time_point progress_at_{};
  bool may_read_credentials_{false};
  std::map<std::string, std::string, std::less<>> credentials_;  // handed out: they stay until the call ends
};

}  // namespace tomada::worker
