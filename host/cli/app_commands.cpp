// tomada app list, create, remove.
#include "host/cli/commands.hpp"

#include "host/base/encoding.hpp"
#include "host/cli/fields.hpp"

#include <istream>
#include <iterator>
#include <ostream>

namespace tomada::cli {

using nlohmann::json;

int list_apps(Control& control, Output output, const std::string& tenant, bool as_json) {
  json all = json::array();
  for (std::string cursor;;) {
    const auto page = ask(control, "GET", "/v1/apps?limit=1000" + (cursor.empty() ? "" : "&cursor=" + percent_encode(cursor)), tenant, nullptr);
    if (page.has_error()) return failed(output, page.error());
    for (const json& app : array_at(*page, "apps")) all.push_back(app);
    cursor = text(*page, "next_cursor");
    if (cursor.empty()) break;
  }
  if (as_json) {
    output.out << all.dump(2) << "\n";
    return 0;
  }
  if (all.empty()) {
    output.err << "No apps.\n";
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"ID", "PROVIDER", "NAME", "ENABLED", "SHARED", "WEBHOOK ADDRESS"}};
  for (const json& app : all)
    rows.push_back({text(app, "id"), text(app, "provider"), text(app, "name"), flag(app, "is_enabled") ? "yes" : "no",
                    flag(app, "shared") ? "yes" : "no", text(app, "webhook_url")});
  print_table(output.out, rows);
  return 0;
}

int create_app(Control& control, Output output, const AppCreate& options, std::istream* credentials) {
  json body{{"provider", options.provider}};
  if (!options.name.empty()) body["name"] = options.name;
  if (options.shared) body["shared"] = true;
  if (options.allow_legacy) body["allow_legacy"] = true;
  if (credentials != nullptr) {
    const std::string sent{std::istreambuf_iterator<char>(*credentials), {}};
    body["credentials"] = json::parse(sent, nullptr, false);
    if (!body["credentials"].is_object()) return failed(output, fail(Errc::invalid_data, "the credentials are not a JSON object"));
  }
  const auto created = ask(control, "POST", "/v1/apps", options.tenant, &body);
  if (created.has_error()) return failed(output, created.error());
  output.out << text(*created, "id") << "\n";
  output.err << "Its webhook address: " << text(*created, "webhook_url") << "\n";
  return 0;
}

int remove_app(Control& control, Output output, const std::string& tenant, const std::string& id) {
  const auto removed = ask(control, "DELETE", "/v1/apps/" + percent_encode(id), tenant, nullptr);
  if (removed.has_error()) return failed(output, removed.error());
  output.out << "app " << id << " removed\n";
  return 0;
}

}  // namespace tomada::cli
