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

/* Axes between the batch and the features. */
static int inner_axes(const cuv_call *call)
{
    return cuv_call_rank(call, 0) - 2;
}

/* Sizes of the result: the output_shape argument, else those of the query. */
static cuv_status output_sizes(cuv_call *call, int64_t *sizes, int *count)
{
    const cuv_layer *layer = call->layer;
    int rank = cuv_call_rank(call, 0);
    *count = 1;
    sizes[0] = cuv_call_in(call, 0)->shape[rank - 1];
    if (strcmp(layer->def->name, "GroupQueryAttention") == 0 || cuv_arg_none(layer, "output_shape"))
        return sizes[0] > 0 ? CUV_OK : cuv_bad_input(call, 0, "a known last axis");
    *count = cuv_arg_ints(layer, "output_shape", sizes);
    if (*count < 1 || *count > 2)
        return cuv_call_unsupported(call, "output_shape", "one or two axes are");
    return CUV_OK;
}

/* A projection of the features into heads: "a...x,xyz->a...yz". */
static cuv_status add_heads(cuv_call *call, const char *role, const char *name, int64_t heads_count, int64_t size)
{
    int n = inner_axes(call);
    int64_t sizes[CUV_MAX_RANK];
    const char *equation = cuv_arena_printf(call->layer->arena, "a%.*sx,xyz->a%.*syz", n, "bcdefg", n, "bcdefg");
    for (int i = 0; i < n; i++)
        sizes[i] = -1;
    sizes[n] = heads_count;
    sizes[n + 1] = size;
    return equation ? add_projection(call, role, name, equation, "yz", sizes, n + 2) : cuv_oom(call->cx);
}

static cuv_status build(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    heads h = heads_of(layer);
    int64_t out[CUV_MAX_RANK], sizes[CUV_MAX_RANK];
    int count, n = inner_axes(call);
    if (n < 1 || n > 4 || (n > 1 && strcmp(layer->def->name, "MultiHeadAttention") != 0))
        return cuv_bad_input(call, 0, "ndim=3 (MultiHeadAttention: up to 6)");
    CUV_TRY(output_sizes(call, out, &count));
    CUV_TRY(add_heads(call, "_query_dense", "query", h.query, h.key_size));
    CUV_TRY(add_heads(call, "_key_dense", "key", h.shared, h.key_size));
    if (cuv_arg_bool(layer, "use_gate"))
        CUV_TRY(add_heads(call, "_gate_dense", "gate", h.query, h.value_size));
    CUV_TRY(add_heads(call, "_value_dense", "value", h.shared, h.value_size));
    const char *equation = cuv_arena_printf(layer->arena, "a%.*syz,yz%.*s->a%.*s%.*s", n, "bcdefg", count, "vw", n, "bcdefg", count, "vw");
    if (!equation)
        return cuv_oom(call->cx);
    for (int i = 0; i < n; i++)
        sizes[i] = -1;
    memcpy(sizes + n, out, (size_t)count * sizeof *out);
    return add_projection(call, "_output_dense", "attention_output", equation, count == 1 ? "v" : "vw", sizes, n + count);
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

/* Everything that forbids places, as (b or 1, heads or 1, t or 1, s); CUV_NO_REF: nothing does. The causal mask apart. In Keras 2 a query that is
 * cast to the layer's dtype has lost its mask inside. */
static cuv_ref padding_mask(cuv_call *call, cuv_sym query, cuv_sym value, cuv_sym key)
{
    const bool lost = call->layer->keras < 3 && call->recast;
    cuv_ref q = mask_of(call, "query_mask", lost ? CUV_NO_REF : query.mask), v = mask_of(call, "value_mask", value.mask);
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

/* Whether Keras computes it with dot_product_attention, or step by step with its Softmax layer. */
static bool fused(const cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    double dropout = 0;
    (void)cuv_as_real(cuv_arg(layer, "dropout"), &dropout);
    return layer->keras >= 3 && layer->keras_minor >= 7 && !(dropout > 0) && !cuv_call_flag(call, "return_attention_scores");
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
    cuv_ref mask = cuv_mask_join(call, CUV_OP_LOGICAL_AND, padding, causal);
    *weights = fused(call) ? cuv_masked_softmax(call, scores, mask)
                           : cuv_softmax_layer(call, scores, mask, CUV_AT(.axes = {3}, .axes_count = 1));
    return cuv_emit2(p, CUV_OP_MATMUL, *weights, v);
}

/* ---- which axes attend --------------------------------------------------------------------------------------------------------- */

/* Axes over which places see each other, and those that only stand beside them, counted from 0. */
typedef struct axes { int attend[CUV_MAX_RANK], beside[CUV_MAX_RANK], attends, besides; } axes;

static cuv_status read_axes(cuv_call *call, axes *a)
{
    const cuv_layer *layer = call->layer;
    int64_t given[CUV_MAX_RANK];
    bool multi = strcmp(layer->def->name, "MultiHeadAttention") == 0, taken[CUV_MAX_RANK] = {false};
    int rank = cuv_call_rank(call, 0), count = multi ? cuv_arg_ints(layer, "attention_axes", given) : 0;
    *a = (axes){.attends = 0};
    for (int i = 0; i < count; i++) {
        int axis = (int)(given[i] < 0 ? given[i] + rank : given[i]);
        if (axis < 1 || axis > rank - 2 || taken[axis])
            return cuv_bad_arg(layer, "attention_axes", cuv_format(call->cx, "axes from 1 to %d", rank - 2));
        taken[axis] = true;
        a->attend[a->attends++] = axis;
    }
    for (int i = 1; i < rank - 1; i++) {
        if (!count)
            a->attend[a->attends++] = i;
        else if (!taken[i])
            a->beside[a->besides++] = i;
    }
    return CUV_OK;
}

/* (b, .., heads, size) as (b beside.., heads, attend.., size) of four axes. */
static cuv_status gather_axes(cuv_call *call, const axes *a, cuv_ref *x)
{
    const cuv_var *v = cuv_var_of(call, *x);
    int perm[CUV_MAX_RANK], next = 0, rank = v->rank;
    int64_t places = 1, heads_count = v->shape[rank - 2], size = v->shape[rank - 1];
    perm[next++] = 0;
    for (int i = 0; i < a->besides; i++)
        perm[next++] = a->beside[i];
    perm[next++] = rank - 2;
    for (int i = 0; i < a->attends; i++) {
        perm[next++] = a->attend[i];
        places = v->shape[a->attend[i]] < 0 ? -1 : places * v->shape[a->attend[i]];
    }
    perm[next] = rank - 1;
    if (places < 1)
        return cuv_bad_input(call, 0, "known sizes where places attend to each other");
    *x = cuv_emit_transpose(call->program, *x, perm);
    *x = cuv_emit_reshape(call->program, *x, (const int64_t[]){-1, heads_count, places, size}, 4);
    return call->program->status;
}

/* And back, with the query's sizes. */
static cuv_status scatter_axes(cuv_call *call, const axes *a, const cuv_var *query, cuv_ref *y)
{
    const cuv_var *v = cuv_var_of(call, *y);
    int64_t shape[CUV_MAX_RANK];
    int perm[CUV_MAX_RANK], next = 0;
    shape[next++] = -1;
    for (int i = 0; i < a->besides; i++) {
        perm[a->beside[i]] = next;
        shape[next++] = query->shape[a->beside[i]];
    }
    perm[query->rank - 1] = next;
    shape[next++] = v->shape[1];
    for (int i = 0; i < a->attends; i++) {
        perm[a->attend[i]] = next;
        shape[next++] = query->shape[a->attend[i]];
    }
    perm[0] = 0;
    perm[query->rank] = next;
    shape[next++] = v->shape[3];
    for (int i = 1; i < query->rank - 1; i++)
        if (query->shape[i] < 1)
            return cuv_bad_input(call, 0, "known sizes but for the batch");
    *y = cuv_emit_reshape(call->program, *y, shape, next);
    *y = cuv_emit_transpose(call->program, *y, perm);
    return call->program->status;
}

/* ---- one call ------------------------------------------------------------------------------------------------------------------ */

/* True where query and key are less than `width` places apart. */
static cuv_ref window_mask(cuv_call *call, cuv_ref query, cuv_ref key, int64_t width)
{
    cuv_program *p = call->program;
    cuv_ref row = cuv_emit(p, CUV_OP_RANGE, CUV_IN(query), CUV_AT(.axis = 1, .dtype = CUV_I32));
    cuv_ref column = cuv_emit(p, CUV_OP_RANGE, CUV_IN(key), CUV_AT(.axis = 1, .dtype = CUV_I32));
    cuv_ref apart = cuv_emit1(p, CUV_OP_ABS, cuv_emit2(p, CUV_OP_SUB, cuv_expand_dims(call, row, 1), column));
    return cuv_emit2(p, CUV_OP_LESS, apart, cuv_scalar_like(call, apart, (double)width));
}

typedef struct masks { cuv_ref padding, causal; } masks;

static cuv_status read_masks(cuv_call *call, cuv_sym query, cuv_sym value, cuv_sym key, masks *m)
{
    *m = (masks){padding_mask(call, query, value, key), CUV_NO_REF};
    if (cuv_call_flag(call, "use_causal_mask"))
        m->causal = cuv_causal_mask(call, query.value, value.value);
    if (!cuv_arg_none(call->layer, "sliding_window"))
        m->padding = cuv_mask_join(call, CUV_OP_LOGICAL_AND, m->padding,
                                   window_mask(call, query.value, value.value, cuv_arg_int(call->layer, "sliding_window")));
    return call->program->status;
}

/* Attention of more than one inner axis; masks have a meaning there only along axis 1. */
static cuv_status attend_wide(cuv_call *call, const axes *a, const masks *m, const cuv_ref *qkv, cuv_ref *out)
{
    const cuv_var query = *cuv_call_in(call, 0);
    cuv_ref q = qkv[0], k = qkv[1], v = qkv[2], weights;
    bool plain = a->attends == 1 && a->attend[0] == 1;
    if (m->padding != CUV_NO_REF || (m->causal != CUV_NO_REF && !plain))
        return cuv_call_unsupported(call, "attention_axes", "with masks only one axis is");
    if (cuv_call_flag(call, "return_attention_scores"))
        return cuv_call_unsupported(call, "attention_axes", "attention scores are returned for one axis only");
    CUV_TRY(gather_axes(call, a, &q));
    CUV_TRY(gather_axes(call, a, &k));
    CUV_TRY(gather_axes(call, a, &v));
    *out = attend(call, q, k, v, CUV_NO_REF, m->causal, &weights);
    CUV_TRY(call->program->status);
    return scatter_axes(call, a, &query, out);
}

/* Attention over axis 1: (b, t, heads, size). */
static cuv_status attend_plain(cuv_call *call, const masks *m, const cuv_ref *qkv, cuv_ref *out, cuv_ref *weights)
{
    heads h = heads_of(call->layer);
    cuv_ref q = by_head(call, qkv[0], 1), k = by_head(call, qkv[1], h.query / h.shared), v = by_head(call, qkv[2], h.query / h.shared);
    *out = cuv_transposed(call, attend(call, q, k, v, m->padding, m->causal, weights), (const int[]){0, 2, 1, 3});
    return call->program->status;
}

static cuv_status lower(cuv_call *call)
{
    cuv_sym query = call->in[0], value = tensor_of(call, 1, "value", query), key = tensor_of(call, 2, "key", value);
    cuv_ref qkv[3], gate, y, weights = CUV_NO_REF;
    axes a;
    masks m;
    int rank = cuv_call_rank(call, 0);
    if (cuv_var_of(call, value.value)->rank != rank || cuv_var_of(call, key.value)->rank != rank)
        return cuv_bad_input(call, 0, "query, value and key with as many axes");
    CUV_TRY(read_axes(call, &a));
    CUV_TRY(read_masks(call, query, value, key, &m));
    CUV_TRY(project(call, "_query_dense", query.value, &qkv[0]));
    CUV_TRY(project(call, "_key_dense", key.value, &qkv[1]));
    CUV_TRY(project(call, "_value_dense", value.value, &qkv[2]));
    CUV_TRY(rank == 3 ? attend_plain(call, &m, qkv, &y, &weights) : attend_wide(call, &a, &m, qkv, &y));
    if (cuv_arg_bool(call->layer, "use_gate")) {
        CUV_TRY(project(call, "_gate_dense", query.value, &gate));
        y = cuv_emit2(call->program, CUV_OP_MUL, y, cuv_emit1(call->program, CUV_OP_SIGMOID, gate));
    }
    CUV_TRY(project(call, "_output_dense", y, &y));
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
    P("value_dim", INT, "None", .allowed = ">=1"), P("dropout", FLOAT, "0.0"), USE_BIAS, P("output_shape", INTS, "None"),
    P("attention_axes", INTS, "None"), P("sliding_window", INT, "None"), INERT("flash_attention", "None"), KERNEL_AND_BIAS_INIT,
    KERNEL_AND_BIAS_RULES, P("use_gate", BOOL, "False"), INERT("seed", "None"), INERT("query_shape", "None"),
    INERT("key_shape", "None"), INERT("value_shape", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_multi_head_attention = {
    .name = "MultiHeadAttention", .doc = "heads of softmax(q k^T / sqrt(key_dim)) v, of projected query, key and value",
    .params = multi_params, .flags = CUV_LF_MULTI | CUV_LF_MASKS | CUV_LF_WRAPPER, .build = build, .lower = lower,
};

static const cuv_param group_params[] = {
    P("head_dim", INT, NULL, .allowed = ">=1"), P("num_query_heads", INT, NULL, .allowed = ">=1"),
    P("num_key_value_heads", INT, NULL, .allowed = ">=1"), P("dropout", FLOAT, "0.0"), USE_BIAS, P("sliding_window", INT, "None"),
    INERT("flash_attention", "None"), KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES, P("use_gate", BOOL, "False"),
    INERT("seed", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_group_query_attention = {
    .name = "GroupQueryAttention", .old_names = "GroupedQueryAttention",
    .doc = "MultiHeadAttention whose keys and values are shared by groups of query heads", .params = group_params,
    .flags = CUV_LF_MULTI | CUV_LF_MASKS | CUV_LF_WRAPPER, .check = group_check, .build = build, .lower = lower,
};
