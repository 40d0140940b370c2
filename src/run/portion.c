/* How many rows of a batch are best run at once. Rows that do not touch each other may be run in portions: so few that what passes from step to
 * step stays in the cache, so many that a product has the rows to use a weight often. Knows a program and the sizes of one row. */
#include "run/kernels.h"
#include "run/runner.h"

enum { CACHE_BYTES = 2 << 20, ROWS_OF_PRODUCT = 24 };

/* Elements of a row from axis `first` up to `end`; 0 when one is unknown. */
static double span(const cuv_var *v, int first, int end)
{
    double n = 1;
    for (int i = first; i < end; i++)
        n *= v->shape[i] > 0 ? (double)v->shape[i] : 0;
    return n;
}

/* Whether operand k alone has rows. */
static bool only(const cuv_step *s, const bool *rows, int k)
{
    for (int i = 0; i < s->in_count; i++)
        if (s->in[i] != CUV_NO_REF && rows[s->in[i]] != (i == k))
            return false;
    return true;
}

/* Operands without rows are the same for all rows. */
static bool pairs(const cuv_program *p, const cuv_step *s, const bool *rows)
{
    const int rank = p->values[s->out[0]].rank;
    for (int i = 0; i < s->in_count; i++) {
        const cuv_var *v = &p->values[s->in[i]];
        if (rows[s->in[i]] ? v->rank != rank : v->rank >= rank && v->shape[0] != 1)
            return false;
    }
    return true;
}

/* Whether row i of what a step makes depends on row i of what it takes, and on nothing of the others. */
static bool by_rows(const cuv_program *p, const cuv_step *s, const bool *rows)
{
    const cuv_attrs *a = s->attrs;
    const cuv_var *x = s->in_count && s->in[0] != CUV_NO_REF ? &p->values[s->in[0]] : NULL, *y = &p->values[s->out[0]];
    switch ((int)s->op) {
    case CUV_OP_RELU: case CUV_OP_SIGMOID: case CUV_OP_TANH: case CUV_OP_SILU: case CUV_OP_SOFTPLUS: case CUV_OP_EXP: case CUV_OP_ELU:
    case CUV_OP_SELU: case CUV_OP_SOFTSIGN: case CUV_OP_MISH: case CUV_OP_HARD_SIGMOID: case CUV_OP_HARD_SILU: case CUV_OP_HARD_TANH:
    case CUV_OP_GELU: case CUV_OP_SQUARE: case CUV_OP_ABS: case CUV_OP_CLIP: case CUV_OP_NEG: case CUV_OP_SQRT: case CUV_OP_CAST:
        return true;
    case CUV_OP_ADD: case CUV_OP_SUB: case CUV_OP_MUL: case CUV_OP_DIV: case CUV_OP_MAXIMUM: case CUV_OP_MINIMUM: return pairs(p, s, rows);
    case CUV_OP_DENSE: return x->rank > 1 && only(s, rows, 0);
    case CUV_OP_CONV: case CUV_OP_DEPTHWISE: case CUV_OP_MAX_POOL: case CUV_OP_AVG_POOL: return only(s, rows, 0);
    case CUV_OP_BATCH_NORM: return a->axis > 0 && only(s, rows, 0);
    case CUV_OP_SOFTMAX: case CUV_OP_LAYER_NORM: case CUV_OP_RMS_NORM: case CUV_OP_MEAN: case CUV_OP_SUM: case CUV_OP_MAX:
        return a->axes_count > 0 && !(cuv_axes_mask(a, 1) & 1) && only(s, rows, 0);
    case CUV_OP_RESHAPE: return span(x, 1, x->rank) > 0 && span(x, 1, x->rank) == span(y, 1, y->rank);
    case CUV_OP_PAD: return !a->pad_lo[0] && !a->pad_hi[0];
    case CUV_OP_TRANSPOSE: return a->perm[0] == 0;
    case CUV_OP_GATHER: return a->axis == 0 && only(s, rows, 1);
    case CUV_OP_CONCAT:
        for (int i = 0; i < s->in_count; i++)
            if (!rows[s->in[i]])
                return false;
        return a->axis > 0;
    case CUV_OP_ATTENTION: return s->in_count == 3 && rows[s->in[0]] && rows[s->in[1]] && rows[s->in[2]];
    default: return false;
    }
}

/* Marks the values that have rows; false when some step mixes rows, or a size is unknown. */
static bool find_rows(const cuv_program *p, bool *rows)
{
    for (size_t i = 0; i < p->input_count; i++)
        rows[p->inputs[i]] = true;
    for (size_t i = 0; i < p->step_count; i++) {
        const cuv_step *s = &p->steps[i];
        bool some = false;
        for (int k = 0; k < s->in_count; k++)
            some |= s->in[k] != CUV_NO_REF && rows[s->in[k]];
        if (some && !by_rows(p, s, rows))
            return false;
        for (int k = 0; some && k < s->out_count; k++)
            rows[s->out[k]] = true;
    }
    for (size_t i = 0; i < p->value_count; i++)
        if (rows[i] && (p->values[i].rank < 1 || p->values[i].shape[0] >= 0 || span(&p->values[i], 1, p->values[i].rank) == 0))
            return false;
    for (size_t i = 0; i < p->output_count; i++)
        if (!rows[p->outputs[i]])
            return false;
    return true;
}

/* Multiplications for one row, and how many rows its product has. */
static double work(const cuv_program *p, const cuv_step *s, double *places)
{
    const cuv_var *x = &p->values[s->in[0]], *y = &p->values[s->out[0]], *w = s->in_count > 1 ? &p->values[s->in[1]] : NULL;
    *places = ROWS_OF_PRODUCT;
    if (s->op == CUV_OP_DENSE) {
        *places = span(x, 1, x->rank - 1);
        return *places * span(w, 0, 2);
    }
    if (s->op != CUV_OP_CONV)
        return 0;
    *places = span(y, 1, y->rank - 1);
    return *places * span(w, 0, w->rank);
}

/* Rows from which on every product that counts has rows enough. */
static double rows_for_products(const cuv_program *p, const bool *rows)
{
    double all = 0, need = 1, places;
    for (size_t i = 0; i < p->step_count; i++)
        all += rows[p->steps[i].out[0]] ? work(p, &p->steps[i], &places) : 0;
    for (size_t i = 0; i < p->step_count; i++)
        if (rows[p->steps[i].out[0]] && work(p, &p->steps[i], &places) > 0.05 * all && places * need < ROWS_OF_PRODUCT)
            need = ROWS_OF_PRODUCT / places;
    return need;
}

/* Bytes of one row that the step with most of them takes and makes. */
static double row_bytes(const cuv_program *p, const bool *rows)
{
    double most = 1;
    for (size_t i = 0; i < p->step_count; i++) {
        const cuv_step *s = &p->steps[i];
        double bytes = 0;
        for (int k = 0; k < s->in_count + s->out_count; k++) {
            const cuv_ref ref = k < s->in_count ? s->in[k] : s->out[k - s->in_count];
            if (ref != CUV_NO_REF && rows[ref] && s->op != CUV_OP_RESHAPE)
                bytes += span(&p->values[ref], 1, p->values[ref].rank) * (double)cuv_dtype_size(p->values[ref].dtype);
        }
        most = bytes > most ? bytes : most;
    }
    return most;
}

cuv_status cuv_best_rows(cuv_context *cx, const cuv_program *p, int64_t total, int64_t *out)
{
    *out = total;
    cuv_arena *arena = cuv_arena_new(cx);
    bool *rows = arena ? CUV_NEW_ARRAY(arena, bool, p->value_count + 1) : NULL;
    if (!rows) {
        cuv_arena_free(arena);
        return cuv_oom(cx);
    }
    if (find_rows(p, rows)) {
        const double need = rows_for_products(p, rows), fit = CACHE_BYTES / row_bytes(p, rows), best = fit > need ? fit : need;
        int64_t n = best < (double)total ? (int64_t)best : total;
        while (n > 1 && total % n)      /* portions of one size, for one plan */
            n--;
        for (n = n < 1 ? 1 : n; n < total && ((double)n < need || total % n);)
            n++;
        *out = n;
    }
    cuv_arena_free(arena);
    return CUV_OK;
}
