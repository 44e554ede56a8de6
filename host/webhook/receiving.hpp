// What the API asks of the webhook intake.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/task.hpp"
#include "host/scheme/scheme.hpp"
#include "host/store/integrations.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::webhook {

/// As it came in. Borrowed.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query as the client wrote them
  const scheme::Headers& headers;
  std::string_view body;
  std::string_view source_ip;
};

struct Response {
  int status{200};
  std::string content_type{"application/json"};
  std::string body;
  std::int64_t retry_after_seconds{0};  // 0: none
};

struct TestOutcome {
  bool accepted{false};
  std::string webhook_id;  // 16 hex digits; empty when refused
  std::string reason;      // why it was refused
  std::string url;         // the address that providers call
};

/// Any loop.
class Receiving {
 public:
  virtual ~Receiving() = default;

  /// /webhooks/{integration_id}. 200 {"success":true,"id":…} only when the event is on disk.
  /// 404 unknown address, 401 not verified, 400 not what the manifest says, 503 with Retry-After when too much waits or
  /// the store cannot write.
  virtual Response receive(runtime::Task& task, std::string_view config_id, const Request& request) = 0;
  /// /webhooks/apps/{app_id}.
  virtual Response receive_for_app(runtime::Task& task, std::string_view app_id, const Request& request) = 0;

  /// Sends an event through the intake as the provider would, signed by the host.
  /// UNSUPPORTED: only the provider can sign. INVALID_CONFIG: no secret is stored.
  virtual Result<TestOutcome> test(runtime::Task& task, const store::Integration& integration,
                                   std::string_view body_json) = 0;

  /// The integration or app was changed or removed: what is kept about it is read again. Any thread.
  virtual void forget(std::string_view id) = 0;

  [[nodiscard]] virtual std::string url_of(std::string_view config_id) const = 0;      // …/webhooks/{id}
  [[nodiscard]] virtual std::string url_of_app(std::string_view app_id) const = 0;     // …/webhooks/apps/{id}
};

}  // namespace tomada::webhook
