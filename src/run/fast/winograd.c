/* Convolutions of three by three as Winograd's F(2x2, 3x3) or F(4x4, 3x3): tiles of 4 by 4 (6 by 6) inputs are transformed, 16 (36) products over
 * the channels made, and transformed back to 2 by 2 (4 by 4) outputs. A multiplication for each input channel and output is 4 (2.25) instead of 9.
 * Errors: F(2x2) has those of the direct way. F(4x4) has twice those with the points 0, 5/8, -5/8, 3/2, -3/2 and infinity (with the usual ones, 1, -1, 2 and -2,
 * it would have five times those: B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution, 2020). */
#include "run/fast/fast.h"

enum { BLOCK_BYTES = 768 << 10 };

typedef struct part_job {
    const cuv_prepared *f;
    const float *x, *add;
    float *y, *room;            /* room: of all parts */
    size_t parts;
} part_job;

static size_t points(const cuv_prepared *f) { return (f->across + 2) * (f->across + 2); }
static size_t all_tiles(const cuv_prepared *f) { return f->tiles[0] * f->tiles[1] * (size_t)f->space.b; }

/* Of one part: the values of a block of tiles, the products with them, and one tile with zeros around the image. */
static size_t room_floats(const cuv_prepared *f)
{
    return points(f) * (f->block * (size_t)(f->space.ci + f->space.co) + (size_t)f->space.ci);
}

/* A tile that lies partly outside of the image. */
static void copy_tile(const cuv_prepared *f, const float *x, int64_t first_row, int64_t first_col, float *to)
{
    const cuv_space *s = &f->space;
    const int64_t side = (int64_t)f->across + 2, before = first_col < 0 ? -first_col : 0;
    int64_t end = s->in[2] - first_col;
    end = end > side ? side : end;
    for (int64_t i = 0; i < side; i++, to += side * s->ci) {
        const int64_t row = first_row + i;
        if (row < 0 || row >= s->in[1] || end <= before) {
            memset(to, 0, (size_t)(side * s->ci) * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)(before * s->ci) * sizeof *to);
        memcpy(to + before * s->ci, x + (row * s->in[2] + first_col + before) * s->ci, (size_t)((end - before) * s->ci) * sizeof *to);
        memset(to + end * s->ci, 0, (size_t)((side - end) * s->ci) * sizeof *to);
    }
}

static void take_tile(const part_job *j, size_t tile, float *edge, float *v)
{
    const cuv_prepared *f = j->f;
    const cuv_space *s = &f->space;
    const size_t in_image = tile % (f->tiles[0] * f->tiles[1]), image = tile / (f->tiles[0] * f->tiles[1]), ci = (size_t)s->ci;
    const int64_t side = (int64_t)f->across + 2, row = (int64_t)(in_image / f->tiles[1] * f->across) - s->lo[1];
    const int64_t col = (int64_t)(in_image % f->tiles[1] * f->across) - s->lo[2];
    const float *x = j->x + image * (size_t)(s->in[1] * s->in[2]) * ci;
    size_t line = (size_t)s->in[2] * ci;
    if (row >= 0 && col >= 0 && row + side <= s->in[1] && col + side <= s->in[2])
        x += (size_t)row * line + (size_t)col * ci;
    else {
        copy_tile(f, x, row, col, edge);
        x = edge;
        line = (size_t)side * ci;
    }
    f->isa->tile_in[f->across / 4](x, line, ci, ci, v, f->block * ci);
}

static void give_tile(const part_job *j, size_t tile, const float *m)
{
    const cuv_prepared *f = j->f;
    const cuv_space *s = &f->space;
    const size_t in_image = tile % (f->tiles[0] * f->tiles[1]), image = tile / (f->tiles[0] * f->tiles[1]), co = (size_t)s->co;
    const size_t i = in_image / f->tiles[1] * f->across, k = in_image % f->tiles[1] * f->across;
    const size_t rows = (size_t)s->out[1] - i, cols = (size_t)s->out[2] - k, line = (size_t)s->out[2] * co;
    const size_t at = (image * (size_t)s->out[1] + i) * line + k * co;
    f->isa->tile_out[f->across / 4](&f->product, m, f->block * co, j->y + at, j->add ? j->add + at : NULL, line,
                                    rows < f->across ? rows : f->across, cols < f->across ? cols : f->across);
}

/* Tiles [first, first + count). */
static void run_block(const part_job *j, float *v, size_t first, size_t count)
{
    const cuv_prepared *f = j->f;
    const size_t ci = (size_t)f->space.ci, co = (size_t)f->space.co, depth = cuv_packed_floats(ci, co, f->isa->panel);
    float *m = v + points(f) * f->block * ci, *edge = m + points(f) * f->block * co;
    for (size_t t = 0; t < count; t++)
        take_tile(j, first + t, edge, v + t * ci);
    cuv_product p = {.rows = count, .cols = co, .k = ci, .taps = 1, .x_step = ci, .y_step = co};
    for (size_t e = 0; e < points(f); e++) {
        p.x = v + e * f->block * ci;
        p.y = m + e * f->block * co;
        p.packed = f->product.packed + e * depth;
        f->isa->product(&p, 0, count, 0, f->panels);
    }
    for (size_t t = 0; t < count; t++)
        give_tile(j, first + t, m + t * co);
}

static void run_part(void *arg, size_t part, size_t thread)
{
    (void)thread;
    const part_job *j = arg;
    const cuv_prepared *f = j->f;
    const size_t tiles = all_tiles(f), each = (tiles + j->parts - 1) / j->parts, end = (part + 1) * each < tiles ? (part + 1) * each : tiles;
    float *room = j->room + part * room_floats(f);
    for (size_t t = part * each; t < end; t += f->block)
        run_block(j, room, t, end - t < f->block ? end - t : f->block);
}

static void act_image(void *arg, size_t part, size_t thread)
{
    const part_job *j = arg;
    const cuv_space *s = &j->f->space;
    const size_t places = (size_t)(s->out[1] * s->out[2]), co = (size_t)s->co;
    (void)thread;
    cuv_fast_act(j->f->isa, j->f->after, j->y + part * places * co, places, co);
}

static void run_winograd(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    part_job j = {.f = f, .x = a->in[0].data, .add = cuv_fast_added(a), .y = a->out[0].data, .room = a->scratch, .parts = cuv_pool_threads(f->pool)};
    cuv_parallel(f->pool, j.parts, run_part, &j);
    if (!f->product.clamp)
        cuv_parallel(f->pool, (size_t)f->space.b, act_image, &j);
}

/* ---- the choice ---- */

/* u = G g G^T for input channel `row`, G having `side` rows of three. */
static void transform_kernel(const cuv_transform *w, size_t row, size_t col, size_t wide, const float (*by)[3], size_t side, float u[][CUV_STRIDE])
{
    float g[9][CUV_STRIDE] = {{0}}, t[18][CUV_STRIDE];
    for (size_t tap = 0; tap < 9; tap++)
        memcpy(g[tap], w->kernel + (tap * w->ci + row) * w->co + col, wide * sizeof(float));
    for (size_t i = 0; i < side; i++)
        for (size_t k = 0; k < 3; k++)
            for (size_t c = 0; c < CUV_STRIDE; c++)
                t[3 * i + k][c] = by[i][0] * g[k][c] + by[i][1] * g[3 + k][c] + by[i][2] * g[6 + k][c];
    for (size_t i = 0; i < side; i++)
        for (size_t k = 0; k < side; k++)
            for (size_t c = 0; c < CUV_STRIDE; c++)
                u[side * i + k][c] = by[k][0] * t[3 * i][c] + by[k][1] * t[3 * i + 1][c] + by[k][2] * t[3 * i + 2][c];
}

static void transform_small(const cuv_transform *w, size_t row, size_t col, size_t wide, float u[][CUV_STRIDE])
{
    static const float by[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
    transform_kernel(w, row, col, wide, by, 4, u);
}

/* 1, the point and its square over the product of its differences from the other points. */
#define POINT(p, q) {1 / (2 * (p) * (p) * ((p) * (p) - (q) * (q))), (p) / (2 * (p) * (p) * ((p) * (p) - (q) * (q))), \
                     (p) * (p) / (2 * (p) * (p) * ((p) * (p) - (q) * (q)))}

static void transform_large(const cuv_transform *w, size_t row, size_t col, size_t wide, float u[][CUV_STRIDE])
{
    static const float by[6][3] = {{1 / (CUV_NEAR * CUV_NEAR * CUV_FAR * CUV_FAR), 0, 0}, POINT(CUV_NEAR, CUV_FAR), POINT(-CUV_NEAR, CUV_FAR),
                                   POINT(CUV_FAR, CUV_NEAR), POINT(-CUV_FAR, CUV_NEAR), {0, 0, 1}};
    transform_kernel(w, row, col, wide, by, 6, u);
}

/* Worth it with enough channels, and where the transformed kernel is used often. */
static bool suits(const cuv_chooser *c, const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = &a->in[0], *w = &a->in[1];
    if (x->rank != 4 || a->attrs->groups > 1 || w->shape[0] != 3 || w->shape[1] != 3 || w->shape[2] < 16 || w->shape[3] < 16)
        return false;
    for (int i = 0; i < 2; i++)
        if (a->attrs->stride[i] > 1 || a->attrs->dilation[i] > 1)
            return false;
    const int64_t places = a->out[0].shape[1] * a->out[0].shape[2];
    return a->out[0].shape[1] > 3 && a->out[0].shape[2] > 3 && cuv_transform_pays(c, places * a->out[0].shape[0]);
}

static size_t tiles_of(const cuv_space *s, int64_t across)
{
    return (size_t)((s->out[1] + across - 1) / across * ((s->out[2] + across - 1) / across) * s->b);
}

/* Large tiles make fewer multiplications unless too much of them lies outside; of kernels that come from afar they need 2.25 times as much, which
 * only enough tiles outweigh. */
static size_t best_across(const cuv_space *s)
{
    enum { NEAR_FLOATS = 1 << 18, ENOUGH = 16, LEAST = 4 };
    const size_t large = tiles_of(s, 4), small = tiles_of(s, 2), floats = 36 * (size_t)(s->ci * s->co);
    return large >= (floats > NEAR_FLOATS ? ENOUGH : LEAST) && 36 * large + 36 * large / 8 < 16 * small ? 4 : 2;
}

/* Tiles of all parts in blocks of one size, whose values and products stay in the second cache. */
static size_t even_block(const cuv_prepared *f, size_t threads)
{
    const size_t fit = BLOCK_BYTES / sizeof(float) / points(f) / (size_t)(f->space.ci + f->space.co), tile = f->isa->tile;
    const size_t each = (all_tiles(f) + threads - 1) / threads, most = fit < tile ? tile : fit, blocks = (each + most / 2) / most;
    return (each + (blocks ? blocks : 1) - 1) / (blocks ? blocks : 1);
}

cuv_status cuv_choose_winograd(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_CONV || !suits(c, a) || !cuv_can_conv(a))
        return CUV_OK;
    const cuv_run_tensor *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    cuv_space *s = &to->space;
    const size_t threads = cuv_pool_threads(c->pool);
    size_t scratch;
    *s = cuv_space_of(a, a->in[1].shape);
    to->across = best_across(s);
    for (int i = 1; i < 3; i++) {
        s->lo[i] += to->fused && to->fused->pad_lo ? to->fused->pad_lo[i] : 0;
        to->tiles[i - 1] = ((size_t)s->out[i] + to->across - 1) / to->across;
    }
    to->block = even_block(to, threads);
    if (!cuv_mul_size(room_floats(to), threads, &scratch) || !cuv_mul_size(scratch, sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    to->panels = cuv_panels(c->isa, (size_t)s->co);
    cuv_fast_clamp(to->after, &to->product);
    const bool large = to->across == 4;
    const cuv_transform w = {large ? "winograd 4x4 3x3" : "winograd 2x2 3x3", large ? transform_large : transform_small, a->in[1].data, (size_t)s->ci,
                             (size_t)s->co, 9, points(to), (size_t)s->ci};
    CUV_TRY(cuv_fast_transformed(c, &w, bias ? bias->data : NULL, to));
    to->copied = 1u << 1;
    *kernel = run_winograd;
    return CUV_OK;
}
