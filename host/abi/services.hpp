// What a plugin call can ask for. The thunks behind the C tables end here; service/ implements it in the host, a worker
// process by messages.
#pragma once

#include "host/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::abi {

enum class LogLevel { debug = 1, info, warn, error };

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<std::optional<std::uint64_t>> streamed_length;  // set for a body in pieces; inner nullopt: not known
  std::chrono::milliseconds timeout{0};                         // 0: the host's default
  bool authenticate{true};
};

struct HttpHead {
  int status{};
  std::vector<std::pair<std::string, std::string>> headers;
};

class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<HttpHead> finish() = 0;
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
  virtual Result<std::string> read_all() = 0;
};

struct RecordView {
  std::string_view external_id;
  std::string_view data_json;
  std::int64_t updated_at_ms{};
};

/// One object for each call, used only on the call's thread. Functions marked * may suspend; they return CANCELLED or
/// DEADLINE at once when the call is over.
class Services {
 public:
  virtual ~Services() = default;

  /// OK while the call may go on.
  virtual Result<void> check() = 0;
  virtual std::chrono::milliseconds remaining() = 0;

  virtual void log(LogLevel level, std::string_view message) = 0;

  virtual std::int64_t now_ms() = 0;
  virtual Result<void> sleep(std::chrono::milliseconds duration) = 0;  // *

  virtual Result<std::unique_ptr<HttpExchange>> http_open(HttpRequest request) = 0;  // *

  virtual Result<void> upsert(std::string_view entity, const RecordView& record) = 0;
  virtual Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) = 0;
  /// A record was lost before it could be one: the run is partial.
  virtual void refuse_record(std::string_view why) = 0;
  virtual Result<void> checkpoint(std::string_view cursor) = 0;                          // *
  virtual Result<void> complete(std::string_view entity, std::string_view since) = 0;    // *
  virtual Result<void> progress(std::uint64_t current, std::uint64_t total) = 0;

  virtual Result<std::string> storage_get(std::string_view key) = 0;                      // *
  virtual Result<void> storage_put(std::string_view key, std::string_view value) = 0;     // *
  virtual Result<void> storage_remove(std::string_view key) = 0;                          // *

  /// The one answer to an inline webhook; the thunk has checked its limits.
  virtual Result<void> reply(int status, std::string_view content_type, std::string_view body) {
    (void)status, (void)content_type, (void)body;
    return fail(Errc::unsupported, "nobody waits for an answer here");
  }

  /// The view lives as long as the call.
  virtual Result<std::string_view> credential(std::string_view field) = 0;
  virtual bool has_credential(std::string_view field) = 0;
  /// Those that has_credential() is true for.
  virtual std::vector<std::string> credential_fields() = 0;

  /// So many responses were left to the host at the end of the call; it has released them.
  virtual void left_open(std::size_t handles_count) noexcept { (void)handles_count; }

  /// The plugin broke a rule (a stale handle, an unknown status, a throw): counted and logged as its fault.
  virtual void misbehaved(std::string_view what) = 0;
};

}  // namespace tomada::abi
