/* Classes of the script: plain ones (settings, builders) are followed; those that extend Keras hold code that only Python can run. */
#include "evidence/script.h"

static bool of_keras(const cuv_sv *base)
{
    return base->kind == CUV_SV_NAME && (cuv_starts_with(base->text, "keras.") || cuv_starts_with(base->text, "tensorflow."));
}

/* Bases that say something of the class and give it nothing that a model depends on. */
static bool only_says(const char *base)
{
    return cuv_starts_with(base, "abc.") || cuv_starts_with(base, "typing.") || cuv_starts_with(base, "enum.");
}

/* Members of an Enum: objects with value and name. */
static cuv_status make_members(cuv_sc *e, cuv_sv *klass)
{
    for (size_t i = 0; i < klass->node->body_count; i++) {
        const cuv_py *s = klass->node->body[i];
        cuv_sv *member = NULL, *name = NULL;
        if (s->kind != CUV_PY_ASSIGN || s->count != 1 || s->items[0]->kind != CUV_PY_NAME)
            continue;
        cuv_sv *value = cuv_map_get(klass->scope->names, s->items[0]->text);
        if (!value)
            continue;
        CUV_TRY(cuv_sv_make(e, CUV_SV_INSTANCE, &member));
        CUV_TRY(cuv_sc_scope(e, NULL, &member->scope));
        CUV_TRY(cuv_sv_word(e, s->items[0]->text, &name));
        CUV_TRY(cuv_map_set(member->scope->names, "value", value));
        CUV_TRY(cuv_map_set(member->scope->names, "name", name));
        member->self = klass;
        CUV_TRY(cuv_map_set(klass->scope->names, s->items[0]->text, member));
    }
    return CUV_OK;
}

/* Bodies of Keras's classes are read only where they are followed (e->bodies): their methods use what exists at run time alone. */
cuv_status cuv_sc_class(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_scope *outer = e->scope;
    cuv_flow flow = CUV_FLOW_NEXT;
    bool foreign = false, members = false;
    CUV_TRY(cuv_sv_make(e, CUV_SV_CLASS, out));
    (*out)->node = node;
    CUV_TRY(cuv_sc_scope(e, outer, &(*out)->scope));
    (*out)->scope->is_class = true;
    for (size_t i = 0; i < node->count; i++) {
        cuv_sv *base = NULL;
        if (node->items[i]->kind == CUV_PY_KEYWORD || node->items[i]->kind == CUV_PY_STARRED)
            continue;
        CUV_TRY(cuv_sc_eval(e, node->items[i]->kind == CUV_PY_SUBSCRIPT ? node->items[i]->a : node->items[i], &base));
        members = members || (base->kind == CUV_SV_NAME && cuv_starts_with(base->text, "enum."));
        if (base->kind == CUV_SV_NAME && only_says(base->text))
            continue;
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
    return members ? make_members(e, *out) : CUV_OK;
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

/* ---- dataclasses and named tuples: their fields are what the class annotates, in that order ---- */

static cuv_status add_fields(cuv_sc *e, const cuv_sv *klass, unsigned depth, cuv_sv *names)
{
    if (klass->self && depth < 16)
        CUV_TRY(add_fields(e, klass->self, depth + 1, names));
    for (size_t i = 0; klass->node && i < klass->node->body_count; i++) {
        const cuv_py *s = klass->node->body[i];
        cuv_sv *name = NULL;
        if (s->kind != CUV_PY_ANNOTATED || s->a->kind != CUV_PY_NAME)
            continue;
        CUV_TRY(cuv_sv_word(e, s->a->text, &name));
        bool known = false;
        for (size_t k = 0; !known && k < names->count; k++)
            known = cuv_sv_equal(names->items[k], name);
        if (!known)
            CUV_TRY(cuv_sv_add(e, names, name));
    }
    return CUV_OK;
}

/* field(default=..., default_factory=...) of the class; NULL: the value there is the default itself, or there is none. */
static cuv_status made_default(cuv_sc *e, const cuv_sv *klass, const char *name, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *value = NULL;
    for (; klass && !value; klass = klass->self)
        value = cuv_map_get(klass->scope->names, name);
    *out = NULL;
    if (!value || value->kind != CUV_SV_OBJECT || !cuv_streq(value->text, "field"))
        return CUV_OK;
    cuv_sv *factory = cuv_sv_get(value, "default_factory");
    *out = cuv_sv_get(value, "default");
    return factory ? cuv_sc_call(e, factory, &(cuv_sargs){.node = node}, out) : CUV_OK;
}

static cuv_status take_fields(cuv_sc *e, cuv_sv *object, const cuv_sargs *args)
{
    cuv_sv *names = NULL, *value = NULL, *after = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &names));
    CUV_TRY(add_fields(e, object->self, 0, names));
    if (args->count > names->count)
        return cuv_sc_fail(e, args->node, CUV_NO, "script.argument", NULL, "'%s' has %zu fields and is given %zu values",
                           object->self->node ? object->self->node->text : "the class", names->count, args->count);
    for (size_t i = 0; i < names->count; i++) {
        value = i < args->count ? args->items[i] : cuv_sc_arg(args, args->count, names->items[i]->text);
        if (!value)
            CUV_TRY(made_default(e, object->self, names->items[i]->text, args->node, &value));
        if (value)
            CUV_TRY(cuv_map_set(object->scope->names, names->items[i]->text, value));
    }
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_map_set(object->scope->names, args->names[i], args->values[i]));
    for (cuv_sv *k = object->self; !after && k; k = k->self)
        after = cuv_map_get(k->scope->names, "__post_init__");
    if (!after || after->kind != CUV_SV_FUNCTION)
        return CUV_OK;
    return cuv_sc_call_function(e, after, &(cuv_sargs){&object, 1, NULL, NULL, 0, args->node}, &value);
}

/* namedtuple('Params', 'kernel bias'): a tuple whose names stand in its `values`. */
cuv_status cuv_sc_named_tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *fields = cuv_sc_arg(args, 1, "field_names"), *name = NULL;
    bool known = fields != NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_OBJECT, out));
    (*out)->text = "namedtuple";
    if (fields && fields->kind == CUV_SV_TEXT) {
        for (const char *p = fields->text + strspn(fields->text, " ,"); *p; p += strspn(p, " ,")) {
            size_t n = strcspn(p, " ,");
            CUV_TRY(cuv_sv_text(e, p, n, &name));
            CUV_TRY(cuv_sv_put(e, *out, name, e->none));
            p += n;
        }
        return CUV_OK;
    }
    if (known)
        CUV_TRY(cuv_sv_iterate(e, fields, &fields, &known));
    for (size_t i = 0; known && i < fields->count; i++)
        CUV_TRY(cuv_sv_put(e, *out, fields->items[i], e->none));
    return known ? CUV_OK : cuv_sv_unknown(e, out, "a class of named tuples");
}

cuv_status cuv_sc_make_tuple(cuv_sc *e, const cuv_sv *klass, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = 0; i < klass->count; i++) {
        cuv_sv *value = klass->items[i]->kind == CUV_SV_TEXT ? cuv_sc_arg(args, i, klass->items[i]->text) : NULL;
        if (!value)
            return cuv_sc_fail(e, args->node, CUV_NO, "script.argument", NULL, "the named tuple is made without its field %s",
                               cuv_sv_describe(e, klass->items[i]));
        CUV_TRY(cuv_sv_add(e, *out, value));
    }
    (*out)->values = klass->items;
    return CUV_OK;
}

cuv_status cuv_sc_protocol(cuv_sc *e, cuv_sv *self, const char *method, cuv_sv *argument, cuv_sv **out)
{
    cuv_sv *f = NULL, *given[2] = {self, argument};
    *out = NULL;
    for (cuv_sv *k = self->self; !f && k; k = k->self)
        f = cuv_map_get(k->scope->names, method);
    if (!f || f->kind != CUV_SV_FUNCTION || cuv_sc_is_layer_instance(e, self))
        return CUV_OK;
    return cuv_sc_call_function(e, f, &(cuv_sargs){given, argument ? 2 : 1, NULL, NULL, 0, e->at}, out);
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
    const cuv_sv *name = followed ? cuv_sc_arg(args, args->count, "name") : NULL;
    if (name && name->kind == CUV_SV_TEXT && (!init || init->kind != CUV_SV_FUNCTION))
        (*out)->text = name->text;
    if (!init || init->kind != CUV_SV_FUNCTION)
        return take_fields(e, *out, args);
    cuv_sv *items = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_add(e, items, *out));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, items, args->items[i]));
    cuv_sargs all = {items->items, items->count, args->names, args->values, args->named, args->node};
    return cuv_sc_call_function(e, init, &all, &result);
}
