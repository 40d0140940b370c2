/* Kernels of few bits: variables in Keras 3's order, and the steps that turn them into floats (quirks.md 37 to 40). What Keras
 * multiplies in whole numbers is multiplied in floats here, which hold them exactly. */
#include "layers/quantized.h"

#include <limits.h>

#define PACKED 2            /* values of four bits in a byte */

static const cuv_slot int8_kernel = {.name = "kernel", .not_trainable = true, .dtype = CUV_I8};
static const cuv_slot float_kernel = {.name = "kernel"};
static const cuv_slot packed_kernel = {.name = "quantized_kernel", .old = "kernel", .not_trainable = true, .dtype = CUV_U8};
static const cuv_slot bias_slot = {.name = "bias"};
static const cuv_slot scale_slot = {.name = "kernel_scale", .not_trainable = true};
static const cuv_slot zero_int8 = {.name = "kernel_zero", .not_trainable = true, .dtype = CUV_I8};
static const cuv_slot zero_uint8 = {.name = "kernel_zero", .old = "zero_point", .not_trainable = true, .dtype = CUV_U8};
static const cuv_slot group_slot = {.name = "g_idx", .not_trainable = true, .dtype = CUV_F32};
static const cuv_slot awq_slot = {.name = "awq_scales", .not_trainable = true};
static const cuv_slot float8_slots[] = {
    {.name = "inputs_scale", .dtype = CUV_F32}, {.name = "inputs_amax_history", .dtype = CUV_F32},
    {.name = "kernel_scale", .dtype = CUV_F32}, {.name = "kernel_amax_history", .dtype = CUV_F32},
    {.name = "outputs_grad_scale", .dtype = CUV_F32}, {.name = "outputs_grad_amax_history", .dtype = CUV_F32}};

bool cuv_layer_packs(const cuv_layer *layer)
{
    return layer->quant && layer->quant->mode >= CUV_Q_GPTQ;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return b > 0 ? a / b + (a % b > 0) : 1;
}

static int64_t groups_of(const cuv_quant *q, int64_t rows)
{
    return q->block > 0 ? ceil_div(rows, q->block) : 1;
}

static cuv_status add(cuv_call *call, const cuv_slot *slot, const int64_t *shape, int rank)
{
    cuv_ref ref;
    return cuv_layer_add_weight(call, slot, shape, rank, &ref);
}

static cuv_status add_bias(cuv_call *call, const cuv_quant_kernel *k)
{
    return k->bias_rank < 0 ? CUV_OK : add(call, &bias_slot, k->bias, k->bias_rank);
}

/* ---- variables of Dense and EinsumDense ---- */

static cuv_status int4_weights(cuv_call *call, const cuv_quant_kernel *k)
{
    const cuv_quant *q = call->layer->quant;
    int64_t groups = groups_of(q, k->rows);
    const int64_t scale[] = {groups, k->columns};
    bool grouped = q->block > 0;
    CUV_TRY(add(call, &int8_kernel, (const int64_t[]){k->rows, ceil_div(k->columns, PACKED)}, 2));
    CUV_TRY(add_bias(call, k));
    CUV_TRY(add(call, &scale_slot, grouped ? scale : scale + 1, grouped ? 2 : 1));
    if (!grouped)
        return CUV_OK;
    CUV_TRY(add(call, &zero_int8, scale, 2));
    return add(call, &group_slot, &k->rows, 1);
}

static cuv_status float8_weights(cuv_call *call, const cuv_quant_kernel *k)
{
    CUV_TRY(add(call, &float_kernel, k->shape, k->rank));
    CUV_TRY(add_bias(call, k));
    for (size_t i = 0; i < sizeof float8_slots / sizeof *float8_slots; i++)
        CUV_TRY(add(call, &float8_slots[i], &call->layer->quant->history, i % 2 ? 1 : 0));
    return CUV_OK;
}

static cuv_status gptq_weights(cuv_call *call, const cuv_quant_kernel *k)
{
    const cuv_quant *q = call->layer->quant;
    const int64_t scale[] = {k->columns, groups_of(q, k->rows)};
    int64_t stored = q->bits == 4 ? ceil_div(k->columns, PACKED) : k->columns;
    CUV_TRY(add_bias(call, k));
    CUV_TRY(add(call, &packed_kernel, (const int64_t[]){stored, k->rows}, 2));
    CUV_TRY(add(call, &scale_slot, scale, 2));
    CUV_TRY(add(call, &zero_uint8, scale, 2));
    if (q->mode == CUV_Q_AWQ)
        CUV_TRY(add(call, &awq_slot, &k->rows, 1));
    return add(call, &group_slot, &k->rows, 1);
}

cuv_status cuv_quant_kernel_weights(cuv_call *call, const cuv_quant_kernel *k)
{
    switch (call->layer->quant->mode) {
    case CUV_Q_INT8:
        CUV_TRY(add(call, &int8_kernel, k->shape, k->rank));
        CUV_TRY(add_bias(call, k));
        return add(call, &scale_slot, k->scale, k->scale_rank);
    case CUV_Q_INT4: return int4_weights(call, k);
    case CUV_Q_FLOAT8: return float8_weights(call, k);
    case CUV_Q_GPTQ: case CUV_Q_AWQ: return gptq_weights(call, k);
    }
    return CUV_OK;
}

/* ---- values ---- */

/* A weight in the dtype of the computation, whatever it is stored in. */
static cuv_ref value_of(cuv_call *call, const char *slot)
{
    return cuv_emit_cast(call->program, cuv_layer_weight(call->layer, slot), call->layer->compute);
}

static cuv_ref times(cuv_call *call, cuv_ref x, double factor)
{
    return cuv_emit2(call->program, CUV_OP_MUL, x, cuv_scalar_like(call, x, factor));
}

/* Two values of four bits from each byte along the last axis, the low half first; `count` of them. */
static cuv_ref unpack(cuv_call *call, cuv_ref bytes, bool is_signed, int64_t count)
{
    cuv_program *p = call->program;
    int rank = cuv_var_of(call, bytes)->rank;
    int64_t shape[CUV_MAX_RANK];
    cuv_ref high = cuv_emit1(p, CUV_OP_FLOOR, times(call, bytes, 1.0 / 16));
    cuv_ref low = cuv_emit2(p, CUV_OP_SUB, bytes, times(call, high, 16));
    if (is_signed) {
        cuv_ref above = cuv_emit2(p, CUV_OP_GREATER_EQUAL, low, cuv_scalar_like(call, low, 8));
        low = cuv_emit2(p, CUV_OP_SUB, low, times(call, cuv_emit_cast(p, above, call->layer->compute), 16));
    }
    cuv_ref both = cuv_concat2(call, cuv_expand_dims(call, low, rank), cuv_expand_dims(call, high, rank), rank);
    for (int i = 0; i + 1 < rank; i++)
        shape[i] = -2 - i;
    shape[rank - 1] = ceil_div(count, PACKED) * PACKED;
    both = cuv_emit_reshape(p, both, shape, rank);
    return count % PACKED ? cuv_slice_axis(call, both, rank - 1, 0, count) : both;
}

static cuv_ref group_index(cuv_call *call)
{
    return cuv_emit_cast(call->program, cuv_layer_weight(call->layer, "g_idx"), CUV_I32);
}

/* (value - zero[group]) scale[group], with the groups along `axis`. */
static cuv_ref from_groups(cuv_call *call, cuv_ref value, cuv_ref scale, cuv_ref zero, int axis)
{
    cuv_program *p = call->program;
    cuv_ref groups = group_index(call);
    scale = cuv_emit(p, CUV_OP_GATHER, CUV_IN(scale, groups), CUV_AT(.axis = axis));
    zero = cuv_emit(p, CUV_OP_GATHER, CUV_IN(zero, groups), CUV_AT(.axis = axis));
    return cuv_emit2(p, CUV_OP_MUL, cuv_emit2(p, CUV_OP_SUB, value, zero), scale);
}

/* Nearest value of float8_e4m3fn, times the scale: three bits of fraction, exponents from -6, at most 448. */
static cuv_ref through_float8(cuv_call *call, cuv_ref x, cuv_ref scale)
{
    cuv_program *p = call->program;
    x = cuv_emit(p, CUV_OP_CLIP, CUV_IN(cuv_emit2(p, CUV_OP_DIV, x, scale)), CUV_AT(.alpha = -448, .beta = 448));
    cuv_ref log2 = times(call, cuv_emit1(p, CUV_OP_LOG, cuv_emit1(p, CUV_OP_ABS, x)), 1.4426950408889634);
    cuv_ref exponent = cuv_emit(p, CUV_OP_CLIP, CUV_IN(cuv_emit1(p, CUV_OP_FLOOR, log2)), CUV_AT(.alpha = -6, .beta = 8));
    cuv_ref power = cuv_emit2(p, CUV_OP_SUB, exponent, cuv_scalar_like(call, exponent, 3));
    cuv_ref step = cuv_emit2(p, CUV_OP_POW, cuv_scalar_like(call, power, 2), power);
    cuv_ref steps = cuv_emit1(p, CUV_OP_ROUND, cuv_emit2(p, CUV_OP_DIV, x, step));
    return cuv_emit2(p, CUV_OP_MUL, cuv_emit2(p, CUV_OP_MUL, steps, step), scale);
}

static cuv_ref int4_kernel(cuv_call *call, const cuv_quant_kernel *k)
{
    cuv_ref kernel = unpack(call, value_of(call, "kernel"), true, k->columns), scale = value_of(call, "kernel_scale");
    if (call->layer->quant->block > 0)
        return from_groups(call, kernel, scale, value_of(call, "kernel_zero"), 0);
    return cuv_emit2(call->program, CUV_OP_DIV, kernel, scale);
}

/* Stored as (columns, rows), packed along the columns. */
static cuv_ref gptq_kernel(cuv_call *call, const cuv_quant_kernel *k)
{
    static const int turn[] = {1, 0};
    const cuv_quant *q = call->layer->quant;
    cuv_ref kernel = value_of(call, "quantized_kernel");
    if (q->bits == 4)
        kernel = cuv_transposed(call, unpack(call, cuv_transposed(call, kernel, turn), false, k->columns), turn);
    kernel = from_groups(call, kernel, value_of(call, "kernel_scale"), value_of(call, "kernel_zero"), 1);
    kernel = cuv_transposed(call, kernel, turn);
    if (q->mode != CUV_Q_AWQ)
        return kernel;
    return cuv_emit2(call->program, CUV_OP_DIV, kernel, cuv_expand_dims(call, value_of(call, "awq_scales"), 1));
}

cuv_ref cuv_quant_kernel_value(cuv_call *call, const cuv_quant_kernel *k)
{
    switch (call->layer->quant->mode) {
    case CUV_Q_INT8: return value_of(call, "kernel");
    case CUV_Q_INT4: return int4_kernel(call, k);
    case CUV_Q_FLOAT8: return through_float8(call, value_of(call, "kernel"), value_of(call, "kernel_scale"));
    case CUV_Q_GPTQ: case CUV_Q_AWQ: return gptq_kernel(call, k);
    }
    return CUV_NO_REF;
}

cuv_ref cuv_quant_input(cuv_call *call, cuv_ref x, int contracted, cuv_ref *scale)
{
    const cuv_quant *q = call->layer->quant;
    cuv_program *p = call->program;
    int rank = cuv_var_of(call, x)->rank, axes[CUV_MAX_RANK];
    *scale = CUV_NO_REF;
    if (q->mode == CUV_Q_FLOAT8)
        return through_float8(call, x, value_of(call, "inputs_scale"));
    if (!q->activations)
        return x;
    for (int i = 0; i < contracted; i++)
        axes[i] = rank - contracted + i;
    cuv_ref most = cuv_reduce(call, CUV_OP_MAX, cuv_emit1(p, CUV_OP_ABS, x), axes, contracted, true);
    most = cuv_emit2(p, CUV_OP_ADD, most, cuv_scalar_like(call, most, q->epsilon));
    *scale = cuv_emit2(p, CUV_OP_DIV, cuv_scalar_like(call, most, q->high), most);
    cuv_ref rounded = cuv_emit1(p, CUV_OP_ROUND, cuv_emit2(p, CUV_OP_MUL, x, *scale));
    return cuv_emit(p, CUV_OP_CLIP, CUV_IN(rounded), CUV_AT(.alpha = q->low, .beta = q->high));
}

static bool is_bare(const cuv_layer *layer)
{
    return layer->parent && layer->parent->def && cuv_streq(layer->parent->def->name, "TimeDistributed");
}

cuv_status cuv_quant_bare(cuv_call *call, bool *bare)
{
    int64_t rank;
    const cuv_layer *layer = call->layer;
    *bare = layer->quant && is_bare(layer);
    if (*bare && (layer->quant->mode != CUV_Q_INT8 || cuv_lora_rank(layer, &rank) || strstr(layer->def->name, "Embedding")))
        return cuv_call_unsupported(call, "dtype", "Keras's TimeDistributed takes the stored integers for the layer's numbers, without their scales");
    return CUV_OK;
}

cuv_ref cuv_quant_scaled(cuv_call *call, cuv_ref y)
{
    if (call->layer->quant->mode != CUV_Q_INT8 || is_bare(call->layer))
        return y;
    return cuv_emit2(call->program, CUV_OP_DIV, y, cuv_call_weight(call, "kernel_scale"));
}

cuv_ref cuv_quant_bias(cuv_call *call)
{
    cuv_ref bias = cuv_call_weight(call, "bias");
    if (bias == CUV_NO_REF || call->layer->quant->mode != CUV_Q_FLOAT8 || call->layer->compute != CUV_F32)
        return bias;
    return cuv_emit_cast(call->program, cuv_emit_cast(call->program, bias, CUV_BF16), CUV_F32);
}

/* ---- Embedding ---- */

static cuv_status add_embedding(cuv_call *call, const char *name, const int64_t *shape, const int64_t *scale, int scale_rank,
                                bool zero, cuv_dtype zero_dtype)
{
    cuv_arena *arena = call->layer->arena;
    static const char *const endings[] = {"", "_scale", "_zero"};
    for (int i = 0; i < (zero ? 3 : 2); i++) {
        cuv_slot *slot = CUV_NEW(arena, cuv_slot);
        char *full = cuv_arena_printf(arena, "%s%s", name, endings[i]);
        if (!slot || !full)
            return cuv_oom(call->cx);
        *slot = (cuv_slot){.name = full, .not_trainable = true,
                           .dtype = i == 0 ? CUV_I8 : i == 2 ? zero_dtype : (cuv_dtype)0};
        CUV_TRY(add(call, slot, i ? scale : shape, i ? scale_rank : 2));
    }
    return CUV_OK;
}

/* Keras 3.1 and 3.2 have a scale for each column of an int8 Embedding, later ones for each row. */
static bool by_columns(const cuv_layer *layer)
{
    return layer->quant->mode == CUV_Q_INT8 && !cuv_layer_since(layer, 3);
}

cuv_status cuv_quant_embedding_weights(cuv_call *call, bool reversible)
{
    const cuv_layer *layer = call->layer;
    const cuv_quant *q = layer->quant;
    int64_t in = cuv_arg_int(layer, "input_dim"), out = cuv_arg_int(layer, "output_dim"), groups = groups_of(q, out);
    int64_t stored = q->mode == CUV_Q_INT4 ? ceil_div(out, PACKED) : out;
    bool grouped = q->mode == CUV_Q_INT4 && q->block > 0;
    CUV_TRY(add_embedding(call, "embeddings", (const int64_t[]){in, stored}, (const int64_t[]){by_columns(layer) ? out : in, groups}, grouped ? 2 : 1,
                          grouped, CUV_I8));
    if (grouped)
        CUV_TRY(add(call, &group_slot, &out, 1));
    if (!reversible || cuv_arg_bool(layer, "tie_weights"))
        return CUV_OK;
    const int64_t scale[] = {groups, in};
    return add_embedding(call, "reverse_embeddings", (const int64_t[]){stored, in}, grouped ? scale : scale + 1,
                         grouped ? 2 : 1, grouped, (cuv_dtype)0);
}

static cuv_ref taken(cuv_call *call, const char *slot, cuv_ref index)
{
    cuv_ref rows = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(cuv_layer_weight(call->layer, slot), index),
                            CUV_AT(.axis = 0));
    return cuv_emit_cast(call->program, rows, call->layer->compute);
}

cuv_ref cuv_quant_embedding_rows(cuv_call *call, cuv_ref index)
{
    const cuv_quant *q = call->layer->quant;
    cuv_ref rows = taken(call, "embeddings", index);
    if (by_columns(call->layer))
        return cuv_emit2(call->program, CUV_OP_DIV, rows, value_of(call, "embeddings_scale"));
    cuv_ref scale = taken(call, "embeddings_scale", index);
    int last = cuv_var_of(call, rows)->rank - 1;
    if (q->mode == CUV_Q_INT4)
        rows = unpack(call, rows, true, cuv_arg_int(call->layer, "output_dim"));
    if (q->mode == CUV_Q_INT4 && q->block > 0)
        return from_groups(call, rows, scale, taken(call, "embeddings_zero", index), last);
    return cuv_emit2(call->program, CUV_OP_DIV, rows, cuv_expand_dims(call, scale, last));
}

/* The matrix (output_dim, input_dim) of the way back; without its scale when that is one number a column. */
static cuv_ref reverse_matrix(cuv_call *call, bool tied, const int *turn)
{
    const cuv_quant *q = call->layer->quant;
    int64_t out = cuv_arg_int(call->layer, "output_dim");
    cuv_ref m = value_of(call, tied ? "embeddings" : "reverse_embeddings");
    if (!tied)
        m = cuv_transposed(call, m, turn);
    if (q->mode == CUV_Q_INT4)
        m = unpack(call, m, true, out);
    m = cuv_transposed(call, m, turn);
    if (q->mode != CUV_Q_INT4 || q->block <= 0)
        return m;
    cuv_ref scale = value_of(call, tied ? "embeddings_scale" : "reverse_embeddings_scale");
    cuv_ref zero = value_of(call, tied ? "embeddings_zero" : "reverse_embeddings_zero");
    if (tied) {
        scale = cuv_transposed(call, scale, turn);
        zero = cuv_transposed(call, zero, turn);
    }
    return from_groups(call, m, scale, zero, 0);
}

cuv_ref cuv_quant_embedding_reverse(cuv_call *call)
{
    static const int turn[] = {1, 0};
    const cuv_quant *q = call->layer->quant;
    bool tied = cuv_arg_bool(call->layer, "tie_weights");
    cuv_ref scale, x = cuv_quant_input(call, cuv_float_in(call, 0), 1, &scale);
    cuv_ref y = cuv_emit2(call->program, CUV_OP_MATMUL, x, reverse_matrix(call, tied, turn));
    if (scale != CUV_NO_REF)
        y = cuv_emit2(call->program, CUV_OP_DIV, y, scale);
    if (q->mode == CUV_Q_INT4 && q->block > 0)
        return y;
    return cuv_emit2(call->program, CUV_OP_DIV, y, value_of(call, tied ? "embeddings_scale" : "reverse_embeddings_scale"));
}
