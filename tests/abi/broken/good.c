/* The least that a plugin can be; each broken one is this with one thing wrong. */
#include <tomada/plugin.h>

static tomada_status create(const tomada_host *host, const tomada_create_args *args, void **instance, char *why,
                            uint64_t why_capacity, uint64_t *why_len) {
  static int nothing;
  (void)host, (void)args, (void)why, (void)why_capacity, (void)why_len;
  *instance = &nothing;
  return TOMADA_OK;
}
static void destroy(void *instance) { (void)instance; }
static tomada_status test_connection(void *instance, tomada_call call) {
  (void)instance, (void)call;
  return TOMADA_OK;
}
static tomada_status sync(void *instance, tomada_call call, const tomada_sync_request *request) {
  (void)instance, (void)call, (void)request;
  return TOMADA_OK;
}

#ifdef EXPORTS_TOO_MUCH
TOMADA_EXPORT int tomada_extra_symbol(void) { return 1; }
#endif
#ifdef NEEDS_ANOTHER_LIBRARY
extern const char *zlibVersion(void);
#endif
#ifdef STATIC_TLS
static __thread int counter __attribute__((tls_model("initial-exec")));
#endif

#ifndef LACKS_ENTRY
tomada_status tomada_plugin_entry_v1(const tomada_host *host, tomada_plugin *plugin) {
  (void)host;
#ifdef NEEDS_ANOTHER_LIBRARY
  if (zlibVersion() == 0) return TOMADA_E_INTERNAL;
#endif
#ifdef STATIC_TLS
  ++counter;
#endif
#ifdef ENTRY_FAILS
  return TOMADA_E_UNSUPPORTED;
#endif
#ifdef ENTRY_UNKNOWN_STATUS
  return 77;
#endif
  plugin->abi_minor = TOMADA_ABI_MINOR;
  plugin->create = create;
  plugin->destroy = destroy;
  plugin->test_connection = test_connection;
#ifndef LACKS_SYNC
  plugin->sync = sync;
#else
  (void)sync;
#endif
#ifdef TABLE_TOO_SMALL
  plugin->struct_size = 16;
#endif
#ifdef TABLE_TOO_NEW
  plugin->abi_minor = 99;
#endif
#ifdef TABLE_TOO_LONG
  ((char *)plugin)[sizeof *plugin] = 1;
#endif
  return TOMADA_OK;
}
#endif
