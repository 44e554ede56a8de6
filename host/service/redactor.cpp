#include "host/service/redactor.hpp"

#include "host/base/encoding.hpp"

namespace tomada::service {
namespace {

void replace_all(std::string& text, std::string_view what) {
  if (what.size() < k_redacted_bytes_min) return;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 3))
    text.replace(at, what.size(), "***");
}

}  // namespace

std::string redact(std::string_view text, const credentials::Credentials& credentials) {
  std::string out(text);
  for (const auto& [field, secret] : credentials) {
    const std::string_view value = secret.expose_secret();
    if (value.size() < k_redacted_bytes_min) continue;
    replace_all(out, value);
    std::string encoded = percent_encode(value);
    replace_all(out, encoded);
    wipe(encoded.data(), encoded.size());
    encoded = base64_encode(value);
    replace_all(out, encoded);
    wipe(encoded.data(), encoded.size());
  }
  return out;
}

}  // namespace tomada::service
