// A whole provider plugin, and the source that sdk-docs/start.md quotes: it syncs the items of a small JSON API.
//
//   GET {base_url}/items?cursor=...&updated_since=...
//   200 {"items": [{"id": "17", "name": "Lamp", "updated_at": "2026-01-10T15:30:00Z"}, ...], "next": "c2"}
//
// `next` is the cursor of the following page and is missing (or null) on the last one.

#include <tomada/plugin.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace {

// [instance]
namespace sdk = tomada::sdk;
using nlohmann::json;

class ExamplePlugin {
 public:
  // Services without which nothing works. The manifest names them too; this turns a mistake there into a sentence.
  static constexpr std::array<std::string_view, 2> k_services{TOMADA_HTTP_ID, TOMADA_RECORDS_ID};

  // One object for each integration. The host has checked the configuration against the manifest's schema.
  explicit ExamplePlugin(const sdk::Setup& setup) : base_url_(json::parse(setup.config_json).at("base_url")) {
    while (base_url_.ends_with('/')) base_url_.pop_back();
  }
  // [instance]

  // [test_connection]
  // Can the provider be reached with these credentials? One cheap request. The host adds "Authorization: Bearer ..."
  // as the manifest says; the plugin never sees the token.
  void test_connection(sdk::Call& call) {
    (void)read_page(call, sdk::Request::get(base_url_ + "/items").query("limit", "1"));
  }
  // [test_connection]

  // [sync]
  void sync(sdk::Call& call, const sdk::SyncRequest& request) {
    // After an interruption the host hands back the last checkpoint of this run, so it goes on where it was.
    State state = request.resume.empty() ? State{} : State::from_text(request.resume);

    for (;;) {
      const json page = fetch_page(call, request, state.cursor);
      for (const json& item : page.at("items")) {
        call.records().upsert("item", record_of(item));
        // Times of one format and zone compare as text. The latest one seen is where the next run begins.
        state.latest = std::max(state.latest, item.at("updated_at").get<std::string>());
      }
      const std::optional<std::string> next = next_cursor(page);
      if (!next) break;
      if (*next == state.cursor) throw sdk::Failure(TOMADA_E_INVALID_DATA, "the API's paging does not advance");
      state.cursor = *next;
      // The page and the cursor are committed together: after a crash nothing is lost and nothing doubled.
      call.records().checkpoint(state.text());
    }
    // Only now, in a full run, do items that were not seen become deletions. The text comes back as request.since.
    call.records().complete("item", state.latest.empty() ? request.since : state.latest);
  }
  // [sync]

 private:
  // [state]
  // What a checkpoint remembers: where to go on, and the latest time seen so far.
  struct State {
    std::string cursor;
    std::string latest;

    [[nodiscard]] std::string text() const { return json{{"cursor", cursor}, {"latest", latest}}.dump(); }
    static State from_text(std::string_view text) {
      const json state = json::parse(text);
      return {state.at("cursor"), state.at("latest")};
    }
  };
  // [state]

  json fetch_page(sdk::Call& call, const sdk::SyncRequest& request, const std::string& cursor) const {
    sdk::Request page = sdk::Request::get(base_url_ + "/items");
    if (!cursor.empty()) page.query("cursor", cursor);
    if (!request.full && !request.since.empty()) page.query("updated_since", request.since);
    return read_page(call, page);
  }

  // [read_page]
  static json read_page(sdk::Call& call, const sdk::Request& page) {
    sdk::Response response = call.http().send(page);  // other calls run on this thread while it waits
    response.expect_ok("list the items");             // 401, 429, 5xx: the host knows what to do with each

    // What the provider sends is not to be trusted: bad JSON is its fault, and the host must hear that.
    json reply = json::parse(response.body(), nullptr, false);
    if (!reply.is_object() || !reply.contains("items") || !reply.at("items").is_array())
      throw sdk::Failure(TOMADA_E_INVALID_DATA, "the API's answer is not an object with a list of items");
    for (const json& item : reply.at("items"))
      if (!item.is_object() || !is_text(item, "id") || !is_text(item, "name") || !is_text(item, "updated_at"))
        throw sdk::Failure(TOMADA_E_INVALID_DATA, "an item of the API lacks id, name or updated_at");
    return reply;
  }

  static bool is_text(const json& item, const char* field) {
    return item.contains(field) && item.at(field).is_string();
  }

  static std::optional<std::string> next_cursor(const json& page) {
    const auto next = page.find("next");
    if (next == page.end() || !next->is_string() || *next == "") return std::nullopt;
    return next->get<std::string>();
  }

  static sdk::Record record_of(const json& item) {
    return sdk::Record(item.at("id").get<std::string>())
        .field("name", item.at("name").get<std::string>())
        .field("updated_at", item.at("updated_at").get<std::string>());
  }
  // [read_page]

  std::string base_url_;
};

}  // namespace

// [entry]
TOMADA_PLUGIN(ExamplePlugin)
// [entry]
