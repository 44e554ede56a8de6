// What the PostgreSQL store costs, against bare inserts of the same rows by unnest into the same tables of the same
// server, over one connection. Prints one line of JSON.
//   postgres_bench bare_webhooks URL EVENTS GROUP       only the yardstick, GROUP events in a statement
//   postgres_bench webhooks URL EVENTS TASKS ROUNDS     Webhooks::accept, one event in a call, TASKS at once; in turns with it
//   postgres_bench bare_records URL ROWS PAGE
//   postgres_bench records URL ROWS PAGE ROUNDS         Records::commit of new records, one page after the other; in turns
//   postgres_bench jobs URL WAITING JOBS TASKS          lease and finish JOBS jobs, one at a time in each of TASKS
// URL is a database of its own; its schema is made.
#include "host/base/uuid.hpp"
#include "host/runtime/task.hpp"
#include "host/store/postgres/connection.hpp"
#include "host/store/postgres/open.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace tomada::bench {
namespace {

using store::postgres::Array;
using store::postgres::Blob;
using store::postgres::Connection;
using store::postgres::array_of;

constexpr std::size_t k_body_bytes = 1024;
constexpr std::size_t k_record_bytes = 230;  // as those of the sync benchmark

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "postgres_bench: %s\n", what.c_str());
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
std::string new_id() { return make_uuid_v7(std::chrono::system_clock::now()); }

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

 private:
  std::chrono::steady_clock::time_point started_{std::chrono::steady_clock::now()};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// A store with one integration, a loop, and a bare connection beside it that may see everything.
struct Bench {
  template <class F>
  auto run(F fn) {
    return expect(runtime::run(loop, fn));
  }
  explicit Bench(const std::string& url) : store(expect(store::postgres::open({.url = url}))), loop(clock) {
    const store::Tenant tenant{.tenant_id = new_id(), .name = new_id(), .created_at_ms = now_ms()};
    integration.config_id = new_id();
    integration.tenant_id = tenant.tenant_id;
    integration.integration_name = integration.provider_name = "bench";
    integration.config_json = "{}";
    run([&](runtime::Task& task) { return store->tenants().create(task, tenant); });
    run([&](runtime::Task& task) { return store->integrations().create(task, integration); });
    const auto address = expect(store::postgres::parse_address(url));
    bare = expect(Connection::open(address, {.statement_timeout = std::chrono::milliseconds(0)}));
    sql("SET tomada.tenant_id = '*'");
  }
  store::postgres::Rows sql(const std::string& script) {
    auto rows = bare->execute(script);
    expect(bare->take_result());
    return rows;
  }

  std::unique_ptr<store::Store> store;
  runtime::SystemClock clock;
  runtime::Loop loop;
  store::Integration integration;
  std::unique_ptr<Connection> bare;
};

store::NewWebhook make_event(const store::Integration& integration) {
  store::NewWebhook event;
  event.received_at_ms = event.next_processing_at_ms = now_ms();
  event.webhook_id = store::make_webhook_id(event.received_at_ms);
  event.tenant_id = integration.tenant_id;
  event.config_id = integration.config_id;
  event.event_id = "evt_" + new_id();
  event.event_type = "customer.subscription.updated";
  event.headers = "Content-Type: application/json\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\n";
  event.body.assign(k_body_bytes, 'x');
  event.source_ip = "54.187.174.169";
  return event;
}

/// Events per second of one connection that inserts the rows of `group` events in each statement, and does nothing else.
double insert_webhooks(Bench& bench, std::size_t count, std::size_t group) {
  std::vector<store::NewWebhook> events;
  const Stopwatch watch;
  for (std::size_t done = 0; done < count; done += events.size()) {
    events.clear();
    for (std::size_t i = 0; i < std::min(group, count - done); ++i) events.push_back(make_event(bench.integration));
    const auto texts = [&](auto member) { return array_of(events, [=](const auto& event) { return event.*member; }); };
    using E = store::NewWebhook;
    bench.bare->run(
        "WITH given AS (SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],"
        " $7::bigint[], $8::bytea[], $9::bytea[], $10::uuid[])"
        " AS g (webhook_id, tenant_id, config_id, event_id, event_type, source_ip, received_at_ms, headers, body, key)),"
        " keys AS (INSERT INTO integrations.webhook_keys (key, tenant_id, webhook_id) SELECT key, tenant_id, webhook_id FROM given),"
        " payloads AS (INSERT INTO integrations.webhook_payloads (webhook_id, tenant_id, headers, body)"
        " SELECT webhook_id, tenant_id, headers, body FROM given)"
        " INSERT INTO integrations.webhook_log (webhook_id, tenant_id, config_id, event_id, event_type, subject, source_ip,"
        " signature_verified, processing_status, next_processing_at_ms, received_at_ms, body_bytes)"
        " SELECT webhook_id, tenant_id, config_id, event_id, event_type, '', source_ip, true, 'pending', received_at_ms,"
        " received_at_ms, length(body) FROM given",
        texts(&E::webhook_id), texts(&E::tenant_id), texts(&E::config_id), texts(&E::event_id), texts(&E::event_type),
        texts(&E::source_ip), texts(&E::received_at_ms), array_of(events, [](const E& event) { return Blob{event.headers}; }),
        array_of(events, [](const E& event) { return Blob{event.body}; }), array_of(events, [](const E&) { return new_id(); }));
    expect(bench.bare->take_result());
  }
  return static_cast<double>(count) / watch.seconds();
}

double accept_webhooks(Bench& bench, std::size_t count, std::size_t tasks_count) {
  std::size_t next = 0;
  std::size_t ended = 0;
  const Stopwatch watch;
  for (std::size_t i = 0; i < tasks_count; ++i)
    runtime::spawn("sender", bench.loop, runtime::Deadline::never(), [&](runtime::Task& task) {
      for (; next < count;) {
        ++next;
        const store::NewWebhook event = make_event(bench.integration);
        if (expect(bench.store->webhooks().accept(task, {&event, 1})).events.front().duplicate)
          give_up("a new event was taken for a duplicate");
      }
      ++ended;
    });
  bench.loop.run_until([&] { return ended == tasks_count; });
  return static_cast<double>(count) / watch.seconds();
}

std::string record_json(std::size_t number) {
  std::string text = R"({"id":"item-)" + std::to_string(number) + R"(","name":")";
  text.append(k_record_bytes - text.size() - 2, 'n');
  return text + R"("})";
}

/// Records go to an entity of their own for each round, so that all are new.
double insert_records(Bench& bench, std::size_t count, std::size_t page, const std::string& prefix) {
  static std::int64_t sequence = std::int64_t{1} << 40;  // beside those of the store
  const auto entity = bench.sql("INSERT INTO integrations.sync_state (tenant_id, config_id, entity) VALUES ('" +
                                bench.integration.tenant_id + "', '" + bench.integration.config_id + "', 'bare" + prefix +
                                "') RETURNING entity_no").front().integer(0);
  const Stopwatch watch;
  for (std::size_t done = 0; done < count; done += page) {
    Array ids, data, sequences;
    for (std::size_t i = done; i < std::min(count, done + page); ++i) {
      ids.add("item-" + std::to_string(i));
      data.add(record_json(i));
      sequences.add(++sequence);
    }
    bench.bare->run(
        "WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS g (external_id, data, sequence)),"
        " keys AS (INSERT INTO integrations.record_keys (tenant_id, entity_no, external_id, sequence, generation, deleted)"
        " SELECT $4::uuid, $6::bigint, external_id, sequence, 1, false FROM given)"
        " INSERT INTO integrations.records (tenant_id, config_id, sequence, entity_no, external_id, data, updated_at_ms,"
        " deleted, version, source, plugin_version)"
        " SELECT $4::uuid, $5::uuid, sequence, $6::bigint, external_id, data::json, 0, false, 1, 'sync', '1.0.0' FROM given",
        ids, data, sequences, bench.integration.tenant_id, bench.integration.config_id, entity);
    expect(bench.bare->take_result());
  }
  return static_cast<double>(count) / watch.seconds();
}

double commit_records(Bench& bench, std::size_t count, std::size_t page_rows, const std::string& prefix) {
  const Stopwatch watch;
  for (std::size_t done = 0; done < count; done += page_rows) {
    store::Page page;
    page.tenant_id = bench.integration.tenant_id;
    page.config_id = bench.integration.config_id;
    page.plugin_version = "1.0.0";
    page.entity = "ours" + prefix;
    page.now_ms = now_ms();
    for (std::size_t i = done; i < std::min(count, done + page_rows); ++i)
      page.changes.push_back({.entity = page.entity, .external_id = "item-" + std::to_string(i), .data_json = record_json(i)});
    const auto outcome = bench.run([&](runtime::Task& task) { return bench.store->records().commit(task, page); });
    if (outcome.changed_count != static_cast<std::int64_t>(page.changes.size())) give_up("a new record was not new");
  }
  return static_cast<double>(count) / watch.seconds();
}

/// `ours` and `bare` in turns; each returns a rate.
template <class Ours, class Bare>
nlohmann::json compare(std::size_t rounds, Ours ours, Bare bare) {
  std::vector<double> ours_rates, bare_rates, ratios;
  for (std::size_t round = 0; round <= rounds; ++round) {  // the first warms up
    double a = 0, b = 0;
    if (round % 2 == 0) {
      a = ours(round);
      b = bare(round);
    } else {
      b = bare(round);
      a = ours(round);
    }
    if (round == 0) continue;
    ours_rates.push_back(a);
    bare_rates.push_back(b);
    ratios.push_back(a / b);
  }
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  return {{"per_second", median(ours_rates)}, {"bare_per_second", median(bare_rates)}, {"ratio", median(ratios)},
          {"ratio_min", *low}, {"ratio_max", *high}};
}

/// `waiting` jobs, each of an integration of its own, with ids in the order of their making, as the host makes them.
nlohmann::json run_jobs(Bench& bench, std::size_t waiting, std::size_t count, std::size_t tasks_count) {
  const std::string tenant = "'" + bench.integration.tenant_id + "'";
  const std::string id = "(lpad(to_hex(n), 16, '0') || '8' || substr(md5(n::text), 1, 15))::uuid";
  bench.sql("WITH made AS (INSERT INTO integrations.api_configurations (config_id, tenant_id, integration_name, provider_name,"
            " config_json, sealed_credentials, connection_status, version)"
            " SELECT " + id + ", " + tenant + ", 'x', 'bench', '{}', '', 'created', 1 FROM generate_series(1, " +
            std::to_string(waiting) + ") n RETURNING config_id)"
            " INSERT INTO integrations.jobs (job_id, tenant_id, config_id, kind, payload_json, due_at_ms, created_at_ms)"
            " SELECT config_id, " + tenant + ", config_id, 'bench', '{}', 1, 1 FROM made");
  bench.sql("ANALYZE integrations.jobs");
  std::size_t begun = 0;
  std::size_t ended = 0;
  const std::int64_t start_ms = now_ms();
  const Stopwatch watch;
  for (std::size_t i = 0; i < tasks_count; ++i)
    runtime::spawn("worker", bench.loop, runtime::Deadline::never(), [&](runtime::Task& task) {
      for (; begun < count;) {
        ++begun;
        const auto jobs = expect(bench.store->jobs().lease(task, start_ms, 60'000, 1));
        if (jobs.size() != 1) give_up("no job to lease");
        // Comes back later, so that as many wait at the end as at the start.
        expect(bench.store->jobs().finish(task, jobs.front(), {.kind = store::JobOutcome::Kind::retry, .due_at_ms = start_ms, .now_ms = start_ms}));
      }
      ++ended;
    });
  bench.loop.run_until([&] { return ended == tasks_count; });
  return {{"waiting", waiting}, {"per_second", static_cast<double>(count) / watch.seconds()}};
}

nlohmann::json measure(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t place) -> std::size_t {
    if (place >= words.size()) give_up("too few arguments; see the head of postgres_bench.cpp");
    return std::stoul(words[place]);
  };
  if (words.size() < 2) give_up("see the head of postgres_bench.cpp");
  const std::string& what = words[0];
  Bench bench(words[1]);
  const auto name = [](std::size_t round) { return std::to_string(round); };
  if (what == "bare_webhooks") return {{"per_second", insert_webhooks(bench, number(2), number(3))}};
  if (what == "bare_records") return {{"per_second", insert_records(bench, number(2), number(3), "")}};
  if (what == "webhooks")
    return compare(number(4), [&](std::size_t) { return accept_webhooks(bench, number(2), number(3)); },
                   [&](std::size_t) { return insert_webhooks(bench, number(2), number(3)); });
  if (what == "records")
    return compare(number(4), [&](std::size_t round) { return commit_records(bench, number(2), number(3), name(round)); },
                   [&](std::size_t round) { return insert_records(bench, number(2), number(3), name(round)); });
  if (what == "jobs") return run_jobs(bench, number(2), number(3), number(4));
  give_up("no such measurement: " + what);
}

}  // namespace
}  // namespace tomada::bench

int main(int count, char** words) {
  std::printf("%s\n", tomada::bench::measure({words + 1, words + count}).dump().c_str());
  return 0;
}
