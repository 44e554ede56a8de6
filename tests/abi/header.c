/* Compiles the header as the C standards of the build list ask, and uses its C conveniences. */
#include <tomada/plugin.h>

uint32_t tomada_header_in_c(void);
uint32_t tomada_header_in_c(void) {
  const tomada_record record = TOMADA_STRUCT(tomada_record);
  const tomada_slice text = TOMADA_TEXT("text");
  return record.struct_size + (uint32_t)text.len;
}
