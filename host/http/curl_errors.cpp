#include "host/http/curl_errors.hpp"

#include <cstring>

namespace tomada::http {
namespace {

std::string lower_first(std::string text) {
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
    text[0] = static_cast<char>(text[0] + 32);
  return text;
}

std::string because(std::string_view detail, long os_error) {
  if (os_error != 0) return ": " + lower_first(std::strerror(static_cast<int>(os_error)));
  if (!detail.empty()) return ": " + lower_first(std::string(detail));
  return {};
}

}  // namespace

Error curl_error(CURLcode code, const std::string& place, std::string_view detail, long os_error) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return fail(Errc::unavailable, "could not find the address of " + place);
    case CURLE_COULDNT_CONNECT:
      return fail(Errc::unavailable, "could not connect to " + place + because(detail, os_error));
    case CURLE_OPERATION_TIMEDOUT:  // only the connect timeout is libcurl's
      return fail(Errc::unavailable, "could not connect to " + place + ": no answer in time");
    case CURLE_GOT_NOTHING:
      return fail(Errc::unavailable, place + " closed the connection without an answer");
    case CURLE_PARTIAL_FILE:
      return fail(Errc::unavailable, "the answer of " + place + " ended early" + because(detail, 0));
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return fail(Errc::unavailable, "the connection to " + place + " broke" + because(detail, os_error));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return fail(Errc::unavailable, "the TLS certificate of " + place + " was refused" + because(detail, 0));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return fail(Errc::unavailable, "no TLS connection with " + place + because(detail, 0));
    case CURLE_SSL_CACERT_BADFILE:
      return fail(Errc::unavailable, "the file with the trusted TLS certificates cannot be read" + because(detail, 0));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return fail(Errc::invalid_data, place + " did not answer in HTTP" + because(detail, 0));
    case CURLE_BAD_CONTENT_ENCODING:
      return fail(Errc::invalid_data, "the answer of " + place + " is not compressed as it says" + because(detail, 0));
    case CURLE_OUT_OF_MEMORY:  // libcurl's word for one of its own size limits
      return fail(Errc::invalid_data, "the answer of " + place + " has a part that is too large");
    default:
      return fail(Errc::unavailable, "the request to " + place + " failed: " + lower_first(curl_easy_strerror(code)));
  }
}

}  // namespace tomada::http
