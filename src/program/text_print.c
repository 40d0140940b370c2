/* A program as text: one declaration or step a line. The grammar is that of text_parse.c. */
#include "program/text.h"

const char *const cuv_mode_names[12] = {"constant", "reflect", "symmetric", "edge", "nearest", "bilinear", "bicubic",
                                         "set", "add", "mul", "max", "min"};
const char *const cuv_align_names[2] = {"half_pixel", "asymmetric"};

#define ROW(name, kind) {#name, CUV_A_##kind, offsetof(cuv_attrs, name)}
const cuv_attr_row cuv_attr_rows[] = {
    ROW(axis, INT), ROW(groups, INT), ROW(count, COUNT), ROW(axes, AXES), ROW(perm, PERM), ROW(shape, SHAPE),
    ROW(size, SIZES), ROW(window, ONES), ROW(stride, ONES), ROW(dilation, ONES), ROW(pad_lo, PADS), ROW(pad_hi, PADS),
    ROW(start, SLICE), ROW(stop, SLICE), ROW(step, SLICE), ROW(alpha, REAL), ROW(beta, REAL), ROW(gamma, REAL),
    ROW(epsilon, REAL), ROW(value, REAL), ROW(dtype, DTYPE), ROW(from, DTYPE), ROW(mode, MODE), ROW(align, ALIGN), ROW(act, ACT),
    ROW(rec_act, ACT), ROW(keepdims, FLAG), ROW(reverse, FLAG), ROW(sequences, FLAG), ROW(zero_masked, FLAG),
    ROW(reset_after, FLAG), ROW(transpose_a, FLAG), ROW(transpose_b, FLAG), ROW(approximate, FLAG),
    ROW(some, FLAG), ROW(masked_uniform, FLAG), ROW(same, FLAG), ROW(lower, FLAG), ROW(strip, FLAG), ROW(split, INT), ROW(salt, SIZES), {0}};

enum { MOST_VALUES = 64 };      /* of a constant that is printed */

static void print_number(int64_t v, cuv_buffer *out)
{
    if (v == INT64_MAX || v == INT64_MIN)
        cuv_buffer_text(out, v < 0 ? "min" : "max");
    else
        cuv_buffer_printf(out, "%lld", (long long)v);
}

/* " name=1,2" without the last numbers that equal `rest`; nothing when all do. */
static void print_list(const char *name, const int64_t *list, int count, int64_t rest, cuv_buffer *out)
{
    while (count > 0 && list[count - 1] == rest)
        count--;
    for (int i = 0; i < count; i++) {
        if (i == 0)
            cuv_buffer_printf(out, " %s=", name);
        else
            cuv_buffer_char(out, ',');
        print_number(list[i], out);
    }
}

static void print_ints(const char *name, const int *list, int count, cuv_buffer *out)
{
    for (int i = 0; i < count; i++)
        cuv_buffer_printf(out, "%s%s%s%d", i ? "," : " ", i ? "" : name, i ? "" : "=", list[i]);
}

static void print_act(const char *name, const cuv_act *act, cuv_buffer *out)
{
    if (act->op == CUV_OP_NONE)
        return;
    cuv_buffer_printf(out, " %s=%s", name, cuv_op_about(act->op)->name);
    if (act->alpha == 0 && act->beta == 0 && act->gamma == 0 && !act->approximate)
        return;
    const double numbers[3] = {act->alpha, act->beta, act->gamma};
    for (int i = 0; i < 3; i++) {
        cuv_buffer_char(out, i ? ',' : '(');
        cuv_buffer_double(out, numbers[i]);
    }
    cuv_buffer_text(out, act->approximate ? ",approximate)" : ")");
}

static void print_attr(const cuv_attr_row *row, const cuv_attrs *a, int rank, cuv_buffer *out)
{
    const void *at = (const unsigned char *)a + row->offset;
    int steps = CUV_MAX_RANK;
    switch (row->kind) {
    case CUV_A_INT: print_ints(row->name, at, 1, out); break;
    case CUV_A_COUNT: print_list(row->name, at, 1, INT64_MIN, out); break;
    case CUV_A_REAL:
        if (*(const double *)at != 0) {
            cuv_buffer_printf(out, " %s=", row->name);
            cuv_buffer_double(out, *(const double *)at);
        }
        break;
    case CUV_A_FLAG:
        if (*(const bool *)at)
            cuv_buffer_printf(out, " %s", row->name);
        break;
    case CUV_A_DTYPE: cuv_buffer_printf(out, " %s=%s", row->name, cuv_dtype_name(*(const cuv_dtype *)at)); break;
    case CUV_A_MODE: cuv_buffer_printf(out, " %s=%s", row->name, cuv_mode_names[*(const cuv_mode *)at]); break;
    case CUV_A_ALIGN: cuv_buffer_printf(out, " %s=%s", row->name, cuv_align_names[*(const cuv_align *)at]); break;
    case CUV_A_ACT: print_act(row->name, at, out); break;
    case CUV_A_AXES: print_ints(row->name, at, a->axes_count, out); break;
    case CUV_A_PERM: print_ints(row->name, at, rank, out); break;
    case CUV_A_SHAPE: print_list(row->name, at, a->shape_count, INT64_MIN, out); break;
    case CUV_A_ONES: print_list(row->name, at, 3, 1, out); break;
    case CUV_A_SIZES: print_list(row->name, at, 3, ((const int64_t *)at)[2] < 0 ? -1 : 0, out); break;
    case CUV_A_PADS: print_list(row->name, at, CUV_MAX_RANK, 0, out); break;
    case CUV_A_SLICE:
        while (steps > 0 && a->step[steps - 1] == 0)
            steps--;
        print_list(row->name, at, steps, INT64_MIN + 1, out);
        break;
    }
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* Bare when it can be read back so, else as a JSON string. */
static void print_layer(const char *layer, cuv_buffer *out)
{
    bool plain = layer[0] != '\0' && layer[0] != '"' && layer[0] != ' ';
    size_t n = strlen(layer);
    for (size_t i = 0; i < n; i++)
        plain &= (unsigned char)layer[i] >= ' ' && layer[i] != 127;
    plain = plain && layer[n - 1] != ' ' && cuv_utf8_valid(layer, n);
    cuv_buffer_text(out, "  # ");
    if (plain)
        cuv_buffer_text(out, layer);
    else
        cuv_buffer_json_string(out, layer, n);
}

static void print_step(const cuv_program *p, const cuv_step *s, cuv_buffer *out)
{
    const cuv_op_info *about = cuv_op_about(s->op);
    int rank = s->in_count ? cuv_program_var(p, s->in[0])->rank : 0;
    for (int i = 0; i < s->out_count; i++)
        cuv_buffer_printf(out, "%%%d ", (int)s->out[i]);
    cuv_buffer_printf(out, "= %s", about->name);
    for (int i = 0; i < s->in_count; i++)
        if (s->in[i] == CUV_NO_REF)
            cuv_buffer_text(out, " -");
        else
            cuv_buffer_printf(out, " %%%d", (int)s->in[i]);
    for (const cuv_attr_row *row = cuv_attr_rows; row->name; row++)
        if (has_word(about->attrs, row->name))
            print_attr(row, s->attrs, rank, out);
    if (s->layer)
        print_layer(s->layer, out);
    cuv_buffer_char(out, '\n');
}

static void print_values(const cuv_tensor *t, cuv_buffer *out)
{
    size_t count = cuv_tensor_count(t);
    if (!t->data || count > MOST_VALUES) {
        cuv_buffer_text(out, " ...");
        return;
    }
    cuv_buffer_text(out, " [");
    for (size_t i = 0; i < count; i++) {
        if (i)
            cuv_buffer_char(out, ' ');
        if (t->dtype == CUV_STR) {
            cuv_string text;
            memcpy(&text, t->data + i * sizeof text, sizeof text);
            cuv_buffer_json_string(out, text.data ? text.data : "", text.size);
        } else if (t->dtype == CUV_I64) {
            int64_t v;
            memcpy(&v, t->data + i * sizeof v, sizeof v);
            cuv_buffer_printf(out, "%lld", (long long)v);
        } else
            cuv_buffer_double(out, cuv_tensor_at(t, i));
    }
    cuv_buffer_char(out, ']');
}

static void print_value(const cuv_program *p, size_t i, cuv_buffer *out)
{
    static const char *const kinds[] = {"input", "weight", "constant", "result"};
    const cuv_var *v = &p->values[i];
    cuv_buffer_printf(out, "%%%zu = %s ", i, kinds[v->kind]);
    if (v->kind != CUV_V_CONSTANT) {
        cuv_buffer_json_string(out, v->name ? v->name : "", v->name ? strlen(v->name) : 0);
        cuv_buffer_char(out, ' ');
    }
    cuv_buffer_printf(out, "%s (", cuv_dtype_name(v->dtype));
    for (int k = 0; k < v->rank; k++)
        if (v->shape[k] < 0)
            cuv_buffer_text(out, k ? ", None" : "None");
        else
            cuv_buffer_printf(out, "%s%lld", k ? ", " : "", (long long)v->shape[k]);
    cuv_buffer_char(out, ')');
    if (v->kind == CUV_V_CONSTANT && v->tensor)
        print_values(v->tensor, out);
    cuv_buffer_char(out, '\n');
}

/* Declares what is not declared below value `end`, and what the step reads. */
static void declare(const cuv_program *p, size_t *next, size_t end, const cuv_step *s, bool *shown, cuv_buffer *out)
{
    for (; *next < end && *next < p->value_count; ++*next)
        if (p->values[*next].kind != CUV_V_RESULT && !shown[*next]) {
            shown[*next] = true;
            print_value(p, *next, out);
        }
    for (int i = 0; s && i < s->in_count; i++) {
        cuv_ref ref = s->in[i];
        if (ref != CUV_NO_REF && p->values[ref].kind != CUV_V_RESULT && !shown[ref]) {
            shown[ref] = true;
            print_value(p, (size_t)ref, out);
        }
    }
}

void cuv_program_print(const cuv_program *p, cuv_buffer *out)
{
    bool *shown = CUV_NEW_ARRAY(p->arena, bool, p->value_count + 1);
    size_t next = 0;
    if (!shown) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < p->input_count; i++) {
        shown[p->inputs[i]] = true;
        print_value(p, (size_t)p->inputs[i], out);
    }
    for (size_t i = 0; i < p->step_count; i++) {
        const cuv_step *s = &p->steps[i];
        declare(p, &next, s->out_count ? (size_t)s->out[0] : 0, s, shown, out);
        print_step(p, s, out);
    }
    declare(p, &next, p->value_count, NULL, shown, out);
    for (size_t i = 0; i < p->output_count; i++) {
        cuv_buffer_printf(out, "output %%%d", (int)p->outputs[i]);
        if (p->output_names && p->output_names[i]) {
            cuv_buffer_char(out, ' ');
            cuv_buffer_json_string(out, p->output_names[i], strlen(p->output_names[i]));
        }
        cuv_buffer_char(out, '\n');
    }
}
