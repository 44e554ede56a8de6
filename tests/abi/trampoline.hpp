// What the trampoline plugin calls back into: plugin code that a test writes inline.
#pragma once

#include <tomada/plugin.h>

struct tomada_test_hooks {
  tomada_status (*call)(tomada_test_hooks*, const tomada_host*, tomada_call, const tomada_sync_request*);
  tomada_status (*webhook)(tomada_test_hooks*, const tomada_host*, tomada_call, const tomada_webhook*, tomada_reply);
  tomada_status (*create)(tomada_test_hooks*, const tomada_host*, const tomada_create_args*, char*, uint64_t, uint64_t*);
  void (*destroy)(tomada_test_hooks*);
};
