#include "host/store/copy/verify.hpp"

#include <algorithm>

namespace tomada::store::copying {
namespace {

constexpr std::int64_t k_watch_rows = 1'000;

/// One side's walk through the table.
template <class Rows>
class Side {
 public:
  explicit Side(Rows& rows) : rows_(rows) {}
  bool next() {
    form_.clear();
    if (ended_ || !rows_.next()) {
      ended_ = true;
      return false;
    }
    append_canonical(form_, rows_.row());
    digest_.add(form_);
    ++count_;
    return true;
  }
  [[nodiscard]] const std::string& form() const { return form_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::string sha256() const { return digest_.hex(); }

 private:
  Rows& rows_;
  Digest digest_;
  std::string form_;
  std::int64_t count_{0};
  bool ended_{false};
};

/// Which columns of two rows with the same key are not the same.
std::string columns_of(const Table& table, const Row& ours, const Row& theirs) {
  std::string names;
  for (std::size_t i = 0; i < ours.count; ++i)
    if (ours.cells[i] != theirs.cells[i]) names += (names.empty() ? "" : ", ") + std::string(table.columns[i].name);
  return names;
}

}  // namespace

Result<Verdict> verify(Source& source, Target& target, const Table& table,
                       const std::function<bool(std::int64_t rows)>& watch) {
  Verdict verdict;
  SourceRows ours(source, table, first_key(table));
  TargetRows theirs(target, table);
  Side here(ours);
  Side there(theirs);
  std::string equal_up_to = "the first row on";
  for (bool in_source = here.next(), in_target = there.next(); in_source || in_target;
       in_source = here.next(), in_target = there.next()) {
    // After the first difference only the counts and hashes are of interest.
    if (verdict.difference.empty() && here.form() != there.form()) {
      const bool same_key = in_source && in_target && key_of(table, ours.row()) == key_of(table, theirs.row());
      verdict.difference = "from " + equal_up_to + ": ";
      verdict.difference += same_key ? shown(table, key_of(table, ours.row())) + " differs in " + columns_of(table, ours.row(), theirs.row())
                                     : "the source goes on with " + (in_source ? shown(table, key_of(table, ours.row())) : "nothing") +
                                           ", the target with " + (in_target ? shown(table, key_of(table, theirs.row())) : "nothing");
    }
    const std::int64_t rows = std::max(here.count(), there.count());
    if (rows % k_watch_rows != 0) continue;
    if (!watch(rows)) return fail(Errc::cancelled, "stopped while it compared " + std::string(table.name));
    if (verdict.difference.empty() && in_source) equal_up_to = shown(table, key_of(table, ours.row())) + " on";
  }
  TOMADA_TRY(ours.take_result());
  TOMADA_TRY(theirs.take_result());
  verdict.source_rows = here.count();
  verdict.target_rows = there.count();
  verdict.source_sha256 = here.sha256();
  verdict.target_sha256 = there.sha256();
  return verdict;
}

}  // namespace tomada::store::copying
