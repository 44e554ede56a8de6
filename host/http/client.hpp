// Outbound HTTP as one small interface in layers: each layer wraps the next, libcurl is at the bottom.
#pragma once

#include "host/runtime/task.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::http {

inline constexpr std::size_t k_body_bytes_max = 32 * 1024 * 1024;  // of a body that is read whole
inline constexpr std::size_t k_header_bytes_max = 64 * 1024;       // of a response's header
inline constexpr std::size_t k_redirects_max = 5;

/// In the order sent; names keep their case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of a header by name (any case), or nullptr.
const std::string* find_header(const Headers& headers, std::string_view name);
void set_header(Headers& headers, std::string_view name, std::string value);  // replaces all of that name

struct Request {
  std::string method{"GET"};
  std::string url;  // absolute, percent-encoded, http or https
  Headers headers;
  std::string body;
  /// Set for a body that is written in pieces: its length, or nullopt inside when not known (chunked).
  std::optional<std::optional<std::uint64_t>> streamed_length{};
  std::chrono::milliseconds timeout{30'000};  // of one exchange, each hop of a redirect anew; the task's deadline applies as well
  /// Asked for each redirect target before it is followed; empty: redirects are returned as they are.
  std::function<Result<void>(std::string_view url)> may_follow{};
  bool authenticate{true};  // read by the signing layer
};

struct Head {
  int status{};
  Headers headers;
  /// Set by the layer that knows the provider's limits: refused because of one, whatever the status.
  bool throttled{false};
  std::optional<std::chrono::milliseconds> retry_after{};
};

/// One request under way. Destroying it drops whatever has not been read. Loop thread.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// For a streamed body: suspends while the buffer (256 KiB) is full.
  virtual Result<void> write(runtime::Task& task, std::string_view bytes) = 0;
  /// Ends the request and waits for the response's header. UNAVAILABLE: no connection, or it broke. DEADLINE.
  /// INVALID_DATA: what came was not HTTP, or its header is too large. FORBIDDEN: a private address.
  virtual Result<Head> finish(runtime::Task& task) = 0;
  /// Up to buffer.size() bytes; 0 only at the end. The network is held back while nobody reads (buffer 256 KiB).
  virtual Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) = 0;
};

/// Final classes are a transport or a layer. Loop thread; one client per loop.
class Client {
 public:
  virtual ~Client() = default;
  /// Starts the request; errors of the URL or method at once, those of the network from finish().
  virtual Result<std::unique_ptr<Exchange>> open(runtime::Task& task, Request request) = 0;
};

struct Response {
  Head head;
  std::string body;
};

/// open, finish, read all. INVALID_DATA when the body is longer than `body_bytes_max`.
Result<Response> fetch(runtime::Task& task, Client& client, Request request,
                       std::size_t body_bytes_max = k_body_bytes_max);
Result<std::string> read_all(runtime::Task& task, Exchange& exchange, std::size_t body_bytes_max = k_body_bytes_max);

}  // namespace tomada::http
