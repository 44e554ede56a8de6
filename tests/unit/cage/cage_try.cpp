// A plugin that tries everything from its constructor, before its host process could do more than the first seal.
#include "tests/unit/cage/attempts.hpp"

#include <cstdlib>
#include <string>

namespace {

std::string* constructor_report;

// glibc gives constructors what main() gets. Arguments: see cage_probe.cpp.
[[gnu::constructor]] void begin(int count, char** arguments, char**) {
  if (count != 7) return;
  const tomada::cage_test::Targets targets{
      .host_pid = std::atoi(arguments[2]),
      .sibling_pid = std::atoi(arguments[3]),
      .secret_file = arguments[4],
      .abstract_socket = arguments[5],
      .tcp_port = std::atoi(arguments[6]),
  };
  constructor_report = new std::string(tomada::cage_test::attempt_all(targets, false));
}

}  // namespace

extern "C" const char* cage_constructor_report() { return constructor_report == nullptr ? "" : constructor_report->c_str(); }
