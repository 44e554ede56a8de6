// What a worker is told when it starts: its arguments, in words that `ps` shows.
#pragma once

#include "host/base/result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tomada::worker {

/// Host and worker are built together; a worker of another build refuses to start.
inline constexpr std::uint32_t k_version = 1;

struct Start {
  std::string plugin_id;
  bool own_threads{false};  // call model thread: a thread for each call, not a coroutine
  bool serial{true};
  std::uint64_t stack_bytes{};
  std::uint64_t memory_bytes_max{};
  std::uint64_t threads_max{};
  std::vector<std::string> entities{};  // of its manifest
};

/// "plugin=stripe protocol=1 …"
std::vector<std::string> arguments_of(const Start& start);
/// INVALID_DATA: not what arguments_of() makes.
Result<Start> parse_arguments(std::span<char* const> arguments);

}  // namespace tomada::worker
