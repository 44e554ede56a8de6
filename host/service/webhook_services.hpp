// The services of one handle_webhook(): records and values are kept back, for the commit that ends the event.
#pragma once

#include "host/service/call_base.hpp"
#include "host/service/record_page.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::service {

inline constexpr std::size_t k_webhook_values_max = 1'000;  // keys that one call may change

/// What a call leaves behind. None of it is in effect before the store finishes the event with it.
struct WebhookEffects {
  std::optional<store::Page> page;  // of all records; absent when there were none
  std::vector<std::pair<std::string, std::optional<std::string>>> values;  // each key once; nullopt: removed
  std::int64_t rejected_count{0};
};

struct WebhookReply {
  int status{200};
  std::string content_type;
  std::string body;
};

class WebhookServices final : public CallBase {
 public:
  /// `opened` is shared with the calls for other events; the rest is borrowed.
  WebhookServices(runtime::Task& task, Environment& environment, const store::Integration& integration,
                  const abi::Manifest& manifest, std::shared_ptr<const OpenedIntegration> opened);

  /// After the call succeeded, once.
  WebhookEffects take_effects();
  [[nodiscard]] std::optional<WebhookReply>& given_reply() { return reply_; }

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

 private:
  RecordPage& page();
  Result<void> keep(std::string_view key, std::optional<std::string> value);

  SyncContext no_sync_;
  std::optional<RecordPage> page_;  // from the first record on
  std::map<std::string, std::optional<std::string>, std::less<>> values_;
  std::optional<WebhookReply> reply_;
};

}  // namespace tomada::service
