#include "host/service/record_page.hpp"

#include <utility>

namespace tomada::service {

RecordPage::RecordPage(const abi::Manifest& manifest, const store::Integration& integration, const SyncContext& sync)
    : manifest_(manifest), integration_(integration), sync_(sync),
      rules_(abi::entity_names(manifest), sync.full ? sync.entity : std::string()) {}

Result<void> RecordPage::upsert(std::string_view entity, const abi::RecordView& record) {
  auto data = rules_.upsert(entity, record);
  if (data.has_error()) {
    refuse();
    return std::move(data).error();
  }
  changes_.push_back({.entity = std::string(entity),
                      .external_id = std::string(record.external_id),
                      .data_json = *std::move(data),
                      .updated_at_ms = record.updated_at_ms});
  return {};
}

Result<void> RecordPage::remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) {
  if (auto checked = rules_.remove(entity, external_id); checked.has_error()) {
    refuse();
    return checked;
  }
  changes_.push_back({.entity = std::string(entity),
                      .external_id = std::string(external_id),
                      .updated_at_ms = updated_at_ms,
                      .deleted = true});
  return {};
}

store::Page RecordPage::take(std::int64_t now_ms) {
  rules_.start_page();
  store::Page page;
  page.tenant_id = integration_.tenant_id;
  page.config_id = integration_.config_id;
  page.sync_id = sync_.sync_id;
  page.fencing_token = sync_.fencing_token;
  page.plugin_version = manifest_.version;
  page.changes = std::exchange(changes_, {});
  page.rejected_count = std::exchange(rejected_count_, 0);
  page.now_ms = now_ms;
  page.marks_seen = sync_.full;
  page.generation = sync_.generation;
  page.entity = sync_.entity;
  return page;
}

}  // namespace tomada::service
