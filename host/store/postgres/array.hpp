// Arrays as PostgreSQL reads them from text, for unnest($1::text[], …): one statement for many rows.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::store::postgres {

/// Bytes that are not text (bytea).
struct Blob {
  std::string_view bytes;
};

/// `text` with U+FFFD for what is not UTF-8, and for NUL, which PostgreSQL's text cannot hold. Appended to `out`.
void append_valid_utf8(std::string& out, std::string_view text);
/// \x and two digits for each byte.
void append_hex(std::string& out, std::string_view bytes);

/// {…}. An element that is nullopt, or an id that is empty (add_id), is NULL.
class Array {
 public:
  void add(std::string_view text);
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(const char* text) { add(std::string_view(text)); }
  void add(Blob bytes);
  void add(bool value) { begin() += value ? 't' : 'f'; }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void add(T value) {
    begin() += std::to_string(value);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : add_null();
  }
  void add_id(std::string_view id) { id.empty() ? add_null() : add(id); }
  void add_null() { begin() += "NULL"; }

  [[nodiscard]] std::string text() && {
    text_ += '}';
    return std::move(text_);
  }
  [[nodiscard]] std::string text() const& { return text_ + '}'; }

 private:
  std::string& begin() { return text_ += text_.size() == 1 ? "" : ","; }
  std::string text_{"{"};
};

/// `array_of(events, [](const NewWebhook& event) { return event.event_id; })`
template <class Range, class Projection>
Array array_of(const Range& range, Projection projection) {
  Array array;
  for (const auto& one : range) array.add(projection(one));
  return array;
}

}  // namespace tomada::store::postgres
