/* A TensorFlowOpLayer of Keras in TensorFlow 2.0 to 2.3: an op of a graph with its inputs in order, some of them
 * constants. Its call is put together as the calls of functions are: each input an argument, attributes that say
 * something by keyword. */
#include "model/graph.h"

static bool names_attribute(const char *name)
{
    static const char *const kept[] = {"keep_dims", "DstT", "squeeze_dims", "axis", "transpose_a", "transpose_b", "adj_x",
                                       "adj_y", "alpha", "align_corners",
                                       "half_pixel_centers", "strides", "padding", "dilations"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcmp(kept[i], name) == 0)
            return true;
    return false;
}

static cuv_value *number(cuv_arena *arena, const cuv_value *v)
{
    const char *text = cuv_text(v);
    int64_t n = 0;
    if (!text)
        return (cuv_value *)(uintptr_t)v;
    return cuv_value_int(arena, cuv_parse_i64(text, strlen(text), &n) ? n : 0);
}

/* Bytes of a message as JSON has them. What is not in base64 stays as it is; NULL: no memory. */
static cuv_value *base64(cuv_arena *arena, const char *text)
{
    cuv_buffer b;
    cuv_value *out = NULL;
    cuv_buffer_init(&b, cuv_arena_context(arena));
    const bool decoded = cuv_buffer_base64(&b, text, strlen(text));
    if (!b.failed)
        out = !decoded ? cuv_value_text(arena, text) : cuv_value_text_n(arena, b.data ? b.data : "", b.size);
    cuv_buffer_free(&b);
    return out;
}

/* {"b": true}, {"i": "1"}, {"f": 0.2}, {"type": "DT_FLOAT"}, {"list": {"i": ["1"]}} as a plain value; NULL: no memory. */
static cuv_value *attribute(cuv_arena *arena, const cuv_value *v)
{
    static const char *const types[][2] = {{"DT_FLOAT", "float32"}, {"DT_HALF", "float16"}, {"DT_BFLOAT16", "bfloat16"},
        {"DT_DOUBLE", "float64"}, {"DT_INT32", "int32"}, {"DT_INT64", "int64"}, {"DT_BOOL", "bool"},
        {"DT_INT8", "int8"}, {"DT_UINT8", "uint8"}, {"DT_INT16", "int16"}, {"DT_UINT16", "uint16"}, {"DT_UINT32", "uint32"}};
    const cuv_value *list = cuv_get(cuv_get(v, "list"), "i");
    const char *type = cuv_get_text(v, "type");
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i][0], type) == 0)
            return cuv_value_text(arena, types[i][1]);
    if (type)
        return cuv_value_text(arena, type);
    if (cuv_get(v, "list")) {
        cuv_value *out = cuv_len(list) ? cuv_value_list(arena) : cuv_value_null(arena);
        for (size_t i = 0; out && i < cuv_len(list); i++)
            if (cuv_list_add(arena, out, number(arena, cuv_item(list, i))) != CUV_OK)
                return NULL;
        return out;
    }
    const char *bytes = cuv_get_text(v, "s");
    if (bytes)
        return base64(arena, bytes);
    for (size_t i = 0; v && v->kind == CUV_DICT && i < v->size; i++)
        return number(arena, v->pairs[i].value);
    return cuv_value_null(arena);
}

static const cuv_value *constant_at(const cuv_value *config, size_t input)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", input);
    return cuv_get(cuv_get(config, "constants"), key);
}

/* ---- StridedSlice: begin, end, strides and masks as a key ---- */

static int64_t mask_of(const cuv_value *attrs, const char *name)
{
    const cuv_value *v = cuv_get(cuv_get(attrs, name), "i");
    const char *text = cuv_text(v);
    int64_t n = 0;
    if (text ? !cuv_parse_i64(text, strlen(text), &n) : !cuv_as_int(v, &n))
        n = 0;
    return n;
}

static cuv_status slice_item(cuv_arena *a, const cuv_value *config, const cuv_value *attrs, size_t i, cuv_value **out)
{
    const cuv_value *begin = cuv_item(constant_at(config, 1), i), *end = cuv_item(constant_at(config, 2), i);
    const cuv_value *step = cuv_item(constant_at(config, 3), i);
    if (mask_of(attrs, "new_axis_mask") >> i & 1)
        *out = cuv_value_null(a);
    else if (mask_of(attrs, "shrink_axis_mask") >> i & 1)
        *out = (cuv_value *)(uintptr_t)begin;
    else
        *out = cuv_value_dict(a);
    if (!*out)
        return cuv_oom(cuv_arena_context(a));
    if (mask_of(attrs, "ellipsis_mask") >> i & 1)
        return cuv_dict_set(a, *out, "class_name", cuv_value_text(a, "__ellipsis__"));
    if ((*out)->kind != CUV_DICT)
        return CUV_OK;
    bool open = mask_of(attrs, "begin_mask") >> i & 1, ends = mask_of(attrs, "end_mask") >> i & 1;
    CUV_TRY(cuv_dict_set(a, *out, "start", open ? cuv_value_null(a) : (cuv_value *)(uintptr_t)begin));
    CUV_TRY(cuv_dict_set(a, *out, "stop", ends ? cuv_value_null(a) : (cuv_value *)(uintptr_t)end));
    return cuv_dict_set(a, *out, "step", (cuv_value *)(uintptr_t)step);
}

static cuv_status slice_key(cuv_arena *a, const cuv_value *config, const cuv_value *attrs, cuv_value **out)
{
    size_t n = cuv_len(constant_at(config, 1));
    *out = cuv_value_list(a);
    if (!n || n > CUV_MAX_RANK || cuv_len(constant_at(config, 2)) != n || cuv_len(constant_at(config, 3)) != n)
        return cuv_fail(cuv_arena_context(a), CUV_UNSUPPORTED, "operation.argument",
                        &(cuv_detail){.layer = cuv_get_text(config, "name")}, "the slice '%s' has ends that are computed", cuv_get_text(config, "name"));
    for (size_t i = 0; *out && i < n; i++) {
        cuv_value *item;
        CUV_TRY(slice_item(a, config, attrs, i, &item));
        CUV_TRY(cuv_list_add(a, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(cuv_arena_context(a));
}

/* ---- the call ---- */

static cuv_status inputs_of(cuv_arena *a, const cuv_value *config, cuv_wire *wires, size_t wire_count, cuv_wired_arg *args,
                            size_t *count)
{
    const cuv_value *def = cuv_get(config, "node_def"), *inputs = cuv_get(def, "input");
    const char *op = cuv_get_text(def, "op");
    bool list = cuv_streq(op, "ConcatV2") || cuv_streq(op, "Pack") || cuv_streq(op, "AddN");
    size_t next = 0;
    if (list) {
        args[(*count)++] = (cuv_wired_arg){.kind = CUV_ARG_LIST, .wires = wires, .wire_count = wire_count};
        next = wire_count;
    }
    for (size_t i = 0; i < cuv_len(inputs); i++) {
        const cuv_value *constant = constant_at(config, i);
        if (constant)
            args[(*count)++] = (cuv_wired_arg){.kind = CUV_ARG_LITERAL, .literal = constant};
        else if (next < wire_count)
            args[(*count)++] = (cuv_wired_arg){.kind = CUV_ARG_TENSOR, .wires = &wires[next++], .wire_count = 1};
    }
    if (!cuv_streq(op, "StridedSlice"))
        return CUV_OK;
    cuv_value *key;
    CUV_TRY(slice_key(a, config, cuv_get(def, "attr"), &key));
    *count = 1;
    args[(*count)++] = (cuv_wired_arg){.kind = CUV_ARG_LITERAL, .literal = key};
    return CUV_OK;
}

cuv_status cuv_graph_op_args(cuv_arena *a, const cuv_value *record, cuv_wire *wires, size_t wire_count, cuv_wired_arg **out,
                             size_t *count)
{
    const cuv_value *config = cuv_get(record, "config"), *def = cuv_get(config, "node_def"), *attrs = cuv_get(def, "attr");
    size_t most = cuv_len(cuv_get(def, "input")) + (attrs && attrs->kind == CUV_DICT ? attrs->size : 0) + 2;
    cuv_wired_arg *args = CUV_NEW_ARRAY(a, cuv_wired_arg, most);
    *count = 0;
    *out = args;
    if (!args)
        return cuv_oom(cuv_arena_context(a));
    if (cuv_streq(cuv_get_text(def, "op"), "Einsum")) {      /* the equation comes first, as in the function */
        cuv_value *equation = attribute(a, cuv_get(attrs, "equation"));
        if (!equation)
            return cuv_oom(cuv_arena_context(a));
        args[(*count)++] = (cuv_wired_arg){.kind = CUV_ARG_LITERAL, .literal = equation};
    }
    CUV_TRY(inputs_of(a, config, wires, wire_count, args, count));
    for (size_t i = 0; attrs && attrs->kind == CUV_DICT && i < attrs->size; i++) {
        const char *name = cuv_text(attrs->pairs[i].key);
        cuv_value *value;
        if (!name || !names_attribute(name))
            continue;
        if (!(value = attribute(a, attrs->pairs[i].value)))
            return cuv_oom(cuv_arena_context(a));
        args[(*count)++] = (cuv_wired_arg){.name = name, .kind = CUV_ARG_LITERAL, .literal = value};
    }
    return CUV_OK;
}
