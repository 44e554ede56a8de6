// The sender of the webhook benchmark: one thread, so many keep-alive connections, one request under way on each, every
// event once. Prints JSON; writes the ids that got a 2xx into a file, one a line.
//   webhook_load --port P --path /webhooks/ID --secret S --tag T --count N --seconds S --connections C --acks FILE
// Ends after `seconds` or `count` events, whatever comes first.
#include "stripe_events.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using tomada::bench::EventOptions;
using tomada::bench::StripeEvents;
using Clock = std::chrono::steady_clock;

constexpr std::size_t k_answer_bytes_max = 64 * 1024;

struct Arguments {
  EventOptions events;
  std::uint16_t port{};
  double seconds{5};
  std::size_t connections{64};
  std::string acks_file;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  out.events.count = 100'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port")
      out.port = static_cast<std::uint16_t>(std::stoul(value));
    else if (name == "--path")
      out.events.path = value;
    else if (name == "--secret")
      out.events.secret = value;
    else if (name == "--tag")
      out.events.tag = value;
    else if (name == "--count")
      out.events.count = std::stoul(value);
    else if (name == "--body-bytes")
      out.events.body_bytes = std::stoul(value);
    else if (name == "--seconds")
      out.seconds = std::stod(value);
    else if (name == "--connections")
      out.connections = std::stoul(value);
    else if (name == "--acks")
      out.acks_file = value;
    else
      throw std::runtime_error("unknown argument " + name);
  }
  out.events.host = "127.0.0.1:" + std::to_string(out.port);
  return out;
}

bool has_name(std::string_view line, std::string_view lower_name) {
  return line.size() > lower_name.size() &&
         std::equal(lower_name.begin(), lower_name.end(), line.begin(),
                    [](char want, char got) { return want == (got >= 'A' && got <= 'Z' ? got + 32 : got); });
}

/// An answer with a Content-Length, as far as it is here.
struct Answer {
  int status{};
  std::size_t bytes{};  // of head and body; 0: not complete
  bool closes{false};
};

Answer read_answer(std::string_view text) {
  Answer out;
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string_view::npos) return out;
  std::from_chars(text.data() + 9, text.data() + 12, out.status);
  std::size_t length = 0;
  for (std::size_t at = text.find("\r\n") + 2; at < head;) {
    const std::size_t end = text.find("\r\n", at);
    const std::string_view line = text.substr(at, end - at);
    if (has_name(line, "content-length:")) {
      const std::size_t digit = line.find_first_of("0123456789");
      std::from_chars(line.data() + digit, line.data() + line.size(), length);
    } else if (has_name(line, "connection: close")) {
      out.closes = true;
    } else if (has_name(line, "transfer-encoding:")) {
      throw std::runtime_error("the answer has no Content-Length");
    }
    at = end + 2;
  }
  if (text.size() >= head + 4 + length) out.bytes = head + 4 + length;
  return out;
}

class Sender {
 public:
  Sender(const Arguments& arguments, const StripeEvents& events)
      : arguments_(arguments), events_(events), connections_(arguments.connections), epoll_(epoll_create1(0)) {
    latencies_us_.reserve(events.count());
    acknowledged_.reserve(events.count());
  }

  void run() {
    for (auto& connection : connections_) open(connection);
    started_ = Clock::now();
    end_ = started_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(arguments_.seconds));
    for (auto& connection : connections_) send_next(connection);
    std::vector<epoll_event> ready(connections_.size());
    // What is under way when the time is over is still waited for: it may be acknowledged.
    while (under_way_ > 0) {
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 30'000);
      if (count < 0 && errno != EINTR) throw std::runtime_error("epoll_wait failed");
      if (count == 0) throw std::runtime_error("no answer for 30 s");
      for (int i = 0; i < count; ++i) receive(connections_[ready[static_cast<std::size_t>(i)].data.u64]);
    }
    finished_ = Clock::now();
  }

  void report() {
    std::ofstream acks(arguments_.acks_file);
    for (const std::size_t index : acknowledged_) acks << StripeEvents::id(arguments_.events.tag, index) << '\n';
    acks.close();
    if (!arguments_.acks_file.empty() && !acks) throw std::runtime_error("cannot write " + arguments_.acks_file);
    const double seconds = std::chrono::duration<double>(finished_ - started_).count();
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto at = [&](double part) {
      if (latencies_us_.empty()) return 0u;
      return latencies_us_[static_cast<std::size_t>(part * static_cast<double>(latencies_us_.size() - 1))];
    };
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    std::cout << "{\"answered\":" << latencies_us_.size() << ",\"acknowledged\":" << acknowledged_.size()
              << ",\"seconds\":" << seconds << ",\"per_second\":" << static_cast<double>(acknowledged_.size()) / seconds
              << ",\"p50_us\":" << at(0.5) << ",\"p95_us\":" << at(0.95) << ",\"p99_us\":" << at(0.99)
              << ",\"max_us\":" << at(1) << ",\"reconnects\":" << reconnects_
              << ",\"exhausted\":" << (next_ == events_.count() ? "true" : "false") << ",\"statuses\":{";
    const char* comma = "";
    for (const auto& [status, count] : statuses_) {
      std::cout << comma << '"' << status << "\":" << count;
      comma = ",";
    }
    std::cout << "}}\n";
  }

 private:
  struct Connection {
    int fd{-1};
    bool busy{false};
    std::size_t index{};  // of the event under way
    Clock::time_point sent;
    std::string answer;
  };

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(arguments_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    connection.answer.clear();
  }

  void send_next(Connection& connection) {
    const Clock::time_point now = Clock::now();
    if (next_ == events_.count() || now >= end_) return;
    connection.index = next_++;
    connection.busy = true;
    connection.sent = now;
    ++under_way_;
    // 1.4 KB fit into an empty socket buffer: a short write means that something is wrong.
    const std::string_view request = events_.request(connection.index);
    if (send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      lose(connection);
  }

  void receive(Connection& connection) {
    char buffer[4096];
    const ssize_t length = recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (length <= 0) return lose(connection);
    connection.answer.append(buffer, static_cast<std::size_t>(length));
    const Answer answer = read_answer(connection.answer);
    if (answer.bytes == 0) {
      if (connection.answer.size() > k_answer_bytes_max) throw std::runtime_error("an endless answer");
      return;
    }
    if (!connection.busy || answer.bytes != connection.answer.size())
      throw std::runtime_error("an answer that nobody asked for");
    connection.busy = false;
    connection.answer.clear();
    --under_way_;
    latencies_us_.push_back(static_cast<unsigned>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.sent).count()));
    ++statuses_[answer.status];
    if (answer.status / 100 == 2) acknowledged_.push_back(connection.index);
    if (answer.closes) reopen(connection);
    send_next(connection);
  }

  /// The event under way is not sent again: nothing is known about it.
  void lose(Connection& connection) {
    if (connection.busy) --under_way_;
    connection.busy = false;
    reopen(connection);
    send_next(connection);
  }

  void reopen(Connection& connection) {
    if (++reconnects_ > 10'000) throw std::runtime_error("the server keeps closing connections");
    close(connection.fd);
    open(connection);
  }

  const Arguments& arguments_;
  const StripeEvents& events_;
  std::vector<Connection> connections_;
  int epoll_;
  std::size_t next_{0};
  std::size_t under_way_{0};
  std::size_t reconnects_{0};
  Clock::time_point started_, end_, finished_;
  std::vector<unsigned> latencies_us_;
  std::vector<std::size_t> acknowledged_;
  std::map<int, std::size_t> statuses_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    const StripeEvents events(arguments.events);
    Sender sender(arguments, events);
    sender.run();
    sender.report();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "webhook_load: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
