/* Small things of C source: comments, words, numbers, arrays. */
#include "emit/c_write.h"

enum { LINE = 110, FLUSH = 1 << 20 };

cuv_status cuv_c_flush(cuv_c_writer *w)
{
    if (w->buffer.failed)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_output_write(w->source, w->buffer.data, w->buffer.size));
    w->buffer.size = 0;
    return CUV_OK;
}

void cuv_c_comment(cuv_buffer *out, const char *text)
{
    char before = ' ';
    for (const char *at = text ? text : ""; *at; at++) {
        const unsigned char c = (unsigned char)*at;
        const bool joins = (c == '/' && before == '*') || (c == '*' && before == '/') || (c == '?' && before == '?');
        if (c < ' ' || c > '~' || c == '\\' || joins)
            cuv_buffer_printf(out, "<%02x>", c);
        else
            cuv_buffer_char(out, *at);
        before = joins ? ' ' : *at;
    }
}

char *cuv_c_word(cuv_arena *arena, const char *text)
{
    size_t n = 0, size = strlen(text);
    char *word = cuv_arena_alloc(arena, size + 3);
    if (!word)
        return NULL;
    if (!((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')))
        word[n++] = 'm';
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || n == 0 || word[n - 1] != '_')
            word[n++] = plain ? c : '_';
    }
    word[n] = 0;
    return word;
}

const char *cuv_c_type(cuv_dtype dtype)
{
    switch ((int)dtype) {
    case CUV_BOOL: return "uint8_t";
    case CUV_I32: return "int32_t";
    case CUV_I64: return "int64_t";
    case CUV_F64: return "double";
    default: return "float";
    }
}

const char *cuv_c_dtype(cuv_dtype dtype)
{
    switch ((int)dtype) {
    case CUV_BOOL: return "CUV_BOOL";
    case CUV_I8: return "CUV_I8";
    case CUV_U8: return "CUV_U8";
    case CUV_I16: return "CUV_I16";
    case CUV_U16: return "CUV_U16";
    case CUV_I32: return "CUV_I32";
    case CUV_U32: return "CUV_U32";
    case CUV_U64: return "CUV_U64";
    case CUV_I64: return "CUV_I64";
    case CUV_F16: return "CUV_F16";
    case CUV_BF16: return "CUV_BF16";
    case CUV_F64: return "CUV_F64";
    default: return "CUV_F32";
    }
}

static bool add_special(cuv_buffer *out, double value)
{
    if (isnan(value))
        cuv_buffer_text(out, "NAN");
    else if (isinf(value))
        cuv_buffer_text(out, value < 0 ? "-INFINITY" : "INFINITY");
    else
        return false;
    return true;
}

void cuv_c_double(cuv_buffer *out, double value)
{
    if (!add_special(out, value))
        cuv_buffer_double(out, value);
}

static void add_element(cuv_buffer *out, cuv_dtype dtype, const void *data, size_t i)
{
    int64_t k;
    switch ((int)dtype) {
    case CUV_BOOL: cuv_buffer_char(out, ((const uint8_t *)data)[i] ? '1' : '0'); return;
    case CUV_I32: k = ((const int32_t *)data)[i]; break;
    case CUV_I64: k = ((const int64_t *)data)[i]; break;
    case CUV_F64: cuv_c_double(out, ((const double *)data)[i]); return;
    default:
        if (!add_special(out, (double)((const float *)data)[i])) {
            cuv_buffer_float(out, ((const float *)data)[i]);
            cuv_buffer_char(out, 'f');
        }
        return;
    }
    if (k == INT32_MIN || k == INT64_MIN)
        cuv_buffer_text(out, k == INT32_MIN ? "INT32_MIN" : "INT64_MIN");
    else
        cuv_buffer_printf(out, dtype == CUV_I64 ? "INT64_C(%lld)" : "%lld", (long long)k);
}

/* C has no arrays without elements; one that nothing reads stands for them. */
cuv_status cuv_c_array(cuv_c_writer *w, const char *name, cuv_dtype dtype, const void *data, size_t count)
{
    cuv_buffer *out = &w->buffer;
    cuv_buffer_printf(out, "static const %s %s[%zu] = {", cuv_c_type(dtype), name, count ? count : 1);
    size_t start = out->size;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || out->size - start > LINE - 14) {
            cuv_buffer_text(out, i ? ",\n    " : "\n    ");
            start = out->size;
        } else {
            cuv_buffer_text(out, ", ");
        }
        add_element(out, dtype, data, i);
        if (out->size > FLUSH) {
            CUV_TRY(cuv_check_time(w->cx));
            CUV_TRY(cuv_c_flush(w));
            start = 0;
        }
    }
    cuv_buffer_text(out, count ? "};\n" : "0};\n");
    return cuv_c_flush(w);
}
