#include "host/service/webhook_services.hpp"

#include "host/abi/checks.hpp"

namespace tomada::service {
namespace {

Error not_here(std::string_view function) {
  return fail(Errc::unsupported, std::string(function) +
                                     "() belongs to sync(): what handle_webhook() did takes effect when it returns");
}

}  // namespace

WebhookServices::WebhookServices(runtime::Task& task, Environment& environment, const store::Integration& integration,
                                 const abi::Manifest& manifest, std::shared_ptr<const OpenedIntegration> opened)
    : CallBase(task, environment, integration, manifest, std::move(opened), limit::Lane::webhook) {}

WebhookEffects WebhookServices::take_effects() {
  WebhookEffects effects;
  if (page_) {
    effects.page = page_->take(task_.clock().unix_ms());
    effects.page->source = "webhook";
    effects.rejected_count = effects.page->rejected_count;
  }
  while (!values_.empty()) {
    auto node = values_.extract(values_.begin());
    effects.values.emplace_back(std::move(node.key()), std::move(node.mapped()));
  }
  return effects;
}

RecordPage& WebhookServices::page() {
  if (!page_) page_.emplace(manifest_, integration_, no_sync_);
  return *page_;
}

Result<void> WebhookServices::upsert(std::string_view entity, const abi::RecordView& record) {
  auto result = page().upsert(entity, record);
  if (result.has_error()) log(abi::LogLevel::warn, "refused " + result.error().message);
  return result;
}

Result<void> WebhookServices::remove(std::string_view entity, std::string_view external_id,
                                     std::int64_t updated_at_ms) {
  auto result = page().remove(entity, external_id, updated_at_ms);
  if (result.has_error()) log(abi::LogLevel::warn, "refused " + result.error().message);
  return result;
}

void WebhookServices::refuse_record(std::string_view why) {
  page().refuse();
  log(abi::LogLevel::warn, "refused " + std::string(why));
}

Result<void> WebhookServices::checkpoint(std::string_view) { return not_here("records->checkpoint"); }
Result<void> WebhookServices::complete(std::string_view, std::string_view) { return not_here("records->complete"); }
Result<void> WebhookServices::progress(std::uint64_t, std::uint64_t) { return not_here("records->progress"); }

Result<std::string> WebhookServices::storage_get(std::string_view key) {
  TOMADA_TRY(task_.check());
  const auto own = values_.find(key);
  if (own == values_.end()) return CallBase::storage_get(key);
  if (!own->second) return fail(Errc::not_found, "this call removed the value");
  return *own->second;
}

Result<void> WebhookServices::storage_put(std::string_view key, std::string_view value) {
  if (value.size() > store::k_value_bytes_max)
    return fail(Errc::invalid_data, "a value has at most " + std::to_string(store::k_value_bytes_max) + " bytes");
  return keep(key, std::string(value));
}

Result<void> WebhookServices::storage_remove(std::string_view key) { return keep(key, std::nullopt); }

Result<void> WebhookServices::keep(std::string_view key, std::optional<std::string> value) {
  TOMADA_TRY(abi::check_storage_is_named(manifest_));
  TOMADA_TRY(task_.check());
  if (key.size() > store::k_value_key_bytes_max)
    return fail(Errc::invalid_data, "a key has at most " + std::to_string(store::k_value_key_bytes_max) + " bytes");
  const auto known = values_.find(key);
  if (known != values_.end()) {
    known->second = std::move(value);
    return {};
  }
  if (values_.size() >= k_webhook_values_max)
    return fail(Errc::invalid_data, "one webhook call changes at most 1,000 keys");
  values_.emplace(std::string(key), std::move(value));
  return {};
}

Result<void> WebhookServices::reply(int status, std::string_view content_type, std::string_view body) {
  TOMADA_TRY(task_.check());
  reply_ = WebhookReply{status, std::string(content_type), std::string(body)};
  return {};
}

}  // namespace tomada::service
