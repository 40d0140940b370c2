/* Dtype policies: a layer's compute and variable dtypes from the "dtype" of its configuration. */
#include "layers/support.h"

static const struct { const char *name; cuv_dtype compute, variable; } mixed[] = {
    {"mixed_float16", CUV_F16, CUV_F32}, {"mixed_bfloat16", CUV_BF16, CUV_F32}};

static cuv_status unsupported(const cuv_layer *layer, const char *what)
{
    return cuv_fail(cuv_arena_context(layer->arena), CUV_UNSUPPORTED, "layer.policy",
                    &(cuv_detail){.layer = layer->name, .found = what,
                                  .help = "save the model before it is quantised, or give its layers a float policy"},
                    "layer '%s' (%s): the dtype policy %s is not supported", layer->name, layer->class_name, what);
}

/* Name of the policy in a string, a {"class_name", "config"} record, or "" for none. */
static cuv_status policy_name(const cuv_layer *layer, const cuv_value *dtype, const char **out)
{
    const char *class_name = cuv_get_text(dtype, "class_name");
    const cuv_value *config = cuv_get(dtype, "config");
    *out = "";
    if (cuv_is_null(dtype))
        return CUV_OK;
    if (!class_name) {
        *out = cuv_text(dtype) ? cuv_text(dtype) : "";
        return CUV_OK;
    }
    const char *name = cuv_get_text(config, "name"), *mode = cuv_get_text(config, "mode");
    if (cuv_streq(class_name, "DTypePolicyMap")) {
        return policy_name(layer, cuv_get(config, "default_policy"), out);
    }
    if (mode || !(cuv_streq(class_name, "DTypePolicy") || cuv_streq(class_name, "Policy") || cuv_streq(class_name, "PolicyV1") ||
                  cuv_streq(class_name, "FloatDTypePolicy")))
        return unsupported(layer, cuv_format(cuv_arena_context(layer->arena), "%s(%s)", class_name, mode ? mode : ""));
    *out = name ? name : "";
    return CUV_OK;
}

cuv_status cuv_read_policy(cuv_layer *layer)
{
    const cuv_value *dtype = cuv_get(layer->config, "dtype");
    const char *name;
    layer->compute = layer->variable = CUV_F32;
    if (!cuv_is_null(cuv_get(layer->config, "quantization_config")))
        return unsupported(layer, "with a quantization_config");
    if (cuv_streq(cuv_get_text(dtype, "class_name"), "DTypePolicyMap") &&
        cuv_get_text(cuv_get(cuv_get(dtype, "config"), "default_policy"), "class_name") == NULL &&
        !cuv_text(cuv_get(cuv_get(dtype, "config"), "default_policy")))
        return CUV_OK;
    CUV_TRY(policy_name(layer, dtype, &name));
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
