/* The C side of tomada.go: the one exported function, and the table behind it. An instance is a number that Go knows.
 */
#include "glue.h"

#include "_cgo_export.h"

#include <string.h>

/* Tables of the host, the same for every instance. */
const tomada_call_service* tomada_calls;
const tomada_http_service* tomada_http;
const tomada_records_service* tomada_records;

static tomada_status create(const tomada_host* host, const tomada_create_args* args, void** instance, char* why,
                            uint64_t why_capacity, uint64_t* why_len) {
  uintptr_t made = 0;
  (void)host;
  const tomada_status status = goCreate(args->config_json, why, why_capacity, why_len, &made);
  *instance = (void*)made;
  return status;
}
static void destroy(void* instance) { goDestroy((uintptr_t)instance); }
static tomada_status test_connection(void* instance, tomada_call call) {
  return goTestConnection((uintptr_t)instance, call);
}
static tomada_status sync(void* instance, tomada_call call, const tomada_sync_request* request) {
  return goSync((uintptr_t)instance, call, request->mode, request->entity, request->since, request->resume);
}

static const void* service(const tomada_host* host, tomada_slice id) {
  const void* table = NULL;
  return host->query_service(id, &table) == TOMADA_OK ? table : NULL;
}

TOMADA_EXPORT tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) {
  tomada_plugin table = TOMADA_STRUCT(tomada_plugin);
  tomada_calls = service(host, TOMADA_TEXT(TOMADA_CALL_ID));
  tomada_http = service(host, TOMADA_TEXT(TOMADA_HTTP_ID));
  tomada_records = service(host, TOMADA_TEXT(TOMADA_RECORDS_ID));
  if (tomada_calls == NULL || tomada_http == NULL || tomada_records == NULL) return TOMADA_E_UNSUPPORTED;
  goStarted(); /* returns when Go's run time is up: what it has to open, it can open now only */
  table.abi_minor = 0;
  table.create = create;
  table.destroy = destroy;
  table.test_connection = test_connection;
  table.sync = sync;
  if (plugin->struct_size < table.struct_size) table.struct_size = plugin->struct_size;
  memcpy(plugin, &table, table.struct_size);
  return TOMADA_OK;
}
