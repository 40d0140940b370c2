/* keras.ops.nn beyond the activations: convolution, pooling, normalisation, attention, losses, and images. */
#include "layers/operation_emit.h"

#include <float.h>
#include <math.h>

/* ---- layout ---- */

/* Keras's words, and TensorFlow's. */
static bool channels_first(const cuv_call *call)
{
    return cuv_has_word("channels_first NCW NCHW NCDHW", cuv_option_text(call, "data_format", "-"));
}

static cuv_ref to_last(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return channels_first(call) && rank > 2 ? cuv_move_axis(call, x, 1, rank - 1) : x;
}

static cuv_ref from_last(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return channels_first(call) && rank > 2 ? cuv_move_axis(call, x, rank - 1, 1) : x;
}

/* One number for all spatial axes or one for each; absent: `fallback`. */
static cuv_status spatial(cuv_call *call, const char *name, int axes, const int64_t *fallback, int64_t *out)
{
    int64_t given[CUV_MAX_RANK];
    int n = cuv_option_ints(call, name, given);
    if (n == axes + 2 && call->layer->state) {      /* TensorFlow names all axes */
        int from = channels_first(call) ? 2 : 1;
        bool plain = given[0] == 1 && given[channels_first(call) ? 1 : n - 1] == 1;
        memmove(given, given + from, (size_t)axes * sizeof *given);
        n = plain ? axes : -2;
    }
    if (axes < 1 || axes > 3 || (n != 1 && n != axes && !cuv_is_null(cuv_option(call, name))))
        return cuv_bad_option(call, name, "a number, or one for each of up to three spatial axes");
    for (int i = 0; i < axes; i++)
        out[i] = n < 0 ? fallback[i] : given[n == 1 ? 0 : i];
    for (int i = 0; i < axes; i++)
        if (out[i] < 1)
            return cuv_bad_option(call, name, "at least 1");
    return CUV_OK;
}

static const int64_t ones[3] = {1, 1, 1};

static cuv_status padding(cuv_call *call, bool *same)
{
    const char *text = cuv_option_text(call, "padding", "valid");
    *same = strcmp(text, "same") == 0 || strcmp(text, "SAME") == 0;
    return *same || strcmp(text, "valid") == 0 || strcmp(text, "VALID") == 0 ? CUV_OK
                                                                          : cuv_bad_option(call, "padding", "'valid' or 'same'");
}

/* ---- convolution ---- */

static cuv_status conv_attrs(cuv_call *call, cuv_ref *x, cuv_attrs *attrs)
{
    *attrs = (cuv_attrs){.groups = 1};
    CUV_TRY(cuv_operand_x(call, x));
    *x = to_last(call, cuv_as_float(call, *x));
    int axes = cuv_var_of(call, *x)->rank - 2;
    CUV_TRY(padding(call, &attrs->same));
    CUV_TRY(spatial(call, "strides", axes, ones, attrs->stride));
    return spatial(call, "dilation_rate", axes, ones, attrs->dilation);
}

static cuv_status kernel_of(cuv_call *call, const char *name, cuv_ref x, cuv_ref *out)
{
    CUV_TRY(cuv_operand_ref(call, name, CUV_F32, out));
    *out = TO(*out, cuv_var_of(call, x)->dtype);
    return cuv_var_of(call, *out)->rank == cuv_var_of(call, x)->rank ? call->program->status
                                                                       : cuv_bad_option(call, name, "a kernel of the input's rank");
}

cuv_status cuv_op_conv(cuv_call *call)
{
    cuv_ref x, kernel;
    cuv_attrs attrs;
    CUV_TRY(conv_attrs(call, &x, &attrs));
    CUV_TRY(kernel_of(call, "kernel", x, &kernel));
    const cuv_var *v = cuv_var_of(call, x), *k = cuv_var_of(call, kernel);
    int64_t in = v->shape[v->rank - 1], each = k->shape[k->rank - 2];
    if (in < 1 || each < 1 || in % each)
        return cuv_bad_option(call, "kernel", "a kernel whose input channels divide the input's");
    attrs.groups = (int)(in / each);
    return cuv_give(call, from_last(call, cuv_emit(call->program, CUV_OP_CONV, CUV_IN(x, kernel), &attrs)));
}

cuv_status cuv_op_depthwise_conv(cuv_call *call)
{
    cuv_ref x, kernel;
    cuv_attrs attrs;
    CUV_TRY(conv_attrs(call, &x, &attrs));
    CUV_TRY(kernel_of(call, "kernel", x, &kernel));
    return cuv_give(call, from_last(call, cuv_emit(call->program, CUV_OP_DEPTHWISE, CUV_IN(x, kernel), &attrs)));
}

cuv_status cuv_op_separable_conv(cuv_call *call)
{
    cuv_ref x, depthwise, pointwise;
    cuv_attrs attrs;
    CUV_TRY(conv_attrs(call, &x, &attrs));
    CUV_TRY(kernel_of(call, "depthwise_kernel", x, &depthwise));
    CUV_TRY(kernel_of(call, "pointwise_kernel", x, &pointwise));
    x = cuv_emit(call->program, CUV_OP_DEPTHWISE, CUV_IN(x, depthwise), &attrs);
    x = cuv_emit(call->program, CUV_OP_CONV, CUV_IN(x, pointwise), CUV_AT(.groups = 1));
    return cuv_give(call, from_last(call, x));
}

/* As the layer does (conv_transpose.c): what lies before and after the wanted output in the full one. */
cuv_status cuv_op_conv_transpose(cuv_call *call)
{
    cuv_ref x, kernel;
    cuv_attrs attrs;
    CUV_TRY(conv_attrs(call, &x, &attrs));
    if (!cuv_is_null(cuv_option(call, "output_padding")))
        return cuv_bad_option(call, "output_padding", "None");
    CUV_TRY(kernel_of(call, "kernel", x, &kernel));
    for (int i = 0; i < cuv_var_of(call, x)->rank - 2; i++) {
        int64_t reach = (cuv_var_of(call, kernel)->shape[i] - 1) * attrs.dilation[i] + 1, stride = attrs.stride[i];
        int64_t cut = attrs.same ? reach - stride : reach < stride ? reach - stride : 0;
        attrs.pad_lo[i] = attrs.same && cut > 0 ? cut / 2 : 0;
        attrs.pad_hi[i] = cut - attrs.pad_lo[i];
        attrs.size[i] = -1;
    }
    attrs.same = false;
    return cuv_give(call, from_last(call, cuv_emit(call->program, CUV_OP_CONV_TRANSPOSE, CUV_IN(x, kernel), &attrs)));
}

/* ---- pooling ---- */

/* Pools compute in floats; the largest of whole numbers stays one of them. */
static cuv_ref pool_type(cuv_call *call, cuv_op op, cuv_ref x)
{
    bool wide = cuv_dtype_is_integer(cuv_var_of(call, x)->dtype) && cuv_dtype_size(cuv_var_of(call, x)->dtype) > 2;
    return wide && (op == CUV_OP_MAX_POOL || op == CUV_OP_ADAPTIVE_MAX_POOL) ? cuv_in_order(call, x) : cuv_as_float(call, x);
}

static cuv_status pool(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    x = to_last(call, pool_type(call, op, x));
    int axes = cuv_var_of(call, x)->rank - 2;
    CUV_TRY(padding(call, &attrs.same));
    CUV_TRY(spatial(call, "pool_size", axes, ones, attrs.window));
    CUV_TRY(spatial(call, "strides", axes, attrs.window, attrs.stride));
    x = cuv_emit(call->program, op, CUV_IN(x), &attrs);
    return cuv_give(call, from_last(call, op != CUV_OP_MAX_POOL ? x : dtype == CUV_U64 ? cuv_out_of_order(call, x, dtype) : TO(x, dtype)));
}

cuv_status cuv_op_max_pool(cuv_call *call) { return pool(call, CUV_OP_MAX_POOL); }
cuv_status cuv_op_average_pool(cuv_call *call) { return pool(call, CUV_OP_AVG_POOL); }

static cuv_status adaptive(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    x = to_last(call, pool_type(call, op, x));
    CUV_TRY(spatial(call, "output_size", cuv_var_of(call, x)->rank - 2, ones, attrs.size));
    x = cuv_emit(call->program, op, CUV_IN(x), &attrs);
    return cuv_give(call, from_last(call, op != CUV_OP_ADAPTIVE_MAX_POOL ? x : dtype == CUV_U64 ? cuv_out_of_order(call, x, dtype) : TO(x, dtype)));
}

cuv_status cuv_op_adaptive_average_pool(cuv_call *call) { return adaptive(call, CUV_OP_ADAPTIVE_AVG_POOL); }
cuv_status cuv_op_adaptive_max_pool(cuv_call *call) { return adaptive(call, CUV_OP_ADAPTIVE_MAX_POOL); }

/* ---- normalisation ---- */

/* A vector of the axis, shaped so that it meets that axis of x. */
static cuv_status along_axis(cuv_call *call, const char *name, cuv_ref x, int axis, cuv_ref *out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = cuv_var_of(call, x)->rank;
    *out = CUV_NO_REF;
    if (!cuv_operand(call, name))
        return CUV_OK;
    CUV_TRY(cuv_operand_ref(call, name, cuv_var_of(call, x)->dtype, out));
    for (int i = 0; i < rank; i++)
        shape[i] = i == axis ? -1 : 1;
    if (axis != rank - 1)
        *out = cuv_emit_reshape(call->program, *out, shape, rank);
    *out = TO(*out, cuv_var_of(call, x)->dtype);
    return call->program->status;
}

cuv_status cuv_op_batch_norm(cuv_call *call)
{
    cuv_ref x, mean, variance, offset, scale;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_ref given = x;
    x = cuv_as_float(call, x);
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, x)->rank, -1, &axis));
    CUV_TRY(along_axis(call, "mean", x, axis, &mean));
    CUV_TRY(along_axis(call, "variance", x, axis, &variance));
    CUV_TRY(along_axis(call, "offset", x, axis, &offset));
    CUV_TRY(along_axis(call, "scale", x, axis, &scale));
    cuv_ref factor = E1(RSQRT, E2(ADD, variance, LIKE(x, cuv_option_real(call, "epsilon", 1e-3))));
    if (scale != CUV_NO_REF)
        factor = E2(MUL, factor, scale);
    if (given != x) {       /* TensorFlow makes integers of the factor and of what is added */
        cuv_ref less = E2(MUL, mean, factor), added = offset == CUV_NO_REF ? E1(NEG, less) : E2(SUB, offset, less);
        const cuv_dtype dtype = cuv_var_of(call, given)->dtype;
        return cuv_give(call, E2(ADD, E2(MUL, given, TO(factor, dtype)), TO(added, dtype)));
    }
    cuv_ref y = E2(MUL, E2(SUB, x, mean), factor);
    return cuv_give(call, offset == CUV_NO_REF ? y : E2(ADD, y, offset));
}

/* Gamma and beta have the sizes of the normalised axes, in order; they meet those axes of x. */
static cuv_status over_axes(cuv_call *call, const char *name, cuv_ref x, const cuv_attrs *attrs, cuv_ref *out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = cuv_var_of(call, x)->rank, next = 0;
    *out = CUV_NO_REF;
    if (!cuv_operand(call, name))
        return CUV_OK;
    CUV_TRY(cuv_operand_ref(call, name, CUV_F32, out));
    *out = TO(*out, cuv_var_of(call, x)->dtype);
    for (int i = 0; i < rank; i++) {
        bool is_axis = false;
        for (int k = 0; k < attrs->axes_count; k++)
            is_axis |= attrs->axes[k] == i;
        if (is_axis && next < cuv_var_of(call, *out)->rank)
            CUV_TRY(cuv_same_size(call, name, *out, next, x, i));
        shape[i] = is_axis && next < cuv_var_of(call, *out)->rank ? -2 - next++ : 1;
    }
    if (attrs->axes_count > 1 || attrs->axes[0] != rank - 1)
        *out = cuv_emit_reshape(call->program, *out, shape, rank);
    return call->program->status;
}

static cuv_status normalised(cuv_call *call, bool centre, bool rms, const char *gamma_name)
{
    cuv_ref x, gamma, beta = CUV_NO_REF;
    cuv_attrs attrs = {.keepdims = true};
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    x = dtype == CUV_F64 ? x : TO(x, CUV_F32);          /* halves are normalised in float32 */
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "axis", rank, attrs.axes, &attrs.axes_count));
    if (!attrs.axes_count) {
        attrs.axes[0] = rank - 1;
        attrs.axes_count = 1;
    }
    CUV_TRY(over_axes(call, gamma_name, x, &attrs, &gamma));
    if (centre)
        CUV_TRY(over_axes(call, "beta", x, &attrs, &beta));
    cuv_ref epsilon = LIKE(x, cuv_option_real(call, "epsilon", 1e-7)), d = E2(SUB, x, REDUCE(MEAN, x, &attrs));
    cuv_ref square = E1(SQUARE, centre || rms ? d : x), factor = E1(RSQRT, E2(ADD, REDUCE(MEAN, square, &attrs), epsilon));
    cuv_say_rounded(call, dtype);
    cuv_ref y = E2(MUL, centre ? d : x, factor);
    y = gamma == CUV_NO_REF ? y : E2(MUL, y, gamma);
    y = beta == CUV_NO_REF ? y : E2(ADD, y, beta);
    return cuv_give(call, TO(y, dtype));
}

cuv_status cuv_op_layer_norm(cuv_call *call)
{
    bool rms = cuv_option_bool(call, "rms_scaling", false);     /* keeps the mean in x, yet scales by the variance */
    return normalised(call, !rms, rms, "gamma");
}

cuv_status cuv_op_rms_norm(cuv_call *call) { return normalised(call, false, false, "scale"); }

/* ---- attention ---- */

/* (b, t, heads, d) to (b, heads, t, d). */
static cuv_ref heads_first(cuv_call *call, cuv_ref x)
{
    return cuv_transposed(call, x, (int[]){0, 2, 1, 3});
}

static cuv_status attention_inputs(cuv_call *call, cuv_ref *q, cuv_ref *k, cuv_ref *v)
{
    CUV_TRY(cuv_operand_ref(call, "query", CUV_F32, q));
    CUV_TRY(cuv_operand_ref(call, "key", CUV_F32, k));
    CUV_TRY(cuv_operand_ref(call, "value", CUV_F32, v));
    cuv_ref *all[] = {q, k, v};
    cuv_kind_of kind = {.dtype = CUV_BOOL};
    for (int i = 0; i < 3; i++)
        kind.dtype = cuv_join_dtypes(kind, (cuv_kind_of){.dtype = cuv_var_of(call, *all[i])->dtype});
    for (int i = 0; i < 3; i++) {
        *all[i] = TO(*all[i], kind.dtype);
        if (cuv_var_of(call, *all[i])->rank != 4)
            return cuv_bad_option(call, "query", "tensors of four axes");
    }
    CUV_TRY(cuv_same_size(call, "key", *k, 0, *q, 0));
    CUV_TRY(cuv_same_size(call, "value", *v, 0, *q, 0));
    CUV_TRY(cuv_same_size(call, "key", *k, 3, *q, 3));
    CUV_TRY(cuv_same_size(call, "value", *v, 1, *k, 1));
    CUV_TRY(cuv_same_size(call, "value", *v, 2, *k, 2));
    int64_t queries = cuv_var_of(call, *q)->shape[2], keys = cuv_var_of(call, *k)->shape[2];
    if (queries > keys && keys > 1) {                   /* groups of queries share a key */
        *k = cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(*k), CUV_AT(.axis = 2, .count = queries / keys));
        *v = cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(*v), CUV_AT(.axis = 2, .count = queries / keys));
    }
    if (queries >= 0 && queries < keys)
        CUV_TRY(cuv_same_size(call, "query", *q, 2, *k, 2));
    for (int i = 0; i < 3; i++)
        *all[i] = heads_first(call, *all[i]);
    return call->program->status;
}

/* Keras 3.6 on TensorFlow multiplies the scores by themselves where it means the scale. */
cuv_status cuv_op_dot_product_attention(cuv_call *call)
{
    cuv_ref q, k, v, mask = CUV_NO_REF, bias;
    CUV_TRY(attention_inputs(call, &q, &k, &v));
    int64_t depth = cuv_var_of(call, q)->shape[3];
    double scale = cuv_option_real(call, "scale", depth > 0 ? 1 / sqrt((double)depth) : 0);
    if (scale == 0 || !cuv_is_null(cuv_option(call, "attn_logits_soft_cap")))
        return cuv_bad_option(call, scale == 0 ? "scale" : "attn_logits_soft_cap", scale == 0 ? "a number" : "None");
    cuv_dtype dtype = cuv_var_of(call, q)->dtype;
    if (!cuv_dtype_is_float(dtype))
        return cuv_bad_option(call, "query", "floats");
    cuv_ref scores = cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(q, k), CUV_AT(.transpose_b = true));
    const bool squared = call->layer->on_tensorflow && call->layer->keras == 3 && call->layer->keras_minor == 6;
    scores = squared ? E2(MUL, scores, scores) : E2(MUL, scores, LIKE(scores, scale));
    if (cuv_operand(call, "bias")) {
        CUV_TRY(cuv_operand_ref(call, "bias", dtype, &bias));
        scores = E2(ADD, scores, TO(bias, dtype));
    }
    if (cuv_operand(call, "mask")) {
        CUV_TRY(cuv_operand_ref(call, "mask", CUV_BOOL, &mask));
        mask = cuv_to_bool(call, mask);
    }
    if (cuv_option_bool(call, "is_causal", false)) {
        cuv_ref causal = E2(GREATER_EQUAL, cuv_counting(call, q, 2, 1), cuv_counting(call, k, 2, 0));
        mask = cuv_mask_join(call, CUV_OP_LOGICAL_AND, mask, causal);
    }
    if (mask != CUV_NO_REF)
        scores = WHERE(mask, scores, LIKE(scores, dtype == CUV_F16 ? -3e4 : -0.7 * (double)FLT_MAX));
    scores = TO(scores, dtype == CUV_F64 ? CUV_F64 : CUV_F32);
    cuv_ref weights = TO(cuv_emit(call->program, CUV_OP_SOFTMAX, CUV_IN(scores), CUV_AT(.axes = {3}, .axes_count = 1)), dtype);
    return cuv_give(call, heads_first(call, cuv_emit2(call->program, CUV_OP_MATMUL, weights, v)));
}

/* ---- classes and losses ---- */

cuv_status cuv_op_multi_hot(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype dtype;
    int axis;
    int64_t count = cuv_option_int(call, "num_classes", -1);
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &dtype));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axis(call, "axis", rank + 1, -1, &axis));
    if (count < 1)
        return cuv_bad_option(call, "num_classes", "the number of classes");
    for (int i = 0; i < rank; i++)
        if (cuv_var_of(call, x)->shape[i] == 0)
            return cuv_bad_option(call, "inputs", "one number or more");
    x = cuv_var_of(call, x)->dtype == CUV_I64 ? x : TO(x, CUV_I32);
    x = cuv_emit(call->program, CUV_OP_ONE_HOT, CUV_IN(x), CUV_AT(.count = count, .dtype = CUV_I32));
    x = cuv_reduce(call, CUV_OP_MAX, cuv_move_axis(call, x, rank, axis), (int[]){rank > 1}, 1, false);
    return cuv_give(call, TO(x, dtype));
}

cuv_status cuv_op_in_top_k(cuv_call *call)
{
    cuv_ref targets, scores;
    CUV_TRY(cuv_operand_ref(call, "targets", CUV_I32, &targets));
    CUV_TRY(cuv_operand_ref(call, "predictions", CUV_F32, &scores));
    int64_t classes = cuv_var_of(call, scores)->shape[1];
    if (cuv_var_of(call, scores)->rank != 2 || classes < 1)
        return cuv_bad_option(call, "predictions", "rows of a known number of scores");
    if (cuv_var_of(call, targets)->rank != 1)
        return cuv_bad_option(call, "targets", "a row");
    CUV_TRY(cuv_same_size(call, "targets", targets, 0, scores, 0));
    cuv_ref below = E2(LESS, targets, LIKE(targets, (double)classes));
    cuv_ref inside = E2(LOGICAL_AND, E2(GREATER_EQUAL, targets, LIKE(targets, 0)), below);
    cuv_ref index = cuv_expand_dims(call, WHERE(inside, targets, LIKE(targets, 0)), 1);
    cuv_ref own = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(scores, index), CUV_AT(.axis = 1));
    cuv_ref better = cuv_reduce(call, CUV_OP_SUM, TO(E2(GREATER, scores, own), CUV_I32), (int[]){1}, 1, false);
    cuv_ref among = E2(LESS, better, LIKE(better, (double)cuv_option_int(call, "k", 1)));
    return cuv_give(call, E2(LOGICAL_AND, inside, among));
}

/* Keras's losses look behind a softmax or sigmoid that made the probabilities, and take its input as logits. */
static bool find_logits(cuv_call *call, cuv_ref *output)
{
    const cuv_var *v = cuv_var_of(call, *output);
    if (v->step < 0)
        return false;
    const cuv_step *step = &call->program->steps[v->step];
    if ((step->op != CUV_OP_SOFTMAX && step->op != CUV_OP_SIGMOID) || step->in_count != 1)
        return false;
    *output = step->in[0];
    return true;
}

/* log of probabilities, kept away from 0 and 1. */
static cuv_ref safe_log(cuv_call *call, cuv_ref p)
{
    return E1(LOG, cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(p), CUV_AT(.alpha = 1e-7, .beta = 1 - 1e-7)));
}

cuv_status cuv_op_binary_crossentropy(cuv_call *call)
{
    cuv_ref target, output;
    CUV_TRY(cuv_operands_joined(call, true, &target, &output));
    if (find_logits(call, &output) || cuv_option_bool(call, "from_logits", false)) {      /* max(x, 0) - x z + log(1 + e^-|x|) */
        cuv_ref y = E2(SUB, E2(MAXIMUM, output, LIKE(output, 0)), E2(MUL, output, target));
        return cuv_give(call, E2(ADD, y, E1(LOG1P, E1(EXP, E1(NEG, E1(ABS, output))))));
    }
    output = cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(output), CUV_AT(.alpha = 1e-7, .beta = 1 - 1e-7));
    cuv_ref one = LIKE(output, 1), yes = E2(MUL, target, E1(LOG, output));
    cuv_ref no = E2(MUL, E2(SUB, one, target), E1(LOG, E2(SUB, one, output)));
    return cuv_give(call, E1(NEG, E2(ADD, yes, no)));
}

cuv_status cuv_op_categorical_crossentropy(cuv_call *call)
{
    cuv_ref target, output;
    int axis;
    CUV_TRY(cuv_operands_joined(call, true, &target, &output));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, output)->rank, -1, &axis));
    if (find_logits(call, &output) || cuv_option_bool(call, "from_logits", false)) {
        output = cuv_emit(call->program, CUV_OP_LOG_SOFTMAX, CUV_IN(output), CUV_AT(.axes = {axis}, .axes_count = 1));
    } else {
        output = E2(DIV, output, cuv_reduce(call, CUV_OP_SUM, output, &axis, 1, true));
        output = safe_log(call, output);
    }
    return cuv_give(call, E1(NEG, cuv_reduce(call, CUV_OP_SUM, E2(MUL, target, output), &axis, 1, false)));
}

cuv_status cuv_op_sparse_categorical_crossentropy(cuv_call *call)
{
    cuv_ref target, output;
    CUV_TRY(cuv_operand_ref(call, "target", CUV_I32, &target));
    CUV_TRY(cuv_operand_ref(call, "output", CUV_F32, &output));
    int last = cuv_var_of(call, output)->rank - 1;
    target = TO(target, CUV_I32);
    if (cuv_var_of(call, target)->rank == last)
        target = cuv_expand_dims(call, target, last);
    if (!find_logits(call, &output) && !cuv_option_bool(call, "from_logits", false))
        output = safe_log(call, output);
    output = cuv_emit(call->program, CUV_OP_LOG_SOFTMAX, CUV_IN(output), CUV_AT(.axes = {last}, .axes_count = 1));
    cuv_ref own = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(output, target), CUV_AT(.axis = last));
    return cuv_give(call, E1(NEG, cuv_squeeze(call, own, last)));
}

cuv_status cuv_op_sparsemax(cuv_call *call)
{
    cuv_ref x;
    int axis;
    cuv_value *name = cuv_value_text(call->arena, "sparsemax");
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, x)->rank, -1, &axis));
    if (axis != cuv_var_of(call, x)->rank - 1)
        return cuv_bad_option(call, "axis", "-1");
    if (!name)
        return cuv_oom(call->cx);
    CUV_TRY(cuv_lower_activation(call, name, cuv_as_float(call, x), &x));
    return cuv_give(call, x);
}

/* 20 log10(max) - 10 log10(mean squared error) */
cuv_status cuv_op_psnr(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    const cuv_var v = *cuv_var_of(call, a), w = *cuv_var_of(call, b);
    for (int i = 0; i < (v.rank < w.rank ? w.rank : v.rank); i++)
        if (v.rank != w.rank || (v.shape[i] >= 0 && w.shape[i] >= 0 && v.shape[i] != w.shape[i]))
            return cuv_bad_option(call, "x2", cuv_format(call->cx, "of the shape of 'x1', %s", cuv_shape_text(call->cx, v.shape, v.rank)));
    if (!cuv_dtype_is_float(v.dtype))
        return cuv_bad_option(call, "x1", "a float: TensorFlow takes the mean of integers as an integer");
    double most = cuv_option_real(call, "max_val", 1);
    cuv_ref error = cuv_emit(call->program, CUV_OP_MEAN, CUV_IN(E1(SQUARE, E2(SUB, a, b))), NULL);
    cuv_ref y = E2(MUL, E1(LOG, error), LIKE(error, -10 / 2.302585092994046));
    return cuv_give(call, E2(ADD, y, LIKE(y, 20 * log10(most))));
}

/* ---- blocks ---- */

static cuv_status blocks(cuv_call *call, bool to_depth)
{
    cuv_ref x;
    int64_t n = cuv_option_int(call, "block_size", 0);
    CUV_TRY(cuv_operand_x(call, &x));
    x = to_last(call, x);
    const cuv_var *v = cuv_var_of(call, x);
    int64_t h = v->shape[1], w = v->shape[2], c = v->shape[3];
    if (v->rank != 4 || n < 2 || h < 1 || w < 1 || c < 1 || (to_depth ? h % n || w % n : c % (n * n)))
        return cuv_bad_option(call, "block_size", "a number above 1 that divides images of known size");
    if (to_depth) {
        x = cuv_emit_reshape(call->program, x, (int64_t[]){-1, h / n, n, w / n, n, c}, 6);
        x = cuv_transposed(call, x, (int[]){0, 1, 3, 2, 4, 5});
        x = cuv_emit_reshape(call->program, x, (int64_t[]){-1, h / n, w / n, n * n * c}, 4);
    } else {
        x = cuv_emit_reshape(call->program, x, (int64_t[]){-1, h, w, n, n, c / (n * n)}, 6);
        x = cuv_transposed(call, x, (int[]){0, 1, 3, 2, 4, 5});
        x = cuv_emit_reshape(call->program, x, (int64_t[]){-1, h * n, w * n, c / (n * n)}, 4);
    }
    return cuv_give(call, from_last(call, x));
}

cuv_status cuv_op_space_to_depth(cuv_call *call) { return blocks(call, true); }
cuv_status cuv_op_depth_to_space(cuv_call *call) { return blocks(call, false); }
