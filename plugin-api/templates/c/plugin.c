/* my-plugin: syncs the items of an HTTP API that answers JSON, page by page.
 *
 *   GET {base_url}/items?limit=100&cursor=c2
 *   200 {"items": [{"id": "17", "name": "Lamp", "updated_at": "2026-01-10T15:30:00Z"}, ...], "next": "c3"}
 *
 * `next` is the cursor of the following page; missing, null or empty on the last one. */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* [instance] */
/* One for each integration: all state lives in it, a plugin has no globals. */
struct plugin {
  const tomada_call_service* call;
  const tomada_http_service* http;
  const tomada_records_service* records;
  tomada_slice items_url; /* owned; with "?limit=" */
};
/* [instance] */

/* A page that was fetched; its slices live until close_page(). */
struct page {
  tomada_response response;
  tomada_slice items;
  tomada_slice next; /* owned; empty: the last page */
};

static void free_slice(tomada_slice* slice) {
  free((char*)slice->ptr);
  *slice = (tomada_slice){NULL, 0};
}

/* [fail] */
/* Says why the call cannot go on, for a person. What a service returned needs no words: the host has its own. */
static tomada_status fail(const struct plugin* self, tomada_call call, tomada_status status, const char* message) {
  tomada_error error = TOMADA_STRUCT(tomada_error);
  error.message = (tomada_slice){message, strlen(message)};
  return self->call->fail(call, status, &error);
}
/* [fail] */

/* Owned text of a JSON string; empty when out of memory, or when it is. */
static tomada_slice text_of(tomada_slice string) {
  char* const text = malloc(string.len);
  return text == NULL ? (tomada_slice){NULL, 0} : (tomada_slice){text, json_text(string, text)};
}

/* Owned: items_url&cursor=..., percent-encoded. */
static tomada_slice url_of(const struct plugin* self, tomada_slice cursor) {
  static const char name[] = "&cursor=", digits[] = "0123456789ABCDEF";
  const uint64_t begin = self->items_url.len;
  char* const url = malloc(begin + sizeof name + 3 * cursor.len);
  if (url == NULL) return (tomada_slice){NULL, 0};
  memcpy(url, self->items_url.ptr, begin);
  char* to = url + begin;
  if (cursor.len > 0) to = (char*)memcpy(to, name, sizeof name - 1) + sizeof name - 1;
  for (uint64_t i = 0; i < cursor.len; ++i) {
    const unsigned char c = (unsigned char)cursor.ptr[i];
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
        (c != '\0' && strchr("-._~", c) != NULL)) {
      *to++ = (char)c;
    } else {
      *to++ = '%';
      *to++ = digits[c >> 4];
      *to++ = digits[c & 15];
    }
  }
  return (tomada_slice){url, (uint64_t)(to - url)};
}

/* 401, 429, 5xx: the host knows what to do with each status of ours. */
static tomada_status refused(const struct plugin* self, tomada_call call, const tomada_http_result* result) {
  const uint32_t http = result->status;
  const tomada_status status = http == 401                  ? TOMADA_E_UNAUTHENTICATED
                               : http == 403                ? TOMADA_E_FORBIDDEN
                               : http == 404 || http == 410 ? TOMADA_E_NOT_FOUND
                               : http == 429                ? TOMADA_E_RATE_LIMITED
                               : http == 408 || http >= 500 ? TOMADA_E_UNAVAILABLE
                                                            : TOMADA_E_PERMANENT;
  char message[64];
  const int len = snprintf(message, sizeof message, "list the items: HTTP %" PRIu32, http);
  tomada_error error = TOMADA_STRUCT(tomada_error);
  error.http_status = http;
  error.message = (tomada_slice){message, (uint64_t)len};
  tomada_slice wait;
  if (self->http->header(call, result->response, TOMADA_TEXT("Retry-After"), &wait) == TOMADA_OK && wait.len < 6) {
    uint64_t seconds = 0; /* a date, or a day and more: the host's own backoff */
    for (uint64_t i = 0; i < wait.len && seconds != UINT64_MAX; ++i)
      seconds = wait.ptr[i] >= '0' && wait.ptr[i] <= '9' ? seconds * 10 + (uint64_t)(wait.ptr[i] - '0') : UINT64_MAX;
    if (seconds != UINT64_MAX) error.retry_after_ms = seconds * 1000;
  }
  return self->call->fail(call, status, &error);
}

/* What a provider sends is foreign input. */
static tomada_status read_page(const struct plugin* self, tomada_call call, struct page* page) {
  tomada_slice body;
  const tomada_status status = self->http->body(call, page->response, &body);
  if (status != TOMADA_OK) return status;
  if (!json_is_valid(body) || !json_is_array(page->items = json_member(body, "items")))
    return fail(self, call, TOMADA_E_INVALID_DATA, "the API's answer is not an object with a list of items");
  for (tomada_slice item = {NULL, 0}; json_next(page->items, &item);)
    if (!json_is_string(json_member(item, "id")) || !json_is_string(json_member(item, "name")) ||
        !json_is_string(json_member(item, "updated_at")))
      return fail(self, call, TOMADA_E_INVALID_DATA, "an item of the API has no text id, name or updated_at");
  const tomada_slice next = json_member(body, "next");
  if (!json_is_string(next)) return TOMADA_OK;
  page->next = text_of(next);
  return page->next.ptr == NULL ? fail(self, call, TOMADA_E_UNAVAILABLE, "out of memory") : TOMADA_OK;
}

/* [page] */
/* Each way out leads through here: an open response holds its connection. */
static void close_page(const struct plugin* self, tomada_call call, struct page* page) {
  if (page->response != 0) (void)self->http->release(call, page->response);
  free_slice(&page->next);
  *page = (struct page){0};
}

static tomada_status open_page(const struct plugin* self, tomada_call call, tomada_slice cursor, struct page* page) {
  *page = (struct page){0};
  tomada_slice url = url_of(self, cursor);
  if (url.ptr == NULL) return fail(self, call, TOMADA_E_UNAVAILABLE, "out of memory");
  tomada_http_request request = TOMADA_STRUCT(tomada_http_request);
  tomada_http_result result = TOMADA_STRUCT(tomada_http_result);
  request.method = TOMADA_TEXT("GET");
  request.url = url;
  tomada_status status =
      self->http->send(call, &request, &result); /* the host adds the token; other calls run meanwhile */
  free_slice(&url);
  if (status != TOMADA_OK) return status;
  page->response = result.response;
  status = result.status >= 200 && result.status < 300 ? read_page(self, call, page) : refused(self, call, &result);
  if (status != TOMADA_OK) close_page(self, call, page);
  return status;
}
/* [page] */

/* {"name":...,"updated_at":...}: the values as the API wrote them, which read_page() has checked. */
static tomada_status upsert(const struct plugin* self, tomada_call call, tomada_slice item) {
  const tomada_slice name = json_member(item, "name"), updated_at = json_member(item, "updated_at");
  tomada_slice id = text_of(json_member(item, "id"));
  const size_t room = name.len + updated_at.len + 32;
  char* const data = malloc(room);
  tomada_status status = TOMADA_E_UNAVAILABLE;
  if (id.ptr == NULL || data == NULL) {
    (void)fail(self, call, status, "out of memory");
  } else {
    char* to = data;
    to = (char*)memcpy(to, "{\"name\":", 8) + 8;
    to = (char*)memcpy(to, name.ptr, name.len) + name.len;
    to = (char*)memcpy(to, ",\"updated_at\":", 14) + 14;
    to = (char*)memcpy(to, updated_at.ptr, updated_at.len) + updated_at.len;
    *to++ = '}';
    tomada_record record = TOMADA_STRUCT(tomada_record);
    record.external_id = id;
    record.data_json = (tomada_slice){data, (uint64_t)(to - data)};
    status = self->records->upsert(call, TOMADA_TEXT("item"), &record);
    if (status == TOMADA_E_INVALID_DATA)
      status = TOMADA_OK; /* the host refused this record alone: the run ends as partial */
  }
  free_slice(&id);
  free(data);
  return status;
}

/* One cheap request that needs the credentials. */
static tomada_status test_connection(void* instance, tomada_call call) {
  struct page page;
  const tomada_status status = open_page(instance, call, (tomada_slice){NULL, 0}, &page);
  close_page(instance, call, &page);
  return status;
}

static bool are_equal(tomada_slice a, tomada_slice b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* [sync] */
static tomada_status sync(void* instance, tomada_call call, const tomada_sync_request* request) {
  const struct plugin* const self = instance;
  if (!are_equal(request->entity, TOMADA_TEXT("item")) || request->mode != TOMADA_SYNC_FULL)
    return fail(self, call, TOMADA_E_UNSUPPORTED, "there is no such entity or mode");
  tomada_slice cursor = request->resume; /* after an interruption: where it was */
  tomada_slice owned = {NULL, 0};
  struct page page;
  tomada_status status;
  while ((status = open_page(self, call, cursor, &page)) == TOMADA_OK) {
    for (tomada_slice item = {NULL, 0}; status == TOMADA_OK && json_next(page.items, &item);)
      status = upsert(self, call, item);
    const bool is_last = page.next.len == 0;
    if (status == TOMADA_OK && !is_last && are_equal(page.next, cursor))
      status = fail(self, call, TOMADA_E_INVALID_DATA, "the API's paging does not advance");
    /* The page and its cursor take effect together. Only after the last one: items that were not seen are deletions. */
    if (status == TOMADA_OK)
      status = is_last ? self->records->complete(call, TOMADA_TEXT("item"), (tomada_slice){NULL, 0})
                       : self->records->checkpoint(call, page.next);
    free_slice(&owned);
    cursor = owned = page.next;
    page.next = (tomada_slice){NULL, 0};
    close_page(self, call, &page);
    if (status != TOMADA_OK || is_last) break;
  }
  free_slice(&owned);
  return status;
}
/* [sync] */

static void destroy(void* instance) {
  struct plugin* const self = instance;
  free_slice(&self->items_url);
  free(self);
}

static const void* service(const tomada_host* host, tomada_slice id) {
  const void* table = NULL;
  return host->query_service(id, &table) == TOMADA_OK ? table : NULL;
}

static tomada_status refuse(char* why, uint64_t capacity, uint64_t* why_len, tomada_status status, const char* text) {
  *why_len = strlen(text) < capacity ? strlen(text) : capacity;
  memcpy(why, text, *why_len);
  return status;
}

/* The host has checked the configuration against the manifest. */
static tomada_status create(const tomada_host* host, const tomada_create_args* args, void** instance, char* why,
                            uint64_t why_capacity, uint64_t* why_len) {
  const tomada_slice config = args->config_json;
  const tomada_slice base_url = json_is_valid(config) ? json_member(config, "base_url") : (tomada_slice){NULL, 0};
  if (!json_is_string(base_url))
    return refuse(why, why_capacity, why_len, TOMADA_E_INVALID_CONFIG,
                  "config.base_url: must be the address of the API");
  tomada_slice page_size = json_member(config, "page_size");
  if (page_size.len == 0) page_size = TOMADA_TEXT("100");

  static const char path[] = "/items?limit=";
  struct plugin* const self = calloc(1, sizeof *self);
  char* const url = malloc(base_url.len + sizeof path + page_size.len);
  if (self == NULL || url == NULL) {
    free(self);
    free(url);
    return refuse(why, why_capacity, why_len, TOMADA_E_UNAVAILABLE, "out of memory");
  }
  uint64_t len = json_text(base_url, url);
  memcpy(url + len, path, sizeof path - 1);
  len += sizeof path - 1;
  memcpy(url + len, page_size.ptr, page_size.len);
  self->items_url = (tomada_slice){url, len + page_size.len};
  self->call = service(host, TOMADA_TEXT(TOMADA_CALL_ID));
  self->http = service(host, TOMADA_TEXT(TOMADA_HTTP_ID));
  self->records = service(host, TOMADA_TEXT(TOMADA_RECORDS_ID));
  if (self->call == NULL || self->http == NULL || self->records == NULL) {
    destroy(self);
    return refuse(why, why_capacity, why_len, TOMADA_E_UNSUPPORTED,
                  "this host lacks a service that the manifest requires");
  }
  *instance = self;
  return TOMADA_OK;
}

/* [entry] */
/* The one exported function. An older host's table may be shorter. */
tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) {
  tomada_plugin table = TOMADA_STRUCT(tomada_plugin);
  (void)host;
  table.abi_minor = 0;
  table.create = create;
  table.destroy = destroy;
  table.test_connection = test_connection;
  table.sync = sync;
  if (plugin->struct_size < table.struct_size) table.struct_size = plugin->struct_size;
  memcpy(plugin, &table, table.struct_size);
  return TOMADA_OK;
}
/* [entry] */
