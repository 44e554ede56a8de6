// A provider that is not there: what it answers to a plugin's requests.
#pragma once

#include "host/abi/services.hpp"
#include "host/check/observation.hpp"
#include "host/check/recording.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tomada::check {

struct Answer {
  std::optional<Error> error;  // no answer at all
  abi::HttpHead head;
  std::string body;
  std::optional<std::size_t> breaks_off_at;  // bytes of the body that come; then UNAVAILABLE
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual Answer answer(const abi::HttpRequest& request) = 0;
  /// Requests that a recording does not have.
  [[nodiscard]] virtual std::uint64_t misses_count() const { return 0; }
};

/// `recording`: for kind replay; outlives it.
std::unique_ptr<Provider> make_provider(const Answers& answers, const Recording& recording);

/// Numbers from a seed, the same on every machine.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  /// 0 … below - 1.
  std::uint64_t roll(std::uint64_t below) {
    // splitmix64
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return (mixed ^ (mixed >> 31)) % below;
  }

 private:
  std::uint64_t state_;
};

/// What a hostile or broken server sends: nothing, other types, half a document, too deep, too large, no text at all.
std::string hostile_body(Dice& dice);

}  // namespace tomada::check
