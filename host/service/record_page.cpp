#include "host/service/record_page.hpp"

#include "host/base/encoding.hpp"

#include <algorithm>
#include <utility>

namespace tomada::service {

RecordPage::RecordPage(const abi::Manifest& manifest, const store::Integration& integration, SyncContext& sync)
    : manifest_(manifest), integration_(integration), sync_(sync) {}

Error RecordPage::refuse(std::string why) {
  ++rejected_count_;
  return fail(Errc::invalid_data, std::move(why));
}

Result<void> RecordPage::admit(std::string_view entity, std::string_view external_id, std::size_t bytes) {
  if (changes_.size() >= k_page_records_max || bytes_ + bytes > k_page_bytes_max)
    return refuse("the page is full (10,000 records or 16 MiB): checkpoint first");
  const bool known = std::any_of(manifest_.entities.begin(), manifest_.entities.end(),
                                 [&](const abi::Entity& e) { return e.name == entity; });
  if (!known) return refuse("the manifest has no entity \"" + std::string(entity.substr(0, 64)) + "\"");
  // Seeing is counted for one entity at a time, so a full run may only speak of its own.
  if (sync_.full && entity != sync_.entity)
    return refuse("a full run of \"" + sync_.entity + "\" cannot change \"" + std::string(entity) + "\"");
  if (external_id.empty()) return refuse("a record without external_id");
  if (external_id.size() > k_external_id_bytes_max) return refuse("an external_id of more than 1024 bytes");
  if (!is_utf8(external_id)) return refuse("an external_id that is not UTF-8");
  return {};
}

Result<void> RecordPage::upsert(std::string_view entity, const abi::RecordView& record) {
  TOMADA_TRY(admit(entity, record.external_id, record.data_json.size()));
  const auto named = [&] { return "record \"" + std::string(record.external_id.substr(0, 128)) + "\": "; };
  if (record.data_json.size() > k_record_bytes_max) return refuse(named() + "data is larger than 1 MiB");
  auto data = canonical_.object(record.data_json);
  if (data.has_error()) return refuse(named() + data.error().message);
  store::RecordChange change{.entity = std::string(entity),
                             .external_id = std::string(record.external_id),
                             .data_json = *std::move(data),
                             .updated_at_ms = record.updated_at_ms};
  bytes_ += change.data_json.size() + change.external_id.size();
  changes_.push_back(std::move(change));
  return {};
}

Result<void> RecordPage::remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) {
  TOMADA_TRY(admit(entity, external_id, 0));
  changes_.push_back({.entity = std::string(entity),
                      .external_id = std::string(external_id),
                      .updated_at_ms = updated_at_ms,
                      .deleted = true});
  return {};
}

store::Page RecordPage::take(std::int64_t now_ms) {
  bytes_ = 0;
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
