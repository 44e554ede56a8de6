// One running plugin call, and the frame around every C function that a plugin can call: check the handle, catch what
// is thrown, turn an Error into a status and keep its detail.
#pragma once

#include "host/abi/handles.hpp"
#include "host/abi/services.hpp"
#include "host/base/result.hpp"

#include <tomada/plugin.h>

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tomada::abi {

/// No slice that a plugin passes may be longer.
inline constexpr std::uint64_t k_slice_bytes_max = 1024ull * 1024 * 1024;
/// A struct_size beyond this is not a size.
inline constexpr std::uint32_t k_struct_bytes_max = 4096;
/// Texts of fail(), of create() and of a thrown exception are cut here.
inline constexpr std::size_t k_detail_bytes_max = 4096;
/// Handles that one call may hold at once.
inline constexpr std::size_t k_owned_max = 1024;

/// Something behind a handle; dies with its call at the latest.
class Owned : public boost::intrusive::list_base_hook<> {
 public:
  virtual ~Owned() = default;
  Handle handle{};
  Call* owner{};
};

/// The answer that an inline webhook may get.
class OwnedReply final : public Owned {
 public:
  bool answered{false};
};

/// Lives on the stack of the call's task, from before the plugin's function is entered until after it has returned.
class Call {
 public:
  Call(Services& services, std::string_view plugin_id);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] Handle handle() const { return handle_; }
  [[nodiscard]] Services& services() const { return services_; }
  [[nodiscard]] HandleTable& table() const { return table_; }

  /// Gives `owned` a handle that is linked to this call. 0 when k_owned_max are held.
  Handle own(std::unique_ptr<Owned> owned, HandleKind kind);
  /// nullptr (and a word to the log) when `handle` is stale, of another kind or of another call.
  Owned* find(Handle handle, HandleKind kind);
  void release(Owned& owned) noexcept;

  /// The status of an outcome; an error is kept as the detail that counts unless the plugin gives its own.
  template <class T>
  tomada_status status_of(const Result<T>& result) {
    return result.has_value() ? TOMADA_OK : keep(result.error());
  }
  tomada_status keep(const Error& error);
  /// The plugin passed something that breaks a rule of sdk-docs/rules.md; empty: the one that goes with the code.
  tomada_status refuse(Errc code, std::string_view why, std::string_view rule = {});
  void misbehaved(std::string_view rule, std::string_view what) noexcept;
  tomada_status threw(const char* what) noexcept;

  /// What the plugin itself said with fail().
  std::optional<Error> said;
  /// The value that the last storage->get() handed out.
  std::string storage_value;

  /// The outcome of the whole call for what the plugin's function returned.
  [[nodiscard]] Error error_of(tomada_status status, std::string_view function);

 private:
  Services& services_;
  std::string_view plugin_id_;
  HandleTable& table_;
  Handle handle_;
  std::size_t owned_count_{0};
  boost::intrusive::list<Owned, boost::intrusive::constant_time_size<false>> owned_;
  std::optional<Error> kept_;
};

/// Says what was wrong with a handle that is not that of the running call.
void report_stale_call(HandleTable* table) noexcept;

/// True for TOMADA_OK … TOMADA_E_INTERNAL.
constexpr bool is_known_status(tomada_status status) { return status >= TOMADA_OK && status <= TOMADA_E_INTERNAL; }

/// At most `bytes_max` of `text`, cut between characters; text that is not UTF-8 gets '?' for each foreign byte.
std::string clean_text(std::string_view text, std::size_t bytes_max);

/// Runs `body(call)` for a C function; returns `stale` when the handle is not that of the call that runs here now.
/// Nothing thrown gets out. While `body` runs (it may suspend) no call is the running one on this thread.
template <class T, class F>
T in_call(tomada_call handle, T stale, F&& body) noexcept {
  HandleTable* const table = HandleTable::current();
  if (table == nullptr || table->running == nullptr || table->running->handle() != handle) [[unlikely]] {
    report_stale_call(table);
    return stale;
  }
  Call& call = *table->running;
  table->running = nullptr;
  T result = stale;
  try {
    result = body(call);
  } catch (const std::exception& error) {
    call.threw(error.what());
    if constexpr (std::is_same_v<T, tomada_status>) result = TOMADA_E_INTERNAL;
  } catch (...) {
    call.threw(nullptr);
    if constexpr (std::is_same_v<T, tomada_status>) result = TOMADA_E_INTERNAL;
  }
  table->running = &call;
  return result;
}

template <class F>
tomada_status in_call(tomada_call handle, F&& body) noexcept {
  return in_call<tomada_status>(handle, TOMADA_E_STALE_HANDLE, std::forward<F>(body));
}

inline bool is_sound(tomada_slice slice) {
  return (slice.len == 0 || slice.ptr != nullptr) && slice.len <= k_slice_bytes_max;
}
inline std::string_view view_of(tomada_slice slice) {
  return slice.len == 0 ? std::string_view() : std::string_view(slice.ptr, slice.len);
}
inline tomada_slice slice_of(std::string_view text) { return tomada_slice{text.data(), text.size()}; }

/// Copies a struct that starts with struct_size: what is missing reads as zero, what this host does not know must be
/// zero (TOO_NEW), no struct or no sensible size is INVALID_DATA.
template <class T>
tomada_status read_struct(const T* from, T& to) noexcept {
  to = T{};
  if (from == nullptr) return TOMADA_E_INVALID_DATA;
  std::uint32_t size = 0;
  std::memcpy(&size, from, sizeof size);
  if (size < sizeof size || size > k_struct_bytes_max) return TOMADA_E_INVALID_DATA;
  std::memcpy(&to, from, size < sizeof(T) ? size : sizeof(T));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(from);
  for (std::uint32_t i = sizeof(T); i < size; ++i)
    if (bytes[i] != 0) return TOMADA_E_TOO_NEW;
  return TOMADA_OK;
}

/// Fills a struct of the plugin's: no more than the size it gave. False when it gave none.
template <class T>
bool write_struct(T* to, T value) noexcept {
  if (to == nullptr) return false;
  std::uint32_t size = 0;
  std::memcpy(&size, to, sizeof size);
  if (size < sizeof size || size > k_struct_bytes_max) return false;
  value.struct_size = size;
  std::memcpy(to, &value, size < sizeof(T) ? size : sizeof(T));
  return true;
}

}  // namespace tomada::abi
