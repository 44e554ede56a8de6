// The types of the functions in the tables of plugin.h, as text: an argument more, or of another type, breaks every plugin that
// was built before, and no size tells.
#include <tomada/plugin.h>

#include <type_traits>

static_assert(std::is_same_v<decltype(tomada_host::query_service), tomada_status (*)(tomada_slice, const void**)>);
static_assert(std::is_same_v<decltype(tomada_plugin::create), tomada_status (*)(const tomada_host*, const tomada_create_args*, void**, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_plugin::destroy), void (*)(void*)>);
static_assert(std::is_same_v<decltype(tomada_plugin::test_connection), tomada_status (*)(void*, tomada_call)>);
static_assert(std::is_same_v<decltype(tomada_plugin::sync), tomada_status (*)(void*, tomada_call, const tomada_sync_request*)>);
static_assert(std::is_same_v<decltype(tomada_plugin::handle_webhook), tomada_status (*)(void*, tomada_call, const tomada_webhook*, tomada_reply)>);
static_assert(std::is_same_v<decltype(tomada_plugin::get_extension), const void* (*)(tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_call_service::fail), tomada_status (*)(tomada_call, tomada_status, const tomada_error*)>);
static_assert(std::is_same_v<decltype(tomada_call_service::check), tomada_status (*)(tomada_call)>);
static_assert(std::is_same_v<decltype(tomada_call_service::remaining_ms), uint64_t (*)(tomada_call)>);
static_assert(std::is_same_v<decltype(tomada_log_service::write), void (*)(tomada_call, int32_t, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_clock_service::now_ms), tomada_unix_ms (*)(tomada_call)>);
static_assert(std::is_same_v<decltype(tomada_clock_service::sleep_ms), tomada_status (*)(tomada_call, uint64_t)>);
static_assert(std::is_same_v<decltype(tomada_http_service::send), tomada_status (*)(tomada_call, const tomada_http_request*, tomada_http_result*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::open), tomada_status (*)(tomada_call, const tomada_http_request*, tomada_response*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::write), tomada_status (*)(tomada_call, tomada_response, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_http_service::finish), tomada_status (*)(tomada_call, tomada_response, tomada_http_result*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::header), tomada_status (*)(tomada_call, tomada_response, tomada_slice, tomada_slice*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::read), tomada_status (*)(tomada_call, tomada_response, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::body), tomada_status (*)(tomada_call, tomada_response, tomada_slice*)>);
static_assert(std::is_same_v<decltype(tomada_http_service::release), tomada_status (*)(tomada_call, tomada_response)>);
static_assert(std::is_same_v<decltype(tomada_records_service::upsert), tomada_status (*)(tomada_call, tomada_slice, const tomada_record*)>);
static_assert(std::is_same_v<decltype(tomada_records_service::remove), tomada_status (*)(tomada_call, tomada_slice, tomada_slice, tomada_unix_ms)>);
static_assert(std::is_same_v<decltype(tomada_records_service::checkpoint), tomada_status (*)(tomada_call, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_records_service::complete), tomada_status (*)(tomada_call, tomada_slice, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_records_service::progress), tomada_status (*)(tomada_call, uint64_t, uint64_t)>);
static_assert(std::is_same_v<decltype(tomada_storage_service::get), tomada_status (*)(tomada_call, tomada_slice, tomada_slice*)>);
static_assert(std::is_same_v<decltype(tomada_storage_service::put), tomada_status (*)(tomada_call, tomada_slice, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_storage_service::remove), tomada_status (*)(tomada_call, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_credentials_service::get), tomada_status (*)(tomada_call, tomada_slice, tomada_slice*)>);
static_assert(std::is_same_v<decltype(tomada_credentials_service::has), tomada_status (*)(tomada_call, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::hash), tomada_status (*)(uint32_t, tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::hmac), tomada_status (*)(uint32_t, tomada_slice, tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::verify), tomada_status (*)(uint32_t, tomada_slice, tomada_slice, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::equal), tomada_status (*)(tomada_slice, tomada_slice)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::base64_encode), tomada_status (*)(tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::base64_decode), tomada_status (*)(tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::hex_encode), tomada_status (*)(tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_crypto_service::hex_decode), tomada_status (*)(tomada_slice, char*, uint64_t, uint64_t*)>);
static_assert(std::is_same_v<decltype(tomada_reply_service::set), tomada_status (*)(tomada_call, tomada_reply, uint32_t, tomada_slice, tomada_slice)>);

static_assert(std::is_same_v<decltype(tomada_plugin_entry_v1), tomada_status(const tomada_host*, tomada_plugin*)>);
