#include "host/limit/signals.hpp"

#include "host/http/http_date.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace tomada::limit {
namespace {

using std::chrono::duration;
using std::chrono::seconds;

constexpr double k_told_max = 1e12;
constexpr std::chrono::seconds k_clocks_agree{3};
constexpr Span k_wait_told_max = std::chrono::hours(24 * 31);

bool is_name(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](unsigned char a, char b) {
           return std::tolower(a) == b;
         });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The number that `text` begins with; what follows is cut off ("100, 100;w=10").
std::optional<double> number(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value) || value < 0 || value > k_told_max * 10) return std::nullopt;
  return value;
}

Span seconds_span(double value) {
  return std::min(std::chrono::duration_cast<Span>(duration<double>(std::min(value, 1e7))), k_wait_told_max);
}

/// Seconds from now, Unix seconds or Unix milliseconds: told apart by their size, as no window lasts 30 years.
std::optional<Span> reset_in(std::string_view text, runtime::WallTime now) {
  const auto value = number(text);
  if (!value) return std::nullopt;
  if (*value < 1e9) return seconds_span(*value);
  const double at = *value > 1e11 ? *value / 1000 : *value;
  return seconds_span(std::max(0.0, at - duration<double>(now.time_since_epoch()).count()));
}

enum class Field { limit, remaining, reset };

/// A family of headers that speak of one limit; the longest prefix first.
struct Family {
  std::string_view header;  // lower case
  std::string_view name;
  Field field;
  Span length;  // of its window, where the family has only one; 0: not said
};

constexpr std::array k_families{
    Family{"ratelimit-limit", "ratelimit", Field::limit, Span(0)},
    Family{"ratelimit-remaining", "ratelimit", Field::remaining, Span(0)},
    Family{"ratelimit-reset", "ratelimit", Field::reset, Span(0)},
    Family{"x-ratelimit-limit", "x-ratelimit", Field::limit, Span(0)},
    Family{"x-ratelimit-remaining", "x-ratelimit", Field::remaining, Span(0)},
    Family{"x-ratelimit-reset", "x-ratelimit", Field::reset, Span(0)},
    Family{"x-rate-limit", "x-rate-limit", Field::limit, Span(0)},
    Family{"x-rate-limit-limit", "x-rate-limit", Field::limit, Span(0)},
    Family{"x-rate-limit-remaining", "x-rate-limit", Field::remaining, Span(0)},
    Family{"x-rate-limit-reset", "x-rate-limit", Field::reset, Span(0)},
    Family{"x-ratelimit-limit-second", "x-ratelimit.second", Field::limit, seconds(1)},
    Family{"x-ratelimit-remaining-second", "x-ratelimit.second", Field::remaining, seconds(1)},
    Family{"x-ratelimit-limit-minute", "x-ratelimit.minute", Field::limit, seconds(60)},
    Family{"x-ratelimit-remaining-minute", "x-ratelimit.minute", Field::remaining, seconds(60)},
    Family{"x-ratelimit-limit-hour", "x-ratelimit.hour", Field::limit, seconds(3600)},
    Family{"x-ratelimit-remaining-hour", "x-ratelimit.hour", Field::remaining, seconds(3600)},
    Family{"x-ratelimit-limit-day", "x-ratelimit.day", Field::limit, seconds(86400)},
    Family{"x-ratelimit-remaining-day", "x-ratelimit.day", Field::remaining, seconds(86400)},
    Family{"x-hubspot-ratelimit-max", "hubspot.interval", Field::limit, Span(0)},
    Family{"x-hubspot-ratelimit-remaining", "hubspot.interval", Field::remaining, Span(0)},
    Family{"x-hubspot-ratelimit-secondly", "hubspot.second", Field::limit, seconds(1)},
    Family{"x-hubspot-ratelimit-secondly-remaining", "hubspot.second", Field::remaining, seconds(1)},
    Family{"x-hubspot-ratelimit-daily", "hubspot.day", Field::limit, seconds(86400)},
    Family{"x-hubspot-ratelimit-daily-remaining", "hubspot.day", Field::remaining, seconds(86400)},
    Family{"x-daily-ratelimit-token-limit", "pipedrive.day", Field::limit, seconds(86400)},
    Family{"x-daily-ratelimit-token-remaining", "pipedrive.day", Field::remaining, seconds(86400)},
};

/// The first letters of all headers that are looked at; most others end here.
bool may_matter(std::string_view name) {
  if (name.size() < 9) return false;
  const char c = static_cast<char>(name[0] | 0x20);
  return c == 'x' || c == 'r' || c == 's';
}

class Reader {
 public:
  Reader(Signals& signals, runtime::WallTime now) : signals_(signals), now_(now) {}

  void read(std::string_view name, std::string_view value) {
    if (is_name(name, "retry-after")) return read_retry_after(value);
    if (is_name(name, "x-hubspot-ratelimit-interval-milliseconds")) return read_hubspot_interval(value);
    if (is_name(name, "x-shopify-shop-api-call-limit")) return read_shopify(value);
    if (is_name(name, "sforce-limit-info")) return read_salesforce(value);
    if (is_name(name, "ratelimit-policy")) return read_policy(value);
    if (is_name(name, "ratelimit")) return read_combined(value);
    for (const Family& family : k_families)
      if (is_name(name, family.header)) return read_family(family, value);
  }

 private:
  Told& told(std::string_view name) {
    for (Told& told : signals_.told)
      if (told.name == name) return told;
    signals_.told.push_back(Told{});
    signals_.told.back().name = name;
    return signals_.told.back();
  }

  void read_family(const Family& family, std::string_view value) {
    const auto parsed = number(value);
    if (!parsed) return;
    Told& limit = told(family.name);
    if (family.length.count() > 0) limit.length = family.length;
    switch (family.field) {
      case Field::limit:
        limit.amount = parsed;
        if (const std::size_t at = value.find(";w="); at != std::string_view::npos)
          if (const auto length = number(value.substr(at + 3))) limit.length = seconds_span(*length);
        break;
      case Field::remaining: limit.remaining = parsed; break;
      case Field::reset:
        limit.reset_in = reset_in(value, now_);
        limit.reset_granularity = value.find('.') == std::string_view::npos && *parsed < 1e11 ? Span(seconds(1)) : Span(0);
        break;
    }
  }

  void read_retry_after(std::string_view value) {
    if (const auto at = http::read_http_date(trim(value))) {
      signals_.retry_after = seconds_span(std::max(0.0, duration<double>(*at - now_).count()) + 1);  // dates are whole seconds
    } else if (const auto wait = number(value)) {
      signals_.retry_after = seconds_span(*wait);
    }
  }

  void read_hubspot_interval(std::string_view value) {
    if (const auto ms = number(value); ms && *ms > 0) told("hubspot.interval").length = seconds_span(*ms / 1000);
  }

  /// "32/40": used of what the bucket holds, which is what leaks in 20 seconds.
  void read_shopify(std::string_view value) {
    const std::size_t slash = value.find('/');
    if (slash == std::string_view::npos) return;
    const auto used = number(value.substr(0, slash));
    const auto capacity = number(value.substr(slash + 1));
    if (!used || !capacity || *capacity < 1) return;
    Told& bucket = told("shopify.rest");
    bucket.kind = Told::Kind::bucket;
    bucket.amount = capacity;
    bucket.remaining = std::max(0.0, *capacity - *used);
    bucket.restore_per_second = *capacity / 20;
  }

  /// "api-usage=25/15000", perhaps with "; per-app-api-usage=…" after it.
  void read_salesforce(std::string_view value) {
    constexpr std::string_view k_usage = "api-usage=";
    if (!value.starts_with(k_usage)) return;
    value.remove_prefix(k_usage.size());
    const std::size_t slash = value.find('/');
    if (slash == std::string_view::npos) return;
    const auto used = number(value.substr(0, slash));
    const auto amount = number(value.substr(slash + 1));
    if (!used || !amount || *amount < 1) return;
    Told& day = told("salesforce.day");
    day.amount = amount;
    day.remaining = std::max(0.0, *amount - *used);
    day.length = seconds(86400);
  }

  /// "100;w=60", of the drafts of RateLimit header fields.
  void read_policy(std::string_view value) {
    const std::size_t at = value.find(";w=");
    const std::size_t quota = value.find(";q=");
    if (at == std::string_view::npos) return;
    const auto amount = quota == std::string_view::npos ? number(value) : number(value.substr(quota + 3));
    const auto length = number(value.substr(at + 3));
    if (!amount || !length || *length <= 0) return;
    Told& limit = told("ratelimit");
    if (!limit.amount) limit.amount = amount;
    limit.length = seconds_span(*length);
  }

  /// "limit=100, remaining=50, reset=5", and the later draft's '"default";r=50;t=5'.
  void read_combined(std::string_view value) {
    Told& limit = told("ratelimit");
    const auto after = [&](std::string_view key) -> std::optional<double> {
      const std::size_t at = value.find(key);
      return at == std::string_view::npos ? std::nullopt : number(value.substr(at + key.size()));
    };
    if (const auto amount = after("limit=")) limit.amount = amount;
    limit.remaining = after("remaining=");
    if (!limit.remaining) limit.remaining = after(";r=");
    auto reset = after("reset=");
    if (!reset) reset = after(";t=");
    if (reset) limit.reset_in = seconds_span(*reset);
    limit.reset_granularity = seconds(1);
  }

  Signals& signals_;
  runtime::WallTime now_;
};

}  // namespace

Signals read_signals(const http::Head& head, runtime::WallTime now) {
  Signals signals;
  signals.status = head.status;
  // An absolute time is of the provider's clock. Where that is clearly not ours, it is measured from its own Date, which has
  // whole seconds only; else ours is the finer one.
  Reader reader(signals, [&] {
    if (const std::string* const date = http::find_header(head.headers, "date"))
      if (const auto theirs = http::read_http_date(*date); theirs && std::chrono::abs(*theirs - now) > k_clocks_agree) return *theirs;
    return now;
  }());
  for (const auto& [name, value] : head.headers)
    if (may_matter(name)) reader.read(name, value);
  std::erase_if(signals.told, [](const Told& told) {
    return (!told.amount && !told.remaining) || (told.amount && (*told.amount < 1 || *told.amount > k_told_max));
  });
  signals.throttled = head.status == 429 || (head.status == 503 && signals.retry_after);
  return signals;
}

std::optional<Told> read_graphql_cost(std::string_view tail) {
  const std::size_t at = tail.rfind("\"throttleStatus\"");
  if (at == std::string_view::npos) return std::nullopt;
  const auto field = [&](std::string_view name) -> std::optional<double> {
    std::size_t found = tail.find(name, at);
    if (found == std::string_view::npos) return std::nullopt;
    found = tail.find(':', found + name.size());
    return found == std::string_view::npos ? std::nullopt : number(tail.substr(found + 1));
  };
  Told bucket;
  bucket.kind = Told::Kind::bucket;
  bucket.name = "graphql.cost";
  bucket.amount = field("\"maximumAvailable\"");
  bucket.remaining = field("\"currentlyAvailable\"");
  bucket.restore_per_second = field("\"restoreRate\"");
  if (!bucket.amount || *bucket.amount < 1 || !bucket.remaining || !bucket.restore_per_second) return std::nullopt;
  return bucket;
}

}  // namespace tomada::limit
