// The crypto service: plain functions over OpenSSL, the same for every call.
#pragma once

struct tomada_crypto_service;

namespace tomada::service {

/// The table for TOMADA_CRYPTO_ID; lives as long as the process.
const tomada_crypto_service& crypto_table();

}  // namespace tomada::service
