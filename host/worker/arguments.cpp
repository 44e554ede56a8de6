#include "host/worker/arguments.hpp"

namespace tomada::worker {

void put_credentials(Writer& writer, abi::Services& services) {
  const std::vector<std::string> fields = services.credential_fields();
  const auto probe = services.credential("");
  const bool may_read = probe.has_value() || probe.error().code != Errc::forbidden;
  writer.put(static_cast<std::uint8_t>(may_read ? 1 : 0)).put(static_cast<std::uint32_t>(fields.size()));
  for (const std::string& field : fields) {
    const auto value = services.credential(field);
    writer.put(std::string_view(field)).put(may_read && value.has_value() ? *value : std::string_view());
  }
}

void put_sync(Writer& writer, const abi::SyncRequest& request) {
  writer.put(std::string_view(request.entity)).put(static_cast<std::uint32_t>(request.mode));
  writer.put(std::string_view(request.since)).put(std::string_view(request.resume));
}

abi::SyncRequest get_sync(Reader& reader) {
  abi::SyncRequest request;
  request.entity = reader.text();
  request.mode = static_cast<abi::SyncMode>(reader.get<std::uint32_t>());
  request.since = reader.text();
  request.resume = reader.text();
  return request;
}

void put_webhook(Writer& writer, const abi::Webhook& webhook) {
  writer.put(webhook.event_id).put(webhook.event_type).put(static_cast<std::uint32_t>(webhook.headers.size()));
  for (const auto& [name, value] : webhook.headers) writer.put(name).put(value);
  writer.put(webhook.body).put(webhook.received_at_ms).put(webhook.attempt);
  writer.put(static_cast<std::uint8_t>(webhook.wants_reply ? 1 : 0));
}

abi::Webhook get_webhook(Reader& reader) {
  abi::Webhook webhook;
  webhook.event_id = reader.text();
  webhook.event_type = reader.text();
  for (auto count = reader.get<std::uint32_t>(); count > 0 && reader.good(); --count) {
    const std::string_view name = reader.text();
    webhook.headers.emplace_back(name, reader.text());
  }
  webhook.body = reader.text();
  webhook.received_at_ms = reader.get<std::int64_t>();
  webhook.attempt = reader.get<std::uint32_t>();
  webhook.wants_reply = reader.flag();
  return webhook;
}

}  // namespace tomada::worker
