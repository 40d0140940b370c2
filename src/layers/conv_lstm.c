/* ConvLSTM in 1 to 3 dimensions: an LSTM whose products are convolutions. It becomes one convolution for all steps, then, where the
 * number of steps is known and not large, a few steps of program for each, which run on the fast convolutions; else one op that
 * walks the steps. */
#include "layers/conv.h"
#include "layers/rnn.h"

enum { MOST_STEPS = 256 };

typedef struct pass {
    cuv_call *call;
    cuv_ref kernel;         /* of the state */
    cuv_act act, gate;
    cuv_attrs conv;
    int64_t filters;
    cuv_ref h, c, y;        /* states, and what the last step gave */
    cuv_ref x, z;           /* the input, channels last; its part of all gates at all times, or CUV_NO_REF where each step makes its own */
} pass;

/* ---- layout ------------------------------------------------------------------------------------------------------------ */

static int channel_axis(const cuv_layer *layer, int rank)
{
    return layer->channels_first ? 2 : rank - 1;
}

/* A sequence or an image of the layer's layout, to channels-last and back. */
static cuv_ref to_last(cuv_call *call, cuv_ref x, int first)
{
    return call->layer->channels_first ? cuv_move_axis(call, x, first, cuv_var_of(call, x)->rank - 1) : x;
}

static cuv_ref from_last(cuv_call *call, cuv_ref x, int first)
{
    return call->layer->channels_first ? cuv_move_axis(call, x, cuv_var_of(call, x)->rank - 1, first) : x;
}

static cuv_status conv_lstm_build(cuv_call *call)
{
    cuv_layer *layer = call->layer;
    int rank = layer->def->spatial + 3;
    CUV_TRY(cuv_call_expect_rank(call, 0, rank));
    layer->in_channels = cuv_call_in(call, 0)->shape[channel_axis(layer, rank)];
    return CUV_OK;
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

static cuv_ref convolved(cuv_call *call, cuv_ref x)
{
    cuv_attrs attrs = {.groups = 1};
    cuv_arg_sizes(call->layer, "strides", attrs.stride);
    cuv_arg_sizes(call->layer, "dilation_rate", attrs.dilation);
    cuv_conv_padding(call->layer, &attrs);
    cuv_ref in[3] = {x, cuv_conv_kernel(call, "kernel"), cuv_call_weight(call, "bias")};
    return cuv_emit(call->program, CUV_OP_CONV, in, in[2] == CUV_NO_REF ? 2 : 3, &attrs);
}

/* Are the images after the convolution as large as before it? Then an open size is that of the input. */
static bool keeps_sizes(const cuv_layer *layer)
{
    int64_t stride[3];
    cuv_arg_sizes(layer, "strides", stride);
    for (int i = 0; i < layer->def->spatial; i++)
        if (stride[i] != 1)
            return false;
    return cuv_arg_is(layer, "padding", "same") && !layer->theano;
}

/* The input's part of all gates at all times: (b, t, places..., 4 filters). Where the sizes of the images are open, each step makes its own. */
static cuv_status input_part(pass *s, int64_t steps)
{
    cuv_call *call = s->call;
    int64_t shape[CUV_MAX_RANK] = {-1};
    int rank = cuv_var_of(call, s->x)->rank;
    for (int i = 2; i < rank; i++)
        shape[i - 1] = -2 - i;
    cuv_ref flat = convolved(call, cuv_emit_reshape(call->program, s->x, shape, rank - 1));
    CUV_TRY(call->program->status);
    cuv_attrs whole = {.shape = {-2, -3}, .shape_count = rank};       /* batch and time as x has them */
    for (int i = 2; i < rank; i++) {
        whole.shape[i] = cuv_var_of(call, flat)->shape[i - 1];
        if (whole.shape[i] < 0 && keeps_sizes(call->layer))
            whole.shape[i] = -2 - i;
        else if (whole.shape[i] < 0 && (steps < 1 || steps > MOST_STEPS))
            return cuv_call_unsupported(call, "kernel_size", "the sizes of the images or the number of steps must be known");
        else if (whole.shape[i] < 0)
            return CUV_OK;
    }
    s->z = cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(flat, s->x), &whole);
    return call->program->status;
}

static cuv_ref part_at(const pass *s, int64_t t)
{
    cuv_ref from = s->z == CUV_NO_REF ? s->x : s->z;
    cuv_ref part = cuv_squeeze(s->call, cuv_slice_axis(s->call, from, 1, t, t + 1), 1);
    return s->z == CUV_NO_REF ? convolved(s->call, part) : part;
}

static cuv_ref gate(const pass *s, cuv_ref z, int which, const cuv_act *act)
{
    int last = cuv_var_of(s->call, z)->rank - 1;
    return cuv_emit_act(s->call->program, act, cuv_slice_axis(s->call, z, last, which * s->filters, (which + 1) * s->filters));
}

static cuv_ref zeros_like(const pass *s, cuv_ref z)
{
    int rank = cuv_var_of(s->call, z)->rank;
    cuv_attrs attrs = {.shape_count = rank, .dtype = cuv_var_of(s->call, z)->dtype};
    for (int i = 0; i < rank - 1; i++)
        attrs.shape[i] = -2 - i;
    attrs.shape[rank - 1] = s->filters;
    return cuv_emit(s->call->program, CUV_OP_FILL, CUV_IN(z), &attrs);
}

static void step(pass *s, cuv_ref z, cuv_ref kept, bool zero_masked)
{
    cuv_program *p = s->call->program;
    cuv_ref in[2] = {s->h, s->kernel};
    z = cuv_emit2(p, CUV_OP_ADD, z, cuv_emit(p, CUV_OP_CONV, in, 2, &s->conv));
    cuv_ref i = gate(s, z, 0, &s->gate), f = gate(s, z, 1, &s->gate), new = gate(s, z, 2, &s->act), o = gate(s, z, 3, &s->gate);
    cuv_ref c = cuv_emit2(p, CUV_OP_ADD, cuv_emit2(p, CUV_OP_MUL, f, s->c), cuv_emit2(p, CUV_OP_MUL, i, new));
    cuv_ref h = cuv_emit2(p, CUV_OP_MUL, o, cuv_emit_act(p, &s->act, c));
    if (kept == CUV_NO_REF) {
        s->h = s->y = h;
        s->c = c;
        return;
    }
    s->y = cuv_emit(p, CUV_OP_WHERE, CUV_IN(kept, h, zero_masked ? cuv_scalar_like(s->call, h, 0) : s->y), NULL);
    s->h = cuv_emit(p, CUV_OP_WHERE, CUV_IN(kept, h, s->h), NULL);
    s->c = cuv_emit(p, CUV_OP_WHERE, CUV_IN(kept, c, s->c), NULL);
}

/* (b, 1, ...) true where step t counts. */
static cuv_ref kept_at(cuv_call *call, int64_t t)
{
    int64_t shape[CUV_MAX_RANK] = {-2};
    cuv_ref mask = cuv_rnn_mask(call);
    if (mask == CUV_NO_REF)
        return CUV_NO_REF;
    for (int i = 1; i < call->layer->def->spatial + 2; i++)
        shape[i] = 1;
    cuv_ref column = cuv_slice_axis(call, mask, 1, t, t + 1);
    return cuv_emit_reshape(call->program, cuv_squeeze(call, column, 1), shape, call->layer->def->spatial + 2);
}

/* A state in the layer's layout: as one step of the input's part, with its filters for channels. */
static cuv_rnn_state state_like(const pass *s)
{
    const cuv_var *v = s->z == CUV_NO_REF ? NULL : cuv_var_of(s->call, s->z);
    const bool first = s->call->layer->channels_first;
    cuv_rnn_state like = {.rank = cuv_var_of(s->call, s->x)->rank - 1};
    for (int i = 1; i < like.rank - 1; i++)
        like.shape[first ? i + 1 : i] = v ? v->shape[i + 1] : -1;
    like.shape[first ? 1 : like.rank - 1] = s->filters;
    return like;
}

/* The states to begin with, the kernel, and how it moves. */
static cuv_status prepare(pass *s)
{
    const cuv_ref *states;
    const cuv_rnn_state like = state_like(s);
    CUV_TRY(cuv_rnn_begin(s->call, (const cuv_rnn_state[]){like, like}, 2, s->call->layer->compute, &states));
    s->h = states ? to_last(s->call, states[0], 1) : CUV_NO_REF;
    s->c = states ? to_last(s->call, states[1], 1) : CUV_NO_REF;
    s->kernel = cuv_conv_kernel(s->call, "recurrent_kernel");
    s->conv = (cuv_attrs){.groups = 1, .same = !s->call->layer->theano};
    if (!s->conv.same) {
        int64_t kernel[3];
        cuv_arg_sizes(s->call->layer, "kernel_size", kernel);
        for (int i = 0; i < s->call->layer->def->spatial; i++) {
            s->conv.pad_lo[i] = kernel[i] / 2;
            s->conv.pad_hi[i] = (kernel[i] - 1) / 2;
        }
    }
    return CUV_OK;
}

static void start(pass *s, cuv_ref first)
{
    s->y = zeros_like(s, first);
    s->h = s->h == CUV_NO_REF ? s->y : s->h;
    s->c = s->c == CUV_NO_REF ? s->y : s->c;
}

static cuv_status run_known(pass *s, int64_t steps, cuv_ref *sequence)
{
    cuv_call *call = s->call;
    bool backwards = cuv_arg_bool(call->layer, "go_backwards"), all = cuv_arg_bool(call->layer, "return_sequences");
    bool zero_masked = cuv_arg_bool(call->layer, "zero_output_for_mask") && !cuv_rnn_zeroes_late(call->layer);
    cuv_ref *parts = CUV_NEW_ARRAY(call->arena, cuv_ref, (size_t)steps);
    if (!parts)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < steps; i++) {
        int64_t t = backwards ? steps - 1 - i : i;
        cuv_ref part = part_at(s, t);
        CUV_TRY(call->program->status);
        if (i == 0)
            start(s, part);
        step(s, part, kept_at(call, t), zero_masked);
        CUV_TRY(call->program->status);
        parts[i] = all ? cuv_expand_dims(call, s->y, 1) : CUV_NO_REF;
    }
    *sequence = all ? cuv_emit(call->program, CUV_OP_CONCAT, parts, (size_t)steps, CUV_AT(.axis = 1)) : s->y;
    return call->program->status;
}

static cuv_status run_any(pass *s, cuv_ref *y)
{
    cuv_call *call = s->call;
    cuv_attrs attrs = s->conv;
    attrs.groups = 0;
    attrs.act = s->act;
    attrs.rec_act = s->gate;
    attrs.reverse = cuv_arg_bool(call->layer, "go_backwards");
    attrs.sequences = cuv_arg_bool(call->layer, "return_sequences");
    attrs.zero_masked = cuv_arg_bool(call->layer, "zero_output_for_mask") && !cuv_rnn_zeroes_late(call->layer);
    *y = cuv_emit(call->program, CUV_OP_CONV_LSTM, CUV_IN(s->z, s->kernel, cuv_rnn_mask(call), s->h, s->c), &attrs);
    s->h = *y + 1;
    s->c = *y + 2;
    return call->program->status;
}

static cuv_status conv_lstm_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    pass s = {.call = call, .z = CUV_NO_REF, .filters = cuv_arg_int(layer, "filters")};
    bool single[2], all = cuv_arg_bool(layer, "return_sequences");
    int64_t steps = cuv_call_in(call, 0)->shape[1];
    cuv_ref y = CUV_NO_REF;
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 3));
    CUV_TRY(cuv_arg_activation(call->cx, layer, "activation", &s.act, &single[0]));
    CUV_TRY(cuv_arg_activation(call->cx, layer, "recurrent_activation", &s.gate, &single[1]));
    if (!single[0] || !single[1])
        return cuv_call_unsupported(call, single[0] ? "recurrent_activation" : "activation", "not inside a recurrence");
    s.x = to_last(call, cuv_float_in(call, 0), 2);
    CUV_TRY(input_part(&s, steps));
    CUV_TRY(prepare(&s));
    CUV_TRY(steps < 1 || steps > MOST_STEPS ? run_any(&s, &y) : run_known(&s, steps, &y));
    y = cuv_rnn_zeroes_late(layer) ? cuv_rnn_zero_late(call, y, cuv_rnn_mask(call)) : y;
    const cuv_ref states[2] = {from_last(call, s.h, 1), from_last(call, s.c, 1)};
    return cuv_rnn_return(call, from_last(call, y, all ? 2 : 1), states, 2);
}

static const cuv_param conv_lstm_params[] = {
    P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),
    P("strides", SIZES, "1", .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = "valid same"), DATA_FORMAT,
    P("dilation_rate", SIZES, "1", .allowed = ">=1"), ACTIVATION("'tanh'"),
    P("recurrent_activation", ACTIVATION, "'sigmoid'", .fallback2 = "'hard_sigmoid'"), USE_BIAS, RECURRENT_INIT,
    INERT("unit_forget_bias", "True"), RECURRENT_REGULARIZERS, REGULARIZER("activity_regularizer"), RECURRENT_CONSTRAINTS,
    RECURRENT_DROPOUT, INERT("seed", "None"), RECURRENT_FLAGS, INERT("unroll", "False"), ZERO_OUTPUT, CUV_PARAM_END};
static const cuv_slot conv_lstm_slots[] = {S("kernel", "kernel_size in 4*filters"),
                                           S("recurrent_kernel", "kernel_size filters 4*filters"),
                                           S("bias", "4*filters", .condition = "use_bias"), CUV_SLOT_END};

#define CONV_LSTM(n)                                                                                                         \
    const cuv_layer_def cuv_layer_conv_lstm##n = {                                                                           \
        .name = "ConvLSTM" #n "D", .doc = "LSTM with convolutions for products", .params = conv_lstm_params,                \
        .slots = conv_lstm_slots, .vars_path = "cell", .spatial = n, .flags = CUV_LF_MASKS | CUV_LF_MULTI,                  \
        .build = conv_lstm_build, .lower = conv_lstm_lower,                                                                  \
    }
CONV_LSTM(1);
CONV_LSTM(2);
CONV_LSTM(3);
