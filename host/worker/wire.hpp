// Numbers and texts in the messages between host and worker. Both run on one machine: its byte order, no padding.
#pragma once

#include "host/base/result.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace tomada::worker {

/// Appends to a text of its owner's.
class Writer {
 public:
  explicit Writer(std::string& to) : to_(to) {}

  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  Writer& put(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    to_.append(bytes, sizeof value);
    return *this;
  }
  /// Its length, 32 bits, and its bytes.
  Writer& put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    to_.append(text);
    return *this;
  }
  Writer& put(const Error& error);

 private:
  std::string& to_;
};

/// Reads what a Writer wrote. Nothing is believed: once something is missing, everything after it is zero and empty, and
/// complete() is false.
class Reader {
 public:
  explicit Reader(std::string_view from) : from_(from) {}

  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  T get() {
    T value{};
    const std::string_view bytes = take(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  bool flag() { return get<std::uint8_t>() != 0; }
  /// A view into the message.
  std::string_view text() { return take(get<std::uint32_t>()); }
  Error error();

  [[nodiscard]] bool good() const { return good_; }
  /// Everything was there, and nothing is left.
  [[nodiscard]] bool complete() const { return good_ && from_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (!good_ || size > from_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view taken = from_.substr(0, size);
    from_.remove_prefix(size);
    return taken;
  }

  std::string_view from_;
  bool good_{true};
};

}  // namespace tomada::worker
