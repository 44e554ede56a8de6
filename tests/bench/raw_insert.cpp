// raw_insert SOURCE TARGET ROWS TABLE...: the yardstick of the sync benchmark. Reads the named tables of the database
// SOURCE into memory, makes them with their indexes in the new file TARGET (same page size, WAL, synchronous FULL), and
// inserts their rows with prepared statements, ROWS of each table in one transaction. Prints one line of JSON; reading
// and making the tables is not counted.
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "raw_insert: %s\n", what.c_str());
  std::exit(1);
}

class Database {
 public:
  Database(const std::string& file, int flags) {
    if (sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr) != SQLITE_OK) give_up(file + ": " + error());
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;
  Statement prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) give_up(sql + ": " + error());
    return {statement, &sqlite3_finalize};
  }
  void execute(const std::string& sql) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) give_up(sql + ": " + error());
  }
  std::string text(const std::string& sql) {
    auto query = prepare(sql);
    if (sqlite3_step(query.get()) != SQLITE_ROW) give_up(sql + ": no row");
    return reinterpret_cast<const char*>(sqlite3_column_text(query.get(), 0));
  }
  std::string error() { return sqlite3_errmsg(handle_); }

 private:
  sqlite3* handle_{};
};

struct ValueFree {
  void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Value = std::unique_ptr<sqlite3_value, ValueFree>;

struct Table {
  std::string name;
  std::vector<std::string> ddl;  // the table, then its indexes
  std::vector<std::string> columns;
  std::vector<Value> values;  // row after row
  [[nodiscard]] std::size_t rows_count() const { return values.size() / columns.size(); }
  [[nodiscard]] std::string insert() const {
    std::string names;
    std::string places;
    for (const auto& column : columns) {
      names += (names.empty() ? "" : ", ") + column;
      places += places.empty() ? "?" : ", ?";
    }
    return "INSERT INTO " + name + " (" + names + ") VALUES (" + places + ")";
  }
};

Table read_table(Database& source, const std::string& name) {
  Table table{.name = name};
  auto schema = source.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = '" + name +
                               "' AND sql IS NOT NULL ORDER BY type = 'table' DESC");
  while (sqlite3_step(schema.get()) == SQLITE_ROW)
    table.ddl.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(schema.get(), 0)));
  if (table.ddl.empty()) give_up("no table " + name + " in the source");
  auto info = source.prepare("SELECT name FROM pragma_table_info('" + name + "') ORDER BY cid");
  while (sqlite3_step(info.get()) == SQLITE_ROW)
    table.columns.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(info.get(), 0)));
  // In the order in which the store wrote them.
  bool has_sequence = false;
  for (const auto& column : table.columns) has_sequence = has_sequence || column == "sequence";
  auto rows = source.prepare("SELECT * FROM " + name + (has_sequence ? " ORDER BY sequence" : ""));
  while (sqlite3_step(rows.get()) == SQLITE_ROW)
    for (int i = 0; i < sqlite3_column_count(rows.get()); ++i)
      table.values.emplace_back(sqlite3_value_dup(sqlite3_column_value(rows.get(), i)));
  if (table.rows_count() == 0) give_up("the table " + name + " of the source is empty");
  return table;
}

void insert_rows(sqlite3_stmt* statement, const Table& table, std::size_t from, std::size_t to) {
  const std::size_t width = table.columns.size();
  for (std::size_t row = from; row < to && row < table.rows_count(); ++row) {
    for (std::size_t i = 0; i < width; ++i) {
      // Like the store: text is borrowed, not copied.
      sqlite3_value* value = table.values[row * width + i].get();
      const int at = static_cast<int>(i) + 1;
      if (sqlite3_value_type(value) == SQLITE_TEXT)
        sqlite3_bind_text64(statement, at, reinterpret_cast<const char*>(sqlite3_value_text(value)),
                            static_cast<sqlite3_uint64>(sqlite3_value_bytes(value)), SQLITE_STATIC, SQLITE_UTF8);
      else
        sqlite3_bind_value(statement, at, value);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) give_up("a row of " + table.name + " was refused");
    sqlite3_reset(statement);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) give_up("usage: raw_insert SOURCE TARGET ROWS TABLE...");
  const std::size_t rows_count = std::stoul(words[3]);
  std::vector<Table> tables;
  std::string page_size;
  {
    Database source(words[1], SQLITE_OPEN_READONLY);
    page_size = source.text("PRAGMA page_size");
    for (int i = 4; i < count; ++i) tables.push_back(read_table(source, words[i]));
  }
  Database target(words[2], SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
  target.execute("PRAGMA page_size=" + page_size);
  if (target.text("PRAGMA journal_mode=WAL") != "wal") give_up("the target cannot have a write-ahead log");
  target.execute("PRAGMA synchronous=FULL");
  for (const auto& table : tables)
    for (const auto& ddl : table.ddl) target.execute(ddl);
  std::vector<Database::Statement> inserts;
  for (const auto& table : tables) inserts.push_back(target.prepare(table.insert()));

  const auto started = std::chrono::steady_clock::now();
  const std::size_t all = tables.front().rows_count();
  for (std::size_t from = 0; from < all; from += rows_count) {
    target.execute("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < tables.size(); ++i) insert_rows(inserts[i].get(), tables[i], from, from + rows_count);
    target.execute("COMMIT");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  inserts.clear();
  const nlohmann::json line{{"rows", all}, {"seconds", took.count()}, {"rows_per_second", static_cast<double>(all) / took.count()}};
  std::printf("%s\n", line.dump().c_str());
}
