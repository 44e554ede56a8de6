/* The host's services as plain functions: Go cannot call a function pointer. */
#ifndef GLUE_H
#define GLUE_H

#include <tomada/plugin.h>

extern const tomada_call_service* tomada_calls;
extern const tomada_http_service* tomada_http;
extern const tomada_records_service* tomada_records;

static inline tomada_status call_fail(tomada_call call, tomada_status status, const tomada_error* error) {
  return tomada_calls->fail(call, status, error);
}
static inline tomada_status call_check(tomada_call call) { return tomada_calls->check(call); }
static inline tomada_status http_send(tomada_call call, const tomada_http_request* request,
                                      tomada_http_result* result) {
  return tomada_http->send(call, request, result);
}
static inline tomada_status http_header(tomada_call call, tomada_response response, tomada_slice name,
                                        tomada_slice* value) {
  return tomada_http->header(call, response, name, value);
}
static inline tomada_status http_body(tomada_call call, tomada_response response, tomada_slice* body) {
  return tomada_http->body(call, response, body);
}
static inline tomada_status http_release(tomada_call call, tomada_response response) {
  return tomada_http->release(call, response);
}
static inline tomada_status records_upsert(tomada_call call, tomada_slice entity, const tomada_record* record) {
  return tomada_records->upsert(call, entity, record);
}
static inline tomada_status records_checkpoint(tomada_call call, tomada_slice cursor) {
  return tomada_records->checkpoint(call, cursor);
}
static inline tomada_status records_complete(tomada_call call, tomada_slice entity, tomada_slice since) {
  return tomada_records->complete(call, entity, since);
}

#endif
