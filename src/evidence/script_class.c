/* Classes of the script: plain ones (settings, builders) are followed; those that extend Keras hold code that only Python can run. */
#include "evidence/script.h"

static bool of_keras(const cuv_sv *base)
{
    return base->kind == CUV_SV_NAME && (cuv_starts_with(base->text, "keras.") || cuv_starts_with(base->text, "tensorflow."));
}

/* Bodies of Keras's classes are read only where they are followed (e->bodies): their methods use what exists at run time alone. */
cuv_status cuv_sc_class(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_scope *outer = e->scope;
    cuv_flow flow = CUV_FLOW_NEXT;
    bool foreign = false;
    CUV_TRY(cuv_sv_make(e, CUV_SV_CLASS, out));
    (*out)->node = node;
    CUV_TRY(cuv_sc_scope(e, outer, &(*out)->scope));
    (*out)->scope->is_class = true;
    for (size_t i = 0; i < node->count; i++) {
        cuv_sv *base = NULL;
        if (node->items[i]->kind == CUV_PY_KEYWORD || node->items[i]->kind == CUV_PY_STARRED)
            continue;
        CUV_TRY(cuv_sc_eval(e, node->items[i], &base));
        if (base->kind == CUV_SV_CLASS) {
            (*out)->self = base;
            (*out)->text = (*out)->text ? (*out)->text : base->text;
        }
        if (of_keras(base))
            (*out)->text = base->text;
        foreign = foreign || base->kind == CUV_SV_UNKNOWN || (base->kind == CUV_SV_NAME && !cuv_starts_with(base->text, "builtins."));
    }
    if (foreign && !(*out)->text)
        (*out)->text = "a class from elsewhere";
    if ((*out)->text && !(e->bodies && cuv_sc_is_layer_class(*out)))
        return CUV_OK;
    e->scope = (*out)->scope;
    CUV_TRY(cuv_sc_block(e, node->body, node->body_count, &flow));
    e->scope = outer;
    return CUV_OK;
}

/* What a class of Keras is made for, by its base. */
static bool harmless_base(const char *base)
{
    return strstr(base, "allback") || strstr(base, "Sequence") || strstr(base, "PyDataset") || strstr(base, "Loss") ||
           strstr(base, "Metric") || strstr(base, "optimizer") || strstr(base, "Optimizer") || strstr(base, "elsewhere") ||
           strstr(base, "egularizer") || strstr(base, "onstraint") || strstr(base, "nitializer") || strstr(base, "schedule") ||
           strstr(base, "Module");
}

static cuv_status keep_object(cuv_sc *e, cuv_sv *object)
{
    cuv_sv **grown = cuv_arena_grow(e->arena, e->objects, e->object_count, &e->object_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    e->objects = grown;
    grown[e->object_count++] = object;
    object->integer = (int64_t)e->made;
    return CUV_OK;
}

cuv_status cuv_sc_instantiate(cuv_sc *e, cuv_sv *klass, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *init = NULL, *result = NULL;
    bool followed = e->bodies && cuv_sc_is_layer_class(klass);
    if (klass->text && !followed && !harmless_base(klass->text))
        return cuv_sc_unsupported(e, args->node,
                                  "build the same model from Keras's own layers (Sequential, or calls on tensors), or give its saved "
                                  "configuration",
                                  "'%s' is a class of the script (a %s): what it computes exists only as Python code",
                                  klass->node->text, cuv_sc_last(klass->text));
    if (klass->text && !followed)
        return cuv_sc_foreign(e, klass->node->text, args, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_INSTANCE, out));
    (*out)->self = klass;
    (*out)->node = args->node;
    CUV_TRY(cuv_sc_scope(e, NULL, &(*out)->scope));
    if (followed && e->networks)
        CUV_TRY(keep_object(e, *out));
    for (cuv_sv *k = klass; !init && k; k = k->self)
        init = cuv_map_get(k->scope->names, "__init__");
    if (!init || init->kind != CUV_SV_FUNCTION) {
        for (size_t i = 0; i < args->named; i++)             /* dataclasses */
            CUV_TRY(cuv_map_set((*out)->scope->names, args->names[i], args->values[i]));
        return CUV_OK;
    }
    cuv_sv *items = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_add(e, items, *out));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, items, args->items[i]));
    cuv_sargs all = {items->items, items->count, args->names, args->values, args->named, args->node};
    return cuv_sc_call_function(e, init, &all, &result);
}
