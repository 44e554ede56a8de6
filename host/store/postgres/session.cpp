#include "host/store/postgres/session.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tomada::store::postgres {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int k_attempts_max = 6;
constexpr milliseconds k_retry_first{20};  // doubles up to the next
constexpr milliseconds k_retry_max{500};

/// One round trip: begin, whose rows, and for a write the name under which the server knows its fate.
std::string begin_script(const Terms& terms) {
  const std::string scope = "SELECT set_config('tomada.tenant_id', '" +
                            (terms.tenant_id.empty() ? std::string("*") : std::string(terms.tenant_id)) + "', true)";
  if (terms.access == Access::read) return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + scope;
  return "BEGIN; " + scope + ", pg_current_xact_id()";
}

bool is_id(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-'; });
}

}  // namespace

void Stop::request() {
  {
    const std::lock_guard lock(mutex_);
    requested_ = true;
  }
  changed_.notify_all();
}

bool Stop::wait_for(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return requested_.load(); });
}

Result<void> Session::connect() {
  TOMADA_TRY_ASSIGN(connection_, Connection::open(address_, options_.connection));
  return {};
}

std::optional<Error> Session::reconnect() {
  connection_.reset();
  const auto give_up_at = Clock::now() + options_.reconnect_max;
  for (milliseconds pause = k_retry_first;; pause = std::min(2 * pause, k_retry_max)) {
    const auto connected = connect();
    if (connected.has_value()) return std::nullopt;
    if (Clock::now() + pause >= give_up_at || !stop_.wait_for(pause)) return connected.error();
  }
}

std::optional<Error> Session::transact(const Terms& terms, const std::function<bool(Connection&)>& body) {
  // It becomes part of a statement; whatever is no id has no rows either.
  if (!is_id(terms.tenant_id)) return fail(Errc::not_found, "there is no tenant with such an id");
  milliseconds pause = k_retry_first;
  for (int attempts_count = 1;; ++attempts_count) {
    if (connection_ == nullptr)
      if (auto error = reconnect()) return error;
    switch (attempt(terms, body)) {
      case End::done: return std::nullopt;
      case End::failed: return std::exchange(error_, std::nullopt);
      case End::again: break;
    }
    if (attempts_count == k_attempts_max || !stop_.wait_for(pause)) return std::exchange(error_, std::nullopt);
    pause = std::min(2 * pause, k_retry_max);
  }
}

Session::End Session::attempt(const Terms& terms, const std::function<bool(Connection&)>& body) {
  Connection& connection = *connection_;
  connection.forget_trouble();
  const Rows begun = connection.execute(begin_script(terms));
  const std::string transaction_id = terms.access == Access::write && !begun.empty() ? begun.front().text(1) : std::string();
  const bool commits = !connection.has_error() && body(connection);
  error_ = connection.take_error();
  if (connection.trouble() == Trouble::none) {
    (void)connection.execute(commits ? "COMMIT" : "ROLLBACK");
    error_ = connection.take_error();
    if (!error_) return End::done;
    if (connection.trouble() == Trouble::connection && commits && terms.access == Access::write) return settle(transaction_id);
  }
  const Trouble trouble = connection.trouble();
  if (trouble == Trouble::connection) {
    connection_.reset();
    return End::again;
  }
  (void)connection.execute("ROLLBACK");
  if (connection.take_error()) connection_.reset();
  // A body that gave up has taken the error for itself.
  if (!error_ && commits) error_ = fail(Errc::internal, "database: the transaction failed without an error");
  return trouble == Trouble::contention ? End::again : End::failed;
}

/// The connection went while COMMIT was under way. A transaction that the server calls aborted, or never heard of, may run again.
/// "committed" proves nothing: a server that crashed before it wrote down that a number was in use gives it to somebody else.
Session::End Session::settle(std::string_view transaction_id) {
  const std::string number = "'" + std::string(transaction_id) + "'::xid8";
  const std::string question =
      "SELECT CASE WHEN " + number + " >= pg_current_xact_id() THEN 'aborted' ELSE pg_xact_status(" + number + ") END";
  for (int attempts_count = 0; attempts_count < k_attempts_max; ++attempts_count) {
    if (auto error = reconnect()) {
      error_ = std::move(error);
      return End::failed;
    }
    const Rows rows = connection_->execute(question);
    if (!connection_->take_error() && !rows.empty()) {
      if (rows.front().view(0) == "aborted") return End::again;
      if (rows.front().view(0) == "committed") break;
    }
    if (!stop_.wait_for(k_retry_max)) break;  // still in progress
  }
  error_ = fail(Errc::unavailable, "the database went while it committed; it may have taken effect");
  return End::failed;
}

}  // namespace tomada::store::postgres
