// Webhook schemes as data: what a manifest's `webhook` says, checked and compiled. No I/O, no clock: time is handed in.
#pragma once

#include "host/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::scheme {

inline constexpr std::int64_t k_tolerance_default_s = 300;
inline constexpr std::size_t k_events_max = 1'000;          // of one request
inline constexpr std::size_t k_event_id_bytes_max = 255;    // a longer one becomes its SHA-256
inline constexpr std::size_t k_event_type_bytes_max = 128;  // cut
inline constexpr std::size_t k_signatures_max = 16;         // entries of one signature header that are looked at
inline constexpr std::size_t k_secrets_max = 8;             // of one field

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A request as the provider sent it. Borrowed.
struct Inbound {
  std::string_view method;
  std::string_view url;    // what the provider called: public origin, path, query; still percent-encoded
  const Headers& headers;  // names in any case
  std::string_view body;   // raw
};

/// Secrets by credential field; several in a field while one is being rotated. Borrowed.
using Secrets = std::map<std::string, std::vector<std::string_view>, std::less<>>;

/// Splits a credential's value into its secrets: one in each line.
std::vector<std::string_view> split_secrets(std::string_view value);

struct Options {
  std::int64_t now_s{};
  std::optional<std::int64_t> tolerance_s;  // instead of the scheme's own
  bool allow_legacy{false};
};

struct Verdict {
  bool valid{false};
  std::string scheme;  // the one that decided, by id
  std::string reason;  // why not, for a person; names headers and fields, quotes no secret and no signature
};

/// What the host answers itself, without storing an event.
struct Handshake {
  int status{200};
  std::string content_type{"text/plain; charset=utf-8"};
  std::string body;
};

/// One event of a request. Views into its body or `owned`.
struct Event {
  std::string event_id;    // never empty: without a place for it in the manifest, the SHA-256 of what was signed
  std::string event_type;  // may be empty
  std::string subject;     // may be empty: no order to keep
  std::string account;     // of app webhooks; may be empty
  std::string_view body;   // the whole body, or the element's own text where the manifest names an array of events
};

enum class Reply { none, inline_ };

/// A `webhook` object of a manifest, compiled. Immutable; any thread.
class Webhook {
 public:
  /// `config` fills the "{config:field|default}" of the document and chooses the schemes whose `when_config` holds;
  /// nullptr: the defaults, and every scheme (for the check of a manifest, and for `tomada webhooks verify`).
  /// INVALID_DATA with the field's path: "webhook.schemes[0].signed: …"; INVALID_CONFIG when a config value caused it.
  static Result<std::shared_ptr<const Webhook>> compile(const nlohmann::json& document, const nlohmann::json* config);
  ~Webhook();

  /// Tries the schemes in order; valid when one accepts. No secret, no acceptance. Never throws, whatever was sent.
  [[nodiscard]] Verdict verify(const Inbound& inbound, const Secrets& secrets, const Options& options) const;

  /// Does a handshake match? Those that the manifest calls signed only when `verdict` is valid. A match whose token is
  /// wrong gives FORBIDDEN with the reason. nullopt: no handshake, go on.
  [[nodiscard]] Result<std::optional<Handshake>> handshake(const Inbound& inbound, const Secrets& secrets,
                                                           const Verdict& verdict) const;

  /// INVALID_DATA: the body is not what the manifest says (no JSON, no array, too many events).
  /// `verdict`: a valid one; its scheme may name the event id's own place.
  [[nodiscard]] Result<std::vector<Event>> events(const Inbound& inbound, const Verdict& verdict) const;

  /// The headers and the query (empty: unchanged) that make `inbound` valid now, for a test event. UNSUPPORTED: only
  /// the provider can sign (ed25519, ECDSA). INVALID_CONFIG: no secret.
  struct Signed {
    Headers headers;
    std::string query;
  };
  [[nodiscard]] Result<Signed> sign(const Inbound& inbound, const Secrets& secrets, std::int64_t now_s) const;

  /// Headers and query parameters that carry a secret itself (token, basic, JWT): never stored. Lower case.
  [[nodiscard]] const std::vector<std::string>& secret_headers() const;
  [[nodiscard]] const std::vector<std::string>& secret_query_parameters() const;
  /// Credential fields that hold secrets.
  [[nodiscard]] const std::vector<std::string>& secret_fields() const;
  /// JSON members whose values the API shows as ***, beside the host's own list.
  [[nodiscard]] const std::vector<std::string>& redacted_fields() const;
  [[nodiscard]] Reply reply() const;
  /// Does the manifest name the account's place, as app webhooks need?
  [[nodiscard]] bool has_account() const;

 private:
  struct Impl;
  [[nodiscard]] Verdict judge(const Inbound& inbound, const Signed& made, const Secrets& secrets,
                              std::int64_t now_s) const;
  explicit Webhook(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::scheme
