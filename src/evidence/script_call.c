/* Calls: arguments, functions of the script, and who answers for which callee. */
#include "evidence/script.h"

enum { MOST_CALLS = 40 };       /* nested calls of the script's own functions */

/* ---- arguments ---- */

typedef struct gathered { cuv_sv *items, *values; const char **names; size_t named, capacity; const cuv_sv *unknown; } gathered;

static cuv_status add_named(cuv_sc *e, gathered *g, const char *name, cuv_sv *value)
{
    const char **names = cuv_arena_grow(e->arena, g->names, g->named, &g->capacity, sizeof *names);
    if (!names)
        return cuv_oom(e->cx);
    g->names = names;
    g->names[g->named++] = name;
    return cuv_sv_add(e, g->values, value);
}

static cuv_status gather_stars(cuv_sc *e, gathered *g, const cuv_py *node, cuv_sv *v)
{
    cuv_sv *list = NULL;
    bool known = true;
    if (node->kind == CUV_PY_STARRED) {
        CUV_TRY(cuv_sv_iterate(e, v, &list, &known));
        g->unknown = known ? g->unknown : v;
        for (size_t i = 0; known && i < list->count; i++)
            CUV_TRY(cuv_sv_add(e, g->items, list->items[i]));
        return CUV_OK;
    }
    g->unknown = v->kind == CUV_SV_DICT && !v->unsure ? g->unknown : v;
    for (size_t i = 0; v->kind == CUV_SV_DICT && i < v->count; i++)
        if (v->items[i]->kind == CUV_SV_TEXT)
            CUV_TRY(add_named(e, g, v->items[i]->text, v->values[i]));
    return CUV_OK;
}

static cuv_status gather(cuv_sc *e, const cuv_py *node, gathered *g)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &g->items));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &g->values));
    for (size_t i = 0; i < node->count; i++) {
        const cuv_py *item = node->items[i];
        bool star = item->kind == CUV_PY_STARRED || (item->kind == CUV_PY_KEYWORD && !item->text);
        cuv_sv *v = NULL;
        CUV_TRY(cuv_sc_eval(e, item->kind == CUV_PY_KEYWORD || item->kind == CUV_PY_STARRED ? item->a : item, &v));
        if (star)
            CUV_TRY(gather_stars(e, g, item, v));
        else if (item->kind == CUV_PY_KEYWORD)
            CUV_TRY(add_named(e, g, item->text, v));
        else
            CUV_TRY(cuv_sv_add(e, g->items, v));
    }
    return CUV_OK;
}

cuv_sv *cuv_sc_arg(const cuv_sargs *args, size_t index, const char *name)
{
    if (index < args->count)
        return args->items[index];
    for (size_t i = 0; name && i < args->named; i++)
        if (cuv_streq(args->names[i], name))
            return args->values[i];
    return NULL;
}

/* ---- what is foreign ---- */

static bool involves_model(const cuv_sargs *args)
{
    for (size_t i = 0; i < args->count; i++)
        if (cuv_sv_involves(args->items[i]))
            return true;
    for (size_t i = 0; i < args->named; i++)
        if (cuv_sv_involves(args->values[i]))
            return true;
    return false;
}

/* Functions that look at a model, or train it: what the rebuilt model is does not depend on them. */
static bool harmless(const char *name)
{
    static const char *const names[] = {
        "print", "display", "plot_model", "model_to_dot", "SVG", "save_model", "save_weights", "save", "dump", "dumps", "export",
        "export_saved_model", "save_keras_model", "convert", "from_keras_model", "isinstance", "type", "id", "repr", "hash", "gradient",
        "gradients", "apply_gradients", "minimize", "GradientTape", "watch", "Checkpoint", "CheckpointManager", "ModelCheckpoint",
        "TensorBoard", "EarlyStopping", "evaluate", "predict", "fit", "train", "show", "imshow", "plot", "plot_history", "visualize",
        "summary", "function", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error", "log", "append",
        "write", "assert_allclose", "allclose", "array_equal", "assert_equal", "LambdaCallback", "Explainer", "DeepExplainer",
        "GradientExplainer", "KernelExplainer", "count_params", "get_flops", "partial", "KerasClassifier", "KerasRegressor",
        "register", "log_model", "autolog", "callable", "pprint", "deepcopy", "info", "debug", "shape", "getsizeof", "update_state"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cuv_streq(names[i], name))
            return true;
    return false;
}

/* Packages whose models come ready-made, and are no part of Keras. */
static bool makes_models(const char *name)
{
    return (cuv_starts_with(name, "keras_hub.") || cuv_starts_with(name, "keras_cv.") || cuv_starts_with(name, "keras_nlp.")) &&
           strstr(name, ".models.") != NULL;
}

cuv_status cuv_sc_foreign(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const char *last = cuv_sc_last(name);
    if (makes_models(name))
        return cuv_sc_unsupported(e, args->node,
                                  "save the whole model with model.save('model.keras') where it was made, or give its configuration "
                                  "(model.to_json()) beside the weights",
                                  "'%s' makes a model of the package %.*s, which is not part of the code", name, (int)strcspn(name, "."), name);
    if (involves_model(args) && !harmless(last))
        return cuv_sc_unsupported(e, args->node,
                                  "understood are layers, functions and operators of Keras, NumPy on the weights, and functions of the "
                                  "script itself; take the line out if it does not change the model",
                                  "'%s' is given the model or a part of it, and what it does is not known", name);
    e->skip = true;
    return cuv_sv_unknown(e, out, "the result of %s(...)", name);
}

/* ---- functions of the script ---- */

static bool yields(const cuv_py *node, unsigned *budget);

static bool any_yields(cuv_py *const *items, size_t count, unsigned *budget)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] && yields(items[i], budget))
            return true;
    return false;
}

/* Does the body yield? Such a function is a generator: nothing runs when it is called. */
static bool yields(const cuv_py *node, unsigned *budget)
{
    if (!node || *budget == 0 || node->kind == CUV_PY_DEF || node->kind == CUV_PY_LAMBDA || node->kind == CUV_PY_CLASS)
        return false;
    --*budget;
    if (node->kind == CUV_PY_YIELD)
        return true;
    return yields(node->a, budget) || yields(node->b, budget) || yields(node->c, budget) ||
           any_yields(node->items, node->count, budget) || any_yields(node->body, node->body_count, budget) ||
           any_yields(node->orelse, node->orelse_count, budget) || any_yields(node->final, node->final_count, budget);
}

static const char *function_name(const cuv_sv *f)
{
    return f->node->text ? f->node->text : "lambda";
}

static cuv_status rest_positional(cuv_sc *e, const cuv_sargs *args, size_t from, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = from; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, *out, args->items[i]));
    return CUV_OK;
}

static bool is_parameter(const cuv_py *def, const char *name)
{
    for (size_t i = 0; i < def->count; i++)
        if (!def->items[i]->op && cuv_streq(def->items[i]->text, name))
            return true;
    return false;
}

static cuv_status rest_named(cuv_sc *e, const cuv_sv *f, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; i < args->named; i++)
        if (!is_parameter(f->node, args->names[i]))
            CUV_TRY(cuv_sv_put_word(e, *out, args->names[i], args->values[i]));
    return CUV_OK;
}

/* Binds arguments to parameters in the new scope. */
static cuv_status bind_parameters(cuv_sc *e, cuv_sv *f, const cuv_sargs *args, cuv_scope *scope)
{
    size_t next = 0;
    bool only_names = false;
    for (size_t i = 0; i < f->node->count; i++) {
        const cuv_py *p = f->node->items[i];
        cuv_sv *v = NULL;
        if (p->op == '*') {
            only_names = true;
            CUV_TRY(rest_positional(e, args, next, &v));
            next = args->count;
        } else if (p->op == '2') {
            CUV_TRY(rest_named(e, f, args, &v));
        } else if (p->op == 0) {
            v = !only_names && next < args->count ? args->items[next++] : cuv_sc_arg(args, args->count, p->text);
            v = v ? v : f->items[i];
            if (!v)
                return cuv_sc_fail(e, args->node, CUV_NO, "script.argument", NULL, "%s() is called without its argument '%s'",
                                   function_name(f), p->text);
        }
        if (p->text && v)
            CUV_TRY(cuv_map_set(scope->names, p->text, v));
    }
    if (next < args->count)
        return cuv_sc_fail(e, args->node, CUV_NO, "script.argument", NULL, "%s() takes %zu arguments and is given %zu",
                           function_name(f), next, args->count);
    return CUV_OK;
}

static cuv_status run_body(cuv_sc *e, cuv_sv *f, cuv_sv **out)
{
    cuv_flow flow = CUV_FLOW_NEXT;
    if (f->node->kind == CUV_PY_LAMBDA)
        return cuv_sc_eval(e, f->node->a, out);
    e->returned = e->none;
    CUV_TRY(cuv_sc_block(e, f->node->body, f->node->body_count, &flow));
    *out = flow == CUV_FLOW_RETURN ? e->returned : e->none;
    if (e->maybe_returned)
        return cuv_sv_unknown(e, out, "what %s() returns, which depends on a condition that the code does not tell", function_name(f));
    return CUV_OK;
}

cuv_status cuv_sc_call_function(cuv_sc *e, cuv_sv *f, const cuv_sargs *args, cuv_sv **out)
{
    cuv_scope *scope = NULL, *outer = e->scope;
    unsigned guarded = e->guarded, budget = 20000;
    bool maybe = e->maybe_returned;
    const cuv_py *guard = e->guard, *statement = e->statement;
    const cuv_source *src = e->src;
    bool generator = f->node->kind == CUV_PY_DEF && any_yields(f->node->body, f->node->body_count, &budget);
    if (generator && budget == 0)
        return cuv_sv_unknown(e, out, "what the generator %s() gives", function_name(f));
    cuv_sv *given = NULL, *around = e->yielded;
    if (generator)
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &given));
    CUV_TRY(cuv_sc_step(e, 20000 - budget));
    if (e->calls >= MOST_CALLS)
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.recursion", "write the layers out",
                           "calls of %s() are nested more than %d deep", function_name(f), MOST_CALLS);
    CUV_TRY(cuv_sc_scope(e, f->scope, &scope));
    CUV_TRY(bind_parameters(e, f, args, scope));
    e->scope = scope;
    e->src = scope->src ? scope->src : e->src;
    e->calls++;
    e->maybe_returned = false;
    e->yielded = given;
    CUV_TRY(run_body(e, f, out));
    e->yielded = around;
    if (given) {
        given->unsure = given->unsure || (*out)->kind == CUV_SV_UNKNOWN;
        *out = cuv_streq(f->label, "contextmanager") && given->count == 1 ? given->items[0] : given;
    }
    e->calls--;
    e->src = src;
    e->scope = outer;
    e->guarded = guarded;
    e->maybe_returned = maybe;
    e->guard = guard;
    e->statement = statement;
    e->at = args->node;
    return CUV_OK;
}

/* ---- partial ---- */

static cuv_status call_partial(cuv_sc *e, cuv_sv *p, const cuv_sargs *args, cuv_sv **out)
{
    gathered g = {0};
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &g.items));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &g.values));
    cuv_sv *first = p->items[0], *names = p->items[1];
    for (size_t i = 0; i < first->count + args->count; i++)
        CUV_TRY(cuv_sv_add(e, g.items, i < first->count ? first->items[i] : args->items[i - first->count]));
    for (size_t i = 0; i < names->count; i++) {
        cuv_sv *over = cuv_sc_arg(args, args->count, names->items[i]->text);
        CUV_TRY(add_named(e, &g, names->items[i]->text, over ? over : names->values[i]));
    }
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_sv_get(names, args->names[i]))
            CUV_TRY(add_named(e, &g, args->names[i], args->values[i]));
    cuv_sargs all = {g.items->items, g.items->count, g.names, g.values->items, g.named, args->node};
    return cuv_sc_call(e, p->self, &all, out);
}

/* ---- dispatch ---- */

static cuv_status call_name(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    *out = NULL;
    if (cuv_starts_with(name, "builtins."))
        CUV_TRY(cuv_sc_builtin(e, name + strlen("builtins."), args, out));
    else if (cuv_starts_with(name, "numpy."))
        CUV_TRY(cuv_sc_numpy(e, name + strlen("numpy."), args, out));
    else if (cuv_starts_with(name, "keras.") || cuv_starts_with(name, "tensorflow."))
        CUV_TRY(cuv_sc_keras_call(e, name, args, out));
    else
        CUV_TRY(cuv_sc_library(e, name, args, out));
    return *out ? CUV_OK : cuv_sc_foreign(e, name, args, out);
}

/* x.get_shape(), x.shape.as_list() and the like. */
static cuv_status symbol_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    if (cuv_streq(name, "get_shape"))
        return cuv_sc_attribute(e, args->node, self, "shape", out);
    if (cuv_streq(name, "set_shape") || cuv_streq(name, "numpy") || cuv_streq(name, "eval")) {
        e->skip = true;
        return cuv_sv_unknown(e, out, "the value of a symbolic tensor");
    }
    return cuv_sc_unsupported(e, args->node, NULL, "the method '%s' of a symbolic tensor", name);
}

static cuv_status variable_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *value = cuv_sc_arg(args, 0, "value");
    if (cuv_streq(name, "assign") && value) {
        *out = e->none;
        return cuv_sc_assign_variable(e, self, value, args->node);
    }
    if (cuv_streq(name, "numpy"))
        return cuv_sc_variable_array(e, self, out);
    if ((cuv_streq(name, "assign_add") || cuv_streq(name, "assign_sub")) && value) {
        cuv_sv *now = NULL;
        CUV_TRY(cuv_sc_variable_array(e, self, &now));
        CUV_TRY(cuv_sc_operate(e, args->node, name[7] == 'a' ? '+' : '-', now, value, &value));
        *out = e->none;
        return cuv_sc_assign_variable(e, self, value, args->node);
    }
    if (cuv_starts_with(name, "assign") || cuv_starts_with(name, "scatter"))
        return cuv_sc_unsupported(e, args->node, "assign(array) and set_weights([...]) are understood", "'%s' changes a weight", name);
    return cuv_sv_unknown(e, out, "the value of a weight");
}

static cuv_status call_method(cuv_sc *e, cuv_sv *m, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *self = m->self;
    switch ((int)self->kind) {
    case CUV_SV_LAYER: return cuv_sc_layer_method(e, self, m->text, args, out);
    case CUV_SV_TEXT: case CUV_SV_BYTES: return cuv_sc_text_method(e, self, m->text, args, out);
    case CUV_SV_LIST: case CUV_SV_TUPLE: case CUV_SV_SET: case CUV_SV_DICT:
        return cuv_sc_container_method(e, self, m->text, args, out);
    case CUV_SV_ARRAY: return cuv_sc_array_method(e, self, m->text, args, out);
    case CUV_SV_OBJECT:
        CUV_TRY(cuv_sc_regex_method(e, self, m->text, args, out));
        return *out ? CUV_OK : cuv_sc_parser_method(e, self, m->text, args, out);
    case CUV_SV_FILE: return cuv_sc_file_method(e, self, m->text, args, out);
    case CUV_SV_TENSOR: return symbol_method(e, self, m->text, args, out);
    case CUV_SV_VARIABLE: return variable_method(e, self, m->text, args, out);
    case CUV_SV_INSTANCE: case CUV_SV_CLASS: {
        gathered g = {0};
        if (!m->count)
            return cuv_sc_subclass_method(e, m, args, out);
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &g.items));
        CUV_TRY(cuv_sv_add(e, g.items, self));
        for (size_t i = 0; i < args->count; i++)
            CUV_TRY(cuv_sv_add(e, g.items, args->items[i]));
        cuv_sargs all = {g.items->items, g.items->count, args->names, args->values, args->named, args->node};
        CUV_TRY(cuv_sc_call_function(e, m->items[0], &all, out));
        cuv_sv *shape = cuv_sc_arg(args, 0, "input_shape");
        if (e->networks && !e->following && !m->truth && cuv_streq(m->text, "build") && shape && cuv_sc_is_layer_instance(e, self)) {
            self->truth = true;         /* its layers exist; call() comes with the same input */
            return cuv_sc_network(e, self, &shape, 1, args->node);
        }
        return CUV_OK;
    }
    default: return cuv_sc_foreign(e, m->text, args, out);
    }
}

static cuv_status call_instance(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *method = NULL;
    if (cuv_sc_is_layer_instance(e, self))
        return cuv_sc_subclass_call(e, self, args, out);
    CUV_TRY(cuv_sc_attribute(e, args->node, self, "__call__", &method));
    if (method->kind != CUV_SV_METHOD)
        return cuv_sc_foreign(e, "an object of the script", args, out);
    return call_method(e, method, args, out);
}

cuv_status cuv_sc_call(cuv_sc *e, cuv_sv *what, const cuv_sargs *args, cuv_sv **out)
{
    e->at = args->node;
    switch ((int)what->kind) {
    case CUV_SV_NAME: return call_name(e, what->text, args, out);
    case CUV_SV_METHOD: return call_method(e, what, args, out);
    case CUV_SV_FUNCTION: return cuv_sc_call_function(e, what, args, out);
    case CUV_SV_CLASS: return cuv_sc_instantiate(e, what, args, out);
    case CUV_SV_OBJECT:
        if (cuv_streq(what->text, "namedtuple"))
            return cuv_sc_make_tuple(e, what, args, out);
        CUV_TRY(cuv_sc_getter_call(e, what, args, out));
        if (*out)
            return CUV_OK;
        return cuv_sc_foreign(e, what->text, args, out);
    case CUV_SV_INSTANCE: return call_instance(e, what, args, out);
    case CUV_SV_PARTIAL: return call_partial(e, what, args, out);
    case CUV_SV_LAYER: return cuv_sl_call(e, what->layer, args, out);
    case CUV_SV_UNKNOWN: {
        const cuv_py *callee = args->node->kind == CUV_PY_CALL ? args->node->a : args->node;
        bool named = callee->kind == CUV_PY_ATTRIBUTE || callee->kind == CUV_PY_NAME;
        return cuv_sc_foreign(e, named ? callee->text : what->text, args, out);
    }
    case CUV_SV_TENSOR: case CUV_SV_VARIABLE: case CUV_SV_LIST: case CUV_SV_TUPLE: case CUV_SV_NONE:
        return cuv_sc_fail(e, args->node, CUV_NO, "script.call", NULL, "%s is called here, which is no layer or function",
                           cuv_sv_describe(e, what));
    default: return cuv_sc_foreign(e, cuv_sv_describe(e, what), args, out);
    }
}

cuv_status cuv_sc_call_node(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *what = NULL;
    gathered g = {0};
    CUV_TRY(cuv_sc_eval(e, node->a, &what));
    CUV_TRY(gather(e, node, &g));
    e->at = node;
    cuv_sargs args = {g.items->items, g.items->count, g.names, g.values->items, g.named, node};
    if (g.unknown) {
        bool model = cuv_sv_involves(what) || involves_model(&args) || what->kind == CUV_SV_FUNCTION ||
                     (what->kind == CUV_SV_NAME && cuv_starts_with(what->text, "keras.layers."));
        if (model)
            return cuv_sc_unsupported(e, node, "write the arguments out", "arguments are taken from %s",
                                      cuv_sv_describe(e, g.unknown));
        return cuv_sv_unknown(e, out, "the result of a call with %s", cuv_sv_describe(e, g.unknown));
    }
    return cuv_sc_call(e, what, &args, out);
}
