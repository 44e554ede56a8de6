// A sound plugin for an API of things in pages, and the same with one fault: FAULT_C01 … name the rule that it breaks.
//   GET https://api.example.com/things?after=b     200 {"things":["c","d"],"more":true}
#include <tomada/plugin.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

#ifdef FAULT
constexpr const char* k_fault = FAULT;
#else
constexpr const char* k_fault = "";
#endif
bool fault(const char* rule) { return std::strcmp(k_fault, rule) == 0; }

const tomada_http_service* g_http;
const tomada_records_service* g_records;
const tomada_log_service* g_log;
const tomada_credentials_service* g_credentials;
const tomada_storage_service* g_storage;
const tomada_reply_service* g_reply;
tomada_call g_earlier_call;
bool g_syncing;
volatile bool g_for_ever = true;

template <class T>
T sized() {
  T value{};
  value.struct_size = sizeof value;
  return value;
}
tomada_slice text(const char* literal) { return {literal, std::strlen(literal)}; }
tomada_slice slice(const std::string& text) { return {text.data(), text.size()}; }
std::string text_of(tomada_slice text) { return text.len == 0 ? "" : std::string(text.ptr, text.len); }

struct Page {
  std::vector<std::string> ids;
  bool more{false};
};

/// INVALID_DATA for anything but a page.
tomada_status parse(const std::string& body, Page& page) {
  const std::string begin = "{\"things\":[";
  if (body.rfind(begin, 0) != 0) return TOMADA_E_INVALID_DATA;
  std::size_t at = begin.size();
  while (at < body.size() && body[at] == '"') {
    const std::size_t end = body.find('"', at + 1);
    if (end == std::string::npos) return TOMADA_E_INVALID_DATA;
    page.ids.push_back(body.substr(at + 1, end - at - 1));
    at = end + 1;
    if (at < body.size() && body[at] == ',') ++at;
  }
  page.more = body.find("\"more\":true", at) != std::string::npos;
  return TOMADA_OK;
}

tomada_status get(tomada_call call, const std::string& url, std::string& body) {
  tomada_http_request request = sized<tomada_http_request>();
  request.method = text("GET");
  request.url = slice(url);
  if (fault("C06")) request.body = {nullptr, 5};
  if (fault("C07")) request.flags = 0x8000;
  if (fault("C08")) request.struct_size = 1;
  if (fault("C10")) {
    tomada_response open = 0;
    tomada_slice early{};
    request.body_length = 0;
    if (g_http->open(call, &request, &open) == TOMADA_OK) {
      (void)g_http->body(call, open, &early);
      (void)g_http->release(call, open);
    }
  }
  for (int i = 0; fault("C09") && i < 1'025; ++i) {
    tomada_response open = 0;
    request.body_length = 0;
    if (g_http->open(call, &request, &open) != TOMADA_OK) break;
  }
  tomada_http_result result = sized<tomada_http_result>();
  const tomada_status sent = g_http->send(call, &request, &result);
  if (sent != TOMADA_OK) return sent;
  tomada_slice bytes{};
  const tomada_status read = g_http->body(call, result.response, &bytes);
  if (read == TOMADA_OK) body = text_of(bytes);
  if (!fault("K03")) (void)g_http->release(call, result.response);
  if (fault("C01")) (void)g_http->body(call, result.response, &bytes);
  if (read != TOMADA_OK) return read;
  if (result.status == 200 || (g_syncing && fault("K07"))) return TOMADA_OK;
  return result.status == 401 ? TOMADA_E_UNAUTHENTICATED : TOMADA_E_UNAVAILABLE;
}

tomada_status get_page(tomada_call call, const std::string& after, Page& page) {
  std::string url = "https://api.example.com/things";
  if (!after.empty()) url += "?after=" + std::string(after.size() < 100 ? after : "long");
  if (fault("K12")) url += "#new";
  if (fault("K10")) url += "#" + std::to_string(reinterpret_cast<std::uintptr_t>(&url));  // another one in each process
  std::string body;
  const tomada_status got = get(call, url, body);
  if (got != TOMADA_OK) return got;
  if (fault("K01") && body[0] == '<') std::abort();
  if (fault("K02") && body[0] == '<')
    while (g_for_ever) {
    }
  const tomada_status parsed = parse(body, page);
  return g_syncing && fault("K07") ? TOMADA_OK : parsed;
}

tomada_status upsert(tomada_call call, const std::string& id) {
  tomada_record record = sized<tomada_record>();
  const std::string empty;
  record.external_id = slice(fault("C04") ? empty : id);
  record.data_json = text("{\"a\":1}");
  return g_records->upsert(call, text("thing"), &record);
}

tomada_status read_all(tomada_call call, std::string after) {
  for (;;) {
    Page page;
    const tomada_status got = get_page(call, after, page);
    if (got != TOMADA_OK) return got;
    for (const std::string& id : page.ids) (void)upsert(call, id);
    if (!page.more) break;
    if (page.ids.empty() && !fault("K14")) return TOMADA_E_INVALID_DATA;
    if (!page.ids.empty()) after = page.ids.back();
    // The character after the last id's: as if one more had been read.
    std::string cursor = after;
    if (fault("K13")) cursor.back() = static_cast<char>(cursor.back() + 2);
    const tomada_status kept = g_records->checkpoint(call, slice(cursor));
    if (kept != TOMADA_OK) return kept;
  }
  if (fault("K06")) return TOMADA_OK;
  return g_records->complete(call, text("thing"), text("now"));
}

tomada_status create(const tomada_host*, const tomada_create_args*, void** instance, char*, uint64_t, uint64_t*) {
  static int nothing;
  *instance = &nothing;
  if (fault("K11")) std::memset(std::malloc(32 * 1024), 1, 32 * 1024);
  return TOMADA_OK;
}
void destroy(void*) {}

tomada_status test_connection(void*, tomada_call call) {
  g_syncing = false;
  Page page;
  const tomada_status got = get_page(call, "", page);
  if (fault("K08") && got != TOMADA_E_STALE_HANDLE) return TOMADA_OK;
  return got;
}

tomada_status sync(void*, tomada_call call, const tomada_sync_request* request) {
  if (text_of(request->entity) != "thing") return fault("K09") ? TOMADA_OK : TOMADA_E_UNSUPPORTED;
  g_syncing = true;
  if (fault("C02")) return 99;
  if (fault("C03")) throw std::runtime_error("planted");
  if (fault("C05") && g_earlier_call != 0) (void)g_records->progress(g_earlier_call, 1, 2);
  g_earlier_call = call;
  if (fault("K05")) {
    tomada_slice token{};
    if (g_credentials->get(call, text("token"), &token) == TOMADA_OK)
      g_log->write(call, TOMADA_LOG_INFO, slice("token is " + text_of(token)));
  }
  if (fault("K15")) (void)g_storage->put(call, text("seen"), text("1"));
  const tomada_status status = read_all(call, text_of(request->resume));
  if (fault("K04") && status == TOMADA_E_CANCELLED) return TOMADA_OK;
  return status;
}

/// Of the plugin that says `reply: inline` in its manifest.
tomada_status handle_webhook(void*, tomada_call call, const tomada_webhook*, tomada_reply reply) {
  if (reply == 0) return TOMADA_OK;
  tomada_status said = g_reply->set(call, reply, 200, text("text/plain"), text("thanks"));
  if (fault("C11")) (void)g_reply->set(call, reply, 200, text("text/plain"), text("thanks again"));
  return said;
}

struct AtLoad {
  AtLoad() {
    if (fault("P21")) std::abort();
  }
} g_at_load;

}  // namespace

extern "C" tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) {
  const auto find = [&](const char* id) {
    const void* table = nullptr;
    (void)host->query_service({id, std::strlen(id)}, &table);
    return table;
  };
  g_http = static_cast<const tomada_http_service*>(find(TOMADA_HTTP_ID));
  g_records = static_cast<const tomada_records_service*>(find(TOMADA_RECORDS_ID));
  g_log = static_cast<const tomada_log_service*>(find(TOMADA_LOG_ID));
  g_credentials = static_cast<const tomada_credentials_service*>(find(TOMADA_CREDENTIALS_ID));
  g_storage = static_cast<const tomada_storage_service*>(find(TOMADA_STORAGE_ID));
  g_reply = static_cast<const tomada_reply_service*>(find(TOMADA_REPLY_ID));
  plugin->abi_minor = TOMADA_ABI_MINOR;
  plugin->create = create;
  plugin->destroy = destroy;
  plugin->test_connection = test_connection;
  plugin->sync = sync;
  plugin->handle_webhook = handle_webhook;
  return TOMADA_OK;
}
