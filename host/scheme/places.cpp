// Reading signatures, timestamps and keys where the rules say they are.
#include "host/base/encoding.hpp"
#include "host/scheme/rules.hpp"

#include <algorithm>

namespace tomada::scheme {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string with_decoded(std::string_view url, std::string_view characters) {
  const std::size_t question = url.find('?');
  if (question == std::string_view::npos) return std::string(url);
  std::string out(url.substr(0, question));
  for (std::size_t i = question; i < url.size(); ++i) {
    if (url[i] == '%' && i + 2 < url.size()) {
      const auto byte = hex_decode(url.substr(i + 1, 2));
      if (byte && characters.find(byte->front()) != std::string_view::npos) {
        out += *byte;
        i += 2;
        continue;
      }
    }
    out += url[i];
  }
  return out;
}

/// The same URL with the scheme's default port, or without its port; empty: there is no other.
std::string with_other_port(std::string_view url) {
  const std::size_t from = url.find("://");
  if (from == std::string_view::npos) return {};
  const std::size_t end = std::min(url.find_first_of("/?#", from + 3), url.size());
  const std::string_view authority = url.substr(from + 3, end - from - 3);
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  std::string out(url.substr(0, from + 3));
  if (has_port)
    out += authority.substr(0, colon);
  else
    out += std::string(authority) + (url.starts_with("https:") ? ":443" : ":80");
  return out += url.substr(end);
}

/// A header that is there twice is neither present nor absent.
bool names_duplicate(const Template& text, const RequestView& request) {
  return std::any_of(text.parts().begin(), text.parts().end(), [&](const Part& part) {
    bool duplicated = false;
    if (part.kind == Part::Kind::header) (void)request.header(part.text, &duplicated);
    return duplicated;
  });
}

}  // namespace

std::string words_of(const Place& place) {
  switch (place.in) {
    case Place::In::header:
      return "the header " + place.name;
    case Place::In::query:
      return "the query parameter " + place.name;
    case Place::In::json:
      return "the JSON field " + place.name;
    case Place::In::none:
      break;
  }
  return "nothing";
}

std::vector<std::string> entries_at(const Place& place, RequestView& request, std::string& wrong) {
  std::optional<std::string> value;
  switch (place.in) {
    case Place::In::none:
      return {};
    case Place::In::header: {
      bool duplicated = false;
      if (const auto found = request.header(place.name, &duplicated)) value = *found;
      if (duplicated) {
        wrong = words_of(place) + " is there more than once";
        return {};
      }
      break;
    }
    case Place::In::query:
      value = find_parameter(request.query_parameters(), place.name);
      break;
    case Place::In::json:
      value = JsonText(request.inbound().body).at(place.path);
      break;
  }
  if (!value) {
    wrong = words_of(place) + " is missing";
    return {};
  }
  std::vector<std::string> entries;
  std::string_view rest = *value;
  while (entries.size() < k_signatures_max) {
    const std::size_t end = place.separator.empty() ? rest.size() : std::min(rest.find(place.separator), rest.size());
    const std::string_view entry = trim(rest.substr(0, end));
    if (entry.size() > place.prefix.size() && entry.starts_with(place.prefix))
      entries.emplace_back(entry.substr(place.prefix.size()));
    if (end == rest.size()) break;
    rest.remove_prefix(end + place.separator.size());
  }
  if (entries.empty())
    wrong = place.prefix.empty() ? words_of(place) + " is empty"
                                 : words_of(place) + " has no entry that begins with \"" + place.prefix + "\"";
  return entries;
}

std::optional<std::string> decode(Encoding encoding, std::string_view text) {
  switch (encoding) {
    case Encoding::text:
      return std::string(text);
    case Encoding::hex:
      return hex_decode(text);
    case Encoding::base64:
      return strict_base64_decode(text);
  }
  return std::nullopt;
}

std::string encode(Encoding encoding, std::string_view bytes) {
  return encoding == Encoding::base64 ? base64_encode(bytes)
         : encoding == Encoding::hex  ? hex_encode(bytes)
                                      : std::string(bytes);
}

std::optional<std::string> key_of(const SecretRule& rule, std::string_view secret) {
  if (!secret.starts_with(rule.prefix)) return std::nullopt;
  auto key = decode(rule.encoding, secret.substr(rule.prefix.size()));
  if (!key || key->empty()) return std::nullopt;
  return key;
}

bool holds(const Condition& condition, const Filling& filling) {
  const auto value = fill_whole(condition.value, filling);
  switch (condition.is) {
    case Condition::Is::present:
      return value.has_value();
    case Condition::Is::absent:
      return !value.has_value() && !names_duplicate(condition.value, filling.request);
    case Condition::Is::equal:
      return value && *value == fill_or_empty(condition.equals, filling);
  }
  return false;
}

std::vector<std::string> urls_of(const SchemeRule& scheme, std::string_view url) {
  url = url.substr(0, url.find('#'));
  std::vector<std::string> urls{scheme.decode_in_query.empty() ? std::string(url)
                                                               : with_decoded(url, scheme.decode_in_query)};
  if (scheme.any_port)
    if (std::string other = with_other_port(urls.front()); !other.empty()) urls.push_back(std::move(other));
  return urls;
}

}  // namespace tomada::scheme
