#include "host/abi/handles.hpp"

#include "host/base/assert.hpp"

#include <atomic>
#include <memory>

namespace tomada::abi {
namespace {

constexpr unsigned k_slot_bits = 22;
constexpr std::uint32_t k_slot_mask = (1u << k_slot_bits) - 1;
constexpr std::uint32_t k_none = UINT32_MAX;
constexpr std::uint32_t k_generation_max = (1u << 24) - 1;
static_assert(k_handles_max == std::size_t{1} << k_slot_bits);

constinit thread_local HandleTable* t_table = nullptr;

std::uint32_t next_table_number() {
  static std::atomic<std::uint32_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed) << k_slot_bits;
}

}  // namespace

HandleTable::HandleTable() : number_(next_table_number()), free_(k_none) {}

HandleTable* HandleTable::current() noexcept { return t_table; }

HandleTable& HandleTable::of_this_thread() {
  if (t_table == nullptr) [[unlikely]] {
    struct Owner {
      std::unique_ptr<HandleTable> table = std::make_unique<HandleTable>();
      ~Owner() { t_table = nullptr; }
    };
    thread_local Owner owner;
    t_table = owner.table.get();
  }
  return *t_table;
}

Handle HandleTable::add(HandleKind kind, void* object) {
  std::uint32_t index = free_;
  if (index != k_none) {
    free_ = slots_[index].next_free;
  } else {
    if (slots_.size() == k_handles_max) return 0;
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  Slot& slot = slots_[index];
  slot.object = object;
  slot.kind = kind;
  ++live_count_;
  return static_cast<Handle>(kind) << 56 | static_cast<Handle>(slot.generation) << 32 | number_ | index;
}

const HandleTable::Slot* HandleTable::slot_of(Handle handle) const noexcept {
  const auto index = static_cast<std::uint32_t>(handle);
  if ((index & ~k_slot_mask) != number_ || (index & k_slot_mask) >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index & k_slot_mask];
  if (slot.kind == HandleKind::none || static_cast<HandleKind>(handle >> 56) != slot.kind) return nullptr;
  if (((handle >> 32) & k_generation_max) != slot.generation) return nullptr;
  return &slot;
}

void* HandleTable::find(Handle handle, HandleKind kind) const noexcept {
  const Slot* const slot = slot_of(handle);
  return slot != nullptr && slot->kind == kind ? slot->object : nullptr;
}

void HandleTable::remove(Handle handle) noexcept {
  TOMADA_ASSERT(slot_of(handle) != nullptr);
  const std::uint32_t index = static_cast<std::uint32_t>(handle) & k_slot_mask;
  Slot& slot = slots_[index];
  slot.object = nullptr;
  slot.kind = HandleKind::none;
  --live_count_;
  // A slot that has no generation left is never used again: an old handle must not become valid by wrapping around.
  if (slot.generation == k_generation_max) return;
  ++slot.generation;
  slot.next_free = free_;
  free_ = index;
}

}  // namespace tomada::abi
