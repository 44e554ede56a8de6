#include "host/worker/start.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

namespace tomada::worker {

std::vector<std::string> arguments_of(const Start& start) {
  const auto flag = [](bool value) { return value ? "1" : "0"; };
  std::string entities;
  for (const std::string& entity : start.entities) entities += (entities.empty() ? "" : ",") + entity;
  return {"plugin=" + start.plugin_id,
          "protocol=" + std::to_string(k_version),
          std::string("own_threads=") + flag(start.own_threads),
          std::string("serial=") + flag(start.serial),
          "stack_bytes=" + std::to_string(start.stack_bytes),
          "memory_bytes_max=" + std::to_string(start.memory_bytes_max),
          "threads_max=" + std::to_string(start.threads_max),
          "entities=" + entities};
}

Result<Start> parse_arguments(std::span<char* const> arguments) {
  Start start;
  std::uint64_t protocol = 0, own_threads = 0, serial = 0;
  const std::map<std::string_view, std::uint64_t*> numbers{{"protocol", &protocol},
                                                           {"own_threads", &own_threads},
                                                           {"serial", &serial},
                                                           {"stack_bytes", &start.stack_bytes},
                                                           {"memory_bytes_max", &start.memory_bytes_max},
                                                           {"threads_max", &start.threads_max}};
  std::size_t numbers_count = 0;
  for (const std::string_view argument : arguments) {
    const std::size_t at = argument.find('=');
    if (at == argument.npos) return fail(Errc::invalid_data, "not NAME=VALUE: " + std::string(argument));
    const std::string_view name = argument.substr(0, at), value = argument.substr(at + 1);
    if (name == "plugin") {
      start.plugin_id = value;
      continue;
    }
    if (name == "entities") {
      for (std::string_view rest = value; !rest.empty();) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        start.entities.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      continue;
    }
    const auto known = numbers.find(name);
    if (known == numbers.end()) return fail(Errc::invalid_data, "unknown: " + std::string(name));
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *known->second);
    if (error != std::errc{} || end != value.data() + value.size())
      return fail(Errc::invalid_data, "no number: " + std::string(argument));
    ++numbers_count;
  }
  if (numbers_count != numbers.size() || start.plugin_id.empty()) return fail(Errc::invalid_data, "arguments are missing");
  if (protocol != k_version) return fail(Errc::invalid_data, "made for another version of the host");
  start.own_threads = own_threads != 0;
  start.serial = serial != 0;
  return start;
}

}  // namespace tomada::worker
