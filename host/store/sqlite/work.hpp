// The work of this store's threads: it runs on a connection.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/work.hpp"
#include "host/store/work_queue.hpp"

namespace tomada::store::sqlite {

struct Terms {
  /// It fails before its first change, but for what fails the whole group; it needs no savepoint of its own.
  bool is_whole{false};
};
using Work = store::Work<Connection, Terms>;

}  // namespace tomada::store::sqlite
