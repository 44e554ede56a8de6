// GET …/records: what was synced, in change order. The stored JSON is passed on as it is: parsing and writing it again
// would cost more than everything else here together.
#include "host/serve/routes.hpp"

#include "host/base/encoding.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"

#include <algorithm>
#include <charconv>

namespace tomada::serve {
namespace {

using nlohmann::json;
using runtime::Task;

constexpr std::size_t k_chunk_count = 100;  // rows asked for at once, so that a page of large ones stays bounded
constexpr std::string_view k_cursor_prefix = "r1:";

/// Opaque for clients: how a position is written may change.
std::string make_cursor(std::int64_t sequence) {
  return hex_encode(std::string(k_cursor_prefix) + std::to_string(sequence));
}

Outcome<std::int64_t> read_cursor(const std::string& text) {
  if (text.empty()) return std::int64_t{0};
  const auto decoded = hex_decode(text);
  std::int64_t sequence = -1;
  if (decoded && decoded->starts_with(k_cursor_prefix)) {
    const char* begin = decoded->data() + k_cursor_prefix.size();
    const char* end = decoded->data() + decoded->size();
    if (const auto parsed = std::from_chars(begin, end, sequence); parsed.ec != std::errc{} || parsed.ptr != end) sequence = -1;
  }
  if (sequence < 0) return problem(400, Errc::invalid_data, "cursor is not one that this list gave");
  return sequence;
}

std::string quote(const std::string& text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

void append(std::string& out, const store::StoredRecord& record) {
  out += R"({"external_id":)" + quote(record.external_id) + R"(,"entity":)" + quote(record.entity) + R"(,"data":)";
  out += record.data_json.empty() ? "null" : record.data_json;
  out += record.deleted ? R"(,"deleted":true,"updated_at":)" : R"(,"deleted":false,"updated_at":)";
  out += record.updated_at_ms > 0 ? '"' + format_time(record.updated_at_ms) + '"' : "null";
  out += R"(,"version":)" + std::to_string(record.version) + "}";
}

Answer list(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"entity", "cursor", "limit"}));
  TOMADA_TRY_ASSIGN(const std::size_t limit, query.limit(k_page_default, k_page_max));
  TOMADA_TRY_ASSIGN(std::int64_t sequence, read_cursor(query.text("cursor")));
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  const std::string entity = query.text("entity");

  std::string body = R"({"records":[)";
  std::size_t count = 0;
  for (bool more = true; more && count < limit && body.size() < k_records_bytes_max;) {
    const std::size_t wanted = std::min(k_chunk_count, limit - count);
    TOMADA_TRY_ASSIGN(const auto records, parts.store.records().changes(task, integration.tenant_id, integration.config_id,
                                                                        entity, sequence, wanted));
    more = records.size() == wanted;
    for (const store::StoredRecord& record : records) {
      if (count++ > 0) body += ',';
      append(body, record);
      sequence = record.sequence;
      if (body.size() >= k_records_bytes_max) break;
    }
  }
  // A page with nothing in it has no next one: who follows the changes keeps the cursor of the last page that had.
  body += R"(],"next_cursor":)" + (count > 0 ? '"' + make_cursor(sequence) + '"' : std::string("null")) + "}\n";
  return {200, "application/json", std::move(body)};
}

}  // namespace

void add_record_routes(Router& router, const Parts& parts) {
  router.add("GET", "/v1/integrations/{id}/records", Access::viewer,
             [parts](Task& task, const Call& call) { return list(task, parts, call); });
}

}  // namespace tomada::serve
