/* Depthwise convolutions in one or two dimensions. Where each channel gives several, the image is copied with each as often as that. */
#include "run/fast/fast.h"

/* Too few for several threads; what an activation finds in the cache; what a strip should have at most. */
enum { FEW = 20000, PART_FLOATS = 32768, STRIP_FLOATS = 24576 };

typedef struct rows_job {
    const cuv_prepared *f;
    const cuv_window *d;
    const float *x;
    float *y;
    size_t each, parts;         /* rows of a part; parts of an image */
} rows_job;

static bool acts(const cuv_prepared *f) { return !f->window.clamp && f->after->op != CUV_OP_NONE; }

static void run_rows(void *arg, size_t part, size_t thread)
{
    const rows_job *j = arg;
    cuv_window d = *j->d;
    const size_t image = part / j->parts, first = part % j->parts * j->each, row = d.out_w * d.y_step;
    const size_t end = d.out_h - first < j->each ? d.out_h : first + j->each;
    (void)thread;
    d.x = j->x + image * d.in_h * d.in_w * d.x_step;
    d.y = j->y + image * d.out_h * row;
    j->f->isa->depthwise(&d, first, end);
    if (acts(j->f))
        cuv_fast_act(j->f->isa, j->f->after, d.y + first * row, (end - first) * d.out_w, d.channels);
}

/* Each of n floats `times` times. */
typedef struct repeat_job { const float *x; float *to; size_t n, times, each; } repeat_job;

static void repeat_part(void *arg, size_t part, size_t thread)
{
    const repeat_job *j = arg;
    const size_t end = j->n - part * j->each < j->each ? j->n : (part + 1) * j->each;
    float *to = j->to + part * j->each * j->times;
    (void)thread;
    for (size_t i = part * j->each; i < end; i++)
        for (size_t k = 0; k < j->times; k++)
            *to++ = j->x[i];
}

static const float *repeated(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t n = cuv_run_count(&a->in[0]), times = f->window.channels / (size_t)f->space.ci, parts = n > FEW ? 2 * cuv_pool_threads(f->pool) : 1;
    repeat_job j = {a->in[0].data, a->scratch, n, times, (n + parts - 1) / parts};
    if (times == 1)
        return a->in[0].data;
    cuv_parallel(parts > 1 ? f->pool : NULL, (n + j.each - 1) / j.each, repeat_part, &j);
    return j.to;
}

static void run_depthwise(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_window *d = &f->window;
    const size_t threads = cuv_pool_threads(f->pool), row = d->out_w * d->channels, images = (size_t)f->space.b;
    const bool alone = threads == 1 || row * d->out_h * images < FEW;
    rows_job j = {.f = f, .d = d, .x = repeated(a), .y = a->out[0].data, .each = d->out_h};
    if (!alone && images < 4 * threads)
        j.each = (d->out_h * images + 4 * threads - 1) / (4 * threads);
    if (acts(f) && j.each * row > PART_FLOATS)
        j.each = PART_FLOATS / row + 1;
    j.parts = (d->out_h + j.each - 1) / j.each;
    cuv_parallel(alone ? NULL : f->pool, images * j.parts, run_rows, &j);
}

/* ---- after a 1x1 convolution ---- */

/* A part takes the channels of one panel through some rows: the rows of the 1x1 convolution that the windows need, with zeros around them,
 * lie in a strip that stays in the nearest caches; what the next rows need again is moved up. */
typedef struct strip_job {
    const cuv_prepared *f;
    const float *x;
    float *y, *room;            /* room: of all threads */
    size_t each, parts;         /* rows of a part; parts of an image, of a panel */
} strip_job;

static size_t strip_width(const cuv_window *d) { return (d->out_w - 1) * d->stride_w + (d->k_w - 1) * d->dilation_w + 1; }
static size_t strip_height(const cuv_window *d, size_t rows) { return (rows - 1) * d->stride_h + (d->k_h - 1) * d->dilation_h + 1; }

static size_t strip_floats(const cuv_prepared *f)
{
    const cuv_window *d = &f->window;
    return (strip_width(d) * strip_height(d, f->chunk) + f->chunk * d->out_w) * f->isa->panel;
}

/* Of one thread: the strip, and a panel of weights that is packed when it is used. */
static size_t room_floats(const cuv_prepared *f) { return strip_floats(f) + (f->product.raw ? f->product.k * f->isa->panel : 0); }

/* The 1x1 convolution of `count` rows from x on, a line of `to` each with zeros on both sides. */
static void expand_rows(const cuv_prepared *f, const float *x, size_t count, size_t panel, const float *packed, float *to)
{
    const cuv_window *d = &f->window;
    const size_t width = f->isa->panel, lo = (size_t)d->lo_w, room = strip_width(d), line = room * width;
    const size_t n = d->in_w < room - lo ? d->in_w : room - lo;
    const bool joined = n == d->in_w && n < 4 * f->isa->tile && n % f->isa->tile;      /* tiles then span rows */
    cuv_product p = f->product;
    p.rows = joined ? count * n : n;
    p.x_step = p.k;
    p.packed = packed;
    p.bias = p.bias ? p.bias + panel * width : NULL;
    p.cols = p.y_step = width;
    if (joined) {
        p.x = x;
        p.y = to;
        f->isa->product(&p, 0, p.rows, 0, 1);
    }
    for (size_t i = count; i-- > 0;) {      /* from the last: lines move away from the start */
        float *own = to + i * line, *values = own + lo * width;
        if (joined)
            memmove(values, to + i * n * width, n * width * sizeof *to);
        else {
            p.x = x + i * d->in_w * p.k;
            p.y = values;
            f->isa->product(&p, 0, n, 0, 1);
        }
        memset(own, 0, lo * width * sizeof *to);
        memset(values + n * width, 0, (room - lo - n) * width * sizeof *to);
        if (!p.clamp)
            cuv_fast_act(f->isa, f->before, values, n, width);
    }
}

/* Lines of the strip for the rows [first, end), of which some may lie in the padding. */
static void fill_strip(const cuv_prepared *f, const float *x, ptrdiff_t first, ptrdiff_t end, size_t panel, const float *packed, float *to)
{
    const cuv_window *d = &f->window;
    const size_t line = strip_width(d) * f->isa->panel;
    const ptrdiff_t in = (ptrdiff_t)d->in_h;
    for (ptrdiff_t row = first, next; row < end; row = next, to += (size_t)(row - first) * line, first = row) {
        const bool inside = row >= 0 && row < in;
        next = row < 0 ? (end < 0 ? end : 0) : inside && in < end ? in : end;
        if (inside)
            expand_rows(f, x + (size_t)row * d->in_w * f->product.k, (size_t)(next - row), panel, packed, to);
        else
            memset(to, 0, (size_t)(next - row) * line * sizeof *to);
    }
}

/* Output rows from `first`, out of the strip: d is the window of its channels. */
static void take_windows(const cuv_prepared *f, cuv_window *d, float *y, float *room)
{
    const size_t width = f->isa->panel, step = d->y_step;
    d->y = y;
    if (acts(f)) {
        d->y = room;
        d->y_step = width;
    }
    f->isa->depthwise(d, 0, d->out_h);
    if (!acts(f))
        return;
    cuv_fast_act(f->isa, f->after, room, d->out_h * d->out_w, width);
    for (size_t i = 0; i < d->out_h * d->out_w; i++)
        memcpy(y + i * step, room + i * width, d->channels * sizeof *y);
    d->y_step = step;
}

static void run_strip(void *arg, size_t part, size_t thread)
{
    const strip_job *j = arg;
    const cuv_prepared *f = j->f;
    const size_t width = f->isa->panel, panel = part % f->panels, image = part / f->panels / j->parts;
    const size_t first = part / f->panels % j->parts * j->each, channels = f->window.channels, line = strip_width(&f->window) * width;
    const size_t end = f->window.out_h - first < j->each ? f->window.out_h : first + j->each;
    const float *x = j->x + image * f->window.in_h * f->window.in_w * f->product.k;
    float *strip = j->room + thread * room_floats(f), *late = strip + strip_floats(f), *y = j->y + image * f->window.out_h * f->window.out_w * channels + panel * width;
    cuv_window d = f->window;
    const float *packed = f->product.raw ? late : f->product.packed + panel * f->product.k * width;
    ptrdiff_t made = PTRDIFF_MIN;       /* rows before it are in the strip */
    if (f->product.raw)
        cuv_fast_late_panels(f->isa, &f->product, panel, panel + 1, late);
    d.channels = channels - panel * width < width ? channels - panel * width : width;
    d.w += panel * width;
    d.bias = d.bias ? d.bias + panel * width : NULL;
    d.x = strip;
    d.x_step = width;
    d.in_w = strip_width(&f->window);
    d.lo_h = d.lo_w = 0;
    if (d.channels < width)
        memset(strip + line * strip_height(&d, f->chunk), 0, f->chunk * d.out_w * width * sizeof *strip);
    for (size_t o = first; o < end; o += f->chunk) {
        const ptrdiff_t from = (ptrdiff_t)(o * d.stride_h) - f->window.lo_h, start = made > from ? made : from;
        d.out_h = end - o < f->chunk ? end - o : f->chunk;
        d.in_h = strip_height(&d, d.out_h);
        if (start > from)
            memmove(strip, strip + (f->chunk * d.stride_h) * line, (size_t)(start - from) * line * sizeof *strip);
        fill_strip(f, x, start, from + (ptrdiff_t)d.in_h, panel, packed, strip + (size_t)(start - from) * line);
        made = from + (ptrdiff_t)d.in_h;
        take_windows(f, &d, y + o * d.out_w * channels, strip + line * strip_height(&d, f->chunk));
    }
}

/* Parts of an image's rows: each makes some lines of the strip again that its neighbour has, so as few as give all threads the same. */
static size_t rows_parts(size_t threads, size_t panels, size_t most)
{
    size_t parts = 1;
    while (parts < most && panels * parts % threads && panels * parts < 4 * threads)
        parts++;
    return parts;
}

static void run_expanded(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t threads = cuv_pool_threads(f->pool), rows = f->window.out_h, images = (size_t)f->space.b;
    const size_t parts = rows_parts(threads, f->panels * images, rows / 4 ? rows / 4 : 1);
    const bool alone = cuv_run_count(&a->out[0]) < FEW;
    strip_job j = {.f = f, .x = a->in[0].data, .y = a->out[0].data, .room = a->scratch, .each = alone ? rows : (rows + parts - 1) / parts};
    j.parts = (rows + j.each - 1) / j.each;
    cuv_parallel(alone ? NULL : f->pool, images * f->panels * j.parts, run_strip, &j);
}

static cuv_status choose_expanded(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to)
{
    const cuv_run_tensor *w = &a->in[CUV_EXPAND_KERNEL], *bias = &a->in[CUV_EXPAND_BIAS];
    const size_t k = (size_t)w->shape[w->rank - 2], cols = (size_t)w->shape[w->rank - 1], width = c->isa->panel;
    const cuv_window *d = &to->window;
    const size_t line = strip_width(d) * width, windows = (d->k_h - 1) * d->dilation_h;
    const size_t fit = STRIP_FLOATS / line > windows ? (STRIP_FLOATS / line - windows) / d->stride_h : 0;
    size_t floats;
    to->before = to->fused->expand->act;
    CUV_TRY(cuv_fast_late(c, to->fused->expand, w->data, k, cols, cols, 1, bias->rank ? bias->data : NULL, &to->product));
    if (!to->product.raw)
        CUV_TRY(cuv_fast_pack(c, to->fused->expand, w->data, k, cols, cols, 1, bias->rank ? bias->data : NULL, &to->product));
    cuv_fast_clamp(to->before, &to->product);
    to->panels = cuv_panels(c->isa, cols);
    to->chunk = fit < 1 ? 1 : fit < d->out_h ? fit : d->out_h;
    to->copied = 1u << CUV_EXPAND_KERNEL;
    if (!cuv_mul_size(room_floats(to), cuv_pool_threads(c->pool) * sizeof(float), &floats))
        return cuv_oom(c->cx);
    to->scratch = floats;
    return CUV_OK;
}

/* ---- the choice ---- */

cuv_window cuv_fast_window(const cuv_space *s)
{
    return (cuv_window){.channels = (size_t)s->ci, .in_h = (size_t)s->in[1], .in_w = (size_t)s->in[2], .out_h = (size_t)s->out[1],
                        .out_w = (size_t)s->out[2], .k_h = (size_t)s->k[1], .k_w = (size_t)s->k[2], .stride_h = (size_t)s->stride[1],
                        .stride_w = (size_t)s->stride[2], .dilation_h = (size_t)s->dilation[1], .dilation_w = (size_t)s->dilation[2],
                        .lo_h = (ptrdiff_t)s->lo[1], .lo_w = (ptrdiff_t)s->lo[2], .x_step = (size_t)s->ci, .y_step = (size_t)s->ci,
                        .w_step = (size_t)s->ci};
}

bool cuv_can_depthwise(const cuv_kernel_args *a)
{
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    return w->data && (!bias || bias->data) && cuv_run_count(w) && a->in[0].rank <= 4;
}

/* Weights and bias with the normalisation that comes after them. */
static cuv_status take_weights(const cuv_chooser *c, const cuv_run_tensor *w, const float *bias, cuv_prepared *to)
{
    const size_t n = to->window.channels, taps = cuv_run_count(w) / n;
    const cuv_fused *fused = to->fused;
    to->window.w = w->data;
    if (!bias && !(fused && fused->scale))
        return CUV_OK;
    float *padded = cuv_fast_room(c, n);
    if (!padded)
        return cuv_oom(c->cx);
    cuv_fast_bias(fused, bias, 0, n, n, padded);
    to->window.bias = padded;
    if (!fused || !fused->scale)
        return CUV_OK;
    float *scaled = cuv_fast_room(c, n * taps);
    if (!scaled)
        return cuv_oom(c->cx);
    for (size_t t = 0; t < taps; t++)
        c->isa->binary(CUV_OP_MUL, scaled + t * n, (const float *)w->data + t * n, fused->scale, n, false);
    to->window.w = scaled;
    return CUV_OK;
}

cuv_status cuv_choose_depthwise(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_DEPTHWISE || !cuv_can_depthwise(a))
        return CUV_OK;
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    cuv_space *s = &to->space;
    cuv_product clamp = {0};
    cuv_run_tensor x = a->in[0];
    cuv_kernel_args own = *a;
    own.in = &x;
    if (to->fused && to->fused->expand)
        x.shape[x.rank - 1] = w->shape[w->rank - 2];
    *s = cuv_space_of(&own, w->shape);
    for (int i = 3 - s->d; to->fused && to->fused->pad_lo && i < 3; i++)
        s->lo[i] += to->fused->pad_lo[1 + i - (3 - s->d)];
    to->window = cuv_fast_window(s);
    const size_t times = (size_t)w->shape[w->rank - 1];
    if (times > 1) {
        to->window.channels = to->window.x_step = to->window.y_step = to->window.w_step = (size_t)s->ci * times;
        if (!cuv_mul_size(cuv_run_count(&a->in[0]), times * sizeof(float), &to->scratch))
            return cuv_oom(c->cx);
    }
    CUV_TRY(take_weights(c, w, bias ? bias->data : NULL, to));
    cuv_fast_clamp(to->after, &clamp);
    to->window.clamp = clamp.clamp;
    to->window.lo = clamp.lo;
    to->window.hi = clamp.hi;
    *kernel = to->fused && to->fused->expand ? run_expanded : run_depthwise;
    return *kernel == run_expanded ? choose_expanded(c, a, to) : CUV_OK;
}
