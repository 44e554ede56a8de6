// my-plugin: syncs the items of an HTTP API that answers JSON, page by page.
//
//   GET {base_url}/items?limit=100&cursor=c2
//   200 {"items": [{"id": "17", "name": "Lamp", "updated_at": "2026-01-10T15:30:00Z"}, ...], "next": "c3"}
//
// `next` is the cursor of the following page; missing, null or empty on the last one.

#include <tomada/plugin.hpp>

#include <array>
#include <stdexcept>
#include <string>

// A value of another type than we took for granted costs the call, not the process.
#define RAPIDJSON_ASSERT(x) ((x) ? static_cast<void>(0) : throw std::logic_error(#x))
#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/document.h>

namespace {

namespace sdk = tomada::sdk;
using Json = rapidjson::Value;

class Plugin {
 public:
  static constexpr std::array<std::string_view, 2> k_services{TOMADA_HTTP_ID, TOMADA_RECORDS_ID};

  // [instance]
  // One object for each integration: all state lives in it. The host has checked the configuration against the
  // manifest.
  explicit Plugin(const sdk::Setup& setup) {
    const rapidjson::Document config = parse(setup.config_json);
    items_url_ = text(config, "base_url") + "/items";
    if (config.HasMember("page_size")) page_size_ = std::to_string(config["page_size"].GetInt());
  }
  // [instance]

  // One cheap request that needs the credentials. The host adds the token as the manifest says.
  void test_connection(sdk::Call& call) { (void)page_after(call, ""); }

  // [sync]
  void sync(sdk::Call& call, const sdk::SyncRequest& request) {
    if (request.entity != "item") throw sdk::Failure(TOMADA_E_UNSUPPORTED, "there is no such entity");
    std::string cursor(request.resume);  // after an interruption: where it was
    for (;;) {
      const rapidjson::Document page = page_after(call, cursor);
      for (const Json& item : page["items"].GetArray()) call.records().upsert("item", record_of(item));
      const bool has_next = page.HasMember("next") && page["next"].IsString();
      const std::string next = has_next ? text(page, "next") : "";
      if (next.empty()) break;
      if (next == cursor) throw sdk::Failure(TOMADA_E_INVALID_DATA, "the API's paging does not advance");
      cursor = next;
      call.records().checkpoint(cursor);  // the page and its cursor take effect together
    }
    call.records().complete("item");  // only now: items that were not seen are deletions
  }
  // [sync]

 private:
  rapidjson::Document page_after(sdk::Call& call, const std::string& cursor) const {
    sdk::Request request = sdk::Request::get(items_url_).query("limit", page_size_);
    if (!cursor.empty()) request.query("cursor", cursor);
    sdk::Response response = call.http().send(request);
    response.expect_ok("list the items");  // 401, 429, 5xx: the host knows what to do with each
    rapidjson::Document page = parse(response.body());
    if (!page.HasMember("items") || !page["items"].IsArray())
      throw sdk::Failure(TOMADA_E_INVALID_DATA, "the API's answer has no list of items");
    return page;
  }

  static sdk::Record record_of(const Json& item) {
    return sdk::Record(text(item, "id"))
        .field("name", text(item, "name"))
        .field("updated_at", text(item, "updated_at"));
  }

  // [foreign]
  // What a provider sends is foreign input. Iterative: the stack is small, and nesting could be deep.
  static rapidjson::Document parse(std::string_view bytes) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(bytes.data(), bytes.size());
    if (document.HasParseError() || !document.IsObject())
      throw sdk::Failure(TOMADA_E_INVALID_DATA, "the API's answer is no JSON object");
    return document;
  }

  static std::string text(const Json& object, const char* field) {
    if (!object.IsObject() || !object.HasMember(field) || !object[field].IsString())
      throw sdk::Failure(TOMADA_E_INVALID_DATA, std::string("the API's answer lacks the text ") + field);
    return {object[field].GetString(), object[field].GetStringLength()};
  }
  // [foreign]

  std::string items_url_;
  std::string page_size_{"100"};
};

}  // namespace

// [entry]
TOMADA_PLUGIN(Plugin)
// [entry]
