#include "host/runtime/stack_pool.hpp"

#include "host/base/assert.hpp"

#include <sys/mman.h>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace tomada::runtime {
namespace {

constexpr std::size_t k_slab_stacks_count = 64;
constexpr int k_madv_guard_install = 102;  // Linux 6.13; one mapping for many guards, where mprotect needs two each

bool guard(void* address) {
  // Older kernels answer EINVAL; there a guard costs two mappings, so about 32,000 stacks for a process.
  if (::madvise(address, k_stack_guard_bytes, k_madv_guard_install) == 0) return true;
  return ::mprotect(address, k_stack_guard_bytes, PROT_NONE) == 0;
}

}  // namespace

StackPool::StackPool(std::size_t stack_bytes) : stack_bytes_((stack_bytes + 4095) / 4096 * 4096) {}

StackPool::~StackPool() {
  TOMADA_ASSERT(in_use_count_ == 0);
  for (void* slab : slabs_) ::munmap(slab, k_slab_stacks_count * (stack_bytes_ + k_stack_guard_bytes));
}

void StackPool::add_slab() {
  const std::size_t step = stack_bytes_ + k_stack_guard_bytes;
  void* slab = ::mmap(nullptr, k_slab_stacks_count * step, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (slab == MAP_FAILED) throw std::bad_alloc();
  // A huge page would make each stack cost 2 MiB.
  (void)::madvise(slab, k_slab_stacks_count * step, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < k_slab_stacks_count; ++i) {
    if (!guard(static_cast<char*>(slab) + i * step)) {
      ::munmap(slab, k_slab_stacks_count * step);
      throw std::bad_alloc();
    }
  }
  slabs_.push_back(slab);
  free_.reserve(slabs_.size() * k_slab_stacks_count);  // so that deallocate() never allocates
  for (std::size_t i = k_slab_stacks_count; i > 0; --i)
    free_.push_back(static_cast<char*>(slab) + (i - 1) * step + k_stack_guard_bytes);
}

boost::context::stack_context StackPool::allocate() {
  if (free_.empty()) add_slab();
  void* low = free_.back();
  free_.pop_back();
  ++in_use_count_;
  boost::context::stack_context stack;
  stack.size = stack_bytes_;
  stack.sp = static_cast<char*>(low) + stack_bytes_;
  return stack;
}

void StackPool::deallocate(boost::context::stack_context& stack) noexcept {
  void* low = static_cast<char*>(stack.sp) - stack_bytes_;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(low, stack_bytes_);
#endif
  if (free_.size() >= k_free_stacks_warm_max) (void)::madvise(low, stack_bytes_, MADV_DONTNEED);
  free_.push_back(low);
  --in_use_count_;
}

}  // namespace tomada::runtime
