// The only source that includes Beast, and only its parser: reading and writing are plain Asio, which compiles in a
// third of the time and leaves every limit in sight.
#include "host/serve/session.hpp"

#include "host/serve/problem.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <ctime>
#include <optional>

namespace tomada::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using runtime::Deadline;
using runtime::Task;
using runtime::Yield;

constexpr std::size_t k_read_bytes = 16 * 1024;  // also what a pipelining client can have waiting here
constexpr std::size_t k_linger_bytes_max = 1024 * 1024;
constexpr std::chrono::milliseconds k_linger_max{1'000};
constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";

using Parser = http::request_parser<http::string_body>;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Answer refusal_of(const error_code& error, const ServerLimits& limits) {
  if (error == http::error::body_limit)
    return problem(413, Errc::invalid_data, "the body is larger than " + std::to_string(limits.body_bytes_max) +
                                                " bytes, the limit of this host (api.body_bytes_max)");
  if (error == http::error::header_limit)
    return problem(431, Errc::invalid_data, "the request's header is larger than " + std::to_string(limits.header_bytes_max) +
                                                " bytes, the limit of this host (api.header_bytes_max)");
  return problem(400, Errc::invalid_data, "this is not a valid HTTP/1.1 request: " + error.message());
}

Request take_request(Parser& parser, Origin origin) {
  auto& message = parser.get();
  Request request;
  request.origin = origin;
  request.method = view(message.method_string());
  const std::string_view target = view(message.target());
  const std::size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  for (const auto& field : message) request.headers.emplace_back(view(field.name_string()), view(field.value()));
  request.body = std::move(message.body());
  return request;
}

}  // namespace

void Session::run(Task& task) {
  for (bool keep_alive = true; keep_alive;) {
    Incoming incoming;
    const Read outcome = read_request(task, incoming);
    if (outcome == Read::closed) return;
    if (outcome == Read::refused) {
      if (write_answer(task, incoming.refusal, false, false)) linger(task);
      return;
    }
    const Answer answer = work(task, incoming.request);
    keep_alive = incoming.keep_alive && !closing_;
    if (!write_answer(task, answer, keep_alive, incoming.request.method == "HEAD")) return;
  }
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Session::Read Session::read_request(Task& task, Incoming& incoming) {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
  parser.body_limit(limits_.body_bytes_max);
  parser.eager(true);
  bool continued = false;
  runtime::SteadyTime due = Deadline::after(task.clock(), limits_.idle_timeout).at();
  bool begun = false;
  const auto begin = [&] {
    if (begun) return;
    begun = true;
    due = Deadline::after(task.clock(), limits_.request_timeout).at();
  };

  while (!parser.is_done()) {
    if (!buffer_.empty()) {
      begin();
      error_code error;
      const std::size_t used = parser.put(asio::const_buffer(buffer_.data(), buffer_.size()), error);
      buffer_.erase(0, used);
      if (error && error != http::error::need_more) {
        incoming.refusal = refusal_of(error, limits_);
        return Read::refused;
      }
      if (parser.is_done()) break;
      if (used > 0 && !buffer_.empty() && !error) continue;
    }
    if (parser.is_header_done() && !continued) {
      continued = true;
      const auto expect = parser.get().find(http::field::expect);
      if (expect != parser.get().end() && boost::beast::iequals(expect->value(), "100-continue"))
        if (!write(task, k_continue, {})) return Read::closed;
    }
    if (!read_some(task, due)) {
      if (!timed_out_ || !begun) return Read::closed;
      incoming.refusal = problem(408, Errc::deadline, "the request did not arrive whole within " +
                                                          std::to_string(limits_.request_timeout.count()) + " ms");
      return Read::refused;
    }
  }
  incoming.keep_alive = parser.keep_alive();
  incoming.request = take_request(parser, origin_);
  return Read::complete;
}

bool Session::read_some(Task& task, runtime::SteadyTime due) {
  if (closing_) return false;
  runtime::Timer timer([this] {
    timed_out_ = true;
    error_code ignored;
    socket_.cancel(ignored);
  });
  timer.start(task.loop(), due);
  const std::size_t had = buffer_.size();
  buffer_.resize(had + k_read_bytes);
  error_code error;
  reading_ = true;
  const std::size_t count = task.await([&](Yield yield) {
    return socket_.async_read_some(asio::buffer(buffer_.data() + had, k_read_bytes), yield[error]);
  });
  reading_ = false;
  timer.cancel();
  buffer_.resize(had + count);
  return !error && !timed_out_;
}

Answer Session::work(Task& task, const Request& request) {
  // A task of its own: the deadline belongs to the request, not to the connection, and handlers need a larger stack
  // than a thousand waiting connections should hold.
  Answer answer;
  runtime::Wait done(task);
  runtime::spawn("api request", task.loop(), Deadline::after(task.clock(), limits_.request_timeout),
                 [&](Task& inner) {
                   // Wakes on every way out, or this session would wait for ever.
                   struct Wake {
                     runtime::Wait& wait;
                     ~Wake() { wait.wake(); }
                   } wake{done};
                   answer = problem(500, Errc::internal, "the host failed to answer; its log says more");
                   answer = handler_(inner, request);
                 },
                 k_handler_stack_bytes);
  (void)done.wait(runtime::Interruptible::no);
  return answer;
}

bool Session::write(Task& task, std::string_view head, std::string_view body) {
  runtime::Timer timer([this] { cut(); });
  timer.start(task.loop(), Deadline::after(task.clock(), limits_.request_timeout).at());
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head.data(), head.size()),
                                                  asio::buffer(body.data(), body.size())};
  error_code error;
  task.await([&](Yield yield) { return asio::async_write(socket_, buffers, yield[error]); });
  timer.cancel();
  return !error;
}

bool Session::write_answer(Task& task, const Answer& answer, bool keep_alive, bool head_only) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  head += reason_phrase(answer.status);
  head += "\r\nDate: " + http_date(task.clock().wall()) + "\r\nServer: Tomada/" TOMADA_VERSION "\r\n";
  for (const auto& [name, value] : answer.headers) {
    // A value may quote what a client sent: no line break gets out.
    if (value.find_first_of("\r\n") == std::string::npos) head += name + ": " + value + "\r\n";
  }
  if (answer.status != 204) {
    head += "Content-Type: " + answer.content_type + "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n";
  }
  head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  const bool bare = head_only || answer.status == 204;
  return write(task, head, bare ? std::string_view() : std::string_view(answer.body));
}

void Session::linger(Task& task) {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  timed_out_ = false;
  const runtime::SteadyTime due = Deadline::after(task.clock(), k_linger_max).at();
  for (std::size_t dropped = 0; dropped < k_linger_bytes_max; dropped += buffer_.size()) {
    buffer_.clear();
    if (!read_some(task, due)) return;
  }
}

void Session::close_when_idle() {
  closing_ = true;
  if (!reading_) return;
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::cut() {
  closing_ = true;
  error_code ignored;
  socket_.close(ignored);
}

std::string http_date(runtime::WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace tomada::serve
