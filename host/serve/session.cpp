// The only source that includes Beast, and only its parser: reading and writing are plain Asio, which compiles in a
// third of the time and leaves every limit in sight.
#include "host/serve/session.hpp"

#include "host/serve/header_scan.hpp"
#include "host/serve/problem.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <charconv>
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

constexpr std::size_t k_read_bytes = 4 * 1024;        // while a header is expected: most requests fit
constexpr std::size_t k_body_read_bytes = 16 * 1024;  // also what a pipelining client can have waiting here
constexpr std::size_t k_small_body_bytes = 16 * 1024;  // copied behind its head, so that both are one buffer
constexpr std::size_t k_linger_bytes_max = 1024 * 1024;
constexpr std::chrono::milliseconds k_linger_max{1'000};
constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";

using Parser = http::request_parser<http::string_body>;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Answer malformed(std::string_view why) {
  return problem(400, Errc::invalid_data, "this is not a valid HTTP/1.1 request: " + std::string(why));
}

Answer header_too_large(const ServerLimits& limits) {
  return problem(431, Errc::invalid_data, "the request's header is larger than " + std::to_string(limits.header_bytes_max) +
                                              " bytes, the limit of this host (api.header_bytes_max)");
}

Answer refusal_of(const error_code& error, const ServerLimits& limits) {
  if (error == http::error::body_limit)
    return problem(413, Errc::invalid_data, "the body is larger than " + std::to_string(limits.body_bytes_max) +
                                                " bytes, the limit of this host (api.body_bytes_max)");
  if (error == http::error::header_limit) return header_too_large(limits);
  return malformed(error.message());
}

/// What the parser lets through and another server may read in another way; nothing when the request is clear.
std::string_view ambiguity(const Parser& parser) {
  const auto& message = parser.get();
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  for (const auto& field : message) {
    switch (field.name()) {
      case http::field::host: ++hosts; break;
      case http::field::content_length: {
        ++lengths;
        const std::string_view digits = view(field.value());
        if (digits.empty() || !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
          return "Content-Length is not a number";
        break;
      }
      case http::field::transfer_encoding:
        ++encodings;
        if (!boost::beast::iequals(field.value(), "chunked")) return "the only Transfer-Encoding here is chunked";
        break;
      default: break;
    }
  }
  if (lengths > 1) return "Content-Length stands there twice";
  if (encodings > 1) return "Transfer-Encoding stands there twice";
  if (lengths + encodings > 1) return "Content-Length and Transfer-Encoding exclude each other";
  if (encodings > 0 && message.version() < 11) return "HTTP/1.0 has no Transfer-Encoding";
  if (hosts > 1 || (hosts == 0 && message.version() >= 11)) return "it needs one Host";
  if (!message.target().starts_with('/')) return "its target is not a path";
  return {};
}

/// The method, the target and the headers. A chunked body's trailers come later, so they never pass for headers.
void take_header(const Parser& parser, Request& request) {
  const auto& message = parser.get();
  request.method = view(message.method_string());
  request.target = view(message.target());
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  request.path.assign(request.target, 0, question);
  request.query.assign(request.target, std::min(question + 1, request.target.size()));
  request.headers.reserve(16);
  for (const auto& field : message) request.headers.emplace_back(view(field.name_string()), view(field.value()));
}

/// Of this second: formatted once in it, on each thread.
std::string_view date_of(runtime::WallTime time) {
  thread_local std::time_t second = -1;
  thread_local std::string text;
  if (const std::time_t now = std::chrono::system_clock::to_time_t(time); now != second) {
    text = http_date(time);
    second = now;
  }
  return text;
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

}  // namespace

void Session::run(Task& task) {
  task_ = &task;
  error_code ignored;
  socket_.non_blocking(true, ignored);
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
    inbox_.shrink(k_read_bytes);
  }
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Session::Read Session::read_request(Task& task, Incoming& incoming) {
  std::size_t header_bytes = 0;
  if (const Read outcome = read_header(task, incoming, header_bytes); outcome != Read::complete) return outcome;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
  parser.body_limit(limits_.body_bytes_max);
  parser.eager(true);
  error_code error;
  inbox_.consume(parser.put(asio::const_buffer(inbox_.view().data(), header_bytes), error));
  if (error && error != http::error::need_more) {
    incoming.refusal = refusal_of(error, limits_);
    return Read::refused;
  }
  TOMADA_ASSERT(parser.is_header_done());
  if (const std::string_view why = ambiguity(parser); !why.empty()) {
    incoming.refusal = malformed(why);
    return Read::refused;
  }
  incoming.keep_alive = parser.keep_alive();
  incoming.request.origin = origin_;
  (origin_ == Origin::network ? incoming.request.peer_address : incoming.request.peer_user) = peer_;
  take_header(parser, incoming.request);
  if (parser.is_done()) return Read::complete;

  const auto length = parser.content_length();
  const bool here = length && inbox_.size() >= *length;
  if (const auto expect = parser.get().find(http::field::expect);
      !here && expect != parser.get().end() && boost::beast::iequals(expect->value(), "100-continue"))
    if (!write(task, k_continue, {})) return Read::closed;
  return length ? read_body(task, incoming, static_cast<std::size_t>(*length)) : read_chunks(task, incoming, parser);
}

Session::Read Session::read_header(Task& task, Incoming& incoming, std::size_t& header_bytes) {
  bool begun = !inbox_.empty();
  due_ = Deadline::after(task.clock(), begun ? limits_.request_timeout : limits_.idle_timeout).at();
  for (HeaderScan scan;;) {
    if (!inbox_.empty()) {
      const HeaderScan::State state = scan.look(inbox_.view());
      header_bytes = state == HeaderScan::State::complete ? scan.bytes() : inbox_.size();
      if (state == HeaderScan::State::malformed) {
        incoming.refusal = malformed("its header's lines are not plain lines that end in CR LF");
        return Read::refused;
      }
      if (header_bytes > limits_.header_bytes_max) {
        incoming.refusal = header_too_large(limits_);
        return Read::refused;
      }
      if (state == HeaderScan::State::complete) return Read::complete;
      if (!begun) due_ = Deadline::after(task.clock(), limits_.request_timeout).at();
      begun = true;
    }
    if (!read_some(task, k_read_bytes)) return begun ? cut_short(incoming) : Read::closed;
    if (!begun) due_ = Deadline::after(task.clock(), limits_.request_timeout).at();
    begun = true;
  }
}

Session::Read Session::read_body(Task& task, Incoming& incoming, std::size_t length) {
  std::string& body = incoming.request.body;
  for (;;) {
    const std::size_t count = std::min(length - body.size(), inbox_.size());
    body.append(inbox_.view().substr(0, count));  // grows with what came, not with what was announced
    inbox_.consume(count);
    if (body.size() == length) return Read::complete;
    if (!read_some(task, k_body_read_bytes)) return cut_short(incoming);
  }
}

template <class ChunkParser>
Session::Read Session::read_chunks(Task& task, Incoming& incoming, ChunkParser& parser) {
  // Sizes, extensions and trailers cost the client nothing and are thrown away: they get as much as the body itself.
  const std::size_t wire_bytes_max = 2 * limits_.body_bytes_max + limits_.header_bytes_max;
  std::size_t wire_bytes = 0;
  for (;;) {
    while (!inbox_.empty() && !parser.is_done()) {
      error_code error;
      const std::size_t used = parser.put(asio::const_buffer(inbox_.view().data(), inbox_.size()), error);
      inbox_.consume(used);
      wire_bytes += used;
      if (error && error != http::error::need_more) {
        incoming.refusal = refusal_of(error, limits_);
        return Read::refused;
      }
      if (error || used == 0) break;
    }
    if (parser.is_done()) break;
    // What the parser left is one unfinished line, or the trailers.
    if (inbox_.size() > limits_.header_bytes_max || wire_bytes > wire_bytes_max) {
      incoming.refusal = malformed("its chunks are mostly not body");
      return Read::refused;
    }
    if (!read_some(task, k_body_read_bytes)) return cut_short(incoming);
  }
  incoming.request.body = std::move(parser.get().body());
  return Read::complete;
}

Session::Read Session::cut_short(Incoming& incoming) const {
  if (!timed_out_) return Read::closed;
  incoming.refusal = problem(408, Errc::deadline, "the request did not arrive whole within " +
                                                      std::to_string(limits_.request_timeout.count()) + " ms");
  return Read::refused;
}

bool Session::read_some(Task& task, std::size_t bytes) {
  if (closing_) return false;
  watch(task);
  char* const space = inbox_.prepare(bytes);
  error_code error;
  reading_ = true;
  const std::size_t count = task.await([&](Yield yield) {
    return socket_.async_read_some(asio::buffer(space, inbox_.room()), yield[error]);
  });
  reading_ = false;
  inbox_.commit(count);
  return !error && !timed_out_;
}

void Session::watch(Task& task) {
  if (watch_.running() && watched_ <= due_) return;
  watched_ = due_;
  watch_.start(task.loop(), due_);
}

void Session::look_at_clock() {
  if (!reading_) return;  // the next read starts it again
  if (task_->clock().steady() < due_) return watch(*task_);
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
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
                   try {
                     answer = handler_(inner, request);
                   } catch (...) {
                     answer = problem(500, Errc::internal, "the host failed to answer; its log says more");
                     throw;  // spawn() reports it
                   }
                 },
                 k_handler_stack_bytes);
  (void)done.wait(runtime::Interruptible::no);
  return answer;
}

bool Session::write(Task& task, std::string_view head, std::string_view body) {
  std::array<asio::const_buffer, 2> buffers{asio::buffer(head.data(), head.size()), asio::buffer(body.data(), body.size())};
  error_code error;
  std::size_t count = socket_.write_some(buffers, error);
  if (!error && count == head.size() + body.size()) return true;  // the socket's buffer had room, as it nearly always has
  if (error && error != asio::error::would_block && error != asio::error::try_again) return false;
  if (error) count = 0;
  for (asio::const_buffer& buffer : buffers) {
    const std::size_t written = std::min(count, buffer.size());
    buffer += written;
    count -= written;
  }
  runtime::Timer timer([this] { cut(); });
  timer.start(task.loop(), Deadline::after(task.clock(), limits_.request_timeout).at());
  task.await([&](Yield yield) { return asio::async_write(socket_, buffers, yield[error]); });
  timer.cancel();
  return !error;
}

bool Session::write_answer(Task& task, const Answer& answer, bool keep_alive, bool head_only) {
  const bool bare = head_only || answer.status == 204;
  const bool small = !bare && answer.body.size() <= k_small_body_bytes;
  std::string head;
  head.reserve(512 + (small ? answer.body.size() : 0));
  head += "HTTP/1.1 ";
  append_number(head, static_cast<std::size_t>(answer.status));
  head.append(" ").append(reason_phrase(answer.status));
  head.append("\r\nDate: ").append(date_of(task.clock().wall()));
  head += "\r\nServer: Tomada/" TOMADA_VERSION "\r\n";
  for (const auto& [name, value] : answer.headers) {
    // A value may quote what a client sent: no line break gets out.
    if (value.find_first_of("\r\n") == std::string::npos) head.append(name).append(": ").append(value).append("\r\n");
  }
  if (answer.status != 204) {
    head.append("Content-Type: ").append(answer.content_type).append("\r\nContent-Length: ");
    append_number(head, answer.body.size());
    head += "\r\n";
  }
  head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (small) head += answer.body;
  return write(task, head, bare || small ? std::string_view() : std::string_view(answer.body));
}

void Session::linger(Task& task) {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  timed_out_ = false;
  due_ = Deadline::after(task.clock(), k_linger_max).at();
  for (std::size_t dropped = 0; dropped < k_linger_bytes_max;) {
    dropped += inbox_.size();
    inbox_.consume(inbox_.size());
    if (!read_some(task, k_body_read_bytes)) return;
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
