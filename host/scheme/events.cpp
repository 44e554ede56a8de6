// What a verified request is about: its events, their ids, types, subjects and accounts.
#include "host/base/encoding.hpp"
#include "host/scheme/rules.hpp"

#include <algorithm>

namespace tomada::scheme {
namespace {

std::string shortened(std::string id) {
  return id.size() <= k_event_id_bytes_max ? id : hex_encode(digest(Digest::sha256, id));
}

/// Without a place for an id: the same request again is the same event.
std::string id_of_request(const Inbound& inbound, std::string_view timestamp, std::string_view element) {
  std::string text;
  for (const std::string_view part : {inbound.method, inbound.url, timestamp, element}) {
    text += part;
    text += '\n';
  }
  return hex_encode(digest(Digest::sha256, text));
}

std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  text.resize(end);
  return text;
}

/// Ids are shown, compared and sorted as text.
std::string clean(std::string text) {
  return is_utf8(text) && text.find('\0') == std::string::npos ? text : hex_encode(text);
}

}  // namespace

Result<std::vector<Event>> Webhook::events(const Inbound& inbound, const Verdict& verdict) const {
  const Rules& rules = impl_->rules;
  const SchemeRule* scheme = impl_->find(verdict.scheme);
  RequestView request(inbound);
  std::string timestamp;
  if (scheme != nullptr) {
    std::string ignored;
    if (const auto entries = entries_at(scheme->timestamp, request, ignored); !entries.empty())
      timestamp = entries.front();
  }
  std::vector<std::string_view> elements{inbound.body};
  if (rules.events) {
    TOMADA_TRY_ASSIGN(elements, json_elements(inbound.body, *rules.events));
  }
  const Template& id =
      scheme != nullptr && scheme->event_id && !scheme->event_id->empty() ? *scheme->event_id : rules.event_id;
  const Template& type =
      scheme != nullptr && scheme->event_type && !scheme->event_type->empty() ? *scheme->event_type : rules.event_type;
  std::vector<Event> events;
  events.reserve(elements.size());
  for (const std::string_view element : elements) {
    const Filling filling{.request = request, .json = JsonText(element), .url = inbound.url, .timestamp = timestamp};
    Event event;
    event.body = element;
    event.event_id = shortened(clean(fill_or_empty(id, filling)));
    if (event.event_id.empty()) event.event_id = id_of_request(inbound, timestamp, element);
    event.event_type = cut(clean(fill_or_empty(type, filling)), k_event_type_bytes_max);
    event.subject = shortened(clean(fill_or_empty(rules.subject, filling)));
    event.account = shortened(clean(fill_or_empty(rules.account, filling)));
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace tomada::scheme
