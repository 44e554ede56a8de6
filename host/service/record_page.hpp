// The page of records that a call has sent and not yet committed.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/record_rules.hpp"
#include "host/service/call_services.hpp"
#include "host/store/records.hpp"

#include <string>
#include <string_view>

namespace tomada::service {

/// Checks each record and keeps it in canonical form (keys sorted, no spaces), so that the store can compare texts.
class RecordPage {
 public:
  /// Borrowed, outlive the page.
  RecordPage(const abi::Manifest& manifest, const store::Integration& integration, const SyncContext& sync);

  /// INVALID_DATA: the record is refused, counted, and the page goes on without it.
  Result<void> upsert(std::string_view entity, const abi::RecordView& record);
  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms);
  /// Counted.
  void refuse() { ++rejected_count_; }

  /// Hands the page out for one commit and starts an empty one.
  store::Page take(std::int64_t now_ms);
  [[nodiscard]] std::size_t waiting_count() const { return changes_.size(); }

 private:
  const abi::Manifest& manifest_;
  const store::Integration& integration_;
  const SyncContext& sync_;
  abi::RecordRules rules_;
  std::vector<store::RecordChange> changes_;
  std::int64_t rejected_count_{0};
};

}  // namespace tomada::service
