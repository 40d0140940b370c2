/* What goes over rows: activations, arithmetic of two tensors, softmax, normalisation. */
#include "run/fast/fast.h"

enum { PIECE = 4096, FEW = 50000 };     /* floats that pass through the first cache at once; too few for several threads */

/* ---- several threads over a run of floats ---- */

typedef struct span_job {
    const cuv_prepared *f;
    const cuv_kernel_args *a;
    cuv_act act;
    size_t n, each;
} span_job;

static void act_part(void *arg, size_t part, size_t thread)
{
    (void)thread;
    const span_job *j = arg;
    const size_t end = j->n - part * j->each < j->each ? j->n : (part + 1) * j->each;
    const float *x = j->a->in[0].data;
    float *y = j->a->out[0].data;
    for (size_t i = part * j->each; i < end; i += PIECE) {
        const size_t n = end - i < PIECE ? end - i : PIECE;
        if (x != y)
            memcpy(y + i, x + i, n * sizeof *y);
        j->f->isa->act(&j->act, y + i, n);
    }
}

static void run_act(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_attrs *at = a->attrs;
    span_job j = {.f = f, .a = a, .n = cuv_run_count(&a->in[0])};
    j.act = (cuv_act){f->act, at->alpha, at->beta, at->gamma, at->approximate};
    const size_t threads = cuv_pool_threads(f->pool), parts = j.n > FEW ? 2 * threads : 1;
    j.each = (j.n + parts - 1) / parts;
    cuv_parallel(f->pool, (j.n + j.each - 1) / j.each, act_part, &j);
}

/* ---- two tensors ---- */

/* One tensor against another that is as large, or repeats all along it. */
typedef struct pair_job {
    const cuv_prepared *f;
    const float *x, *other;
    float *y;
    size_t n, each, period;     /* period: floats of the other one; 0: as many as x */
} pair_job;

static void pair_part(void *arg, size_t part, size_t thread)
{
    const pair_job *j = arg;
    const size_t end = j->n - part * j->each < j->each ? j->n : (part + 1) * j->each, step = j->period ? j->period : j->each;
    (void)thread;
    for (size_t i = part * j->each; i < end; i += step)
        j->f->isa->binary(j->f->act, j->y + i, j->x + i, j->period ? j->other : j->other + i, end - i < step ? end - i : step, false);
}

/* Whether t repeats along `whole`: its axes are the last ones of it, ones apart. */
static bool repeats(const cuv_run_tensor *t, const cuv_run_tensor *whole)
{
    int i = t->rank - 1, k = whole->rank - 1;
    for (; i >= 0 && k >= 0 && t->shape[i] == whole->shape[k]; i--)
        k--;
    for (; i >= 0 && t->shape[i] == 1; i--)
        ;
    return i < 0;
}

static bool turns(cuv_op op) { return op == CUV_OP_ADD || op == CUV_OP_MUL || op == CUV_OP_MAXIMUM || op == CUV_OP_MINIMUM; }

static bool run_pair(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t n = cuv_run_count(&a->out[0]), threads = n > FEW ? cuv_pool_threads(f->pool) : 1;
    const bool turned = cuv_run_count(&a->in[0]) < n && turns(f->act);
    const cuv_run_tensor *x = &a->in[turned], *other = &a->in[!turned];
    const size_t period = cuv_run_count(other);
    float pattern[PIECE];
    if (cuv_run_count(x) < n || period < 2 || !repeats(other, &a->out[0]))
        return false;
    pair_job j = {f, x->data, other->data, a->out[0].data, n, n / (2 * threads) + 1, period < n ? period : 0};
    if (j.period && period <= PIECE / 4) {
        for (j.period = 0; j.period + period <= PIECE && j.period < n; j.period += period)
            memcpy(pattern + j.period, other->data, period * sizeof *pattern);
        j.other = pattern;
    }
    if (j.period)
        j.each = (j.each + j.period - 1) / j.period * j.period;
    cuv_parallel(threads > 1 ? f->pool : NULL, (n + j.each - 1) / j.each, pair_part, &j);
    return true;
}

/* One number with a row, or with another one that counts for a row. */
static void one_with_row(const cuv_prepared *f, float *y, float one, const float *other, bool row, size_t n)
{
    float same[256];
    const size_t most = sizeof same / sizeof *same;
    for (size_t i = 0; i < most && i < n; i++)
        same[i] = one;
    for (size_t i = 0; i < n; i += most)
        f->isa->binary(f->act, y + i, same, row ? other + i : other, n - i < most ? n - i : most, !row);
}

static void run_binary(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    float *y = a->out[0].data;
    cuv_walk w;
    if (run_pair(a))
        return;
    cuv_walk_init(&w, a->out[0].shape, a->out[0].rank, 2);
    cuv_walk_broadcast(&w, 0, a->in[0].shape, a->in[0].rank);
    cuv_walk_broadcast(&w, 1, a->in[1].shape, a->in[1].rank);
    if (!cuv_walk_start(&w))
        return;
    do {
        const float *p = (const float *)a->in[0].data + w.offset[0], *q = (const float *)a->in[1].data + w.offset[1];
        const size_t n = (size_t)w.n;
        if (w.step[0])
            f->isa->binary(f->act, y, p, q, n, !w.step[1]);
        else if (turns(f->act) && w.step[1])
            f->isa->binary(f->act, y, q, p, n, true);
        else
            one_with_row(f, y, *p, q, w.step[1] != 0, n);
        y += n;
    } while (cuv_walk_next(&w));
}

/* ---- rows ---- */

static void softmax_part(void *arg, size_t part, size_t thread)
{
    const span_job *j = arg;
    const size_t n = (size_t)j->a->in[0].shape[j->a->in[0].rank - 1], first = part * j->each, rows = j->n - first < j->each ? j->n - first : j->each;
    (void)thread;
    j->f->isa->softmax((float *)j->a->out[0].data + first * n, (const float *)j->a->in[0].data + first * n, rows, n, 1);
}

static void run_softmax(const cuv_kernel_args *a)
{
    enum { FEW_HERE = FEW / 4 };        /* several passes over each row */
    const cuv_prepared *f = a->prepared;
    const size_t n = (size_t)a->in[0].shape[a->in[0].rank - 1], all = cuv_run_count(&a->in[0]);
    span_job j = {.f = f, .a = a, .n = all / n};
    const size_t parts = all > FEW_HERE ? 2 * cuv_pool_threads(f->pool) : 1;
    j.each = (j.n + parts - 1) / parts;
    cuv_parallel(parts > 1 ? f->pool : NULL, (j.n + j.each - 1) / j.each, softmax_part, &j);
}

/* Rows of a layer's normalisation, some for each part. */
typedef struct layer_norm_job { const cuv_kernel_args *a; size_t rows, n, each; } layer_norm_job;

static void layer_norm_part(void *arg, size_t part, size_t thread)
{
    const layer_norm_job *j = arg;
    const cuv_kernel_args *a = j->a;
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *gamma = cuv_operand(a, 1), *beta = f->act == CUV_OP_RMS_NORM ? NULL : cuv_operand(a, 2);
    const size_t first = part * j->each, rows = j->rows - first < j->each ? j->rows - first : j->each;
    (void)thread;
    f->isa->normalise((float *)a->out[0].data + first * j->n, (const float *)a->in[0].data + first * j->n, gamma ? gamma->data : NULL,
                      beta ? beta->data : NULL, rows, j->n, (float)a->attrs->epsilon, f->act != CUV_OP_RMS_NORM);
}

static void run_layer_norm(const cuv_kernel_args *a)
{
    enum { FEW_HERE = FEW / 4 };        /* several passes over each row */
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *x = &a->in[0];
    const int count = a->attrs->axes_count ? a->attrs->axes_count : 1;
    layer_norm_job j = {a, cuv_span(x, 0, x->rank - count), cuv_span(x, x->rank - count, x->rank), 0};
    const size_t threads = j.rows * j.n > FEW_HERE ? cuv_pool_threads(f->pool) : 1;
    j.each = (j.rows + threads - 1) / threads;
    cuv_parallel(threads > 1 ? f->pool : NULL, (j.rows + j.each - 1) / j.each, layer_norm_part, &j);
}

void cuv_norm_numbers(const float *mean, const float *variance, const float *gamma, const float *beta, double epsilon, size_t n, float *scale,
                      float *shift)
{
    for (size_t c = 0; c < n; c++) {
        scale[c] = (gamma ? gamma[c] : 1) / sqrtf(variance[c] + (float)epsilon);
        shift[c] = (beta ? beta[c] : 0) - mean[c] * scale[c];
    }
}

static void run_batch_norm(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t n = (size_t)a->in[0].shape[a->attrs->axis];
    const cuv_run_tensor *g = cuv_operand(a, 3), *b = cuv_operand(a, 4);
    float *scale = a->scratch;
    cuv_norm_numbers(a->in[1].data, a->in[2].data, g ? g->data : NULL, b ? b->data : NULL, a->attrs->epsilon, n, scale, scale + n);
    f->isa->affine(a->out[0].data, a->in[0].data, scale, scale + n, cuv_run_count(&a->in[0]) / n, n);
}

/* Along an axis that others follow: each run of them has its own two numbers. */
static void channel_part(void *arg, size_t part, size_t thread)
{
    const span_job *j = arg;
    const cuv_prepared *f = j->f;
    const cuv_run_tensor *x = &j->a->in[0];
    const size_t n = (size_t)x->shape[j->a->attrs->axis], inner = cuv_span(x, j->a->attrs->axis + 1, x->rank);
    const size_t end = j->n - part * j->each < j->each ? j->n : (part + 1) * j->each;
    const float *scale = j->a->scratch;
    (void)thread;
    for (size_t r = part * j->each; r < end; r++)
        for (size_t i = 0; i < inner; i += PIECE) {
            const size_t count = inner - i < PIECE ? inner - i : PIECE;
            float *y = (float *)j->a->out[0].data + r * inner + i;
            f->isa->binary(CUV_OP_MUL, y, (const float *)x->data + r * inner + i, scale + r % n, count, true);
            f->isa->binary(CUV_OP_ADD, y, y, scale + n + r % n, count, true);
        }
}

static void run_channel_norm(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t n = (size_t)a->in[0].shape[a->attrs->axis], all = cuv_run_count(&a->in[0]);
    const cuv_run_tensor *g = cuv_operand(a, 3), *b = cuv_operand(a, 4);
    float *scale = a->scratch;
    cuv_norm_numbers(a->in[1].data, a->in[2].data, g ? g->data : NULL, b ? b->data : NULL, a->attrs->epsilon, n, scale, scale + n);
    span_job j = {.f = f, .a = a, .n = cuv_span(&a->in[0], 0, a->attrs->axis + 1)};
    const size_t parts = all > FEW ? 2 * cuv_pool_threads(f->pool) : 1;
    j.each = (j.n + parts - 1) / parts;
    cuv_parallel(parts > 1 ? f->pool : NULL, (j.n + j.each - 1) / j.each, channel_part, &j);
}

/* With the numbers of the plan, and the activation while the rows are in the cache. */
static void norm_part(void *arg, size_t part, size_t thread)
{
    (void)thread;
    const span_job *j = arg;
    const cuv_prepared *f = j->f;
    const size_t n = (size_t)j->a->in[0].shape[j->a->attrs->axis], first = part * j->each;
    const size_t rows = j->n - first < j->each ? j->n - first : j->each;
    float *y = (float *)j->a->out[0].data + first * n;
    f->isa->affine(y, (const float *)j->a->in[0].data + first * n, f->fused->scale, f->fused->shift, rows, n);
    cuv_fast_act(f->isa, f->after, y, rows, n);
}

static void run_fused_norm(const cuv_kernel_args *a)
{
    const size_t n = (size_t)a->in[0].shape[a->attrs->axis];
    const cuv_prepared *f = a->prepared;
    span_job j = {.f = f, .a = a, .n = cuv_run_count(&a->in[0]) / n, .each = PIECE / n + 1};
    cuv_parallel(j.n * n > FEW ? f->pool : NULL, (j.n + j.each - 1) / j.each, norm_part, &j);
}

/* ---- padding with one value ---- */

static void fill(float *to, size_t n, float value)
{
    for (size_t i = 0; i < n; i++)
        to[i] = value;
}

/* y is a part of x: rows of the last axis that is cut, and what follows it. */
static void run_crop(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = &a->in[0], *y = &a->out[0];
    const cuv_prepared *f = a->prepared;
    const size_t last = f->chunk, runs = cuv_span(y, 0, (int)last), inner = cuv_span(y, (int)last, y->rank), rest = cuv_span(y, (int)last + 1, y->rank);
    float *to = y->data;
    for (size_t r = 0; r < runs; r++, to += inner) {
        size_t place = 0, step = 1, left = r;
        for (size_t i = last; i-- > 0; left /= (size_t)y->shape[i], step *= (size_t)x->shape[i])
            place += (left % (size_t)y->shape[i] + (size_t)-a->attrs->pad_lo[i]) * step;
        memcpy(to, (const float *)x->data + (place * (size_t)x->shape[last] + (size_t)-a->attrs->pad_lo[last]) * rest, inner * sizeof *to);
    }
}

static bool crops(const cuv_kernel_args *a, cuv_prepared *to)
{
    to->chunk = 0;
    for (int i = 0; i < a->in[0].rank; i++) {
        if (a->attrs->pad_lo[i] > 0 || a->attrs->pad_hi[i] > 0)
            return false;
        if (a->attrs->pad_lo[i] || a->attrs->pad_hi[i])
            to->chunk = (size_t)i;
    }
    return a->in[0].rank > 0;
}

/* y is x in runs of n floats, each at its place, with the value between them. */
static void run_pad(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *x = &a->in[0], *y = &a->out[0];
    const size_t inner = f->panels, runs = inner ? cuv_run_count(x) / inner : 0;
    const float *from = x->data, value = (float)a->attrs->value;
    float *to = y->data;
    int64_t at[CUV_MAX_RANK] = {0};
    size_t done = 0;
    for (size_t r = 0; r < runs; r++, from += inner) {
        size_t place = 0;
        for (int i = 0; i < x->rank; i++)
            place = place * (size_t)y->shape[i] + (size_t)(at[i] + a->attrs->pad_lo[i]);
        fill(to + done, place - done, value);
        memcpy(to + place, from, inner * sizeof *to);
        done = place + inner;
        for (int i = (int)f->chunk; i-- > 0 && ++at[i] == x->shape[i];)
            at[i] = 0;
    }
    fill(to + done, cuv_run_count(y) - done, value);
}

/* The run: the last padded axis and what follows it. */
static bool one_value(const cuv_kernel_args *a, cuv_prepared *to)
{
    const cuv_run_tensor *x = &a->in[0];
    int last = -1;
    for (int i = 0; i < x->rank; i++) {
        if (a->attrs->pad_lo[i] < 0 || a->attrs->pad_hi[i] < 0)
            return false;
        last = a->attrs->pad_lo[i] || a->attrs->pad_hi[i] ? i : last;
    }
    to->chunk = last < 0 ? 0 : (size_t)last;
    to->panels = cuv_span(x, last < 0 ? 0 : last, x->rank);
    return a->attrs->mode == CUV_MODE_CONSTANT && cuv_run_count(x);
}

/* ---- the choice ---- */

static bool floats(const cuv_kernel_args *a, int count)
{
    for (int i = 0; i < count; i++)
        if (i >= a->in_count || a->in[i].dtype != CUV_F32)
            return false;
    return true;
}

static bool last_axis_alone(const cuv_kernel_args *a)
{
    const int rank = a->in[0].rank;
    return rank > 0 && cuv_axes_mask(a->attrs, 1u << (rank - 1)) == 1u << (rank - 1);
}

static bool absent(const cuv_kernel_args *a, int i)
{
    return i >= a->in_count || (!a->in[i].data && !a->in[i].rank && a->in[i].dtype == CUV_BOOL);
}

cuv_status cuv_choose_rows(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    float none;
    to->act = op;
    switch ((int)op) {
    case CUV_OP_RELU: case CUV_OP_SIGMOID: case CUV_OP_TANH: case CUV_OP_SILU: case CUV_OP_SOFTPLUS: case CUV_OP_EXP:
    case CUV_OP_ELU: case CUV_OP_SELU: case CUV_OP_SOFTSIGN: case CUV_OP_MISH: case CUV_OP_HARD_SIGMOID: case CUV_OP_HARD_SILU:
    case CUV_OP_HARD_TANH: case CUV_OP_GELU: case CUV_OP_SQUARE: case CUV_OP_ABS: case CUV_OP_CLIP:
    case CUV_OP_NEG: case CUV_OP_CELU: case CUV_OP_LOG_SIGMOID: case CUV_OP_LOG: case CUV_OP_LOG1P: case CUV_OP_SQRT: case CUV_OP_RSQRT:
    case CUV_OP_RECIPROCAL: case CUV_OP_ERF:
        if (c->isa->act(&(cuv_act){.op = op}, &none, 0))
            *kernel = run_act;
        break;
    case CUV_OP_ADD: case CUV_OP_SUB: case CUV_OP_MUL: case CUV_OP_DIV: case CUV_OP_MAXIMUM: case CUV_OP_MINIMUM: case CUV_OP_PRELU:
        if (floats(a, 2))
            *kernel = run_binary;
        break;
    case CUV_OP_SOFTMAX:
        if (absent(a, 1) && last_axis_alone(a))
            *kernel = run_softmax;
        break;
    case CUV_OP_LAYER_NORM: case CUV_OP_RMS_NORM: *kernel = run_layer_norm; break;
    case CUV_OP_PAD:
        if (one_value(a, to))
            *kernel = run_pad;
        else if (crops(a, to))
            *kernel = run_crop;
        break;
    case CUV_OP_BATCH_NORM:
        if (to->fused)
            *kernel = run_fused_norm;
        else if (a->attrs->axis == a->in[0].rank - 1) {
            to->scratch = 2 * sizeof(float) * (size_t)a->in[0].shape[a->attrs->axis];
            *kernel = run_batch_norm;
        } else if (a->attrs->axis >= 0) {
            to->scratch = 2 * sizeof(float) * (size_t)a->in[0].shape[a->attrs->axis];
            *kernel = run_channel_norm;
        }
        break;
    default: break;
    }
    return CUV_OK;
}
