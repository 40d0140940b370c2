/* Text helpers that only base/ needs. */
#ifndef CUV_BASE_TEXT_H
#define CUV_BASE_TEXT_H

#include "base/base.h"

/* vsnprintf with '.' as the decimal point, whatever locale the program has set. */
int cuv_vformat(char *out, size_t size, const char *fmt, va_list args);
/* Decodes one UTF-8 character; returns its bytes, 0 when they are not well-formed. */
size_t cuv_utf8_decode(const char *text, size_t size, uint32_t *out);
/* Adds text as Python would quote it, between `quote` characters. */
void cuv_buffer_quoted(cuv_buffer *b, const char *text, size_t size, char quote);

#endif
