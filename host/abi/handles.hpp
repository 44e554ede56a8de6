// The handles that plugins hold: numbers, checked at every use, never addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tomada::abi {

class Call;

enum class HandleKind : std::uint8_t { none = 0, call = 1, response = 2, reply = 3 };

/// kind (8 bits), generation (24), index (32: the thread's table and the slot in it). Never 0.
using Handle = std::uint64_t;

/// More handles than this at once on one thread are refused.
inline constexpr std::size_t k_handles_max = 1u << 22;

/// The handles of one thread's calls. A handle of another thread's table is not found here, and a released one never
/// comes back: a slot whose 16 million generations are used up is retired.
class HandleTable {
 public:
  HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  /// This thread's table, made at the first call of the thread.
  static HandleTable& of_this_thread();
  /// nullptr on a thread that never ran a plugin call.
  static HandleTable* current() noexcept;

  /// 0 when k_handles_max are in use.
  Handle add(HandleKind kind, void* object);
  /// nullptr when `handle` is stale or of another kind.
  [[nodiscard]] void* find(Handle handle, HandleKind kind) const noexcept;
  /// `handle` must be live.
  void remove(Handle handle) noexcept;
  [[nodiscard]] std::size_t live_count() const noexcept { return live_count_; }

  /// The call whose plugin code runs on this thread now; nullptr while the host's own code does.
  Call* running{nullptr};

 private:
  struct Slot {
    void* object{};
    std::uint32_t generation{1};
    std::uint32_t next_free{};
    HandleKind kind{HandleKind::none};
  };
  [[nodiscard]] const Slot* slot_of(Handle handle) const noexcept;

  std::uint32_t number_;  // of this table, in the upper bits of every index
  std::uint32_t free_;    // first free slot or k_none
  std::size_t live_count_{0};
  std::vector<Slot> slots_;
};

}  // namespace tomada::abi
