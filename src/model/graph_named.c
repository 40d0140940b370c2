/* What a layer is called with in dicts and nested lists, as the list that Keras makes of it. */
#include "model/graph_parse.h"
#include "model/model.h"

#include <stdlib.h>

enum { DEEPEST = 16 };

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const cuv_pair *)a)->key->text, ((const cuv_pair *)b)->key->text);
}

cuv_status cuv_pairs_by_key(cuv_arena *arena, const cuv_value *dict, const cuv_pair **out)
{
    cuv_pair *pairs = CUV_NEW_ARRAY(arena, cuv_pair, dict->size + 1);
    *out = pairs;
    if (!pairs)
        return cuv_oom(cuv_arena_context(arena));
    if (dict->size > 0)
        memcpy(pairs, dict->pairs, dict->size * sizeof *pairs);
    for (size_t i = 0; i < dict->size; i++)
        if (!cuv_text(pairs[i].key))
            return CUV_OK;
    qsort(pairs, dict->size, sizeof *pairs, compare_keys);
    return CUV_OK;
}

const cuv_value *cuv_tuple_items(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__tuple__") ? cuv_get(v, "items") : v;
}

bool cuv_is_keras_tensor(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__");
}

/* A tensor in any of the forms, a constant of TensorFlow's op layers, None, a number. */
static bool is_leaf(const cuv_value *v)
{
    bool structure = v && (cuv_is_seq(v) || v->kind == CUV_DICT);
    return !structure || cuv_is_keras_tensor(v) || (cuv_is_seq(v) && cuv_text(cuv_item(v, 0)));
}

static cuv_status flatten(cuv_arena *arena, const cuv_value *v, unsigned depth, cuv_value *list)
{
    if (depth > DEEPEST)
        return cuv_fail(cuv_arena_context(arena), CUV_UNSAFE, "limit.depth", NULL, "the tensors that a layer is called with are nested too deeply");
    v = cuv_tuple_items(v);
    if (is_leaf(v))
        return cuv_list_add(arena, list, v ? (cuv_value *)(uintptr_t)v : cuv_value_null(arena));
    if (cuv_is_seq(v)) {
        for (size_t i = 0; i < cuv_len(v); i++)
            CUV_TRY(flatten(arena, cuv_item(v, i), depth + 1, list));
        return CUV_OK;
    }
    const cuv_pair *pairs;
    CUV_TRY(cuv_pairs_by_key(arena, v, &pairs));
    for (size_t i = 0; i < v->size; i++)
        CUV_TRY(flatten(arena, pairs[i].value, depth + 1, list));
    return CUV_OK;
}

/* A model takes of a dict what its inputs are called, if all are there. */
static bool has_inputs(const cuv_graph *g, const cuv_value *v)
{
    bool all = g && g->input_count && v->kind == CUV_DICT;
    for (size_t i = 0; all && i < g->input_count; i++)
        all = cuv_get(v, g->input_keys[i]) && is_leaf(cuv_get(v, g->input_keys[i]));
    return all;
}

cuv_status cuv_flat_structure(cuv_arena *arena, const cuv_layer *layer, const cuv_value *v, const cuv_value **out)
{
    const struct cuv_model *inside = layer->model;
    const cuv_graph *g = inside ? inside->graph : NULL;
    cuv_value *list = cuv_value_list(arena);
    *out = v = cuv_tuple_items(v);
    if (is_leaf(v))
        return CUV_OK;
    if (!list)
        return cuv_oom(cuv_arena_context(arena));
    *out = list;
    if (!has_inputs(g, v))
        return flatten(arena, v, 0, list);
    for (size_t i = 0; i < g->input_count; i++)
        CUV_TRY(cuv_list_add(arena, list, cuv_get(v, g->input_keys[i])));
    return CUV_OK;
}
