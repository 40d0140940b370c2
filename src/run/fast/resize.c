/* Resized images, with the sums of the reference in its order, to the last bit. Bilinear: lines of the image are stretched, and two of them mixed;
 * else: the lines that a row of the result is made of become one, of which each place takes its own. */
#include "run/fast/fast.h"

typedef struct resize_job { const cuv_kernel_args *a; size_t each; } resize_job;

/* One place of n channels from those of a row. */
static void take_place(const cuv_isa *isa, const cuv_taps *t, const float *row, size_t n, float *y)
{
    const float *x[4];
    if (t->count == 1) {
        memcpy(y, row + (size_t)t->at[0] * n, n * sizeof *y);
        return;
    }
    for (int k = 0; k < t->count; k++)
        x[k] = row + (size_t)t->at[k] * n;
    isa->mix(y, x, t->weight, t->count, n);
}

/* Lines of an image that lie in a thread's room, stretched to the width of the result; -1: none. */
typedef struct lines { float *line[2]; int64_t at[2]; } lines;

/* Line `at` (counted through all images) as place k of two, made when it is not there. */
static void stretch(const resize_job *j, lines *l, int k, int64_t at)
{
    const cuv_prepared *f = j->a->prepared;
    const cuv_run_tensor *in = &j->a->in[0];
    const size_t n = (size_t)in->shape[3], width = (size_t)j->a->out[0].shape[2];
    const float *x = (const float *)in->data + (size_t)at * (size_t)in->shape[2] * n;
    if (k == 0 && l->at[0] != at && l->at[1] == at) {
        float *line = l->line[0];
        l->line[0] = l->line[1];
        l->line[1] = line;
        l->at[1] = -1;
        l->at[0] = at;
    }
    if (l->at[k] == at)
        return;
    for (size_t i = 0; i < width; i++) {
        const cuv_taps *t = &f->cols_of[i];
        f->isa->lerp(l->line[k] + i * n, x + (size_t)t->at[0] * n, x + (size_t)t->at[1] * n, t->weight[1], n);
    }
    l->at[k] = at;
}

static void bilinear_part(void *arg, size_t part, size_t thread)
{
    const resize_job *j = arg;
    const cuv_prepared *f = j->a->prepared;
    const cuv_run_tensor *in = &j->a->in[0], *out = &j->a->out[0];
    const size_t height = (size_t)out->shape[1], line = (size_t)(out->shape[2] * out->shape[3]), all = (size_t)out->shape[0] * height;
    const size_t end = all - part * j->each < j->each ? all : (part + 1) * j->each;
    float *room = (float *)j->a->scratch + thread * 2 * line;
    lines l = {{room, room + line}, {-1, -1}};
    for (size_t row = part * j->each; row < end; row++) {
        const cuv_taps *t = &f->rows_of[row % height];
        const int64_t image = (int64_t)(row / height) * in->shape[1];
        stretch(j, &l, 0, image + t->at[0]);
        stretch(j, &l, 1, image + t->at[1]);
        f->isa->lerp((float *)out->data + row * line, l.line[0], l.line[1], t->weight[1], line);
    }
}

static void resize_part(void *arg, size_t part, size_t thread)
{
    const resize_job *j = arg;
    const cuv_prepared *f = j->a->prepared;
    const cuv_run_tensor *in = &j->a->in[0], *out = &j->a->out[0];
    const size_t n = (size_t)in->shape[3], line = (size_t)in->shape[2] * n, height = (size_t)out->shape[1], width = (size_t)out->shape[2];
    const size_t all = (size_t)out->shape[0] * height, end = all - part * j->each < j->each ? all : (part + 1) * j->each;
    float *room = (float *)j->a->scratch + thread * line;
    for (size_t row = part * j->each; row < end; row++) {
        const cuv_taps *t = &f->rows_of[row % height];
        const float *image = (const float *)in->data + row / height * (size_t)in->shape[1] * line, *x[4];
        float *y = (float *)out->data + row * width * n;
        for (int k = 0; k < t->count; k++)
            x[k] = image + (size_t)t->at[k] * line;
        if (t->count > 1)
            f->isa->mix(room, x, t->weight, t->count, line);
        for (size_t i = 0; i < width; i++)
            take_place(f->isa, &f->cols_of[i], t->count > 1 ? room : x[0], n, y + i * n);
    }
}

static void run_resize(const cuv_kernel_args *a)
{
    enum { FEW = 20000 };       /* floats, for one thread */
    const cuv_prepared *f = a->prepared;
    const size_t rows = (size_t)(a->out[0].shape[0] * a->out[0].shape[1]), threads = cuv_run_count(&a->out[0]) > FEW ? cuv_pool_threads(f->pool) : 1;
    resize_job j = {a, (rows + 2 * threads - 1) / (2 * threads)};
    cuv_parallel(threads > 1 ? f->pool : NULL, (rows + j.each - 1) / j.each, f->rows_of->count == 2 ? bilinear_part : resize_part, &j);
}

/* The nearest places of whole factors are copied fast enough. */
cuv_status cuv_choose_resize(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *x = &a->in[0], *y = &a->out[0];
    const bool smooth = a->attrs->mode == CUV_MODE_BILINEAR || a->attrs->mode == CUV_MODE_BICUBIC;
    if ((op != CUV_OP_RESIZE && (op != CUV_OP_UPSAMPLE || !smooth)) || x->rank != 4)
        return CUV_OK;
    cuv_taps *taps = CUV_NEW_ARRAY(c->arena, cuv_taps, (size_t)(y->shape[1] + y->shape[2]));
    if (!taps || !cuv_mul_size(cuv_span(x, 2, 4) + 2 * cuv_span(y, 2, 4), cuv_pool_threads(c->pool) * sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    cuv_make_taps(taps, x->shape[1], y->shape[1], a->attrs->mode, a->attrs->align);
    cuv_make_taps(taps + y->shape[1], x->shape[2], y->shape[2], a->attrs->mode, a->attrs->align);
    to->rows_of = taps;
    to->cols_of = taps + y->shape[1];
    *kernel = run_resize;
    return CUV_OK;
}
