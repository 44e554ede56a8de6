// tomada webhooks list, show, replay, dead.
#include "host/cli/commands.hpp"

#include "host/base/encoding.hpp"
#include "host/cli/fields.hpp"

#include <ostream>
#include <utility>

namespace tomada::cli {
namespace {

using nlohmann::json;

std::string path_of(const std::string& integration, const std::string& rest) {
  return "/v1/integrations/" + percent_encode(integration) + "/webhooks" + rest;
}

using Parameters = std::vector<std::pair<const char*, std::string>>;

/// "?a=b&c=d" of those that have a value.
std::string query_of(const Parameters& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters)
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encode(value);
  return query;
}

/// `ask` with a query: a request has its path and its query apart.
Result<json> ask_with(Control& control, const std::string& path, const Parameters& parameters, const std::string& tenant) {
  return ask(control, "GET", path + query_of(parameters), tenant, nullptr);
}

std::string error_text(const json& event) {
  const json error = object_at(event, "error");
  if (error.empty()) return "";
  const std::string code = text(error, "code");
  return code.empty() ? text(error, "message") : code + ": " + text(error, "message");
}

std::vector<std::string> row_of(const json& event) {
  return {text(event, "id"), text(event, "received_at"), text(event, "status"), flag(event, "verified") ? "yes" : "no",
          std::to_string(count(event, "attempts")), text(event, "type"), text(event, "event_id"), error_text(event)};
}

const std::vector<std::string> k_heading{"ID", "RECEIVED", "STATUS", "VERIFIED", "ATTEMPTS", "TYPE", "EVENT", "ERROR"};

/// Every integration of the tenant, or the one that is named.
Result<std::vector<std::string>> integrations_of(Control& control, const std::string& tenant, const std::string& integration) {
  if (!integration.empty()) return std::vector{integration};
  std::vector<std::string> ids;
  for (std::string cursor;;) {
    TOMADA_TRY_ASSIGN(const json page, ask_with(control, "/v1/integrations", {{"limit", "1000"}, {"cursor", cursor}}, tenant));
    for (const json& one : array_at(page, "integrations")) ids.push_back(text(one, "id"));
    cursor = text(page, "next_cursor");
    if (cursor.empty()) return ids;
  }
}

/// The dead ones: verified, and given up.
Result<json> dead_of(Control& control, const std::string& tenant, const std::string& integration) {
  json dead = json::array();
  for (std::string cursor;;) {
    TOMADA_TRY_ASSIGN(const json page, ask_with(control, path_of(integration, "/logs"),
                                                {{"status", "failed"}, {"verified", "true"}, {"limit", "1000"}, {"cursor", cursor}}, tenant));
    for (json event : array_at(page, "logs")) {
      event["integration"] = integration;
      dead.push_back(std::move(event));
    }
    cursor = text(page, "next_cursor");
    if (cursor.empty()) return Result<json>(boost::system::in_place_value, std::move(dead));
  }
}

}  // namespace

int list_webhooks(Control& control, Output output, const WebhookList& options, bool as_json) {
  const auto page = ask_with(control, path_of(options.integration, "/logs"),
                             {{"status", options.status}, {"type", options.type}, {"since", options.since}, {"until", options.until},
                              {"verified", options.verified}, {"limit", std::to_string(options.limit)}, {"cursor", options.cursor}},
                             options.tenant);
  if (page.has_error()) return failed(output, page.error());
  if (as_json) {
    output.out << page->dump(2) << "\n";
    return 0;
  }
  std::vector<std::vector<std::string>> rows{k_heading};
  for (const json& event : array_at(*page, "logs")) rows.push_back(row_of(event));
  if (rows.size() == 1) {
    output.err << "No webhooks.\n";
    return 0;
  }
  print_table(output.out, rows);
  if (const std::string cursor = text(*page, "next_cursor"); !cursor.empty()) output.err << "Older ones: --cursor " << cursor << "\n";
  return 0;
}

int show_webhook(Control& control, Output output, const std::string& tenant, const std::string& integration, const std::string& id,
                 bool as_json) {
  const auto event = ask(control, "GET", path_of(integration, "/logs/" + percent_encode(id)), tenant, nullptr);
  if (event.has_error()) return failed(output, event.error());
  if (as_json) {
    output.out << event->dump(2) << "\n";
    return 0;
  }
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) output.out << name << printable(value) << "\n";
  };
  line("id        ", text(*event, "id"));
  line("event     ", text(*event, "event_id"));
  line("type      ", text(*event, "type"));
  line("subject   ", text(*event, "subject"));
  line("status    ", text(*event, "status") + (flag(*event, "verified") ? "" : " (signature not valid)"));
  line("error     ", error_text(*event));
  line("received  ", text(*event, "received_at") + " from " + text(*event, "source_ip"));
  line("processed ", text(*event, "processed_at"));
  line("next      ", text(*event, "next_attempt_at"));
  for (const json& attempt : array_at(*event, "attempt_log")) {
    const std::string error = error_text(attempt);
    const auto duration = attempt.find("duration_ms");
    output.out << "attempt " << count(attempt, "attempt") << " " << text(attempt, "started_at") << ", "
               << (duration == attempt.end() ? "?" : duration->dump()) << " ms: " << (error.empty() ? "fine" : printable(error)) << "\n";
  }
  output.out << "\n";
  for (const json& header : array_at(*event, "headers"))
    output.out << printable(text(header, "name") + ": " + text(header, "value")) << "\n";
  if (text(*event, "body_encoding") == "base64") output.out << "(in base64:)\n";
  output.out << "\n" << printable(text(*event, "body")) << "\n";
  return 0;
}

int replay_webhooks(Control& control, Output output, const WebhookReplay& options) {
  json body = json::object();
  if (!options.ids.empty()) body["ids"] = options.ids;
  if (!options.since.empty()) body["since"] = options.since;
  if (!options.until.empty()) body["until"] = options.until;
  if (!options.status.empty()) body["status"] = options.status;
  if (options.dead) body["dead"] = true;
  std::int64_t replayed = 0;
  for (std::string cursor;;) {
    if (!cursor.empty()) body["cursor"] = cursor;
    const auto answer = ask(control, "POST", path_of(options.integration, "/replay"), options.tenant, &body);
    if (answer.has_error()) return failed(output, answer.error());
    replayed += count(*answer, "replayed");
    cursor = text(*answer, "next_cursor");
    if (cursor.empty()) break;
  }
  output.out << replayed << (replayed == 1 ? " event is" : " events are") << " worked off again\n";
  return 0;
}

int list_dead_webhooks(Control& control, Output output, const std::string& tenant, const std::string& integration, bool as_json) {
  const auto integrations = integrations_of(control, tenant, integration);
  if (integrations.has_error()) return failed(output, integrations.error());
  json all = json::array();
  for (const std::string& one : *integrations) {
    const auto dead = dead_of(control, tenant, one);
    if (dead.has_error()) return failed(output, dead.error());
    all.insert(all.end(), dead->begin(), dead->end());
  }
  if (as_json) {
    output.out << all.dump(2) << "\n";
    return 0;
  }
  if (all.empty()) {
    output.err << "No dead webhooks.\n";
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"INTEGRATION", "ID", "RECEIVED", "ATTEMPTS", "TYPE", "EVENT", "ERROR"}};
  for (const json& event : all)
    rows.push_back({text(event, "integration"), text(event, "id"), text(event, "received_at"), std::to_string(count(event, "attempts")),
                    text(event, "type"), text(event, "event_id"), error_text(event)});
  print_table(output.out, rows);
  return 0;
}

}  // namespace tomada::cli
