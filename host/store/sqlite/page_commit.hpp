// Applies one page of record changes inside the writer's transaction.
#pragma once

#include "host/store/records.hpp"
#include "host/store/sqlite/connection.hpp"

#include <string_view>
#include <vector>

namespace tomada::store::sqlite {

/// One use: construct, run(). `page` is borrowed.
class PageCommit {
 public:
  PageCommit(Connection& connection, const Page& page);
  Result<PageOutcome> run();

 private:
  struct Entity {
    std::string_view name;
    std::int64_t entity_no{};
    std::int64_t generation{};  // what a record that is written now gets
    bool marks_seen{};
    std::int64_t live_change{};
    bool expects_new{};  // the last record was: try to insert before looking
  };

  Entity& entity(std::string_view name);
  void apply(const RecordChange& change);
  /// False: the record is known already, nothing was written.
  bool insert(Entity& entity, const RecordChange& change);
  void remove_unseen(Entity& entity);
  void finish_entities();
  Result<void> finish_sync();

  Connection& connection_;
  const Page& page_;
  std::int64_t config_no_{};
  std::int64_t last_sequence_{};
  std::vector<Entity> entities_;
  PageOutcome outcome_;
  Statement find_;
  Statement insert_record_;
  Statement insert_key_;
  Statement change_record_;
  Statement bury_record_;
  Statement change_key_;
  Statement mark_seen_;
};

}  // namespace tomada::store::sqlite
