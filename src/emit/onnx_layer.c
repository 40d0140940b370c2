/* ONNX nodes of the composites: normalisation, attention, recurrence. They stay whole, because runtimes have fast kernels for them. */
#include "emit/onnx.h"
#include "layers/support.h"

/* ---- normalisation */

/* Input i, or ones or zeros of that size when it is absent. */
static const char *or_same(onnx_writer *w, int i, int64_t size, float value)
{
    if (onnx_has(w, i))
        return onnx_in(w, i);
    if (size < 0) {
        onnx_refuse(w, "the size of its axis is not known");
        return NULL;
    }
    return onnx_same_floats(w, size, value);
}

static const char *along(onnx_writer *w, const char *x, int axis, int rank)
{
    int64_t shape[CUV_MAX_RANK];
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis ? -1 : 1;
    return onnx_reshape(w, x, shape, rank);
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta, for an axis that is not the channels' */
static const char *batch_norm_by_hand(onnx_writer *w, const cuv_step *s, const char *x)
{
    const int axis = s->attrs->axis, rank = onnx_var(w, s->in[0])->rank;
    const char *spread = onnx_op1(w, "Sqrt", onnx_op2(w, "Add", onnx_in(w, 2), onnx_number(w, CUV_F32, s->attrs->epsilon)));
    const char *y = onnx_op2(w, "Sub", x, along(w, onnx_in(w, 1), axis, rank));
    y = onnx_op2(w, "Div", y, along(w, spread, axis, rank));
    y = onnx_has(w, 3) ? onnx_op2(w, "Mul", y, along(w, onnx_in(w, 3), axis, rank)) : y;
    return onnx_has(w, 4) ? onnx_op2(w, "Add", y, along(w, onnx_in(w, 4), axis, rank)) : y;
}

void onnx_batch_norm(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int axis = s->attrs->axis;
    int perm[CUV_MAX_RANK];
    onnx_channels_first(v->rank, perm);
    for (int i = 0; axis == 1 && i < v->rank; i++)
        perm[i] = i;
    if (v->rank < 2 || (axis != v->rank - 1 && axis != 1)) {
        onnx_made(w, 0, batch_norm_by_hand(w, s, onnx_in(w, 0)), NULL);
        return;
    }
    const char *x = onnx_want(w, s->in[0], perm);
    const char *gamma = or_same(w, 3, v->shape[axis], 1), *beta = or_same(w, 4, v->shape[axis], 0);
    onnx_made(w, 0, onnx_node(w, "BatchNormalization", ONNX_IN(x, gamma, beta, onnx_in(w, 1), onnx_in(w, 2)),
                              ONNX_ATTRS(ONNX_AF("epsilon", s->attrs->epsilon)), NULL, 1), perm);
}

/* Ones of the shape of x's last axes. */
static const char *ones_like_last(onnx_writer *w, const cuv_var *v, int count)
{
    const cuv_tensor *t;
    size_t n;
    if (!cuv_shape_count(v->shape + v->rank - count, count, &n)) {
        onnx_refuse(w, "the sizes of its axes are not known");
        return NULL;
    }
    float *to = onnx_new_floats(w, v->shape + v->rank - count, count, &t);
    for (size_t i = 0; to && i < n; i++)
        to[i] = 1;
    return to ? onnx_initializer_of(w, cuv_format(w->cx, "%s_ones", w->base), t) : NULL;
}

static void last_axes_norm(onnx_writer *w, const cuv_step *s, const char *op)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int count = s->attrs->axes_count ? s->attrs->axes_count : 1;
    const char *x = onnx_in(w, 0), *gamma = onnx_has(w, 1) ? onnx_in(w, 1) : ones_like_last(w, v, count);
    onnx_made(w, 0, onnx_node(w, op, ONNX_IN(x, gamma, onnx_in(w, 2)), ONNX_ATTRS(ONNX_AI("axis", -count),
                              ONNX_AF("epsilon", s->attrs->epsilon)), NULL, 1), NULL);
}

void onnx_layer_norm(onnx_writer *w, const cuv_step *s) { last_axes_norm(w, s, "LayerNormalization"); }
void onnx_rms_norm(onnx_writer *w, const cuv_step *s) { last_axes_norm(w, s, "RMSNormalization"); }

void onnx_group_norm(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int64_t channels = v->shape[v->rank - 1];
    int perm[CUV_MAX_RANK];
    onnx_channels_first(v->rank, perm);
    const char *x = onnx_want(w, s->in[0], perm), *gamma = or_same(w, 1, channels, 1), *beta = or_same(w, 2, channels, 0);
    onnx_made(w, 0, onnx_node(w, "GroupNormalization", ONNX_IN(x, gamma, beta),
                              ONNX_ATTRS(ONNX_AI("num_groups", s->attrs->groups ? s->attrs->groups : 1),
                                         ONNX_AF("epsilon", s->attrs->epsilon)), NULL, 1), perm);
}

/* ---- attention */

/* A mask leaves no key to some queries: the operator would give equal weights, these layers zeros. */
static const char *where_any(onnx_writer *w, const char *any, const char *y)
{
    return onnx_op3(w, "Where", any, y, onnx_number(w, CUV_F32, 0));
}

void onnx_attention(onnx_writer *w, const cuv_step *s)
{
    const cuv_attrs *at = s->attrs;
    const bool weights = w->values[s->out[1]].uses > 0;
    const char *q = onnx_in(w, 0), *k = onnx_in(w, 1), *v = onnx_in(w, 2), *mask = onnx_in(w, 3), *bias = NULL, *any = NULL;
    const char *out[4] = {NULL};
    const int64_t last[1] = {-1};
    if (mask)           /* the operator's own masks give NaN where nothing is left; a large negative bias does not */
        bias = onnx_op3(w, "Where", mask, onnx_number(w, CUV_F32, 0), onnx_number(w, CUV_F32, -3.4028234663852886e38));
    if (mask && !at->masked_uniform)
        any = onnx_cast(w, onnx_reduce(w, "ReduceMax", onnx_cast(w, mask, ONNX_INT32), last, 1, true), ONNX_BOOL);
    onnx_node(w, "Attention", ONNX_IN(q, k, v, bias), ONNX_ATTRS(ONNX_AF("scale", at->alpha),
              ONNX_AI("qk_matmul_output_mode", weights ? 3 : 0)), out, weights ? 4 : 1);
    onnx_made(w, 0, any ? where_any(w, any, out[0]) : out[0], NULL);
    if (weights)
        onnx_made(w, 1, any ? onnx_op3(w, "Where", mask, out[3], onnx_number(w, CUV_F32, 0)) : out[3], NULL);
}

/* ---- recurrence */

typedef struct gates {
    const char *op;
    int64_t count;
    int order[4];               /* gate g of ONNX is gate order[g] of Keras */
    int activations;
} gates;

static gates gates_of(cuv_op op)
{
    if (op == CUV_OP_LSTM)      /* Keras i f c o, ONNX i o f c */
        return (gates){"LSTM", 4, {0, 3, 1, 2}, 3};
    return op == CUV_OP_GRU ? (gates){"GRU", 3, {0, 1, 2}, 2} : (gates){"RNN", 1, {0}, 1};
}

/* Name and numbers of an activation inside the operator; NULL: it has none such. */
static const char *inner_activation(const cuv_act *a, float *alpha, float *beta)
{
    *alpha = (float)a->alpha;
    *beta = (float)a->beta;
    switch ((int)a->op) {
    case CUV_OP_NONE: *alpha = 1; *beta = 0; return "Affine";
    case CUV_OP_TANH: *alpha = *beta = 0; return "Tanh";
    case CUV_OP_SIGMOID: *alpha = *beta = 0; return "Sigmoid";
    case CUV_OP_HARD_SIGMOID: return "HardSigmoid";
    case CUV_OP_SOFTPLUS: *alpha = *beta = 0; return "Softplus";
    case CUV_OP_SOFTSIGN: *alpha = *beta = 0; return "Softsign";
    case CUV_OP_ELU: *beta = 0; return "Elu";
    case CUV_OP_RELU:
        if (a->beta < INFINITY || a->gamma != 0)
            return NULL;
        *beta = 0;
        return a->alpha == 0 ? "Relu" : "LeakyRelu";
    default: return NULL;
    }
}

/* (rows, gates u) to (1, gates u, rows) with the gates in ONNX's order. */
static const char *gate_rows(onnx_writer *w, const gates *g, cuv_ref ref)
{
    const cuv_tensor *t = onnx_known(w, ref), *out;
    if (!t)
        return NULL;
    const int64_t rows = t->shape[0], wide = t->shape[1], u = wide / g->count, shape[3] = {1, wide, rows};
    float *to = onnx_new_floats(w, shape, 3, &out);
    const uint8_t *from = t->data;
    for (int64_t k = 0; to && k < wide; k++)
        for (int64_t r = 0; r < rows; r++)
            memcpy(&to[k * rows + r], from + 4 * (r * wide + g->order[k / u] * u + k % u), 4);
    return to ? onnx_initializer_of(w, onnx_var(w, ref)->name ? onnx_var(w, ref)->name : w->base, out) : NULL;
}

/* (gates u) or (2, gates u) to (1, 2 gates u): input biases, then recurrent ones. */
static const char *gate_biases(onnx_writer *w, const gates *g, cuv_ref ref)
{
    const cuv_tensor *t = onnx_known(w, ref), *out;
    if (!t)
        return NULL;
    const int64_t wide = t->shape[t->rank - 1], u = wide / g->count, shape[2] = {1, 2 * wide};
    float *to = onnx_new_floats(w, shape, 2, &out);
    for (int64_t row = 0; to && row < t->rank; row++)
        for (int64_t k = 0; k < wide; k++)
            memcpy(&to[row * wide + k], (const uint8_t *)t->data + 4 * (row * wide + g->order[k / u] * u + k % u), 4);
    return to ? onnx_initializer_of(w, onnx_var(w, ref)->name ? onnx_var(w, ref)->name : w->base, out) : NULL;
}

static const char *initial_state(onnx_writer *w, int i)
{
    return onnx_has(w, i) ? onnx_unsqueeze(w, onnx_in(w, i), 0) : NULL;
}

static bool operator_can(onnx_writer *w, const cuv_step *s)
{
    float alpha, beta;
    const cuv_act *acts[] = {&s->attrs->act, &s->attrs->rec_act};
    for (int i = 0; i < (s->op == CUV_OP_RNN ? 1 : 2); i++)
        if (!inner_activation(acts[i], &alpha, &beta))
            return false;
    return !onnx_has(w, 4) && onnx_known(w, s->in[1]) && onnx_known(w, s->in[2]) &&
           (!onnx_has(w, 3) || onnx_known(w, s->in[3]));
}

/* Outputs of the operator: Y (t, 1, b, u) in the order of time, Y_h (1, b, u), Y_c. */
static void recurrent_outputs(onnx_writer *w, const cuv_step *s, const char *const *out)
{
    static const int by_batch[CUV_MAX_RANK] = {1, 0, 2, 3, 4, 5, 6, 7};
    const char *last = onnx_squeeze(w, out[1], 0);
    if (!s->attrs->sequences) {
        onnx_made(w, 0, last, NULL);
    } else if (s->attrs->reverse) {     /* the op's rows are in the order of the steps, the operator's in that of time */
        const char *y = onnx_transpose(w, onnx_squeeze(w, out[0], 1), by_batch, 3);
        w->values[s->out[0]].mirrored = y;
    } else {
        onnx_made(w, 0, onnx_squeeze(w, out[0], 1), by_batch);
    }
    if (w->values[s->out[1]].uses)
        onnx_made(w, 1, last, NULL);
    if (s->op == CUV_OP_LSTM && w->values[s->out[2]].uses)
        onnx_made(w, 2, onnx_squeeze(w, out[2], 0), NULL);
}

void onnx_recurrent(onnx_writer *w, const cuv_step *s)
{
    static const int by_time[CUV_MAX_RANK] = {1, 0, 2, 3, 4, 5, 6, 7};
    const gates g = gates_of(s->op);
    const cuv_act *acts[] = {s->op == CUV_OP_RNN ? &s->attrs->act : &s->attrs->rec_act, &s->attrs->act, &s->attrs->act};
    const char *names[3], *out[3] = {NULL};
    float alpha[3], beta[3];
    const cuv_dtype dtype = onnx_var(w, s->out[0])->dtype;
    if (!operator_can(w, s) || dtype == CUV_F16 || dtype == CUV_BF16) {
        onnx_scan(w, s);
        return;
    }
    const size_t n = (size_t)g.activations;
    size_t alphas = 0, betas = 0;
    for (size_t i = 0; i < n; i++) {        /* the lists have numbers for the activations that take one, and for no others */
        float a, b;
        names[i] = inner_activation(acts[i], &a, &b);
        if (cuv_has_word("Affine HardSigmoid LeakyRelu Elu", names[i]))
            alpha[alphas++] = a;
        if (cuv_has_word("Affine HardSigmoid", names[i]))
            beta[betas++] = b;
    }
    const char *x = onnx_want(w, s->in[0], by_time), *kernel = gate_rows(w, &g, s->in[1]), *own = gate_rows(w, &g, s->in[2]);
    const char *bias = onnx_has(w, 3) ? gate_biases(w, &g, s->in[3]) : NULL;
    const char *h = initial_state(w, 5), *c = s->op == CUV_OP_LSTM ? initial_state(w, 6) : NULL;
    onnx_attr attrs[] = {
        ONNX_AI("hidden_size", onnx_var(w, s->in[2])->shape[0]), ONNX_AS("direction", s->attrs->reverse ? "reverse" : "forward"),
        {.name = "activations", .kind = ONNX_A_STRINGS, .strings = names, .count = n},
        {0}, {0}, {0}, {0}};
    size_t at = 3;
    if (alphas)
        attrs[at++] = (onnx_attr){.name = "activation_alpha", .kind = ONNX_A_FLOATS, .floats = alpha, .count = alphas};
    if (betas)
        attrs[at++] = (onnx_attr){.name = "activation_beta", .kind = ONNX_A_FLOATS, .floats = beta, .count = betas};
    if (s->op == CUV_OP_GRU)
        attrs[at] = (onnx_attr)ONNX_AI("linear_before_reset", s->attrs->reset_after);
    onnx_node(w, g.op, ONNX_IN(x, kernel, own, bias, NULL, h, c), attrs, out, s->op == CUV_OP_LSTM ? 3 : 2);
    recurrent_outputs(w, s, out);
}
