// The texts of migrations that stand in files of their own (schema_<subject>.cpp). A released one never changes.
#pragma once

namespace tomada::store::sqlite {

extern const char k_call_limits[];
extern const char k_events[];
extern const char k_calls[];
extern const char k_cache[];

}  // namespace tomada::store::sqlite
