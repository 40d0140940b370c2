/* Reads the defaults of parameter rows: a Python literal as value. The texts are our own, so they are not checked. */
#include "layers/support.h"

typedef struct scan { cuv_arena *arena; const char *at; } scan;

static cuv_value *read_value(scan *s);

static void skip_space(scan *s)
{
    while (*s->at == ' ' || *s->at == ',') s->at++;
}

static cuv_value *read_sequence(scan *s, char end)
{
    cuv_value *list = end == ')' ? cuv_value_tuple(s->arena) : cuv_value_list(s->arena);
    if (!list) return NULL;
    for (skip_space(s); *s->at && *s->at != end; skip_space(s))
        if (cuv_list_add(s->arena, list, read_value(s)) != CUV_OK) return NULL;
    s->at++;
    return list;
}

static cuv_value *read_text(scan *s)
{
    const char *end = strchr(s->at, '\'');
    size_t size = end ? (size_t)(end - s->at) : strlen(s->at);
    cuv_value *v = cuv_value_text_n(s->arena, s->at, size);
    s->at += size + (end != NULL);
    return v;
}

static cuv_value *read_word(scan *s)
{
    size_t size = strcspn(s->at, ",)] ");
    const char *word = s->at;
    int64_t integer;
    double real;
    s->at += size;
    if (size == 4 && memcmp(word, "None", 4) == 0) return cuv_value_null(s->arena);
    if (size == 4 && memcmp(word, "True", 4) == 0) return cuv_value_bool(s->arena, true);
    if (size == 5 && memcmp(word, "False", 5) == 0) return cuv_value_bool(s->arena, false);
    if (cuv_parse_i64(word, size, &integer)) return cuv_value_int(s->arena, integer);
    if (cuv_parse_double(word, size, &real)) return cuv_value_real(s->arena, real);
    return cuv_value_null(s->arena);
}

static cuv_value *read_value(scan *s)
{
    skip_space(s);
    switch (*s->at) {
    case '(': s->at++; return read_sequence(s, ')');
    case '[': s->at++; return read_sequence(s, ']');
    case '\'': s->at++; return read_text(s);
    default: return read_word(s);
    }
}

cuv_value *cuv_layer_literal(cuv_arena *arena, const char *text)
{
    scan s = {arena, text};
    return read_value(&s);
}
