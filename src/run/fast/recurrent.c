/* LSTM, GRU and the simple layer: the products with the inputs of many steps at once, then step by step the product with the state and the gates. Threads
 * share the samples of a batch, whose steps do not touch each other, or, where there are few, the units. */
#include "run/fast/fast.h"

enum {
    CHUNK_BYTES = 1 << 20,
    LEAST_SAMPLES = 8,      /* fewer than that waste the tiles of a product */
    ENOUGH = 16384          /* multiplications of a step for one thread: some hundred nanoseconds */
};

typedef struct loop {
    const cuv_kernel_args *a;
    const cuv_prepared *f;
    size_t batch, time, in, units, gates;       /* gates: floats of one step */
    const uint8_t *mask;
    float *x_part;          /* (batch, chunk, gates) */
    float *own;             /* (batch, gates): what the state gives (GRU) */
    float *h, *c;
} loop;

static size_t state_floats(const loop *l) { return l->batch * l->units; }

static void set_state(float *to, const cuv_run_tensor *from, size_t n)
{
    if (from)
        memcpy(to, from->data, n * sizeof *to);
    else
        memset(to, 0, n * sizeof *to);
}

/* What one thread does of a step: samples [first, end), units [from, from + n), from the state h to the state next, which may be the same. */
typedef struct share { size_t first, end, from, n; const float *h; float *next; } share;

/* The output of one step of one sample, as kernels_recurrent.inc has it. */
static void write_output(const loop *l, const share *s, size_t step, size_t b, bool on)
{
    const cuv_attrs *at = l->a->attrs;
    const size_t u = l->units, bytes = s->n * sizeof(float);
    float *y = (float *)l->a->out[0].data + (at->sequences ? (b * l->time + step) * u : b * u) + s->from;
    const float *before = !at->sequences ? y : step ? y - u : NULL;
    if (on)
        memcpy(y, s->next + b * u + s->from, bytes);
    else if (at->zero_masked || !before)
        memset(y, 0, bytes);
    else if (before != y)
        memcpy(y, before, bytes);
}

static void product_with_state(const loop *l, const share *s, float *y, size_t y_step, bool accumulate)
{
    cuv_product p = l->f->recurrent;
    const size_t panel = l->f->isa->panel;
    p.rows = s->end - s->first;
    p.x = s->h + s->first * l->units;
    p.x_step = l->units;
    p.y = y + s->first * y_step;
    p.y_step = y_step;
    p.accumulate = accumulate;
    if (s->n == l->units)
        l->f->isa->product(&p, 0, p.rows, 0, cuv_panels(l->f->isa, p.cols));
    else
        for (size_t at = s->from; at < p.cols; at += l->units)      /* whole panels: may_part */
            l->f->isa->product(&p, 0, p.rows, at / panel, (at + s->n) / panel);
}

/* ---- cells ---- */

/* The first two gates, or the units of both that are `n` of `u`. */
static void two_gates(const cuv_isa *isa, const cuv_act *act, float *gates, size_t u, size_t n)
{
    cuv_fast_act(isa, act, gates, n == u ? 2 : 1, n);
    if (n < u)
        cuv_fast_act(isa, act, gates + u, 1, n);
}

/* As cuv_isa's, with any activation. */
static void lstm_cell(const cuv_isa *isa, const cuv_act *act, float *gates, size_t stride, float *c, float *h, size_t n)
{
    isa->binary(CUV_OP_MUL, c, c, gates + stride, n, false);
    isa->binary(CUV_OP_MUL, gates, gates, gates + 2 * stride, n, false);
    isa->fold_add(c, gates, n);
    memcpy(h, c, n * sizeof *h);
    cuv_fast_act(isa, act, h, 1, n);
    isa->binary(CUV_OP_MUL, h, h, gates + 3 * stride, n, false);
}

static void lstm_step(const loop *l, const share *s, float *gates, size_t b)
{
    const cuv_isa *isa = l->f->isa;
    const cuv_attrs *at = l->a->attrs;
    const size_t u = l->units, i = b * u + s->from;
    gates += s->from;
    two_gates(isa, &at->rec_act, gates, u, s->n);
    cuv_fast_act(isa, &at->act, gates + 2 * u, 1, s->n);
    cuv_fast_act(isa, &at->rec_act, gates + 3 * u, 1, s->n);
    if (at->act.op == CUV_OP_TANH)
        isa->lstm_cell(gates, u, l->c + i, s->next + i, s->n);
    else
        lstm_cell(isa, &at->act, gates, u, l->c + i, s->next + i, s->n);
}

/* h = act(x kernel + bias + h recurrent) */
static void rnn_step(const loop *l, const share *s, float *gates, size_t b)
{
    gates += s->from;
    cuv_fast_act(l->f->isa, &l->a->attrs->act, gates, 1, s->n);
    memcpy(s->next + b * l->units + s->from, gates, s->n * sizeof *gates);
}

static void gru_step(const loop *l, const share *s, float *gates, float *own, size_t b)
{
    const cuv_isa *isa = l->f->isa;
    const cuv_attrs *at = l->a->attrs;
    const size_t u = l->units, n = s->n, i = b * u + s->from;
    gates += s->from;
    own += s->from;
    isa->fold_add(gates, own, n == u ? 2 * u : n);
    if (n < u)
        isa->fold_add(gates + u, own + u, n);
    two_gates(isa, &at->rec_act, gates, u, n);
    isa->binary(CUV_OP_MUL, own + 2 * u, own + 2 * u, gates + u, n, false);
    isa->fold_add(gates + 2 * u, own + 2 * u, n);
    cuv_fast_act(isa, &at->act, gates + 2 * u, 1, n);
    isa->gru_cell(gates, gates + 2 * u, s->h + i, s->next + i, n);
}

/* The candidate's product takes r h, not h: one sample after the other, all units. */
static void gru_step_before(const loop *l, const share *s, float *gates, float *own, size_t b)
{
    const cuv_isa *isa = l->f->isa;
    const cuv_attrs *at = l->a->attrs;
    const size_t u = l->units;
    cuv_product p = l->f->candidate;
    isa->fold_add(gates, own, 2 * u);
    cuv_fast_act(isa, &at->rec_act, gates, 2, u);
    isa->binary(CUV_OP_MUL, own, gates + u, s->h + b * u, u, false);
    p.rows = 1;
    p.x = own;
    p.x_step = u;
    p.y = gates + 2 * u;
    p.y_step = u;
    p.accumulate = true;
    isa->product(&p, 0, 1, 0, cuv_panels(isa, u));
    cuv_fast_act(isa, &at->act, gates + 2 * u, 1, u);
    isa->gru_cell(gates, gates + 2 * u, s->h + b * u, s->next + b * u, u);
}

/* ---- the loop ---- */

/* Step `step` of the result, at time t, whose products with x lie in `slot`. */
static void one_step(const loop *l, const share *s, size_t step, size_t t, size_t slot)
{
    const bool lstm = l->f->act == CUV_OP_LSTM, gru = l->f->act == CUV_OP_GRU;
    const size_t chunk = l->f->chunk, per = l->gates;
    float *x_part = l->x_part + slot * per;
    if (!gru)
        product_with_state(l, s, x_part, chunk * per, true);
    else
        product_with_state(l, s, l->own, per, false);
    for (size_t b = s->first; b < s->end; b++) {
        float *gates = x_part + b * chunk * per, *own = l->own + b * per;
        const bool on = !l->mask || l->mask[b * l->time + t];
        if (on && lstm)
            lstm_step(l, s, gates, b);
        else if (on && !gru)
            rnn_step(l, s, gates, b);
        else if (on && l->a->attrs->reset_after)
            gru_step(l, s, gates, own, b);
        else if (on)
            gru_step_before(l, s, gates, own, b);
        write_output(l, s, step, b, on);
    }
}

/* Products with x of time steps [first, first + count) of every sample. */
static void products_with_x(const loop *l, size_t first, size_t count)
{
    cuv_product p = l->f->product;
    p.rows = count;
    p.x_step = l->in;
    p.y_step = l->gates;
    if (count == l->time && l->f->chunk == l->time) {       /* all samples are one product */
        p.rows = count * l->batch;
        p.at = NULL;
        p.x = l->a->in[0].data;
        p.y = l->x_part;
        cuv_fast_product(l->f, &p, NULL, NULL);
        return;
    }
    const float *x = (const float *)l->a->in[0].data + first * l->in;
    p.at = l->f->product.at;
    if (p.at && count == l->f->chunk) {
        p.rows = count * l->batch;
        p.x = x;
        p.y = l->x_part;
        cuv_fast_product(l->f, &p, NULL, NULL);
        return;
    }
    p.at = NULL;
    for (size_t b = 0; b < l->batch; b++) {
        p.x = x + b * l->time * l->in;
        p.y = l->x_part + b * l->f->chunk * l->gates;
        cuv_fast_product(l->f, &p, NULL, NULL);
    }
}

/* The steps of one chunk, for the samples or the units of one part. */
typedef struct chunk { const loop *l; size_t done, first, count, parts; float *next; } chunk;

static void chunk_step(const chunk *c, const share *s, size_t i)
{
    const size_t t = c->l->a->attrs->reverse ? c->first + c->count - 1 - i : c->first + i;
    one_step(c->l, s, c->done + i, t, t - c->first);
}

static void samples_part(void *arg, size_t part, size_t thread)
{
    const chunk *c = arg;
    const loop *l = c->l;
    const share s = {l->batch * part / c->parts, l->batch * (part + 1) / c->parts, 0, l->units, l->h, l->h};
    (void)thread;
    for (size_t i = 0; i < c->count; i++)
        chunk_step(c, &s, i);
}

/* Threads share the units of every step, and meet after it: from h to next, and the other way in the step after that. */
static void units_part(void *arg, cuv_gang *gang, size_t member, size_t members)
{
    const chunk *c = arg;
    const loop *l = c->l;
    const size_t panel = l->f->isa->panel, panels = l->units / panel;
    bool all = true;
    for (size_t i = 0; i < c->count && (all || !member); i++) {
        const size_t from = all ? panels * member / members * panel : 0, end = all ? panels * (member + 1) / members * panel : l->units;
        const share s = {0, l->batch, from, end - from, i % 2 ? c->next : l->h, i % 2 ? l->h : c->next};
        chunk_step(c, &s, i);
        all = all && cuv_gang_meet(gang, member);
    }
    if (!member && c->count % 2)
        memcpy(l->h, c->next, state_floats(l) * sizeof(float));
}

/* How many threads share the units: each has whole panels and enough to do. */
static size_t unit_members(const loop *l)
{
    const size_t panel = l->f->isa->panel, work = l->units * l->gates * l->batch / ENOUGH, threads = cuv_pool_threads(l->f->pool);
    const bool can = l->units % panel == 0 && !l->mask && (l->f->act != CUV_OP_GRU || l->a->attrs->reset_after);
    const size_t most = l->units / panel < work ? l->units / panel : work;
    return !can || most < 2 || threads < 2 ? 1 : most < threads ? most : threads;
}

static void run_chunk(chunk *c)
{
    const loop *l = c->l;
    const size_t threads = cuv_pool_threads(l->f->pool), parts = l->batch / LEAST_SAMPLES, members = parts > 1 ? 1 : unit_members(l);
    c->parts = parts > threads ? threads : parts > 1 ? parts : 1;
    if (members > 1)
        cuv_gang_run(l->f->pool, members, units_part, c);
    else
        cuv_parallel(c->parts > 1 ? l->f->pool : NULL, c->parts, samples_part, c);
}

static void run_recurrent(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *x = &a->in[0], *mask = cuv_operand(a, 4);
    loop l = {.a = a, .f = f, .batch = (size_t)x->shape[0], .time = (size_t)x->shape[1], .in = (size_t)x->shape[2],
              .units = (size_t)a->in[2].shape[0], .gates = (size_t)a->in[2].shape[1], .mask = mask ? mask->data : NULL,
              .x_part = a->scratch, .h = a->out[1].data, .c = f->act == CUV_OP_LSTM ? a->out[2].data : NULL};
    l.own = l.x_part + l.batch * f->chunk * l.gates;
    set_state(l.h, cuv_operand(a, 5), state_floats(&l));
    if (l.c)
        set_state(l.c, cuv_operand(a, 6), state_floats(&l));
    if (!a->attrs->sequences)
        memset(a->out[0].data, 0, state_floats(&l) * sizeof(float));
    for (size_t done = 0; done < l.time;) {
        const size_t count = l.time - done < f->chunk ? l.time - done : f->chunk;
        const size_t first = a->attrs->reverse ? l.time - done - count : done;
        products_with_x(&l, first, count);
        chunk c = {.l = &l, .done = done, .first = first, .count = count, .next = l.own + l.batch * l.gates};
        run_chunk(&c);
        done += count;
    }
}

/* ---- the choice ---- */

static cuv_status pack(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to)
{
    const cuv_run_tensor *w = &a->in[1], *u = &a->in[2], *bias = a->in_count > 3 && a->in[3].rank ? &a->in[3] : NULL;
    const size_t in = (size_t)w->shape[0], gates = (size_t)w->shape[1], units = (size_t)u->shape[0];
    const float *b = bias ? bias->data : NULL;
    const bool before = to->act == CUV_OP_GRU && !a->attrs->reset_after;
    CUV_TRY(cuv_fast_pack(c, NULL, w->data, in, gates, gates, 1, b, &to->product));
    to->panels = cuv_panels(c->isa, gates);
    if (!before)
        return cuv_fast_pack(c, NULL, u->data, units, gates, gates, 1, bias && bias->rank == 2 ? b + gates : NULL, &to->recurrent);
    CUV_TRY(cuv_fast_pack(c, NULL, u->data, units, 2 * units, gates, 1, NULL, &to->recurrent));
    return cuv_fast_pack(c, NULL, (const float *)u->data + 2 * units, units, units, gates, 1, NULL, &to->candidate);
}

/* Where the rows of a whole chunk start, for one product of all samples. */
static cuv_status place_rows(const cuv_chooser *c, size_t batch, size_t time, size_t in, cuv_prepared *to)
{
    size_t floats;
    if (to->chunk == time || batch < 2 || !cuv_mul_size(batch, time, &floats) || !cuv_mul_size(floats, in, &floats) || floats > INT32_MAX)
        return CUV_OK;
    int32_t *at = CUV_NEW_ARRAY(c->arena, int32_t, batch * to->chunk);
    if (!at)
        return cuv_oom(c->cx);
    for (size_t b = 0; b < batch; b++)
        for (size_t t = 0; t < to->chunk; t++)
            at[b * to->chunk + t] = (int32_t)((b * time + t) * in);
    to->product.at = at;
    return CUV_OK;
}

bool cuv_recurrent_alone(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    if (!f || (f->act != CUV_OP_LSTM && f->act != CUV_OP_GRU && f->act != CUV_OP_RNN))
        return false;
    const size_t threads = cuv_pool_threads(f->pool), batch = (size_t)a->in[0].shape[0];
    return threads > 1 && batch / LEAST_SAMPLES < 2 && (threads < 4 || batch * cuv_run_count(&a->in[2]) < 2 * ENOUGH);
}

cuv_status cuv_choose_recurrent(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_LSTM && op != CUV_OP_GRU && op != CUV_OP_RNN)
        return CUV_OK;
    const cuv_run_tensor *x = &a->in[0];
    const size_t batch = (size_t)x->shape[0], time = (size_t)x->shape[1], gates = (size_t)a->in[2].shape[1];
    const bool fixed = a->in[1].data && a->in[2].data && (a->in_count < 4 || !a->in[3].rank || a->in[3].data);
    size_t floats;
    if (!fixed || !cuv_run_count(&a->in[1]) || !cuv_run_count(&a->in[2]) || !batch || !time ||
        a->attrs->act.op == CUV_OP_SOFTMAX || a->attrs->rec_act.op == CUV_OP_SOFTMAX)
        return CUV_OK;
    to->chunk = CHUNK_BYTES / sizeof(float) / batch / gates;
    to->chunk = to->chunk < 1 ? 1 : to->chunk > time ? time : to->chunk;
    if (!cuv_mul_size(batch * (to->chunk + 2), gates * sizeof(float), &floats))
        return CUV_OK;
    to->act = op;
    to->scratch = floats;
    CUV_TRY(pack(c, a, to));
    CUV_TRY(place_rows(c, batch, time, (size_t)x->shape[2], to));
    to->copied = 1u << 1 | 1u << 2;
    *kernel = run_recurrent;
    return CUV_OK;
}
