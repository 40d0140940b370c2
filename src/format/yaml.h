/* What an unquoted YAML scalar means; used by yaml.c. */
#ifndef CUV_FORMAT_YAML_H
#define CUV_FORMAT_YAML_H

#include "format/format.h"

/* YAML 1.1 as PyYAML resolves it: null, bool, int, float, text. NULL: no memory. */
cuv_value *cuv_yaml_resolve(cuv_arena *arena, const char *text, size_t size);

#endif
