/* One character to UTF-8, for the parsers of this folder. */
#ifndef CUV_FORMAT_UTF8_H
#define CUV_FORMAT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Writes 1 to 4 bytes and returns how many; surrogates and what lies beyond Unicode become U+FFFD. Never more than 3 bytes below
 * U+10000. */
static inline size_t cuv_utf8_put(char *out, uint32_t c)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[size] | c);
    return size;
}

#endif
