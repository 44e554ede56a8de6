// The services storage and credentials.
#include "host/abi/call.hpp"
#include "host/abi/checks.hpp"
#include "host/abi/thunks.hpp"

namespace tomada::abi {
namespace {

tomada_status storage_get(tomada_call handle, tomada_slice key, tomada_slice* value) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (value == nullptr || !is_sound(key)) return call.refuse(Errc::invalid_data, "storage: get() is malformed");
    *value = tomada_slice{};
    if (const auto checked = check_storage_key(view_of(key)); checked.has_error()) return call.keep(checked.error());
    auto found = call.services().storage_get(view_of(key));
    if (found.has_error()) return call.keep(found.error());
    call.storage_value = std::move(*found);
    *value = slice_of(call.storage_value);
    return TOMADA_OK;
  });
}

tomada_status storage_put(tomada_call handle, tomada_slice key, tomada_slice value) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(key) || !is_sound(value)) return call.refuse(Errc::invalid_data, "storage: put() is malformed");
    if (const auto checked = check_storage_key(view_of(key)); checked.has_error()) return call.keep(checked.error());
    return call.status_of(call.services().storage_put(view_of(key), view_of(value)));
  });
}

tomada_status storage_remove(tomada_call handle, tomada_slice key) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(key)) return call.refuse(Errc::invalid_data, "storage: remove() is malformed");
    if (const auto checked = check_storage_key(view_of(key)); checked.has_error()) return call.keep(checked.error());
    return call.status_of(call.services().storage_remove(view_of(key)));
  });
}

tomada_status credentials_get(tomada_call handle, tomada_slice field, tomada_slice* value) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (value == nullptr || !is_sound(field)) return call.refuse(Errc::invalid_data, "credentials: get() is malformed");
    *value = tomada_slice{};
    const auto found = call.services().credential(view_of(field));
    if (found.has_error()) return call.keep(found.error());
    *value = slice_of(*found);
    return TOMADA_OK;
  });
}

tomada_status credentials_has(tomada_call handle, tomada_slice field) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(field)) return call.refuse(Errc::invalid_data, "credentials: has() is malformed");
    return call.services().has_credential(view_of(field)) ? TOMADA_OK : TOMADA_E_NOT_FOUND;
  });
}

}  // namespace

const tomada_storage_service k_storage_service{sizeof(tomada_storage_service), 0, storage_get, storage_put,
                                               storage_remove};
const tomada_credentials_service k_credentials_service{sizeof(tomada_credentials_service), 0, credentials_get,
                                                       credentials_has};

}  // namespace tomada::abi
