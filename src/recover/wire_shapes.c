/* Layers without weights that change nothing but shapes. What a Reshape makes is told by the layer that comes next, and by the output. */
#include "recover/wiring.h"

static int64_t values_of(const cuv_flow *f)
{
    int64_t n = 1;
    for (int k = 0; k < f->rank; k++)
        n = n < 0 || f->at[k] < 0 || n > INT32_MAX ? -1 : n * f->at[k];
    return n;
}

/* Axes beside the channels that the next layers work on; -1: nothing tells. */
static int axes_wanted(const cuv_wirer *w, size_t next)
{
    for (size_t i = next; i < w->reading->count; i++) {
        const cuv_runit *u = &w->reading->units[i];
        unsigned traits = cuv_rkind_traits(u->kind);
        int spatial = u->network ? 2 : cuv_rkind_spatial(u->kind);
        if (spatial)
            return spatial + cuv_rkind_is_conv_lstm(u->kind);
        if (traits & CUV_RT_RECURRENT || u->kind == CUV_R_ATTENTION)
            return 1;
        if (u->kind == CUV_R_DENSE)
            return -1;
    }
    return -1;
}

static const cuv_runit *next_weighted(const cuv_wirer *w, size_t next)
{
    while (next < w->reading->count && !w->reading->units[next].count)
        next++;
    return next < w->reading->count ? &w->reading->units[next] : NULL;
}

static size_t offer(cuv_flow *out, size_t n, int rank, int32_t a, int32_t b, int32_t channels)
{
    if (n < CUV_SHAPES) {
        out[n] = (cuv_flow){.rank = rank, .at = {a, b, channels}};
        out[n].at[rank - 1] = channels;
        n++;
    }
    return n;
}

/* Pictures of so many positions: those that have the output's proportions, squares, and then the nearest to these. */
static size_t find_pictures(const cuv_wirer *w, int64_t positions, int32_t channels, cuv_flow *out)
{
    const cuv_flow *y = &w->ends->outputs[0];
    bool told = w->ends->outputs_known && y->rank == 3 && y->at[0] > 0 && y->at[1] > 0;
    int32_t rows = told ? y->at[0] : 1, columns = told ? y->at[1] : 1;
    int32_t root = (int32_t)sqrt((double)positions);
    size_t n = 0;
    for (int32_t a = 1; told && a <= positions && a < 1 << 14; a++)
        if (positions % a == 0 && (int64_t)a * columns == positions / a * rows)
            n = offer(out, n, 3, a, (int32_t)(positions / a), channels);
    for (int32_t a = root + 1; a > 0 && n < CUV_SHAPES; a--)
        if (positions % a == 0 && a <= positions / a) {
            bool square = a == positions / a;
            if (!(told && rows == columns && square))
                n = offer(out, n, 3, a, (int32_t)(positions / a), channels);
            if (!square)
                n = offer(out, n, 3, (int32_t)(positions / a), a, channels);
        }
    return n;
}

size_t cuv_find_shapes(const cuv_wirer *w, const cuv_flow *from, size_t next, cuv_flow out[CUV_SHAPES])
{
    const cuv_runit *u = next_weighted(w, next);
    int64_t values = values_of(from), channels = u ? u->in : -1;
    int axes = axes_wanted(w, next);
    size_t n = 0;
    for (size_t i = 0; !u && w->ends->outputs_known && i < w->ends->output_count && n < CUV_SHAPES; i++)
        if (values_of(&w->ends->outputs[i]) == values)
            out[n++] = w->ends->outputs[i];
    if (values < 1 || channels < 1 || channels > INT32_MAX || values % channels || from->tokens)
        return n;
    int64_t positions = values / channels;
    if (u->kind == CUV_R_DENSE || axes < 1) {
        if (positions == 1 && from->rank == 1)      /* squeezed, to be multiplied with what it comes from */
            n = offer(out, n, 3, 1, 1, (int32_t)channels);
        if (positions == 1)
            n = offer(out, n, 1, 0, 0, (int32_t)channels);
        return offer(out, n, 2, (int32_t)positions, 0, (int32_t)channels);
    }
    if (axes == 1)
        return offer(out, n, 2, (int32_t)positions, 0, (int32_t)channels);
    return axes == 2 ? find_pictures(w, positions, (int32_t)channels, out) : n;
}

/* Of an output or an input that is a sequence; 0: nothing tells. */
static int32_t steps_of(const cuv_wirer *w)
{
    const cuv_ends *e = w->ends;
    for (size_t i = 0; e->outputs_known && i < e->output_count; i++)
        if (e->outputs[i].rank == 2)
            return e->outputs[i].at[0];
    for (size_t i = 0; i < e->input_count; i++)
        if (e->inputs[i].rank == 2 || e->inputs[i].tokens)
            return e->inputs[i].at[0];
    return 0;
}

void cuv_add_reshaped(cuv_wirer *w, const cuv_wstate *s, cuv_spots *to)
{
    const cuv_live *last = &s->live[s->live_count - 1];
    const cuv_runit *u = &w->reading->units[w->at];
    cuv_spot at = {s, s->live_count - 1, 0};
    cuv_flow shapes[CUV_SHAPES];
    cuv_flow picture = {.rank = 3, .at = {last->type.at[0], last->type.at[1], 1}};
    if (w->complete || last->used || last->type.tokens)
        return;
    if (last->type.rank == 2 && last->type.at[0] > 0 && cuv_rkind_spatial(u->kind) == 2 && u->in == 1 && !u->network)
        cuv_add_last(to, cuv_wire_on(w, &at, CUV_R_RESHAPE, -1, &picture, (cuv_choice){0}, .5));
    if (last->type.rank != 1)
        return;
    size_t n = cuv_find_shapes(w, &last->type, w->at, shapes);
    for (size_t i = 0; i < n && i < 3; i++)
        if (shapes[i].rank > 1)
            cuv_add_last(to, cuv_wire_on(w, &at, CUV_R_RESHAPE, -1, &shapes[i], (cuv_choice){0}, .6 + .8 * (double)i));
    cuv_flow out = {.rank = 2, .at = {steps_of(w), last->type.at[0]}};
    if (cuv_rkind_traits(u->kind) & CUV_RT_RECURRENT && last->type.at[0] == u->in && out.at[0] > 0)
        cuv_add_last(to, cuv_wire_on(w, &at, CUV_R_REPEAT, -1, &out, (cuv_choice){0}, .6));
}

void cuv_add_scaled(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, cuv_spots *to)
{
    const cuv_live *last = &s->live[s->live_count - 1];
    int64_t channels = last->type.rank ? last->type.at[last->type.rank - 1] : 0;
    bool flat = last->type.rank == 1, one = last->type.rank == 3 && last->type.at[0] == 1 && last->type.at[1] == 1;
    if (w->complete || last->used || !(flat || one))
        return;
    for (int i = 0; i + 1 < s->live_count; i++) {
        const cuv_live *l = &s->live[i];
        cuv_spot at = {s, s->live_count - 1, 0};
        cuv_flow shape = {.rank = 3, .at = {1, 1, (int32_t)channels}};
        if (!l->squeezed || l->type.rank != 3 || l->type.at[2] != channels || (want->channels >= 0 && want->channels != channels) || want->low > 3 ||
            want->high < 3)
            continue;
        const cuv_wstate *shaped = flat ? cuv_wire_on(w, &at, CUV_R_RESHAPE, -1, &shape, (cuv_choice){0}, .1) : s;
        if (!shaped)
            return;
        cuv_rnode n = {.kind = CUV_R_MULTIPLY, .unit = -1, .in = {l->id, shaped->live[shaped->live_count - 1].id}, .in_count = 2, .out = l->type};
        cuv_add_last(to, cuv_wire_node(w, shaped, &n, .2));
    }
}

bool cuv_is_squeeze(const cuv_wirer *w)
{
    const cuv_runit *u = &w->reading->units[w->at], *next = next_weighted(w, w->at + 1);
    return cuv_rkind_spatial(u->kind) == 2 && u->kernel[0] == 1 && u->kernel[1] == 1 && 2 * u->out <= u->in && next && next->kind == u->kind &&
           next->in == u->out && next->out == u->in && next->kernel[0] == 1;
}

void cuv_add_squeezed(cuv_wirer *w, const cuv_spot *p, cuv_spots *to)
{
    const cuv_flow *f = cuv_spot_flow(p);
    const cuv_runit *u = &w->reading->units[w->at];
    cuv_flow flat = {.rank = 1, .at = {(int32_t)u->in}}, one = {.rank = 3, .at = {1, 1, (int32_t)u->in}};
    if (w->complete || f->rank != 3 || f->at[0] == 1 || !cuv_is_squeeze(w))
        return;
    const cuv_wstate *means = cuv_wire_on(w, p, CUV_R_GLOBAL_AVERAGE2, -1, &flat, (cuv_choice){0}, .5);
    if (!means)
        return;
    cuv_spot at = {means, means->live_count - 1, 0};
    cuv_add_last(to, cuv_wire_on(w, &at, CUV_R_RESHAPE, -1, &one, (cuv_choice){0}, 0));
}

static void emit(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, const cuv_flow *out, cuv_choice choice, double cost)
{
    cuv_wire_emit(w, cuv_wire_on(w, p, kind, (int32_t)w->at, out, choice, cost));
}

static void wire_border(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost)
{
    const cuv_flow *f = cuv_spot_flow(p);
    for (size_t i = 0; f->rank == 3 && i < CUV_BORDERS; i++) {
        int32_t more = cuv_borders[i].before + cuv_borders[i].after;
        cuv_flow out = *f;
        bool fits = true;
        more = kind == CUV_R_PAD2 ? more : -more;
        for (int k = 0; k < 2; k++) {
            out.at[k] = f->at[k] < 0 ? -1 : f->at[k] + more;
            fits = fits && f->at[k] < 1 << 20 && (f->at[k] < 0 || out.at[k] > 0);
        }
        if (fits)
            emit(w, p, kind, &out, (cuv_choice){.border = (uint8_t)i}, cost + .4 * (double)i);
    }
}

bool cuv_wire_shape(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost)
{
    const cuv_flow *f = cuv_spot_flow(p);
    cuv_flow shapes[CUV_SHAPES], out = *f;
    if (kind == CUV_R_PAD2 || kind == CUV_R_CROP2) {
        wire_border(w, p, kind, cost);
    } else if (kind == CUV_R_RESHAPE) {
        size_t n = cuv_find_shapes(w, f, w->at + 1, shapes);
        for (size_t i = 0; i < n; i++)
            emit(w, p, kind, &shapes[i], (cuv_choice){0}, cost + .6 * (double)i);
    } else if (kind == CUV_R_REPEAT) {
        out = (cuv_flow){.rank = 2, .at = {steps_of(w), f->at[0]}};
        if (f->rank == 1 && out.at[0] > 0)
            emit(w, p, kind, &out, (cuv_choice){0}, cost);
    } else if (kind == CUV_R_PERMUTE) {
        out.at[0] = f->at[1];
        out.at[1] = f->at[0];
        if (f->rank == 2 || f->rank == 3)
            emit(w, p, kind, &out, (cuv_choice){0}, cost);
    } else {
        return false;
    }
    return true;
}
