/* Tomada plugin interface, ABI major 1, draft 0.
 *
 * A provider plugin is a shared library that exports one function, `tomada_plugin_entry_v1`, and carries its
 * manifest (JSON) in an ELF note. The host reads the note without running any code, loads the file, calls the entry
 * and from then on the function table that the entry filled. This header is C11 and compiles as C++17 and C++20.
 *
 * Draft: until 1.0 every service id starts with `unstable.` and a table may still change. `CHANGELOG.md` beside this
 * folder says what changed. sdk-docs/reference.md is made from these comments.
 *
 * RULES THAT HOLD EVERYWHERE
 *
 * Memory     An argument is borrowed until the function returns. Nobody ever frees the other side's memory. What the
 *            host hands out through a `tomada_slice *` says in its own comment how long it lives.
 * Text       A tomada_slice is a pointer and a length, not NUL-terminated. Text is UTF-8. {NULL, 0} is empty.
 *            No slice that a plugin passes may be longer than 1 GiB.
 * Structs    Start with `struct_size`, set by whoever makes the struct (TOMADA_STRUCT does it). Fields that a side
 *            does not know must be zero, else TOMADA_E_TOO_NEW; fields that are missing read as zero; zero always
 *            means the older behaviour. An out-struct: the caller sets the size, the callee writes no more. A size is 4
 *            to 4,096 bytes. Fields named `reserved` are zero.
 * Handles    A `uint64_t` that the host checks at each use. 0 is never valid. A handle dies with its call; using it
 *            later gives TOMADA_E_STALE_HANDLE and a PLUGIN_MISBEHAVING line in the log.
 * Errors     Every fallible function returns one of TOMADA_OK … TOMADA_E_INTERNAL. Details go to call->fail().
 *            Beside what its comment names, each service function with a `call` may return
 *            TOMADA_E_STALE_HANDLE (not the call that runs on this thread; functions without a status return 0),
 *            TOMADA_E_INVALID_DATA (a malformed slice or struct, a missing out-parameter), TOMADA_E_TOO_NEW and
 *            TOMADA_E_INTERNAL (a fault of the host; its log says more). After such an error nothing was done.
 * Unwinding  No exception, panic or longjmp crosses this interface in either direction.
 * State      A plugin keeps state only in its instances. One plugin serves many tenants.
 *
 * TAGS on functions: of a service, from where it may be called; of a plugin, what may be done inside.
 *
 * [any-thread]   may be called from any thread at any time.
 * [call]         only inside the plugin call that received this `tomada_call`, on the thread it runs on.
 * [may-suspend]  other calls may run on this thread meanwhile: hold no lock and keep no thread_local or errno value
 *                across it. Returns TOMADA_E_CANCELLED or TOMADA_E_DEADLINE at once when the call is over: clean up
 *                and return that status. On a function of a plugin: such services may be called in it.
 * [no-suspend]   never waits.
 * [teardown]     called once at the end, with no call running.
 */
#ifndef TOMADA_PLUGIN_H
#define TOMADA_PLUGIN_H

#include <stdint.h>

/* The version of this header. A host serves one major and a range of its minors (tomada_host). */
#define TOMADA_ABI_MAJOR 1
#define TOMADA_ABI_MINOR 0

/* Makes a symbol visible in a file that hides all others. For the entry alone. */
#if defined(__GNUC__)
#define TOMADA_EXPORT __attribute__((visibility("default")))
#else
#define TOMADA_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ---------------------------------------------------------------------------------------------------- */

/* What a plugin returns from a call tells the host what to do with the work. */
typedef int32_t tomada_status;

/* Also what a service returns. What the host does with each: sdk-docs/guides/errors.md. */
#define TOMADA_OK 0                /* done                                                                        */
#define TOMADA_E_CANCELLED 1       /* the call was cancelled: clean up and return                                 */
#define TOMADA_E_DEADLINE 2        /* the call's time is over: clean up and return; the host retries later        */
#define TOMADA_E_RATE_LIMITED 3    /* the provider's limit: the host retries at retry_after_ms or by its backoff  */
#define TOMADA_E_UNAUTHENTICATED 4 /* the credentials are wrong or expired: a person must reconnect               */
#define TOMADA_E_FORBIDDEN 5       /* not allowed: a scope, a host, a capability is missing                       */
#define TOMADA_E_NOT_FOUND 6       /* the thing named does not exist                                              */
#define TOMADA_E_CONFLICT 7        /* somebody else changed it first                                              */
#define TOMADA_E_INVALID_CONFIG 8  /* the integration's configuration is wrong: say which field and why           */
#define TOMADA_E_INVALID_DATA 9    /* the provider or the plugin sent something malformed                         */
#define TOMADA_E_UNAVAILABLE 10    /* the provider does not answer now: the host retries by its backoff           */
#define TOMADA_E_PERMANENT 11      /* will never work: do not retry                                               */
#define TOMADA_E_UNSUPPORTED 12    /* this host or this plugin does not do that                                   */
#define TOMADA_E_STALE_HANDLE 13   /* a handle that was released, or belongs to another call or kind              */
#define TOMADA_E_TOO_NEW 14        /* a struct uses fields that this side does not know                           */
#define TOMADA_E_INTERNAL 15       /* a bug                                                                       */

/* ---- Basic types ----------------------------------------------------------------------------------------------- */

/* Text or bytes; borrowed. Whoever hands it out says how long it lives. */
typedef struct tomada_slice {
  const char *ptr; /* may be NULL when len is 0 */
  uint64_t len;    /* bytes */
} tomada_slice;

typedef uint64_t tomada_call;     /* one running call; valid until the plugin function returns */
typedef uint64_t tomada_response; /* an HTTP response, or a request under way; until release() or the call's end */
typedef uint64_t tomada_reply;    /* the answer to an inline webhook; 0 when nobody waits for one */

/* One header of a request or of a webhook. */
typedef struct tomada_header {
  tomada_slice name;  /* any case */
  tomada_slice value; /* without line breaks */
} tomada_header;

/* Times are milliseconds since 1970-01-01 UTC; 0 means not known. */
typedef int64_t tomada_unix_ms;

/* ---- Host ------------------------------------------------------------------------------------------------------ */

/* What the host hands to the entry and to create(). It lives as long as the process. */
typedef struct tomada_host {
  uint32_t struct_size;
  uint32_t abi_minor_min; /* lowest minor of major 1 that this host serves */
  uint32_t abi_minor_max; /* highest */
  uint32_t reserved;

  /* Finds a service table by id, for example TOMADA_HTTP_ID. The table lives as long as the process; a function that
   * this host lacks is a stub that returns TOMADA_E_UNSUPPORTED, never NULL.
   * TOMADA_E_UNSUPPORTED: unknown id, `*table` is NULL. TOMADA_E_INVALID_DATA: `table` is NULL or `id` malformed.
   * [any-thread] [no-suspend] */
  tomada_status (*query_service)(tomada_slice id, const void **table);
} tomada_host;

/* ---- What the host asks of a plugin ---------------------------------------------------------------------------- */

/* One integration of one tenant. `config_json` was checked against the manifest's config schema. */
typedef struct tomada_create_args {
  uint32_t struct_size;
  uint32_t reserved;
  tomada_slice integration_id; /* UUID text, 36 bytes */
  tomada_slice config_json;    /* an object; credentials are not in it */
} tomada_create_args;

#define TOMADA_SYNC_FULL 1u        /* see everything; after records->complete() what was not seen is a deletion */
#define TOMADA_SYNC_INCREMENTAL 2u /* see what changed since `since` */

/* What one sync() is to do. Lives until it returns. */
typedef struct tomada_sync_request {
  uint32_t struct_size;
  uint32_t mode;       /* TOMADA_SYNC_FULL or TOMADA_SYNC_INCREMENTAL; a later host may have more: refuse what you do
                          not know with TOMADA_E_UNSUPPORTED */
  tomada_slice entity; /* one of the manifest's entities */
  tomada_slice since;  /* what the last completed run of this entity passed to records->complete(), in both modes; empty
                          the first time */
  tomada_slice resume; /* the last checkpoint of this same run after an interruption; empty on a fresh start. A newer
                          version of the plugin may get an older one's */
} tomada_sync_request;

/* One event that was verified and stored before. Lives until handle_webhook() returns. */
typedef struct tomada_webhook {
  uint32_t struct_size;
  uint32_t attempt;             /* 1 the first time this event is handed over */
  tomada_slice event_id;        /* as the manifest's webhook.event_id gives it; at most 255 bytes */
  tomada_slice event_type;      /* as the manifest's webhook.event_type gives it; may be empty */
  const tomada_header *headers; /* as received; the value of one that carries a secret is ***; "Tomada-Request" is the
                                   method, a space and the target (path and query) as they came in */
  uint64_t headers_count;       /* number of `headers` */
  tomada_slice body;            /* the raw bytes as received; of an array of events: this element */
  tomada_unix_ms received_at_ms; /* when the request came in, by the host's clock */
} tomada_webhook;

/* Filled by the entry. A function left NULL is one that this plugin does not have (only handle_webhook and
 * get_extension may be NULL; handle_webhook must be there when the manifest has `webhook`).
 * A call stays on one thread from its begin to its end. With the manifest's concurrency "serial" an instance has one
 * call at a time, with "parallel" several that interleave; other instances run meanwhile in any case. */
typedef struct tomada_plugin {
  uint32_t struct_size;
  uint32_t abi_minor; /* the lowest minor this plugin can do with, as its manifest's abi.min_minor says */

  /* Makes the instance for one integration: parse the configuration, no I/O. Called again, for a new instance, when the
   * integration or the plugin has changed, and in each process that runs calls of it.
   * `*instance` is owned by the plugin until destroy(). On an error it is not read.
   * TOMADA_E_INVALID_CONFIG: say why with `why`, a buffer of `why_capacity` (4,096) bytes for UTF-8 text, not
   * terminated; set `*why_len`. [no-suspend] */
  tomada_status (*create)(const tomada_host *host, const tomada_create_args *args, void **instance, char *why,
                          uint64_t why_capacity, uint64_t *why_len);

  /* Frees what create() made. Once for each instance, after its last call. [teardown] [no-suspend] */
  void (*destroy)(void *instance);

  /* Can the provider be reached with these credentials? Cheap, changes nothing there. Records cannot be sent from it.
   * Any status: the customer sees its detail. There are 30 seconds for it. [may-suspend] */
  tomada_status (*test_connection)(void *instance, tomada_call call);

  /* Brings one entity up to date: fetch pages, upsert and delete records, checkpoint after each page, complete at the
   * end. Called again with `resume` after an interruption. There is an hour for one attempt at a run with all of its
   * entities, unless the operator configured another time (sync.call_timeout_seconds).
   * TOMADA_E_UNSUPPORTED: an entity or mode that you do not have. Any other status: what the host does stands in the list of statuses.
   * [may-suspend] */
  tomada_status (*sync)(void *instance, tomada_call call, const tomada_sync_request *request);

  /* Works off one verified and stored event. Everything it did with records and storage takes effect together with the
   * event's state when it returns TOMADA_OK, else nothing of it does: a retry starts from the same place, and an event
   * is in effect once however often it is handed over.
   * Called again after 1, 5 and 15 minutes, 1 and 6 hours (later when retry_after_ms says so), then the event is kept as
   * failed for the operator. There is a minute for one call unless configured (webhooks.call_timeout_seconds).
   * TOMADA_E_PERMANENT, TOMADA_E_UNSUPPORTED: failed at once. An event of a kind that you do not know is TOMADA_OK.
   * `reply` is 0 unless the manifest says webhook.reply = "inline" and the provider waits for the answer now (see
   * service reply); then there are 2.5 seconds for the call, and after a failure it comes again with `reply` 0.
   * [may-suspend] */
  tomada_status (*handle_webhook)(void *instance, tomada_call call, const tomada_webhook *webhook, tomada_reply reply);

  /* A further function table of this plugin by id, or NULL. The table lives as long as the process. No host asks for one
   * yet. [any-thread] [no-suspend] */
  const void *(*get_extension)(tomada_slice id);
} tomada_plugin;

/* The one exported function. Sets plugin->... up to plugin->struct_size and returns TOMADA_OK; starts no thread and
 * does no I/O. Called once for each loaded copy of the file. `host` lives as long as the process, `plugin` until the
 * return. Any other status: the file is refused (rule P18). [no-suspend] */
TOMADA_EXPORT tomada_status tomada_plugin_entry_v1(const tomada_host *host, tomada_plugin *plugin);
/* Its name as text. */
#define TOMADA_PLUGIN_ENTRY_NAME "tomada_plugin_entry_v1"

/* ---- Service: call --------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_CALL_ID "unstable.call/1"

/* Why a call ends. Copied by fail(). */
typedef struct tomada_error {
  uint32_t struct_size;
  uint32_t http_status;       /* of the provider's answer, 100 to 599; 0: none */
  tomada_slice message;       /* for a person: what failed and how to mend it; no secret, no whole body */
  tomada_slice provider_code; /* the provider's own error code, such as "NoSuchBucket" */
  uint64_t retry_after_ms;    /* how long the host shall wait at least, at most 30 days; 0: its own backoff */
} tomada_error;

/* The running call itself. */
typedef struct tomada_call_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Keeps the detail of the status that the call is about to return, and returns that status. The last one counts; with
   * TOMADA_OK none is kept. Without it, what the host knows of a service's failure is the detail. Texts are cut at 4,096
   * bytes. `error` may be NULL. [call] [no-suspend] */
  tomada_status (*fail)(tomada_call call, tomada_status status, const tomada_error *error);

  /* TOMADA_OK while the call may go on. For loops without services.
   * TOMADA_E_CANCELLED, TOMADA_E_DEADLINE: the call is over. [call] [no-suspend] */
  tomada_status (*check)(tomada_call call);

  /* Milliseconds that are left before the deadline; 0 when it has passed. [call] [no-suspend] */
  uint64_t (*remaining_ms)(tomada_call call);
} tomada_call_service;

/* ---- Service: log ---------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_LOG_ID "unstable.log/1"

/* Levels of log->write(). The operator chooses from which on lines are written (log.level, "info"). */
#define TOMADA_LOG_DEBUG 1
#define TOMADA_LOG_INFO 2
#define TOMADA_LOG_WARN 3
#define TOMADA_LOG_ERROR 4

/* Lines in the host's log. */
typedef struct tomada_log_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes one line with the plugin, tenant and integration added. Secret values of the integration's credentials are
   * replaced by ***. A message over 4,096 bytes is cut; after 1,000 lines of a call one more says how many were dropped.
   * An unknown level is TOMADA_LOG_INFO. [call] [no-suspend] */
  void (*write)(tomada_call call, int32_t level, tomada_slice message);
} tomada_log_service;

/* ---- Service: clock -------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_CLOCK_ID "unstable.clock/1"

/* Time. Under `tomada plugin check` it is a recording's: ask here, not the machine. */
typedef struct tomada_clock_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Wall clock. [call] [no-suspend] */
  tomada_unix_ms (*now_ms)(tomada_call call);

  /* Waits, at most 30 days. 0 lets other calls run first.
   * TOMADA_E_CANCELLED, TOMADA_E_DEADLINE: clean up and return. [call] [may-suspend] */
  tomada_status (*sleep_ms)(tomada_call call, uint64_t duration_ms);
} tomada_clock_service;

/* ---- Service: http --------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_HTTP_ID "unstable.http/1"

/* One request. Copied before send() or open() returns. */
typedef struct tomada_http_request {
  uint32_t struct_size;
  uint32_t timeout_ms; /* upper bound for the whole exchange; the call's deadline applies as well; 0: 30,000 */
  tomada_slice method; /* "GET" … in upper case, at most 32 bytes */
  tomada_slice url;    /* absolute, percent-encoded, at most 32 KiB; https on port 443 of one of the manifest's hosts, or
                          scheme, host and port of the config's `endpoint` or `base_url` */
  const tomada_header *headers; /* what the manifest's `auth` sets replaces a header of the same name */
  uint64_t headers_count;       /* number of `headers`, at most 256, of 64 KiB each */
  tomada_slice body;            /* with send(): the whole body */
  uint64_t body_length;         /* with open(): the length when it is known, UINT64_MAX when it is not */
  uint32_t flags;               /* TOMADA_HTTP_... or 0 */
  uint32_t reserved;
} tomada_http_request;

#define TOMADA_HTTP_NO_AUTH 1u /* do not add the integration's authentication (a public or presigned address) */

/* What send() and finish() fill. The caller sets struct_size. */
typedef struct tomada_http_result {
  uint32_t struct_size;
  uint32_t status;          /* of HTTP, 100 … 599 */
  tomada_response response; /* release it, or leave it to the end of the call */
} tomada_http_result;

/* The host adds authentication last, follows up to 5 redirects to allowed hosts, verifies TLS, decompresses, reuses
 * connections. Plugins never see the token. A call has at most 1,024 responses open (rule C09). */
typedef struct tomada_http_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Sends one request and waits for the response's header; the body is read with read() or body().
   * TOMADA_OK for every HTTP status, 4xx and 5xx included.
   * TOMADA_E_FORBIDDEN: the host is not allowed, its address is private, or a redirect leads from https to http.
   * TOMADA_E_UNAVAILABLE: no connection, or it broke. TOMADA_E_UNAUTHENTICATED: the integration lacks a credential that
   * the manifest's `auth` needs; nothing was sent. TOMADA_E_INVALID_DATA: the URL, method or a header is malformed, what
   * came back was not HTTP, its header is longer than 64 KiB, more than 5 redirects, too many open responses.
   * TOMADA_E_DEADLINE: timeout_ms or the call's deadline. [call] [may-suspend] */
  tomada_status (*send)(tomada_call call, const tomada_http_request *request, tomada_http_result *result);

  /* The same in three steps for a body that is not in memory: open, write any number of times, finish.
   * `*response` is the handle for write() and finish(), and after finish() that of the response. Such a body cannot be
   * sent again: a redirect of it is returned as the answer.
   * The errors of send(); TOMADA_E_INVALID_DATA: write() or finish() after finish() (rule C10). [call] [may-suspend] */
  tomada_status (*open)(tomada_call call, const tomada_http_request *request, tomada_response *response);
  tomada_status (*write)(tomada_call call, tomada_response response, tomada_slice bytes);
  tomada_status (*finish)(tomada_call call, tomada_response response, tomada_http_result *result);

  /* A response header by name (any case), the values of repeated ones joined with ", ". `*value` lives until release.
   * TOMADA_E_NOT_FOUND: there is none. TOMADA_E_INVALID_DATA: before finish(). [call] [no-suspend] */
  tomada_status (*header)(tomada_call call, tomada_response response, tomada_slice name, tomada_slice *value);

  /* Reads up to `capacity` bytes of the body, of any length in all; `*len` is 0 only at its end.
   * TOMADA_E_UNAVAILABLE: the connection broke. TOMADA_E_INVALID_DATA: no buffer, before finish(), after body().
   * TOMADA_E_DEADLINE: timeout_ms or the call's deadline. [call] [may-suspend] */
  tomada_status (*read)(tomada_call call, tomada_response response, char *buffer, uint64_t capacity, uint64_t *len);

  /* Reads what is left of the body and hands it out whole; `*body` lives until release.
   * TOMADA_E_INVALID_DATA: longer than 32 MiB, or before finish(). TOMADA_E_UNAVAILABLE, TOMADA_E_DEADLINE: as read().
   * [call] [may-suspend] */
  tomada_status (*body)(tomada_call call, tomada_response response, tomada_slice *body);

  /* Lets the response go; an unread body is dropped. What is left at the end of the call the host releases.
   * TOMADA_E_STALE_HANDLE: it is gone already. [call] [no-suspend] */
  tomada_status (*release)(tomada_call call, tomada_response response);
} tomada_http_service;

/* ---- Service: records ------------------------------------------------------------------------------------------ */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_RECORDS_ID "unstable.records/1"

/* One record. Copied by upsert(). */
typedef struct tomada_record {
  uint32_t struct_size;
  uint32_t reserved;
  tomada_slice external_id;     /* the provider's id; 1 to 1024 bytes of UTF-8 */
  tomada_slice data_json;       /* an object, at most 1 MiB; the order of its members means nothing */
  tomada_unix_ms updated_at_ms; /* the provider's own; older data never overwrites newer; 0: not known */
} tomada_record;

/* The sink of sync() and handle_webhook(). In sync() nothing is in effect before checkpoint() or complete() returned
 * TOMADA_OK. In handle_webhook() it takes effect when the function returns TOMADA_OK, together with what storage was
 * told and with the event's state, else not at all; checkpoint(), complete() and progress() return
 * TOMADA_E_UNSUPPORTED there. A record that is refused there makes the event "partial". */
typedef struct tomada_records_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Adds a record to the page. The host compares: an equal one costs nothing and makes no change.
   * TOMADA_E_INVALID_DATA: no id, not an object, not UTF-8, too large, unknown entity, in a full run another entity than
   * the run's, a page of more than 10,000 records or 16 MiB (checkpoint sooner). The page goes on without it, and the run
   * ends as partial. TOMADA_E_UNSUPPORTED: in test_connection(). [call] [may-suspend] */
  tomada_status (*upsert)(tomada_call call, tomada_slice entity, const tomada_record *record);

  /* Adds a deletion to the page; that of a record which is not there changes nothing. `updated_at_ms` as in a record.
   * Errors and limits as upsert(). [call] [no-suspend] */
  tomada_status (*remove)(tomada_call call, tomada_slice entity, tomada_slice external_id,
                          tomada_unix_ms updated_at_ms);

  /* Commits the page together with `cursor`: after a crash the run goes on from here, with nothing lost and nothing
   * doubled. `cursor` is the plugin's own text, at most 64 KiB; it comes back as request->resume.
   * TOMADA_E_INVALID_DATA: it is longer. TOMADA_E_CONFLICT: another host has this run now: return it.
   * TOMADA_E_UNAVAILABLE: the store does not answer; nothing was committed. [call] [may-suspend] */
  tomada_status (*checkpoint)(tomada_call call, tomada_slice cursor);

  /* Commits the page and says that the whole entity was seen. In a full run every record of `entity` that this run
   * did not see becomes a deletion, unless records of the run were refused. `since`, at most 64 KiB, comes back in the
   * next run. TOMADA_E_INVALID_DATA: another entity than the run's, or `since` is longer. TOMADA_E_CONFLICT,
   * TOMADA_E_UNAVAILABLE: as checkpoint(). [call] [may-suspend] */
  tomada_status (*complete)(tomada_call call, tomada_slice entity, tomada_slice since);

  /* For people who watch: `current` of `total` records done; total 0 when not known. Shown with the next checkpoint.
   * TOMADA_E_UNSUPPORTED: outside of sync(). [call] [no-suspend] */
  tomada_status (*progress)(tomada_call call, uint64_t current, uint64_t total);
} tomada_records_service;

/* ---- Service: storage ------------------------------------------------------------------------------------------ */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_STORAGE_ID "unstable.storage/1"

/* A durable map for each integration: keys of 1 to 512 bytes, values up to 256 KiB, 10,000 keys. TOMADA_E_FORBIDDEN
 * when the manifest does not name it. In handle_webhook() put() and remove() take effect when it returns TOMADA_OK,
 * with its records, else not at all; get() sees the call's own changes. At most 1,000 keys change in one such call. */
typedef struct tomada_storage_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* `*value` lives until the next storage call or the end of the call. TOMADA_E_NOT_FOUND: there is none.
   * TOMADA_E_UNAVAILABLE: the store does not answer. [call] [may-suspend] */
  tomada_status (*get)(tomada_call call, tomada_slice key, tomada_slice *value);

  /* Durable when it returns TOMADA_OK; in handle_webhook() see above. Copied.
   * TOMADA_E_INVALID_DATA: beyond the limits above. TOMADA_E_UNAVAILABLE: the store does not answer.
   * [call] [may-suspend] */
  tomada_status (*put)(tomada_call call, tomada_slice key, tomada_slice value);

  /* TOMADA_OK also when there was none. TOMADA_E_UNAVAILABLE: the store does not answer. [call] [may-suspend] */
  tomada_status (*remove)(tomada_call call, tomada_slice key);
} tomada_storage_service;

/* ---- Service: credentials -------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_CREDENTIALS_ID "unstable.credentials/1"

/* Most plugins need none of this: http adds the authentication that the manifest describes. */
typedef struct tomada_credentials_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* One field in clear; lives until the end of the call. Only with `capabilities: ["secrets"]` in the manifest, which
   * the operator sees and allows. TOMADA_E_FORBIDDEN: without that capability. TOMADA_E_NOT_FOUND: it is not set.
   * [call] [no-suspend] */
  tomada_status (*get)(tomada_call call, tomada_slice field, tomada_slice *value);

  /* Is the field set? Needs no capability. TOMADA_E_NOT_FOUND: it is not. [call] [no-suspend] */
  tomada_status (*has)(tomada_call call, tomada_slice field);
} tomada_credentials_service;

/* ---- Service: crypto ------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_CRYPTO_ID "unstable.crypto/1"

/* Algorithms of hash() and hmac(). SHA-1 and MD5 are for providers that demand them. */
#define TOMADA_SHA1 1u
#define TOMADA_SHA256 2u
#define TOMADA_SHA512 3u
#define TOMADA_MD5 4u

#define TOMADA_VERIFY_ED25519 1u           /* key: 32 raw bytes; signature: 64 raw bytes */
#define TOMADA_VERIFY_ECDSA_P256_SHA256 2u /* key: DER SubjectPublicKeyInfo; signature: DER */

/* Output buffers: `*len` is set to the length of the result; TOMADA_E_INVALID_DATA when `capacity` is too small, with
 * `*len` the length that is needed. */
typedef struct tomada_crypto_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* Raw digests: 20, 32, 64, 16 bytes. TOMADA_E_UNSUPPORTED: an unknown algorithm. [any-thread] [no-suspend] */
  tomada_status (*hash)(uint32_t algorithm, tomada_slice data, char *out, uint64_t capacity, uint64_t *len);
  tomada_status (*hmac)(uint32_t algorithm, tomada_slice key, tomada_slice data, char *out, uint64_t capacity,
                        uint64_t *len);

  /* TOMADA_OK: the signature is right. TOMADA_E_UNAUTHENTICATED: it is not. TOMADA_E_INVALID_DATA: the key or the
   * signature is malformed. TOMADA_E_UNSUPPORTED: an unknown algorithm. [any-thread] [no-suspend] */
  tomada_status (*verify)(uint32_t algorithm, tomada_slice key, tomada_slice data, tomada_slice signature);

  /* In a time that does not depend on the content, but on the lengths. TOMADA_OK: equal.
   * TOMADA_E_UNAUTHENTICATED: not. [any-thread] [no-suspend] */
  tomada_status (*equal)(tomada_slice a, tomada_slice b);

  /* Standard alphabet with padding; decode takes the URL-safe alphabet and missing padding as well.
   * TOMADA_E_INVALID_DATA: what is decoded is not base64. [any-thread] [no-suspend] */
  tomada_status (*base64_encode)(tomada_slice data, char *out, uint64_t capacity, uint64_t *len);
  tomada_status (*base64_decode)(tomada_slice text, char *out, uint64_t capacity, uint64_t *len);

  /* Lower case; decode takes both cases. TOMADA_E_INVALID_DATA: what is decoded is not hex. [any-thread] [no-suspend] */
  tomada_status (*hex_encode)(tomada_slice data, char *out, uint64_t capacity, uint64_t *len);
  tomada_status (*hex_decode)(tomada_slice text, char *out, uint64_t capacity, uint64_t *len);
} tomada_crypto_service;

/* ---- Service: reply -------------------------------------------------------------------------------------------- */

/* Id for query_service() and the manifest's `services`. */
#define TOMADA_REPLY_ID "unstable.reply/1"

/* What a provider that waits is answered (a slash command, a call that asks for instructions). Without an answer it gets
 * an empty 200. The answer is sent only when the function then returns TOMADA_OK. */
typedef struct tomada_reply_service {
  uint32_t struct_size;
  uint32_t reserved;

  /* The one answer of this call: `status` 200 to 499, `content_type` at most 255 bytes of visible ASCII and spaces
   * (empty: text/plain), `body` at most 64 KiB. Copied.
   * TOMADA_E_UNSUPPORTED: `reply` is 0, nobody waits. TOMADA_E_INVALID_DATA: beyond these limits, or a second answer.
   * TOMADA_E_STALE_HANDLE: not the reply of this call. [call] [no-suspend] */
  tomada_status (*set)(tomada_call call, tomada_reply reply, uint32_t status, tomada_slice content_type,
                       tomada_slice body);
} tomada_reply_service;

/* ---- Conveniences ---------------------------------------------------------------------------------------------- */

/* A zeroed struct with its size set: tomada_record record = TOMADA_STRUCT(tomada_record); (C only; C++ has the glue) */
#ifndef __cplusplus
#define TOMADA_STRUCT(type) ((type){.struct_size = (uint32_t)sizeof(type)})
/* A slice of a string literal. */
#define TOMADA_TEXT(literal) ((tomada_slice){(literal), sizeof(literal) - 1})
#endif

/* The manifest note: section ".note.tomada", owner name "Tomada", type 1, the JSON text as description. The CMake
 * function `tomada_add_plugin` makes it from a file. */
#define TOMADA_NOTE_SECTION ".note.tomada"
#define TOMADA_NOTE_NAME "Tomada"
#define TOMADA_NOTE_MANIFEST 1

#ifdef __cplusplus
}
#endif
#endif
