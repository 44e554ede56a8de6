// One connection: requests in, answers out, until someone has had enough. Private to serve/.
#pragma once

#include "host/runtime/task.hpp"
#include "host/serve/server.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/intrusive/list.hpp>

#include <string>

namespace tomada::serve {

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                boost::asio::io_context::executor_type>;

/// Lives on its task's stack; loop thread only.
class Session : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session(Socket socket, Origin origin, const Server::Handler& handler, const ServerLimits& limits)
      : socket_(std::move(socket)), origin_(origin), handler_(handler), limits_(limits) {}

  void run(runtime::Task& task);
  /// Ends now unless a request is being worked on or answered; then after its answer.
  void close_when_idle();
  void cut();

 private:
  enum class Read { complete, closed, refused };
  struct Incoming {
    Request request;
    Answer refusal;
    bool keep_alive{false};
  };

  Read read_request(runtime::Task& task, Incoming& incoming);
  /// False: closed, failed, or `due` has passed (then timed_out_).
  bool read_some(runtime::Task& task, runtime::SteadyTime due);
  Answer work(runtime::Task& task, const Request& request);
  bool write(runtime::Task& task, std::string_view head, std::string_view body);
  bool write_answer(runtime::Task& task, const Answer& answer, bool keep_alive, bool head_only);
  /// After a refusal: lets the client read the answer before the connection is reset under it.
  void linger(runtime::Task& task);

  Socket socket_;
  Origin origin_;
  const Server::Handler& handler_;
  const ServerLimits& limits_;
  std::string buffer_;      // read, not yet used
  bool reading_{false};
  bool closing_{false};
  bool timed_out_{false};
};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(runtime::WallTime time);

}  // namespace tomada::serve
