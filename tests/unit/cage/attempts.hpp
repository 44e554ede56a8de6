// What a hostile plugin would try, one line for each: "name refused (reason)" or "name WORKED".
#pragma once

#include <string>

namespace tomada::cage_test {

struct Targets {
  int host_pid{};
  int sibling_pid{};
  std::string secret_file;       // readable by the user, outside of the cage
  std::string abstract_socket;   // a listening one, without its first zero byte
  int tcp_port{};                // somebody listens on 127.0.0.1
};

/// Starts nothing that outlives it, when something works after all.
std::string attempt_all(const Targets& targets, bool threads_allowed);

/// What a plugin may rely on: "name works" or "name FAILS (reason)".
std::string need_all();

/// How many threads can wait at the same time; 0 when not even one starts.
int start_threads(int wanted);

}  // namespace tomada::cage_test
