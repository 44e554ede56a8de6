/* Reads JSON where it lies: a value is the piece of text that it is written in, so there is no tree and nothing to
 * free. Check a document once; the other functions then work on pieces of it. */
#ifndef JSON_H
#define JSON_H

#include <tomada/plugin.h>

#include <stdbool.h>

/* One value of well-formed JSON in UTF-8, at most 64 levels deep. */
bool json_is_valid(tomada_slice text);

/* The value of a member; empty when there is none or `object` is no object. */
tomada_slice json_member(tomada_slice object, const char* name);

bool json_is_array(tomada_slice value);
bool json_is_string(tomada_slice value);

/* The element after `*element`; the first one after an empty slice. False at the end. */
bool json_next(tomada_slice array, tomada_slice* element);

/* Writes the text of a string, which is never longer than its JSON, to `out` (value.len bytes). Returns its length. */
uint64_t json_text(tomada_slice string, char* out);

#endif
