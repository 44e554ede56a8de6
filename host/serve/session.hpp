// One connection: requests in, answers out, until someone has had enough. Private to serve/.
#pragma once

#include "host/runtime/task.hpp"
#include "host/serve/inbox.hpp"
#include "host/serve/server.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/intrusive/list.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace tomada::serve {

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                boost::asio::io_context::executor_type>;

/// Lives on its task's stack; loop thread only.
class Session : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session(Socket socket, Origin origin, std::string peer, const Server::Handler& handler, const ServerLimits& limits)
      : socket_(std::move(socket)), origin_(origin), peer_(std::move(peer)), handler_(handler), limits_(limits) {}

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
  Read read_header(runtime::Task& task, Incoming& incoming, std::size_t& header_bytes);
  Read read_body(runtime::Task& task, Incoming& incoming, std::size_t length);
  template <class Parser>
  Read read_chunks(runtime::Task& task, Incoming& incoming, Parser& parser);
  /// False: closed, failed, or due_ has passed (then timed_out_).
  bool read_some(runtime::Task& task, std::size_t bytes);
  /// Why no more came: closed, or refused with 408.
  Read cut_short(Incoming& incoming) const;
  void watch(runtime::Task& task);
  void look_at_clock();
  Answer work(runtime::Task& task, const Request& request);
  bool write(runtime::Task& task, std::string_view head, std::string_view body);
  bool write_answer(runtime::Task& task, const Answer& answer, bool keep_alive, bool head_only);
  /// After a refusal: lets the client read the answer before the connection is reset under it.
  void linger(runtime::Task& task);

  Socket socket_;
  Origin origin_;
  std::string peer_;  // an address, on the control socket a user
  const Server::Handler& handler_;
  const ServerLimits& limits_;
  Inbox inbox_;
  runtime::SteadyTime due_{};        // of what is being read
  runtime::SteadyTime watched_{};    // when watch_ fires; it looks at due_ again then, so most requests leave it alone
  runtime::Timer watch_{[this] { look_at_clock(); }};
  runtime::Task* task_{nullptr};     // run()'s
  bool reading_{false};
  bool closing_{false};
  bool timed_out_{false};
};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(runtime::WallTime time);

}  // namespace tomada::serve
