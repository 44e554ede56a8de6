// /v1/events: what happened to a tenant's integrations, numbered without gaps.
#include "host/serve/routes.hpp"

#include "host/base/encoding.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"

#include <charconv>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;

Answer list(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"after", "limit"}));
  TOMADA_TRY_ASSIGN(const std::size_t limit, query.limit(k_page_default, k_page_max));
  const std::string text = query.text("after");
  std::int64_t after = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
  if (!text.empty() && (error != std::errc{} || end != text.data() + text.size() || after < 0))
    return problem(400, Errc::invalid_data, "after must be the sequence of the last event you have, or 0");
  TOMADA_TRY_ASSIGN(const auto events, parts.store.events().list(task, call.principal.tenant_id, after, limit));
  auto views = ordered_json::array();
  for (const store::Event& event : events) {
    ordered_json view;
    view["sequence"] = event.sequence;
    view["type"] = event.type;
    view["integration_id"] = text_or_null(event.config_id);
    view["created_at"] = format_time(event.created_at_ms);
    view["data"] = ordered_json::parse(event.data_json, nullptr, false);
    views.push_back(std::move(view));
  }
  ordered_json document{{"events", std::move(views)}};
  document["after"] = events.empty() ? after : events.back().sequence;
  return json_answer(200, document);
}

}  // namespace

void add_event_routes(Router& router, const Parts& parts) {
  router.add("GET", "/v1/events", Access::viewer, [parts](Task& task, const Call& call) { return list(task, parts, call); });
}

}  // namespace tomada::serve
