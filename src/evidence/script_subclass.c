/* Classes of the script that extend keras.layers.Layer or keras.Model, where they are read (code given with --custom): __init__, build and
 * call are followed like functions; the layers that `self` keeps are named after their attributes, as the files of Keras 3 name them; a
 * weight of its own (add_weight) is a layer that does nothing but hold it. */
#include "evidence/script.h"

/* ---- which */

bool cuv_sc_is_layer_class(const cuv_sv *klass)
{
    static const char *const bases[] = {"keras.layers.Layer", "keras.Layer", "keras.Model", "keras.models.Model", "keras.engine.Layer",
                                        "keras.engine.topology.Layer", "keras.engine.base_layer.Layer", "tensorflow.Module"};
    for (size_t i = 0; klass->text && i < sizeof bases / sizeof *bases; i++)
        if (cuv_streq(klass->text, bases[i]))
            return true;
    return false;
}

bool cuv_sc_is_model_class(const cuv_sv *klass)
{
    return cuv_ends_with(klass->text, "Model");
}

bool cuv_sc_is_layer_instance(const cuv_sc *e, const cuv_sv *v)
{
    return e->bodies && v->kind == CUV_SV_INSTANCE && v->self && cuv_sc_is_layer_class(v->self);
}

static cuv_sv *method_of(const cuv_sv *klass, const char *name)
{
    for (const cuv_sv *k = klass; k; k = k->self) {
        cuv_sv *f = cuv_map_get(k->scope->names, name);
        if (f)
            return f->kind == CUV_SV_FUNCTION ? f : NULL;
    }
    return NULL;
}

/* ---- super() */

/* The class in whose body the method that runs now was defined. */
static const cuv_sv *class_here(const cuv_sc *e, const cuv_sv *self)
{
    for (const cuv_scope *s = e->scope; s; s = s->outer)
        for (const cuv_sv *k = self->self; s->is_class && k; k = k->self)
            if (k->scope == s)
                return k;
    return NULL;
}

/* super(), super(Class, self): an instance whose methods are looked up from the class above on; `items` has the object itself. */
cuv_status cuv_sc_super(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *self = args->count == 2 ? args->items[1] : NULL;
    if (args->count == 0)
        CUV_TRY(cuv_sc_lookup(e, args->node, "self", &self));
    if (!self || self->kind != CUV_SV_INSTANCE || !self->self)
        return cuv_sv_unknown(e, out, "super()");
    const cuv_sv *here = args->count == 2 && args->items[0]->kind == CUV_SV_CLASS ? args->items[0] : class_here(e, self);
    if (!here)
        return cuv_sv_unknown(e, out, "super()");
    CUV_TRY(cuv_sv_make(e, CUV_SV_SUPER, out));
    (*out)->self = here->self;
    (*out)->text = here->text;
    return cuv_sv_add(e, *out, self);
}

/* A method found above, bound to the object; one of Keras's own where no class of the script has it. */
cuv_status cuv_sc_super_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out)
{
    cuv_sv *f = of->self ? method_of(of->self, name) : NULL;
    CUV_TRY(cuv_sv_method(e, of->items[0], name, out));
    (*out)->truth = !f;                 /* Keras's own, asked for by a method of the same name */
    return f ? cuv_sv_add(e, *out, f) : CUV_OK;
}

/* ---- weights of its own */

static cuv_status weight_shape(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *shape = cuv_sc_arg(args, args->count, "shape"), *one = NULL;
    for (size_t i = 0; !shape && i < args->count && i < 2; i++)
        if (cuv_sv_is_seq(args->items[i]) || args->items[i]->kind == CUV_SV_INT)
            shape = args->items[i];
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    int64_t size = 0;
    if (shape && shape->kind == CUV_SV_INT)
        return cuv_sv_add(e, *out, shape);
    for (size_t i = 0; shape && cuv_sv_is_seq(shape) && i < shape->count; i++) {
        if (!cuv_sv_as_int(shape->items[i], &size) || size < 0)
            return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write the number there",
                               "a size of a weight is not known from the code: %s", cuv_sv_describe(e, shape->items[i]));
        CUV_TRY(cuv_sv_int(e, size, &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

static const char *weight_name(const cuv_sargs *args)
{
    const cuv_sv *name = cuv_sc_arg(args, args->count, "name");
    for (size_t i = 0; !name && i < args->count; i++)
        if (args->items[i]->kind == CUV_SV_TEXT && !cuv_ends_with(args->items[i]->text, "form") && !cuv_streq(args->items[i]->text, "zeros") &&
            !cuv_streq(args->items[i]->text, "ones") && !cuv_streq(args->items[i]->text, "float32"))
            name = args->items[i];
    return name && name->kind == CUV_SV_TEXT ? name->text : NULL;
}

static cuv_status known_name(cuv_sc *e, const char *name, bool *known)
{
    *known = !name || cuv_map_get(e->kept_names, name);
    return *known ? CUV_OK : cuv_map_set(e->kept_names, name, e->none);
}

static cuv_status own_weight(cuv_sc *e, cuv_sv *self, cuv_sv *weight)
{
    cuv_sv *list = cuv_map_get(self->scope->names, CUV_OWN_WEIGHTS);
    if (!list) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
        CUV_TRY(cuv_map_set(self->scope->names, CUV_OWN_WEIGHTS, list));
    }
    return cuv_sv_add(e, list, weight);
}

/* self.add_weight(shape=..., name=...): a tensor, made by a layer that is called on what the class is called with. */
static cuv_status add_weight(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *shape = NULL, *dtype = cuv_sc_arg(args, args->count, "dtype");
    cuv_sl *layer = NULL;
    bool taken = false;
    const char *name = weight_name(args);
    if (!e->bodies_input)
        return cuv_sc_unsupported(e, args->node, NULL, "a weight is made outside of a layer's __init__, build and call");
    CUV_TRY(weight_shape(e, args, &shape));
    CUV_TRY(known_name(e, name, &taken));
    CUV_TRY(cuv_sl_new(e, CUV_SL_LAYER, CUV_WEIGHT_CLASS, taken ? NULL : name, &layer));
    CUV_TRY(cuv_sv_put_word(e, layer->config, "shape", shape));
    if (dtype && dtype->kind == CUV_SV_TEXT)
        CUV_TRY(cuv_sv_put_word(e, layer->config, "dtype", dtype));
    const cuv_sargs input = {&e->bodies_input, 1, NULL, NULL, 0, args->node};
    CUV_TRY(cuv_sl_call(e, layer, &input, out));
    CUV_TRY(own_weight(e, self, *out));
    cuv_st *t = (*out)->symbol;
    t->shaped = shape->count <= CUV_MAX_RANK;
    t->rank = (int)shape->count;
    for (int i = 0; t->shaped && i < t->rank; i++)
        t->shape[i] = shape->items[i]->integer;
    return CUV_OK;
}

/* ---- constants */

static cuv_status set_shape(cuv_sc *e, cuv_st *t, const cuv_tensor *like, cuv_sv **out)
{
    cuv_sv *one = NULL;
    t->shaped = true;
    t->rank = like->rank;
    memcpy(t->shape, like->shape, sizeof t->shape);
    t->dtype = cuv_dtype_name(like->dtype);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (int i = 0; i < like->rank; i++) {
        CUV_TRY(cuv_sv_int(e, like->shape[i], &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

/* Numbers that a layer is called on, as a tensor; *out stays NULL when they are not known or too many. */
cuv_status cuv_sc_constant_tensor(cuv_sc *e, cuv_sv *v, cuv_sv **out)
{
    enum { MOST = 1 << 20 };
    cuv_sv *array = v, *values = NULL, *shape = NULL, *type = NULL, *one = NULL;
    cuv_sl *layer = NULL;
    *out = NULL;
    if (v->kind == CUV_SV_RANGE || cuv_sv_is_seq(v) || cuv_sv_is_number(v))
        CUV_TRY(cuv_sc_array_of(e, v, &array));
    if (array->kind != CUV_SV_ARRAY || !array->tensor->data || array->tensor->dtype == CUV_STR || cuv_tensor_count(array->tensor) > MOST ||
        !e->bodies_input)
        return CUV_OK;
    CUV_TRY(cuv_sc_step(e, cuv_tensor_count(array->tensor)));
    CUV_TRY(cuv_sl_new(e, CUV_SL_LAYER, CUV_CONSTANT_CLASS, NULL, &layer));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &values));
    for (size_t i = 0; i < cuv_tensor_count(array->tensor); i++) {
        CUV_TRY(cuv_sv_real(e, cuv_tensor_at(array->tensor, i), &one));
        CUV_TRY(cuv_sv_add(e, values, one));
    }
    const cuv_sargs input = {&e->bodies_input, 1, NULL, NULL, 0, e->at};
    CUV_TRY(cuv_sl_call(e, layer, &input, out));
    CUV_TRY(set_shape(e, (*out)->symbol, array->tensor, &shape));
    CUV_TRY(cuv_sv_word(e, cuv_dtype_name(array->tensor->dtype), &type));
    CUV_TRY(cuv_sv_put_word(e, layer->config, "values", values));
    CUV_TRY(cuv_sv_put_word(e, layer->config, "shape", shape));
    return cuv_sv_put_word(e, layer->config, "type", type);
}

/* ops.arange(start=0, stop=n), tf.range(n) and other makers of arrays, by NumPy's rules; *out stays NULL for other functions. */
cuv_status cuv_sc_constant_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const makers = "arange range zeros ones full eye reshape expand_dims concatenate stack convert_to_tensor constant cast";
    static const char *const names[3][2] = {{"start", "start"}, {"stop", "limit"}, {"step", "delta"}};
    const char *last = cuv_sc_last(name);
    cuv_sv *items[3] = {NULL};
    size_t count = 0;
    *out = NULL;
    if (!cuv_word_in(makers, last) || !(cuv_starts_with(name, "keras.ops.") || cuv_starts_with(name, "tensorflow.")))
        return CUV_OK;
    if (!cuv_word_in("arange range", last))
        return cuv_sc_numpy(e, cuv_word_in("convert_to_tensor constant", last) ? "array" : last, args, out);
    for (size_t i = 0; i < 3; i++) {
        cuv_sv *v = cuv_sc_arg(args, i, names[i][0]);
        v = v ? v : cuv_sc_arg(args, args->count, names[i][1]);
        if (v)
            items[count++] = v;
    }
    cuv_sargs plain = {items, count, NULL, NULL, 0, args->node};
    CUV_TRY(cuv_sc_builtin(e, "range", &plain, out));
    return *out && (*out)->kind == CUV_SV_RANGE ? cuv_sc_array_of(e, *out, out) : CUV_OK;
}

/* ---- methods and attributes */

/* super().__init__(name='net') */
static cuv_status own_name(cuv_sv *self, const cuv_sargs *args)
{
    const cuv_sv *name = cuv_sc_arg(args, args->count, "name");
    if (name && name->kind == CUV_SV_TEXT)
        self->text = name->text;
    return CUV_OK;
}

/* Methods of Keras's own Layer and Model. */
cuv_status cuv_sc_subclass_method(cuv_sc *e, const cuv_sv *method, const cuv_sargs *args, cuv_sv **out)
{
    const char *name = method->text;
    cuv_sv *self = method->self;
    static const char without_effect[] = "build add_loss add_metric compile compute_mask __setattr__ _set_save_spec summary from_config "
                                         "set_mask register_buffer add_update";
    if (!method->truth)
        CUV_TRY(cuv_sc_network_method(e, self, name, args, out));
    if (!method->truth && *out)
        return CUV_OK;
    *out = e->none;
    if (cuv_streq(name, "__init__"))
        return own_name(self, args);
    if (cuv_streq(name, "add_weight") || cuv_streq(name, "add_variable"))
        return add_weight(e, self, args, out);
    if (cuv_word_in(without_effect, name))
        return CUV_OK;
    if (cuv_streq(name, "get_config"))
        return cuv_sv_make(e, CUV_SV_DICT, out);
    return cuv_sc_unsupported(e, args->node, NULL, "the method '%s' of Keras's own Layer", name);
}

/* Attributes that Keras's own Layer has; false: none of these. */
cuv_status cuv_sc_subclass_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out)
{
    if (cuv_word_in("dtype compute_dtype variable_dtype _dtype", name))
        return cuv_sv_word(e, "float32", out);
    if (cuv_streq(name, "built"))
        *out = e->no;
    else if (cuv_word_in("trainable supports_masking", name))
        *out = e->yes;
    else if (cuv_streq(name, "layers") && e->networks)
        return cuv_sc_object_layers(e, of, out);
    else if (cuv_word_in("inputs outputs input output weights trainable_weights variables trainable_variables non_trainable_weights", name) &&
             e->networks)
        return of->layer ? cuv_sc_layer_attribute(e, e->at, of->layer, name, out)
                         : cuv_sv_unknown(e, out, "the %s of '%s'", name, of->self->node->text);
    else if (cuv_streq(name, "name"))
        return cuv_sv_word(e, of->self->node->text, out);
    else
        return cuv_sv_method(e, of, name, out);
    return CUV_OK;
}

/* Attributes that hold something in the order of assignment; a new assignment counts anew. */
static cuv_status note_attribute(cuv_sc *e, cuv_sv *self, const char *attribute, cuv_sv *value)
{
    cuv_sv *name = NULL, *when = NULL;
    if (cuv_sc_is_layer_instance(e, value))
        value->unsure = true;
    CUV_TRY(cuv_sv_word(e, attribute, &name));
    CUV_TRY(cuv_sv_int(e, (int64_t)e->made, &when));
    for (size_t i = 0; i < self->count; i++)
        if (cuv_streq(self->items[i]->text, attribute)) {
            for (size_t k = i; k + 1 < self->count; k++) {
                self->items[k] = self->items[k + 1];
                self->values[k] = self->values[k + 1];
            }
            self->items[self->count - 1] = name;
            self->values[self->count - 1] = when;
            return CUV_OK;
        }
    self->kind = CUV_SV_DICT;
    cuv_status status = cuv_sv_put(e, self, name, when);
    self->kind = CUV_SV_INSTANCE;
    return status;
}

/* A layer that `self` keeps is named after its attribute, unless the code names it or the name is taken; in a script it keeps the name that
 * Keras gives it. */
cuv_status cuv_sc_subclass_keep(cuv_sc *e, cuv_sv *self, const char *attribute, cuv_sv *value)
{
    if (e->networks)
        return note_attribute(e, self, attribute, value);
    cuv_sl *layer = value->kind == CUV_SV_LAYER ? value->layer : value->kind == CUV_SV_TENSOR ? value->symbol->call->layer : NULL;
    bool weight = layer && cuv_streq(layer->class_name, CUV_WEIGHT_CLASS), taken = false;
    if (!layer || layer->is_model || (value->kind == CUV_SV_TENSOR && !weight) || cuv_sv_get(layer->config, "name") ||
        cuv_map_get(e->kept_names, layer->name))
        return CUV_OK;
    CUV_TRY(known_name(e, attribute, &taken));
    if (!taken)
        layer->name = cuv_arena_strdup(e->arena, attribute);
    return layer->name ? CUV_OK : cuv_oom(e->cx);
}

/* ---- calls */

static bool takes(const cuv_sv *f, const char *name, bool *required)
{
    for (size_t i = 0; i < f->node->count; i++) {
        const cuv_py *p = f->node->items[i];
        if (!p->op && cuv_streq(p->text, name)) {
            *required = !p->a;
            return true;
        }
    }
    return false;
}

/* (None, 4), or a list of such where the first argument is a list. */
static cuv_status shape_of(cuv_sc *e, cuv_sv *v, cuv_sv **out)
{
    if (v->kind == CUV_SV_TENSOR)
        return cuv_sc_attribute(e, e->at, v, "shape", out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; cuv_sv_is_seq(v) && i < v->count; i++) {
        cuv_sv *one = NULL;
        CUV_TRY(shape_of(e, v->items[i], &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

static cuv_status with_self(cuv_sc *e, cuv_sv *self, cuv_sv *const *items, size_t count, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    CUV_TRY(cuv_sv_add(e, *out, self));
    for (size_t i = 0; i < count; i++)
        CUV_TRY(cuv_sv_add(e, *out, items[i]));
    return CUV_OK;
}

static bool any_tensor(const cuv_sv *v, unsigned depth)
{
    if (v->kind == CUV_SV_TENSOR)
        return true;
    for (size_t i = 0; depth < 8 && v->kind >= CUV_SV_LIST && v->kind <= CUV_SV_DICT && i < v->count; i++)
        if (any_tensor(v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1))
            return true;
    return false;
}

/* A call on numbers tells the model its input. */
static cuv_status call_on_data(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sc_network(e, self, args->count ? args->items : args->values, args->count ? args->count : args->named ? 1 : 0, args->node));
    e->skip = true;
    return cuv_sv_unknown(e, out, "what '%s' computes", self->self->node->text);
}

static cuv_status build_once(cuv_sc *e, cuv_sv *self, const cuv_sargs *args)
{
    cuv_sv *build = method_of(self->self, "build"), *shape = NULL, *items = NULL, *unused = NULL;
    if (self->truth || !args->count)
        return CUV_OK;
    self->truth = true;
    if (!build)
        return CUV_OK;
    CUV_TRY(shape_of(e, args->items[0], &shape));
    CUV_TRY(with_self(e, self, &shape, 1, &items));
    return cuv_sc_call_function(e, build, &(cuv_sargs){items->items, items->count, NULL, NULL, 0, args->node}, &unused);
}

cuv_status cuv_sc_subclass_call(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const given[] = {"training", "mask"};
    cuv_sv *call = method_of(self->self, "call"), *items = NULL;
    bool required = false;
    if (!call)
        return cuv_sc_unsupported(e, args->node, NULL, "the class '%s' has no method call", self->self->node->text);
    bool tensors = false;
    for (size_t i = 0; i < args->count + args->named; i++)
        tensors = tensors || any_tensor(i < args->count ? args->items[i] : args->values[i - args->count], 0);
    if (e->networks && !tensors && !e->following)
        return call_on_data(e, self, args, out);
    if (e->networks && tensors && !e->following) {
        CUV_TRY(cuv_sc_network_call(e, self, args, out));
        if (*out)
            return CUV_OK;
    }
    if (e->following)
        self->unsure = true;
    CUV_TRY(build_once(e, self, args));
    CUV_TRY(with_self(e, self, args->items, args->count, &items));
    cuv_sargs all = {items->items, items->count, CUV_NEW_ARRAY(e->arena, const char *, args->named + 2),
                     CUV_NEW_ARRAY(e->arena, cuv_sv *, args->named + 2), 0, args->node};
    if (!all.names || !all.values)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < args->named; i++) {
        bool known = takes(call, args->names[i], &required) || !cuv_word_in("training mask", args->names[i]);
        all.names[all.named] = args->names[i];
        all.values[all.named] = args->values[i];
        all.named += known;
    }
    for (size_t i = 0; i < 2; i++)
        if (takes(call, given[i], &required) && required && !cuv_sc_arg(args, args->count, given[i])) {
            all.names[all.named] = given[i];
            all.values[all.named++] = i == 0 ? e->no : e->none;
        }
    e->following++;
    CUV_TRY(cuv_sc_call_function(e, call, &all, out));
    e->following--;
    return CUV_OK;
}
