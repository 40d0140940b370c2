/* Convolutions as products: a row for each output place, a tap for each run of neighbouring inputs. Images with padding are copied into
 * scratch with zeros around them, so that no place is special. */
#include "run/fast/fast.h"


/* One line (last spatial axis) of the padded image. */
static void copy_line(const cuv_prepared *f, const float *x, int64_t i, int64_t j, float *to)
{
    const cuv_space *s = &f->space;
    const int64_t from_i = i - s->lo[0], from_j = j - s->lo[1], ci = s->ci;
    const int64_t before = s->lo[2] > 0 ? s->lo[2] : 0, skip = s->lo[2] < 0 ? -s->lo[2] : 0;
    int64_t n = s->in[2] - skip;
    n = n > f->size[2] - before ? f->size[2] - before : n;
    if (from_i < 0 || from_i >= s->in[0] || from_j < 0 || from_j >= s->in[1] || n <= 0) {
        memset(to, 0, (size_t)(f->size[2] * ci) * sizeof *to);
        return;
    }
    memset(to, 0, (size_t)(before * ci) * sizeof *to);
    memcpy(to + before * ci, x + ((from_i * s->in[1] + from_j) * s->in[2] + skip) * ci, (size_t)(n * ci) * sizeof *to);
    memset(to + (before + n) * ci, 0, (size_t)((f->size[2] - before - n) * ci) * sizeof *to);
}

typedef struct image_job { const cuv_prepared *f; const float *x; float *to; size_t each, lines; } image_job;

static void copy_lines(void *arg, size_t part, size_t thread)
{
    const image_job *j = arg;
    const int64_t *size = j->f->size, end = (int64_t)((part + 1) * j->each < j->lines ? (part + 1) * j->each : j->lines);
    (void)thread;
    for (int64_t line = (int64_t)(part * j->each); line < end; line++)
        copy_line(j->f, j->x, line / size[1], line % size[1], j->to + line * size[2] * j->f->space.ci);
}

const float *cuv_fast_image(const cuv_prepared *f, const float *x, float *scratch)
{
    enum { FEW = 50000 };       /* floats, for one thread */
    if (!f->padded)
        return x;
    image_job j = {f, x, scratch, 0, (size_t)(f->size[0] * f->size[1])};
    const size_t threads = cuv_pool_threads(f->pool), all = j.lines * (size_t)(f->size[2] * f->space.ci);
    j.each = threads > 1 && all > FEW ? (j.lines + 2 * threads - 1) / (2 * threads) : j.lines;
    cuv_parallel(f->pool, (j.lines + j.each - 1) / j.each, copy_lines, &j);
    return scratch;
}

bool cuv_conv_measure(const cuv_kernel_args *a, cuv_prepared *to)
{
    cuv_space *s = &to->space;
    *s = cuv_space_of(a, a->in[1].shape);
    for (int i = 3 - s->d; to->fused && to->fused->pad_lo && i < 3; i++)
        s->lo[i] += to->fused->pad_lo[1 + i - (3 - s->d)];
    size_t floats = (size_t)s->ci;
    for (int i = 0; i < 3; i++) {
        to->size[i] = (s->out[i] - 1) * s->stride[i] + (s->k[i] - 1) * s->dilation[i] + 1;
        to->padded |= s->lo[i] != 0 || to->size[i] > s->in[i];
    }
    for (int i = 0; i < 3; i++) {
        if (!to->padded)
            to->size[i] = s->in[i];
        if (to->size[i] <= 0 || !cuv_mul_size(floats, (size_t)to->size[i], &floats) || floats > INT32_MAX)
            return false;
    }
    to->scratch = to->padded ? floats * sizeof(float) : 0;
    return true;
}

/* ---- any convolution ---- */

static void run_conv(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    const size_t places = (size_t)(s->out[0] * s->out[1] * s->out[2]), cog = (size_t)(s->co / f->groups);
    const size_t cig = (size_t)(s->ci / f->groups), packed = cuv_packed_floats(f->product.taps * f->product.k, cog, f->isa->panel);
    const float *add = cuv_fast_added(a);
    float *room = (float *)a->scratch + (f->padded ? (size_t)(f->size[0] * f->size[1] * f->size[2] * s->ci) : 0);
    for (int64_t b = 0; b < s->b; b++) {
        const float *x = cuv_fast_image(f, (const float *)a->in[0].data + (size_t)(b * s->in[0] * s->in[1] * s->in[2] * s->ci), a->scratch);
        float *y = (float *)a->out[0].data + (size_t)b * places * (size_t)s->co;
        for (int64_t g = 0; g < f->groups; g++) {
            cuv_product p = f->product;
            p.rows = places;
            p.x = x + (size_t)g * cig;
            p.packed = p.packed ? p.packed + (size_t)g * packed : NULL;
            if (p.bias)
                p.bias += (size_t)g * f->panels * f->isa->panel;
            p.y = y + (size_t)g * cog;
            p.y_step = (size_t)s->co;
            p.add = add ? add + (size_t)b * places * p.y_step + (size_t)g * cog : NULL;
            cuv_fast_product(f, &p, f->groups == 1 ? f->after : NULL, room);
        }
        if (f->groups > 1 && !f->product.clamp)
            cuv_fast_act(f->isa, f->after, y, places, (size_t)s->co);
    }
}

cuv_status cuv_conv_places(const cuv_chooser *c, cuv_prepared *to, size_t wide)
{
    const cuv_space *s = &to->space;
    const int64_t step = (int64_t)wide, line = to->size[2] * step, plane = to->size[1] * line;
    const bool joined = s->dilation[2] == 1 && to->groups == 1;      /* the taps of a line are one run */
    const int64_t last = joined ? 1 : s->k[2];
    size_t n = 0;
    int32_t *at = CUV_NEW_ARRAY(c->arena, int32_t, (size_t)(s->out[0] * s->out[1] * s->out[2]));
    int32_t *tap = CUV_NEW_ARRAY(c->arena, int32_t, (size_t)(s->k[0] * s->k[1] * last));
    if (!at || !tap)
        return cuv_oom(c->cx);
    for (int64_t i = 0; i < s->out[0]; i++)
        for (int64_t j = 0; j < s->out[1]; j++)
            for (int64_t k = 0; k < s->out[2]; k++)
                at[n++] = (int32_t)(i * s->stride[0] * plane + j * s->stride[1] * line + k * s->stride[2] * step);
    n = 0;
    for (int64_t i = 0; i < s->k[0]; i++)
        for (int64_t j = 0; j < s->k[1]; j++)
            for (int64_t k = 0; k < last; k++)
                tap[n++] = (int32_t)(i * s->dilation[0] * plane + j * s->dilation[1] * line + k * s->dilation[2] * step);
    to->product.at = at;
    to->product.tap = tap;
    to->product.taps = n;
    to->product.k = (size_t)(joined ? s->k[2] * step : step / to->groups);
    return CUV_OK;
}

bool cuv_conv_is_points(const cuv_prepared *f)
{
    bool points = !f->padded && f->groups == 1;
    for (int i = 0; i < 3; i++)
        points = points && f->space.k[i] == 1 && f->space.stride[i] == 1;
    return points;
}

/* Packed columns of all groups, one group after the other, and their biases. */
static cuv_status pack_groups(const cuv_chooser *c, const float *w, const float *bias, cuv_prepared *to)
{
    const size_t co = (size_t)to->space.co, cog = co / (size_t)to->groups, depth = to->product.taps * to->product.k;
    const size_t floats = cuv_packed_floats(depth, cog, c->isa->panel), width = to->panels * c->isa->panel;
    size_t all;
    if (to->groups == 1) {
        const cuv_product p = to->product;
        CUV_TRY(cuv_fast_late(c, to->fused, w, depth, co, co, 1, bias, &to->product));
        to->product.k = p.k;
        to->product.taps = p.taps;
        to->scratch += cuv_fast_late_floats(c->isa, &to->product) * cuv_pool_threads(c->pool) * sizeof(float);
    }
    if (to->product.raw)
        return CUV_OK;
    if (floats == SIZE_MAX || !cuv_mul_size(floats, (size_t)to->groups, &all))
        return cuv_oom(c->cx);
    const bool scaled = to->fused && to->fused->scale, has_bias = bias || scaled;
    bool ready;
    float *packed = cuv_fast_kept(c, "panels of groups", all, &ready), *padded = has_bias ? cuv_fast_room(c, width * (size_t)to->groups) : NULL;
    if (!packed || (has_bias && !padded))
        return cuv_oom(c->cx);
    for (size_t g = 0; g < (size_t)to->groups; g++) {
        if (!ready)
            cuv_fast_fill(c, packed + g * floats, w + g * cog, scaled ? to->fused->scale + g * cog : NULL, depth, cog, co, 1);
        if (has_bias)
            cuv_fast_bias(to->fused, bias, g * cog, cog, width, padded + g * width);
    }
    to->product.packed = packed;
    to->product.bias = padded;
    to->product.cols = cog;
    return CUV_OK;
}

/* Few outputs of one group waste the width of a panel. */
bool cuv_can_conv(const cuv_kernel_args *a)
{
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    const int64_t groups = a->attrs->groups ? a->attrs->groups : 1;
    return w->data && (!bias || bias->data) && cuv_run_count(w) && (groups == 1 || w->shape[w->rank - 1] / groups >= 4) &&
           cuv_conv_measure(a, &(cuv_prepared){0});
}

cuv_status cuv_choose_conv(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_CONV)
        return CUV_OK;
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    if (!cuv_can_conv(a) || !cuv_conv_measure(a, to))
        return CUV_OK;
    to->groups = a->attrs->groups ? a->attrs->groups : 1;
    const cuv_space *s = &to->space;
    cuv_fast_clamp(to->after, &to->product);
    to->panels = cuv_panels(c->isa, (size_t)(s->co / to->groups));
    CUV_TRY(cuv_conv_places(c, to, (size_t)to->space.ci));
    CUV_TRY(pack_groups(c, w->data, bias ? bias->data : NULL, to));
    const bool points = cuv_conv_is_points(to);
    if (points) {
        to->product.at = to->product.tap = NULL;
        to->product.taps = 1;
    }
    to->copied = 1u << 1;
    *kernel = points ? cuv_fast_dense : run_conv;       /* all images are one product */
    return CUV_OK;
}
