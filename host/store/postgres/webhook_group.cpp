#include "host/store/postgres/webhook_group.hpp"

#include "host/base/assert.hpp"
#include "host/base/uuid.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace tomada::store::postgres {
namespace {

constexpr int k_rounds_max = 3;  // for keys that others take back or retention removes meanwhile

/// The first 16 bytes of a hash of integration (or app) and id, written as a UUID: that is what PostgreSQL keeps in 16.
std::string webhook_key(const NewWebhook& event) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // looked up once: that costs more than the hash
  constexpr std::size_t k_key_bytes = 16;
  constexpr const char* k_digits = "0123456789abcdef";
  if (event.event_id.empty()) return {};
  const std::string& owner = event.config_id.empty() ? event.app_id : event.config_id;
  std::string text;
  text.reserve(owner.size() + 1 + event.event_id.size());
  text.append(owner).append(1, '\0').append(event.event_id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha256, nullptr);
  TOMADA_ASSERT(done == 1);
  std::string key;
  key.reserve(36);
  for (std::size_t i = 0; i < k_key_bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) key += '-';
    key += k_digits[digest[i] >> 4];
    key += k_digits[digest[i] & 15];
  }
  return key;
}

bool is_open(const NewWebhook& event) {
  return event.processing_status == "pending" || event.processing_status == "processing";
}

/// An event on its way into the tables.
struct Entry {
  const NewWebhook* event{};
  std::string_view key;  // empty: none
  std::int64_t webhook_id{};
  WebhookTarget* target{};      // nullptr: no integration
  std::size_t call{}, place{};  // of its answer
  bool is_fresh{false};
  std::size_t same_as{k_none};  // an earlier entry of the group with the same key
  static constexpr std::size_t k_none = static_cast<std::size_t>(-1);
};

/// The ids that the entries have, or for one that is taken the next free one.
void find_free_ids(Connection& connection, std::vector<Entry>& entries) {
  std::unordered_set<std::int64_t> used;
  for (Entry& entry : entries) {
    do {
      while (used.contains(entry.webhook_id)) ++entry.webhook_id;
      if (connection.run("SELECT FROM integrations.webhook_log WHERE webhook_id = $1"
                         " UNION ALL SELECT FROM integrations.webhook_payloads WHERE webhook_id = $1",
                         entry.webhook_id) == 0)
        break;
      ++entry.webhook_id;
    } while (!connection.has_error());
    used.insert(entry.webhook_id);
  }
}

/// The keys, and what the keys let in. In the order of their keys: two groups with the same ones must not wait in a circle.
/// CONFLICT: another event has an id.
void insert_entries(Connection& connection, std::vector<Entry*>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) { return a->key < b->key; });
  Array keys, ids, tenants, configs, apps, event_ids, types, subjects, sources, verified, statuses, attempts, next_ms,
      processed_ms, errors, received_ms, body_bytes, headers, bodies;
  for (const Entry* entry : entries) {
    const NewWebhook& event = *entry->event;
    const bool open = is_open(event);
    keys.add_id(entry->key);
    ids.add(entry->webhook_id);
    tenants.add(event.tenant_id);
    configs.add_id(event.config_id);
    apps.add_id(event.app_id);
    event_ids.add(event.event_id);
    types.add(event.event_type);
    subjects.add(event.subject);
    sources.add(event.source_ip);
    verified.add(event.signature_verified);
    statuses.add(event.processing_status);
    attempts.add(event.processing_status == "processing" ? 1 : 0);
    next_ms.add(open ? std::optional(event.next_processing_at_ms) : std::nullopt);
    processed_ms.add(open ? std::nullopt : std::optional(event.received_at_ms));
    errors.add(event.processing_error);
    received_ms.add(event.received_at_ms);
    body_bytes.add(event.body.size());
    headers.add(Blob{event.headers});
    bodies.add(Blob{event.body});
  }
  const Rows rows = connection.query(
      "WITH fresh AS (INSERT INTO integrations.webhook_keys (key, tenant_id, webhook_id)"
      " SELECT * FROM unnest($1::uuid[], $3::uuid[], $2::bigint[]) AS t(key, tenant_id, webhook_id) WHERE key IS NOT NULL"
      " ON CONFLICT DO NOTHING RETURNING webhook_id),"
      " log AS (INSERT INTO integrations.webhook_log (webhook_id, tenant_id, config_id, app_id, event_id, event_type, subject,"
      " source_ip, signature_verified, processing_status, processing_attempts, next_processing_at_ms, processed_at_ms,"
      " processing_error, received_at_ms, body_bytes)"
      " SELECT webhook_id, tenant_id, config_id, app_id, event_id, event_type, subject, source_ip, signature_verified,"
      " status, attempts, next_ms, processed_ms, error, received_ms, body_bytes"
      " FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],"
      " $9::text[], $10::boolean[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[],"
      " $17::bigint[]) AS t(key, webhook_id, tenant_id, config_id, app_id, event_id, event_type, subject, source_ip,"
      " signature_verified, status, attempts, next_ms, processed_ms, error, received_ms, body_bytes)"
      " WHERE key IS NULL OR webhook_id IN (SELECT webhook_id FROM fresh)),"
      " payloads AS (INSERT INTO integrations.webhook_payloads (webhook_id, tenant_id, headers, body)"
      " SELECT webhook_id, tenant_id, headers, body"
      " FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $18::bytea[], $19::bytea[])"
      " AS t(key, webhook_id, tenant_id, headers, body) WHERE key IS NULL OR webhook_id IN (SELECT webhook_id FROM fresh)"
      " RETURNING octet_length(headers) + octet_length(body) AS bytes),"
      " counted AS (INSERT INTO integrations.webhook_payload_changes SELECT sum(bytes) FROM payloads HAVING count(*) > 0)"
      " SELECT webhook_id FROM fresh",
      keys, ids, tenants, configs, apps, event_ids, types, subjects, sources, verified, statuses, attempts, next_ms,
      processed_ms, errors, received_ms, body_bytes, headers, bodies);
  std::unordered_set<std::int64_t> fresh;
  for (const Row row : rows) fresh.insert(row.integer(0));
  for (Entry* entry : entries) entry->is_fresh = entry->key.empty() || fresh.contains(entry->webhook_id);
}

/// Those that were stored before get the id of then; keeps those that were neither, because their key went meanwhile.
void find_stored(Connection& connection, std::vector<Entry*>& entries) {
  std::erase_if(entries, [](const Entry* entry) { return entry->is_fresh; });
  if (entries.empty()) return;
  // A statement of its own, because it must see what others committed while the insert waited for them.
  const Rows rows = connection.query("SELECT key, webhook_id FROM integrations.webhook_keys WHERE key = ANY($1::uuid[])",
                                     array_of(entries, [](const Entry* entry) { return entry->key; }));
  std::unordered_map<std::string_view, std::int64_t> stored;
  for (const Row row : rows) stored.emplace(row.view(0), row.integer(1));
  std::erase_if(entries, [&](Entry* entry) {
    const auto found = stored.find(entry->key);
    if (found == stored.end()) return false;
    entry->webhook_id = found->second;
    return true;
  });
}

class Storing {
 public:
  Storing(Connection& connection, std::span<const WebhookCall> calls) : connection_(connection), calls_(calls) {}

  std::vector<Result<Acceptance>> run(WebhookIds ids) {
    find_targets();
    for (std::size_t i = 0; i < calls_.size(); ++i) answers_.push_back(admit(i));
    if (ids == WebhookIds::next_free) find_free_ids(connection_, entries_);
    std::vector<Entry*> waiting;
    for (Entry& entry : entries_)
      if (entry.same_as == Entry::k_none) waiting.push_back(&entry);
    int rounds_count = 0;
    while (!waiting.empty() && !connection_.has_error() && rounds_count++ < k_rounds_max) {
      insert_entries(connection_, waiting);
      find_stored(connection_, waiting);
    }
    answer();
    for (const Entry* entry : waiting)
      answers_[entry->call] = fail(Errc::unavailable, "the event's key is being taken and given back; try again");
    write_webhook_jobs(connection_, targets_);
    return std::move(answers_);
  }

 private:
  void find_targets() {
    std::vector<std::string> config_ids;
    for (const WebhookCall& call : calls_)
      for (const NewWebhook& event : call.events)
        if (is_uuid(event.config_id)) config_ids.push_back(event.config_id);
    std::sort(config_ids.begin(), config_ids.end());
    config_ids.erase(std::unique(config_ids.begin(), config_ids.end()), config_ids.end());
    if (!config_ids.empty()) targets_ = find_webhook_targets(connection_, config_ids);
  }

  /// NOT_FOUND: nothing of the call is stored.
  Result<Acceptance> admit(std::size_t number) {
    const WebhookCall& call = calls_[number];
    const std::size_t first_entry = entries_.size();
    for (std::size_t i = 0; i < call.events.size(); ++i) {
      auto target = find_target(call.events[i]);
      if (target.has_error()) {
        entries_.resize(first_entry);
        return std::move(target).error();
      }
      Entry& entry = entries_.emplace_back();
      entry.event = &call.events[i];
      entry.key = call.keys[i];
      entry.webhook_id = entry.event->webhook_id;
      entry.target = *target;
      entry.call = number;
      entry.place = i;
    }
    for (std::size_t i = first_entry; i < entries_.size(); ++i)
      if (!entries_[i].key.empty())
        if (const auto [known, is_new] = by_key_.emplace(entries_[i].key, i); !is_new) entries_[i].same_as = known->second;
    Acceptance acceptance;
    acceptance.events.resize(call.events.size());
    return acceptance;
  }

  Result<WebhookTarget*> find_target(const NewWebhook& event) {
    if (event.config_id.empty()) {
      TOMADA_TRY(find_app(event));
      return nullptr;
    }
    const auto found = std::lower_bound(targets_.begin(), targets_.end(), event.config_id,
                                        [](const WebhookTarget& one, const std::string& id) { return one.config_id < id; });
    if (found == targets_.end() || found->config_id != event.config_id || found->tenant_id != event.tenant_id)
      return fail(Errc::not_found, "there is no integration " + event.config_id);
    if (!event.app_id.empty() && !is_uuid(event.app_id)) return fail(Errc::not_found, "there is no app " + event.app_id);
    return &*found;
  }

  /// Once for each: such events come to a host's few shared apps.
  Result<void> find_app(const NewWebhook& event) {
    for (const NewWebhook* known : known_apps_)
      if (known->app_id == event.app_id && known->tenant_id == event.tenant_id) return {};
    TOMADA_TRY(require_app(connection_, event.tenant_id, event.app_id));
    known_apps_.push_back(&event);
    return {};
  }

  void answer() {
    for (Entry& entry : entries_) {
      const bool repeats = entry.same_as != Entry::k_none;
      if (repeats) entry.webhook_id = entries_[entry.same_as].webhook_id;
      Acceptance& acceptance = *answers_[entry.call];
      acceptance.events[entry.place] = {.webhook_id = entry.webhook_id, .duplicate = repeats || !entry.is_fresh};
      if (entry.is_fresh && entry.target != nullptr && is_open(*entry.event) &&
          require_webhook_job(*entry.target, entry.event->next_processing_at_ms, entry.event->received_at_ms))
        acceptance.wakes_job = true;
    }
  }

  Connection& connection_;
  std::span<const WebhookCall> calls_;
  std::vector<WebhookTarget> targets_;  // sorted by id
  std::vector<const NewWebhook*> known_apps_;
  std::vector<Entry> entries_;  // in the order of the calls
  std::unordered_map<std::string_view, std::size_t> by_key_;
  std::vector<Result<Acceptance>> answers_;
};

}  // namespace

WebhookCall::WebhookCall(std::span<const NewWebhook> all) : events(all) {
  keys.reserve(events.size());
  for (const NewWebhook& event : events) {
    keys.push_back(webhook_key(event));
    bytes += event.headers.size() + event.body.size();
  }
}

std::vector<Result<Acceptance>> store_webhooks(Connection& connection, std::span<const WebhookCall> calls, WebhookIds ids) {
  return Storing(connection, calls).run(ids);
}

Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max) {
  if (event.config_id.empty()) {
    TOMADA_TRY(require_app(connection, event.tenant_id, event.app_id));
  } else {
    TOMADA_TRY(find_webhook_target(connection, event.tenant_id, event.config_id));
  }
  NewWebhook refused = event;
  refused.processing_status = "failed";
  refused.signature_verified = false;
  std::vector<Entry> entries(1);
  entries.front().event = &refused;
  entries.front().webhook_id = refused.webhook_id;
  find_free_ids(connection, entries);
  std::vector<Entry*> all{entries.data()};
  insert_entries(connection, all);

#define TOMADA_REFUSED_TRIMMED(which)                                                                               \
  "WITH gone AS MATERIALIZED (SELECT webhook_id FROM integrations.webhook_log WHERE " which                         \
  " AND NOT signature_verified AND processing_status = 'failed' ORDER BY webhook_id DESC OFFSET $2),"               \
  " payloads AS (DELETE FROM integrations.webhook_payloads WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))" \
  " RETURNING octet_length(headers) + octet_length(body) AS bytes),"                                                \
  " counted AS (INSERT INTO integrations.webhook_payload_changes SELECT -sum(bytes) FROM payloads HAVING count(*) > 0)" \
  " DELETE FROM integrations.webhook_log WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))"
  if (event.config_id.empty())
    connection.run(TOMADA_REFUSED_TRIMMED("config_id IS NULL AND app_id = $1"), event.app_id, keep_max);
  else
    connection.run(TOMADA_REFUSED_TRIMMED("config_id = $1"), event.config_id, keep_max);
#undef TOMADA_REFUSED_TRIMMED
  return {};
}

}  // namespace tomada::store::postgres
