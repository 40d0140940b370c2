/* Masks of Keras 2 as tensors of their own, made by the operations that Keras 3's layers make masks with: for layers that Keras 3 wants to be told
 * (a recurrent layer that is given its states takes no mask from its input there). */
#include "emit/config.h"
#include "layers/support.h"

enum { DEEPEST = 32 };

struct cuv_named_mask { const cuv_graph *g; cuv_ref mask; cuv_value *tensor; };

/* One call's mask in the making. */
typedef struct making {
    cuv_config_writer *w;
    const struct cuv_model *m;
    const cuv_graph *g;
    const cuv_graph_call *call;     /* of the layer that it is made for */
    cuv_value *layers;
} making;

static cuv_status refuse(making *k)
{
    const cuv_layer *layer = k->g->layers[k->call->layer];
    return cuv_fail(k->w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name,
                    .help = "cuvier computes it: write .onnx or .c, or write it for Keras 2 (--keras 2)"},
                    "'%s' (%s) has a mask that Keras 3 would lose or join otherwise; only those of Masking, Embedding and merging layers of the same "
                    "model can be said in another way", layer->name, layer->def->name);
}

cuv_status cuv_config_tell_softmax(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph *g, const cuv_graph_call *call, int target)
{
    bool masked = false;
    if (layer->model || !cuv_streq(layer->def->name, "Softmax") || (layer->keras >= 3) == (target >= 3))
        return CUV_OK;
    for (size_t a = 0; a < call->arg_count; a++)
        masked |= call->args[a].wire_count && (a > 0 || cuv_streq(call->args[a].name, "mask"));
    if (call->arg_count && call->args[0].wire_count) {
        const cuv_graph_call *from = &g->calls[call->args[0].wires[0].call];
        const size_t output = (size_t)call->args[0].wires[0].output;
        masked |= output < from->output_count && from->outputs[output].mask != CUV_NO_REF;
    }
    if (!masked)
        return CUV_OK;
    return target >= 3 ? cuv_config_note(w, layer, "a masked Softmax, which gives numbers above 0 where all is masked,", "one that gives zeros there")
                       : cuv_config_note(w, layer, "a masked Softmax, which gives zeros where all is masked,", "one that gives numbers above 0 there");
}

const char *cuv_config_beside(cuv_config_writer *w, const cuv_layer *layer, int64_t ordinal, const char *what)
{
    return cuv_config_free_name(w, ordinal ? cuv_format(w->cx, "%s_%lld_%s", layer->name, (long long)ordinal, what)
                                           : cuv_format(w->cx, "%s_%s", layer->name, what));
}

cuv_status cuv_config_step(cuv_config_writer *w, const char *name, const char *family, const char *class_name, cuv_value *config, cuv_value *x,
                           cuv_value *second, cuv_value *layers, cuv_value **out)
{
    cuv_value *record = NULL;
    CUV_TRY(cuv_config_object(w, cuv_format(w->cx, "keras.src.ops.%s", family), class_name, class_name, &config, &record));
    if (!name)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_text(w, config, "name", name));
    CUV_TRY(cuv_config_text(w, record, "name", name));
    CUV_TRY(cuv_dict_set(w->arena, record, "inbound_nodes", cuv_value_list(w->arena)));
    CUV_TRY(cuv_config_through(w, record, 0, x, out));
    if (second)
        CUV_TRY(cuv_list_add(w->arena, cuv_get(cuv_item(cuv_get(record, "inbound_nodes"), 0), "args"), second));
    return cuv_list_add(w->arena, layers, record);
}

static cuv_status operation(making *k, const char *class_name, cuv_value *config, cuv_value *x, cuv_value *second, cuv_value **out)
{
    const char *name = cuv_config_free_name(k->w, cuv_format(k->w->cx, "mask_%d", ++k->w->mask_steps));
    return cuv_config_step(k->w, name, "numpy", class_name, config, x, second, k->layers, out);
}

/* Where the mask is seen first. */
static const cuv_graph_call *maker_of(const making *k, cuv_ref mask)
{
    for (size_t c = 0; c < k->g->call_count; c++)
        for (size_t o = 0; o < k->g->calls[c].output_count; o++)
            if (k->g->calls[c].outputs[o].mask == mask)
                return &k->g->calls[c];
    return NULL;
}

static cuv_ref mask_at(const making *k, cuv_wire wire)
{
    const cuv_graph_call *from = &k->g->calls[wire.call];
    return (size_t)wire.output < from->output_count ? from->outputs[wire.output].mask : CUV_NO_REF;
}

static int rank_at(const making *k, cuv_wire wire)
{
    const cuv_graph_call *from = &k->g->calls[wire.call];
    return (size_t)wire.output < from->output_count ? cuv_program_var(k->w->m->program, from->outputs[wire.output].value)->rank : 0;
}

/* x != 0, or any(x != value) over the last axis. */
static cuv_status by_values(making *k, const cuv_graph_call *maker, const cuv_value *value, bool any, cuv_value **out)
{
    cuv_arena *a = k->w->arena;
    cuv_value *x, *config = cuv_value_dict(a), *zero = cuv_value_int(a, 0);
    if (!config || !zero)
        return cuv_oom(k->w->cx);
    CUV_TRY(cuv_config_tensor(k->w, k->m, k->g, maker->args[0].wires[0], &x));
    CUV_TRY(operation(k, "NotEqual", NULL, x, value ? (cuv_value *)(uintptr_t)value : zero, out));
    if (!any)
        return CUV_OK;
    CUV_TRY(cuv_dict_set(a, config, "axis", cuv_value_int(a, -1)));
    CUV_TRY(cuv_dict_set(a, config, "keepdims", cuv_value_bool(a, false)));
    return operation(k, "Any", config, *out, NULL, out);
}

static cuv_status mask_value(making *k, cuv_ref mask, unsigned depth, cuv_value **out);

/* Where each of those that have a mask keeps the step: what Keras 2 makes of merged masks, and of those of one Concatenate of features. */
static cuv_status all_of(making *k, const cuv_wired_arg *arg, unsigned depth, cuv_value **out)
{
    cuv_value *so_far = NULL, *next;
    for (size_t i = 0; i < arg->wire_count; i++) {
        const cuv_ref mask = mask_at(k, arg->wires[i]);
        bool seen = mask == CUV_NO_REF;
        for (size_t e = 0; e < i; e++)
            seen = seen || mask_at(k, arg->wires[e]) == mask;
        if (seen)
            continue;
        CUV_TRY(mask_value(k, mask, depth, &next));
        if (so_far)
            CUV_TRY(operation(k, "LogicalAnd", NULL, so_far, next, &next));
        so_far = next;
    }
    *out = so_far;
    return so_far ? CUV_OK : refuse(k);
}

/* Of sequences, one behind the other: their masks as well. */
static cuv_status joined(making *k, const cuv_wired_arg *arg, unsigned depth, cuv_value **out)
{
    cuv_arena *a = k->w->arena;
    cuv_value *list = cuv_value_list(a), *mask, *config = cuv_value_dict(a);
    for (size_t i = 0; list && i < arg->wire_count; i++) {
        if (mask_at(k, arg->wires[i]) == CUV_NO_REF)
            return refuse(k);
        CUV_TRY(mask_value(k, mask_at(k, arg->wires[i]), depth, &mask));
        CUV_TRY(cuv_list_add(a, list, mask));
    }
    if (!list || !config)
        return cuv_oom(k->w->cx);
    CUV_TRY(cuv_dict_set(a, config, "axis", cuv_value_int(a, 1)));
    CUV_TRY(operation(k, "Concatenate", config, cuv_item(list, 0), NULL, out));
    cuv_value *record = cuv_item(k->layers, cuv_len(k->layers) - 1);        /* of which the one argument is the list */
    cuv_value *args = cuv_get(cuv_item(cuv_get(record, "inbound_nodes"), 0), "args");
    args->items[0] = list;
    return CUV_OK;
}

static cuv_status make_mask(making *k, cuv_ref mask, unsigned depth, cuv_value **out)
{
    const cuv_graph_call *maker = maker_of(k, mask);
    const cuv_layer *layer = maker ? k->g->layers[maker->layer] : NULL;
    const cuv_wired_arg *arg = maker && maker->arg_count ? &maker->args[0] : NULL;
    if (!arg || !depth || !layer->def)
        return refuse(k);
    if (arg->kind == CUV_ARG_TENSOR && cuv_streq(layer->def->name, "Masking"))
        return by_values(k, maker, cuv_arg(layer, "mask_value"), true, out);
    if (arg->kind == CUV_ARG_TENSOR && cuv_streq(layer->def->name, "Embedding"))
        return by_values(k, maker, NULL, false, out);
    if (arg->kind != CUV_ARG_LIST || !(layer->def->flags & CUV_LF_MERGE) || layer->keras >= 3)
        return refuse(k);
    if (!cuv_streq(layer->def->name, "Concatenate"))
        return all_of(k, arg, depth - 1, out);
    const int rank = rank_at(k, arg->wires[0]);
    const int64_t axis = cuv_arg_int(layer, "axis"), from_start = axis < 0 ? axis + rank : axis;
    if (rank != 3 || (from_start != 1 && from_start != 2))
        return refuse(k);
    return from_start == 2 ? all_of(k, arg, depth - 1, out) : joined(k, arg, depth - 1, out);
}

static cuv_status mask_value(making *k, cuv_ref mask, unsigned depth, cuv_value **out)
{
    cuv_config_writer *w = k->w;
    for (size_t i = 0; i < w->mask_count; i++)
        if (w->masks[i].g == k->g && w->masks[i].mask == mask) {
            *out = w->masks[i].tensor;
            return CUV_OK;
        }
    CUV_TRY(make_mask(k, mask, depth, out));
    struct cuv_named_mask *all = cuv_arena_grow(w->arena, w->masks, w->mask_count, &w->mask_capacity, sizeof *all);
    if (!all)
        return cuv_oom(w->cx);
    w->masks = all;
    all[w->mask_count++] = (struct cuv_named_mask){k->g, mask, *out};
    return CUV_OK;
}

cuv_status cuv_config_mask_of(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_wire wire,
                              cuv_value *layers, cuv_value **out)
{
    making k = {.w = w, .m = m, .g = g, .call = call, .layers = layers};
    return mask_value(&k, mask_at(&k, wire), DEEPEST, out);
}

/* Keras 3 fails on a mask of an RNN whose stack has but one cell. */
static cuv_status check_single_cell(cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call, const cuv_value *kwargs)
{
    const cuv_layer *layer = g->layers[call->layer], *stack = !layer->model && layer->inner_count == 1 ? layer->inner[0] : NULL;
    const making k = {.w = w, .g = g};
    const bool masked = call->arg_count && call->args[0].wire_count && (cuv_get(kwargs, "mask") || mask_at(&k, call->args[0].wires[0]) != CUV_NO_REF);
    if (!stack || layer->keras >= 3 || !masked || !cuv_streq(stack->def->name, "StackedRNNCells") || stack->inner_count != 1)
        return CUV_OK;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name,
                    .help = "cuvier computes it: write .onnx or .c, or write it for Keras 2 (--keras 2)"},
                    "'%s' (%s) has a stack of one cell and an input with a mask, at which Keras 3 fails", layer->name, layer->def->name);
}

cuv_status cuv_config_state_mask(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_value *node,
                                 cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    cuv_value *kwargs = cuv_get(node, "kwargs"), *mask;
    CUV_TRY(check_single_cell(w, g, call, kwargs));
    if (layer->keras >= 3 || !cuv_config_recurrent(layer) || !cuv_get(kwargs, "initial_state") || cuv_get(kwargs, "mask") || !call->args[0].wire_count)
        return CUV_OK;
    making k = {.w = w, .m = m, .g = g, .call = call, .layers = layers};
    if (mask_at(&k, call->args[0].wires[0]) == CUV_NO_REF)
        return CUV_OK;
    CUV_TRY(mask_value(&k, mask_at(&k, call->args[0].wires[0]), DEEPEST, &mask));
    CUV_TRY(cuv_dict_set(w->arena, kwargs, "mask", mask));
    return cuv_config_note(w, layer, "the mask that its input brings beside given states", "an argument of its call, which Keras 3 wants it as");
}
