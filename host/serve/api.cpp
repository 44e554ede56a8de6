#include "host/serve/api.hpp"

#include "host/serve/routes.hpp"

namespace tomada::serve {
namespace {

class EngineSyncing final : public Syncing {
 public:
  explicit EngineSyncing(sync::Engine& engine) : engine_(engine) {}
  Result<std::string> enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                              std::string_view mode) override {
    return engine_.enqueue(task, integration, type, mode);
  }
  Result<sync::Engine::TestOutcome> test_connection(runtime::Task& task,
                                                    const store::Integration& integration) override {
    return engine_.test_connection(task, integration);
  }

 private:
  sync::Engine& engine_;
};

}  // namespace

struct Api::Impl {
  explicit Impl(const Parts& parts)
      : syncing(parts.syncs),
        router(make_router({parts.settings, parts.store, parts.vault, parts.registry, syncing, parts.metrics, parts.clock,
                            parts.started_at})) {}
  EngineSyncing syncing;
  std::unique_ptr<Router> router;
};

Api::Api(const Parts& parts) : impl_(std::make_unique<Impl>(parts)) {}
Api::~Api() = default;

Answer Api::answer(runtime::Task& task, const Request& request) const { return impl_->router->answer(task, request); }

}  // namespace tomada::serve
