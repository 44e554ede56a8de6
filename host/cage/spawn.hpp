// Starting a program with exactly the descriptors that it shall have.
#pragma once

#include "host/base/result.hpp"
#include "host/cage/descriptor.hpp"
#include "host/cage/process.hpp"

namespace tomada::cage {

struct Spawned {
  pid_t pid{-1};
  Descriptor pidfd;    // non-blocking
  Descriptor socket;   // the host's end, non-blocking
  Descriptor errors;   // what it writes to stderr, non-blocking
};

/// See Process. The child is not reaped by anybody else than the caller.
Result<Spawned> spawn_worker(const ProcessOptions& options);

}  // namespace tomada::cage
