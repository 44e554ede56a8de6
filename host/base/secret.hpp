// A secret value: prints as ***, compares never, wiped when it goes.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace tomada {

/// Overwrites memory in a way that the compiler may not drop.
void wipe(void* memory, std::size_t size) noexcept;

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  explicit Secret(std::string_view value) : value_(value) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.clear(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      clear();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      clear();
      value_ = std::move(other.value_);
      other.clear();
    }
    return *this;
  }
  ~Secret() { clear(); }

  /// The clear text; the name is long so that each use stands out in review.
  [[nodiscard]] std::string_view expose_secret() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  void clear() noexcept {
    wipe(value_.data(), value_.size());
    value_.clear();
  }
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace tomada
