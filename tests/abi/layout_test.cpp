// The layout of plugin.h as plain numbers: a change of one of them breaks every plugin that was built before.
#include "host/base/result.hpp"

#include <tomada/plugin.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

extern "C" std::uint32_t tomada_header_in_c();
extern "C" std::uint32_t tomada_header_in_cpp();

namespace {

static_assert(sizeof(tomada_slice) == 16);
static_assert(offsetof(tomada_slice, ptr) == 0);
static_assert(offsetof(tomada_slice, len) == 8);

static_assert(sizeof(tomada_header) == 32);
static_assert(offsetof(tomada_header, name) == 0);
static_assert(offsetof(tomada_header, value) == 16);

static_assert(sizeof(tomada_host) == 24);
static_assert(offsetof(tomada_host, struct_size) == 0);
static_assert(offsetof(tomada_host, abi_minor_min) == 4);
static_assert(offsetof(tomada_host, abi_minor_max) == 8);
static_assert(offsetof(tomada_host, reserved) == 12);
static_assert(offsetof(tomada_host, query_service) == 16);

static_assert(sizeof(tomada_create_args) == 40);
static_assert(offsetof(tomada_create_args, struct_size) == 0);
static_assert(offsetof(tomada_create_args, reserved) == 4);
static_assert(offsetof(tomada_create_args, integration_id) == 8);
static_assert(offsetof(tomada_create_args, config_json) == 24);

static_assert(sizeof(tomada_sync_request) == 56);
static_assert(offsetof(tomada_sync_request, struct_size) == 0);
static_assert(offsetof(tomada_sync_request, mode) == 4);
static_assert(offsetof(tomada_sync_request, entity) == 8);
static_assert(offsetof(tomada_sync_request, since) == 24);
static_assert(offsetof(tomada_sync_request, resume) == 40);

static_assert(sizeof(tomada_webhook) == 80);
static_assert(offsetof(tomada_webhook, struct_size) == 0);
static_assert(offsetof(tomada_webhook, attempt) == 4);
static_assert(offsetof(tomada_webhook, event_id) == 8);
static_assert(offsetof(tomada_webhook, event_type) == 24);
static_assert(offsetof(tomada_webhook, headers) == 40);
static_assert(offsetof(tomada_webhook, headers_count) == 48);
static_assert(offsetof(tomada_webhook, body) == 56);
static_assert(offsetof(tomada_webhook, received_at_ms) == 72);

static_assert(sizeof(tomada_plugin) == 56);
static_assert(offsetof(tomada_plugin, struct_size) == 0);
static_assert(offsetof(tomada_plugin, abi_minor) == 4);
static_assert(offsetof(tomada_plugin, create) == 8);
static_assert(offsetof(tomada_plugin, destroy) == 16);
static_assert(offsetof(tomada_plugin, test_connection) == 24);
static_assert(offsetof(tomada_plugin, sync) == 32);
static_assert(offsetof(tomada_plugin, handle_webhook) == 40);
static_assert(offsetof(tomada_plugin, get_extension) == 48);

static_assert(sizeof(tomada_error) == 48);
static_assert(offsetof(tomada_error, struct_size) == 0);
static_assert(offsetof(tomada_error, http_status) == 4);
static_assert(offsetof(tomada_error, message) == 8);
static_assert(offsetof(tomada_error, provider_code) == 24);
static_assert(offsetof(tomada_error, retry_after_ms) == 40);

static_assert(sizeof(tomada_call_service) == 32);
static_assert(offsetof(tomada_call_service, struct_size) == 0);
static_assert(offsetof(tomada_call_service, reserved) == 4);
static_assert(offsetof(tomada_call_service, fail) == 8);
static_assert(offsetof(tomada_call_service, check) == 16);
static_assert(offsetof(tomada_call_service, remaining_ms) == 24);

static_assert(sizeof(tomada_log_service) == 16);
static_assert(offsetof(tomada_log_service, struct_size) == 0);
static_assert(offsetof(tomada_log_service, reserved) == 4);
static_assert(offsetof(tomada_log_service, write) == 8);

static_assert(sizeof(tomada_clock_service) == 24);
static_assert(offsetof(tomada_clock_service, struct_size) == 0);
static_assert(offsetof(tomada_clock_service, reserved) == 4);
static_assert(offsetof(tomada_clock_service, now_ms) == 8);
static_assert(offsetof(tomada_clock_service, sleep_ms) == 16);

static_assert(sizeof(tomada_http_request) == 88);
static_assert(offsetof(tomada_http_request, struct_size) == 0);
static_assert(offsetof(tomada_http_request, timeout_ms) == 4);
static_assert(offsetof(tomada_http_request, method) == 8);
static_assert(offsetof(tomada_http_request, url) == 24);
static_assert(offsetof(tomada_http_request, headers) == 40);
static_assert(offsetof(tomada_http_request, headers_count) == 48);
static_assert(offsetof(tomada_http_request, body) == 56);
static_assert(offsetof(tomada_http_request, body_length) == 72);
static_assert(offsetof(tomada_http_request, flags) == 80);
static_assert(offsetof(tomada_http_request, reserved) == 84);

static_assert(sizeof(tomada_http_result) == 16);
static_assert(offsetof(tomada_http_result, struct_size) == 0);
static_assert(offsetof(tomada_http_result, status) == 4);
static_assert(offsetof(tomada_http_result, response) == 8);

static_assert(sizeof(tomada_http_service) == 72);
static_assert(offsetof(tomada_http_service, struct_size) == 0);
static_assert(offsetof(tomada_http_service, reserved) == 4);
static_assert(offsetof(tomada_http_service, send) == 8);
static_assert(offsetof(tomada_http_service, open) == 16);
static_assert(offsetof(tomada_http_service, write) == 24);
static_assert(offsetof(tomada_http_service, finish) == 32);
static_assert(offsetof(tomada_http_service, header) == 40);
static_assert(offsetof(tomada_http_service, read) == 48);
static_assert(offsetof(tomada_http_service, body) == 56);
static_assert(offsetof(tomada_http_service, release) == 64);

static_assert(sizeof(tomada_record) == 48);
static_assert(offsetof(tomada_record, struct_size) == 0);
static_assert(offsetof(tomada_record, reserved) == 4);
static_assert(offsetof(tomada_record, external_id) == 8);
static_assert(offsetof(tomada_record, data_json) == 24);
static_assert(offsetof(tomada_record, updated_at_ms) == 40);

static_assert(sizeof(tomada_records_service) == 48);
static_assert(offsetof(tomada_records_service, struct_size) == 0);
static_assert(offsetof(tomada_records_service, reserved) == 4);
static_assert(offsetof(tomada_records_service, upsert) == 8);
static_assert(offsetof(tomada_records_service, remove) == 16);
static_assert(offsetof(tomada_records_service, checkpoint) == 24);
static_assert(offsetof(tomada_records_service, complete) == 32);
static_assert(offsetof(tomada_records_service, progress) == 40);

static_assert(sizeof(tomada_storage_service) == 32);
static_assert(offsetof(tomada_storage_service, struct_size) == 0);
static_assert(offsetof(tomada_storage_service, reserved) == 4);
static_assert(offsetof(tomada_storage_service, get) == 8);
static_assert(offsetof(tomada_storage_service, put) == 16);
static_assert(offsetof(tomada_storage_service, remove) == 24);

static_assert(sizeof(tomada_credentials_service) == 24);
static_assert(offsetof(tomada_credentials_service, struct_size) == 0);
static_assert(offsetof(tomada_credentials_service, reserved) == 4);
static_assert(offsetof(tomada_credentials_service, get) == 8);
static_assert(offsetof(tomada_credentials_service, has) == 16);

static_assert(sizeof(tomada_crypto_service) == 72);
static_assert(offsetof(tomada_crypto_service, struct_size) == 0);
static_assert(offsetof(tomada_crypto_service, reserved) == 4);
static_assert(offsetof(tomada_crypto_service, hash) == 8);
static_assert(offsetof(tomada_crypto_service, hmac) == 16);
static_assert(offsetof(tomada_crypto_service, verify) == 24);
static_assert(offsetof(tomada_crypto_service, equal) == 32);
static_assert(offsetof(tomada_crypto_service, base64_encode) == 40);
static_assert(offsetof(tomada_crypto_service, base64_decode) == 48);
static_assert(offsetof(tomada_crypto_service, hex_encode) == 56);
static_assert(offsetof(tomada_crypto_service, hex_decode) == 64);

static_assert(std::is_same_v<tomada_status, std::int32_t>);
static_assert(std::is_same_v<tomada_call, std::uint64_t>);
static_assert(std::is_same_v<tomada_response, std::uint64_t>);
static_assert(std::is_same_v<tomada_reply, std::uint64_t>);
static_assert(std::is_same_v<tomada_unix_ms, std::int64_t>);
static_assert(TOMADA_ABI_MAJOR == 1 && TOMADA_ABI_MINOR == 0);

static_assert(sizeof(tomada_reply_service) == 16);
static_assert(offsetof(tomada_reply_service, struct_size) == 0);
static_assert(offsetof(tomada_reply_service, reserved) == 4);
static_assert(offsetof(tomada_reply_service, set) == 8);

static_assert(TOMADA_OK == 0);
static_assert(TOMADA_E_CANCELLED == 1);
static_assert(TOMADA_E_DEADLINE == 2);
static_assert(TOMADA_E_RATE_LIMITED == 3);
static_assert(TOMADA_E_UNAUTHENTICATED == 4);
static_assert(TOMADA_E_FORBIDDEN == 5);
static_assert(TOMADA_E_NOT_FOUND == 6);
static_assert(TOMADA_E_CONFLICT == 7);
static_assert(TOMADA_E_INVALID_CONFIG == 8);
static_assert(TOMADA_E_INVALID_DATA == 9);
static_assert(TOMADA_E_UNAVAILABLE == 10);
static_assert(TOMADA_E_PERMANENT == 11);
static_assert(TOMADA_E_UNSUPPORTED == 12);
static_assert(TOMADA_E_STALE_HANDLE == 13);
static_assert(TOMADA_E_TOO_NEW == 14);
static_assert(TOMADA_E_INTERNAL == 15);

static_assert(static_cast<int>(tomada::Errc::cancelled) == TOMADA_E_CANCELLED);
static_assert(static_cast<int>(tomada::Errc::deadline) == TOMADA_E_DEADLINE);
static_assert(static_cast<int>(tomada::Errc::rate_limited) == TOMADA_E_RATE_LIMITED);
static_assert(static_cast<int>(tomada::Errc::unauthenticated) == TOMADA_E_UNAUTHENTICATED);
static_assert(static_cast<int>(tomada::Errc::forbidden) == TOMADA_E_FORBIDDEN);
static_assert(static_cast<int>(tomada::Errc::not_found) == TOMADA_E_NOT_FOUND);
static_assert(static_cast<int>(tomada::Errc::conflict) == TOMADA_E_CONFLICT);
static_assert(static_cast<int>(tomada::Errc::invalid_config) == TOMADA_E_INVALID_CONFIG);
static_assert(static_cast<int>(tomada::Errc::invalid_data) == TOMADA_E_INVALID_DATA);
static_assert(static_cast<int>(tomada::Errc::unavailable) == TOMADA_E_UNAVAILABLE);
static_assert(static_cast<int>(tomada::Errc::permanent) == TOMADA_E_PERMANENT);
static_assert(static_cast<int>(tomada::Errc::unsupported) == TOMADA_E_UNSUPPORTED);
static_assert(static_cast<int>(tomada::Errc::stale_handle) == TOMADA_E_STALE_HANDLE);
static_assert(static_cast<int>(tomada::Errc::too_new) == TOMADA_E_TOO_NEW);
static_assert(static_cast<int>(tomada::Errc::internal) == TOMADA_E_INTERNAL);

TEST(Layout, IsTheSameInCAndInCpp) {
  EXPECT_EQ(tomada_header_in_c(), sizeof(tomada_record) + 4);
  EXPECT_EQ(tomada_header_in_cpp(), sizeof(tomada_plugin));
}

TEST(Layout, EveryErrcHasAWord) {
  for (int code = 1; code <= TOMADA_E_INTERNAL; ++code) {
    const auto word = to_string(static_cast<tomada::Errc>(code));
    EXPECT_EQ(word == "internal", code == TOMADA_E_INTERNAL) << code;
  }
}

}  // namespace
