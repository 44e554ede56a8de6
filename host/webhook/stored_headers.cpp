#include "host/webhook/stored_headers.hpp"

#include "host/base/encoding.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tomada::webhook {
namespace {

constexpr std::string_view k_hidden = "***";
constexpr std::string_view k_request_header = "tomada-request";

// Of the connection, not of the event; and a name that only the host writes.
constexpr std::array<std::string_view, 10> k_dropped{"connection",        "keep-alive", "proxy-authenticate",
                                                     "proxy-connection",  "te",         "trailer",
                                                     "transfer-encoding", "upgrade",    "expect",
                                                     k_request_header};
constexpr std::array<std::string_view, 3> k_always_secret{"authorization", "cookie", "proxy-authorization"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// `known` is in lower case.
bool is_name(std::string_view name, std::string_view known) {
  return name.size() == known.size() &&
         std::equal(name.begin(), name.end(), known.begin(), [](char a, char b) { return lower(a) == b; });
}

template <class Names>
bool is_among(std::string_view name, const Names& names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return is_name(name, known); });
}

void append_line_text(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  // No parser lets a line end through; should one, it must not become a header of its own.
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
                  [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void append_target(std::string& out, std::string_view target, const std::vector<std::string>& secret_names) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos || secret_names.empty()) return append_line_text(out, target);
  append_line_text(out, target.substr(0, question + 1));
  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decode(pair.substr(0, equals));
    if (!name || is_among(*name, secret_names)) {
      append_line_text(out, pair.substr(0, equals));
      out.append("=").append(k_hidden);
    } else {
      append_line_text(out, pair);
    }
    if (end < query.size()) out += '&';
    query.remove_prefix(std::min(end + 1, query.size()));
  }
}

}  // namespace

std::string stored_headers(const Request& request, const scheme::Webhook& webhook) {
  std::size_t bytes = request.method.size() + request.target.size() + 32;
  for (const auto& [name, value] : request.headers) bytes += name.size() + value.size() + 3;
  std::string out;
  out.reserve(bytes);
  out.append("Tomada-Request: ");
  append_line_text(out, request.method);
  out += ' ';
  append_target(out, request.target, webhook.secret_query_parameters());
  out += '\n';
  for (const auto& [name, value] : request.headers) {
    if (is_among(name, k_dropped)) continue;
    append_line_text(out, name);
    out.append(": ");
    if (is_among(name, k_always_secret) || is_among(name, webhook.secret_headers()))
      out.append(k_hidden);
    else
      append_line_text(out, value);
    out += '\n';
  }
  return out;
}

}  // namespace tomada::webhook
