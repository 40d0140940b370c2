/* Attributes in C source: a struct of the fields that the kernels in use read, and one constant for each set of values. */
#include "emit/c_write.h"
#include <stddef.h>

typedef enum kind { INT, I64, INTS, I64S, REAL, BOOL, DTYPE, MODE, ALIGN, ACT } kind;
typedef struct field {
    const char *name;
    kind kind;
    size_t at;
    int count;          /* of lists */
} field;

#define ROW(name, kind, count) {#name, kind, offsetof(cuv_attrs, name), count}
static const field fields[] = {
    ROW(axis, INT, 1), ROW(groups, INT, 1), ROW(count, I64, 1), ROW(axes, INTS, CUV_MAX_RANK), ROW(axes_count, INT, 1),
    ROW(perm, INTS, CUV_MAX_RANK), ROW(shape, I64S, CUV_MAX_RANK), ROW(shape_count, INT, 1), ROW(size, I64S, 3), ROW(window, I64S, 3),
    ROW(stride, I64S, 3), ROW(dilation, I64S, 3), ROW(pad_lo, I64S, CUV_MAX_RANK), ROW(pad_hi, I64S, CUV_MAX_RANK), ROW(start, I64S, CUV_MAX_RANK),
    ROW(stop, I64S, CUV_MAX_RANK), ROW(step, I64S, CUV_MAX_RANK), ROW(alpha, REAL, 1), ROW(beta, REAL, 1), ROW(gamma, REAL, 1),
    ROW(epsilon, REAL, 1), ROW(value, REAL, 1), ROW(dtype, DTYPE, 1), ROW(from, DTYPE, 1), ROW(mode, MODE, 1),
    ROW(align, ALIGN, 1),
    ROW(act, ACT, 1), ROW(rec_act, ACT, 1), ROW(keepdims, BOOL, 1), ROW(reverse, BOOL, 1), ROW(sequences, BOOL, 1),
    ROW(zero_masked, BOOL, 1), ROW(reset_after, BOOL, 1), ROW(transpose_a, BOOL, 1), ROW(transpose_b, BOOL, 1),
    ROW(approximate, BOOL, 1), ROW(masked_uniform, BOOL, 1), ROW(same, BOOL, 1), ROW(lower, BOOL, 1)};
enum { FIELDS = sizeof fields / sizeof fields[0] };
#undef ROW

static const char *const types[] = {"int", "int64_t", "int", "int64_t", "double", "bool", "cuv_dtype", "cuv_mode", "cuv_align",
                                    "cuv_act"};
static const char *const modes[] = {"CUV_MODE_CONSTANT", "CUV_MODE_REFLECT", "CUV_MODE_SYMMETRIC", "CUV_MODE_EDGE",
                                    "CUV_MODE_NEAREST", "CUV_MODE_BILINEAR", "CUV_MODE_BICUBIC", "CUV_MODE_SET", "CUV_MODE_ADD",
                                    "CUV_MODE_MUL", "CUV_MODE_MAX", "CUV_MODE_MIN"};
static const char *const op_ids[] = {
    "NONE",
#define OP(id, name, in_min, in_max, outs, attrs, shape, doc) #id,
#include "program/ops.def"
#undef OP
};

/* Activations that some attribute names. */
static void mark_acts(const cuv_c_writer *w, bool *used)
{
    for (size_t i = 0; i < w->attr_count; i++) {
        used[w->attrs[i]->act.op] = true;
        used[w->attrs[i]->rec_act.op] = true;
    }
}

static void add_op_type(const cuv_c_writer *w, cuv_buffer *out)
{
    bool used[CUV_OP_COUNT] = {false};
    mark_acts(w, used);
    cuv_buffer_text(out, "\n/* activations of layers */\ntypedef enum cuv_op { CUV_OP_NONE");
    for (int i = 1; i < CUV_OP_COUNT; i++)
        if (used[i])
            cuv_buffer_printf(out, ", CUV_OP_%s", op_ids[i]);
    cuv_buffer_text(out, " } cuv_op;\n");
}

void cuv_c_attr_types(const cuv_c_writer *w, cuv_buffer *out)
{
    bool any = false;
    if (cuv_c_text_mentions(w->text, "cuv_act"))
        add_op_type(w, out);
    cuv_c_text_write_types(w->text, out);
    cuv_buffer_text(out, "\n/* what the kernels below read of a step's attributes */\ntypedef struct cuv_attrs {\n");
    for (int i = 0; i < FIELDS; i++) {
        const field *f = &fields[i];
        if (!cuv_c_text_reads(w->text, f->name))
            continue;
        any = true;
        cuv_buffer_printf(out, "    %s %s", types[f->kind], f->name);
        if (f->count == 3)
            cuv_buffer_text(out, "[3]");
        else if (f->count == CUV_MAX_RANK)
            cuv_buffer_text(out, "[CUV_MAX_RANK]");
        cuv_buffer_text(out, ";\n");
    }
    cuv_buffer_text(out, any ? "} cuv_attrs;\n" : "    int none;\n} cuv_attrs;\n");
}

/* ---- values ---- */

static void add_act(cuv_buffer *out, const cuv_act *act)
{
    cuv_buffer_printf(out, "{CUV_OP_%s, ", op_ids[act->op]);
    cuv_c_double(out, act->alpha);
    cuv_buffer_text(out, ", ");
    cuv_c_double(out, act->beta);
    cuv_buffer_text(out, ", ");
    cuv_c_double(out, act->gamma);
    cuv_buffer_printf(out, ", %s}", act->approximate ? "true" : "false");
}

/* INT64_MIN and INT64_MAX have names because the negative one cannot be written as a number. */
static void add_i64(cuv_buffer *out, int64_t k)
{
    if (k == INT64_MIN || k == INT64_MAX)
        cuv_buffer_text(out, k < 0 ? "INT64_MIN" : "INT64_MAX");
    else if (k > INT32_MAX || k <= INT32_MIN)
        cuv_buffer_printf(out, "INT64_C(%lld)", (long long)k);
    else
        cuv_buffer_printf(out, "%lld", (long long)k);
}

static void add_list(cuv_buffer *out, const field *f, const void *values, int count)
{
    cuv_buffer_char(out, '{');
    for (int i = 0; i < count; i++) {
        cuv_buffer_text(out, i ? ", " : "");
        add_i64(out, f->kind == INTS ? ((const int *)values)[i] : ((const int64_t *)values)[i]);
    }
    cuv_buffer_char(out, '}');
}

static int list_length(const field *f, const void *values, int most)
{
    int n = 0;
    for (int i = 0; i < most; i++)
        if (f->kind == INTS ? ((const int *)values)[i] != 0 : ((const int64_t *)values)[i] != 0)
            n = i + 1;
    return n;
}

static bool is_zero(const field *f, const void *at)
{
    switch (f->kind) {
    case INT: return *(const int *)at == 0;
    case I64: return *(const int64_t *)at == 0;
    case INTS: case I64S: return list_length(f, at, f->count) == 0;
    case REAL: return *(const double *)at == 0;
    case BOOL: return !*(const bool *)at;
    case DTYPE: return false;
    case MODE: return *(const cuv_mode *)at == CUV_MODE_CONSTANT;
    case ALIGN: return *(const cuv_align *)at == CUV_HALF_PIXEL;
    case ACT: return ((const cuv_act *)at)->op == CUV_OP_NONE;
    }
    return true;
}

static void add_value(cuv_buffer *out, const field *f, const void *at)
{
    switch (f->kind) {
    case INT: cuv_buffer_printf(out, "%d", *(const int *)at); break;
    case I64: add_i64(out, *(const int64_t *)at); break;
    case INTS: case I64S: add_list(out, f, at, list_length(f, at, f->count)); break;
    case REAL: cuv_c_double(out, *(const double *)at); break;
    case BOOL: cuv_buffer_text(out, "true"); break;
    case DTYPE: cuv_buffer_text(out, cuv_c_dtype(*(const cuv_dtype *)at)); break;
    case MODE: cuv_buffer_text(out, modes[*(const cuv_mode *)at]); break;
    case ALIGN: cuv_buffer_text(out, "CUV_ASYMMETRIC"); break;
    case ACT: add_act(out, at); break;
    }
}

/* A value of zeros, said by its first field: a bare {0} is not clean where that field is a list or a struct. */
static void add_zeros(const cuv_c_writer *w, cuv_buffer *out)
{
    const field *f = fields;
    while (f < fields + FIELDS && !cuv_c_text_reads(w->text, f->name))
        f++;
    if (f == fields + FIELDS)
        cuv_buffer_text(out, ".none = 0");
    else
        cuv_buffer_printf(out, ".%s = %s", f->name,
                          f->kind == ACT ? "{.op = CUV_OP_NONE}" : f->kind == INTS || f->kind == I64S ? "{0}"
                          : f->kind == MODE ? "CUV_MODE_CONSTANT" : f->kind == ALIGN ? "CUV_HALF_PIXEL"
                          : f->kind == BOOL ? "false" : "0");
}

void cuv_c_attr_values(const cuv_c_writer *w, cuv_buffer *out)
{
    cuv_buffer_printf(out, "\nstatic const cuv_attrs attrs[%zu] = {\n", w->attr_count ? w->attr_count : 1);
    for (size_t i = 0; i < w->attr_count; i++) {
        bool any = false;
        cuv_buffer_text(out, "    {");
        for (int k = 0; k < FIELDS; k++) {
            const void *at = (const char *)w->attrs[i] + fields[k].at;
            field f = fields[k];
            if (f.at == offsetof(cuv_attrs, axes))
                f.count = w->attrs[i]->axes_count;      /* what lies behind has no meaning */
            if (!cuv_c_text_reads(w->text, f.name) || is_zero(&f, at))
                continue;
            cuv_buffer_printf(out, "%s.%s = ", any ? ", " : "", f.name);
            add_value(out, &f, at);
            any = true;
        }
        if (!any)
            add_zeros(w, out);
        cuv_buffer_text(out, i + 1 < w->attr_count ? "},\n" : "}};\n");
    }
    if (!w->attr_count) {
        cuv_buffer_text(out, "    {");
        add_zeros(w, out);
        cuv_buffer_text(out, "}};\n");
    }
}
