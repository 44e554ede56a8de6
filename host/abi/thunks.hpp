// The C tables that plugins call, each over the Services of the running call.
#pragma once

#include <tomada/plugin.h>

namespace tomada::abi {

extern const tomada_call_service k_call_service;
extern const tomada_log_service k_log_service;
extern const tomada_clock_service k_clock_service;
extern const tomada_http_service k_http_service;
extern const tomada_records_service k_records_service;
extern const tomada_storage_service k_storage_service;
extern const tomada_credentials_service k_credentials_service;
extern const tomada_crypto_service k_crypto_service;
extern const tomada_reply_service k_reply_service;

}  // namespace tomada::abi
