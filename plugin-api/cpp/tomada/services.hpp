// The host's function tables, looked up once when an instance is made.
#pragma once

#include "tomada/failure.hpp"

namespace tomada::sdk {

/// All services that this glue knows; nullptr for one that the host lacks. Kept in the instance, never in a global: one
/// plugin file may be loaded twice.
struct Services {
  const tomada_call_service* call{};
  const tomada_log_service* log{};
  const tomada_clock_service* clock{};
  const tomada_http_service* http{};
  const tomada_records_service* records{};
  const tomada_storage_service* storage{};
  const tomada_credentials_service* credentials{};
  const tomada_crypto_service* crypto{};
  const tomada_reply_service* reply{};

  static Services find(const tomada_host& host) {
    Services found;
    found.call = table<tomada_call_service>(host, TOMADA_CALL_ID);
    found.log = table<tomada_log_service>(host, TOMADA_LOG_ID);
    found.clock = table<tomada_clock_service>(host, TOMADA_CLOCK_ID);
    found.http = table<tomada_http_service>(host, TOMADA_HTTP_ID);
    found.records = table<tomada_records_service>(host, TOMADA_RECORDS_ID);
    found.storage = table<tomada_storage_service>(host, TOMADA_STORAGE_ID);
    found.credentials = table<tomada_credentials_service>(host, TOMADA_CREDENTIALS_ID);
    found.crypto = table<tomada_crypto_service>(host, TOMADA_CRYPTO_ID);
    found.reply = table<tomada_reply_service>(host, TOMADA_REPLY_ID);
    return found;
  }

  /// One table by id. nullptr: the host lacks it, or has an older one with fewer functions than this header.
  template <class Table>
  static const Table* table(const tomada_host& host, std::string_view id) {
    const void* found = nullptr;
    if (host.query_service(slice(id), &found) != TOMADA_OK || found == nullptr) return nullptr;
    const auto* const typed = static_cast<const Table*>(found);
    return typed->struct_size >= sizeof(Table) ? typed : nullptr;
  }

  /// The table, or a Failure that names what is missing.
  template <class Table>
  static const Table& need(const Table* table, std::string_view id) {
    if (table == nullptr) throw Failure(TOMADA_E_UNSUPPORTED, "this host lacks the service " + std::string(id));
    return *table;
  }
};

}  // namespace tomada::sdk
