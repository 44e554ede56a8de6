#include "host/store/webhooks.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <random>

namespace tomada::store {
namespace {

constexpr int k_unique_bits = 22;
constexpr std::size_t k_digits = 16;

}  // namespace

std::int64_t make_webhook_id(std::int64_t now_ms) {
  // A process starts each millisecond at a place of its own among four million, and counts from there.
  static const std::int64_t start = std::random_device{}() & ((1U << (k_unique_bits - 1)) - 1);
  static std::atomic<std::int64_t> last{0};
  const std::int64_t first = (now_ms << k_unique_bits) | start;
  std::int64_t before = last.load(std::memory_order_relaxed);
  std::int64_t id = 0;
  do id = std::max(first, before + 1);
  while (!last.compare_exchange_weak(before, id, std::memory_order_relaxed));
  return id;
}

std::string format_webhook_id(std::int64_t webhook_id) {
  std::array<char, k_digits> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::uint64_t>(webhook_id), 16).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  return std::string(k_digits - count, '0').append(digits.data(), count);
}

std::optional<std::int64_t> parse_webhook_id(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != k_digits || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const auto webhook_id = static_cast<std::int64_t>(value);
  if (webhook_id < 0) return std::nullopt;
  return webhook_id;
}

}  // namespace tomada::store
