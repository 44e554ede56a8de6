// The service records.
#include "host/abi/call.hpp"
#include "host/abi/thunks.hpp"

namespace tomada::abi {
namespace {

/// A record that could not even be read must still make the run partial: a full run would otherwise take what was
/// lost here for a deletion.
tomada_status lose_record(Call& call, Errc code, std::string_view why, std::string_view rule = {}) {
  call.services().refuse_record(why);
  return call.refuse(code, why, rule);
}

tomada_status records_upsert(tomada_call handle, tomada_slice entity, const tomada_record* record) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    tomada_record given{};
    if (const tomada_status read = read_struct(record, given); read != TOMADA_OK)
      return lose_record(call, static_cast<Errc>(read), "records: the record struct is malformed or too new", "C08");
    if (given.reserved != 0)
      return lose_record(call, Errc::too_new, "records: the record has fields that this host does not know");
    if (!is_sound(entity) || !is_sound(given.external_id) || !is_sound(given.data_json))
      return lose_record(call, Errc::invalid_data, "records: a text of the record is malformed");
    return call.status_of(call.services().upsert(
        view_of(entity), RecordView{view_of(given.external_id), view_of(given.data_json), given.updated_at_ms}));
  });
}

tomada_status records_remove(tomada_call handle, tomada_slice entity, tomada_slice external_id,
                             tomada_unix_ms updated_at_ms) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(entity) || !is_sound(external_id))
      return call.refuse(Errc::invalid_data, "records: a text of remove() is malformed");
    return call.status_of(call.services().remove(view_of(entity), view_of(external_id), updated_at_ms));
  });
}

tomada_status records_checkpoint(tomada_call handle, tomada_slice cursor) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(cursor)) return call.refuse(Errc::invalid_data, "records: the cursor is malformed");
    return call.status_of(call.services().checkpoint(view_of(cursor)));
  });
}

tomada_status records_complete(tomada_call handle, tomada_slice entity, tomada_slice since) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(entity) || !is_sound(since))
      return call.refuse(Errc::invalid_data, "records: a text of complete() is malformed");
    return call.status_of(call.services().complete(view_of(entity), view_of(since)));
  });
}

tomada_status records_progress(tomada_call handle, std::uint64_t current, std::uint64_t total) {
  return in_call(handle, [&](Call& call) { return call.status_of(call.services().progress(current, total)); });
}

}  // namespace

const tomada_records_service k_records_service{sizeof(tomada_records_service), 0,
                                               records_upsert,                 records_remove,
                                               records_checkpoint,             records_complete,
                                               records_progress};

}  // namespace tomada::abi
