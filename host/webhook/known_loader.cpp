#include "host/webhook/known_loader.hpp"

#include "host/base/uuid.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace tomada::webhook {
namespace {

using runtime::Task;

/// An app's secrets are its own; it has no configuration.
store::Integration as_integration(const store::App& app) {
  store::Integration stand_in;
  stand_in.tenant_id = app.tenant_id;
  stand_in.config_id = app.app_id;
  stand_in.config_json = "{}";
  stand_in.sealed_credentials = app.sealed_credentials;
  return stand_in;
}

}  // namespace

Result<std::shared_ptr<const Known>> KnownLoader::integration(Task& task, std::string_view config_id,
                                                              const std::shared_ptr<const Known>& old) const {
  if (!is_uuid(config_id)) return std::shared_ptr<const Known>();
  TOMADA_TRY_ASSIGN(auto row, store_.integrations().find_any(task, config_id));
  if (!row) return std::shared_ptr<const Known>();
  Known known;
  known.integration = *std::move(row);
  return complete(task, std::move(known), old);
}

Result<std::shared_ptr<const Known>> KnownLoader::app(Task& task, std::string_view app_id,
                                                      const std::shared_ptr<const Known>& old) const {
  if (!is_uuid(app_id)) return std::shared_ptr<const Known>();
  TOMADA_TRY_ASSIGN(auto row, store_.apps().find_any(task, app_id));
  if (!row || !row->is_enabled) return std::shared_ptr<const Known>();
  Known known;
  known.app = *std::move(row);
  return complete(task, std::move(known), old);
}

Result<std::shared_ptr<const Known>> KnownLoader::complete(Task& task, Known known,
                                                           const std::shared_ptr<const Known>& old) const {
  // In quarantine or not: events are kept until its calls may run again.
  auto release = registry_.find(known.provider(), known.tenant_id());
  if (!release) return std::shared_ptr<const Known>();
  if (old && old->version() == known.version() && old->material && old->material->release == release) {
    known.material = old->material;
    return std::shared_ptr<const Known>(std::make_shared<Known>(std::move(known)));
  }
  const auto document = release->manifest->document.find("webhook");
  if (document == release->manifest->document.end()) return std::shared_ptr<const Known>();

  auto material = std::make_shared<Material>();
  material->release = std::move(release);
  auto opened = service::open_integration(task, environment_,
                                          known.integration ? *known.integration : as_integration(*known.app));
  if (opened.has_error()) return std::move(opened).error();
  material->opened = *std::move(opened);
  auto compiled = scheme::Webhook::compile(*document, &material->opened->config);
  if (compiled.has_error()) {
    known.why_not = "the webhook scheme does not fit this configuration: " + compiled.error().message;
    return std::shared_ptr<const Known>(std::make_shared<Known>(std::move(known)));
  }
  material->webhook = *std::move(compiled);
  for (const std::string& field : material->webhook->secret_fields()) {
    const auto found = material->opened->credentials.find(field);
    if (found != material->opened->credentials.end() && !found->second.empty())
      material->secrets[field] = scheme::split_secrets(found->second.expose_secret());
  }
  known.material = std::move(material);
  return std::shared_ptr<const Known>(std::make_shared<Known>(std::move(known)));
}

}  // namespace tomada::webhook
