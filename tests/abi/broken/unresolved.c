/* Passes every look at the file and is refused by the loader: nobody defines the function. */
#include <tomada/plugin.h>

extern tomada_status nobody_defines_this(void);

tomada_status tomada_plugin_entry_v1(const tomada_host *host, tomada_plugin *plugin) {
  (void)host, (void)plugin;
  return nobody_defines_this();
}
