// What libcurl reports, in words for a person who has never heard of libcurl.
#pragma once

#include "host/base/result.hpp"

#include <curl/curl.h>

#include <string>
#include <string_view>

namespace tomada::http {

/// `place` is host:port; `detail` libcurl's own text (may be empty); `os_error` an errno or 0.
Error curl_error(CURLcode code, const std::string& place, std::string_view detail, long os_error);

}  // namespace tomada::http
