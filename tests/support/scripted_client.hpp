// An HTTP client without a network, on a manual clock: answers by a function, takes its time, remembers what was sent.
#pragma once

#include "host/http/client.hpp"
#include "host/runtime/task.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tomada::http::testing {

class ScriptedClient final : public Client {
 public:
  struct Answer {
    Result<Head> head{Head{200, {}}};
    std::string body{};
    std::chrono::milliseconds takes{0};
  };
  using Script = std::function<Answer(const Request& request, std::size_t number)>;

  explicit ScriptedClient(Script script) : script_(std::move(script)) {}

  Result<std::unique_ptr<Exchange>> open(runtime::Task& task, Request request) override {
    sent_at.push_back(task.clock().steady());
    Answer answer = script_(request, sent.size());
    sent.push_back(std::move(request));
    return std::unique_ptr<Exchange>(std::make_unique<Scripted>(*this, std::move(answer)));
  }

  std::vector<Request> sent;
  std::vector<runtime::SteadyTime> sent_at;
  std::size_t open_count{0};
  std::size_t open_count_max{0};

 private:
  class Scripted final : public Exchange {
   public:
    Scripted(ScriptedClient& owner, Answer answer) : owner_(owner), answer_(std::move(answer)) {
      owner_.open_count_max = std::max(owner_.open_count_max, ++owner_.open_count);
    }
    ~Scripted() override { --owner_.open_count; }
    Result<void> write(runtime::Task&, std::string_view) override { return {}; }
    Result<Head> finish(runtime::Task& task) override {
      if (answer_.takes.count() > 0) TOMADA_TRY(runtime::sleep_for(task, answer_.takes));
      return answer_.head;
    }
    Result<std::size_t> read(runtime::Task&, std::span<char> buffer) override {
      const std::size_t count = std::min(buffer.size(), answer_.body.size() - read_);
      std::memcpy(buffer.data(), answer_.body.data() + read_, count);
      read_ += count;
      return count;
    }

   private:
    ScriptedClient& owner_;
    Answer answer_;
    std::size_t read_{0};
  };

  Script script_;
};

inline ScriptedClient::Answer status(int code, Headers headers = {}, std::string body = {}) {
  return {Head{code, std::move(headers)}, std::move(body), std::chrono::milliseconds(0)};
}
inline ScriptedClient::Answer failure(Errc code) { return {fail(code, "scripted"), {}, std::chrono::milliseconds(0)}; }

/// Runs `fn(task)` on a loop with a manual clock to its end; the clock moves on a millisecond whenever nothing is ready.
template <class F>
auto run_manual(runtime::Loop& loop, runtime::ManualClock& clock, F fn, runtime::Deadline deadline = runtime::Deadline::never()) {
  std::optional<std::invoke_result_t<F&, runtime::Task&>> value;
  runtime::spawn("test", loop, deadline, [&](runtime::Task& task) { value.emplace(fn(task)); }, runtime::k_stack_bytes_max);
  while (!value)
    if (!loop.run_ready()) clock.advance(std::chrono::milliseconds(1));
  while (loop.run_ready()) {}
  return std::move(*value);
}

/// The seed of random tests: TOMADA_SEED replays a run that failed.
inline std::uint64_t test_seed(std::uint64_t otherwise) {
  const char* const given = std::getenv("TOMADA_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace tomada::http::testing
