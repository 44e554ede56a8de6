#include "host/abi/handles.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tomada::abi {
namespace {

TEST(HandleTable, FindsWhatWasAddedByKindAlone) {
  HandleTable table;
  int object = 0;
  const Handle handle = table.add(HandleKind::response, &object);
  EXPECT_NE(handle, 0u);
  EXPECT_EQ(table.find(handle, HandleKind::response), &object);
  EXPECT_EQ(table.find(handle, HandleKind::call), nullptr);
  const Handle of_other_kind = (handle & ~(Handle{0xff} << 56)) | static_cast<Handle>(HandleKind::call) << 56;
  EXPECT_EQ(table.find(of_other_kind, HandleKind::call), nullptr);
  EXPECT_EQ(table.find(0, HandleKind::none), nullptr);
}

TEST(HandleTable, AReleasedHandleStaysStaleWhenItsSlotIsUsedAgain) {
  HandleTable table;
  int object = 0;
  const Handle first = table.add(HandleKind::call, &object);
  table.remove(first);
  const Handle second = table.add(HandleKind::call, &object);
  EXPECT_EQ(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(second)) << "the slot is used again";
  EXPECT_EQ(table.find(first, HandleKind::call), nullptr);
  EXPECT_EQ(table.find(second, HandleKind::call), &object);
  EXPECT_EQ(table.live_count(), 1u);
}

TEST(HandleTable, ASlotRetiresBeforeItsGenerationsWrap) {
  HandleTable table;
  int object = 0;
  const Handle first = table.add(HandleKind::call, &object);
  table.remove(first);
  Handle last = first;
  for (std::uint32_t i = 1; i < (1u << 24) - 1; ++i) table.remove(last = table.add(HandleKind::call, &object));
  EXPECT_EQ(last >> 32 & 0xffffff, 0xffffffu);
  const Handle next = table.add(HandleKind::call, &object);
  EXPECT_NE(static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(first)) << "a fresh slot";
  EXPECT_EQ(table.find(first, HandleKind::call), nullptr);
}

TEST(HandleTable, DoesNotKnowTheHandlesOfAnotherThread) {
  int object = 0;
  const Handle mine = HandleTable::of_this_thread().add(HandleKind::call, &object);
  std::thread([&] {
    EXPECT_EQ(HandleTable::current(), nullptr);
    HandleTable& other = HandleTable::of_this_thread();
    other.add(HandleKind::call, &object);
    EXPECT_EQ(other.find(mine, HandleKind::call), nullptr);
  }).join();
  HandleTable::of_this_thread().remove(mine);
}

}  // namespace
}  // namespace tomada::abi
