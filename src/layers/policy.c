/* Dtype policies: a layer's compute and variable dtypes from the "dtype" of its configuration. */
#include "layers/quantized.h"

static const struct { const char *name; cuv_dtype compute, variable; } mixed[] = {
    {"mixed_float16", CUV_F16, CUV_F32}, {"mixed_bfloat16", CUV_BF16, CUV_F32}};

static cuv_status unsupported(const cuv_layer *layer, const char *what)
{
    return cuv_fail(cuv_arena_context(layer->arena), CUV_UNSUPPORTED, "layer.policy",
                    &(cuv_detail){.layer = layer->name, .found = what,
                                  .help = "save the model before it is quantised, or give its layers a float policy"},
                    "layer '%s' (%s): the dtype policy %s is not supported", layer->name, layer->class_name, what);
}

/* ---- quantised ones ---- */

static bool can_be_quantised(const cuv_layer *layer, cuv_quant_mode mode)
{
    const char *name = layer->def->name;
    bool kernel = strcmp(name, "Dense") == 0 || strcmp(name, "EinsumDense") == 0;
    bool rows = strcmp(name, "Embedding") == 0 || strcmp(name, "ReversibleEmbedding") == 0;
    return kernel || (rows && (mode == CUV_Q_INT8 || mode == CUV_Q_INT4));
}

/* "int8", "int4", "int4/128", "float8", "gptq/4/128", "awq/4/128" */
static bool parse_mode(const char *text, size_t size, cuv_quant *q)
{
    static const char *const modes[] = {"int8", "int4", "float8", "gptq", "awq"};
    size_t n = 0, m = 0;
    int64_t bits = 4;
    for (; n < size && text[n] != '/'; n++) {}
    for (; m < 5 && !(strlen(modes[m]) == n && !strncmp(text, modes[m], n)); m++) {}
    if (m == 5)
        return false;
    q->mode = (cuv_quant_mode)m;
    q->block = -1;
    if (n < size && q->mode >= CUV_Q_GPTQ) {
        size_t end = n + 1;
        for (; end < size && text[end] != '/'; end++) {}
        if (!cuv_parse_i64(text + n + 1, end - n - 1, &bits) || end >= size)
            return false;
        n = end;
    }
    q->bits = (int)bits;
    bool known = q->mode != CUV_Q_AWQ ? bits == 2 || bits == 3 || bits == 4 || bits == 8 : bits == 4;
    return known && (n >= size || (cuv_parse_i64(text + n + 1, size - n - 1, &q->block) && q->block != 0 && q->block >= -1));
}

/* What quantization_config says beyond the policy: whether and how inputs are rounded, and the size of groups. */
static cuv_status read_quantisation(cuv_layer *layer, cuv_quant *q)
{
    const cuv_value *record = cuv_get(layer->config, "quantization_config"), *config = cuv_get(record, "config");
    const cuv_value *rounding = cuv_get(config, "activation_quantizer"), *settings = cuv_get(rounding, "config");
    const cuv_value *range = cuv_get(settings, "value_range");
    bool reversible = strcmp(layer->def->name, "ReversibleEmbedding") == 0;
    q->low = -127;
    q->high = 127;
    q->epsilon = 1e-7;
    q->activations = q->mode == CUV_Q_INT8 || (q->mode == CUV_Q_INT4 && reversible);
    if (cuv_is_null(record))
        return CUV_OK;
    if (q->mode == CUV_Q_INT4 && (!cuv_as_int(cuv_get(config, "block_size"), &q->block) || q->block <= 0))
        q->block = -1;
    if (q->mode == CUV_Q_GPTQ || q->mode == CUV_Q_AWQ) {
        int64_t bits = q->bits;
        (void)cuv_as_int(cuv_get(config, "group_size"), &q->block);
        (void)cuv_as_int(cuv_get(config, "weight_bits"), &bits);
        q->bits = (int)bits;
    }
    q->activations = !cuv_is_null(rounding) && q->mode <= CUV_Q_INT4;
    if (q->activations && !cuv_streq(cuv_get_text(rounding, "class_name"), "AbsMaxQuantizer"))
        return unsupported(layer, "with an activation quantizer that is no AbsMaxQuantizer");
    if (q->activations && q->mode == CUV_Q_INT4 && q->block > 0)
        q->activations = false;         /* Keras rounds no inputs of grouped kernels */
    (void)cuv_as_real(cuv_get(settings, "epsilon"), &q->epsilon);
    (void)cuv_as_real(cuv_item(range, 0), &q->low);
    (void)cuv_as_real(cuv_item(range, 1), &q->high);
    return CUV_OK;
}

static cuv_status quantised(cuv_layer *layer, const char *mode, size_t size, const cuv_value *policy)
{
    cuv_context *cx = cuv_arena_context(layer->arena);
    cuv_quant *q = CUV_NEW(layer->arena, cuv_quant);
    if (!q)
        return cuv_oom(cx);
    if (!parse_mode(mode, size, q))
        return unsupported(layer, cuv_format(cx, "'%.*s'", (int)(size < 99 ? size : 99), mode));
    if (!can_be_quantised(layer, q->mode))
        return unsupported(layer, cuv_format(cx, "'%.*s', which Keras does not have for this class,", (int)size, mode));
    q->history = 1024;
    (void)cuv_as_int(cuv_get(policy, "amax_history_length"), &q->history);
    CUV_TRY(read_quantisation(layer, q));
    layer->quant = q;
    return CUV_OK;
}

/* ---- names ---- */

/* The entry of a DTypePolicyMap for this layer, by the end of its path, else the default. */
static const cuv_value *policy_of_map(const cuv_layer *layer, const cuv_value *map)
{
    const cuv_value *entries = cuv_get(map, "policy_map");
    for (size_t i = 0; layer->parent && entries && entries->kind == CUV_DICT && i < entries->size; i++) {
        const char *path = cuv_text(entries->pairs[i].key), *slash = path ? strrchr(path, '/') : NULL;
        size_t n = strlen(layer->parent->name);
        if (slash && cuv_streq(slash + 1, layer->name) && (size_t)(slash - path) >= n &&
            !strncmp(slash - n, layer->parent->name, n) && (slash - n == path || slash[-1 - (ptrdiff_t)n] == '/'))
            return entries->pairs[i].value;
    }
    return cuv_get(map, "default_policy");
}

/* Name of the policy in a string, a {"class_name", "config"} record, or "" for none; quantised ones give their source's. */
static cuv_status policy_name(cuv_layer *layer, const cuv_value *dtype, unsigned depth, const char **out)
{
    const char *class_name = cuv_get_text(dtype, "class_name");
    const cuv_value *config = cuv_get(dtype, "config");
    *out = "";
    if (cuv_is_null(dtype))
        return CUV_OK;
    if (!class_name) {
        const char *text = cuv_text(dtype) ? cuv_text(dtype) : "", *from = strstr(text, "_from_");
        *out = from ? from + strlen("_from_") : text;
        return from ? quantised(layer, text, (size_t)(from - text), NULL) : CUV_OK;
    }
    const char *name = cuv_get_text(config, "name"), *mode = cuv_get_text(config, "mode");
    if (cuv_streq(class_name, "DTypePolicyMap") && depth)
        return policy_name(layer, policy_of_map(layer, config), depth - 1, out);
    if (mode) {
        const char *source = cuv_get_text(config, "source_name");
        *out = source ? source : "float32";
        return quantised(layer, mode, strlen(mode), config);
    }
    if (!(cuv_streq(class_name, "DTypePolicy") || cuv_streq(class_name, "Policy") || cuv_streq(class_name, "PolicyV1") ||
          cuv_streq(class_name, "FloatDTypePolicy")))
        return unsupported(layer, cuv_format(cuv_arena_context(layer->arena), "%s", class_name));
    *out = name ? name : "";
    return CUV_OK;
}

cuv_status cuv_read_policy(cuv_layer *layer)
{
    const cuv_value *dtype = cuv_get(layer->config, "dtype");
    const char *name;
    layer->compute = layer->variable = CUV_F32;
    CUV_TRY(policy_name(layer, dtype, 4, &name));
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
        if (strcmp(name, mixed[i].name) == 0) {
            layer->compute = mixed[i].compute;
            layer->variable = mixed[i].variable;
            layer->policy = mixed[i].name;
            return CUV_OK;
        }
    if (!*name || strcmp(name, "_infer") == 0 || strcmp(name, "infer") == 0)
        return CUV_OK;
    cuv_dtype read;
    if (!cuv_dtype_parse(name, &read))
        return unsupported(layer, cuv_format(cuv_arena_context(layer->arena), "'%s'", name));
    layer->compute = layer->variable = read;
    layer->policy = read == CUV_F32 ? NULL : name;
    return CUV_OK;
}
