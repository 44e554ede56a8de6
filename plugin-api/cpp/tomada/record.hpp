// Records, and the JSON that they carry: built as text, member by member, with no JSON library.
#pragma once

#include "tomada/services.hpp"

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

namespace tomada::sdk {

/// Writes JSON values as minified text. Text that is not UTF-8 gets U+FFFD for each byte that does not belong: one odd
/// name at the provider must not stop a sync. (A record's external_id is not mended, since two ids could become equal.)
class JsonText {
 public:
  static void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x80) {
        append_ascii(out, text[i]);
        ++i;
      } else if (const std::size_t length = character_bytes(text.substr(i)); length != 0) {
        out.append(text, i, length);
        i += length;
      } else {
        out += "\xEF\xBF\xBD";
        ++i;
      }
    }
    out += '"';
  }

  /// Infinities and NaN have no JSON: null.
  static void append_number(std::string& out, double value) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
  }

  template <std::integral T>
  static void append_number(std::string& out, T value) {
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
  }

 private:
  static void append_ascii(std::string& out, char c) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    switch (c) {
      case '"':
        out += "\\\"";
        return;
      case '\\':
        out += "\\\\";
        return;
      case '\n':
        out += "\\n";
        return;
      case '\r':
        out += "\\r";
        return;
      case '\t':
        out += "\\t";
        return;
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20)
      out += c;
    else
      (out += "\\u00", out += k_digits[byte >> 4], out += k_digits[byte & 15]);
  }

  // Length of the well-formed UTF-8 character (of two bytes or more) at the front; 0 when there is none.
  static std::size_t character_bytes(std::string_view text) {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i) { return (at(i) & 0xC0u) == 0x80u; };
    const unsigned first = at(0);
    const unsigned second = at(1);
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
      const bool overlong = first == 0xE0 && second < 0xA0;
      const bool surrogate = first == 0xED && second > 0x9F;
      return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
      const bool overlong = first == 0xF0 && second < 0x90;
      const bool too_high = first == 0xF4 && second > 0x8F;
      return follows(1) && follows(2) && follows(3) && !overlong && !too_high ? 4 : 0;
    }
    return 0;
  }
};

/// A piece of JSON text that is already right, for example a member copied from the provider's reply.
struct RawJson {
  std::string_view text;
};

class Array;

/// A JSON object, built member by member in the order given. Names are not checked for repetition.
class Object {
 public:
  template <class T>
  Object& field(std::string_view name, const T& value) {
    if (text_.size() > 1) text_ += ',';
    JsonText::append_string(text_, name);
    text_ += ':';
    append(text_, value);
    return *this;
  }
  /// The whole object.
  [[nodiscard]] std::string json() const { return text_ + '}'; }

 private:
  friend class Array;
  friend class Record;

  static void append(std::string& out, std::string_view value) { JsonText::append_string(out, value); }
  static void append(std::string& out, const std::string& value) { JsonText::append_string(out, value); }
  static void append(std::string& out, const char* value) { JsonText::append_string(out, value); }
  static void append(std::string& out, std::nullptr_t) { out += "null"; }
  static void append(std::string& out, RawJson value) { out += value.text; }
  static void append(std::string& out, const Object& value) { (out += value.text_, out += '}'); }
  static void append(std::string& out, const Array& value);
  template <class T>
  requires std::is_arithmetic_v<T>
  static void append(std::string& out, T value) {
    if constexpr (std::is_same_v<T, bool>)
      out += value ? "true" : "false";
    else if constexpr (std::is_floating_point_v<T>)
      JsonText::append_number(out, static_cast<double>(value));
    else
      JsonText::append_number(out, value);
  }
  template <class T>
  static void append(std::string& out, const std::optional<T>& value) {
    if (value)
      append(out, *value);
    else
      out += "null";
  }

  std::string text_{"{"};  // without the closing brace
};

class Array {
 public:
  template <class T>
  Array& add(const T& value) {
    if (text_.size() > 1) text_ += ',';
    Object::append(text_, value);
    return *this;
  }
  [[nodiscard]] std::string json() const { return text_ + ']'; }

 private:
  friend class Object;
  std::string text_{"["};  // without the closing bracket
};

inline void Object::append(std::string& out, const Array& value) { (out += value.text_, out += ']'); }

/// One thing of the provider's: Record(id).field("name", name).updated_at(ms).
class Record {
 public:
  /// The provider's own id; 1 to 1024 bytes of UTF-8, else the host refuses the record.
  explicit Record(std::string external_id) : external_id_(std::move(external_id)) {}

  template <class T>
  Record& field(std::string_view name, const T& value) & {
    data_.field(name, value);
    return *this;
  }
  template <class T>
  Record&& field(std::string_view name, const T& value) && {
    data_.field(name, value);
    return std::move(*this);
  }
  /// The provider's own time of the last change, in milliseconds since 1970; 0: not known.
  Record& updated_at(tomada_unix_ms ms) & { return updated_at_ms_ = ms, *this; }
  Record&& updated_at(tomada_unix_ms ms) && { return updated_at_ms_ = ms, std::move(*this); }

  [[nodiscard]] const std::string& external_id() const { return external_id_; }
  [[nodiscard]] std::string json() const { return data_.json(); }
  [[nodiscard]] tomada_unix_ms updated_at() const { return updated_at_ms_; }

 private:
  std::string external_id_;
  Object data_;
  tomada_unix_ms updated_at_ms_{0};
};

/// The sink of a sync. Nothing is in effect before checkpoint() or complete() came back.
class Records {
 public:
  Records(const tomada_records_service& records, tomada_call call) : records_(records), call_(call) {}

  /// False: the host refused this record (no id, not UTF-8, too large); the page goes on and the run ends as partial.
  bool upsert(std::string_view entity, const Record& record) const {
    const std::string data = record.json();
    auto c = make<tomada_record>();
    c.external_id = slice(record.external_id());
    c.data_json = slice(data);
    c.updated_at_ms = record.updated_at();
    return accepted(records_.upsert(call_, slice(entity), &c));
  }
  bool remove(std::string_view entity, std::string_view external_id, tomada_unix_ms updated_at_ms = 0) const {
    return accepted(records_.remove(call_, slice(entity), slice(external_id), updated_at_ms));
  }
  /// Commits the page; `cursor` comes back as SyncRequest::resume after an interruption. Waits.
  void checkpoint(std::string_view cursor) const { check(records_.checkpoint(call_, slice(cursor))); }
  /// Commits the page; the whole entity was seen. `since` comes back in the next run. Waits.
  void complete(std::string_view entity, std::string_view since = {}) const {
    check(records_.complete(call_, slice(entity), slice(since)));
  }
  /// For people who watch; total 0 when not known.
  void progress(std::uint64_t current, std::uint64_t total = 0) const {
    check(records_.progress(call_, current, total));
  }

 private:
  static bool accepted(tomada_status status) {
    if (status == TOMADA_E_INVALID_DATA) return false;
    check(status);
    return true;
  }
  const tomada_records_service& records_;
  tomada_call call_;
};

}  // namespace tomada::sdk
