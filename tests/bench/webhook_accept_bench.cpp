// webhook_accept_bench FOLDER EVENTS TASKS: stores webhooks of 1 KiB, each in a call of its own, from TASKS tasks of one
// loop, durable when a call returns; beside it, in the same folder, bare inserts of the same bodies into one table with
// nothing but a row number, TASKS in a transaction. The events/s that a store of one SQLite file can reach at best, and
// what ours reaches. Prints one line of JSON.
#include "host/base/uuid.hpp"
#include "host/runtime/task.hpp"
#include "host/store/sqlite/open.hpp"
#include "host/store/sqlite/sqlite_store.hpp"

#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tomada::bench {
namespace {

constexpr std::size_t k_body_bytes = 1024;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "webhook_accept_bench: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T expect(Result<T> result) {
  if (result.has_error()) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double seconds_since(std::chrono::steady_clock::time_point started) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

/// Seconds for `count` rows.
double insert_bare(const std::filesystem::path& file, std::size_t count, std::size_t group) {
  sqlite3* handle = nullptr;
  const auto execute = [&](const char* sql) {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) give_up(sqlite3_errmsg(handle));
  };
  if (sqlite3_open(file.c_str(), &handle) != SQLITE_OK) give_up("cannot open the bare database");
  execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (id INTEGER PRIMARY KEY, body BLOB)");
  sqlite3_stmt* insert = nullptr;
  if (sqlite3_prepare_v2(handle, "INSERT INTO bare (body) VALUES (?1)", -1, &insert, nullptr) != SQLITE_OK) give_up("bare insert");
  const std::string body(k_body_bytes, 'x');
  const auto started = std::chrono::steady_clock::now();
  for (std::size_t done = 0; done < count;) {
    execute("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < group && done < count; ++i, ++done) {
      sqlite3_bind_blob64(insert, 1, body.data(), body.size(), SQLITE_STATIC);
      if (sqlite3_step(insert) != SQLITE_DONE) give_up(sqlite3_errmsg(handle));
      sqlite3_reset(insert);
    }
    execute("COMMIT");
  }
  const double took = seconds_since(started);
  sqlite3_finalize(insert);
  sqlite3_close(handle);
  return took;
}

store::Integration add_integration(runtime::Loop& loop, store::Store& store) {
  const store::Tenant tenant{.tenant_id = make_uuid_v7(std::chrono::system_clock::now()), .name = "bench", .created_at_ms = now_ms()};
  store::Integration integration;
  integration.config_id = make_uuid_v7(std::chrono::system_clock::now());
  integration.tenant_id = tenant.tenant_id;
  integration.integration_name = integration.provider_name = "bench";
  integration.config_json = "{}";
  expect(runtime::run(loop, [&](runtime::Task& task) { return store.tenants().create(task, tenant); }));
  expect(runtime::run(loop, [&](runtime::Task& task) { return store.integrations().create(task, integration); }));
  return integration;
}

store::NewWebhook make_event(const store::Integration& integration, std::size_t number) {
  store::NewWebhook event;
  event.received_at_ms = event.next_processing_at_ms = now_ms();
  event.webhook_id = store::make_webhook_id(event.received_at_ms);
  event.tenant_id = integration.tenant_id;
  event.config_id = integration.config_id;
  event.event_id = "evt_1Pgc76FxHzbVmKqT" + std::to_string(number);
  event.event_type = "customer.subscription.updated";
  event.headers = "Content-Type: application/json\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\n";
  event.body.assign(k_body_bytes, 'x');
  event.source_ip = "54.187.174.169";
  return event;
}

/// Seconds of processor time that the store's writer thread had so far.
double writer_seconds() {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    double nanoseconds = 0;
    if (name == "store-writer") std::ifstream(thread.path() / "schedstat") >> nanoseconds;
    if (nanoseconds > 0) return nanoseconds * 1e-9;
  }
  give_up("the store has no writer thread");
}

struct Accepted {
  double seconds{};
  double group{};  // events in a commit
  double writer_seconds{};
};

Accepted accept_all(const std::filesystem::path& file, std::size_t count, std::size_t tasks_count) {
  const auto store = expect(store::sqlite::open({.file = file}));
  runtime::SystemClock clock;
  runtime::Loop loop(clock);
  const store::Integration integration = add_integration(loop, *store);
  std::size_t next = 0;
  std::size_t ended = 0;
  const auto started = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < tasks_count; ++i)
    runtime::spawn("sender", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
      while (next < count) {
        const store::NewWebhook event = make_event(integration, next++);
        const auto acceptance = expect(store->webhooks().accept(task, {&event, 1}));
        if (acceptance.events.front().duplicate) give_up("a new event was taken for a duplicate");
      }
      ++ended;
    });
  loop.run_until([&] { return ended == tasks_count; });
  const double took = seconds_since(started);
  const auto groups_count = dynamic_cast<store::sqlite::SqliteStore&>(*store).groups_count();
  return {.seconds = took,
          .group = static_cast<double>(count) / static_cast<double>(groups_count),
          .writer_seconds = writer_seconds()};
}

int measure(const std::filesystem::path& folder, std::size_t count, std::size_t tasks_count) {
  const double bare = insert_bare(folder / "bare.db", count, tasks_count);
  const Accepted ours = accept_all(folder / "store.db", count, tasks_count);
  const auto events = static_cast<double>(count);
  const nlohmann::json line{{"events", count},
                            {"tasks", tasks_count},
                            {"events_per_second", events / ours.seconds},
                            {"events_per_commit", ours.group},
                            {"writer_us_per_event", ours.writer_seconds * 1e6 / events},
                            {"bare_rows_per_second", events / bare},
                            {"ratio", bare / ours.seconds}};
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace tomada::bench

int main(int count, char** words) {
  if (count != 4) tomada::bench::give_up("usage: webhook_accept_bench FOLDER EVENTS TASKS");
  return tomada::bench::measure(words[1], std::stoul(words[2]), std::stoul(words[3]));
}
