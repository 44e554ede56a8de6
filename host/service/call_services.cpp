#include "host/service/call_services.hpp"

#include "host/abi/checks.hpp"
#include "host/service/call_base.hpp"
#include "host/service/record_page.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace tomada::service {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_progress_interval{250};  // between two rows written only for watchers

limit::Lane lane_of(const SyncContext* sync) {
  if (sync == nullptr) return limit::Lane::interactive;  // somebody waits for test_connection()
  return sync->full ? limit::Lane::backfill : limit::Lane::incremental;
}

/// Of sync() and test_connection(): records are committed at each checkpoint, values at once.
class CallServices final : public CallBase {
 public:
  CallServices(runtime::Task& task, Environment& environment, const store::Integration& integration,
               const abi::Manifest& manifest, SyncContext* sync, std::shared_ptr<const OpenedIntegration> opened)
      : CallBase(task, environment, integration, manifest, std::move(opened), lane_of(sync)), sync_(sync) {
    if (sync_ != nullptr) page_.emplace(manifest_, integration_, *sync_);
  }

  ~CallServices() override {
    if (page_ && page_->waiting_count() > 0)
      spdlog::warn("{}: {} records were sent after the last checkpoint and are not in effect", whom(),
                   page_->waiting_count());
  }

  Result<void> upsert(std::string_view entity, const abi::RecordView& record) override {
    TOMADA_TRY(has_sink());
    auto result = page_->upsert(entity, record);
    if (result.has_error()) log(abi::LogLevel::warn, "refused " + result.error().message);
    return result;
  }

  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) override {
    TOMADA_TRY(has_sink());
    auto result = page_->remove(entity, external_id, updated_at_ms);
    if (result.has_error()) log(abi::LogLevel::warn, "refused " + result.error().message);
    return result;
  }

  void refuse_record(std::string_view why) override {
    if (!page_) return;
    page_->refuse();
    log(abi::LogLevel::warn, "refused " + std::string(why));
  }

  Result<void> checkpoint(std::string_view cursor) override { return commit(cursor, std::nullopt); }

  Result<void> complete(std::string_view entity, std::string_view since) override {
    TOMADA_TRY(has_sink());
    if (entity != sync_->entity)
      return fail(Errc::invalid_data, "complete(\"" + std::string(entity.substr(0, 64)) + "\") in a run of \"" +
                                          sync_->entity + "\"");
    return commit({}, std::string(since));
  }

  Result<void> progress(std::uint64_t current, std::uint64_t total) override {
    TOMADA_TRY(has_sink());
    progress_current_ = static_cast<std::int64_t>(std::min<std::uint64_t>(current, INT64_MAX));
    progress_total_ = static_cast<std::int64_t>(std::min<std::uint64_t>(total, INT64_MAX));
    progress_changed_ = true;
    return {};
  }

  Result<void> storage_put(std::string_view key, std::string_view value) override {
    TOMADA_TRY(abi::check_storage_is_named(manifest_));
    TOMADA_TRY(task_.check());
    return environment_.store.values().put(task_, integration_.tenant_id, integration_.config_id, key, value);
  }
  Result<void> storage_remove(std::string_view key) override {
    TOMADA_TRY(abi::check_storage_is_named(manifest_));
    TOMADA_TRY(task_.check());
    return environment_.store.values().remove(task_, integration_.tenant_id, integration_.config_id, key);
  }

 private:
  Result<void> has_sink() const {
    if (page_) return {};
    return fail(Errc::unsupported, "records can be sent from sync() and handle_webhook() only");
  }

  Result<void> commit(std::string_view cursor, std::optional<std::string> complete_since) {
    TOMADA_TRY(has_sink());
    TOMADA_TRY(task_.check());
    if (cursor.size() > abi::k_cursor_bytes_max || (complete_since && complete_since->size() > abi::k_cursor_bytes_max))
      return fail(Errc::invalid_data, "a cursor of more than 64 KiB");
    store::Page page = page_->take(task_.clock().unix_ms());
    page.cursor = cursor;
    page.complete_since = std::move(complete_since);
    const std::int64_t rejected_count = page.rejected_count;
    sync_->rejected_count += rejected_count;
    page.keeps_unseen = sync_->rejected_count > 0;
    if (page.complete_since && page.marks_seen && page.keeps_unseen)
      spdlog::warn("{}: {} records of this full run were refused, so nothing is taken for deleted", whom(),
                   sync_->rejected_count);
    const auto committed = environment_.store.records().commit(task_, page);
    sync_->lease_lost = committed.has_error() && committed.error().code == Errc::conflict;
    TOMADA_TRY_ASSIGN(const store::PageOutcome outcome, committed);
    if (sync_->on_commit) sync_->on_commit(outcome, rejected_count);
    if (progress_changed_ && (task_.clock().steady() - progress_written_ >= k_progress_interval || page.complete_since)) {
      progress_changed_ = false;
      progress_written_ = task_.clock().steady();
      store::Sync sync;
      sync.sync_id = sync_->sync_id;
      sync.tenant_id = integration_.tenant_id;
      sync.config_id = integration_.config_id;
      const std::int64_t total = progress_total_ != 0 ? progress_total_ : sync_->expected_total;
      TOMADA_TRY(environment_.store.syncs().set_progress(task_, sync, progress_current_,
                                                         std::max(total, std::int64_t{0})));
    }
    return {};
  }

  SyncContext* sync_;
  std::optional<RecordPage> page_;
  std::int64_t progress_current_{0};
  std::int64_t progress_total_{0};
  bool progress_changed_{false};
  runtime::SteadyTime progress_written_{};
};

}  // namespace

Result<std::unique_ptr<abi::Services>> make_call_services(runtime::Task& task, Environment& environment,
                                                          const store::Integration& integration,
                                                          const abi::Manifest& manifest, SyncContext* sync) {
  TOMADA_TRY_ASSIGN(auto opened, open_integration(task, environment, integration));
  return std::unique_ptr<abi::Services>(
      std::make_unique<CallServices>(task, environment, integration, manifest, sync, std::move(opened)));
}

}  // namespace tomada::service
