// The host's answers to what a call in a worker asks: its words become calls of the real services.
#pragma once

#include "host/abi/services.hpp"
#include "host/worker/protocol.hpp"
#include "host/worker/wire.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::worker {

/// Of one call; on its task, which may suspend in answer(). Nothing that a worker says is believed: what is torn, or says
/// what the C tables would have refused in the worker already, breaks the protocol.
class Asked {
 public:
  explicit Asked(abi::Services& services) : services_(services) {}

  /// The body of the answer. An error: the question breaks the protocol, and the worker is to end.
  Result<std::string_view> answer(std::string_view question);
  /// Needs no task; not while answer() is under way.
  Result<void> note(std::string_view body);
  /// What was asked last, for the report of a crash: "http_open".
  [[nodiscard]] std::string_view last_service() const { return last_service_; }

 private:
  struct Open {
    std::unique_ptr<abi::HttpExchange> exchange;
    bool finished{false};
    bool whole{false};  // read_all() was asked
  };

  Result<void> dispatch(Reader& reader);
  template <class Get>
  Result<void> say(Reader& reader, Get get);
  Result<void> open(Reader& reader);
  Result<void> exchange(Ask ask, Reader& reader);
  Result<void> reply(Reader& reader);
  Result<void> records(Reader& reader);
  Result<void> take_batch(std::string_view batch);

  abi::Services& services_;
  std::map<std::uint32_t, Open> open_;
  std::uint32_t opened_count_{0};
  std::size_t notes_count_{0};
  std::size_t progress_count_{0};
  std::string batch_;             // of records, so far
  std::size_t records_count_{0};  // since the last checkpoint
  bool replied_{false};
  std::string out_;
  std::string_view last_service_;
};

}  // namespace tomada::worker
