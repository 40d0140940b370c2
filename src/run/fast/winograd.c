/* Convolutions of three by three as Winograd's F(2x2, 3x3): tiles of 4 by 4 inputs are transformed, 16 products over the channels made, and
 * transformed back to 2 by 2 outputs. 16 multiplications where the direct way takes 36; errors grow little (4e-6 to 8e-6 on outputs of 4). */
#include "run/fast/fast.h"

enum { BLOCK_BYTES = 768 << 10 };

typedef struct part_job {
    const cuv_prepared *f;
    const float *x, *add;       /* of one image */
    float *y, *room;            /* room: of all parts */
    size_t parts;
} part_job;

static size_t room_floats(const cuv_prepared *f)
{
    return 16 * f->block * (size_t)(f->space.ci + f->space.co);
}

/* Tiles [first, first + count). */
static void run_block(const part_job *j, float *v, float *m, size_t first, size_t count)
{
    const cuv_prepared *f = j->f;
    const cuv_space *s = &f->space;
    const size_t ci = (size_t)s->ci, co = (size_t)s->co, line = (size_t)f->size[2] * ci, row = (size_t)s->out[2] * co;
    const size_t depth = cuv_packed_floats(ci, co, f->isa->panel);
    for (size_t t = 0; t < count; t++) {
        const size_t i = (first + t) / f->tiles[1], k = (first + t) % f->tiles[1];
        f->isa->tile_in(j->x + 2 * i * line + 2 * k * ci, line, ci, ci, v + t * ci, f->block * ci);
    }
    cuv_product p = {.rows = count, .cols = co, .k = ci, .taps = 1, .x_step = ci, .y_step = co};
    for (size_t e = 0; e < 16; e++) {
        p.x = v + e * f->block * ci;
        p.y = m + e * f->block * co;
        p.packed = f->product.packed + e * depth;
        f->isa->product(&p, 0, count, 0, f->panels);
    }
    for (size_t t = 0; t < count; t++) {
        const size_t i = (first + t) / f->tiles[1], k = (first + t) % f->tiles[1], at = 2 * i * row + 2 * k * co;
        const size_t rows = (size_t)s->out[1] - 2 * i, cols = (size_t)s->out[2] - 2 * k;
        f->isa->tile_out(&f->product, m + t * co, f->block * co, j->y + at, j->add ? j->add + at : NULL, row, rows < 2 ? rows : 2,
                         cols < 2 ? cols : 2);
    }
}

static void run_part(void *arg, size_t part, size_t thread)
{
    (void)thread;
    const part_job *j = arg;
    const cuv_prepared *f = j->f;
    const size_t tiles = f->tiles[0] * f->tiles[1], each = (tiles + j->parts - 1) / j->parts;
    const size_t end = (part + 1) * each < tiles ? (part + 1) * each : tiles;
    float *v = j->room + part * room_floats(f), *m = v + 16 * f->block * (size_t)f->space.ci;
    for (size_t t = part * each; t < end; t += f->block)
        run_block(j, v, m, t, end - t < f->block ? end - t : f->block);
}

static void run_winograd(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    const size_t image = (size_t)(s->in[1] * s->in[2] * s->ci), out = (size_t)(s->out[1] * s->out[2] * s->co);
    const float *add = cuv_fast_added(a);
    part_job j = {.f = f, .parts = cuv_pool_threads(f->pool)};
    j.room = (float *)a->scratch + (f->padded ? (size_t)(f->size[1] * f->size[2] * s->ci) : 0);
    for (int64_t b = 0; b < s->b; b++) {
        j.x = cuv_fast_image(f, (const float *)a->in[0].data + (size_t)b * image, a->scratch);
        j.y = (float *)a->out[0].data + (size_t)b * out;
        j.add = add ? add + (size_t)b * out : NULL;
        cuv_parallel(f->pool, j.parts, run_part, &j);
        if (!f->product.clamp)
            cuv_fast_act(f->isa, f->after, j.y, out / (size_t)s->co, (size_t)s->co);
    }
}

/* ---- the choice ---- */

/* u = G g G^T with G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1), for input channel `row`. */
static void transform_kernel(const cuv_transform *w, size_t row, size_t col, size_t wide, float u[][CUV_STRIDE])
{
    float g[9][CUV_STRIDE] = {{0}}, t[12][CUV_STRIDE];
    for (size_t tap = 0; tap < 9; tap++)
        memcpy(g[tap], w->kernel + (tap * w->ci + row) * w->co + col, wide * sizeof(float));
    for (int j = 0; j < 3; j++)
        for (int c = 0; c < CUV_STRIDE; c++) {
            const float a = g[j][c], b = g[3 + j][c], d = g[6 + j][c];
            t[j][c] = a;
            t[3 + j][c] = 0.5f * (a + b + d);
            t[6 + j][c] = 0.5f * (a - b + d);
            t[9 + j][c] = d;
        }
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < CUV_STRIDE; c++) {
            const float a = t[3 * i][c], b = t[3 * i + 1][c], d = t[3 * i + 2][c];
            u[4 * i][c] = a;
            u[4 * i + 1][c] = 0.5f * (a + b + d);
            u[4 * i + 2][c] = 0.5f * (a - b + d);
            u[4 * i + 3][c] = d;
        }
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

cuv_status cuv_choose_winograd(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_CONV || !suits(c, a) || !cuv_can_conv(a))
        return CUV_OK;
    const cuv_run_tensor *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    cuv_space *s = &to->space;
    *s = cuv_space_of(a, a->in[1].shape);
    size_t floats = (size_t)s->ci, scratch;
    to->size[0] = 1;
    for (int i = 1; i < 3; i++) {
        s->lo[i] += to->fused && to->fused->pad_lo ? to->fused->pad_lo[i] : 0;
        to->tiles[i - 1] = (size_t)(s->out[i] + 1) / 2;
        to->size[i] = 2 * (int64_t)to->tiles[i - 1] + 2;
        to->padded |= s->lo[i] != 0 || to->size[i] > s->in[i];
    }
    for (int i = 1; i < 3; i++) {
        to->size[i] = to->padded ? to->size[i] : s->in[i];
        if (!cuv_mul_size(floats, (size_t)to->size[i], &floats))
            return cuv_oom(c->cx);
    }
    const size_t tile = c->isa->tile, all = to->tiles[0] * to->tiles[1];
    to->block = BLOCK_BYTES / 64 / (size_t)(s->ci + s->co) / tile * tile;
    to->block = to->block < tile ? tile : to->block;
    to->block = to->block < all ? to->block : all;
    if (!cuv_mul_size(room_floats(to), cuv_pool_threads(c->pool), &scratch) || !cuv_add_size(scratch, to->padded ? floats : 0, &scratch) ||
        !cuv_mul_size(scratch, sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    to->panels = cuv_panels(c->isa, (size_t)s->co);
    cuv_fast_clamp(to->after, &to->product);
    const cuv_transform w = {"winograd 2x2 3x3", transform_kernel, a->in[1].data, (size_t)s->ci, (size_t)s->co, 9, 16, (size_t)s->ci};
    CUV_TRY(cuv_fast_transformed(c, &w, bias ? bias->data : NULL, to));
    to->copied = 1u << 1;
    *kernel = run_winograd;
    return CUV_OK;
}
