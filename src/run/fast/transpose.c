/* Transposed convolutions: outputs whose places leave the same rest by the stride meet the same taps of the kernel and are a product of their own,
 * with a row for each of them. One group. */
#include "run/fast/fast.h"

/* Outputs r + q stride along each axis. */
typedef struct phase {
    int64_t first[3], count[3];         /* r, and how many q */
    int32_t *at, *tap;                  /* floats of the image: where each row starts, and from there to each tap */
    size_t taps, rows;
    const float *packed;
} phase;

struct cuv_phases {
    phase *all;
    size_t count, parts;                /* parts of f->chunk rows of all phases */
    int64_t least[3];                   /* the place of x where the image begins */
};

/* Taps j of one axis that outputs r + q stride meet at place q + *offset of x; false when tap j is none. */
static bool tap_at(const cuv_space *s, int axis, int64_t r, int64_t j, int64_t *offset)
{
    const int64_t from = r + s->lo[axis] - j * s->dilation[axis];
    *offset = from / s->stride[axis];
    return from % s->stride[axis] == 0;
}

static int64_t steps_of(const cuv_space *s, int axis, int64_t r)
{
    return r < s->out[axis] ? (s->out[axis] - r + s->stride[axis] - 1) / s->stride[axis] : 0;
}

/* The part of x, and of the zeros around it, that all outputs read. */
static bool measure(const cuv_kernel_args *a, cuv_prepared *to, int64_t *least)
{
    cuv_space *s = &to->space;
    size_t floats;
    *s = cuv_space_of(a, a->in[1].shape);
    floats = (size_t)s->ci;
    for (int i = 0; i < 3; i++) {
        int64_t lo = INT64_MAX, hi = INT64_MIN, offset;
        for (int64_t r = 0; r < s->stride[i]; r++)
            for (int64_t j = 0; j < s->k[i]; j++)
                if (steps_of(s, i, r) && tap_at(s, i, r, j, &offset)) {
                    lo = offset < lo ? offset : lo;
                    hi = offset + steps_of(s, i, r) - 1 > hi ? offset + steps_of(s, i, r) - 1 : hi;
                }
        if (lo > hi)
            return false;
        least[i] = lo;
        to->size[i] = hi - lo + 1;
        to->padded |= lo != 0 || hi >= s->in[i];
    }
    for (int i = 0; i < 3; i++) {
        to->size[i] = to->padded ? to->size[i] : s->in[i];
        if (to->size[i] <= 0 || !cuv_mul_size(floats, (size_t)to->size[i], &floats) || floats > INT32_MAX)
            return false;
    }
    return true;
}

bool cuv_can_transpose(const cuv_kernel_args *a)
{
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    int64_t least[3];
    return a->attrs->groups <= 1 && w->data && (!bias || bias->data) && cuv_run_count(w) && cuv_run_count(&a->out[0]) <= INT32_MAX &&
           measure(a, &(cuv_prepared){0}, least);
}

/* ---- running ---- */

typedef struct transpose_job { const cuv_kernel_args *a; const float *image; float *y, *room; } transpose_job;

/* Copies row `row` of a phase, n floats, to its place. */
static void put_row(const cuv_space *s, const phase *p, size_t row, const float *from, float *y, size_t n)
{
    const size_t q2 = row % (size_t)p->count[2], line = row / (size_t)p->count[2], q1 = line % (size_t)p->count[1], q0 = line / (size_t)p->count[1];
    const int64_t o0 = p->first[0] + (int64_t)q0 * s->stride[0], o1 = p->first[1] + (int64_t)q1 * s->stride[1];
    float *to = y + (size_t)((o0 * s->out[1] + o1) * s->out[2] + p->first[2] + (int64_t)q2 * s->stride[2]) * n;
    if (n < 16)
        for (size_t c = 0; c < n; c++)
            to[c] = from[c];
    else
        memcpy(to, from, n * sizeof *to);
}

static void transpose_part(void *arg, size_t part, size_t thread)
{
    const transpose_job *j = arg;
    const cuv_prepared *f = j->a->prepared;
    const phase *p = f->phases->all;
    for (size_t parts; part >= (parts = (p->rows + f->chunk - 1) / f->chunk); p++)
        part -= parts;
    const size_t first = part * f->chunk, rows = p->rows - first < f->chunk ? p->rows - first : f->chunk, n = f->product.cols;
    const bool direct = f->phases->count == 1;          /* rows of the result lie one after the other */
    float *room = direct ? j->y + first * n : j->room + thread * f->chunk * n;
    cuv_product product = f->product;
    product.rows = rows;
    product.x = j->image;
    product.at = p->at + first;
    product.tap = p->tap;
    product.taps = p->taps;
    product.packed = p->packed;
    product.y = room;
    product.y_step = n;
    f->isa->product(&product, 0, rows, 0, f->panels);
    if (!product.clamp && f->after->op != CUV_OP_NONE)
        cuv_fast_act(f->isa, f->after, room, rows, n);
    for (size_t i = 0; !direct && i < rows; i++)
        put_row(&f->space, p, first + i, room + i * n, j->y, n);
}

static void run_transpose(const cuv_kernel_args *a)
{
    enum { FEW = 50000 };       /* multiplications, for one thread */
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    const size_t image = f->padded ? (size_t)(f->size[0] * f->size[1] * f->size[2] * s->ci) : 0;
    const size_t x_floats = (size_t)(s->in[0] * s->in[1] * s->in[2] * s->ci), y_floats = (size_t)(s->out[0] * s->out[1] * s->out[2] * s->co);
    const bool little = y_floats * (size_t)s->ci < FEW;
    for (size_t b = 0; b < (size_t)s->b; b++) {
        transpose_job j = {a, NULL, (float *)a->out[0].data + b * y_floats, (float *)a->scratch + image};
        j.image = cuv_fast_image(f, (const float *)a->in[0].data + b * x_floats, a->scratch);
        cuv_parallel(little ? NULL : f->pool, f->phases->parts, transpose_part, &j);
    }
}

/* ---- preparing ---- */

/* Where the rows of a phase start. */
static cuv_status place_rows(const cuv_chooser *c, const cuv_prepared *to, phase *p)
{
    const int32_t step = (int32_t)to->space.ci, line = (int32_t)to->size[2] * step, plane = (int32_t)to->size[1] * line;
    size_t n = 0;
    if (!(p->at = CUV_NEW_ARRAY(c->arena, int32_t, p->rows)))
        return cuv_oom(c->cx);
    for (int64_t i = 0; i < p->count[0]; i++)
        for (int64_t j = 0; j < p->count[1]; j++)
            for (int64_t k = 0; k < p->count[2]; k++)
                p->at[n++] = (int32_t)i * plane + (int32_t)j * line + (int32_t)k * step;
    return CUV_OK;
}

/* The taps of a phase, and their columns at `packed` unless they are there already. */
static cuv_status place_taps(const cuv_chooser *c, const cuv_prepared *to, const cuv_loose *w, phase *p, float *packed, bool ready)
{
    const cuv_space *s = &to->space;
    const size_t ci = (size_t)s->ci, co = (size_t)s->co;
    const float *scale = to->fused ? to->fused->scale : NULL;
    int64_t offset[3], j[3];
    size_t *taps = CUV_NEW_ARRAY(c->arena, size_t, (size_t)(s->k[0] * s->k[1] * s->k[2]));
    if (!taps || !(p->tap = CUV_NEW_ARRAY(c->arena, int32_t, (size_t)(s->k[0] * s->k[1] * s->k[2]))))
        return cuv_oom(c->cx);
    for (j[0] = 0; j[0] < s->k[0]; j[0]++)
        for (j[1] = 0; j[1] < s->k[1]; j[1]++)
            for (j[2] = 0; j[2] < s->k[2]; j[2]++) {
                bool meets = true;
                int64_t at = 0;
                for (int i = 0; i < 3 && meets; i++) {
                    meets = tap_at(s, i, p->first[i], j[i], &offset[i]);
                    at = at * to->size[i] + offset[i] - to->phases->least[i];
                }
                if (meets) {
                    p->tap[p->taps] = (int32_t)(at * s->ci);
                    taps[p->taps++] = (size_t)((j[0] * s->k[1] + j[1]) * s->k[2] + j[2]);
                }
            }
    p->packed = packed;
    for (size_t t = 0; !ready && t < p->taps; t++)
        cuv_pack_columns(packed, w + taps[t] * ci * co, scale, ci, t * ci, p->taps * ci, co, c->isa->panel);
    return CUV_OK;
}

static cuv_status make_phases(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to, struct cuv_phases *phases)
{
    const cuv_space *s = &to->space;
    const size_t all = cuv_run_count(&a->in[1]) / (size_t)s->co;        /* rows of all taps */
    bool ready;
    const size_t floats = cuv_packed_floats(all, (size_t)s->co, c->isa->panel);
    float *packed = floats == SIZE_MAX ? NULL : cuv_fast_kept(c, "panels of phases", floats, &ready);
    phases->all = CUV_NEW_ARRAY(c->arena, phase, (size_t)(s->stride[0] * s->stride[1] * s->stride[2]));
    if (!packed || !phases->all)
        return cuv_oom(c->cx);
    for (int64_t r = 0; r < s->stride[0] * s->stride[1] * s->stride[2]; r++) {
        phase *p = &phases->all[phases->count];
        *p = (phase){.first = {r / (s->stride[1] * s->stride[2]), r / s->stride[2] % s->stride[1], r % s->stride[2]}, .rows = 1};
        for (int i = 0; i < 3; i++)
            p->rows *= (size_t)(p->count[i] = steps_of(s, i, p->first[i]));
        if (!p->rows)
            continue;
        CUV_TRY(place_rows(c, to, p));
        CUV_TRY(place_taps(c, to, a->in[1].data, p, packed, ready));
        packed += cuv_packed_floats(p->taps * (size_t)s->ci, (size_t)s->co, c->isa->panel);
        phases->count++;
    }
    return CUV_OK;
}

/* Rows of a part: enough to use the packed columns well, few enough for their results to stay in the second cache. */
static void divide(const cuv_chooser *c, cuv_prepared *to, struct cuv_phases *phases)
{
    enum { NEAR = 1 << 16 };    /* floats */
    const size_t co = (size_t)to->space.co, threads = cuv_pool_threads(c->pool), fit = NEAR / co, least = 4 * c->isa->tile;
    size_t most = 0;
    for (size_t i = 0; i < phases->count; i++)
        most = phases->all[i].rows > most ? phases->all[i].rows : most;
    const size_t even = (most * phases->count + 2 * threads - 1) / (2 * threads);
    to->chunk = threads > 1 && even < most ? even : most;
    to->chunk = to->chunk < fit ? to->chunk : fit;
    to->chunk = to->chunk < least ? least : to->chunk;
    to->chunk = to->chunk < most ? to->chunk : most;
    for (size_t i = 0; i < phases->count; i++)
        phases->parts += (phases->all[i].rows + to->chunk - 1) / to->chunk;
}

cuv_status cuv_choose_transpose(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    size_t floats, room;
    if (op != CUV_OP_CONV_TRANSPOSE || !cuv_can_transpose(a))
        return CUV_OK;
    struct cuv_phases *phases = CUV_NEW(c->arena, struct cuv_phases);
    if (!phases)
        return cuv_oom(c->cx);
    *phases = (struct cuv_phases){0};
    if (!measure(a, to, phases->least))
        return CUV_OK;
    to->phases = phases;
    CUV_TRY(make_phases(c, a, to, phases));
    divide(c, to, phases);
    for (int i = 0; i < 3; i++)
        to->space.lo[i] = -phases->least[i];    /* from here on that of the image, as cuv_fast_image has it */
    const size_t co = (size_t)to->space.co, image = to->padded ? (size_t)(to->size[0] * to->size[1] * to->size[2] * to->space.ci) : 0;
    if (!cuv_mul_size(to->chunk * co, cuv_pool_threads(c->pool), &room) || !cuv_add_size(image, room, &floats) ||
        !cuv_mul_size(floats, sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    to->panels = cuv_panels(c->isa, co);
    to->product = (cuv_product){.cols = co, .k = (size_t)to->space.ci};
    cuv_fast_clamp(to->after, &to->product);
    if (bias || (to->fused && to->fused->shift)) {
        float *padded = cuv_fast_room(c, to->panels * c->isa->panel);
        if (!padded)
            return cuv_oom(c->cx);
        cuv_fast_bias(to->fused, bias ? bias->data : NULL, 0, co, to->panels * c->isa->panel, padded);
        to->product.bias = padded;
    }
    to->copied = 1u << 1;
    *kernel = run_transpose;
    return CUV_OK;
}
