#include "host/store/sqlite/open.hpp"
#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {

std::vector<StoreFactory> store_factories() {
  return {{"sqlite", [](const std::filesystem::path& folder) {
             return sqlite::open({.file = folder / "tomada.db"});
           }}};
}

}  // namespace tomada::store::testing
