#include "host/store/postgres/connection.hpp"

#include <pqxx/binarystring>
#include <pqxx/except>
#include <pqxx/prepared_statement>
#include <pqxx/strconv>

#include <charconv>
#include <utility>

/// How libpqxx reads a Parameter.
template <>
struct pqxx::string_traits<tomada::store::postgres::Parameter> {
  using Parameter = tomada::store::postgres::Parameter;
  static constexpr const char* name() noexcept { return "Parameter"; }
  static constexpr bool has_null() noexcept { return true; }
  static bool is_null(const Parameter& parameter) { return parameter.is_null; }
  static std::string to_string(const Parameter& parameter) { return parameter.text; }
};

#ifdef __SANITIZE_ADDRESS__
/// libpqxx 6.4 asks for the encoding of a connection before it takes an answer; when the connection just ended that throws
/// and the empty answer (some 200 bytes) is lost. Nothing but leaks that began inside libpqxx is kept quiet.
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx"; }
#endif

namespace tomada::store::postgres {
namespace {

/// https://www.postgresql.org/docs/15/errcodes-appendix.html
struct Verdict {
  Trouble trouble;
  Error error;
};

Verdict judge(std::string_view state, const std::string& message) {
  const auto statement = [&](Errc code, std::string text) { return Verdict{Trouble::statement, fail(code, std::move(text))}; };
  if (state == "40001" || state == "40P01" || state == "55P03")
    return {Trouble::contention, fail(Errc::unavailable, "the database is busy with the same rows; nothing was written")};
  // The server goes, comes, or takes no more connections.
  if (state.starts_with("08") || state.starts_with("57P") || state == "53300")
    return {Trouble::connection, fail(Errc::unavailable, "the database is not reachable: " + message)};
  if (state == "57014")
    return statement(Errc::unavailable, "the database took longer than the statement timeout; nothing was written");
  if (state.starts_with("53"))
    return statement(Errc::unavailable, "the database has no room (" + message + "); nothing was written");
  if (state == "25006") return statement(Errc::unavailable, "the database is read-only (a standby?); nothing was written");
  if (state == "23505" || state == "23P01") return statement(Errc::conflict, "there is one already: " + message);
  if (state == "23503") return statement(Errc::not_found, "it refers to something that does not exist");
  // The only texts that are read as something else are ids: a text that is no UUID names nothing.
  if (state == "22P02") return statement(Errc::not_found, "there is nothing with such an id");
  if (state == "42501")
    return statement(Errc::internal, "row-level security or a missing right refuses it: " + message);
  return statement(Errc::internal, "database: " + message);
}

std::string first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.starts_with("ERROR:")) text.remove_prefix(6);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return std::string(text);
}

}  // namespace

Parameter::Parameter(std::string_view value) { append_valid_utf8(text, value); }
Parameter::Parameter(Blob value) { append_hex(text, value.bytes); }
Parameter::Parameter(const Array& value) : text(value.text()) {}

std::int64_t Row::integer(int column) const {
  const std::string_view text = view(column);
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  TOMADA_ASSERT(is_null(column) || (code == std::errc() && end == text.data() + text.size()));
  return value;
}

std::optional<std::int64_t> Row::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::string Row::bytes(int column) const {
  if (is_null(column)) return {};
  return pqxx::binarystring(row_[column]).str();
}

Connection::Connection(std::unique_ptr<pqxx::connection> handle)
    : handle_(std::move(handle)),
      quiet_(std::make_unique<pqxx::quiet_errorhandler>(*handle_)),
      session_(std::make_unique<pqxx::nontransaction>(*handle_)) {}

Result<std::unique_ptr<Connection>> Connection::open(const Address& address, Options options) {
  try {
    auto handle = std::make_unique<pqxx::connection>(address.connection_text);
    // It would go on in the middle of a transaction, on a connection that knows nothing of its beginning.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    handle->inhibit_reactivation(true);
#pragma GCC diagnostic pop
    handle->set_verbosity(pqxx::connection::terse);
    std::unique_ptr<Connection> connection(new Connection(std::move(handle)));
    // A host that is stopped in the middle of a transaction must not keep its locks for ever. Compiling our short
    // statements would cost a hundred times what they do.
    connection->execute("SET statement_timeout = " + std::to_string(options.statement_timeout.count()) +
                        "; SET idle_in_transaction_session_timeout = 15000; SET timezone = 'UTC'; SET jit = off");
    if (options.follows_indexes)
      connection->execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"
                          " SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan");
    TOMADA_TRY(connection->take_result());
    return connection;
  } catch (const std::exception& exception) {
    return fail(Errc::unavailable, "cannot connect to " + address.shown + ": " + first_line(exception.what()));
  }
}

template <class F>
Rows Connection::guarded(F fn) {
  if (has_error()) return {};
  try {
    return fn();
  } catch (const std::exception& exception) {
    keep_error(exception);
    return {};
  }
}

Rows Connection::execute_prepared(Sql sql, std::span<const Parameter> parameters) {
  return guarded([&] {
    const std::string& name = prepared(sql);
    return Rows(session_->exec_prepared(name, pqxx::prepare::make_dynamic_params(parameters.begin(), parameters.end())));
  });
}

Rows Connection::execute(const std::string& script) {
  return guarded([&] { return Rows(session_->exec(script)); });
}

const std::string& Connection::prepared(Sql sql) {
  std::string& name = names_[sql.text];
  if (name.empty()) {
    name = "s" + std::to_string(names_.size());
    handle_->prepare(name, sql.text);
  }
  return name;
}

void Connection::keep_error(const std::exception& exception) {
  Verdict verdict;
  if (const auto* error = dynamic_cast<const pqxx::sql_error*>(&exception); error != nullptr && !error->sqlstate().empty())
    verdict = judge(error->sqlstate(), first_line(exception.what()));
  else if (dynamic_cast<const pqxx::broken_connection*>(&exception) != nullptr || !handle_->is_open())
    verdict = judge("08006", first_line(exception.what()));
  else if (dynamic_cast<const pqxx::deadlock_detected*>(&exception) != nullptr)
    verdict = judge("40P01", first_line(exception.what()));
  else if (dynamic_cast<const pqxx::serialization_failure*>(&exception) != nullptr)
    verdict = judge("40001", first_line(exception.what()));
  else
    verdict = judge("", first_line(exception.what()));
  trouble_ = verdict.trouble;
  error_ = std::move(verdict.error);
}

std::optional<Error> Connection::take_error() { return std::exchange(error_, std::nullopt); }

Result<void> Connection::take_result() {
  if (auto error = take_error()) return std::move(*error);
  return {};
}

}  // namespace tomada::store::postgres
