/* Dicts of tensors, on which layers of images are called, in a configuration of Keras 3. */
#include "emit/config.h"
#include "layers/support.h"

typedef struct filling { cuv_config_writer *w; const struct cuv_model *m; const cuv_graph *g; const cuv_wired_arg *arg; size_t at; } filling;

enum { DEEPEST = 16 };

static cuv_status fill(filling *f, const cuv_value *v, unsigned depth, cuv_value **out)
{
    cuv_arena *a = f->w->arena;
    *out = (cuv_value *)(uintptr_t)v;
    if (cuv_is_dict_of_tensors(v) || cuv_is_seq(v))
        *out = cuv_is_seq(v) ? cuv_value_list(a) : cuv_value_dict(a);
    else if (v && v->kind == CUV_DICT && f->at < f->arg->wire_count)
        return cuv_config_tensor(f->w, f->m, f->g, f->arg->wires[f->at++], out);
    if (!*out || !depth)
        return cuv_oom(f->w->cx);
    cuv_value *inside;
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++) {
        CUV_TRY(fill(f, v->items[i], depth - 1, &inside));
        CUV_TRY(cuv_list_add(a, *out, inside));
    }
    if (!cuv_is_dict_of_tensors(v))
        return CUV_OK;
    for (const cuv_pair *pair = cuv_next_pair(v, NULL); pair; pair = cuv_next_pair(v, cuv_text(pair->key))) {
        CUV_TRY(fill(f, pair->value, depth - 1, &inside));
        CUV_TRY(cuv_dict_set(a, *out, cuv_text(pair->key), inside));
    }
    return CUV_OK;
}

cuv_status cuv_config_dict(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_wired_arg *arg, cuv_value **out)
{
    filling f = {w, m, g, arg, 0};
    return fill(&f, arg->literal, DEEPEST, out);
}
