// The service http: requests under way and responses behind handles.
#include "host/abi/call.hpp"
#include "host/abi/checks.hpp"
#include "host/abi/thunks.hpp"

#include <algorithm>
#include <list>

namespace tomada::abi {
namespace {

constexpr std::uint64_t k_headers_max = 256;  // that are looked at; check_limits() says how many may be sent

struct Response final : Owned {
  std::unique_ptr<HttpExchange> exchange;
  HttpHead head;
  bool has_head{false};
  std::string body;
  bool has_body{false};
  std::list<std::pair<std::string, std::string>> joined;  // repeated headers by name; a list: its strings stay put
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

tomada_status read_request(Call& call, const tomada_http_request* given, bool streamed, HttpRequest& request) {
  tomada_http_request raw{};
  if (const tomada_status read = read_struct(given, raw); read != TOMADA_OK)
    return call.refuse(static_cast<Errc>(read), "http: the request struct is malformed or too new", "C08");
  if ((raw.flags & ~TOMADA_HTTP_NO_AUTH) != 0 || raw.reserved != 0)
    return call.refuse(Errc::too_new, "http: the request has flags that this host does not know");
  if (!is_sound(raw.method) || !is_sound(raw.url) || !is_sound(raw.body))
    return call.refuse(Errc::invalid_data, "http: method, URL or body is malformed");
  if (raw.headers_count > k_headers_max || (raw.headers_count != 0 && raw.headers == nullptr))
    return call.refuse(Errc::invalid_data, "http: the headers are malformed or more than 256");
  request.headers.reserve(raw.headers_count);
  for (std::uint64_t i = 0; i < raw.headers_count; ++i) {
    const tomada_header& header = raw.headers[i];
    if (!is_sound(header.name) || !is_sound(header.value))
      return call.refuse(Errc::invalid_data, "http: a header is malformed");
    request.headers.emplace_back(view_of(header.name), view_of(header.value));
  }
  request.method = view_of(raw.method);
  request.url = view_of(raw.url);
  request.timeout = std::chrono::milliseconds(raw.timeout_ms);
  request.authenticate = (raw.flags & TOMADA_HTTP_NO_AUTH) == 0;
  if (streamed)
    request.streamed_length.emplace(raw.body_length == UINT64_MAX ? std::nullopt : std::optional(raw.body_length));
  else
    request.body = view_of(raw.body);
  if (const auto checked = check_limits(request); checked.has_error())
    return call.refuse(checked.error().code, checked.error().message);
  return TOMADA_OK;
}

tomada_status refuse_more(Call& call) {
  return call.refuse(Errc::invalid_data, too_many_responses().message, "C09");
}

/// Waits for the response's header and reports it.
tomada_status finish_exchange(Call& call, Response& response, tomada_http_result* result) {
  auto head = response.exchange->finish();
  if (head.has_error()) return call.keep(head.error());
  response.head = std::move(*head);
  response.has_head = true;
  tomada_http_result filled{};
  filled.status = static_cast<std::uint32_t>(response.head.status);
  filled.response = response.handle;
  write_struct(result, filled);
  return TOMADA_OK;
}

bool can_report(tomada_http_result* result) {
  tomada_http_result empty{};
  return write_struct(result, empty);
}

Response* response_of(Call& call, tomada_response handle) {
  return static_cast<Response*>(call.find(handle, HandleKind::response));
}

tomada_status http_send(tomada_call handle, const tomada_http_request* request, tomada_http_result* result) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!can_report(result)) return call.refuse(Errc::invalid_data, "http: no room for the result");
    HttpRequest wanted;
    if (const tomada_status read = read_request(call, request, false, wanted); read != TOMADA_OK) return read;
    auto exchange = call.services().http_open(std::move(wanted));
    if (exchange.has_error()) return call.keep(exchange.error());
    auto owned = std::make_unique<Response>();
    Response& response = *owned;
    response.exchange = std::move(*exchange);
    if (call.own(std::move(owned), HandleKind::response) == 0) return refuse_more(call);
    const tomada_status status = finish_exchange(call, response, result);
    if (status != TOMADA_OK) call.release(response);
    return status;
  });
}

tomada_status http_open(tomada_call handle, const tomada_http_request* request, tomada_response* response) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (response == nullptr) return call.refuse(Errc::invalid_data, "http: no room for the handle");
    *response = 0;
    HttpRequest wanted;
    if (const tomada_status read = read_request(call, request, true, wanted); read != TOMADA_OK) return read;
    auto exchange = call.services().http_open(std::move(wanted));
    if (exchange.has_error()) return call.keep(exchange.error());
    auto owned = std::make_unique<Response>();
    owned->exchange = std::move(*exchange);
    *response = call.own(std::move(owned), HandleKind::response);
    return *response != 0 ? TOMADA_OK : refuse_more(call);
  });
}

tomada_status http_write(tomada_call handle, tomada_response response, tomada_slice bytes) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    Response* const open = response_of(call, response);
    if (open == nullptr) return TOMADA_E_STALE_HANDLE;
    if (open->has_head) return call.refuse(Errc::invalid_data, "http: write() after finish()", "C10");
    if (!is_sound(bytes)) return call.refuse(Errc::invalid_data, "http: the bytes of write() are malformed");
    return call.status_of(open->exchange->write(view_of(bytes)));
  });
}

tomada_status http_finish(tomada_call handle, tomada_response response, tomada_http_result* result) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    Response* const open = response_of(call, response);
    if (open == nullptr) return TOMADA_E_STALE_HANDLE;
    if (open->has_head) return call.refuse(Errc::invalid_data, "http: finish() twice", "C10");
    if (!can_report(result)) return call.refuse(Errc::invalid_data, "http: no room for the result");
    return finish_exchange(call, *open, result);
  });
}

/// The response when its header is there; else the status to return.
Response* finished(Call& call, tomada_response handle, tomada_status& status) {
  Response* const response = response_of(call, handle);
  status = response == nullptr ? TOMADA_E_STALE_HANDLE
           : response->has_head ? TOMADA_OK
                                : call.refuse(Errc::invalid_data, "http: the response is used before finish()", "C10");
  return status == TOMADA_OK ? response : nullptr;
}

std::string_view joined_header(Response& response, std::string_view name) {
  for (const auto& [known, value] : response.joined)
    if (same_name(known, name)) return value;
  std::string all;
  for (const auto& [other, value] : response.head.headers) {
    if (!same_name(other, name)) continue;
    if (!all.empty()) all += ", ";
    all += value;
  }
  return response.joined.emplace_back(std::string(name), std::move(all)).second;
}

tomada_status http_header(tomada_call handle, tomada_response response, tomada_slice name, tomada_slice* value) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (value == nullptr || !is_sound(name)) return call.refuse(Errc::invalid_data, "http: header() is malformed");
    *value = tomada_slice{};
    tomada_status status{};
    Response* const done = finished(call, response, status);
    if (done == nullptr) return status;
    const std::string* found = nullptr;
    for (const auto& [other, text] : done->head.headers) {
      if (!same_name(other, view_of(name))) continue;
      if (found != nullptr) {
        *value = slice_of(joined_header(*done, view_of(name)));
        return TOMADA_OK;
      }
      found = &text;
    }
    if (found == nullptr) return TOMADA_E_NOT_FOUND;
    *value = slice_of(*found);
    return TOMADA_OK;
  });
}

tomada_status http_read(tomada_call handle, tomada_response response, char* buffer, std::uint64_t capacity,
                        std::uint64_t* len) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (len == nullptr || buffer == nullptr || capacity == 0)
      return call.refuse(Errc::invalid_data, "http: read() without a buffer");
    *len = 0;
    tomada_status status{};
    Response* const done = finished(call, response, status);
    if (done == nullptr) return status;
    if (done->has_body) return call.refuse(Errc::invalid_data, "http: read() after body()", "C10");
    const auto room = static_cast<std::size_t>(std::min(capacity, k_slice_bytes_max));
    auto count = done->exchange->read(std::span<char>(buffer, room));
    if (count.has_error()) return call.keep(count.error());
    *len = *count;
    return TOMADA_OK;
  });
}

tomada_status http_body(tomada_call handle, tomada_response response, tomada_slice* body) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (body == nullptr) return call.refuse(Errc::invalid_data, "http: no room for the body");
    *body = tomada_slice{};
    tomada_status status{};
    Response* const done = finished(call, response, status);
    if (done == nullptr) return status;
    if (!done->has_body) {
      auto all = done->exchange->read_all();
      if (all.has_error()) return call.keep(all.error());
      done->body = std::move(*all);
      done->has_body = true;
    }
    *body = slice_of(done->body);
    return TOMADA_OK;
  });
}

tomada_status http_release(tomada_call handle, tomada_response response) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    Response* const held = response_of(call, response);
    if (held == nullptr) return TOMADA_E_STALE_HANDLE;
    call.release(*held);
    return TOMADA_OK;
  });
}

}  // namespace

const tomada_http_service k_http_service{
    sizeof(tomada_http_service), 0,         http_send, http_open, http_write, http_finish,
    http_header,                 http_read, http_body, http_release};

}  // namespace tomada::abi
