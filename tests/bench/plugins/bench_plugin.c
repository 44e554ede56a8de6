/* The plugin that the benchmarks call. What a sync() does is said by its request: `entity` is the kind of work, `since`
 * how often, `resume` an address. Nothing in it costs more than the service calls that it measures. */
#include <tomada/plugin.h>

#include <stddef.h>
#include <string.h>

static const tomada_clock_service *k_clock;
static const tomada_http_service *k_http;
static const tomada_storage_service *k_storage;

static int is_text(tomada_slice slice, const char *text) {
  const size_t len = strlen(text);
  return slice.len == len && memcmp(slice.ptr, text, len) == 0;
}

static uint64_t to_number(tomada_slice slice) {
  uint64_t number = 0;
  for (uint64_t i = 0; i < slice.len; ++i) number = number * 10 + (uint64_t)(slice.ptr[i] - '0');
  return number;
}

static tomada_status create(const tomada_host *host, const tomada_create_args *args, void **instance, char *why,
                            uint64_t why_capacity, uint64_t *why_len) {
  static int state;
  const void *table = NULL;
  (void)args;
  (void)why;
  (void)why_capacity;
  (void)why_len;
  if (host->query_service(TOMADA_TEXT(TOMADA_CLOCK_ID), &table) != TOMADA_OK) return TOMADA_E_UNSUPPORTED;
  k_clock = table;
  if (host->query_service(TOMADA_TEXT(TOMADA_HTTP_ID), &table) != TOMADA_OK) return TOMADA_E_UNSUPPORTED;
  k_http = table;
  if (host->query_service(TOMADA_TEXT(TOMADA_STORAGE_ID), &table) != TOMADA_OK) return TOMADA_E_UNSUPPORTED;
  k_storage = table;
  *instance = &state;
  return TOMADA_OK;
}

static void destroy(void *instance) { (void)instance; }

static tomada_status test_connection(void *instance, tomada_call call) {
  (void)instance;
  (void)call;
  return TOMADA_OK;
}

static tomada_status get(tomada_call call, tomada_slice url) {
  tomada_http_request request = TOMADA_STRUCT(tomada_http_request);
  tomada_http_result result = TOMADA_STRUCT(tomada_http_result);
  tomada_slice body;
  tomada_status status;
  request.method = TOMADA_TEXT("GET");
  request.url = url;
  status = k_http->send(call, &request, &result);
  if (status != TOMADA_OK) return status;
  status = k_http->body(call, result.response, &body);
  if (status == TOMADA_OK && (result.status != 200 || body.len == 0)) status = TOMADA_E_INVALID_DATA;
  k_http->release(call, result.response);
  return status;
}

static tomada_status sync(void *instance, tomada_call call, const tomada_sync_request *request) {
  const uint64_t count = to_number(request->since);
  tomada_status status = TOMADA_OK;
  (void)instance;
  if (is_text(request->entity, "turns")) {
    for (uint64_t i = 0; i < count && status == TOMADA_OK; ++i) status = k_clock->sleep_ms(call, 0);
  } else if (is_text(request->entity, "hours")) {
    for (uint64_t i = 0; i < count && status == TOMADA_OK; ++i) status = k_clock->sleep_ms(call, 3600 * 1000);
  } else if (is_text(request->entity, "requests")) {
    for (uint64_t i = 0; i < count && status == TOMADA_OK; ++i) status = get(call, request->resume);
  } else if (is_text(request->entity, "gets")) {
    tomada_slice value;
    for (uint64_t i = 0; i < count && status == TOMADA_OK; ++i) status = k_storage->get(call, request->resume, &value);
  } else {
    status = TOMADA_E_UNSUPPORTED;
  }
  return status;
}

TOMADA_EXPORT tomada_status tomada_plugin_entry_v1(const tomada_host *host, tomada_plugin *plugin) {
  (void)host;
  plugin->struct_size = (uint32_t)sizeof *plugin;
  plugin->abi_minor = TOMADA_ABI_MINOR;
  plugin->create = create;
  plugin->destroy = destroy;
  plugin->test_connection = test_connection;
  plugin->sync = sync;
  return TOMADA_OK;
}
