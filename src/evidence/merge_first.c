/* Sequentials of Keras 1 that begin with a Merge of other Sequentials: models of several inputs. Written down as what they are, a
 * functional model, in which the branches' layers stand one by one; so the file keeps their weights, too. */
#include "evidence/read.h"

typedef struct flattening {
    struct cuv_evidence *ev;
    cuv_value *layers, *inputs;
} flattening;

static const cuv_value *layers_of(const cuv_value *record)
{
    const cuv_value *config = cuv_get(record, "config");
    return cuv_is_seq(config) ? config : cuv_get(config, "layers");
}

static bool is_sequential(const cuv_value *record)
{
    return cuv_streq(cuv_get_text(record, "class_name"), "Sequential") && cuv_len(layers_of(record));
}

/* A Merge whose branches are Sequentials that tell their inputs. */
static bool is_merge(const cuv_value *record, unsigned depth)
{
    const cuv_value *branches = cuv_get(cuv_get(record, "config"), "layers");
    if (!cuv_streq(cuv_get_text(record, "class_name"), "Merge") || !cuv_len(branches) || depth == 0)
        return false;
    for (size_t i = 0; i < cuv_len(branches); i++) {
        const cuv_value *first = is_sequential(cuv_item(branches, i)) ? cuv_item(layers_of(cuv_item(branches, i)), 0) : NULL;
        if (!first || (!cuv_is_seq(cuv_get(cuv_get(first, "config"), "batch_input_shape")) && !is_merge(first, depth - 1)))
            return false;
    }
    return true;
}

static cuv_status set(flattening *f, cuv_value *dict, const char *key, cuv_value *value)
{
    return cuv_dict_set(f->ev->arena, dict, key, value);
}

/* [name, 0, 0] */
static cuv_status triple(flattening *f, const char *name, cuv_value *list)
{
    cuv_arena *a = f->ev->arena;
    cuv_value *t = cuv_value_list(a);
    if (!t)
        return cuv_oom(f->ev->cx);
    CUV_TRY(cuv_list_add(a, t, cuv_value_text(a, name)));
    CUV_TRY(cuv_list_add(a, t, cuv_value_int(a, 0)));
    CUV_TRY(cuv_list_add(a, t, cuv_value_int(a, 0)));
    return cuv_list_add(a, list, t);
}

static cuv_status add_layer(flattening *f, const char *class_name, const char *name, cuv_value *config, cuv_value *from)
{
    cuv_arena *a = f->ev->arena;
    cuv_value *record = cuv_value_dict(a), *nodes = cuv_value_list(a);
    if (!record || !nodes)
        return cuv_oom(f->ev->cx);
    if (from)
        CUV_TRY(cuv_list_add(a, nodes, from));
    CUV_TRY(set(f, record, "class_name", cuv_value_text(a, class_name)));
    CUV_TRY(set(f, record, "name", cuv_value_text(a, name)));
    CUV_TRY(set(f, record, "config", config));
    CUV_TRY(set(f, record, "inbound_nodes", nodes));
    return cuv_list_add(a, f->layers, record);
}

static cuv_status add_input(flattening *f, const char *before, const cuv_value *first, const char **name)
{
    cuv_arena *a = f->ev->arena;
    cuv_value *config = cuv_value_dict(a), *shape = cuv_value_copy(a, cuv_get(first, "batch_input_shape"));
    const char *dtype = cuv_get_text(first, "input_dtype");
    *name = cuv_arena_printf(a, "%s_input", before);
    if (!config || !*name)
        return cuv_oom(f->ev->cx);
    CUV_TRY(set(f, config, "batch_input_shape", shape));
    CUV_TRY(set(f, config, "input_dtype", cuv_value_text(a, dtype ? dtype : "float32")));
    CUV_TRY(set(f, config, "name", cuv_value_text(a, *name)));
    CUV_TRY(add_layer(f, "InputLayer", *name, config, NULL));
    return triple(f, *name, f->inputs);
}

static cuv_status flatten(flattening *f, const cuv_value *layers, unsigned depth, const char **last);

static cuv_status flatten_branches(flattening *f, const cuv_value *merge, unsigned depth, cuv_value *from)
{
    const cuv_value *branches = cuv_get(cuv_get(merge, "config"), "layers");
    for (size_t i = 0; i < cuv_len(branches); i++) {
        const char *end = NULL;
        CUV_TRY(flatten(f, layers_of(cuv_item(branches, i)), depth, &end));
        CUV_TRY(triple(f, end, from));
    }
    return CUV_OK;
}

/* The layers of one Sequential, each wired to the one before; *last is the name of the last. */
static cuv_status flatten(flattening *f, const cuv_value *layers, unsigned depth, const char **last)
{
    cuv_arena *a = f->ev->arena;
    const char *before = NULL;
    for (size_t i = 0; i < cuv_len(layers); i++) {
        const cuv_value *record = cuv_item(layers, i);
        const char *class_name = cuv_get_text(record, "class_name"), *name = cuv_get_text(cuv_get(record, "config"), "name");
        cuv_value *config = cuv_value_copy(a, cuv_get(record, "config")), *from = cuv_value_list(a);
        bool branches = i == 0 && is_merge(record, depth);
        if (!class_name || !name || depth == 0)
            return cuv_fail(f->ev->cx, CUV_DAMAGED, "config.layer", &(cuv_detail){.found = cuv_value_repr(f->ev->cx, record)},
                            "a layer of a merged Sequential has no class or no name");
        if (!config || !from)
            return cuv_oom(f->ev->cx);
        if (branches) {
            CUV_TRY(flatten_branches(f, record, depth - 1, from));
            CUV_TRY(set(f, config, "layers", cuv_value_null(a)));
        } else if (i == 0) {
            CUV_TRY(add_input(f, name, cuv_get(record, "config"), &before));
        }
        if (!branches)
            CUV_TRY(triple(f, before, from));
        CUV_TRY(add_layer(f, class_name, name, config, from));
        before = name;
    }
    *last = before;
    return CUV_OK;
}

cuv_status cuv_flatten_merged(struct cuv_evidence *ev, cuv_value **record)
{
    enum { DEEP = 16 };
    cuv_arena *a = ev->arena;
    flattening f = {ev, cuv_value_list(a), cuv_value_list(a)};
    cuv_value *outputs = cuv_value_list(a), *config = cuv_value_dict(a), *model = cuv_value_dict(a);
    const char *last = NULL, *name = cuv_get_text(cuv_get(*record, "config"), "name");
    if (!is_sequential(*record) || !is_merge(cuv_item(layers_of(*record), 0), DEEP))
        return CUV_OK;
    if (!f.layers || !f.inputs || !outputs || !config || !model)
        return cuv_oom(ev->cx);
    CUV_TRY(flatten(&f, layers_of(*record), DEEP, &last));
    CUV_TRY(triple(&f, last, outputs));
    CUV_TRY(set(&f, config, "name", cuv_value_text(a, name ? name : "sequential")));
    CUV_TRY(set(&f, config, "layers", f.layers));
    CUV_TRY(set(&f, config, "input_layers", f.inputs));
    CUV_TRY(set(&f, config, "output_layers", outputs));
    CUV_TRY(set(&f, model, "class_name", cuv_value_text(a, "Model")));
    CUV_TRY(set(&f, model, "config", config));
    *record = model;
    return CUV_OK;
}
