#include "host/http/client.hpp"

#include <algorithm>
#include <array>
#include <strings.h>

namespace tomada::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return &value;
  return nullptr;
}

void set_header(Headers& headers, std::string_view name, std::string value) {
  headers.erase(std::remove_if(headers.begin(), headers.end(),
                               [name](const auto& header) { return same_name(header.first, name); }),
                headers.end());
  headers.emplace_back(std::string(name), std::move(value));
}

Result<std::string> read_all(runtime::Task& task, Exchange& exchange, std::size_t body_bytes_max) {
  constexpr std::size_t k_step_bytes = 16 * 1024;
  std::string body;
  std::array<char, k_step_bytes> step;  // read into here: growing `body` first would clear each byte for nothing
  while (true) {
    TOMADA_TRY_ASSIGN(const std::size_t count, exchange.read(task, step));
    if (count == 0) return body;
    if (count > body_bytes_max - body.size())
      return fail(Errc::invalid_data, "the answer is longer than " + std::to_string(body_bytes_max) + " bytes");
    body.append(step.data(), count);
  }
}

Result<Response> fetch(runtime::Task& task, Client& client, Request request, std::size_t body_bytes_max) {
  TOMADA_TRY_ASSIGN(const auto exchange, client.open(task, std::move(request)));
  Response response;
  TOMADA_TRY_ASSIGN(response.head, exchange->finish(task));
  TOMADA_TRY_ASSIGN(response.body, read_all(task, *exchange, body_bytes_max));
  return response;
}

}  // namespace tomada::http
