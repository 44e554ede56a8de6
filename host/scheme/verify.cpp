// Does one of the schemes accept a request?
#include "host/base/encoding.hpp"
#include "host/scheme/rules.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace tomada::scheme {
namespace {

constexpr std::size_t k_timestamp_digits_max = 17;
constexpr std::int64_t k_seconds_max = 100'000'000'000;  // of a clock or a tolerance; in ms it still is a number

/// How far a scheme got: the reason of the one that got furthest is told.
enum class Stage { not_for_this, no_secret, no_signature, bad_timestamp, mismatch, legacy, valid };

struct Finding {
  Stage stage{Stage::not_for_this};
  std::string reason;
};

class Attempt {
 public:
  Attempt(const SchemeRule& scheme, RequestView& request, const Secrets& secrets, const Options& options)
      : scheme_(scheme),
        request_(request),
        secrets_(secrets),
        options_(options),
        filling_{.request = request,
                 .json = JsonText(request.inbound().body),
                 .url = request.inbound().url,
                 .omitted_query = scheme.signature.in == Place::In::query ? std::string_view(scheme.signature.name)
                                                                          : std::string_view()} {}

  Finding run() {
    for (const Condition& condition : scheme_.when)
      if (!holds(condition, filling_)) return {Stage::not_for_this, "no scheme of this provider is for such a request"};
    if (auto found = find_signatures()) return *found;
    if (auto found = find_keys()) return *found;
    if (auto found = check_body()) return *found;
    if (auto found = check_timestamp()) return *found;
    const std::string wrong = match();
    if (!wrong.empty()) return {Stage::mismatch, wrong};
    if (scheme_.legacy && !options_.allow_legacy)
      return {Stage::legacy, "the signature is right, but its scheme (" + scheme_.id +
                                 ") is a legacy one; the integration's allow_legacy would accept it"};
    return {Stage::valid, {}};
  }

 private:
  std::optional<Finding> find_signatures() {
    std::string wrong;
    signatures_ = entries_at(scheme_.signature, request_, wrong);
    if (signatures_.empty()) return Finding{Stage::no_signature, wrong};
    return std::nullopt;
  }

  std::optional<Finding> find_keys() {
    const auto given = secrets_.find(scheme_.secret.field);
    std::size_t secrets_count = 0;
    if (given != secrets_.end()) {
      for (const std::string_view secret : given->second) {
        if (secret.empty() || ++secrets_count > k_secrets_max) continue;
        if (auto key = key_of(scheme_.secret, secret)) keys_.push_back(*std::move(key));
      }
    }
    if (!keys_.empty()) return std::nullopt;
    if (secrets_count == 0)
      return Finding{Stage::no_secret, "no secret is stored in credentials." + scheme_.secret.field};
    return Finding{Stage::no_secret,
                   "credentials." + scheme_.secret.field + " is not written as this scheme needs it" +
                       (scheme_.secret.prefix.empty() ? "" : ": it must begin with " + scheme_.secret.prefix)};
  }

  std::optional<Finding> check_body() const {
    const bool empty = request_.inbound().body.empty();
    if (scheme_.refuses_empty_body && empty) return Finding{Stage::bad_timestamp, "the body is empty"};
    if (scheme_.takes_no_body && !empty)
      return Finding{Stage::bad_timestamp, "there is a body, which this scheme does not sign"};
    return std::nullopt;
  }

  std::optional<Finding> check_timestamp() {
    if (scheme_.timestamp.in == Place::In::none) return std::nullopt;
    std::string wrong;
    const auto entries = entries_at(scheme_.timestamp, request_, wrong);
    if (entries.empty()) return Finding{Stage::bad_timestamp, "the timestamp: " + wrong};
    timestamp_ = entries.front();
    std::int64_t value = 0;
    const auto read = std::from_chars(timestamp_.data(), timestamp_.data() + timestamp_.size(), value);
    if (timestamp_.size() > k_timestamp_digits_max || timestamp_.front() == '-' || read.ec != std::errc() ||
        read.ptr != timestamp_.data() + timestamp_.size())
      return Finding{Stage::bad_timestamp, "the timestamp in " + words_of(scheme_.timestamp) + " is not a number"};
    filling_.timestamp = timestamp_;
    const std::int64_t tolerance = tolerance_s();
    if (tolerance == 0) return std::nullopt;
    // In the timestamp's own unit: half a second over is over.
    const std::int64_t age = now_s() * scheme_.timestamp_unit - value;
    if (std::abs(age) <= tolerance * scheme_.timestamp_unit) return std::nullopt;
    return Finding{Stage::bad_timestamp, "the timestamp is " + std::to_string(std::abs(age) / scheme_.timestamp_unit) +
                                             " s " + (age > 0 ? "old" : "in the future") +
                                             ", more than the tolerance of " + std::to_string(tolerance) + " s"};
  }

  [[nodiscard]] std::int64_t now_s() const { return std::clamp(options_.now_s, -k_seconds_max, k_seconds_max); }
  [[nodiscard]] std::int64_t tolerance_s() const {
    return std::clamp<std::int64_t>(options_.tolerance_s.value_or(scheme_.tolerance_s), 0, k_seconds_max);
  }

  /// Empty: one signature is right with one key.
  std::string match() {
    switch (scheme_.algorithm) {
      case Algorithm::token:
        return match_token();
      case Algorithm::basic:
        return match_basic();
      case Algorithm::jwt_hmac:
      case Algorithm::jwt_es256:
      case Algorithm::jwt_rs256:
        return match_jwt();
      default:
        return match_signature();
    }
  }

  std::string match_token() const {
    for (const std::string& key : keys_)
      for (const std::string& signature : signatures_)
        if (equal_in_constant_time(key, signature)) return {};
    return words_of(scheme_.signature) + " is not the secret";
  }

  std::string match_basic() const {
    const std::string& value = signatures_.front();
    const std::size_t space = value.find(' ');
    if (space == std::string::npos || !equal_ignoring_case(std::string_view(value).substr(0, space), "Basic"))
      return "the header Authorization is not of the kind Basic";
    const auto given = strict_base64_decode(std::string_view(value).substr(space + 1));
    if (!given) return "the header Authorization is not valid base64";
    for (const std::string& key : keys_)
      if (equal_in_constant_time(key, *given)) return {};
    return "user or password is wrong";
  }

  std::string match_jwt() const {
    std::string reason;
    for (const std::string& key : keys_) {
      reason = check_jwt(scheme_, key, signatures_.front(), filling_, now_s(), tolerance_s());
      if (reason.empty()) return {};
    }
    return reason;
  }

  std::string match_signature() {
    const Encoding encoding = scheme_.encoding;
    std::vector<std::string> marks;
    for (const std::string& signature : signatures_)
      if (auto bytes = decode(encoding, signature)) marks.push_back(*std::move(bytes));
    if (marks.empty())
      return "the signature in " + words_of(scheme_.signature) + " is not valid " +
             (encoding == Encoding::hex ? "hex" : "base64");
    for (const std::string& url : urls_of(scheme_, request_.inbound().url)) {
      filling_.url = url;
      for (const std::string& key : keys_) {
        filling_.secret = key;
        text_.clear();
        if (const auto missing = fill(scheme_.signed_text, filling_, Missing::refuse, text_))
          return *missing + " is missing, and it is signed";
        if (any_right(key, marks)) return {};
      }
    }
    return "the signature does not match: the body was changed on its way, or the secret is another one";
  }

  bool any_right(const std::string& key, const std::vector<std::string>& marks) const {
    switch (scheme_.algorithm) {
      case Algorithm::hmac:
        return contains(marks, hmac(scheme_.digest, key, text_));
      case Algorithm::plain_digest:
        return contains(marks, digest(scheme_.digest, text_));
      case Algorithm::ed25519:
        return std::any_of(marks.begin(), marks.end(),
                           [&](const std::string& mark) { return verify_ed25519(key, text_, mark); });
      case Algorithm::ecdsa_p256:
        return std::any_of(marks.begin(), marks.end(),
                           [&](const std::string& mark) { return verify_ecdsa_p256(key, text_, mark); });
      default:
        return false;
    }
  }

  static bool contains(const std::vector<std::string>& marks, const std::string& expected) {
    return std::any_of(marks.begin(), marks.end(),
                       [&](const std::string& mark) { return equal_in_constant_time(mark, expected); });
  }

  const SchemeRule& scheme_;
  RequestView& request_;
  const Secrets& secrets_;
  const Options& options_;
  Filling filling_;
  std::vector<std::string> signatures_;
  std::vector<std::string> keys_;
  std::string timestamp_;
  std::string text_;
};

}  // namespace

Verdict Webhook::verify(const Inbound& inbound, const Secrets& secrets, const Options& options) const {
  RequestView request(inbound);
  Finding best;
  Verdict verdict;
  for (const SchemeRule& scheme : impl_->rules.schemes) {
    Finding finding = Attempt(scheme, request, secrets, options).run();
    if (finding.stage == Stage::valid) return {true, scheme.id, {}};
    if (!verdict.scheme.empty() && finding.stage <= best.stage) continue;
    best = std::move(finding);
    verdict.scheme = scheme.id;
  }
  verdict.reason = std::move(best.reason);
  return verdict;
}

}  // namespace tomada::scheme
