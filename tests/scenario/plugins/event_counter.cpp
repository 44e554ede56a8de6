// Counts the events of each subject in its storage, and leaves one record for each event with the count at that moment.
// An event that took effect twice, in part or not at all shows: a number is missing, or there twice.
#include <tomada/plugin.hpp>

#include <array>
#include <string>

namespace {

namespace sdk = tomada::sdk;

class EventCounter {
 public:
  static constexpr std::array<std::string_view, 2> k_services{TOMADA_RECORDS_ID, TOMADA_STORAGE_ID};

  explicit EventCounter(const sdk::Setup&) {}

  void test_connection(sdk::Call&) {}
  void sync(sdk::Call&, const sdk::SyncRequest&) { throw sdk::Failure(TOMADA_E_UNSUPPORTED, "events only"); }

  void handle_webhook(sdk::Call& call, const sdk::Webhook& webhook) {
    const std::string subject = text_of(webhook.body, "subject");
    const std::string key = "count:" + subject;
    const std::uint64_t count = std::stoull(call.storage().get(key).value_or("0")) + 1;
    call.storage().put(key, std::to_string(count));
    // Every attempt, also one that was given up: a record that says so would be another version.
    sdk::Record record{std::string(webhook.event_id)};
    record.field("subject", subject).field("count", count);
    if (!call.records().upsert("effect", record)) throw sdk::Failure(TOMADA_E_INVALID_DATA, "the record was refused");
  }

 private:
  // The test's own bodies have no escapes.
  static std::string text_of(std::string_view body, std::string_view member) {
    const std::string start = "\"" + std::string(member) + "\":\"";
    const std::size_t at = body.find(start);
    if (at == std::string_view::npos) throw sdk::Failure(TOMADA_E_INVALID_DATA, "no " + std::string(member));
    const std::size_t begin = at + start.size();
    return std::string(body.substr(begin, body.find('"', begin) - begin));
  }
};

}  // namespace

TOMADA_PLUGIN(EventCounter)
