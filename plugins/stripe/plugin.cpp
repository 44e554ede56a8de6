#include "plugin.hpp"

#include "entities.hpp"
#include "events.hpp"
#include "state.hpp"

#include <algorithm>
#include <set>

namespace stripe {
namespace {

namespace sdk = tomada::sdk;
using nlohmann::json;

constexpr std::string_view k_events_path = "/v1/events";
constexpr int k_restarts_max = 3;
constexpr std::uint64_t k_pages_max = 1'000'000;  // a list that goes round in a circle ends here
constexpr std::int64_t k_overlap_s = 300;         // what is filtered by time is read a little twice

sdk::Failure stands_still(std::string_view path) {
  return {TOMADA_E_INVALID_DATA,
          "Stripe's list " + std::string(path) + " does not advance: it says that there is more, but gives none"};
}

std::string parameter(std::string_view name, std::string_view value) {
  return sdk::percent_encode(name) + "=" + sdk::percent_encode(value);
}

std::string joined(std::string left, std::string_view right) {
  if (!left.empty() && !right.empty()) left += '&';
  return left.append(right);
}

std::string types_of(const Entity& entity) {
  std::string query;
  for (const std::string_view type : entity.event_types) query = joined(query, parameter("types[]", type));
  return query;
}

/// One run of one entity.
class Run {
 public:
  Run(sdk::Call& call, const Endpoint& endpoint, const Entity& entity, State state)
      : call_(call),
        records_(call.records()),
        entity_(entity),
        state_(std::move(state)),
        api_(call, endpoint, state_.clock_ms) {}

  /// The place to go on from next time. Before anything else is read, so that no change falls between.
  void pin() {
    const std::optional<ListPage> newest = api_.list(k_events_path, {}, 1);
    if (newest && !newest->objects.empty()) state_.next.event_id = text_of(newest->objects.front(), "id");
    state_.next.created_s = api_.clock_ms() / 1000;
  }

  void go() {
    if (state_.phase == Phase::events) follow_events();
    if (state_.phase == Phase::list) read_list(entity_.filter);
    if (state_.phase == Phase::news)
      read_list(
          parameter("created[gte]", std::to_string(std::max<std::int64_t>(state_.since.created_s - k_overlap_s, 0))));
    if (refused_count_ != 0) call_.log().warn(std::to_string(refused_count_) + " objects were refused by the host");
    records_.complete(entity_.name, state_.next.text());
  }

 private:
  void count(bool accepted) {
    ++state_.seen_count;
    if (!accepted) ++refused_count_;
  }

  void checkpoint() {
    state_.clock_ms = api_.clock_ms();
    if (++pages_count_ > k_pages_max) throw stands_still(entity_.path);
    records_.progress(state_.seen_count);
    records_.checkpoint(state_.text());
  }

  void take(const json& object, tomada_unix_ms read_at_ms) {
    if (entity_.name == k_event_entity)
      count(upsert_event(records_, parse_event(object)));
    else if (is_true(object, "deleted"))
      count(records_.remove(entity_.name, text_of(object, "id"), read_at_ms));
    else
      count(upsert_object(records_, entity_.name, object, read_at_ms));
  }

  /// From the newest to the oldest. What changes meanwhile has an event behind the pinned place.
  void read_list(std::string_view filter) {
    for (;;) {
      const tomada_unix_ms read_at_ms = api_.clock_ms();
      const std::string after = state_.after.empty() ? std::string() : parameter("starting_after", state_.after);
      const std::optional<ListPage> page = api_.list(entity_.path, joined(std::string(filter), after));
      if (!page) {
        restart_list();
        continue;
      }
      for (const json& object : page->objects) {
        if (page->has_more && text_of(object, "id") == state_.after) throw stands_still(entity_.path);
        take(object, read_at_ms);
      }
      records_.progress(state_.seen_count);
      if (!page->has_more) return;
      if (page->objects.empty()) throw stands_still(entity_.path);
      state_.after = text_of(page->objects.back(), "id");
      checkpoint();
    }
  }

  /// The object that the page was to start after is gone, and a list has no other handle.
  void restart_list() {
    if (state_.after.empty() || ++state_.restarts_count > k_restarts_max) throw stands_still(entity_.path);
    call_.log().warn("Stripe no longer knows " + state_.after + ": the list is read from its start again");
    state_.after.clear();
  }

  /// From the oldest unseen to the newest; leaves the next phase in state_.
  void follow_events() {
    const std::string types = types_of(entity_);
    if (state_.since.event_id.empty() && !find_first_event(types)) return end_of_events();
    for (;;) {
      const std::string before = parameter("ending_before", state_.since.event_id);
      std::optional<ListPage> page = api_.list(k_events_path, joined(types, before));
      if (!page) {
        // Stripe keeps events for 30 days.
        call_.log().warn("Stripe no longer knows the event " + state_.since.event_id +
                         ": everything is listed again; deletions since then show in the next full run");
        state_.phase = Phase::list;
        return;
      }
      if (page->objects.empty() && page->has_more) throw stands_still(k_events_path);
      if (!page->objects.empty()) {
        const std::string newest = text_of(page->objects.front(), "id");
        if (newest == state_.since.event_id) throw stands_still(k_events_path);
        const bool has_more = page->has_more;
        apply(std::move(page->objects));
        state_.since.event_id = newest;
        state_.next.event_id = newest;
        if (has_more) {
          checkpoint();
          continue;
        }
      }
      records_.progress(state_.seen_count);
      return end_of_events();
    }
  }

  void end_of_events() {
    // With nothing else to do it is the end; `list` was read when the last full run was.
    state_.phase = entity_.has_silent_news ? Phase::news : Phase::events;
  }

  /// When the last run saw no event at all: the oldest one since then. It is worked off here. False: still none.
  bool find_first_event(const std::string& types) {
    const std::int64_t from_s = std::max<std::int64_t>(state_.since.created_s - k_overlap_s, 0);
    const std::string query = joined(types, parameter("created[gte]", std::to_string(from_s)));
    std::vector<json> oldest;
    for (std::string last; pages_count_ < k_pages_max; ++pages_count_) {
      std::optional<ListPage> page =
          api_.list(k_events_path, last.empty() ? query : joined(query, parameter("starting_after", last)));
      if (!page || (page->objects.empty() && page->has_more)) throw stands_still(k_events_path);
      if (page->objects.empty()) break;
      const bool has_more = page->has_more;
      oldest.assign(1, std::move(page->objects.back()));
      const std::string id = text_of(oldest.front(), "id");
      if (id == last) throw stands_still(k_events_path);
      last = id;
      if (!has_more) break;
    }
    if (oldest.empty()) return false;
    state_.since.event_id = text_of(oldest.front(), "id");
    state_.next.event_id = state_.since.event_id;
    apply(std::move(oldest));
    return true;
  }

  /// A page of events, newest first. Each carries its object as it was then, so of an object's several the last is
  /// enough, and two of the same second cannot come out in the wrong order.
  void apply(std::vector<json> newest_first) {
    std::vector<Event> events;
    events.reserve(newest_first.size());
    std::set<std::string, std::less<>> seen;
    for (json& object : newest_first) {
      Event event = parse_event(std::move(object));
      if (entity_.name == k_event_entity) {
        events.push_back(std::move(event));
      } else if (const Entity* const entity = entity_of(event); entity != nullptr && entity->name == entity_.name) {
        if (seen.insert(event.object_id).second) events.push_back(std::move(event));
      }
    }
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      count(entity_.name == k_event_entity ? upsert_event(records_, *event) : apply_event(records_, entity_, *event));
  }

  sdk::Call& call_;
  const sdk::Records records_;
  const Entity& entity_;
  State state_;
  Api api_;
  std::uint64_t refused_count_{0};
  std::uint64_t pages_count_{0};
};

}  // namespace

void Plugin::test_connection(sdk::Call& call) { Api(call, endpoint_).check_balance(); }

void Plugin::sync(sdk::Call& call, const sdk::SyncRequest& request) {
  const Entity* const entity = find_entity(request.entity);
  if (entity == nullptr) throw sdk::Failure(TOMADA_E_UNSUPPORTED, "there is no entity " + std::string(request.entity));
  if (!request.resume.empty()) return Run(call, endpoint_, *entity, State::from_text(request.resume)).go();

  State state;
  if (!request.full) state.since = Position::from_text(request.since);
  state.phase = state.since.is_known() ? Phase::events : Phase::list;
  Run run(call, endpoint_, *entity, std::move(state));
  run.pin();
  run.go();
}

void Plugin::handle_webhook(sdk::Call& call, const sdk::Webhook& webhook) {
  std::optional<json> body = parse_json(webhook.body);
  if (!body) throw sdk::Failure(TOMADA_E_INVALID_DATA, "the webhook's body is not JSON");
  const Event event = parse_event(*std::move(body));
  if (event.account != endpoint_.account) {
    call.log().info("event " + event.event_id + " is about another account and changes nothing here");
    return;
  }
  const sdk::Records records = call.records();
  bool accepted = upsert_event(records, event);
  if (const Entity* const entity = entity_of(event)) accepted = apply_event(records, *entity, event) && accepted;
  if (!accepted) call.log().warn("event " + event.event_id + ": the host refused a record of it");
}

}  // namespace stripe
