#include "host/store/postgres/webhook_intake.hpp"

#include "host/store/postgres/webhook_group.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace tomada::store::postgres {

/// The calls run twice on it: first each hands in its events, then, when they are stored, takes its answer.
class Intake::Group {
 public:
  Result<Acceptance> visit(const WebhookCall& call) {
    if (!answers_.empty()) return std::move(answers_[next_answer_++]);
    calls_.push_back(call);
    bytes_ += call.bytes;
    return Acceptance{};
  }
  [[nodiscard]] std::optional<Error> take_error() { return std::nullopt; }  // they are in the answers

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::span<const WebhookCall> calls() const { return calls_; }
  void answer(std::vector<Result<Acceptance>> answers) { answers_ = std::move(answers); }

 private:
  std::vector<WebhookCall> calls_;
  std::size_t bytes_{0};
  std::vector<Result<Acceptance>> answers_;
  std::size_t next_answer_{0};
};

namespace {

const Terms k_terms{.tenant_id = {}, .access = Access::write};
constexpr int k_id_attempts_max = 8;  // of a call whose ids other hosts made too

std::vector<Result<Acceptance>> all_fail(std::size_t count, const Error& error) {
  return std::vector<Result<Acceptance>>(count, Result<Acceptance>(error));
}

/// One transaction. Only an error of the whole of it is returned as one.
Result<std::vector<Result<Acceptance>>> try_store(Session& session, std::span<const WebhookCall> calls, WebhookIds ids) {
  std::vector<Result<Acceptance>> answers;
  if (auto error = session.transact(k_terms, [&](Connection& connection) {
        answers = store_webhooks(connection, calls, ids);
        return !connection.has_error();
      }))
    return std::move(*error);
  return answers;
}

Result<Acceptance> store_alone(Session& session, const WebhookCall& call) {
  auto answers = try_store(session, {&call, 1}, WebhookIds::given);
  for (int i = 0; answers.has_error() && answers.error().code == Errc::conflict && i < k_id_attempts_max; ++i)
    answers = try_store(session, {&call, 1}, WebhookIds::next_free);
  if (answers.has_error()) return std::move(answers).error();
  return std::move(answers->front());
}

std::vector<Result<Acceptance>> store_all(Session& session, std::span<const WebhookCall> calls) {
  auto stored = try_store(session, calls, WebhookIds::given);
  if (stored.has_value()) return *std::move(stored);
  // Not to be had now, for whomever.
  if (stored.error().code == Errc::unavailable) return all_fail(calls.size(), stored.error());
  // Something in one of the calls: it must not fail the others.
  std::vector<Result<Acceptance>> answers;
  answers.reserve(calls.size());
  for (const WebhookCall& call : calls) answers.push_back(store_alone(session, call));
  return answers;
}

}  // namespace

Intake::Intake(const Address& address, Session::Options options, Stop& stop, std::size_t threads_count,
               std::size_t waiting_max)
    : queue_(waiting_max) {
  for (std::size_t i = 0; i < threads_count; ++i) {
    Session& session = *sessions_.emplace_back(std::make_unique<Session>(address, options, stop));
    threads_.emplace_back([this, &session] { work(session); });
    pthread_setname_np(threads_.back().native_handle(), "store-intake");
  }
}

Intake::~Intake() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
}

Result<Acceptance> Intake::accept(runtime::Task& task, std::span<const NewWebhook> events) {
  const WebhookCall call(events);  // keys are made on the loop: there are many of them
  auto run = [&](Group& group) { return group.visit(call); };
  Call<Group, Terms, decltype(run)> work(task, run, k_terms);
  if (!queue_.try_push(work)) return fail(Errc::unavailable, "too much work waits for the database; try again");
  return work.wait();
}

void Intake::work(Session& session) {
  std::vector<store::Work<Group, Terms>*> taken;
  while (queue_.take(taken, k_intake_calls_max)) {
    for (std::span<store::Work<Group, Terms>* const> rest(taken); !rest.empty();) {
      Group group;
      std::size_t count = 0;
      while (count < rest.size() && group.bytes() < k_intake_bytes_max) rest[count++]->run(group);
      const auto works = rest.first(count);
      rest = rest.subspan(count);
      group.answer(store_all(session, group.calls()));
      for (auto* one : works) one->run(group);
      wake_all<store::Work<Group, Terms>>(works);
    }
  }
}

}  // namespace tomada::store::postgres
