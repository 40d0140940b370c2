/* Parses Sequential models: a chain of layers, whose input any of half a dozen places may declare. */
#include "model/graph_parse.h"

static bool is_model_class(const char *name)
{
    return cuv_streq(name, "Functional") || cuv_streq(name, "Model") || cuv_streq(name, "Sequential");
}

/* The shape that a Sequential's first layer, or what is first inside it, declares for its input; NULL: none. */
static const cuv_value *declared_input(const cuv_value *record, unsigned depth)
{
    static const char *const keys[] = {"batch_input_shape", "batch_shape", NULL};
    const cuv_value *config = cuv_get(record, "config");
    for (size_t i = 0; keys[i]; i++)
        if (cuv_is_seq(cuv_get(config, keys[i])))
            return cuv_get(config, keys[i]);
    if (depth >= 8)
        return NULL;
    const cuv_value *layers = config && config->kind == CUV_DICT ? cuv_get(config, "layers") : config;
    if (cuv_streq(cuv_get_text(record, "class_name"), "Sequential"))
        return declared_input(cuv_item(layers, 0), depth + 1);
    if (is_model_class(cuv_get_text(record, "class_name"))) {
        const cuv_value *ends = cuv_get(config, "input_layers");
        const cuv_value *triple = cuv_is_wire_triple(ends) ? ends : cuv_item(ends, 0);
        for (size_t i = 0; i < cuv_len(layers); i++)
            if (cuv_streq(cuv_record_layer_name(cuv_item(layers, i)), cuv_text(cuv_item(triple, 0))))
                return declared_input(cuv_item(layers, i), depth + 1);
    }
    return NULL;
}

/* A shape in the configuration; None is -1. */
static bool read_shape(const cuv_value *v, int64_t *shape, int *rank)
{
    if (cuv_streq(cuv_get_text(v, "class_name"), "__tuple__"))
        v = cuv_get(v, "items");
    if (!cuv_is_seq(v) || cuv_len(v) < 1 || cuv_len(v) > CUV_MAX_RANK)
        return false;
    *rank = (int)cuv_len(v);
    for (int i = 0; i < *rank; i++) {
        if (cuv_is_null(cuv_item(v, (size_t)i)))
            shape[i] = -1;
        else if (!cuv_as_int(cuv_item(v, (size_t)i), &shape[i]) || shape[i] < 0)
            return false;
    }
    return true;
}

static cuv_status input_record(struct cuv_model *m, const char *name, const int64_t *shape, int rank, const char *dtype,
                               cuv_value **out)
{
    cuv_arena *a = m->arena;
    cuv_value *record = cuv_value_dict(a), *config = cuv_value_dict(a), *dims = cuv_value_list(a);
    if (!record || !config || !dims)
        return cuv_oom(m->cx);
    for (int i = 0; i < rank; i++)
        CUV_TRY(cuv_list_add(a, dims, shape[i] < 0 ? cuv_value_null(a) : cuv_value_int(a, shape[i])));
    CUV_TRY(cuv_dict_set(a, config, "name", cuv_value_text(a, name)));
    CUV_TRY(cuv_dict_set(a, config, "batch_shape", dims));
    CUV_TRY(cuv_dict_set(a, config, "dtype", cuv_value_text(a, dtype)));
    CUV_TRY(cuv_dict_set(a, record, "class_name", cuv_value_text(a, "InputLayer")));
    CUV_TRY(cuv_dict_set(a, record, "config", config));
    *out = record;
    return CUV_OK;
}

/* Input dtype of a first layer; Keras 1 says input_dtype, mixed policies are no input dtype. */
static const char *declared_dtype(const cuv_value *record)
{
    const cuv_value *config = cuv_get(record, "config");
    const char *dtype = cuv_get_text(config, "input_dtype");
    if (!dtype)
        dtype = cuv_get_text(config, "dtype");
    cuv_dtype parsed;
    return dtype && cuv_dtype_parse(dtype, &parsed) ? dtype : "float32";
}

static cuv_status chain_calls(struct cuv_model *m, cuv_graph *g)
{
    g->calls = CUV_NEW_ARRAY(m->arena, cuv_graph_call, g->layer_count + 1);
    g->outputs = CUV_NEW_ARRAY(m->arena, cuv_wire, 1);
    g->output_names = CUV_NEW_ARRAY(m->arena, const char *, 1);
    if (!g->calls || !g->outputs || !g->output_names)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->layer_count; i++) {
        g->calls[i].layer = (int32_t)i;
        if (i == 0)
            continue;
        cuv_wired_arg *arg = CUV_NEW(m->arena, cuv_wired_arg);
        cuv_wire *wire = CUV_NEW(m->arena, cuv_wire);
        if (!arg || !wire)
            return cuv_oom(m->cx);
        *wire = (cuv_wire){(int32_t)i - 1, 0};
        *arg = (cuv_wired_arg){.kind = CUV_ARG_TENSOR, .wires = wire, .wire_count = 1};
        g->calls[i].args = arg;
        g->calls[i].arg_count = 1;
    }
    g->call_count = g->layer_count;
    if (g->layer_count) {
        g->outputs[0] = (cuv_wire){(int32_t)g->layer_count - 1, 0};
        g->output_names[0] = g->layers[g->layer_count - 1]->name;
    }
    g->output_count = 1;
    return CUV_OK;
}

/* Inserts an InputLayer before the first layer. */
static cuv_status prepend_input(struct cuv_model *m, cuv_graph *g, const cuv_layer *like, const char *name, const int64_t *shape, int rank,
                                const char *dtype)
{
    cuv_value *record = NULL;
    CUV_TRY(input_record(m, name, shape, rank, dtype, &record));
    cuv_layer **layers = CUV_NEW_ARRAY(m->arena, cuv_layer *, g->layer_count + 2);
    g->inputs = CUV_NEW_ARRAY(m->arena, int32_t, 1);
    g->input_keys = CUV_NEW_ARRAY(m->arena, const char *, 1);
    if (!layers || !g->inputs || !g->input_keys)
        return cuv_oom(m->cx);
    CUV_TRY(cuv_layer_new(m->arena, record, like, &layers[0]));
    if (g->layer_count)
        memcpy(layers + 1, g->layers, g->layer_count * sizeof *layers);
    g->layers = layers;
    g->layer_count++;
    g->input_keys[0] = layers[0]->name;
    g->input_count = 1;
    g->input_added = true;
    return chain_calls(m, g);
}

/* Sequential: a list of layers (Keras 1, 2 up to 2.2.2) or {"name", "layers", "build_input_shape"}. */
cuv_status cuv_graph_parse_sequential(struct cuv_model *m, cuv_graph *g, const cuv_value *record, const cuv_layer *like)
{
    const cuv_value *config = cuv_get(record, "config");
    const cuv_value *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    g->sequential = true;
    CUV_TRY(cuv_graph_make_layers(m, g, layers, like, cuv_map_new(m->arena)));
    const cuv_value *first = cuv_item(layers, 0);
    if (cuv_streq(g->layers[0]->def->name, "InputLayer")) {
        g->inputs = CUV_NEW_ARRAY(m->arena, int32_t, 1);
        g->input_keys = CUV_NEW_ARRAY(m->arena, const char *, 1);
        if (!g->inputs || !g->input_keys)
            return cuv_oom(m->cx);
        g->input_keys[0] = g->layers[0]->name;
        g->input_count = 1;
        return chain_calls(m, g);
    }
    const cuv_value *declared = declared_input(first, 0);
    if (!declared)
        declared = cuv_get(config, "build_input_shape");
    if (!declared)
        declared = cuv_get(config, "batch_input_shape");
    if (!declared)
        declared = cuv_get(cuv_get(record, "build_config"), "input_shape");
    if (!declared)
        declared = cuv_get(cuv_get(first, "build_config"), "input_shape");
    if (read_shape(declared, shape, &rank)) {
        const char *name = like->keras >= 3 ? "input_layer"
                         : cuv_arena_printf(m->arena, "%s_input", g->layers[0]->name);
        return name ? prepend_input(m, g, like, name, shape, rank, declared_dtype(first)) : cuv_oom(m->cx);
    }
    return chain_calls(m, g);
}

bool cuv_graph_needs_input(const cuv_graph *g)
{
    return g->sequential && !g->input_count;
}

cuv_status cuv_graph_add_input(struct cuv_model *m, cuv_graph *g, const cuv_layer *like, const int64_t *shape, int rank)
{
    return prepend_input(m, g, like, "input_layer", shape, rank, "float32");
}
