#include "host/abi/record_rules.hpp"

#include "host/base/encoding.hpp"

#include <algorithm>
#include <utility>

namespace tomada::abi {
namespace {

Error refused(std::string why) { return fail(Errc::invalid_data, std::move(why)); }

std::string name_of(const RecordView& record) {
  return "record \"" + std::string(record.external_id.substr(0, 128)) + "\": ";
}

}  // namespace

RecordRules::RecordRules(std::vector<std::string> entities, std::string own_entity)
    : entities_(std::move(entities)), own_entity_(std::move(own_entity)) {}

Result<void> RecordRules::admit(std::string_view entity, std::string_view external_id, std::size_t data_bytes) const {
  if (records_count_ >= k_page_records_max || bytes_ + data_bytes > k_page_bytes_max)
    return refused("the page is full (10,000 records or 16 MiB): checkpoint first");
  if (std::find(entities_.begin(), entities_.end(), entity) == entities_.end())
    return refused("the manifest has no entity \"" + std::string(entity.substr(0, 64)) + "\"");
  // Seeing is counted for one entity at a time, so a full run may only speak of its own.
  if (!own_entity_.empty() && entity != own_entity_)
    return refused("a full run of \"" + own_entity_ + "\" cannot change \"" + std::string(entity) + "\"");
  if (external_id.empty()) return refused("a record without external_id");
  if (external_id.size() > k_external_id_bytes_max) return refused("an external_id of more than 1024 bytes");
  if (!is_utf8(external_id)) return refused("an external_id that is not UTF-8");
  return {};
}

template <class Read>
auto RecordRules::judge(std::string_view entity, const RecordView& record, Read read) -> decltype(read()) {
  TOMADA_TRY(admit(entity, record.external_id, record.data_json.size()));
  if (record.data_json.size() > k_record_bytes_max) return refused(name_of(record) + "data is larger than 1 MiB");
  auto data = read();
  if (data.has_error()) return refused(name_of(record) + data.error().message);
  ++records_count_;
  bytes_ += record.data_json.size() + record.external_id.size();
  return data;
}

Result<std::string> RecordRules::upsert(std::string_view entity, const RecordView& record) {
  return judge(entity, record, [&] { return json_.object(record.data_json); });
}

Result<void> RecordRules::check_upsert(std::string_view entity, const RecordView& record) {
  return judge(entity, record, [&] { return json_.check_object(record.data_json); });
}

Result<void> RecordRules::remove(std::string_view entity, std::string_view external_id) {
  TOMADA_TRY(admit(entity, external_id, 0));
  ++records_count_;
  return {};
}

}  // namespace tomada::abi
