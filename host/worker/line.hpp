// How one call in a worker speaks to the host, whatever it runs on: a task's stack or a thread of its own.
#pragma once

#include "host/base/result.hpp"
#include "host/worker/protocol.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace tomada::worker {

/// Used by its call alone.
class Line {
 public:
  virtual ~Line() = default;
  /// Sends the body of an `ask` and waits for that of its answer, which is what the host says: also that the call is over.
  virtual Result<std::string> ask(std::string_view body) = 0;
  virtual void note(std::string_view body) = 0;
  /// CANCELLED or DEADLINE: the call is over.
  virtual Result<void> check() = 0;
  virtual std::chrono::milliseconds remaining() = 0;
  virtual Result<void> sleep(std::chrono::milliseconds duration) = 0;
};

}  // namespace tomada::worker
