#include "host/store/copy/copy.hpp"

#include "host/store/copy/verify.hpp"
#include "host/store/postgres/address.hpp"

#include <chrono>
#include <filesystem>
#include <map>

namespace tomada::store {
namespace {

using namespace copying;
using Clock = std::chrono::steady_clock;

constexpr std::string_view k_sqlite = "sqlite:";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<std::filesystem::path> source_file(const CopyOptions& options) {
  if (postgres::is_postgres_url(options.from))
    return fail(Errc::invalid_config,
                "--from: a store is copied from SQLite to PostgreSQL only; PostgreSQL counts records for each integration, "
                "and the cursors that consumers hold would not survive the way back");
  // Not repeated: it may hold a password.
  if (!options.from.starts_with(k_sqlite) || options.from.size() == k_sqlite.size())
    return fail(Errc::invalid_config, "--from: must be sqlite:FILE");
  if (!postgres::is_postgres_url(options.to))
    return fail(Errc::invalid_config, "--to: must be postgres://USER@HOST:PORT/DATABASE");
  std::error_code error;
  const std::filesystem::path file = options.from.substr(k_sqlite.size());
  auto absolute = std::filesystem::absolute(file, error);
  return error ? file : absolute;
}

class Copy {
 public:
  Copy(Source& source, Target& target, const CopyOptions& options, const CopyWatch& watch)
      : source_(source), target_(target), options_(options), watch_(watch) {}

  Result<CopyReport> run(const std::string& name) {
    TOMADA_TRY_ASSIGN(const bool is_complete, prepare(name));
    if (is_complete) {
      report_.was_complete = true;
      TOMADA_TRY(tell_what_is_there());
      return std::move(report_);
    }
    for (const Table& table : tables()) {
      TOMADA_TRY_ASSIGN(const std::int64_t count, source_.count(table));
      counts_[table.name] = count;
      report_.rows_total += count;
    }
    auto start = Clock::now();
    progress_ = {.phase = CopyProgress::Phase::copy, .table = {}, .all_rows_total = report_.rows_total};
    for (const Table& table : tables()) TOMADA_TRY(copy_table(table));
    TOMADA_TRY(target_.settle());
    report_.copy_seconds = seconds_since(start);

    start = Clock::now();
    progress_ = {.phase = CopyProgress::Phase::verify, .table = {}, .all_rows_total = report_.rows_total};
    TOMADA_TRY(verify_all());
    report_.verify_seconds = seconds_since(start);
    TOMADA_TRY(target_.complete());
    return std::move(report_);
  }

 private:
  /// True: there is nothing left to do.
  Result<bool> prepare(const std::string& name) {
    TOMADA_TRY_ASSIGN(const std::string fingerprint, source_.fingerprint());
    TOMADA_TRY_ASSIGN(auto whole, target_.whole());
    if (whole && whole->complete) {
      if (whole->fingerprint == fingerprint) return true;
      return fail(Errc::conflict, target_.shown() + " has rows of its own (of a complete copy from " + whole->source +
                                      "); a store is copied into an empty database only");
    }
    if (whole && options_.start_over) {
      TOMADA_TRY(target_.clear());
      whole.reset();
    }
    if (whole && whole->fingerprint != fingerprint)
      return fail(Errc::conflict, target_.shown() + " has an unfinished copy of " +
                                      (whole->source == name ? "this file, and the file changed since" : whole->source) +
                                      "; --start-over removes what it wrote and begins anew");
    if (whole) return false;
    TOMADA_TRY(target_.require_empty());
    TOMADA_TRY(target_.begin(name, fingerprint));
    return false;
  }

  Result<void> copy_table(const Table& table) {
    TOMADA_TRY_ASSIGN(const auto part, target_.part(table));
    const std::int64_t before = progress_.all_rows;
    std::int64_t rows = part.rows;
    if (!part.copied) {
      SourceRows from(source_, table, part.last_key.value_or(first_key(table)));
      for (bool more = true; more;) {
        Batch batch(table);
        while (batch.rows() < options_.batch_rows_max && batch.bytes() < options_.batch_bytes_max && (more = from.next()))
          batch.add(from.row());
        TOMADA_TRY(from.take_result());
        rows += static_cast<std::int64_t>(batch.rows());
        TOMADA_TRY(target_.write(table, batch, rows, !more));
        report_.rows_written += static_cast<std::int64_t>(batch.rows());
        if (!tell(table, rows, before)) return stopped();
      }
      report_.texts_changed += from.texts_changed();
    }
    progress_.all_rows = before + rows;
    return {};
  }

  Result<void> verify_all() {
    std::string differences;
    for (const Table& table : tables()) {
      const std::int64_t before = progress_.all_rows;
      TOMADA_TRY_ASSIGN(const Verdict verdict, verify(source_, target_, table, [&](std::int64_t rows) { return tell(table, rows, before); }));
      TOMADA_TRY_ASSIGN(const std::int64_t wrong_count, target_.check(table));
      std::string difference = verdict.difference;
      if (difference.empty() && verdict.source_rows != counts_[table.name])
        difference = "the file has " + std::to_string(counts_[table.name]) + " rows, of which " +
                     std::to_string(verdict.source_rows) + " belong to a tenant";
      if (difference.empty() && verdict.source_sha256 != verdict.target_sha256) difference = "the hashes differ";
      if (difference.empty() && wrong_count > 0) difference = std::to_string(wrong_count) + " rows have another tenant than their event";
      if (!difference.empty())
        differences += (differences.empty() ? "" : "; ") + std::string(table.name) + " (" + std::to_string(verdict.source_rows) +
                       " rows in the source, " + std::to_string(verdict.target_rows) + " in the target) " + difference;
      TOMADA_TRY(target_.keep_hash(table, verdict.target_sha256));
      report_.tables.push_back({.name = table.name, .rows = verdict.target_rows, .sha256 = verdict.target_sha256});
      if (!tell(table, verdict.target_rows, before)) return stopped();
      progress_.all_rows = before + verdict.source_rows;
    }
    if (differences.empty()) return {};
    return fail(Errc::invalid_data, "the verification found differences: " + differences +
                                        ". The copy is not complete; --start-over begins anew");
  }

  Result<void> tell_what_is_there() {
    for (const Table& table : tables()) {
      TOMADA_TRY_ASSIGN(auto part, target_.part(table));
      report_.rows_total += part.rows;
      report_.tables.push_back({.name = table.name, .rows = part.rows, .sha256 = std::move(part.sha256)});
    }
    return {};
  }

  bool tell(const Table& table, std::int64_t rows, std::int64_t before) {
    progress_.table = table.name;
    progress_.rows = rows;
    progress_.rows_total = counts_[table.name];
    progress_.all_rows = before + rows;
    return !watch_ || watch_(progress_);
  }
  static Error stopped() { return fail(Errc::cancelled, "stopped; the same command goes on from here"); }

  Source& source_;
  Target& target_;
  const CopyOptions& options_;
  const CopyWatch& watch_;
  CopyReport report_;
  CopyProgress progress_;
  std::map<std::string_view, std::int64_t> counts_;
};

}  // namespace

Result<CopyReport> copy(const CopyOptions& options, const CopyWatch& watch) {
  TOMADA_TRY_ASSIGN(const auto file, source_file(options));
  TOMADA_TRY_ASSIGN(auto source, Source::open(file));
  TOMADA_TRY_ASSIGN(auto target, Target::open(options.to));
  return Copy(source, target, options, watch).run(file.string());
}

}  // namespace tomada::store
