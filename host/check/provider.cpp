#include "host/check/provider.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <utility>

namespace tomada::check {
namespace {

using nlohmann::json;

constexpr std::size_t k_large_bytes = 2 * 1024 * 1024;
constexpr std::size_t k_depth = 20'000;

/// The words of most APIs, so that a plugin's own branches are reached.
constexpr std::array k_words = {"data", "items", "results", "records", "id", "name", "next", "next_cursor", "cursor", "has_more",
                                "paging", "after", "links", "object", "created", "updated_at", "total", "error", "message"};

json hostile_value(Dice& dice, int depth) {
  switch (dice.roll(depth > 3 ? 7 : 9)) {
    case 0: return nullptr;
    case 1: return dice.roll(2) == 0;
    case 2: return std::array<std::int64_t, 4>{0, -1, INT64_MAX, INT64_MIN}[dice.roll(4)];
    case 3: return std::array<double, 3>{0.5, 1e300, -1e-300}[dice.roll(3)];
    case 4: return "";
    case 5: return "value " + std::to_string(dice.roll(100));
    case 6: return "\xc3\xa9\xf0\x9f\x94\x8c \" \\ \n \x01";
    case 7: {
      json list = json::array();
      for (std::uint64_t count = dice.roll(4); count > 0; --count) list.push_back(hostile_value(dice, depth + 1));
      return list;
    }
    default: {
      json object = json::object();
      for (std::uint64_t count = dice.roll(7); count > 0; --count)
        object[k_words[dice.roll(k_words.size())]] = hostile_value(dice, depth + 1);
      return object;
    }
  }
}

class Adversary final : public Provider {
 public:
  explicit Adversary(std::uint64_t seed) : dice_(seed) {}

  Answer answer(const abi::HttpRequest&) override {
    Answer answer;
    switch (dice_.roll(12)) {
      case 0: answer.error = fail(Errc::unavailable, "connection reset"); return answer;
      case 1: answer.error = fail(Errc::unavailable, "no answer in time"); return answer;
      case 2: answer.error = Error{Errc::rate_limited, "the limit of this account is used up", std::chrono::seconds(2)}; return answer;
      case 3: answer.head.status = std::array{400, 401, 403, 404, 409, 410, 422, 429}[dice_.roll(8)]; break;
      case 4: answer.head.status = std::array{500, 502, 503, 504}[dice_.roll(4)]; break;
      case 5: answer.head.status = std::array{201, 202, 204, 206, 304, 599}[dice_.roll(6)]; break;
      default: answer.head.status = 200;
    }
    if (answer.head.status == 429 || dice_.roll(10) == 0) answer.head.headers.emplace_back("retry-after", dice_.roll(2) == 0 ? "1" : "soon");
    if (dice_.roll(4) != 0) answer.head.headers.emplace_back("content-type", dice_.roll(3) != 0 ? "application/json" : "text/html");
    answer.body = answer.head.status == 204 ? "" : hostile_body(dice_);
    if (dice_.roll(8) == 0) answer.breaks_off_at = dice_.roll(answer.body.size() + 1);
    return answer;
  }

 private:
  Dice dice_;
};

class Fixed final : public Provider {
 public:
  explicit Fixed(const Answers& answers) : status_(answers.status), body_(answers.body) {}
  Answer answer(const abi::HttpRequest&) override {
    Answer answer;
    answer.head = {status_, {{"content-type", "application/json"}}};
    answer.body = body_;
    return answer;
  }

 private:
  int status_;
  std::string body_;
};

/// In their order, for a plugin that reads texts.
void empty_lists(nlohmann::ordered_json& value) {
  if (value.is_array()) value = nlohmann::ordered_json::array();
  else if (value.is_object())
    for (auto& [name, inner] : value.items()) empty_lists(inner);
}

/// By what a request asks, not by its place, so that a run that was interrupted finds its answers as well. The same request
/// several times: the answers in their order, then the last one again.
class Replay final : public Provider {
 public:
  Replay(const Recording& recording, bool without_items) : recording_(recording), without_items_(without_items) {}

  Answer answer(const abi::HttpRequest& request) override {
    const std::string key = key_of(request);
    std::size_t& place = places_[key];
    const Traffic* found = nullptr;
    std::size_t count = 0;
    for (const Traffic& one : recording_.traffic)
      if (one.key() == key && count++ <= place) found = &one;
    if (found == nullptr && without_items_) return last_;
    if (found == nullptr) {
      ++misses_count_;
      return {fail(Errc::unavailable, "the recording has no " + request.method + " " + request.url), {}, {}, {}};
    }
    ++place;
    Answer answer;
    if (!found->error.empty()) answer.error = fail(Errc::unavailable, found->error);
    answer.head = {found->status, found->headers};
    answer.body = found->answer_body;
    if (without_items_) {
      // "There is more", and nothing on the page; the same for whoever asks again.
      --place;
      auto document = nlohmann::ordered_json::parse(answer.body, nullptr, false);
      empty_lists(document);
      if (!document.is_discarded()) answer.body = document.dump(-1, ' ', false, json::error_handler_t::replace);
      last_ = answer;
    }
    return answer;
  }
  [[nodiscard]] std::uint64_t misses_count() const override { return misses_count_; }

 private:
  const Recording& recording_;
  const bool without_items_;
  std::map<std::string, std::size_t> places_;
  Answer last_{fail(Errc::unavailable, "nothing was recorded"), {}, {}, {}};
  std::uint64_t misses_count_{0};
};

}  // namespace

std::string hostile_body(Dice& dice) {
  switch (dice.roll(14)) {
    case 0: return "";
    case 1: return "null";
    case 2: return "{}";
    case 3: return "[]";
    case 4: return "<!doctype html><title>502 Bad Gateway</title>";
    case 5: return "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
    case 6: return std::string(k_depth, '[');
    case 7: {
      std::string large = R"({"data":")";
      large.append(k_large_bytes, 'x');
      return large + "\"}";
    }
    case 8: return std::string("{\"data\":\"\xff\xfe\"}\0 more", 20);
    default: break;
  }
  std::string text = hostile_value(dice, 0).dump(-1, ' ', false, json::error_handler_t::replace);
  if (dice.roll(5) == 0) text.resize(dice.roll(text.size() + 1));
  return text;
}

std::unique_ptr<Provider> make_provider(const Answers& answers, const Recording& recording) {
  if (answers.kind == "fixed") return std::make_unique<Fixed>(answers);
  if (answers.kind == "replay") return std::make_unique<Replay>(recording, answers.seed != 0);
  return std::make_unique<Adversary>(answers.seed);
}

}  // namespace tomada::check
