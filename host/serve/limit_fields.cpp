#include "host/serve/limit_fields.hpp"

#include "host/serve/problem.hpp"

#include <array>

namespace tomada::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct Field {
  const char* name;
  std::optional<std::int64_t> store::CallLimits::*member;
  std::int64_t min, max;
};

constexpr std::array<Field, 7> k_fields{{
    {"rate_limit_per_minute", &store::CallLimits::rate_limit_per_minute, 1, 1'000'000'000},
    {"rate_limit_per_hour", &store::CallLimits::rate_limit_per_hour, 1, 1'000'000'000},
    {"timeout_seconds", &store::CallLimits::timeout_seconds, 1, 3'600},
    {"retry_attempts", &store::CallLimits::retry_attempts, 0, 10},
    {"retry_backoff_ms", &store::CallLimits::retry_backoff_ms, 1, 60'000},
    {"circuit_breaker_threshold", &store::CallLimits::circuit_breaker_threshold, 1, 1'000},
    {"circuit_breaker_timeout_ms", &store::CallLimits::circuit_breaker_timeout_ms, 100, 3'600'000},
}};
constexpr const char* k_enabled = "circuit_breaker_enabled";

}  // namespace

Outcome<store::CallLimits> read_limits(const json& given) {
  store::CallLimits limits;
  for (const auto& [name, value] : given.items()) {
    const std::string path = "limits." + name;
    if (value.is_null()) continue;
    if (name == k_enabled) {
      if (!value.is_boolean()) return field_problem(path, "must be true or false");
      limits.circuit_breaker_enabled = value.get<bool>();
      continue;
    }
    const Field* known = nullptr;
    for (const Field& field : k_fields)
      if (name == field.name) known = &field;
    if (known == nullptr) return field_problem(path, "is no field of limits");
    if (!value.is_number_integer() || value.get<std::int64_t>() < known->min || value.get<std::int64_t>() > known->max)
      return field_problem(path, "must be a whole number from " + std::to_string(known->min) + " to " + std::to_string(known->max));
    limits.*known->member = value.get<std::int64_t>();
  }
  return limits;
}

ordered_json limits_view(const store::CallLimits& limits) {
  ordered_json view;
  for (const Field& field : k_fields) view[field.name] = limits.*field.member ? ordered_json(*(limits.*field.member)) : ordered_json(nullptr);
  view[k_enabled] = limits.circuit_breaker_enabled ? ordered_json(*limits.circuit_breaker_enabled) : ordered_json(nullptr);
  return view;
}

}  // namespace tomada::serve
