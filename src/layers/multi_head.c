/* MultiHeadAttention and GroupQueryAttention: projections into heads, attention in each, projection back. The projections are
 * inner EinsumDense layers, as in Keras. */
#include "layers/attention.h"

typedef struct heads { int64_t query, shared, key_size, value_size; } heads;

static heads heads_of(const cuv_layer *layer)
{
    if (strcmp(layer->def->name, "GroupQueryAttention") == 0) {
        int64_t size = cuv_arg_int(layer, "head_dim");
        return (heads){cuv_arg_int(layer, "num_query_heads"), cuv_arg_int(layer, "num_key_value_heads"), size, size};
    }
    int64_t n = cuv_arg_int(layer, "num_heads"), key = cuv_arg_int(layer, "key_dim");
    return (heads){n, n, key, cuv_arg_none(layer, "value_dim") ? key : cuv_arg_int(layer, "value_dim")};
}

/* ---- projections --------------------------------------------------------------------------------------------------------- */

/* The attribute that holds a projection: Keras 2 and GroupQueryAttention write an underscore before it. */
static const char *role_of(const cuv_layer *layer, const char *role)
{
    bool underscore = layer->keras <= 2 || strcmp(layer->def->name, "GroupQueryAttention") == 0;
    return underscore ? role : role + 1;
}

static cuv_status sizes_value(cuv_arena *arena, const int64_t *sizes, int count, cuv_value **out)
{
    *out = cuv_value_list(arena);
    if (!*out)
        return cuv_oom(cuv_arena_context(arena));
    for (int i = 0; i < count; i++)
        CUV_TRY(cuv_list_add(arena, *out, sizes[i] < 0 ? cuv_value_null(arena) : cuv_value_int(arena, sizes[i])));
    return CUV_OK;
}

static cuv_status add_projection(cuv_call *call, const char *role, const char *name, const char *equation,
                                 const char *bias_axes, const int64_t *sizes, int count)
{
    cuv_layer *layer = call->layer, *inner;
    cuv_arena *arena = layer->arena;
    cuv_value *config = cuv_value_dict(arena), *record = cuv_value_dict(arena), *shape;
    if (!config || !record)
        return cuv_oom(call->cx);
    CUV_TRY(sizes_value(arena, sizes, count, &shape));
    CUV_TRY(cuv_dict_set(arena, config, "name", cuv_value_text(arena, name)));
    CUV_TRY(cuv_dict_set(arena, config, "equation", cuv_value_text(arena, equation)));
    CUV_TRY(cuv_dict_set(arena, config, "output_shape", shape));
    if (cuv_arg_bool(layer, "use_bias"))
        CUV_TRY(cuv_dict_set(arena, config, "bias_axes", cuv_value_text(arena, bias_axes)));
    if (cuv_get(layer->config, "dtype"))
        CUV_TRY(cuv_dict_set(arena, config, "dtype", cuv_get(layer->config, "dtype")));
    CUV_TRY(cuv_dict_set(arena, record, "class_name", cuv_value_text(arena, "EinsumDense")));
    CUV_TRY(cuv_dict_set(arena, record, "config", config));
    CUV_TRY(cuv_layer_add_inner(layer, record, role_of(layer, role), &inner));
    inner->trainable = layer->trainable;
    return CUV_OK;
}

/* Sizes of the result: the output_shape argument, else those of the query. */
static cuv_status output_size(cuv_call *call, int64_t *size)
{
    const cuv_layer *layer = call->layer;
    int64_t given[CUV_MAX_RANK];
    *size = cuv_call_in(call, 0)->shape[2];
    if (strcmp(layer->def->name, "GroupQueryAttention") == 0 || cuv_arg_none(layer, "output_shape"))
        return *size > 0 ? CUV_OK : cuv_bad_input(call, 0, "a known last axis");
    if (cuv_arg_ints(layer, "output_shape", given) != 1)
        return cuv_call_unsupported(call, "output_shape", "the result has several axes");
    *size = given[0];
    return CUV_OK;
}

static cuv_status build(cuv_call *call)
{
    heads h = heads_of(call->layer);
    int64_t out;
    CUV_TRY(cuv_call_expect_rank(call, 0, 3));
    CUV_TRY(output_size(call, &out));
    const int64_t q[] = {-1, h.query, h.key_size}, k[] = {-1, h.shared, h.key_size}, v[] = {-1, h.shared, h.value_size};
    CUV_TRY(add_projection(call, "_query_dense", "query", "abc,cde->abde", "de", q, 3));
    CUV_TRY(add_projection(call, "_key_dense", "key", "abc,cde->abde", "de", k, 3));
    CUV_TRY(add_projection(call, "_value_dense", "value", "abc,cde->abde", "de", v, 3));
    return add_projection(call, "_output_dense", "attention_output", "abcd,cde->abe", "e", (const int64_t[]){-1, out}, 2);
}

/* ---- calls ----------------------------------------------------------------------------------------------------------------- */

/* Tensor number i, or that of a keyword; absent: `otherwise`. */
static cuv_sym tensor_of(const cuv_call *call, size_t i, const char *keyword, cuv_sym otherwise)
{
    const cuv_kwarg *kwarg = cuv_call_kwarg(call, keyword);
    if (i < call->in_count)
        return call->in[i];
    return kwarg && kwarg->tensor.value != CUV_NO_REF ? kwarg->tensor : otherwise;
}

static cuv_ref mask_of(cuv_call *call, const char *keyword, cuv_ref otherwise)
{
    const cuv_kwarg *kwarg = cuv_call_kwarg(call, keyword);
    if (!kwarg || kwarg->tensor.value == CUV_NO_REF)
        return otherwise;
    return cuv_emit_cast(call->program, kwarg->tensor.value, CUV_BOOL);
}

/* Everything that forbids places, as (b or 1, heads or 1, t or 1, s); CUV_NO_REF: nothing does. The causal mask apart. */
static cuv_ref padding_mask(cuv_call *call, cuv_sym query, cuv_sym value, cuv_sym key)
{
    cuv_ref q = mask_of(call, "query_mask", query.mask), v = mask_of(call, "value_mask", value.mask);
    cuv_ref k = mask_of(call, "key_mask", key.value == value.value ? CUV_NO_REF : key.mask);
    cuv_ref given = mask_of(call, "attention_mask", CUV_NO_REF), mask = CUV_NO_REF;
    if (q != CUV_NO_REF)
        mask = cuv_expand_dims(call, q, 2);
    if (v != CUV_NO_REF)
        mask = cuv_mask_join(call, CUV_OP_LOGICAL_AND, mask, cuv_expand_dims(call, v, 1));
    if (k != CUV_NO_REF)
        mask = cuv_mask_join(call, CUV_OP_LOGICAL_AND, mask, cuv_expand_dims(call, k, 1));
    if (mask != CUV_NO_REF)
        mask = cuv_expand_dims(call, mask, 1);
    if (given != CUV_NO_REF && cuv_var_of(call, given)->rank == 3)
        given = cuv_expand_dims(call, given, 1);
    return cuv_mask_join(call, CUV_OP_LOGICAL_AND, mask, given);
}

static cuv_status project(cuv_call *call, const char *role, cuv_ref x, cuv_ref *out)
{
    cuv_layer *inner = cuv_inner_by_role(call->layer, role_of(call->layer, role));
    return cuv_call_inner1(call, inner, (cuv_sym){x, CUV_NO_REF}, out);
}

/* (b, places, heads, size) as (b, heads, places, size), heads repeated to the query's. */
static cuv_ref by_head(cuv_call *call, cuv_ref x, int64_t times)
{
    x = cuv_transposed(call, x, (const int[]){0, 2, 1, 3});
    return times == 1 ? x : cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(x), CUV_AT(.axis = 1, .count = times));
}

/* One step without padding masks; else step by step, for rows that are masked throughout (attention.h). */
static cuv_ref attend(cuv_call *call, cuv_ref q, cuv_ref k, cuv_ref v, cuv_ref padding, cuv_ref causal, cuv_ref *weights)
{
    cuv_program *p = call->program;
    double scale = 1 / sqrt((double)heads_of(call->layer).key_size);
    if (padding == CUV_NO_REF) {
        cuv_ref in[4] = {q, k, v, causal};
        cuv_ref y = cuv_emit(p, CUV_OP_ATTENTION, in, causal == CUV_NO_REF ? 3 : 4, CUV_AT(.alpha = scale));
        *weights = y == CUV_NO_REF ? y : y + 1;
        return y;
    }
    q = cuv_emit2(p, CUV_OP_MUL, q, cuv_scalar_like(call, q, scale));
    cuv_ref scores = cuv_emit(p, CUV_OP_MATMUL, CUV_IN(q, k), CUV_AT(.transpose_b = true));
    *weights = cuv_masked_softmax(call, scores, cuv_mask_join(call, CUV_OP_LOGICAL_AND, padding, causal));
    return cuv_emit2(p, CUV_OP_MATMUL, *weights, v);
}

static cuv_status check_call(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    if (cuv_arg_bool(layer, "use_gate"))
        return cuv_call_unsupported(call, "use_gate", "gates are not");
    if (!cuv_arg_none(layer, "sliding_window"))
        return cuv_call_unsupported(call, "sliding_window", "attention looks everywhere");
    if (strcmp(layer->def->name, "MultiHeadAttention") == 0 && !cuv_arg_none(layer, "attention_axes")) {
        int64_t axes[CUV_MAX_RANK];
        int count = cuv_arg_ints(layer, "attention_axes", axes);
        if (count != 1 || (axes[0] != 1 && axes[0] != -2))
            return cuv_call_unsupported(call, "attention_axes", "only axis 1 is");
    }
    return CUV_OK;
}

static cuv_status lower(cuv_call *call)
{
    heads h = heads_of(call->layer);
    cuv_sym query = call->in[0], value = tensor_of(call, 1, "value", query), key = tensor_of(call, 2, "key", value);
    cuv_ref q, k, v, y, weights;
    CUV_TRY(check_call(call));
    if (cuv_var_of(call, value.value)->rank != 3 || cuv_var_of(call, key.value)->rank != 3)
        return cuv_bad_input(call, 0, "query, value and key with 3 axes");
    cuv_ref padding = padding_mask(call, query, value, key), causal = CUV_NO_REF;
    if (cuv_call_flag(call, "use_causal_mask"))
        causal = cuv_causal_mask(call, query.value, key.value);
    CUV_TRY(project(call, "_query_dense", query.value, &q));
    CUV_TRY(project(call, "_key_dense", key.value, &k));
    CUV_TRY(project(call, "_value_dense", value.value, &v));
    q = by_head(call, q, 1);
    k = by_head(call, k, h.query / h.shared);
    v = by_head(call, v, h.query / h.shared);
    y = attend(call, q, k, v, padding, causal, &weights);
    CUV_TRY(call->program->status);
    CUV_TRY(project(call, "_output_dense", cuv_transposed(call, y, (const int[]){0, 2, 1, 3}), &y));
    CUV_TRY(cuv_call_return(call, y));
    if (cuv_call_flag(call, "return_attention_scores"))
        call->out[call->out_count++] = (cuv_sym){weights, CUV_NO_REF};
    return CUV_OK;
}

static cuv_status group_check(cuv_context *cx, cuv_layer *layer)
{
    int64_t query = cuv_arg_int(layer, "num_query_heads"), shared = cuv_arg_int(layer, "num_key_value_heads");
    if (query % shared)
        return cuv_bad_arg(layer, "num_query_heads", cuv_format(cx, "a multiple of num_key_value_heads=%lld", (long long)shared));
    return CUV_OK;
}

static const cuv_param multi_params[] = {
    P("num_heads", INT, NULL, .allowed = ">=1"), P("key_dim", INT, NULL, .allowed = ">=1"),
    P("value_dim", INT, "None", .allowed = ">=1"), INERT("dropout", "0.0"), USE_BIAS, P("output_shape", INTS, "None"),
    P("attention_axes", INTS, "None"), P("sliding_window", INT, "None"), INERT("flash_attention", "None"), KERNEL_AND_BIAS_INIT,
    KERNEL_AND_BIAS_RULES, P("use_gate", BOOL, "False"), INERT("seed", "None"), INERT("query_shape", "None"),
    INERT("key_shape", "None"), INERT("value_shape", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_multi_head_attention = {
    .name = "MultiHeadAttention", .doc = "heads of softmax(q k^T / sqrt(key_dim)) v, of projected query, key and value",
    .params = multi_params, .flags = CUV_LF_MULTI | CUV_LF_MASKS | CUV_LF_WRAPPER, .build = build, .lower = lower,
};

static const cuv_param group_params[] = {
    P("head_dim", INT, NULL, .allowed = ">=1"), P("num_query_heads", INT, NULL, .allowed = ">=1"),
    P("num_key_value_heads", INT, NULL, .allowed = ">=1"), INERT("dropout", "0.0"), USE_BIAS, P("sliding_window", INT, "None"),
    INERT("flash_attention", "None"), KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES, P("use_gate", BOOL, "False"),
    INERT("seed", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_group_query_attention = {
    .name = "GroupQueryAttention", .old_names = "GroupedQueryAttention",
    .doc = "MultiHeadAttention whose keys and values are shared by groups of query heads", .params = group_params,
    .flags = CUV_LF_MULTI | CUV_LF_MASKS | CUV_LF_WRAPPER, .check = group_check, .build = build, .lower = lower,
};
