#include "fake_host.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace plugins_test {
namespace {

FakeCall& of(tomada_call call) { return *reinterpret_cast<FakeCall*>(call); }
std::string_view view(tomada_slice slice) {
  return slice.len == 0 ? std::string_view() : std::string_view(slice.ptr, slice.len);
}
std::string text(tomada_slice slice) { return std::string(view(slice)); }
tomada_slice slice(std::string_view view) { return {view.data(), view.size()}; }
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// call, log, clock
tomada_status fail(tomada_call call, tomada_status status, const tomada_error* error) {
  of(call).said =
      Said{status, text(error->message), text(error->provider_code), error->http_status, error->retry_after_ms};
  return status;
}
tomada_status check(tomada_call) { return TOMADA_OK; }
std::uint64_t remaining_ms(tomada_call) { return 60'000; }
void write_log(tomada_call call, std::int32_t, tomada_slice message) { of(call).log.push_back(text(message)); }
tomada_unix_ms now_ms(tomada_call) { return 1'768'059'000'000; }
tomada_status sleep_ms(tomada_call, std::uint64_t) { return TOMADA_OK; }

// http
tomada_status send(tomada_call call, const tomada_http_request* request, tomada_http_result* result) {
  FakeCall& fake = of(call);
  Seen seen{text(request->method), text(request->url), {}, text(request->body)};
  for (std::uint64_t i = 0; i < request->headers_count; ++i)
    seen.headers[lower(text(request->headers[i].name))] = text(request->headers[i].value);
  fake.requests.push_back(seen);
  Reply reply = fake.on_request(seen);
  if (reply.outcome != TOMADA_OK) return reply.outcome;
  result->status = reply.status;
  result->response = ++fake.last_response;
  fake.responses[result->response] = {std::move(reply), 0};
  return TOMADA_OK;
}
tomada_status open(tomada_call call, const tomada_http_request* request, tomada_response* response) {
  tomada_http_result result{};
  const tomada_status status = send(call, request, &result);
  *response = result.response;
  return status;
}
tomada_status write(tomada_call call, tomada_response, tomada_slice bytes) {
  of(call).requests.back().body += text(bytes);
  return TOMADA_OK;
}
tomada_status finish(tomada_call call, tomada_response response, tomada_http_result* result) {
  result->status = of(call).responses.at(response).reply.status;
  result->response = response;
  return TOMADA_OK;
}
tomada_status header(tomada_call call, tomada_response response, tomada_slice name, tomada_slice* value) {
  const auto& headers = of(call).responses.at(response).reply.headers;
  const auto found = headers.find(lower(text(name)));
  if (found == headers.end()) return TOMADA_E_NOT_FOUND;
  *value = slice(found->second);
  return TOMADA_OK;
}
tomada_status read(tomada_call call, tomada_response response, char* buffer, std::uint64_t capacity,
                   std::uint64_t* len) {
  auto& open = of(call).responses.at(response);
  const std::size_t left = open.reply.body.size() - open.offset;
  const std::size_t bytes = std::min({left, static_cast<std::size_t>(capacity), of(call).read_bytes_max});
  std::memcpy(buffer, open.reply.body.data() + open.offset, bytes);
  open.offset += bytes;
  *len = bytes;
  return TOMADA_OK;
}
tomada_status body(tomada_call call, tomada_response response, tomada_slice* body) {
  const auto& open = of(call).responses.at(response);
  *body = slice(std::string_view(open.reply.body).substr(open.offset));
  return TOMADA_OK;
}
tomada_status release(tomada_call call, tomada_response response) {
  return of(call).responses.erase(response) == 1 ? TOMADA_OK : TOMADA_E_STALE_HANDLE;
}

// records
tomada_status upsert(tomada_call call, tomada_slice, const tomada_record* record) {
  if (record->external_id.len == 0) return TOMADA_E_INVALID_DATA;
  of(call).page.push_back({text(record->external_id), text(record->data_json), record->updated_at_ms});
  return TOMADA_OK;
}
tomada_status remove_record(tomada_call, tomada_slice, tomada_slice, tomada_unix_ms) { return TOMADA_OK; }
void commit(FakeCall& call) {
  call.committed.insert(call.committed.end(), call.page.begin(), call.page.end());
  call.page.clear();
}
tomada_status checkpoint(tomada_call call, tomada_slice cursor) {
  commit(of(call));
  of(call).checkpoints.push_back(text(cursor));
  return TOMADA_OK;
}
tomada_status complete(tomada_call call, tomada_slice, tomada_slice since) {
  commit(of(call));
  of(call).completed_since = text(since);
  return TOMADA_OK;
}
tomada_status progress(tomada_call call, std::uint64_t current, std::uint64_t) {
  of(call).progress = current;
  return TOMADA_OK;
}

// storage
tomada_status get(tomada_call call, tomada_slice key, tomada_slice* value) {
  const auto found = of(call).storage.find(text(key));
  if (found == of(call).storage.end()) return TOMADA_E_NOT_FOUND;
  *value = slice(found->second);
  return TOMADA_OK;
}
tomada_status put(tomada_call call, tomada_slice key, tomada_slice value) {
  of(call).storage[text(key)] = text(value);
  return TOMADA_OK;
}
tomada_status remove_key(tomada_call call, tomada_slice key) {
  of(call).storage.erase(text(key));
  return TOMADA_OK;
}

template <class T>
constexpr std::uint32_t k_size = sizeof(T);

const tomada_call_service k_call{k_size<tomada_call_service>, 0, fail, check, remaining_ms};
const tomada_log_service k_log{k_size<tomada_log_service>, 0, write_log};
const tomada_clock_service k_clock{k_size<tomada_clock_service>, 0, now_ms, sleep_ms};
const tomada_http_service k_http{
    k_size<tomada_http_service>, 0, send, open, write, finish, header, read, body, release};
const tomada_records_service k_records{
    k_size<tomada_records_service>, 0, upsert, remove_record, checkpoint, complete, progress};
const tomada_storage_service k_storage{k_size<tomada_storage_service>, 0, get, put, remove_key};

std::set<std::string>& missing_services() {
  static std::set<std::string> missing;
  return missing;
}

tomada_status query_service(tomada_slice id, const void** table) {
  static const std::map<std::string_view, const void*> tables{
      {TOMADA_CALL_ID, &k_call}, {TOMADA_LOG_ID, &k_log},         {TOMADA_CLOCK_ID, &k_clock},
      {TOMADA_HTTP_ID, &k_http}, {TOMADA_RECORDS_ID, &k_records}, {TOMADA_STORAGE_ID, &k_storage}};
  const auto found = tables.find(view(id));
  *table = found == tables.end() || missing_services().contains(text(id)) ? nullptr : found->second;
  return *table == nullptr ? TOMADA_E_UNSUPPORTED : TOMADA_OK;
}

}  // namespace

const tomada_host& fake_host() {
  static const tomada_host host{k_size<tomada_host>, 0, TOMADA_ABI_MINOR, 0, query_service};
  return host;
}

void set_missing_services(std::set<std::string> missing) { missing_services() = std::move(missing); }

Instance::Instance(EntryFunction entry, std::string_view config_json) {
  table_.struct_size = sizeof table_;
  created_ = entry(&fake_host(), &table_);
  if (created_ != TOMADA_OK) return;
  const tomada_create_args args{sizeof args, 0, slice("0190f0f0-0000-7000-8000-000000000000"), slice(config_json)};
  char why[256];
  std::uint64_t why_len = 0;
  created_ = table_.create(&fake_host(), &args, &instance_, why, sizeof why, &why_len);
  why_.assign(why, why_len);
  if (created_ != TOMADA_OK) instance_ = nullptr;
}

Instance::~Instance() {
  if (instance_ != nullptr) table_.destroy(instance_);
}

tomada_status Instance::sync(FakeCall& call, std::string_view entity, std::uint32_t mode, std::string_view resume,
                             std::string_view since) {
  const tomada_sync_request request{sizeof request, mode, slice(entity), slice(since), slice(resume)};
  return table_.sync(instance_, call.handle(), &request);
}

}  // namespace plugins_test
