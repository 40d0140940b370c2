/* Transposes that move the last axis: planes whose rows become columns, in squares that both sides find in the nearest cache. */
#include "run/fast/turn.h"

/* Planes, each y[j y_step + l] = x[l x_step + j]. */
typedef struct turn_job {
    cuv_walk walk;              /* its last axis is l */
    int across;                 /* the axis j */
    const float *x;
    float *y;
    size_t rows, x_step, y_step;        /* rows: numbers of j */
    size_t parts, each;         /* parts of a plane; numbers of j of one */
} turn_job;

/* Numbers [first, end) of j and [from, stop) of l: four lines at a time of the side whose lines are farther apart, as lines whole pages apart share
 * few places of the cache. */
static void turn_block(const turn_job *t, const float *x, float *y, size_t first, size_t end, size_t from, size_t stop)
{
    const size_t j4 = first + (end - first) / 4 * 4, l4 = from + (stop - from) / 4 * 4;
    if (t->x_step > t->y_step)
        for (size_t l = from; l < l4; l += 4)
            for (size_t j = first; j < j4; j += 4)
                cuv_turn_four(x + l * t->x_step + j, t->x_step, y + j * t->y_step + l, t->y_step);
    else
        for (size_t j = first; j < j4; j += 4)
            for (size_t l = from; l < l4; l += 4)
                cuv_turn_four(x + l * t->x_step + j, t->x_step, y + j * t->y_step + l, t->y_step);
    for (size_t j = first; j < end; j++)
        for (size_t l = j < j4 ? l4 : from; l < stop; l++)
            y[j * t->y_step + l] = x[l * t->x_step + j];
}

static void turn_part(void *arg, size_t part, size_t thread)
{
    enum { SIDE = 64 };
    const turn_job *t = arg;
    const cuv_walk *w = &t->walk;
    size_t other = part / t->parts, x = 0, y = 0, step = 1;
    const size_t first = part % t->parts * t->each, end = t->rows - first < t->each ? t->rows : first + t->each, n = (size_t)w->n;
    (void)thread;
    for (int i = w->rank; i-- > 0; step *= (size_t)w->shape[i])
        if (i != t->across && i != w->rank - 1) {
            const size_t at = other % (size_t)w->shape[i];
            other /= (size_t)w->shape[i];
            x += at * (size_t)w->stride[0][i];
            y += at * step;
        }
    for (size_t j = first; j < end; j += SIDE)
        for (size_t l = 0; l < n; l += SIDE)
            turn_block(t, t->x + x, t->y + y, j, end - j < SIDE ? end : j + SIDE, l, n - l < SIDE ? n : l + SIDE);
}

/* The walk over y of what is read of x; false when the last axis stays in its place or no other one becomes it. */
static bool plan_turn(const cuv_kernel_args *a, turn_job *t)
{
    const cuv_run_tensor *x = &a->in[0], *y = &a->out[0];
    cuv_walk *w = &t->walk;
    cuv_walk_init(w, y->shape, y->rank, 1);
    for (int i = 0; i < y->rank; i++)
        w->stride[0][i] = (int64_t)cuv_span(x, a->attrs->perm[i] + 1, x->rank);
    if (!cuv_walk_start(w) || w->step[0] == 1 || w->rank < 2)
        return false;
    for (t->across = w->rank - 2; t->across >= 0 && w->stride[0][t->across] != 1; t->across--)
        ;
    if (t->across < 0)
        return false;
    t->rows = (size_t)w->shape[t->across];
    t->x_step = (size_t)w->step[0];
    t->y_step = 1;
    for (int i = w->rank - 1; i > t->across; i--)
        t->y_step *= (size_t)w->shape[i];
    return true;
}

static void run_turn(const cuv_kernel_args *a)
{
    enum { FEW = 50000, LEAST = 32 };   /* floats, for one thread; rows of a part */
    const cuv_prepared *f = a->prepared;
    const size_t all = cuv_run_count(&a->out[0]), threads = all > FEW ? cuv_pool_threads(f->pool) : 1;
    turn_job t = {.x = a->in[0].data, .y = a->out[0].data};
    if (!plan_turn(a, &t))
        return;
    const size_t others = all / (t.rows * (size_t)t.walk.n), wanted = (2 * threads + others - 1) / others;
    t.each = ((t.rows + wanted - 1) / wanted + LEAST - 1) / LEAST * LEAST;
    t.parts = (t.rows + t.each - 1) / t.each;
    cuv_parallel(threads > 1 ? f->pool : NULL, others * t.parts, turn_part, &t);
}

cuv_status cuv_choose_turn(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    turn_job t;
    (void)c, (void)to;
    if (op == CUV_OP_TRANSPOSE && plan_turn(a, &t))
        *kernel = run_turn;
    return CUV_OK;
}
