/* Convolutions over one axis as Toom-Cook's F(4, 4): four outputs from seven products for each four taps, where the direct way takes sixteen.
 * Neighbours are a dilation apart, so each residue of the places is a line of its own. A longer kernel is several of four taps, and as these
 * take the same transformed inputs, one tile further each, all of them are one product for each of the seven. Points 0, 1, -1, 1/2, -1/2, 2
 * and infinity: errors are twice those of the direct way. */
#include "run/fast/fast.h"

enum { OUT = 4, TAPS = 4, POINTS = OUT + TAPS - 1, ROOM_FLOATS = 150000 };

typedef struct line_job {
    const cuv_prepared *f;
    const float *x, *add;
    float *y, *room;            /* room: zeros for one place, then that of each thread */
    size_t blocks;              /* parts of a residue */
} line_job;

static size_t kernels(const cuv_prepared *f) { return ((size_t)f->space.k[2] + TAPS - 1) / TAPS; }
static size_t residues(const cuv_space *s) { return (size_t)(s->dilation[2] < s->out[2] ? s->dilation[2] : s->out[2]); }
static size_t room_floats(const cuv_prepared *f)
{
    return POINTS * ((f->block + kernels(f) - 1) * (size_t)f->space.ci + f->block * (size_t)f->space.co);
}

/* Tiles [first, first + count) of the transformed line that starts at place `start` of x. */
static void transform_in(const line_job *j, const float *x, int64_t start, size_t first, size_t count, float *v, size_t step)
{
    const cuv_space *s = &j->f->space;
    for (size_t t = 0; t < count; t++) {
        const float *at[POINTS];
        for (size_t i = 0; i < POINTS; i++) {
            const int64_t place = start + s->dilation[2] * (int64_t)(OUT * (first + t) + i);
            at[i] = place >= 0 && place < s->in[2] ? x + place * s->ci : j->room;
        }
        j->f->isa->line_in(at, (size_t)s->ci, v + t * (size_t)s->ci, step);
    }
}

static void run_part(void *arg, size_t part, size_t thread)
{
    const line_job *j = arg;
    const cuv_prepared *f = j->f;
    const cuv_space *s = &f->space;
    const size_t ci = (size_t)s->ci, co = (size_t)s->co, d = (size_t)s->dilation[2], out = (size_t)s->out[2], more = kernels(f) - 1;
    const size_t residue = part / j->blocks % residues(s), image = part / j->blocks / residues(s), first = part % j->blocks * f->block;
    const size_t outputs = (out - residue + d - 1) / d, tiles = (outputs + OUT - 1) / OUT;
    if (first >= tiles)
        return;
    const size_t count = tiles - first < f->block ? tiles - first : f->block, in_step = (f->block + more) * ci, out_step = f->block * co;
    float *v = j->room + ci + thread * room_floats(f), *m = v + POINTS * in_step;
    transform_in(j, j->x + image * (size_t)s->in[2] * ci, (int64_t)residue - s->lo[2], first, count + more, v, in_step);
    cuv_product p = {.rows = count, .cols = co, .k = (more + 1) * ci, .taps = 1, .x_step = ci, .y_step = co};
    for (size_t e = 0; e < POINTS; e++) {
        p.x = v + e * in_step;
        p.y = m + e * out_step;
        p.packed = f->product.packed + e * cuv_packed_floats(p.k, co, f->isa->panel);
        f->isa->product(&p, 0, count, 0, f->panels);
    }
    for (size_t t = 0; t < count; t++) {
        const size_t o = OUT * (first + t), at = (image * out + residue + d * o) * co;
        f->isa->line_out(&f->product, m + t * co, out_step, j->y + at, j->add ? j->add + at : NULL, d * co, outputs - o < OUT ? outputs - o : OUT);
    }
}

static void run_toom(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    const size_t tiles = ((size_t)((s->out[2] + s->dilation[2] - 1) / s->dilation[2]) + OUT - 1) / OUT;
    line_job j = {.f = f, .x = a->in[0].data, .y = a->out[0].data, .room = a->scratch, .blocks = (tiles + f->block - 1) / f->block};
    j.add = cuv_fast_added(a);
    memset(j.room, 0, (size_t)s->ci * sizeof *j.room);
    cuv_parallel(f->pool, (size_t)s->b * residues(s) * j.blocks, run_part, &j);
    if (!f->product.clamp)
        cuv_fast_act(f->isa, f->after, j.y, (size_t)(s->b * s->out[2]), (size_t)s->co);
}

/* ---- the choice ---- */

static const float transform[POINTS][TAPS] = {
    {-2, 0, 0, 0}, {-2 / 3.0f, -2 / 3.0f, -2 / 3.0f, -2 / 3.0f}, {-4 / 9.0f, 4 / 9.0f, -4 / 9.0f, 4 / 9.0f},
    {16 / 9.0f, 8 / 9.0f, 4 / 9.0f, 2 / 9.0f}, {16 / 15.0f, -8 / 15.0f, 4 / 15.0f, -2 / 15.0f},
    {1 / 45.0f, 2 / 45.0f, 4 / 45.0f, 8 / 45.0f}, {0, 0, 0, 1}};

/* Rows are the kernels of four taps, and within them the channels. */
static void transform_kernel(const cuv_transform *w, size_t row, size_t col, size_t wide, float u[][CUV_STRIDE])
{
    float g[TAPS][CUV_STRIDE] = {{0}};
    const size_t tap = row / w->ci * TAPS;
    for (size_t i = 0; i < TAPS && tap + i < w->taps; i++)
        memcpy(g[i], w->kernel + ((tap + i) * w->ci + row % w->ci) * w->co + col, wide * sizeof(float));
    for (size_t e = 0; e < POINTS; e++)
        for (size_t c = 0; c < CUV_STRIDE; c++)
            u[e][c] = transform[e][0] * g[0][c] + transform[e][1] * g[1][c] + transform[e][2] * g[2][c] + transform[e][3] * g[3][c];
}

/* Worth it with enough channels and places, where few of the seven products are for taps that do not exist, and where the transformed kernel
 * is used often. */
static bool suits(const cuv_chooser *c, const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = &a->in[0], *w = &a->in[1];
    if (x->rank != 3 || a->attrs->groups > 1 || a->attrs->stride[0] > 1 || w->shape[1] < 16 || w->shape[2] < 16)
        return false;
    const int64_t taps = w->shape[0], d = a->attrs->dilation[0] > 1 ? a->attrs->dilation[0] : 1;
    return cuv_transform_pays(c, a->out[0].shape[0] * a->out[0].shape[1]) && taps >= 3 && 10 * taps >= 14 * ((taps + 3) / 4) * POINTS / OUT && a->out[0].shape[1] / d >= 16;
}

cuv_status cuv_choose_toom(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_CONV || !suits(c, a) || !cuv_can_conv(a))
        return CUV_OK;
    const cuv_run_tensor *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    cuv_space *s = &to->space;
    *s = cuv_space_of(a, a->in[1].shape);
    s->lo[2] += to->fused && to->fused->pad_lo ? to->fused->pad_lo[1] : 0;
    const size_t ci = (size_t)s->ci, co = (size_t)s->co, tile = c->isa->tile, threads = cuv_pool_threads(c->pool), more = kernels(to) - 1;
    const size_t all = ((size_t)((s->out[2] + s->dilation[2] - 1) / s->dilation[2]) + OUT - 1) / OUT;
    const size_t fit = ROOM_FLOATS / POINTS > more * ci ? (ROOM_FLOATS / POINTS - more * ci) / (ci + co) : 0;
    const size_t parts = (size_t)s->b * residues(s), wanted = threads > 1 ? (4 * threads + parts - 1) / parts : 1;
    size_t scratch;
    to->block = (all + wanted - 1) / wanted;
    to->block = to->block < fit ? to->block : fit;
    to->block = to->block < tile ? tile : to->block / tile * tile + (to->block == all ? all % tile : 0);
    if (!cuv_mul_size(room_floats(to), threads, &scratch) || !cuv_add_size(scratch, ci, &scratch) ||
        !cuv_mul_size(scratch, sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    to->panels = cuv_panels(c->isa, co);
    cuv_fast_clamp(to->after, &to->product);
    const cuv_transform w = {"toom 4 4", transform_kernel, a->in[1].data, ci, co, (size_t)s->k[2], POINTS, kernels(to) * ci};
    CUV_TRY(cuv_fast_transformed(c, &w, bias ? bias->data : NULL, to));
    to->copied = 1u << 1;
    *kernel = run_toom;
    return CUV_OK;
}
