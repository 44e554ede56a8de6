// What is copied: one description for each table, from which both sides' statements are made.
#pragma once

#include "host/store/sqlite/connection.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace tomada::store::copying {

/// How a value is written in a row's canonical form, and what it is in PostgreSQL.
enum class Kind {
  integer,  // decimal
  boolean,  // 0 or 1
  time,     // decimal milliseconds; a timestamptz there
  text,     // as it is
  json,     // as it is; a json there, which keeps the text
  id,       // 36 characters, lower case; a uuid there
  hash,     // 32 hex digits; 16 bytes in SQLite, a uuid there
  bytes,    // as they are; a bytea there
};
enum class Null { no, yes };

struct Column {
  const char* name;  // in PostgreSQL
  Kind kind{Kind::text};
  Null null{Null::no};
};

/* The first `keys_count` columns are the key: unique, and the order in which both sides yield the rows. SQLite's rows come
 * in that order from an index, without sorting, because its sorter would hold them all in memory. */
struct Table {
  const char* name;      // in progress and reports
  const char* relation;  // in PostgreSQL, schema integrations
  std::span<const Column> columns;
  int keys_count;
  /// The columns in order, of the rows whose key is greater than ?1 (and ?2, ?3), all bound as text.
  sqlite::Sql rows;
  sqlite::Sql count;
  const char* filter = "";  // which rows of the relation `t` are these
  /// Columns that follow from others: ", name" and ", expression" over u.<column>, from `join`.
  const char* more_names = "";
  const char* more_values = "";
  const char* join = "";
  /// How many of these are not as they follow; 0 is right.
  const char* check = nullptr;
};

/// In the order of their references.
std::span<const Table> tables();

/// "SELECT … ORDER BY key": the same columns in the same form.
std::string target_select(const Table& table);
/// Up to "FROM unnest(", and what follows after the arrays.
std::string target_insert_head(const Table& table);
std::string target_insert_tail(const Table& table);
/// "::bigint[]": of a column's array.
const char* array_type(Kind kind);

}  // namespace tomada::store::copying
