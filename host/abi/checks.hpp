// What a plugin's words must be before a service sees them, whichever way they come: through a C table or from a worker.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"

namespace tomada::abi {

/// Method of 32 bytes, URL of 64 KiB, 256 headers of 64 KiB each: INVALID_DATA beyond. What is in them the client judges.
Result<void> check_limits(const HttpRequest& request);

/// Status 200 to 499, content type of 255 printable bytes, body of 64 KiB.
Result<void> check_reply(std::uint32_t status, std::string_view content_type, std::string_view body);

Error too_many_responses();

/// Of a stored value: 1 to 512 bytes.
Result<void> check_storage_key(std::string_view key);

/// Under services.required or services.optional.
bool names_service(const Manifest& manifest, std::string_view id);
/// FORBIDDEN: the manifest does not name the service storage, so nobody saw or approved that it is used.
Result<void> check_storage_is_named(const Manifest& manifest);

}  // namespace tomada::abi
