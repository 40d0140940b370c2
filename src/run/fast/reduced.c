/* Dense layers, products with fixed matrices and convolutions in fewer bits: which there are, packing, rounding of
 * inputs. */
#include "run/fast/reduced.h"

#include <float.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>

/* Names that not all compilers have for __builtin_cpu_supports. */
static bool has_avxvnni(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}

static bool has_avx512_bf16(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
}
#endif

void cuv_dots_of_machine(cuv_precision precision, const cuv_dots *out[CUV_MOST_DOTS])
{
    const bool int8 = precision == CUV_PRECISION_INT8;
    size_t n = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    const cuv_isa *best = cuv_isa_best();
    if (best == &cuv_isa_avx512 && int8 && __builtin_cpu_supports("avx512vnni"))
        out[n++] = &cuv_int8_vnni;
    if (best == &cuv_isa_avx512 && !int8 && has_avx512_bf16())
        out[n++] = &cuv_bf16_dot;
    if (best == &cuv_isa_avx512)
        out[n++] = int8 ? &cuv_int8_avx512 : &cuv_bf16_avx512;
    if (best != &cuv_isa_base && int8 && has_avxvnni())
        out[n++] = &cuv_int8_avxvnni;
    if (best != &cuv_isa_base)
        out[n++] = int8 ? &cuv_int8_avx2 : &cuv_bf16_avx2;
#endif
    out[n++] = int8 ? &cuv_int8_base : &cuv_bf16_base;
    out[n] = NULL;
}

const cuv_dots *cuv_dots_best(cuv_precision precision)
{
    const cuv_dots *here[CUV_MOST_DOTS];
    cuv_dots_of_machine(precision, here);
    return here[0];
}

/* To the nearest, ties to the even one, for less than 2^22. */
static inline int32_t nearest(float x)
{
    return (int32_t)((x + 12582912.0f) - 12582912.0f);
}

/* ---- weights ---- */

/* Rows of weights in chunks: all of a dense layer are one, of a convolution the input channels of each tap. Chunks
 * are filled up to whole words with zeros. */
typedef struct source {
    const cuv_loose *w;
    size_t chunks, chunk, cols, row, col;
    const float *scale;         /* of what is fused; NULL: none */
} source;

/* A panel of packed columns; scales and sums of its columns, both NULL for bfloat16. */
typedef struct panel_job {
    const cuv_dots *d;
    const source *s;
    float *scale;
    int32_t *sum;
    uint8_t *to;
} panel_job;

enum { MOST_PANEL = 32 };

static void panel_scales(const source *s, size_t first, size_t n, float *scale)
{
    for (size_t i = 0; i < s->chunks * s->chunk; i++)
        for (size_t c = 0; c < n; c++) {
            const float a = fabsf(s->w[i * s->row + (first + c) * s->col]);
            scale[c] = a > scale[c] || a != a ? a : scale[c];
        }
    for (size_t c = 0; c < n; c++) {
        const float one = scale[c] / 127;
        scale[c] = !(one <= FLT_MAX) ? NAN : one < FLT_MIN ? 0 : one;
    }
}

/* One row of n columns: elements `step` bytes apart. */
static void put_int8(const source *s, size_t row, size_t first, size_t n, const float *by, int32_t *sum, uint8_t *to, size_t step)
{
    const cuv_loose *w = s->w + row * s->row + first * s->col;
    for (size_t c = 0; c < n; c++) {
        const int32_t q = by[c] > 0 ? nearest(w[c * s->col] * by[c]) : 0;
        sum[c] += q;
        to[c * step] = (uint8_t)(int8_t)q;
    }
}

static void put_bf16(const source *s, size_t row, size_t first, size_t n, uint8_t *to, size_t step)
{
    const cuv_loose *w = s->w + row * s->row + first * s->col;
    for (size_t c = 0; c < n; c++) {
        const uint16_t half = cuv_f32_to_bf16(s->scale ? w[c * s->col] * s->scale[first + c] : w[c * s->col]);
        memcpy(to + c * step, &half, sizeof half);
    }
}

static void pack_panel(void *arg, size_t part, size_t thread)
{
    const panel_job *j = arg;
    const cuv_dots *d = j->d;
    const source *s = j->s;
    const size_t first = part * d->panel, n = s->cols - first < d->panel ? s->cols - first : d->panel;
    const size_t element = d->w_bytes / d->group, width = d->panel * d->w_bytes, chunk = (s->chunk + d->group - 1) / d->group * width;
    uint8_t *to = j->to + part * s->chunks * chunk;
    float by[MOST_PANEL] = {0};
    (void)thread;
    if (j->scale)
        panel_scales(s, first, n, j->scale + first);
    for (size_t c = 0; c < n && j->scale; c++)
        by[c] = j->scale[first + c] > 0 ? 1 / j->scale[first + c] : 0;
    for (size_t t = 0; t < s->chunks; t++, to += chunk)
        for (size_t i = 0; i < s->chunk; i++) {
            uint8_t *at = to + i / d->group * width + i % d->group * element;
            if (j->scale)
                put_int8(s, t * s->chunk + i, first, n, by, j->sum + first, at, d->w_bytes);
            else
                put_bf16(s, t * s->chunk + i, first, n, at, d->w_bytes);
        }
    for (size_t c = 0; c < n && j->scale && s->scale; c++)
        j->scale[first + c] *= s->scale[first + c];
}

/* Scales and sums of all columns (int8), then the panels, in one piece for the cache. */
static cuv_status pack_weights(const cuv_chooser *c, const source *s, cuv_prepared *to)
{
    const cuv_dots *d = c->dots;
    const bool int8 = d->precision == CUV_PRECISION_INT8;
    const size_t panels = (s->cols + d->panel - 1) / d->panel, width = panels * d->panel;
    const size_t words = s->chunks * ((s->chunk + d->group - 1) / d->group), before = int8 ? 2 * width : 0;
    size_t floats;
    if (!cuv_mul_size(words, width * d->w_bytes, &floats) || !cuv_add_size(floats / sizeof(float), before, &floats))
        return cuv_oom(c->cx);
    bool ready;
    float *kept = cuv_fast_kept(c, d->name, floats, &ready);
    if (!kept)
        return cuv_oom(c->cx);
    int32_t *sum = int8 ? (int32_t *)(void *)(kept + width) : NULL;
    if (!ready) {
        panel_job j = {d, s, int8 ? kept : NULL, sum, (uint8_t *)(kept + before)};
        memset(kept, 0, floats * sizeof *kept);
        cuv_parallel(c->pool, panels, pack_panel, &j);
    }
    if (int8)
        to->quants = (cuv_quants){.w_scale = kept, .w_sum = sum};
    to->product.packed = kept + before;
    to->product.cols = s->cols;
    to->panels = panels;
    return CUV_OK;
}

static cuv_status pack(const cuv_chooser *c, const source *s, const float *bias, cuv_prepared *to)
{
    const cuv_fused *fused = to->fused;
    CUV_TRY(pack_weights(c, s, to));
    if (bias || (fused && fused->shift)) {
        const size_t width = to->panels * c->dots->panel;
        float *padded = cuv_fast_room(c, width);
        if (!padded)
            return cuv_oom(c->cx);
        cuv_fast_bias(fused, bias, 0, s->cols, width, padded);
        to->product.bias = padded;
    }
    cuv_fast_clamp(to->after, &to->product);
    to->dots = c->dots;
    to->copied = 1u << 1;
    return CUV_OK;
}

/* ---- inputs ---- */

enum { FEW = 20000, MOST_PARTS = 32 };      /* numbers for one thread */

typedef struct rounding { float scale, by; int32_t zero; } rounding;

static rounding rounding_of(bool finite, float lo, float hi)
{
    const float scale = hi / 255 - lo / 255;
    if (!finite || !(scale <= FLT_MAX))
        return (rounding){NAN, 0, 0};
    if (scale < FLT_MIN)
        return (rounding){0};
    return (rounding){scale, 1 / scale, nearest(-lo * (1 / scale))};
}

typedef struct rows_job {
    const cuv_prepared *f;
    const float *x;
    cuv_word *to;
    float *scale;
    int32_t *zero;
    size_t rows, n, each;
} rows_job;

/* n numbers and zeros up to a whole word. */
static void convert(const cuv_dots *d, cuv_word *to, const float *x, size_t n, const rounding *r)
{
    if (n % d->group)
        to[n / d->group] = 0;
    d->convert(to, x, n, r->by, r->zero);
}

static void convert_rows(void *arg, size_t part, size_t thread)
{
    const rows_job *j = arg;
    const cuv_dots *d = j->f->dots;
    const size_t end = (part + 1) * j->each < j->rows ? (part + 1) * j->each : j->rows;
    (void)thread;
    for (size_t i = part * j->each; i < end; i++) {
        const float *x = j->x + i * j->n;
        float lo = 0, hi = 0;
        const bool finite = !d->range || d->range(x, j->n, &lo, &hi);
        const rounding r = rounding_of(finite, lo, hi);
        if (d->range) {
            j->scale[i] = r.scale;
            j->zero[i] = r.zero;
        }
        convert(d, j->to + i * j->f->wide, x, j->n, &r);
    }
}

static void run_rows(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    cuv_product p = f->product;
    cuv_quants q = f->quants;
    const size_t n = (size_t)a->in[0].shape[a->in[0].rank - 1], threads = cuv_pool_threads(f->pool);
    p.rows = cuv_run_count(&a->in[0]) / n;
    p.x = a->in[0].data;
    p.x_step = f->wide;
    p.y = a->out[0].data;
    p.y_step = p.cols;
    p.add = cuv_fast_added(a);
    if (f->dots->convert) {
        float *scale = a->scratch, *words = scale + (2 * p.rows + 15) / 16 * 16;
        rows_job j = {f, p.x, (cuv_word *)(void *)words, scale, (int32_t *)(void *)(scale + p.rows), p.rows, n, p.rows};
        if (threads > 1 && p.rows >= threads && p.rows * n > FEW)
            j.each = (p.rows + 2 * threads - 1) / (2 * threads);
        cuv_parallel(j.each < p.rows ? f->pool : NULL, (p.rows + j.each - 1) / j.each, convert_rows, &j);
        p.x = words;
        q.x_scale = scale;
        q.x_zero = j.zero;
        q.each = 1;
    }
    p.quants = &q;
    cuv_fast_product(f, &p, f->after, NULL);
}

/* ---- images ---- */

typedef struct image_job {
    const cuv_prepared *f;
    const float *x;
    cuv_word *to;
    rounding r;
    size_t n, each, lines;      /* numbers; of a part */
    float lo[MOST_PARTS], hi[MOST_PARTS];
    bool finite[MOST_PARTS];
} image_job;

static void range_part(void *arg, size_t part, size_t thread)
{
    image_job *j = arg;
    const size_t first = part * j->each, n = j->n - first < j->each ? j->n - first : j->each;
    (void)thread;
    j->finite[part] = j->f->dots->range(j->x + first, n, &j->lo[part], &j->hi[part]);
}

/* Zero as the image has it. */
static void fill(const cuv_dots *d, cuv_word *to, size_t words, int32_t zero)
{
    const cuv_word one = (cuv_word)zero * (d->x_bytes == 1 ? 0x01010101u : 0x00010001u);
    for (size_t i = 0; i < words; i++)
        to[i] = one;
}

/* One line (last spatial axis) of the padded image. */
static void convert_line(const image_job *j, int64_t i, int64_t k, cuv_word *to)
{
    const cuv_prepared *f = j->f;
    const cuv_space *s = &f->space;
    const int64_t from_i = i - s->lo[0], from_k = k - s->lo[1], before = s->lo[2] > 0 ? s->lo[2] : 0, skip = s->lo[2] < 0 ? -s->lo[2] : 0;
    int64_t n = s->in[2] - skip;
    n = n > f->size[2] - before ? f->size[2] - before : n;
    if (from_i < 0 || from_i >= s->in[0] || from_k < 0 || from_k >= s->in[1] || n < 0)
        n = 0;
    const size_t ci = (size_t)s->ci, count = (size_t)n, first = n ? (size_t)before : 0;
    const float *x = n ? j->x + (size_t)((from_i * s->in[1] + from_k) * s->in[2] + skip) * ci : j->x;
    fill(f->dots, to, first * f->wide, j->r.zero);
    to += first * f->wide;
    if (ci % f->dots->group == 0 && count)
        convert(f->dots, to, x, count * ci, &j->r);
    else
        for (size_t place = 0; place < count; place++)
            convert(f->dots, to + place * f->wide, x + place * ci, ci, &j->r);
    fill(f->dots, to + count * f->wide, ((size_t)f->size[2] - first - count) * f->wide, j->r.zero);
}

static void convert_lines(void *arg, size_t part, size_t thread)
{
    const image_job *j = arg;
    const int64_t *size = j->f->size, end = (int64_t)((part + 1) * j->each < j->lines ? (part + 1) * j->each : j->lines);
    (void)thread;
    for (int64_t line = (int64_t)(part * j->each); line < end; line++)
        convert_line(j, line / size[1], line % size[1], j->to + (size_t)(line * size[2]) * j->f->wide);
}

static size_t part_of(size_t n, size_t parts) { return (n + parts - 1) / parts; }

static rounding convert_image(const cuv_prepared *f, const float *x, cuv_word *to)
{
    const cuv_space *s = &f->space;
    image_job j = {.f = f, .x = x, .to = to, .n = (size_t)(s->in[0] * s->in[1] * s->in[2] * s->ci), .lines = (size_t)(f->size[0] * f->size[1])};
    const size_t threads = cuv_pool_threads(f->pool), parts = threads < 2 || j.n < FEW ? 1 : 2 * threads < MOST_PARTS ? 2 * threads : MOST_PARTS;
    if (f->dots->range) {
        bool finite = true;
        float lo = 0, hi = 0;
        j.each = part_of(j.n, parts);
        const size_t count = part_of(j.n, j.each);
        cuv_parallel(count > 1 ? f->pool : NULL, count, range_part, &j);
        for (size_t i = 0; i < count; i++) {
            finite &= j.finite[i];
            lo = j.lo[i] < lo ? j.lo[i] : lo;
            hi = j.hi[i] > hi ? j.hi[i] : hi;
        }
        j.r = rounding_of(finite, lo, hi);
    }
    j.each = part_of(j.lines, parts);
    cuv_parallel(j.each < j.lines ? f->pool : NULL, part_of(j.lines, j.each), convert_lines, &j);
    return j.r;
}

static void run_image(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    const size_t places = (size_t)(s->out[0] * s->out[1] * s->out[2]), from = (size_t)(s->in[0] * s->in[1] * s->in[2] * s->ci);
    const float *add = cuv_fast_added(a);
    cuv_word *words = a->scratch;
    for (size_t b = 0; b < (size_t)s->b; b++) {
        const rounding r = convert_image(f, (const float *)a->in[0].data + b * from, words);
        cuv_product p = f->product;
        cuv_quants q = f->quants;
        q.x_scale = &r.scale;
        q.x_zero = &r.zero;
        p.quants = &q;
        p.rows = places;
        p.x = (const float *)(const void *)words;
        p.y = (float *)a->out[0].data + b * places * p.cols;
        p.y_step = p.cols;
        p.add = add ? add + b * places * p.cols : NULL;
        cuv_fast_product(f, &p, f->after, NULL);
    }
}

/* ---- the choice ---- */

/* Sums of eight bits stay below 2^31. */
enum { MOST_DEPTH = 65536 };

/* Where fewer bits are faster, from measurements (bench/README.md). */
static bool pays_rows(const cuv_chooser *c, size_t rows, size_t k, size_t cols)
{
    if (c->everywhere)
        return true;
    if (!c->dots->compute)
        return rows < 4 && k * cols >= c->dots->least;
    if (c->dots->range)     /* rounding an input costs what some columns save */
        return k >= 64 && cols >= 48 && k * cols >= 8192;
    return k >= 64 && cols >= 24;
}

/* A product of rows with a matrix; false when its scratch is too large. */
static bool be_rows(const cuv_chooser *c, size_t rows, cuv_prepared *to)
{
    size_t bytes;
    if (!cuv_mul_size(rows, to->wide, &bytes) || !cuv_add_size(bytes, 2 * rows + 16, &bytes) || !cuv_mul_size(bytes, sizeof(float), &bytes))
        return false;
    to->product.k = to->wide;
    to->product.taps = 1;
    to->scratch = c->dots->convert ? bytes : 0;
    return true;
}

static cuv_status choose_rows(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *x = &a->in[0], *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    const bool turned = op == CUV_OP_MATMUL && a->attrs->transpose_b;
    if (x->rank < 1 || w->rank != 2 || w->dtype != CUV_F32 || !cuv_can_dense(a) || (op == CUV_OP_MATMUL && (a->attrs->transpose_a || bias)))
        return CUV_OK;
    const size_t k = (size_t)w->shape[turned], cols = (size_t)w->shape[!turned], rows = cuv_run_count(x) / k;
    to->wide = (k + c->dots->group - 1) / c->dots->group;
    if (k > MOST_DEPTH || !pays_rows(c, rows, k, cols) || !be_rows(c, rows, to))
        return CUV_OK;
    const source s = {w->data, 1, k, cols, turned ? 1 : cols, turned ? k : 1, to->fused ? to->fused->scale : NULL};
    CUV_TRY(pack(c, &s, bias ? bias->data : NULL, to));
    *kernel = run_rows;
    return CUV_OK;
}

/* Convolutions that float32 does with half of the multiplications (Winograd, Toom-Cook), which pairs of bfloat16
 * do not beat. */
static bool is_transformed(const cuv_space *s)
{
    const int64_t places = s->out[0] * s->out[1] * s->out[2];
    const bool even = s->stride[0] == 1 && s->stride[1] == 1 && s->stride[2] == 1;
    if (!even || places < 144 || s->k[0] > 1)
        return false;
    return s->d == 1 ? s->k[2] >= 3 && s->ci >= 16 && s->co >= 16
         : s->k[1] == 3 && s->k[2] == 3 && s->dilation[1] == 1 && s->dilation[2] == 1 && s->ci * s->co >= 4096;
}

static bool pays_image(const cuv_chooser *c, const cuv_prepared *to, size_t depth)
{
    const size_t ci = (size_t)to->space.ci;
    if (c->everywhere)
        return true;
    return c->dots->compute && to->space.co >= 16 && depth >= 96 && (ci % c->dots->group == 0 || ci >= 16) &&
           (c->dots->range || !is_transformed(&to->space));
}

static cuv_status choose_image(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    const int64_t groups = a->attrs->groups ? a->attrs->groups : 1;
    if (groups != 1 || !cuv_can_conv(a) || !cuv_conv_measure(a, to))
        return CUV_OK;
    const size_t ci = (size_t)to->space.ci, co = (size_t)to->space.co, depth = cuv_run_count(w) / co, group = c->dots->group;
    const size_t places = (size_t)(to->size[0] * to->size[1] * to->size[2]), rows = cuv_run_count(&a->in[0]) / ci;
    to->groups = 1;
    to->wide = (ci + group - 1) / group;
    const bool points = cuv_conv_is_points(to);
    if (depth > MOST_DEPTH || !c->dots->convert || !(points ? pays_rows(c, rows, ci, co) && be_rows(c, rows, to) : pays_image(c, to, depth)))
        return CUV_OK;
    const source s = {w->data, depth / ci, ci, co, co, 1, to->fused ? to->fused->scale : NULL};
    CUV_TRY(pack(c, &s, bias ? bias->data : NULL, to));
    *kernel = points ? run_rows : run_image;
    if (points)
        return CUV_OK;
    CUV_TRY(cuv_conv_places(c, to, to->wide));
    to->scratch = places * to->wide * sizeof(cuv_word);
    return CUV_OK;
}

cuv_status cuv_choose_reduced(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_DENSE && op != CUV_OP_MATMUL && op != CUV_OP_CONV)
        return CUV_OK;
    cuv_prepared its = *to;     /* what does not pay leaves no trace */
    its.family = c->dots->precision == CUV_PRECISION_INT8 ? "int8" : "bf16";
    CUV_TRY(op == CUV_OP_CONV ? choose_image(c, a, &its, kernel) : choose_rows(c, op, a, &its, kernel));
    if (*kernel)
        *to = its;
    return CUV_OK;
}
