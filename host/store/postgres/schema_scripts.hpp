// The texts of migrations that stand in files of their own (schema_<subject>.cpp). A released one never changes.
#pragma once

namespace tomada::store::postgres {

extern const char k_views[];
extern const char k_plugins[];
extern const char k_approvals[];
extern const char k_call_limits[];
extern const char k_events[];
extern const char k_calls[];
extern const char k_cache[];

}  // namespace tomada::store::postgres
