#include "host/abi/call.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"

#include <spdlog/spdlog.h>

#include <atomic>

namespace tomada::abi {

Call::Call(Services& services, std::string_view plugin_id)
    : services_(services),
      plugin_id_(plugin_id),
      table_(HandleTable::of_this_thread()),
      handle_(table_.add(HandleKind::call, this)) {}

Call::~Call() {
  TOMADA_ASSERT(HandleTable::current() == &table_);
  table_.running = nullptr;
  std::size_t left_count = 0;
  for (const Owned& owned : owned_) left_count += dynamic_cast<const OwnedReply*>(&owned) == nullptr ? 1 : 0;
  if (left_count > 0) services_.left_open(left_count);
  while (!owned_.empty()) release(owned_.front());
  if (handle_ != 0) table_.remove(handle_);
}

Handle Call::own(std::unique_ptr<Owned> owned, HandleKind kind) {
  if (owned_count_ >= k_owned_max) return 0;
  owned->handle = table_.add(kind, owned.get());
  if (owned->handle == 0) return 0;
  owned->owner = this;
  ++owned_count_;
  owned_.push_back(*owned);
  return owned.release()->handle;
}

Owned* Call::find(Handle handle, HandleKind kind) {
  auto* const owned = static_cast<Owned*>(table_.find(handle, kind));
  if (owned != nullptr && owned->owner == this) return owned;
  (void)refuse(Errc::stale_handle, "used a handle that was released or belongs to another call or kind");
  return nullptr;
}

void Call::release(Owned& owned) noexcept {
  table_.remove(owned.handle);
  owned_.erase(owned_.iterator_to(owned));
  --owned_count_;
  delete &owned;
}

tomada_status Call::keep(const Error& error) {
  kept_ = error;
  return static_cast<tomada_status>(error.code);
}

tomada_status Call::refuse(Errc code, std::string_view why, std::string_view rule) {
  if (code == Errc::too_new) rule = "C07";
  else if (rule.empty()) rule = code == Errc::stale_handle ? "C01" : "C06";
  misbehaved(rule, why);
  return keep(Error{code, std::string(why)});
}

void Call::misbehaved(std::string_view rule, std::string_view what) noexcept {
  try {
    services_.misbehaved(std::string(rule) + ": " + std::string(what));
  } catch (...) {
    spdlog::warn("plugin {}: a misbehaviour could not be noted", plugin_id_);
  }
}

tomada_status Call::threw(const char* what) noexcept {
  spdlog::error("plugin {}: a host service threw {}", plugin_id_, what != nullptr ? what : "an unknown type");
  kept_ = Error{Errc::internal, "a host service failed; the host's log says why"};
  return TOMADA_E_INTERNAL;
}

Error Call::error_of(tomada_status status, std::string_view function) {
  const auto code = static_cast<Errc>(status);
  Error error{code, {}};
  if (said)
    error = std::move(*said);
  else if (kept_ && kept_->code == code)
    error = std::move(*kept_);
  error.code = code;
  if (error.message.empty())
    error.message = "the plugin's " + std::string(function) + " ended with " + std::string(to_string(code));
  return error;
}

void report_stale_call(HandleTable* table) noexcept {
  constexpr std::string_view k_what = "used a tomada_call that is not the one running on this thread";
  if (table != nullptr && table->running != nullptr) {
    table->running->misbehaved("C05", k_what);
    return;
  }
  // Nobody to blame by name; a plugin in a loop must not fill the log.
  static std::atomic<std::uint64_t> count{0};
  const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed) + 1;
  if ((number & (number - 1)) == 0)
    spdlog::warn("PLUGIN_MISBEHAVING: C05: a plugin {} ({} so far)", k_what, number);
}

std::string clean_text(std::string_view text, std::size_t bytes_max) {
  const bool cut = text.size() > bytes_max;
  text = text.substr(0, bytes_max);
  // A cut may have left the first bytes of a character.
  if (cut)
    for (int i = 0; i < 4 && !text.empty() && !is_utf8(text); ++i) text.remove_suffix(1);
  std::string clean(text);
  if (!is_utf8(clean))
    for (char& c : clean)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return clean;
}

}  // namespace tomada::abi
