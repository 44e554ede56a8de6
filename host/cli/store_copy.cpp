// tomada store copy: from an SQLite file to a PostgreSQL database. Needs no host and no data directory.
#include "host/cli/commands.hpp"
#include "host/cli/fields.hpp"
#include "host/store/copy/copy.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <ostream>
#include <string>

namespace tomada::cli {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;
using store::CopyProgress;
using store::CopyReport;

constexpr std::chrono::milliseconds k_line_every{1'000};

std::string fixed(double value, int digits) {
  char text[64];
  (void)std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// A line on stderr each second, and one for each phase.
class Progress {
 public:
  explicit Progress(Output output) : output_(output) {}

  bool operator()(const CopyProgress& progress) {
    const auto now = Clock::now();
    if (!is_started_ || progress.phase != phase_) {
      is_started_ = true;
      phase_ = progress.phase;
      // What an earlier run did is no speed of this one.
      phase_start_ = now;
      rows_at_start_ = phase_ == CopyProgress::Phase::copy ? progress.all_rows : 0;
      line_at_ = now;
      output_.err << (phase_ == CopyProgress::Phase::copy ? "copying " : "verifying ") << progress.all_rows_total << " rows\n" << std::flush;
    }
    if (now - line_at_ < k_line_every) return true;
    line_at_ = now;
    const double seconds = std::chrono::duration<double>(now - phase_start_).count();
    const double percent = progress.all_rows_total == 0 ? 100.0 : 100.0 * static_cast<double>(progress.all_rows) / static_cast<double>(progress.all_rows_total);
    output_.err << progress.table << ": " << progress.rows << " of " << progress.rows_total << " rows, "
                << fixed(static_cast<double>(progress.all_rows - rows_at_start_) / seconds, 0) << " rows/s, "
                << fixed(percent, 1) << " % of all\n" << std::flush;
    return true;
  }

 private:
  Output output_;
  bool is_started_{false};
  CopyProgress::Phase phase_{};
  Clock::time_point phase_start_, line_at_;
  std::int64_t rows_at_start_{0};
};

void print_json(std::ostream& out, const CopyReport& report) {
  json tables = json::array();
  for (const auto& table : report.tables) tables.push_back({{"name", table.name}, {"rows", table.rows}, {"sha256", table.sha256}});
  const json document = {{"complete", true},
                         {"was_complete", report.was_complete},
                         {"rows", report.rows_total},
                         {"rows_written", report.rows_written},
                         {"texts_changed", report.texts_changed},
                         {"copy_seconds", report.copy_seconds},
                         {"verify_seconds", report.verify_seconds},
                         {"tables", tables}};
  out << document.dump(2) << "\n";
}

void print_text(Output output, const CopyReport& report) {
  std::vector<std::vector<std::string>> rows{{"TABLE", "ROWS", "SHA-256 ON BOTH SIDES"}};
  for (const auto& table : report.tables) rows.push_back({table.name, std::to_string(table.rows), table.sha256});
  print_table(output.out, rows);
  if (report.was_complete) {
    output.out << "The copy was complete before; nothing was done.\n";
    return;
  }
  output.out << report.rows_total << " rows, " << report.rows_written << " of them written by this run in "
             << fixed(report.copy_seconds, 1) << " s, all compared in " << fixed(report.verify_seconds, 1) << " s: equal.\n";
  if (report.texts_changed > 0)
    output.out << report.texts_changed << " texts were not UTF-8 or had a NUL, which PostgreSQL cannot hold: U+FFFD stands there.\n";
}

}  // namespace

int copy_store(Output output, const StoreCopy& options) {
  Progress progress(output);
  const auto report = store::copy({.from = options.from, .to = options.to, .start_over = options.start_over}, std::ref(progress));
  if (report.has_error()) return failed(output, report.error());
  if (options.as_json) print_json(output.out, *report);
  else print_text(output, *report);
  output.err << "The master key is no part of a store: take master.key from the old data directory to that of every host that "
                "uses the new one. Then start them with --store and leave the file as it is.\n";
  return 0;
}

}  // namespace tomada::cli
