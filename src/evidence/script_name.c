/* Names of a script: scopes, imports, and the one canonical name for each of the many ways to reach something of Keras. */
#include "evidence/script.h"

#include <math.h>

/* ---- canonical names ---- */

/* Prefixes that mean the same module, and the Keras they tell. Longer ones first. */
static const struct { const char *from, *to; int keras; } aliases[] = {
    {"tensorflow.compat.v1", "tensorflow", 2},      {"tensorflow.compat.v2", "tensorflow", 0},
    {"tensorflow.python.keras", "keras", 2},        {"tensorflow.contrib.keras", "keras", 2},
    {"tensorflow.python.framework", "tensorflow", 0}, {"tensorflow._api.v2", "tensorflow", 0},
    {"tensorflow.keras", "keras", 0},               {"tf_keras", "keras", 2},
    {"keras._tf_keras.keras", "keras", 3},          {"keras.src", "keras", 0},
    {"keras.api", "keras", 0},                      {"keras.engine", "keras.models", 2},
    {"keras.layers.core", "keras.layers", 2},       {"keras.layers.convolutional", "keras.layers", 2},
    {"keras.layers.pooling", "keras.layers", 2},    {"keras.layers.recurrent", "keras.layers", 2},
    {"keras.layers.normalization", "keras.layers", 2}, {"keras.layers.embeddings", "keras.layers", 2},
    {"keras.layers.advanced_activations", "keras.layers", 2}, {"keras.layers.wrappers", "keras.layers", 2},
    {"keras.layers.merge", "keras.layers", 2},      {"keras.layers.noise", "keras.layers", 2},
    {"keras.layers.local", "keras.layers", 2},      {"keras.utils.np_utils", "keras.utils", 2},
    {"keras.utils.vis_utils", "keras.utils", 2},    {"keras.wrappers.scikit_learn", "keras.wrappers", 2},
    {"keras.layers.experimental.preprocessing", "keras.layers", 0}, {"keras.layers.experimental", "keras.layers", 0},
    {"tensorflow.math", "tensorflow", 0},           {"tensorflow.linalg", "tensorflow", 0},
    {"keras.ops.numpy", "keras.ops", 3},            {"keras.ops.nn", "keras.ops", 3},
    {"numpy.core.numeric", "numpy", 0},             {"tensorflow.numpy", "numpy", 0},
    {"keras.ops", "keras.ops", 3},                  {"keras.random", "keras.random", 3},
    {"cPickle", "pickle", 0},                       {"dill", "pickle", 0},
    {"pickle5", "pickle", 0},                       {"simplejson", "json", 0},
    {"tensorflow.io.gfile.GFile", "io.open", 0},
};

/* `name` begins with the dotted prefix. */
static bool has_prefix(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return !strncmp(name, prefix, n) && (name[n] == '\0' || name[n] == '.');
}

static cuv_status canonical(cuv_sc *e, const char *name, const char **out)
{
    for (size_t round = 0, i = 0; round < 4 && i < sizeof aliases / sizeof *aliases; i++) {
        size_t n = strlen(aliases[i].from);
        bool function = cuv_streq(name, "keras.layers.merge");         /* of Keras 1; else the module of Keras 2 */
        if (!has_prefix(name, aliases[i].from) || function)
            continue;
        if (aliases[i].keras)
            cuv_sc_keras(e, aliases[i].keras);
        if (cuv_streq(aliases[i].from, aliases[i].to))
            break;
        name = cuv_arena_printf(e->arena, "%s%s", aliases[i].to, name + n);
        if (!name)
            return cuv_oom(e->cx);
        round++;
        i = (size_t)-1;
    }
    *out = name;
    return CUV_OK;
}

const char *cuv_sc_last(const char *dotted)
{
    const char *dot = strrchr(dotted, '.');
    return dot ? dot + 1 : dotted;
}

static cuv_status named(cuv_sc *e, const char *dotted, cuv_sv **out)
{
    const char *name = NULL;
    CUV_TRY(canonical(e, dotted, &name));
    return cuv_sv_name(e, name, out);
}

cuv_status cuv_sc_module(cuv_sc *e, const char *dotted, cuv_sv **out)
{
    return named(e, dotted, out);
}

/* ---- scopes ---- */

cuv_status cuv_sc_scope(cuv_sc *e, cuv_scope *outer, cuv_scope **out)
{
    *out = CUV_NEW(e->arena, cuv_scope);
    if (!*out || !((*out)->names = cuv_map_new(e->arena)))
        return cuv_oom(e->cx);
    (*out)->outer = outer;
    (*out)->src = outer ? outer->src : NULL;
    e->steps += 16;
    return CUV_OK;
}

cuv_status cuv_sc_bind(cuv_sc *e, const char *name, cuv_sv *value)
{
    cuv_scope *scope = e->scope;
    if (scope->globals && cuv_map_get(scope->globals, name)) {
        cuv_scope *s = scope->outer;
        while (s && s != e->global && !cuv_map_get(s->names, name))
            s = s->outer;
        scope = s ? s : e->global;
    }
    return cuv_map_set(scope->names, name, value);
}

static const char *const builtins[] = {
    "print", "len", "range", "zip", "enumerate", "reversed", "list", "tuple", "dict", "set", "frozenset", "sorted", "sum", "min",
    "max", "abs", "round", "int", "float", "str", "bool", "isinstance", "issubclass", "type", "getattr", "hasattr", "setattr", "map",
    "filter", "any", "all", "open", "input", "id", "super", "repr", "format", "iter", "next", "callable", "exit", "quit",
    "divmod", "pow", "object", "property", "staticmethod", "classmethod", "vars", "dir", "help", "ord", "chr", "bytes", "hash",
    "display", "get_ipython", "Exception", "ValueError", "TypeError", "KeyError", "IndexError", "ImportError", "RuntimeError",
    "ModuleNotFoundError", "FileNotFoundError", "IOError", "OSError", "AttributeError", "NotImplementedError", "AssertionError",
    "xrange", "unicode", "raw_input", "globals", "locals", "exec", "eval", "complex", "slice"};

/* What a fragment without its imports most likely means. */
static const struct { const char *name, *means; } customary[] = {
    {"np", "numpy"}, {"numpy", "numpy"}, {"tf", "tensorflow"}, {"tensorflow", "tensorflow"}, {"keras", "keras"},
    {"layers", "keras.layers"}, {"models", "keras.models"}, {"K", "keras.backend"}, {"ops", "keras.ops"},
    {"Sequential", "keras.Sequential"}, {"Model", "keras.Model"}, {"Input", "keras.Input"}, {"json", "json"},
    {"pickle", "pickle"}, {"os", "os"}, {"math", "math"}, {"plt", "matplotlib.pyplot"}, {"pd", "pandas"},
    {"load_model", "keras.models.load_model"}, {"model_from_json", "keras.models.model_from_json"},
    {"concatenate", "keras.layers.concatenate"}};

static const char *star_name(const char *module, const char *name)
{
    static const char *const models[] = {"Sequential", "Model", "Input", "load_model", "model_from_json", "model_from_config",
                                         "model_from_yaml", "clone_model", "save_model"};
    static const char *const functions[] = {"Input", "add", "concatenate", "multiply", "subtract", "average", "maximum", "minimum",
                                            "dot", "merge"};
    bool layer = has_prefix(module, "keras.layers"), model = has_prefix(module, "keras.models");
    bool whole = cuv_streq(module, "keras") || has_prefix(module, "tensorflow");
    for (size_t i = 0; (model || whole) && i < sizeof models / sizeof *models; i++)
        if (cuv_streq(models[i], name))
            return "keras";
    for (size_t i = 0; layer && i < sizeof functions / sizeof *functions; i++)
        if (cuv_streq(functions[i], name))
            return "keras.layers";
    if (layer && cuv_signature_of(name))
        return "keras.layers";
    return NULL;
}

/* A name that no scope has: Python's own, one of a star import, or what it usually stands for. */
static cuv_status outside(cuv_sc *e, const char *name, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (cuv_streq(builtins[i], name))
            return cuv_sv_name(e, cuv_sc_format(e, "builtins.%s", name), out);
    for (size_t i = e->star_count; i > 0; i--) {
        const char *module = star_name(e->stars[i - 1], name);
        if (module)
            return cuv_sv_name(e, cuv_sc_format(e, "%s.%s", module, name), out);
        if (cuv_streq(e->stars[i - 1], "numpy") || cuv_streq(e->stars[i - 1], "math"))
            return cuv_sv_name(e, cuv_sc_format(e, "%s.%s", e->stars[i - 1], name), out);
    }
    for (size_t i = 0; i < sizeof customary / sizeof *customary; i++)
        if (cuv_streq(customary[i].name, name))
            return cuv_sv_name(e, customary[i].means, out);
    if (cuv_signature_of(name))
        return cuv_sv_name(e, cuv_sc_format(e, "keras.layers.%s", name), out);
    return cuv_sv_unknown(e, out, "'%s', which the script does not define", name);
}

cuv_status cuv_sc_lookup(cuv_sc *e, const cuv_py *node, const char *name, cuv_sv **out)
{
    for (cuv_scope *s = e->scope; s; s = s->outer) {
        if (s->is_class && s != e->scope)
            continue;
        *out = cuv_map_get(s->names, name);
        if (*out)
            return CUV_OK;
    }
    e->at = node;
    if (cuv_streq(name, "__name__"))
        return cuv_sv_word(e, e->src == e->global->src ? "__main__" : e->src->name, out);
    if (cuv_streq(name, "__file__"))
        return cuv_sv_word(e, e->file->name, out);
    return outside(e, name, out);
}

/* ---- imports ---- */

static cuv_status add_star(cuv_sc *e, const char *module)
{
    const char **grown = cuv_arena_grow(e->arena, e->stars, e->star_count, &e->star_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    e->stars = grown;
    CUV_TRY(canonical(e, module, &e->stars[e->star_count]));
    e->star_count++;
    return CUV_OK;
}

static cuv_status bind_one(cuv_sc *e, const cuv_sv *module, const char *name)
{
    cuv_sv *value = name && name[0] != '_' ? cuv_map_get(module->scope->names, name) : NULL;
    return value ? cuv_sc_bind(e, name, value) : CUV_OK;
}

/* import *: the names that the module's statements give. Bounded by the tree's height. */
static cuv_status bind_all(cuv_sc *e, const cuv_sv *module, cuv_py *const *body, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cuv_py *s = body[i];
        CUV_TRY(cuv_sc_step(e, 1));
        if (s->kind == CUV_PY_DEF || s->kind == CUV_PY_CLASS) {
            CUV_TRY(bind_one(e, module, s->text));
            continue;
        }
        for (size_t k = 0; k < s->count; k++) {
            const cuv_py *item = s->items[k];
            if (s->kind == CUV_PY_ASSIGN && item->kind == CUV_PY_NAME)
                CUV_TRY(bind_one(e, module, item->text));
            if (s->kind == CUV_PY_ASSIGN && (item->kind == CUV_PY_TUPLE || item->kind == CUV_PY_LIST))
                for (size_t n = 0; n < item->count; n++)
                    CUV_TRY(bind_one(e, module, item->items[n]->kind == CUV_PY_NAME ? item->items[n]->text : NULL));
            if (s->kind == CUV_PY_IMPORT || s->kind == CUV_PY_FROM)
                CUV_TRY(bind_one(e, module, item->a ? item->a->text : item->text));
        }
        if (s->kind == CUV_PY_ANNOTATED)
            CUV_TRY(bind_one(e, module, s->a->text));
        CUV_TRY(bind_all(e, module, s->body, s->body_count));
        CUV_TRY(bind_all(e, module, s->orelse, s->orelse_count));
    }
    return CUV_OK;
}

/* What an import of a module beside the script binds. */
static cuv_status from_local(cuv_sc *e, const cuv_py *statement, const cuv_py *alias, cuv_sv *module)
{
    cuv_sv *value = module;
    if (statement->kind != CUV_PY_FROM)
        return cuv_sc_bind(e, alias->a ? alias->a->text : alias->text, value);
    if (cuv_streq(alias->text, "*"))
        return bind_all(e, module, module->node->body, module->node->body_count);
    value = cuv_map_get(module->scope->names, alias->text);
    if (!value)
        CUV_TRY(cuv_sc_local_module(e, cuv_sc_format(e, "%s.%s", statement->text, alias->text), &value));
    if (!value)
        return cuv_sc_fail(e, statement, CUV_NO, "script.import", NULL, "the module '%s' beside the script defines no '%s'", statement->text, alias->text);
    return cuv_sc_bind(e, alias->a ? alias->a->text : alias->text, value);
}

cuv_status cuv_sc_import(cuv_sc *e, const cuv_py *statement)
{
    for (size_t i = 0; i < statement->count; i++) {
        const cuv_py *alias = statement->items[i];
        const char *name = alias->text;
        cuv_sv *value = NULL, *module = NULL;
        CUV_TRY(cuv_sc_local_module(e, statement->kind == CUV_PY_FROM ? statement->text : name, &module));
        if (module) {
            CUV_TRY(from_local(e, statement, alias, module));
            continue;
        }
        if (statement->kind == CUV_PY_FROM && cuv_streq(name, "*")) {
            CUV_TRY(add_star(e, statement->text));
            continue;
        }
        if (statement->kind == CUV_PY_FROM) {
            CUV_TRY(named(e, cuv_sc_format(e, "%s.%s", statement->text, name), &value));
            CUV_TRY(cuv_sc_bind(e, alias->a ? alias->a->text : name, value));
        } else if (alias->a) {
            CUV_TRY(named(e, name, &value));
            CUV_TRY(cuv_sc_bind(e, alias->a->text, value));
        } else {
            size_t first = strcspn(name, ".");
            char *root = cuv_arena_strndup(e->arena, name, first);
            if (!root)
                return cuv_oom(e->cx);
            CUV_TRY(named(e, name, &value));            /* for what the whole name tells of the version */
            CUV_TRY(named(e, root, &value));
            CUV_TRY(cuv_sc_bind(e, root, value));
        }
    }
    return CUV_OK;
}

/* ---- attributes ---- */

static cuv_status module_attribute(cuv_sc *e, const cuv_sv *module, const char *name, cuv_sv **out)
{
    const char *m = module->text;
    bool numbers = cuv_streq(m, "numpy") || cuv_streq(m, "math");
    if (numbers && cuv_streq(name, "pi"))
        return cuv_sv_real(e, 3.14159265358979323846, out);
    if (numbers && cuv_streq(name, "e"))
        return cuv_sv_real(e, 2.71828182845904523536, out);
    if (numbers && (cuv_streq(name, "inf") || cuv_streq(name, "Inf")))
        return cuv_sv_real(e, (double)INFINITY, out);
    if (numbers && cuv_streq(name, "nan"))
        return cuv_sv_real(e, (double)NAN, out);
    if (cuv_streq(name, "newaxis")) {
        *out = e->none;
        return CUV_OK;
    }
    if (cuv_streq(name, "__version__"))
        return cuv_sv_unknown(e, out, "the version of %s", m);
    if (cuv_streq(m, "sys") && cuv_streq(name, "argv"))
        return cuv_sv_unknown(e, out, "an argument of the command line");
    if (cuv_streq(m, "os") && cuv_streq(name, "sep"))
        return cuv_sv_word(e, "/", out);
    if (cuv_streq(name, "__name__") || cuv_streq(name, "__qualname__"))
        return cuv_sv_word(e, cuv_sc_last(m), out);
    return named(e, cuv_sc_format(e, "%s.%s", m, name), out);
}

static cuv_status class_attribute(cuv_sc *e, const cuv_py *node, cuv_sv *of, const char *name, cuv_sv **out)
{
    cuv_sv *found = cuv_map_get(of->scope->names, name);
    for (cuv_sv *k = of->kind == CUV_SV_CLASS ? of : of->self; !found && k; k = k->self)
        found = cuv_map_get(k->scope->names, name);
    bool function = found && found->kind == CUV_SV_FUNCTION && found->node->kind == CUV_PY_DEF;
    bool by_class = function && cuv_streq(found->label, "classmethod");
    if (function && (of->kind == CUV_SV_INSTANCE || by_class) && !cuv_streq(found->label, "staticmethod")) {
        if (cuv_streq(found->label, "property")) {
            cuv_sargs self = {&of, 1, NULL, NULL, 0, node};
            return cuv_sc_call_function(e, found, &self, out);
        }
        CUV_TRY(cuv_sv_method(e, by_class && of->kind == CUV_SV_INSTANCE ? of->self : of, name, out));
        return cuv_sv_add(e, *out, found);
    }
    if (found) {
        *out = found;
        return CUV_OK;
    }
    if (cuv_streq(name, "__name__") && of->kind == CUV_SV_CLASS && of->node->text)
        return cuv_sv_word(e, of->node->text, out);
    if (cuv_streq(name, "__class__") && of->kind == CUV_SV_INSTANCE && of->self) {
        *out = of->self;
        return CUV_OK;
    }
    if (cuv_sc_is_layer_instance(e, of))
        return cuv_sc_subclass_attribute(e, of, name, out);
    return cuv_sv_unknown(e, out, "the attribute '%s' of an object of the script", name);
}

/* Attributes of symbolic tensors: x.shape, x.dtype, x.name. */
static cuv_status symbol_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out)
{
    const cuv_st *t = of->symbol;
    if (cuv_streq(name, "dtype"))
        return cuv_sv_word(e, t->dtype ? t->dtype : "float32", out);
    if (cuv_streq(name, "name"))
        return cuv_sv_word(e, t->call->layer->name, out);
    if (!cuv_streq(name, "shape") && !cuv_streq(name, "_keras_shape") && !cuv_streq(name, "ndim"))
        return cuv_sv_method(e, of, name, out);
    if (!t->shaped)
        return cuv_sv_unknown(e, out, "the shape of the output of '%s', which the code alone does not tell", t->call->layer->name);
    if (cuv_streq(name, "ndim"))
        return cuv_sv_int(e, t->rank, out);
    return cuv_sc_shape_tuple(e, t, out);
}

/* Lists stand for object arrays as well, dictionaries for .npz files. */
static cuv_status container_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out)
{
    cuv_sv *size = NULL;
    if (of->kind == CUV_SV_DICT && (cuv_streq(name, "files") || cuv_streq(name, "f"))) {
        cuv_sargs none = {0};
        return cuv_sc_container_method(e, of, "keys", &none, out);
    }
    if (of->kind == CUV_SV_DICT && cuv_streq(name, "attrs")) {
        *out = of->self && of->self->kind == CUV_SV_DICT ? of->self : NULL;     /* of h5py */
        return *out ? CUV_OK : cuv_sv_unknown(e, out, "the attributes of a file");
    }
    if (of->kind == CUV_SV_LIST && (cuv_streq(name, "shape") || cuv_streq(name, "size") || cuv_streq(name, "ndim"))) {
        CUV_TRY(cuv_sv_int(e, name[0] == 'n' ? 1 : (int64_t)of->count, &size));
        *out = size;
        if (!cuv_streq(name, "shape"))
            return CUV_OK;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
        return cuv_sv_add(e, *out, size);
    }
    return cuv_sv_method(e, of, name, out);
}

static cuv_status weight_attribute(cuv_sc *e, const cuv_py *node, const cuv_sv *of, const char *name, cuv_sv **out)
{
    cuv_sv *array = NULL;
    CUV_TRY(cuv_sc_variable_array(e, of, &array));
    if (array->kind == CUV_SV_ARRAY)
        return cuv_sc_attribute(e, node, array, name, out);
    return cuv_sv_unknown(e, out, "the %s of a weight", name);
}

/* Path('w.npy').stem is 'w', .suffix '.npy'. */
static cuv_status path_part(cuv_sc *e, const char *last, bool stem, cuv_sv **out)
{
    const char *dot = strrchr(last, '.');
    size_t size = strlen(last), at = dot && dot != last && dot[1] ? (size_t)(dot - last) : size;
    return stem ? cuv_sv_text(e, last, at, out) : cuv_sv_text(e, last + at, size - at, out);
}

cuv_status cuv_sc_attribute(cuv_sc *e, const cuv_py *node, cuv_sv *of, const char *name, cuv_sv **out)
{
    switch (of->kind) {
    case CUV_SV_NAME: return module_attribute(e, of, name, out);
    case CUV_SV_UNKNOWN: *out = of; return CUV_OK;
    case CUV_SV_LAYER: return cuv_sc_layer_attribute(e, node, of->layer, name, out);
    case CUV_SV_TENSOR: return symbol_attribute(e, of, name, out);
    case CUV_SV_ARRAY: return cuv_sc_array_attribute(e, of, name, out);
    case CUV_SV_CLASS: case CUV_SV_INSTANCE: return class_attribute(e, node, of, name, out);
    case CUV_SV_SUPER: return cuv_sc_super_attribute(e, of, name, out);
    case CUV_SV_FUNCTION:
        if (cuv_streq(name, "__name__"))
            return cuv_sv_word(e, of->node->text ? of->node->text : "<lambda>", out);
        break;
    case CUV_SV_TEXT:
        if (cuv_streq(name, "name"))                                  /* of a path */
            return cuv_sv_word(e, cuv_path_name(of->text), out);
        if (cuv_streq(name, "stem") || cuv_streq(name, "suffix"))
            return path_part(e, cuv_path_name(of->text), name[1] == 't', out);
        if (cuv_streq(name, "parent"))
            return cuv_sv_word(e, ".", out);
        break;
    case CUV_SV_OBJECT:
        if (cuv_streq(of->text, "ArgumentParser") || cuv_streq(of->text, "re.Match") || (cuv_sc_is_pattern(of) && !cuv_streq(name, "pattern")))
            break;
        *out = cuv_sv_get(of, name);
        if (*out)
            return CUV_OK;
        return cuv_sv_unknown(e, out, "the attribute '%s' of a %s", name, of->text);
    case CUV_SV_LIST: case CUV_SV_DICT: return container_attribute(e, of, name, out);
    case CUV_SV_TUPLE:
        for (size_t i = 0; of->values && i < of->count; i++)
            if (cuv_sv_is(of->values[i], name)) {
                *out = of->items[i];
                return CUV_OK;
            }
        break;
    case CUV_SV_VARIABLE:
        if (cuv_streq(name, "name"))
            return cuv_sv_unknown(e, out, "the %s of a weight", name);
        if (cuv_streq(name, "shape") || cuv_streq(name, "dtype") || cuv_streq(name, "ndim") || cuv_streq(name, "size"))
            return weight_attribute(e, node, of, name, out);
        break;
    case CUV_SV_NONE:
        if (cuv_word_in("group groups groupdict span", name))
            return cuv_sc_fail(e, node, CUV_NO, "script.match", "look at what it is given: print(repr(text))",
                               "a regular expression does not match here, and None has no %s()", name);
        break;
    case CUV_SV_FILE: case CUV_SV_METHOD: case CUV_SV_PARTIAL: case CUV_SV_BOOL: case CUV_SV_INT: case CUV_SV_REAL:
    case CUV_SV_BYTES: case CUV_SV_SET: case CUV_SV_RANGE: case CUV_SV_SLICE:
    case CUV_SV_ELLIPSIS:
        break;
    }
    return cuv_sv_method(e, of, name, out);
}
