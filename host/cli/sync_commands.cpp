// tomada sync run and tomada sync status.
#include "host/cli/commands.hpp"

#include "host/base/encoding.hpp"
#include "host/cli/fields.hpp"

#include <cstdio>
#include <ostream>

namespace tomada::cli {
namespace {

using nlohmann::json;

std::string path_of(const std::string& integration, const std::string& rest) {
  return "/v1/integrations/" + percent_encode(integration) + rest;
}

bool has_ended(const json& sync) {
  const std::string status = text(sync, "status");
  return status == "completed" || status == "failed" || status == "partial";
}

std::string summary(const json& sync) {
  std::string line = text(sync, "status") + ": " + std::to_string(count(sync, "records_processed")) + " records, " +
                     std::to_string(count(sync, "records_changed")) + " changed, " +
                     std::to_string(count(sync, "records_deleted")) + " deleted, " +
                     std::to_string(count(sync, "records_failed")) + " failed";
  if (const auto duration = sync.find("duration_ms"); duration != sync.end() && duration->is_number_integer()) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", static_cast<double>(duration->get<std::int64_t>()) / 1000.0);
    line += std::string(" in ") + seconds + " s";
  }
  const json error = object_at(sync, "error");
  if (!error.empty()) line += "; " + text(error, "code") + ": " + text(error, "message");
  return line;
}

std::string progress_line(const json& status) {
  const json progress = object_at(status, "progress");
  std::string line = text(status, "status") + ": " + std::to_string(count(progress, "current"));
  if (count(progress, "total") > 0)
    line += " of " + std::to_string(count(progress, "total")) + " (" + std::to_string(count(progress, "percentage")) + "%)";
  return line + " records";
}

/// Follows the run until it ends; its final row.
Result<json> follow(Control& control, Output output, const SyncRun& options, const std::string& sync_id,
                    const std::function<void()>& pause) {
  std::string shown;
  for (;;) {
    TOMADA_TRY_ASSIGN(const json status, ask(control, "GET", path_of(options.integration, "/sync/status"), options.tenant, nullptr));
    json sync = object_at(status, "sync");
    // A newer one can only have started after this one ended; its own row is in the log then.
    if (text(sync, "sync_id") != sync_id) {
      TOMADA_TRY_ASSIGN(const json log, ask(control, "GET", path_of(options.integration, "/sync/logs"), options.tenant, nullptr));
      for (const json& row : log.value("logs", json::array()))
        if (text(row, "sync_id") == sync_id) sync = row;
    }
    if (has_ended(sync)) return Result<json>(boost::system::in_place_value, std::move(sync));
    if (std::string line = progress_line(status); line != shown) {
      output.err << line << "\n" << std::flush;
      shown = std::move(line);
    }
    pause();
  }
}

}  // namespace

int run_sync(Control& control, Output output, const SyncRun& options, const std::function<void()>& pause) {
  json body{{"mode", options.mode}};
  if (!options.type.empty()) body["type"] = options.type;
  const auto started = ask(control, "POST", path_of(options.integration, "/sync"), options.tenant, &body);
  if (started.has_error()) return failed(output, started.error());
  const std::string sync_id = text(*started, "sync_id");
  if (!options.wait) {
    output.out << sync_id << "\n";
    return 0;
  }
  const auto sync = follow(control, output, options, sync_id, pause);
  if (sync.has_error()) return failed(output, sync.error());
  output.out << summary(*sync) << "\n";
  return text(*sync, "status") == "failed" ? 1 : 0;
}

int show_sync(Control& control, Output output, const std::string& tenant, const std::string& integration, bool as_json) {
  const auto status = ask(control, "GET", path_of(integration, "/sync/status"), tenant, nullptr);
  if (status.has_error()) return failed(output, status.error());
  if (as_json) {
    output.out << status->dump(2) << "\n";
    return 0;
  }
  output.out << "integration  " << text(*status, "integration") << " (" << text(*status, "provider") << ")\n";
  output.out << "status       " << progress_line(*status) << "\n";
  if (const std::string eta = text(*status, "eta"); !eta.empty()) output.out << "eta          " << eta << "\n";
  const json sync = object_at(*status, "sync");
  output.out << "last sync    " << (sync.empty() ? "none" : summary(sync)) << "\n";
  if (!sync.empty()) output.out << "             " << text(sync, "sync_id") << ", " << text(sync, "mode") << ", asked for " << text(sync, "created_at") << "\n";
  return 0;
}

}  // namespace tomada::cli
