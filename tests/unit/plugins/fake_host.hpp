// The C tables of a host for one thread and one plugin at a time: replies come from a script, what the plugin does is
// written down.
#pragma once

#include <tomada/plugin.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plugins_test {

struct Reply {
  std::uint32_t status{200};
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
  tomada_status outcome{TOMADA_OK};            // of send(): TOMADA_E_CANCELLED, ...
};

struct Seen {
  std::string method;
  std::string url;
  std::map<std::string, std::string> headers;
  std::string body;
};

struct Upserted {
  std::string external_id;
  std::string json;
  tomada_unix_ms updated_at_ms{};
};

struct Said {
  tomada_status status{};
  std::string message;
  std::string provider_code;
  std::uint32_t http_status{};
  std::uint64_t retry_after_ms{};
};

/// One call and everything that the services saw of it; its address is the tomada_call.
class FakeCall {
 public:
  [[nodiscard]] tomada_call handle() { return reinterpret_cast<tomada_call>(this); }

  std::function<Reply(const Seen&)> on_request;
  std::size_t read_bytes_max{11};  // small, so that text is split in the oddest places

  std::vector<Seen> requests;
  std::vector<Upserted> page;  // not committed yet
  std::vector<Upserted> committed;
  std::vector<std::string> checkpoints;
  std::optional<std::string> completed_since;
  std::vector<std::string> log;
  std::uint64_t progress{};
  std::optional<Said> said;
  std::map<std::string, std::string> storage;

  struct OpenResponse {
    Reply reply;
    std::size_t offset{};
  };
  std::map<tomada_response, OpenResponse> responses;
  tomada_response last_response{};
};

/// The bootstrap. Services in `missing` are not found.
const tomada_host& fake_host();
void set_missing_services(std::set<std::string> missing);

/// A plugin's instance over the C table.
class Instance {
 public:
  using EntryFunction = tomada_status (*)(const tomada_host*, tomada_plugin*);
  Instance(EntryFunction entry, std::string_view config_json);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] tomada_status created() const { return created_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] const tomada_plugin& table() const { return table_; }

  tomada_status test_connection(FakeCall& call) { return table_.test_connection(instance_, call.handle()); }
  tomada_status sync(FakeCall& call, std::string_view entity, std::uint32_t mode = TOMADA_SYNC_FULL,
                     std::string_view resume = {}, std::string_view since = {});
  tomada_status handle_webhook(FakeCall& call, const tomada_webhook& webhook) {
    return table_.handle_webhook(instance_, call.handle(), &webhook, 0);
  }

 private:
  tomada_plugin table_{};
  void* instance_{};
  tomada_status created_{};
  std::string why_;
};

}  // namespace plugins_test
