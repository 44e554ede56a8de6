// Looks at the raw lines of a request's header before a parser does. Private to serve/.
#pragma once

#include <cstddef>
#include <string_view>

namespace tomada::serve {

/* Where a header ends is what two servers in a row must agree on, or one of them can be told to see a request that the
 * other does not. What parsers are known to disagree about is refused here: a line that ends in a bare LF, a CR inside a
 * line, a NUL, a folded line, an empty line before the request. */
class HeaderScan {
 public:
  enum class State { incomplete, complete, malformed };

  /// `text`: the header from its first byte, as far as it has come. Goes on where the last look ended.
  State look(std::string_view text) {
    for (;;) {
      const std::size_t end = text.find('\n', seen_);
      if (end == std::string_view::npos) {
        seen_ = text.size();
        return State::incomplete;
      }
      const std::string_view line = text.substr(line_, end - line_);  // with its CR
      if (line.empty() || line.back() != '\r') return State::malformed;
      if (line.find('\r') != line.size() - 1 || line.find('\0') != std::string_view::npos) return State::malformed;
      if (line.size() == 1) {
        bytes_ = end + 1;
        return line_ == 0 ? State::malformed : State::complete;
      }
      if (line_ > 0 && (line.front() == ' ' || line.front() == '\t')) return State::malformed;
      line_ = seen_ = end + 1;
    }
  }
  /// Of the complete header, the empty line included.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t line_{0};  // where the current line begins
  std::size_t seen_{0};
  std::size_t bytes_{0};
};

}  // namespace tomada::serve
