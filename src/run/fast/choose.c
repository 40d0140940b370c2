/* Which fast kernel a step gets, and what all of them share: room for packed weights, activations, products on several threads. */
#include "run/fast/reduced.h"

#include <sys/mman.h>

/* ---- room ---- */

enum { LINE = 64, HUGE_PAGE = 2 << 20, LARGEST_SLAB = 64 << 20 };

/* Memory in one piece, from whose front rooms are cut. */
typedef struct piece { cuv_context *cx; void *memory; size_t size; } piece;
struct cuv_slab {
    unsigned char *free;    /* at a multiple of LINE */
    size_t left;
    size_t expected;        /* bytes that may still be asked for: what the next piece is made for */
};

static void release_piece(void *object)
{
    piece *p = object;
    cuv_release(p->cx, p->memory, p->size);
}

void cuv_want_huge_pages(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t last = HUGE_PAGE - 1, from = ((uintptr_t)memory + last) & ~last, to = ((uintptr_t)memory + size) & ~last;
    if (size >= HUGE_PAGE && to > from)
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

/* Bytes at a multiple of LINE, or of HUGE_PAGE when they are that many, that live as long as the arena. */
static unsigned char *new_piece(const cuv_chooser *c, size_t bytes)
{
    const size_t border = bytes < HUGE_PAGE ? LINE : HUGE_PAGE;
    size_t size;
    piece *p = CUV_NEW(c->arena, piece);
    if (!p || !cuv_add_size(bytes, border, &size))
        return NULL;
    *p = (piece){c->cx, cuv_alloc(c->cx, size), size};
    if (!p->memory || cuv_arena_defer(c->arena, release_piece, p) != CUV_OK)
        return NULL;
    cuv_want_huge_pages(p->memory, size);
    return (unsigned char *)p->memory + (border - (uintptr_t)p->memory % border);
}

cuv_slab *cuv_slab_new(cuv_arena *arena, size_t expected)
{
#ifdef CUV_SINGLE_BLOCKS /* sanitized builds: every room has its own ends */
    expected = 0;
#endif
    cuv_slab *slab = expected < HUGE_PAGE ? NULL : CUV_NEW(arena, cuv_slab);
    if (slab)
        slab->expected = expected;
    return slab;
}

static unsigned char *cut(const cuv_chooser *c, cuv_slab *slab, size_t bytes)
{
    if (bytes > slab->left) {
        const size_t next = slab->expected < LARGEST_SLAB ? slab->expected : LARGEST_SLAB, size = bytes > next ? bytes : next;
        unsigned char *fresh = new_piece(c, size);
        if (!fresh)
            return bytes < size ? new_piece(c, bytes) : NULL;   /* as much as there is left */
        slab->free = fresh;
        slab->left = size;
    }
    unsigned char *room = slab->free;
    slab->free += bytes;
    slab->left -= bytes;
    slab->expected -= bytes < slab->expected ? bytes : slab->expected;
    return room;
}

float *cuv_fast_room(const cuv_chooser *c, size_t floats)
{
    size_t bytes;
    if (!cuv_mul_size(floats, sizeof(float), &bytes) || !cuv_add_size(bytes, LINE - 1, &bytes))
        return NULL;
    bytes -= bytes % LINE;
    return (float *)(void *)(c->slab ? cut(c, c->slab, bytes) : new_piece(c, bytes));
}

float *cuv_fast_kept(const cuv_chooser *c, const char *layout, size_t floats, bool *ready)
{
    const float *known = c->cache ? cuv_cache_take(c->cache, layout, floats) : NULL;
    *ready = known != NULL;
    if (known)
        return (float *)(uintptr_t)known;
    float *fresh = cuv_fast_room(c, floats);
    return fresh && c->cache && cuv_cache_add(c->cache, layout, floats, fresh) != CUV_OK ? NULL : fresh;
}

/* These bytes of a weight have been copied. */
static void forget(const cuv_chooser *c, const void *data, size_t size)
{
    for (size_t i = 0; c->program && i < c->program->value_count; i++) {
        const cuv_tensor *t = c->program->values[i].tensor;
        const uint8_t *at = data;
        if (t && t->data && at >= t->data && at < t->data + cuv_tensor_bytes(t)) {
            cuv_blob_forget(t->blob, data, size);
            return;
        }
    }
}

typedef struct filling {
    float *to;
    const cuv_loose *w;
    const float *scale;
    size_t k, first, end, cols, row, col, panel, parts;
} filling;

static void fill_part(void *arg, size_t part, size_t thread)
{
    const filling *f = arg;
    const size_t rows = f->end - f->first, from = f->first + rows * part / f->parts, to = f->first + rows * (part + 1) / f->parts;
    (void)thread;
    cuv_pack_rows(f->to, f->w, f->scale, f->k, from, to, f->cols, f->row, f->col, f->panel);
}

void cuv_fast_fill(const cuv_chooser *c, float *to, const cuv_loose *w, const float *scale, size_t k, size_t cols, size_t row, size_t col)
{
    enum { PIECE = 1 << 19, WORTH_A_THREAD = 1 << 15 };     /* floats */
    const size_t rows = cols && cols < PIECE ? PIECE / cols : 1, threads = cuv_pool_threads(c->pool);
    for (size_t first = 0; first < k; first += rows) {
        filling f = {to, w, scale, k, first, k - first < rows ? k : first + rows, cols, row, col, c->isa->panel, 1};
        f.parts = (f.end - first) * cols < threads * WORTH_A_THREAD ? 1 : threads;
        cuv_parallel(c->pool, f.parts, fill_part, &f);
        if (row == cols && col == 1 && k > rows)
            forget(c, w + first * row, (f.end - first) * row * sizeof(float));
    }
}

void cuv_fast_bias(const cuv_fused *fused, const float *bias, size_t first, size_t cols, size_t width, float *to)
{
    for (size_t c = 0; c < width; c++) {
        to[c] = c < cols && bias ? bias[first + c] : 0;
        if (c < cols && fused && fused->shift)
            to[c] = (fused->scale ? to[c] * fused->scale[first + c] : to[c]) + fused->shift[first + c];
    }
}

cuv_status cuv_fast_pack(const cuv_chooser *c, const cuv_fused *fused, const float *w, size_t k, size_t cols, size_t row, size_t col,
                         const float *bias, cuv_product *to)
{
    const size_t floats = cuv_packed_floats(k, cols, c->isa->panel), width = cuv_panels(c->isa, cols) * c->isa->panel;
    const bool has_bias = bias || (fused && fused->shift);
    bool ready;
    float *packed = floats == SIZE_MAX ? NULL : cuv_fast_kept(c, "panels", floats, &ready), *padded = has_bias ? cuv_fast_room(c, width) : NULL;
    if (!packed || (has_bias && !padded))
        return cuv_oom(c->cx);
    if (!ready)
        cuv_fast_fill(c, packed, w, fused ? fused->scale : NULL, k, cols, row, col);
    if (has_bias)
        cuv_fast_bias(fused, bias, 0, cols, width, padded);
    to->packed = packed;
    to->bias = padded;
    to->cols = cols;
    to->k = k;
    to->taps = 1;
    return CUV_OK;
}

/* ---- weights that are packed when they are used ---- */

cuv_status cuv_fast_late(const cuv_chooser *c, const cuv_fused *fused, const float *w, size_t k, size_t cols, size_t row, size_t col,
                         const float *bias, cuv_product *to)
{
    enum { LEAST_FLOATS = 1 << 14, LEAST_PANELS = 4 };
    const size_t floats = cuv_packed_floats(k, cols, c->isa->panel), width = cuv_panels(c->isa, cols) * c->isa->panel;
    const bool has_bias = bias || (fused && fused->shift);
    if (c->lasting || c->cache || col != 1 || floats == SIZE_MAX || floats < LEAST_FLOATS || cuv_panels(c->isa, cols) < LEAST_PANELS)
        return CUV_OK;
    float *padded = has_bias ? cuv_fast_room(c, width) : NULL;
    if (has_bias && !padded)
        return cuv_oom(c->cx);
    if (has_bias)
        cuv_fast_bias(fused, bias, 0, cols, width, padded);
    to->raw = w;
    to->raw_step = row;
    to->raw_scale = fused ? fused->scale : NULL;
    to->bias = padded;
    to->cols = cols;
    to->k = k;
    to->taps = 1;
    return CUV_OK;
}

/* Panels that are packed in one pass: neighbours lie in the same pages of the file. */
static size_t late_panels(const cuv_isa *isa, const cuv_product *p)
{
    enum { ROOM_FLOATS = 1 << 17 };
    const size_t panel = p->taps * p->k * isa->panel, fit = ROOM_FLOATS / panel, some = cuv_panels(isa, p->cols) / 4;
    return fit < 2 || some < 2 ? 1 : fit < some ? fit : some;
}

size_t cuv_fast_late_floats(const cuv_isa *isa, const cuv_product *p)
{
    return p->raw ? late_panels(isa, p) * p->taps * p->k * isa->panel : 0;
}

void cuv_fast_late_panels(const cuv_isa *isa, const cuv_product *p, size_t n, size_t end, float *to)
{
    enum { ROWS = 8 };
    const size_t first = n * isa->panel, depth = p->taps * p->k, wide = (end - n) * isa->panel;
    const size_t cols = p->cols - first < wide ? p->cols - first : wide;
    for (size_t row = 0; row < depth; row += ROWS)
        cuv_pack_rows(to, p->raw + first, p->raw_scale ? p->raw_scale + first : NULL, depth, row, depth - row < ROWS ? depth : row + ROWS, cols,
                      p->raw_step, 1, isa->panel);
}

/* ---- activations ---- */

bool cuv_fast_clamp(const cuv_act *act, cuv_product *p)
{
    p->clamp = act->op == CUV_OP_RELU && act->alpha == 0 && act->gamma == 0 && act->beta >= 0;
    p->lo = 0;
    p->hi = (float)act->beta;
    return p->clamp || act->op == CUV_OP_NONE;
}

void cuv_fast_act(const cuv_isa *isa, const cuv_act *act, float *y, size_t rows, size_t cols)
{
    if (act->op == CUV_OP_SOFTMAX)
        isa->softmax(y, y, rows, cols, 1);
    else if (!isa->act(act, y, rows * cols))
        cuv_act_f32(act, y, rows, cols);
}

/* ---- products on several threads ---- */

typedef struct job {
    const cuv_prepared *f;
    const cuv_product *p;
    const cuv_act *act;         /* NULL: none, or done by the clamp */
    size_t rows, panels;        /* of one part */
    size_t across;              /* parts side by side */
} job;

static void run_part(void *arg, size_t part, size_t thread)
{
    (void)thread;
    const job *j = arg;
    const size_t row = part / j->across * j->rows, panel = part % j->across * j->panels;
    const size_t end = j->p->rows - row < j->rows ? j->p->rows : row + j->rows;
    const size_t panels = j->f->panels - panel < j->panels ? j->f->panels : panel + j->panels;
    (j->f->dots ? j->f->dots->product : j->f->isa->product)(j->p, row, end, panel, panels);
    const size_t width = j->f->dots ? j->f->dots->panel : j->f->isa->panel, col = panel * width;
    const size_t cols = panels * width < j->p->cols ? panels * width - col : j->p->cols - col;
    if (j->act && j->across == 1)
        cuv_fast_act(j->f->isa, j->act, j->p->y + row * j->p->y_step, end - row, j->p->cols);
    for (size_t i = row; j->act && j->across > 1 && i < end; i++)
        cuv_fast_act(j->f->isa, j->act, j->p->y + i * j->p->y_step + col, 1, cols);
}

/* Rows of a part: as many parts as give all threads the same, more than one each where there are rows enough; at most `most` rows. */
static size_t rows_of_part(size_t rows, size_t most, size_t tile, size_t threads)
{
    const size_t each = rows >= 12 * tile * threads ? 4 : rows >= 6 * tile * threads ? 2 : 1;
    const size_t parts = (rows + most - 1) / most, even = (parts + threads - 1) / threads * threads;
    const size_t wanted = even > each * threads ? even : each * threads;
    return (rows + wanted - 1) / wanted;
}

/* Panels [first, end) of weights that are packed now. */
typedef struct late_job { const cuv_prepared *f; const cuv_product *p; float *room; size_t panels; } late_job;

static void late_part(void *arg, size_t part, size_t thread)
{
    const late_job *j = arg;
    const cuv_isa *isa = j->f->isa;
    const size_t first = part * j->panels, end = first + j->panels < j->f->panels ? first + j->panels : j->f->panels, col = first * isa->panel;
    const size_t wide = (end - first) * isa->panel;
    cuv_product p = *j->p;
    float *room = j->room + thread * cuv_fast_late_floats(isa, &p);
    cuv_fast_late_panels(isa, &p, first, end, room);
    p.packed = room;
    p.cols = p.cols - col < wide ? p.cols - col : wide;
    p.bias = p.bias ? p.bias + col : NULL;
    p.add = p.add ? p.add + col : NULL;
    p.y += col;
    isa->product(&p, 0, p.rows, 0, end - first);
}

static void act_rows(void *arg, size_t part, size_t thread)
{
    const job *j = arg;
    const size_t row = part * j->rows, end = j->p->rows - row < j->rows ? j->p->rows : row + j->rows;
    (void)thread;
    cuv_fast_act(j->f->isa, j->act, j->p->y + row * j->p->y_step, end - row, j->p->cols);
}

static void product_late(const cuv_prepared *f, const cuv_product *p, const cuv_act *act, float *room)
{
    late_job j = {f, p, room, late_panels(f->isa, p)};
    cuv_parallel(f->pool, (f->panels + j.panels - 1) / j.panels, late_part, &j);
    if (!act)
        return;
    job rows = {.f = f, .p = p, .act = act, .rows = 4096 / p->cols + 1};
    cuv_parallel(p->rows * p->cols > 50000 ? f->pool : NULL, (p->rows + rows.rows - 1) / rows.rows, act_rows, &rows);
}

void cuv_fast_product(const cuv_prepared *f, const cuv_product *p, const cuv_act *act, float *room)
{
    const cuv_act *after = p->clamp || !act || act->op == CUV_OP_NONE ? NULL : act;
    if (p->raw) {
        product_late(f, p, after, room);
        return;
    }
    const size_t tile = f->dots ? f->dots->tile : f->isa->tile, depth = p->taps * p->k, threads = cuv_pool_threads(f->pool);
    const double work = (double)p->rows * (double)depth * (double)p->cols;
    job j = {f, p, after, p->rows ? p->rows : 1, f->panels, 1};
    if (j.act) {        /* a part's rows are still in the cache when the activation comes */
        const size_t fit = 65536 / (p->cols ? p->cols : 1) / tile * tile, most = fit < 4 * tile ? 4 * tile : fit;
        j.rows = j.rows < most ? j.rows : most;
    }
    if (threads > 1 && work > 50000) {
        if (p->rows >= 2 * tile * threads)
            j.rows = rows_of_part(p->rows, j.rows, tile, threads);
        else if (f->panels >= threads) {
            const bool even = f->panels % threads == 0 || f->panels > 8 * threads || p->rows < 4 * threads;
            j.panels = even ? (f->panels + threads - 1) / threads : 1;
            j.across = (f->panels + j.panels - 1) / j.panels;
            const size_t rows = even ? j.rows : (p->rows + threads - 1) / threads;
            j.rows = j.rows < rows ? j.rows : rows;
        }
    }
    const bool later = j.act && j.across > 1 && j.act->op == CUV_OP_SOFTMAX;     /* it needs whole rows */
    j.act = later ? NULL : j.act;
    cuv_parallel(work > 50000 ? f->pool : NULL, p->rows ? (p->rows + j.rows - 1) / j.rows * j.across : 0, run_part, &j);
    if (later)
        cuv_fast_act(f->isa, after, p->y, p->rows, p->cols);
}

/* ---- the choice ---- */

bool cuv_fast_can(cuv_op op, const cuv_kernel_args *args)
{
    if (!cuv_run_count(&args->out[0]))
        return false;
    return op == CUV_OP_DENSE ? cuv_can_dense(args) : op == CUV_OP_CONV ? cuv_can_conv(args)
         : op == CUV_OP_CONV_TRANSPOSE ? cuv_can_transpose(args) : op == CUV_OP_DEPTHWISE && cuv_can_depthwise(args);
}

static size_t prepared_scratch(const cuv_kernel_args *a)
{
    return ((const cuv_prepared *)a->prepared)->scratch;
}

cuv_status cuv_fast_kernel(const cuv_chooser *c, cuv_op op, cuv_kernel_args *args, const cuv_fused *fused, cuv_kernel *kernel,
                           cuv_kernel_scratch *scratch)
{
    static const struct { cuv_fast_choose *choose; const char *name; } families[] = {
        {cuv_choose_reduced, "reduced"}, {cuv_choose_linear, "product"}, {cuv_choose_winograd, "winograd"}, {cuv_choose_toom, "toom-cook"},
        {cuv_choose_conv, "convolution"}, {cuv_choose_transpose, "transposed"}, {cuv_choose_depthwise, "depthwise"},
        {cuv_choose_rows, "rows"}, {cuv_choose_reduce, "reduce"}, {cuv_choose_group_norm, "rows"}, {cuv_choose_resize, "resize"}, {cuv_choose_turn, "transpose"}, {cuv_choose_pool, "windows"}, {cuv_choose_recurrent, "recurrent"}, {cuv_choose_attention, "attention"}};
    if (!args->in_count || args->in[0].dtype != CUV_F32 || !cuv_run_count(&args->out[0]))
        return CUV_OK;
    cuv_prepared *prepared = CUV_NEW(c->arena, cuv_prepared);
    if (!prepared)
        return cuv_oom(c->cx);
    *prepared = (cuv_prepared){.isa = c->isa, .pool = c->pool, .fused = fused};
    prepared->after = fused && fused->act ? fused->act : &args->attrs->act;
    cuv_kernel chosen = NULL;
    for (size_t i = c->dots ? 0 : 1; !chosen && i < sizeof families / sizeof families[0]; i++) {
        prepared->family = families[i].name;
        CUV_TRY(families[i].choose(c, op, args, prepared, &chosen));
    }
    if (!chosen)
        return CUV_OK;
    args->prepared = prepared;
    *kernel = chosen;
    *scratch = prepared->scratch ? prepared_scratch : NULL;
    return CUV_OK;
}
