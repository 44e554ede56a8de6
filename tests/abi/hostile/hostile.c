/* A plugin that does what the name of the entity (of a sync) or of the event's type (of a webhook) says: well-behaved things
 * that show one service each, and each way to be bad. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <tomada/plugin.h>

static const tomada_host* g_host;
static pthread_t g_early; /* of a constructor: what the seal must not allow in a coroutine worker */
static int g_early_result = -1;

static void* wait_for_ever(void* unused) {
  for (;;) pause();
  return unused;
}

__attribute__((constructor)) static void begin(void) {
  g_early_result = pthread_create(&g_early, NULL, wait_for_ever, NULL);
  if (g_early_result == 0) pthread_cancel(g_early);
}

static const void* table(const char* id) {
  const void* found = NULL;
  g_host->query_service((tomada_slice){id, strlen(id)}, &found);
  return found;
}
#define CALL ((const tomada_call_service*)table(TOMADA_CALL_ID))
#define CLOCK ((const tomada_clock_service*)table(TOMADA_CLOCK_ID))
#define LOG ((const tomada_log_service*)table(TOMADA_LOG_ID))
#define HTTP ((const tomada_http_service*)table(TOMADA_HTTP_ID))
#define RECORDS ((const tomada_records_service*)table(TOMADA_RECORDS_ID))
#define STORAGE ((const tomada_storage_service*)table(TOMADA_STORAGE_ID))
#define CREDENTIALS ((const tomada_credentials_service*)table(TOMADA_CREDENTIALS_ID))

static int is(tomada_slice text, const char* word) {
  return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

static tomada_status say(tomada_call call, tomada_status status, const char* text) {
  tomada_error error = TOMADA_STRUCT(tomada_error);
  error.message = (tomada_slice){text, strlen(text)};
  error.provider_code = TOMADA_TEXT("code");
  error.http_status = 418;
  error.retry_after_ms = 7000;
  return CALL->fail(call, status, &error);
}

static tomada_status upsert(tomada_call call, tomada_slice entity, const char* id) {
  tomada_record record = TOMADA_STRUCT(tomada_record);
  record.external_id = (tomada_slice){id, strlen(id)};
  record.data_json = TOMADA_TEXT("{\"a\":1}");
  return RECORDS->upsert(call, entity, &record);
}

static tomada_status records(tomada_call call, tomada_slice entity) {
  tomada_status status = upsert(call, entity, "1");
  if (status == TOMADA_OK) status = upsert(call, entity, "2");
  if (status == TOMADA_OK) status = RECORDS->progress(call, 2, 3);
  if (status == TOMADA_OK) status = RECORDS->checkpoint(call, TOMADA_TEXT("two"));
  if (status == TOMADA_OK) status = upsert(call, entity, "3");
  if (status == TOMADA_OK) status = RECORDS->complete(call, entity, TOMADA_TEXT("now"));
  return status;
}

static tomada_status storage(tomada_call call) {
  tomada_slice value = {0};
  if (STORAGE->get(call, TOMADA_TEXT("key"), &value) != TOMADA_E_NOT_FOUND) return say(call, TOMADA_E_INTERNAL, "not empty");
  if (STORAGE->put(call, TOMADA_TEXT("key"), TOMADA_TEXT("value")) != TOMADA_OK) return TOMADA_E_INTERNAL;
  if (STORAGE->get(call, TOMADA_TEXT("key"), &value) != TOMADA_OK || !is(value, "value")) return say(call, TOMADA_E_INTERNAL, "lost");
  return STORAGE->remove(call, TOMADA_TEXT("key"));
}

static tomada_status http(tomada_call call) {
  tomada_http_request request = TOMADA_STRUCT(tomada_http_request);
  request.method = TOMADA_TEXT("POST");
  request.url = TOMADA_TEXT("https://example.com/a?b=c");
  request.body_length = UINT64_MAX;
  tomada_response response = 0;
  tomada_http_result result = TOMADA_STRUCT(tomada_http_result);
  tomada_slice text = {0};
  char buffer[4];
  uint64_t len = 0;
  tomada_status status = HTTP->open(call, &request, &response);
  if (status != TOMADA_OK) return status;
  if (HTTP->write(call, response, TOMADA_TEXT("hello ")) != TOMADA_OK) return TOMADA_E_INTERNAL;
  if (HTTP->write(call, response, TOMADA_TEXT("world")) != TOMADA_OK) return TOMADA_E_INTERNAL;
  if (HTTP->finish(call, response, &result) != TOMADA_OK || result.status != 200) return say(call, TOMADA_E_INTERNAL, "finish");
  if (HTTP->header(call, response, TOMADA_TEXT("link"), &text) != TOMADA_OK || !is(text, "a, b"))
    return say(call, TOMADA_E_INTERNAL, "header");
  if (HTTP->read(call, response, buffer, sizeof buffer, &len) != TOMADA_OK || len != 4) return say(call, TOMADA_E_INTERNAL, "read");
  if (HTTP->body(call, response, &text) != TOMADA_OK || !is(text, "\":true}")) return say(call, TOMADA_E_INTERNAL, "body");
  return HTTP->release(call, response);
}

/* ---- Each way to be bad ---------------------------------------------------------------------------------------- */

static void spin(void) {
  for (volatile unsigned long i = 0;; i = i + 1) {
  }
}

__attribute__((noinline)) static int overflow(int depth) {
  volatile char frame[4096];
  frame[depth & 1023] = 1;
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static tomada_status eat_memory(tomada_call call) {
  for (;;) {
    char* const more = malloc(1 << 20);
    if (more == NULL) abort();
    memset(more, 1, 1 << 20);
    if (CALL->check(call) != TOMADA_OK) return TOMADA_E_CANCELLED;
  }
}

static tomada_status storm(tomada_call call) {
  pthread_t thread;
  int count = 0;
  while (count < 10000 && pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) ++count;
  return count == 0 ? say(call, TOMADA_E_UNSUPPORTED, "not one thread") : say(call, TOMADA_E_INTERNAL, "threads");
}

static tomada_status flood_descriptors(tomada_call call) {
  int count = 0;
  while (count < 100000 && (dup(3) >= 0 || fcntl(3, F_DUPFD, 10) >= 0 || memfd_create("x", 0) >= 0)) ++count;
  return count == 0 ? say(call, TOMADA_E_UNSUPPORTED, "not one descriptor") : say(call, TOMADA_E_INTERNAL, "descriptors");
}

static void garbage(void) {
  char noise[4096];
  for (size_t i = 0; i < sizeof noise; ++i) noise[i] = (char)(i * 167 + 13);
  for (int i = 0; i < 1000; ++i)
    if (write(3, noise, sizeof noise) < 0) break;
  spin();
}

static void block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
  spin();
}

static tomada_status behave(tomada_call call, tomada_slice what) {
  if (is(what, "ok")) return TOMADA_OK;
  if (is(what, "fail")) return say(call, TOMADA_E_RATE_LIMITED, "too much");
  if (is(what, "records")) return records(call, what);
  if (is(what, "removes")) return RECORDS->remove(call, what, TOMADA_TEXT("1"), 0);
  if (is(what, "storage")) return storage(call);
  if (is(what, "http")) return http(call);
  if (is(what, "sleep")) return CLOCK->sleep_ms(call, 3600000);
  if (is(what, "logs")) {
    for (int i = 0; i < 20000; ++i) LOG->write(call, TOMADA_LOG_INFO, TOMADA_TEXT("line"));
    return TOMADA_OK;
  }
  if (is(what, "credentials")) {
    tomada_slice value = {0};
    if (CREDENTIALS->has(call, TOMADA_TEXT("token")) != TOMADA_OK) return TOMADA_E_UNAUTHENTICATED;
    if (CREDENTIALS->has(call, TOMADA_TEXT("other")) != TOMADA_E_NOT_FOUND) return TOMADA_E_INTERNAL;
    return CREDENTIALS->get(call, TOMADA_TEXT("token"), &value) == TOMADA_OK && is(value, "t0ken") ? TOMADA_OK : TOMADA_E_FORBIDDEN;
  }
  if (is(what, "time")) {
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    return CLOCK->now_ms(call) / 1000 - now < 5 ? TOMADA_OK : TOMADA_E_INTERNAL;
  }
  if (is(what, "constructor")) return g_early_result == 0 ? say(call, TOMADA_E_INTERNAL, "it started a thread") : TOMADA_OK;
  if (is(what, "segv")) *(volatile int*)8 = 1;
  if (is(what, "abort")) abort();
  if (is(what, "overflow")) return overflow(0);
  if (is(what, "exit")) exit(0);
  if (is(what, "spin")) spin();
  if (is(what, "memory")) return eat_memory(call);
  if (is(what, "fork")) return fork() < 0 && vfork() < 0 ? say(call, TOMADA_E_UNSUPPORTED, "no child") : say(call, TOMADA_E_INTERNAL, "a child");
  if (is(what, "threads")) return storm(call);
  if (is(what, "close")) {
    close(3);
    spin();
  }
  if (is(what, "descriptors")) return flood_descriptors(call);
  if (is(what, "garbage")) garbage();
  if (is(what, "signals")) block_signals();
  if (is(what, "never"))
    for (;;) pause(), nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
  return say(call, TOMADA_E_UNSUPPORTED, "no such thing");
}

/* ---- The table ------------------------------------------------------------------------------------------------- */

static tomada_status create(const tomada_host* host, const tomada_create_args* args, void** instance, char* why,
                            uint64_t why_capacity, uint64_t* why_len) {
  static const char k_why[] = "create: refused";
  g_host = host;
  *instance = (void*)&g_host;
  if (memmem(args->config_json.ptr, args->config_json.len, "segv", 4) != NULL) *(volatile int*)8 = 1;
  if (memmem(args->config_json.ptr, args->config_json.len, "spin", 4) != NULL) spin();
  if (memmem(args->config_json.ptr, args->config_json.len, "refuse", 6) == NULL) return TOMADA_OK;
  if (why_capacity >= sizeof k_why) memcpy(why, k_why, *why_len = sizeof k_why - 1);
  return TOMADA_E_INVALID_CONFIG;
}

static void destroy(void* instance) { (void)instance; }

static tomada_status test_connection(void* instance, tomada_call call) {
  (void)instance, (void)call;
  return TOMADA_OK;
}

static tomada_status sync_entity(void* instance, tomada_call call, const tomada_sync_request* request) {
  (void)instance;
  return behave(call, request->entity);
}

static tomada_status handle_webhook(void* instance, tomada_call call, const tomada_webhook* webhook, tomada_reply reply) {
  (void)instance, (void)reply;
  return behave(call, webhook->event_type);
}

tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) {
  g_host = host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi_minor = TOMADA_ABI_MINOR;
  plugin->create = create;
  plugin->destroy = destroy;
  plugin->test_connection = test_connection;
  plugin->sync = sync_entity;
  plugin->handle_webhook = handle_webhook;
  return TOMADA_OK;
}
