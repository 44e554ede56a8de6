// The small durable map of each integration, and its credentials.
#pragma once

#include "tomada/services.hpp"

#include <optional>

namespace tomada::sdk {

class Storage {
 public:
  Storage(const tomada_storage_service& storage, tomada_call call) : storage_(storage), call_(call) {}

  /// A copy, since the host's own text ends with the next storage call. Waits.
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const {
    tomada_slice value{};
    const tomada_status status = storage_.get(call_, slice(key), &value);
    if (status == TOMADA_E_NOT_FOUND) return std::nullopt;
    check(status);
    return std::string(view(value));
  }
  /// Durable when it comes back. Waits.
  void put(std::string_view key, std::string_view value) const { check(storage_.put(call_, slice(key), slice(value))); }
  /// Also when there was none. Waits.
  void remove(std::string_view key) const { check(storage_.remove(call_, slice(key))); }

 private:
  const tomada_storage_service& storage_;
  tomada_call call_;
};

/// Most plugins need none of this: the host adds the authentication that the manifest describes.
class Credentials {
 public:
  Credentials(const tomada_credentials_service& credentials, tomada_call call)
      : credentials_(credentials), call_(call) {}

  /// In clear, until the end of the call; needs `capabilities: ["secrets"]` in the manifest.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view field) const {
    tomada_slice value{};
    const tomada_status status = credentials_.get(call_, slice(field), &value);
    if (status == TOMADA_E_NOT_FOUND) return std::nullopt;
    check(status);
    return view(value);
  }
  [[nodiscard]] bool has(std::string_view field) const {
    const tomada_status status = credentials_.has(call_, slice(field));
    if (status == TOMADA_E_NOT_FOUND) return false;
    check(status);
    return true;
  }

 private:
  const tomada_credentials_service& credentials_;
  tomada_call call_;
};

}  // namespace tomada::sdk
