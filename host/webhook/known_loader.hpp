// Reads what an address needs: the row, the manifest's schemes filled from its configuration, its secrets in clear.
#pragma once

#include "host/plugin/registry.hpp"
#include "host/webhook/known.hpp"

namespace tomada::webhook {

class KnownLoader {
 public:
  /// All borrowed, outlive it.
  KnownLoader(store::Store& store, const plugin::Registry& registry, service::Environment& environment)
      : store_(store), registry_(registry), environment_(environment) {}

  /// Null: no such integration or app, or none that can receive. `old` of the same version is used again.
  Result<std::shared_ptr<const Known>> integration(runtime::Task& task, std::string_view config_id,
                                                   const std::shared_ptr<const Known>& old) const;
  Result<std::shared_ptr<const Known>> app(runtime::Task& task, std::string_view app_id,
                                           const std::shared_ptr<const Known>& old) const;

 private:
  /// Null as well when its plugin is not here or has no webhooks.
  Result<std::shared_ptr<const Known>> complete(runtime::Task& task, Known known,
                                                const std::shared_ptr<const Known>& old) const;

  store::Store& store_;
  const plugin::Registry& registry_;
  service::Environment& environment_;
};

}  // namespace tomada::webhook
