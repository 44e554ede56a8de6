// AWS Signature Version 4.
#pragma once

#include "host/base/result.hpp"
#include "host/base/secret.hpp"
#include "host/http/client.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace tomada::credentials {

struct SigV4 {
  std::string access_key_id;
  Secret secret_access_key;
  std::string session_token;  // empty: none
  std::string region;
  std::string service;
  bool sign_session_token{true};  // false: the token is sent but not signed (a few services)
  bool normalize_path{false};     // every service but S3
  bool encode_path_twice{false};  // every service but S3
  bool content_sha256_header{true};
};

/// Steps in clear, for tests and for the debug log; holds no secret.
struct SigV4Trace {
  std::string canonical_request;
  std::string string_to_sign;
  std::string signature;
};

/// Adds Host (when missing), X-Amz-Date, X-Amz-Content-Sha256, X-Amz-Security-Token and Authorization to `request`.
/// A streamed body is signed as UNSIGNED-PAYLOAD unless the request already has X-Amz-Content-Sha256.
/// The URL's path and query are rewritten in the one encoding that is signed. INVALID_DATA: the URL cannot be parsed.
Result<SigV4Trace> sign_v4(http::Request& request, const SigV4& keys, std::chrono::system_clock::time_point now);

/// Puts the signature into the query instead: request.url is good for `valid_for` for whoever has it, with the headers that
/// `request` has now. For S3 the payload is not signed.
Result<SigV4Trace> presign_v4(http::Request& request, const SigV4& keys, std::chrono::seconds valid_for,
                              std::chrono::system_clock::time_point now);

}  // namespace tomada::credentials
