#include "host/store/postgres/array.hpp"

#include "host/base/encoding.hpp"

namespace tomada::store::postgres {
namespace {

/// Bytes of the UTF-8 character at the start of `text`; 0: it is none.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (size == 0 || first == 0 || size > text.size()) return 0;
  return is_utf8(text.substr(0, size)) ? size : 0;
}

}  // namespace

void append_valid_utf8(std::string& out, std::string_view text) {
  if (text.find('\0') == std::string_view::npos && is_utf8(text)) {
    out += text;
    return;
  }
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    out += size == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr const char* k_digits = "0123456789abcdef";
  out += "\\x";
  const std::size_t start = out.size();
  out.resize(start + 2 * bytes.size());
  char* to = out.data() + start;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = k_digits[byte >> 4];
    *to++ = k_digits[byte & 15];
  }
}

void Array::add(std::string_view text) {
  std::string& out = begin();
  out += '"';
  const std::size_t start = out.size();
  append_valid_utf8(out, text);
  if (out.find_first_of("\"\\", start) != std::string::npos) {
    const std::string plain = out.substr(start);
    out.resize(start);
    for (const char c : plain) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

void Array::add(Blob bytes) {
  std::string& out = begin();
  out += "\"\\";  // the array's own escape before that of bytea
  append_hex(out, bytes.bytes);
  out += '"';
}

}  // namespace tomada::store::postgres
