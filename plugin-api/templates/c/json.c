#include "json.h"

#include <string.h>

#define LEVELS_MAX 64

/* The functions named ..._end return the place behind what begins at `at`, or NULL when that is malformed. */
static const char* value_end(const char* at, const char* end, int level);

static const char* skip_space(const char* at, const char* end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  return at;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Of "XXXX"; -1 when it is none. */
static int32_t hex4(const char* at, const char* end) {
  int32_t code = 0;
  if (end - at < 4) return -1;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

/* Behind the `u` of an escape: one code unit, or a pair of two escapes. */
static const char* unicode_escape_end(const char* at, const char* end, uint32_t* code) {
  const int32_t first = hex4(at, end);
  if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) return NULL;
  *code = (uint32_t)first;
  at += 4;
  if (first < 0xD800 || first > 0xDBFF) return at;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return NULL;
  const int32_t second = hex4(at + 2, end);
  if (second < 0xDC00 || second > 0xDFFF) return NULL;
  *code = 0x10000u + (((uint32_t)first - 0xD800u) << 10) + ((uint32_t)second - 0xDC00u);
  return at + 6;
}

/* A character of two bytes or more: no overlong form, no surrogate, none beyond U+10FFFF. */
static const char* utf8_end(const char* at, const char* end) {
  const unsigned char first = (unsigned char)at[0];
  const int more = first >= 0xC2 && first <= 0xDF   ? 1
                   : first >= 0xE0 && first <= 0xEF ? 2
                   : first >= 0xF0 && first <= 0xF4 ? 3
                                                    : 0;
  if (more == 0 || end - at <= more) return NULL;
  for (int i = 1; i <= more; ++i)
    if (((unsigned char)at[i] & 0xC0) != 0x80) return NULL;
  const unsigned char second = (unsigned char)at[1];
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
      (first == 0xF4 && second > 0x8F))
    return NULL;
  return at + more + 1;
}

static const char* string_end(const char* at, const char* end) {
  uint32_t code;
  ++at;
  while (at != NULL && at < end) {
    if (*at == '"') return at + 1;
    if ((unsigned char)*at < 0x20) return NULL;
    if ((unsigned char)*at >= 0x80) {
      at = utf8_end(at, end);
    } else if (*at != '\\') {
      ++at;
    } else if (end - at > 1 && at[1] == 'u') {
      at = unicode_escape_end(at + 2, end, &code);
    } else {
      at = end - at > 1 && at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? at + 2 : NULL;
    }
  }
  return NULL;
}

static const char* digits_end(const char* at, const char* end) {
  const char* const begin = at;
  while (at < end && *at >= '0' && *at <= '9') ++at;
  return at == begin ? NULL : at;
}

static const char* number_end(const char* at, const char* end) {
  if (at < end && *at == '-') ++at;
  const char* const begin = at;
  at = digits_end(at, end);
  if (at == NULL || (*begin == '0' && at - begin > 1)) return NULL;
  if (at < end && *at == '.') at = digits_end(at + 1, end);
  if (at == NULL || at == end || (*at != 'e' && *at != 'E')) return at;
  ++at;
  if (at < end && (*at == '+' || *at == '-')) ++at;
  return digits_end(at, end);
}

static const char* word_end(const char* at, const char* end, const char* word) {
  const size_t len = strlen(word);
  return (size_t)(end - at) >= len && memcmp(at, word, len) == 0 ? at + len : NULL;
}

/* "name": and the space behind it. */
static const char* name_end(const char* at, const char* end) {
  if (at == end || *at != '"' || (at = string_end(at, end)) == NULL) return NULL;
  at = skip_space(at, end);
  return at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

static const char* list_end(const char* at, const char* end, int level) {
  const char closing = *at == '{' ? '}' : ']';
  if (level == LEVELS_MAX) return NULL;
  at = skip_space(at + 1, end);
  if (at < end && *at == closing) return at + 1;
  for (;;) {
    if (closing == '}' && (at = name_end(at, end)) == NULL) return NULL;
    if ((at = value_end(at, end, level + 1)) == NULL) return NULL;
    at = skip_space(at, end);
    if (at == end) return NULL;
    if (*at == closing) return at + 1;
    if (*at != ',') return NULL;
    at = skip_space(at + 1, end);
  }
}

static const char* value_end(const char* at, const char* end, int level) {
  if (at == end) return NULL;
  switch (*at) {
    case '{':
    case '[':
      return list_end(at, end, level);
    case '"':
      return string_end(at, end);
    case 't':
      return word_end(at, end, "true");
    case 'f':
      return word_end(at, end, "false");
    case 'n':
      return word_end(at, end, "null");
    default:
      return number_end(at, end);
  }
}

static bool begins_with(tomada_slice text, char c) {
  const char* const at = skip_space(text.ptr, text.ptr + text.len);
  return at < text.ptr + text.len && *at == c;
}

bool json_is_array(tomada_slice value) { return value.len > 0 && begins_with(value, '['); }
bool json_is_string(tomada_slice value) { return value.len > 0 && begins_with(value, '"'); }

bool json_is_valid(tomada_slice text) {
  if (text.len == 0) return false;
  const char* const end = text.ptr + text.len;
  const char* const at = value_end(skip_space(text.ptr, end), end, 0);
  return at != NULL && skip_space(at, end) == end;
}

tomada_slice json_member(tomada_slice object, const char* name) {
  const tomada_slice none = {NULL, 0};
  const size_t name_len = strlen(name);
  if (object.len == 0 || !begins_with(object, '{')) return none;
  const char* const end = object.ptr + object.len;
  const char* at = skip_space(skip_space(object.ptr, end) + 1, end);
  while (at < end && *at == '"') {
    const char* const text = at + 1;
    const char* const value = name_end(at, end);
    const char* const behind = value == NULL ? NULL : value_end(value, end, 1);
    if (behind == NULL) return none;
    if (word_end(text, end, name) == text + name_len && text[name_len] == '"')
      return (tomada_slice){value, (uint64_t)(behind - value)};
    at = skip_space(behind, end);
    if (at < end && *at == ',') at = skip_space(at + 1, end);
  }
  return none;
}

bool json_next(tomada_slice array, tomada_slice* element) {
  const char* const end = array.ptr + array.len;
  const char* at = element->len > 0 ? element->ptr + element->len : skip_space(array.ptr, end) + 1;
  at = skip_space(at, end);
  if (at < end && *at == ',') at = skip_space(at + 1, end);
  const char* const behind = at < end && *at != ']' ? value_end(at, end, 1) : NULL;
  if (behind == NULL) return false;
  *element = (tomada_slice){at, (uint64_t)(behind - at)};
  return true;
}

static char* put_utf8(char* out, uint32_t code) {
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xC0 | (code >> 6));
    *out++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *out++ = (char)(0xE0 | (code >> 12));
    *out++ = (char)(0x80 | ((code >> 6) & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  } else {
    *out++ = (char)(0xF0 | (code >> 18));
    *out++ = (char)(0x80 | ((code >> 12) & 0x3F));
    *out++ = (char)(0x80 | ((code >> 6) & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  }
  return out;
}

uint64_t json_text(tomada_slice string, char* out) {
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const char* const end = string.ptr + string.len - 1; /* the closing quote */
  const char* at = string.ptr + 1;
  char* to = out;
  while (at < end) {
    uint32_t code = 0;
    if (*at != '\\') {
      *to++ = *at++;
    } else if (at[1] == 'u') {
      at = unicode_escape_end(at + 2, end, &code);
      to = put_utf8(to, code);
    } else {
      *to++ = meanings[strchr(escapes, at[1]) - escapes];
      at += 2;
    }
  }
  return (uint64_t)(to - out);
}
