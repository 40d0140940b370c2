/* Regular expressions as Python's module re writes them, as far as names of layers and files are taken apart with them. */
#ifndef CUV_FORMAT_REGEX_H
#define CUV_FORMAT_REGEX_H

#include "format/format.h"

enum { CUV_RE_GROUPS = 16, CUV_RE_NOTHING = -1 };

typedef struct cuv_regex cuv_regex;

/* Where a match and its groups lie: start[0], end[0] is all of it; CUV_RE_NOTHING for groups that took no part. */
typedef struct cuv_re_match {
    int64_t start[CUV_RE_GROUPS], end[CUV_RE_GROUPS];
} cuv_re_match;

/* *out stays NULL for expressions that are not understood: lookarounds, back references, possessive and conditional parts, flags inside. */
CUV_MUST_USE cuv_status cuv_regex_new(cuv_arena *arena, const char *pattern, size_t size, bool ignore_case, cuv_regex **out);
size_t cuv_regex_groups(const cuv_regex *re);                      /* without the whole */
const char *cuv_regex_name(const cuv_regex *re, size_t group);     /* of (?P<name>...); NULL: none */

typedef enum cuv_re_result { CUV_RE_NO, CUV_RE_YES, CUV_RE_TOO_LONG } cuv_re_result;

/* A match that begins at `at`, or, when `search`, there or later; `whole`: it has to reach the end. TOO_LONG: given up. */
CUV_MUST_USE cuv_status cuv_regex_match(cuv_arena *scratch, const cuv_regex *re, const char *text, size_t size, size_t at, bool search, bool whole,
                                        cuv_re_match *match, cuv_re_result *out);

#endif
