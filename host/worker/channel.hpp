// One end of the socket between host and worker: whole messages in, whole messages out.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/loop.hpp"
#include "host/worker/protocol.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tomada::worker {

/* One loop's thread. Messages that are sent in one turn of the loop leave together. */
class Channel {
 public:
  class Receiver {
   public:
    /// The body is a view that ends with the function. An error ends the channel.
    virtual Result<void> received(Kind kind, std::uint64_t id, std::string_view body) = 0;
    /// Once, never from within send(): the other end is gone, or one of the two broke a rule.
    virtual void closed(const Error& why) = 0;

   protected:
    ~Receiver() = default;
  };

  /// `socket`: non-blocking, owned from now on. `receiver` outlives the channel.
  Channel(runtime::Loop& loop, int socket, Receiver& receiver);
  ~Channel();

  /// To be called once the receiver can take messages.
  void start();
  /// After the end it does nothing.
  void send(Kind kind, std::uint64_t id, std::string_view body);
  /// No message comes any more, and none leaves; closed() is not called for it.
  void close();

 private:
  struct Shared;  // what a running read or write refers to; lives as long as the last of them
  std::shared_ptr<Shared> shared_;
};

}  // namespace tomada::worker
