#include "host/abi/checks.hpp"

#include <tomada/plugin.h>

#include <algorithm>

namespace tomada::abi {
namespace {

constexpr std::size_t k_storage_key_bytes_max = 512;
constexpr std::size_t k_headers_max = 256;
constexpr std::size_t k_header_bytes_max = 64 * 1024;
constexpr std::size_t k_method_bytes_max = 32;
constexpr std::size_t k_url_bytes_max = 64 * 1024;

constexpr std::uint32_t k_status_min = 200;
constexpr std::uint32_t k_status_max = 499;
constexpr std::size_t k_reply_bytes_max = 64 * 1024;
constexpr std::size_t k_content_type_bytes_max = 255;

/// It becomes a header: nothing that could end the line or begin another.
bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Result<void> check_limits(const HttpRequest& request) {
  if (request.method.size() > k_method_bytes_max || request.url.size() > k_url_bytes_max)
    return fail(Errc::invalid_data, "http: a method of more than 32 bytes or a URL of more than 64 KiB");
  if (request.headers.size() > k_headers_max) return fail(Errc::invalid_data, "http: more than 256 headers");
  for (const auto& [name, value] : request.headers)
    if (name.size() + value.size() > k_header_bytes_max)
      return fail(Errc::invalid_data, "http: a header longer than 64 KiB");
  return {};
}

Result<void> check_reply(std::uint32_t status, std::string_view content_type, std::string_view body) {
  if (status < k_status_min || status > k_status_max)
    return fail(Errc::invalid_data, "reply: the status must be from 200 to 499");
  if (content_type.size() > k_content_type_bytes_max || !is_header_text(content_type))
    return fail(Errc::invalid_data, "reply: the content type is no header text of at most 255 bytes");
  if (body.size() > k_reply_bytes_max) return fail(Errc::invalid_data, "reply: a body of more than 64 KiB");
  return {};
}

Error too_many_responses() {
  return fail(Errc::invalid_data, "http: more than 1,024 responses of one call are open: release them");
}

Result<void> check_storage_key(std::string_view key) {
  if (!key.empty() && key.size() <= k_storage_key_bytes_max) return {};
  return fail(Errc::invalid_data, "storage: a key has 1 to 512 bytes");
}

bool names_service(const Manifest& manifest, std::string_view id) {
  const auto in = [&](const std::vector<std::string>& ids) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
  return in(manifest.services_required) || in(manifest.services_optional);
}

Result<void> check_storage_is_named(const Manifest& manifest) {
  if (names_service(manifest, TOMADA_STORAGE_ID)) return {};
  return fail(Errc::forbidden, "storage needs \"" TOMADA_STORAGE_ID "\" among the manifest's services");
}

}  // namespace tomada::abi
