#include "host/abi/host_table.hpp"

#include "host/abi/call.hpp"
#include "host/abi/thunks.hpp"

#include <array>

namespace tomada::abi {
namespace {

const void* find_table(std::string_view id) {
  if (id == TOMADA_CALL_ID) return &k_call_service;
  if (id == TOMADA_LOG_ID) return &k_log_service;
  if (id == TOMADA_CLOCK_ID) return &k_clock_service;
  if (id == TOMADA_HTTP_ID) return &k_http_service;
  if (id == TOMADA_RECORDS_ID) return &k_records_service;
  if (id == TOMADA_STORAGE_ID) return &k_storage_service;
  if (id == TOMADA_CREDENTIALS_ID) return &k_credentials_service;
  if (id == TOMADA_REPLY_ID) return &k_reply_service;
  if (id == TOMADA_CRYPTO_ID) return &k_crypto_service;
  return nullptr;
}

tomada_status query_service(tomada_slice id, const void** table) noexcept {
  if (table == nullptr) return TOMADA_E_INVALID_DATA;
  *table = nullptr;
  if (!is_sound(id)) return TOMADA_E_INVALID_DATA;
  *table = find_table(view_of(id));
  return *table != nullptr ? TOMADA_OK : TOMADA_E_UNSUPPORTED;
}

}  // namespace

const tomada_host& host_table() {
  static const tomada_host host{sizeof(tomada_host), 0, TOMADA_ABI_MINOR, 0, query_service};
  return host;
}

std::span<const std::string_view> known_services() {
  static constexpr std::array<std::string_view, 9> k_ids{TOMADA_CALL_ID,        TOMADA_LOG_ID,     TOMADA_CLOCK_ID,
                                                         TOMADA_HTTP_ID,        TOMADA_RECORDS_ID, TOMADA_STORAGE_ID,
                                                         TOMADA_CREDENTIALS_ID, TOMADA_CRYPTO_ID,  TOMADA_REPLY_ID};
  return k_ids;
}

}  // namespace tomada::abi
