#include "state.hpp"

#include "reply.hpp"

#include <tomada/failure.hpp>

#include <array>

namespace stripe {
namespace {

using nlohmann::json;

constexpr auto k_phases = std::to_array<std::string_view>({"list", "events", "news"});

json as_json(const Position& position) { return {{"event", position.event_id}, {"created", position.created_s}}; }

Position position_of(const json& value) {
  if (!value.is_object()) return {};
  return {text_of(value, "event"), number_of(value, "created")};
}

}  // namespace

std::string Position::text() const { return as_json(*this).dump(); }

Position Position::from_text(std::string_view text) { return position_of(parse_json(text).value_or(json())); }

std::string State::text() const {
  return json{{"phase", k_phases[static_cast<std::size_t>(phase)]},
              {"after", after},
              {"since", as_json(since)},
              {"next", as_json(next)},
              {"clock_ms", clock_ms},
              {"seen", seen_count},
              {"restarts", restarts_count}}
      .dump();
}

State State::from_text(std::string_view text) {
  const json value = parse_json(text).value_or(json());
  State state;
  const std::string phase = value.is_object() ? text_of(value, "phase") : std::string();
  std::size_t index = 0;
  while (index < k_phases.size() && k_phases[index] != phase) ++index;
  if (index == k_phases.size())
    throw tomada::sdk::Failure(TOMADA_E_INVALID_DATA, "the run's checkpoint is not of this plugin");
  state.phase = static_cast<Phase>(index);
  state.after = text_of(value, "after");
  state.since = position_of(value.value("since", json()));
  state.next = position_of(value.value("next", json()));
  state.clock_ms = number_of(value, "clock_ms");
  state.seen_count = static_cast<std::uint64_t>(number_of(value, "seen"));
  state.restarts_count = static_cast<int>(number_of(value, "restarts"));
  return state;
}

}  // namespace stripe
