// What was read from a connection and not yet used. Private to serve/.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace tomada::serve {

/// Bytes in, bytes out, without filling memory that nobody reads: ten thousand idle connections hold one each.
class Inbox {
 public:
  [[nodiscard]] std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

  /// At least `count` bytes to write to, until the next call that changes the inbox; then commit() what was written.
  char* prepare(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return bytes_.get() + end_;
  }
  [[nodiscard]] std::size_t room() const { return capacity_ - end_; }
  void commit(std::size_t count) { end_ += count; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Gives a larger memory back when nothing is in it.
  void shrink(std::size_t capacity_max) {
    if (!empty() || capacity_ <= capacity_max) return;
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void make_room(std::size_t count) {
    const std::size_t used = size();
    if (capacity_ - used >= count && begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      const std::size_t wanted = used + count > 2 * capacity_ ? used + count : 2 * capacity_;
      auto larger = std::make_unique_for_overwrite<char[]>(wanted);
      if (used > 0) std::memcpy(larger.get(), bytes_.get() + begin_, used);
      bytes_ = std::move(larger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_{0};
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace tomada::serve
