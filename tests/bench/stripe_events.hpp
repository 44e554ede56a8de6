// Signed, unique events as Stripe sends them, each a whole HTTP request, made before anything is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::bench {

struct EventOptions {
  std::string path;
  std::string host;
  std::string secret;
  std::string tag;  // makes the ids unique between runs: lower case letters and digits
  std::size_t count{};
  std::size_t body_bytes{1024};
};

class StripeEvents {
 public:
  explicit StripeEvents(const EventOptions& options);

  [[nodiscard]] std::size_t count() const { return starts_.size() - 1; }
  [[nodiscard]] std::string_view request(std::size_t index) const {
    return std::string_view(text_).substr(starts_[index], starts_[index + 1] - starts_[index]);
  }
  /// "evt_TAG0000000000"
  [[nodiscard]] static std::string id(std::string_view tag, std::size_t index);

 private:
  std::string text_;
  std::vector<std::size_t> starts_;
};

}  // namespace tomada::bench
