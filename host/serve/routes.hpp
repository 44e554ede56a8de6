// The whole API: which routes there are and who may call them. One source for each subject.
#pragma once

#include "host/serve/parts.hpp"
#include "host/serve/router.hpp"

#include <memory>

namespace tomada::serve {

inline constexpr std::size_t k_page_default = 100;
inline constexpr std::size_t k_page_max = 1'000;
/// Records of a page are cut off here, whatever the limit asks for.
inline constexpr std::size_t k_records_bytes_max = 8 * 1024 * 1024;
inline constexpr std::size_t k_queue_degraded_count = 5'000;  // waiting jobs; the users' alert rule
inline constexpr std::size_t k_webhooks_degraded_count = 5'000;  // events that wait for their plugin

/// `parts` is copied; what it refers to outlives the router.
std::unique_ptr<Router> make_router(const Parts& parts);

void add_plugin_routes(Router& router, const Parts& parts);
void add_integration_routes(Router& router, const Parts& parts);
void add_connect_routes(Router& router, const Parts& parts);
void add_sync_routes(Router& router, const Parts& parts);
void add_record_routes(Router& router, const Parts& parts);
void add_webhook_routes(Router& router, const Parts& parts);
void add_webhook_log_routes(Router& router, const Parts& parts);
void add_app_routes(Router& router, const Parts& parts);
void add_limit_routes(Router& router, const Parts& parts);
void add_event_routes(Router& router, const Parts& parts);
void add_health_routes(Router& router, const Parts& parts);
void add_control_routes(Router& router, const Parts& parts);

}  // namespace tomada::serve
