// Guard-paged coroutine stacks, reused. A fresh mmap for each call costs 60 times the call itself.
#pragma once

#include <boost/context/stack_context.hpp>

#include <cstddef>
#include <vector>

namespace tomada::runtime {

inline constexpr std::size_t k_stack_bytes_default = 128 * 1024;
inline constexpr std::size_t k_stack_bytes_max = 1024 * 1024;
/// Wide enough that a large frame cannot step over it; costs address space only.
inline constexpr std::size_t k_stack_guard_bytes = 64 * 1024;
/// Free stacks beyond this many give their pages back to the kernel.
inline constexpr std::size_t k_free_stacks_warm_max = 1024;

/// Stacks of one size for one thread; not thread-safe. Every stack must be back before it is destroyed.
class StackPool {
 public:
  explicit StackPool(std::size_t stack_bytes);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  /// Throws std::bad_alloc when the kernel gives no memory or no guard.
  boost::context::stack_context allocate();
  void deallocate(boost::context::stack_context& stack) noexcept;

  [[nodiscard]] std::size_t stack_bytes() const { return stack_bytes_; }
  [[nodiscard]] std::size_t in_use_count() const { return in_use_count_; }

 private:
  void add_slab();

  std::size_t stack_bytes_;
  std::size_t in_use_count_{0};
  std::vector<void*> free_;  // lowest usable address of each
  std::vector<void*> slabs_;
};

/// What asio::spawn copies around; meets Boost.Context's stack allocator requirements.
struct StackAllocator {
  StackPool* pool;
  boost::context::stack_context allocate() const { return pool->allocate(); }
  void deallocate(boost::context::stack_context& stack) const noexcept { pool->deallocate(stack); }
};

}  // namespace tomada::runtime
