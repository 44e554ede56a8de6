#include "host/store/postgres/open.hpp"
#include "host/store/sqlite/open.hpp"
#include "tests/support/postgres_database.hpp"
#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

Result<OpenedStore> open_sqlite(const std::filesystem::path& folder) {
  TOMADA_TRY_ASSIGN(auto store, sqlite::open({.file = folder / "tomada.db"}));
  return OpenedStore{.home = nullptr, .store = std::move(store)};
}

Result<OpenedStore> open_postgres(const std::filesystem::path&) {
  TOMADA_TRY_ASSIGN(auto database, PostgresDatabase::create());
  const auto home = std::make_shared<PostgresDatabase>(std::move(database));
  TOMADA_TRY_ASSIGN(auto store, postgres::open({.url = home->url()}));
  return OpenedStore{.home = home, .store = std::move(store)};
}

}  // namespace

std::vector<StoreFactory> store_factories() { return {{"sqlite", open_sqlite}, {"postgres", open_postgres}}; }

}  // namespace tomada::store::testing
