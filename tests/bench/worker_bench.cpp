// What a worker costs: a call, a service call, its start, its memory. Each beside its yardstick, in turns in one run: an Asio
// program that echoes over a socketpair what another process sends. usage: worker_bench ROUNDS
#include "host/cage/sealed_file.hpp"
#include "host/worker/remote_instance.hpp"
#include "tests/bench/bench_plugin.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

namespace tomada::bench {
namespace {

using Socket = boost::asio::local::stream_protocol::socket;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t k_message_bytes = 100;
constexpr std::chrono::milliseconds k_turn{300};

double seconds_since(SteadyClock::time_point start) { return std::chrono::duration<double>(SteadyClock::now() - start).count(); }

/// Reads what is there, writes it back.
class Echo {
 public:
  Echo(boost::asio::io_context& io, int number) : socket_(io, boost::asio::local::stream_protocol(), number) {}
  void read() {
    socket_.async_read_some(boost::asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t count) {
      if (error) std::_Exit(0);
      boost::asio::async_write(socket_, boost::asio::buffer(buffer_, count), [this](boost::system::error_code lost, std::size_t) {
        if (lost) std::_Exit(0);
        read();
      });
    });
  }

 private:
  Socket socket_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

/// The other end: keeps `depth` messages on their way, and sends one for each that came back.
class Pinger {
 public:
  Pinger(boost::asio::io_context& io, int number) : io_(io), socket_(io, boost::asio::local::stream_protocol(), number) {}

  double messages_per_second(std::size_t depth) {
    io_.restart();
    count_ = 0;
    stopping_ = false;
    const auto start = SteadyClock::now();
    ends_ = start + k_turn;
    pending_ = depth * k_message_bytes;
    std::fill(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(pending_), 'x');
    write(pending_);
    while (!stopping_ || pending_ > 0) io_.run_one();
    return static_cast<double>(count_) / k_message_bytes / seconds_since(start);
  }

 private:
  void write(std::size_t bytes) {
    boost::asio::async_write(socket_, boost::asio::buffer(out_.data(), bytes), [this](boost::system::error_code error, std::size_t) {
      if (error) give_up("echo");
      read();
    });
  }
  void read() {
    socket_.async_read_some(boost::asio::buffer(in_), [this](boost::system::error_code error, std::size_t count) {
      if (error) give_up("echo");
      count_ += count;
      if (SteadyClock::now() >= ends_) stopping_ = true;
      if (!stopping_) return write(count);
      pending_ -= count;
      if (pending_ > 0) read();
    });
  }

  boost::asio::io_context& io_;
  Socket socket_;
  std::vector<char> out_ = std::vector<char>(256 * 1024);
  std::vector<char> in_ = std::vector<char>(256 * 1024);
  std::size_t count_{0}, pending_{0};
  bool stopping_{false};
  SteadyClock::time_point ends_;
};

int start_echo() {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) give_up("socketpair");
  if (::fork() == 0) {
    ::close(sockets[0]);
    boost::asio::io_context io(1);
    Echo echo(io, sockets[1]);
    echo.read();
    io.run();
    std::_Exit(0);
  }
  ::close(sockets[1]);
  return sockets[0];
}

class Storage final : public ClockServices {
 public:
  using ClockServices::ClockServices;
  Result<std::string> storage_get(std::string_view) override { return std::string(k_message_bytes, 'v'); }
};

struct Bench {
  runtime::SystemClock clock;
  runtime::Loop loop{clock};
  runtime::Metrics metrics;
  std::shared_ptr<const cage::Descriptor> plugin;
  std::shared_ptr<worker::Link> link;
  std::unique_ptr<abi::Instance> there;
  std::unique_ptr<abi::Instance> here;

  Bench() {
    auto copy = expect(cage::sealed_copy(TOMADA_BENCH_PLUGIN, 1 << 30), "the plugin's copy");
    plugin = std::make_shared<const cage::Descriptor>(std::move(copy.descriptor));
    link = start();
    there = std::make_unique<worker::RemoteInstance>(link, false, "bench", "{}");
    here = expect(abi::InProcessInstance::create(load_plugin(), loop, "bench", "{}"), "the instance");
    runtime::run(loop, [&](runtime::Task& task) { return there->ready(task).has_value(); });
  }
  std::shared_ptr<worker::Link> start() {
    return expect(worker::Link::start(loop,
                                      {.program = TOMADA_WORKER,
                                       .start = {.plugin_id = "bench", .serial = false, .stack_bytes = 64 * 1024,
                                                 .memory_bytes_max = 512u << 20, .threads_max = 0},
                                       .plugin = plugin},
                                      metrics, {}),
                  "the worker");
  }

  double start_ms() {
    const auto begun = SteadyClock::now();
    const auto fresh = start();
    runtime::run(loop, [&](runtime::Task& task) {
      expect(fresh->ready(task), "ready");
      return true;
    });
    return seconds_since(begun) * 1000;
  }

  /// Calls that do nothing, one after the other.
  double calls_per_second(abi::Instance& instance) {
    std::size_t count = 0;
    const auto begun = SteadyClock::now();
    runtime::run(loop, [&](runtime::Task& task) {
      Storage services(task);
      for (; SteadyClock::now() - begun < k_turn; ++count) expect(instance.test_connection(task, services), "a call");
      return true;
    });
    return static_cast<double>(count) / seconds_since(begun);
  }

  double service_calls_per_second(abi::Instance& instance, std::size_t depth) {
    constexpr std::size_t k_gets = 500;
    const abi::SyncRequest request = work("gets", k_gets, std::string(k_message_bytes, 'k'));
    std::size_t count = 0, running = depth;
    const auto begun = SteadyClock::now();
    for (std::size_t i = 0; i < depth; ++i)
      runtime::spawn("bench", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
        Storage services(task);
        while (SteadyClock::now() - begun < k_turn) {
          expect(instance.sync(task, services, request), "a call");
          count += k_gets;
        }
        --running;
      });
    loop.run_until([&] { return running == 0; });
    return static_cast<double>(count) / seconds_since(begun);
  }

  double private_kib() const {
    std::ifstream rollup("/proc/" + std::to_string(link->pid()) + "/smaps_rollup");
    double total = 0;
    for (std::string name, line; rollup >> name; std::getline(rollup, line))
      if (name == "Private_Clean:" || name == "Private_Dirty:") total += std::stod(line);
    return total;
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(int rounds) {
  const int echo = start_echo();  // before there are threads
  boost::asio::io_context io(1);
  Pinger pinger(io, echo);
  Bench bench;
  const double private_kib = bench.private_kib();
  std::map<std::string, std::vector<double>> all;
  for (int round = 0; round < rounds; ++round) {
    all["start_ms"].push_back(bench.start_ms());
    all["calls_here"].push_back(bench.calls_per_second(*bench.here));
    all["calls_there"].push_back(bench.calls_per_second(*bench.there));
    for (const std::size_t depth : {std::size_t{1}, std::size_t{8}, std::size_t{64}}) {
      const std::string name = std::to_string(depth);
      const double bare = pinger.messages_per_second(depth);
      const double ours = bench.service_calls_per_second(*bench.there, depth);
      all["echo_" + name].push_back(bare);
      all["services_" + name].push_back(ours);
      all["ratio_" + name].push_back(ours / bare);
    }
  }
  nlohmann::ordered_json report{{"private_kib", private_kib}};
  for (const auto& [name, values] : all)
    report[name] = {{"median", median(values)},
                    {"min", *std::min_element(values.begin(), values.end())},
                    {"max", *std::max_element(values.begin(), values.end())}};
  std::puts(report.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace tomada::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return tomada::bench::run(argc > 1 ? std::atoi(argv[1]) : 7);
}
