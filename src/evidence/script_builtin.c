/* Python's own functions on numbers, texts, objects and classes. Lists: script_iterate.c. */
#include "evidence/script.h"

#include <math.h>
#include <stdlib.h>

typedef cuv_status answer(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);

static cuv_status not_known(cuv_sc *e, const char *name, const cuv_sv *v, cuv_sv **out)
{
    return cuv_sv_unknown(e, out, "%s of %s", name, v ? cuv_sv_describe(e, v) : "nothing");
}

/* ---- printing and the like ---- */

static cuv_status skipped(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    (void)args;
    e->skip = true;
    *out = e->none;
    return CUV_OK;
}

static cuv_status exits(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    *out = e->none;
    if (e->guarded)
        return CUV_OK;
    return cuv_sc_fail(e, args->node, CUV_NO, "script.raises", NULL, "the script ends here, before its last line");
}

/* ---- numbers and texts ---- */

static cuv_status absolute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    if (v && v->kind == CUV_SV_TENSOR)
        return cuv_sc_symbol_unary(e, "Absolute", v, out);
    if (v && v->kind == CUV_SV_INT && v->integer != INT64_MIN)
        return cuv_sv_int(e, v->integer < 0 ? -v->integer : v->integer, out);
    if (v && v->kind == CUV_SV_REAL)
        return cuv_sv_real(e, fabs(v->real), out);
    return not_known(e, "the size", v, out);
}

static cuv_status integer(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    int64_t i = 0;
    double x = 0;
    if (!v)
        return cuv_sv_int(e, 0, out);
    if (cuv_sv_as_int(v, &i) || (v->kind == CUV_SV_TEXT && cuv_parse_i64(v->text, v->size, &i)))
        return cuv_sv_int(e, i, out);
    if (cuv_sv_as_real(v, &x) && x > -9e18 && x < 9e18)
        return cuv_sv_int(e, (int64_t)x, out);
    return not_known(e, "the whole number", v, out);
}

static cuv_status floating(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    double x = 0;
    if (v && (cuv_sv_as_real(v, &x) || (v->kind == CUV_SV_TEXT && cuv_parse_double(v->text, v->size, &x))))
        return cuv_sv_real(e, x, out);
    return not_known(e, "the number", v, out);
}

static cuv_status boolean(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    bool known = true;
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    bool truth = v && cuv_sv_truth(v, &known);
    *out = cuv_sv_bool(e, truth);
    return known ? CUV_OK : not_known(e, "the truth", v, out);
}

static cuv_status rounded(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *digits = cuv_sc_arg(args, 1, "ndigits");
    double x = 0;
    int64_t n = 0;
    if (!v || !cuv_sv_as_real(v, &x) || (digits && !cuv_sv_as_int(digits, &n)) || n < -300 || n > 300)
        return not_known(e, "the rounded value", v, out);
    if (v->kind != CUV_SV_REAL) {
        *out = v;
        return CUV_OK;
    }
    if (!digits && x > -9e18 && x < 9e18)
        return cuv_sv_int(e, (int64_t)nearbyint(x), out);
    double scale = pow(10, (double)n);
    return cuv_sv_real(e, nearbyint(x * scale) / scale, out);
}

static cuv_status text_of(cuv_sc *e, const cuv_sargs *args, bool repr, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    cuv_buffer b;
    if (v && v->kind == CUV_SV_TEXT && !repr) {
        *out = v;
        return CUV_OK;
    }
    if (v && (cuv_sv_unknown_in(v) || v->kind == CUV_SV_BYTES))
        return not_known(e, "the text", v, out);
    cuv_buffer_init(&b, e->cx);
    if (v)
        cuv_sv_print(e, &b, v, repr, 0);
    cuv_status status = b.failed ? cuv_oom(e->cx) : cuv_sv_text(e, b.size ? b.data : "", b.size, out);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status text(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return text_of(e, args, false, out); }
static cuv_status repr_(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return text_of(e, args, true, out); }

static cuv_status power(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    if (args->count != 2)
        return not_known(e, "a power", NULL, out);
    return cuv_sc_operate(e, args->node, CUV_PY_POW, args->items[0], args->items[1], out);
}

static cuv_status slice(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, out));
    for (size_t i = 0; i < 3; i++) {
        cuv_sv *v = args->count == 1 ? (i == 1 ? args->items[0] : NULL) : cuv_sc_arg(args, i, NULL);
        CUV_TRY(cuv_sv_add(e, *out, v ? v : e->none));
    }
    return CUV_OK;
}

/* ---- what something is ---- */

/* 1 yes, 0 no, -1 not known. */
static int is_instance(const cuv_sv *v, const cuv_sv *of, unsigned depth)
{
    static const struct { const char *name; cuv_sv_kind kind; } plain[] = {
        {"str", CUV_SV_TEXT}, {"int", CUV_SV_INT}, {"float", CUV_SV_REAL}, {"bool", CUV_SV_BOOL}, {"list", CUV_SV_LIST},
        {"tuple", CUV_SV_TUPLE}, {"dict", CUV_SV_DICT}, {"set", CUV_SV_SET}, {"bytes", CUV_SV_BYTES}, {"ndarray", CUV_SV_ARRAY},
        {"range", CUV_SV_RANGE}};
    if (of->kind == CUV_SV_TUPLE) {
        int found = depth > 2 ? -1 : 0;
        for (size_t i = 0; i < of->count && found == 0; i++)
            found = is_instance(v, of->items[i], depth + 1);
        return found;
    }
    if (v->kind == CUV_SV_UNKNOWN || (of->kind != CUV_SV_NAME && of->kind != CUV_SV_CLASS))
        return -1;
    if (of->kind == CUV_SV_CLASS) {
        for (const cuv_sv *k = v->kind == CUV_SV_INSTANCE ? v->self : NULL; k; k = k->self)
            if (k == of)
                return 1;
        return 0;
    }
    const char *last = cuv_sc_last(of->text);
    if (cuv_starts_with(of->text, "h5py."))
        return v->kind == (cuv_streq(last, "Dataset") ? CUV_SV_ARRAY : CUV_SV_DICT);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (cuv_streq(plain[i].name, last))
            return v->kind == plain[i].kind || (v->kind == CUV_SV_BOOL && cuv_streq(last, "int"));
    if (v->kind != CUV_SV_LAYER)
        return v->kind == CUV_SV_TENSOR && !cuv_streq(last, "KerasTensor") && !cuv_streq(last, "Tensor") ? 0 : v->kind == CUV_SV_TENSOR;
    const cuv_sl *layer = v->layer;
    if (cuv_streq(last, "Layer"))
        return 1;
    if (cuv_streq(last, "Model") || cuv_streq(last, "Functional"))
        return layer->is_model && (cuv_streq(last, "Model") || layer->kind != CUV_SL_SEQUENTIAL);
    if (layer->kind == CUV_SL_OPAQUE)
        return cuv_streq(last, layer->class_name);
    if (cuv_streq(last, "_Conv") || cuv_streq(last, "Conv") || cuv_streq(last, "BaseConv"))
        return cuv_starts_with(layer->class_name, "Conv") || cuv_starts_with(layer->class_name, "Separable");
    const struct cuv_signature *a = cuv_signature_of(last), *b = cuv_signature_of(layer->class_name);
    return a ? a == b : cuv_streq(last, layer->class_name);
}

static cuv_status isinstance(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    int found = args->count == 2 ? is_instance(args->items[0], args->items[1], 0) : -1;
    *out = cuv_sv_bool(e, found == 1);
    return found >= 0 ? CUV_OK : not_known(e, "the class", cuv_sc_arg(args, 0, NULL), out);
}

static cuv_status type(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    if (v && v->kind == CUV_SV_LAYER)
        return cuv_sv_name(e, cuv_sc_format(e, "keras.layers.%s", v->layer->class_name), out);
    if (v && v->kind == CUV_SV_INSTANCE && v->self) {
        *out = v->self;
        return CUV_OK;
    }
    const char *name = !v ? NULL : v->kind == CUV_SV_TEXT ? "str" : v->kind == CUV_SV_INT ? "int" : v->kind == CUV_SV_REAL ? "float"
                     : v->kind == CUV_SV_LIST ? "list" : v->kind == CUV_SV_TUPLE ? "tuple" : v->kind == CUV_SV_DICT ? "dict" : NULL;
    return name ? cuv_sv_name(e, cuv_sc_format(e, "builtins.%s", name), out) : not_known(e, "the type", v, out);
}

static cuv_status set_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    *out = e->none;
    if (args->count == 3 && args->items[0]->kind == CUV_SV_LAYER && args->items[1]->kind == CUV_SV_TEXT)
        return cuv_sc_set_layer_attribute(e, args->node, args->items[0]->layer, args->items[1]->text, args->items[2]);
    if (args->count == 3 && cuv_sc_is_layer_instance(e, args->items[0]) && args->items[1]->kind == CUV_SV_TEXT)
        CUV_TRY(cuv_sc_subclass_keep(e, args->items[0], args->items[1]->text, args->items[2]));
    if (args->count == 3 && args->items[0]->kind == CUV_SV_INSTANCE && args->items[1]->kind == CUV_SV_TEXT)
        return cuv_map_set(args->items[0]->scope->names, args->items[1]->text, args->items[2]);
    return cuv_sc_foreign(e, "setattr", args, out);
}

static cuv_status super(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    return cuv_sc_super(e, args, out);
}

/* vars(args): the names of an object as a dictionary. */
static cuv_status variables(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    *out = v && v->kind == CUV_SV_DICT ? v : NULL;
    if (v && v->kind == CUV_SV_INSTANCE && v->count)
        CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; v && v->kind == CUV_SV_INSTANCE && i < v->count; i++)
        CUV_TRY(cuv_sv_put(e, *out, v->items[i], cuv_map_get(v->scope->names, v->items[i]->text)));
    return *out ? CUV_OK : not_known(e, "the variables", v, out);
}

static cuv_status has_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = NULL;
    if (args->count != 2 || args->items[1]->kind != CUV_SV_TEXT)
        return not_known(e, "an attribute", cuv_sc_arg(args, 0, NULL), out);
    if (args->items[0]->kind == CUV_SV_TEXT || args->items[0]->kind == CUV_SV_BYTES) {     /* hasattr(name, 'decode') */
        *out = cuv_sv_bool(e, cuv_sv_is(args->items[1], args->items[0]->kind == CUV_SV_TEXT ? "encode" : "decode"));
        return CUV_OK;
    }
    if (args->items[0]->kind == CUV_SV_INSTANCE && !cuv_sc_is_layer_instance(e, args->items[0])) {
        CUV_TRY(cuv_sc_attribute(e, args->node, args->items[0], args->items[1]->text, &v));
        *out = cuv_sv_bool(e, v->kind != CUV_SV_UNKNOWN);
        return CUV_OK;
    }
    if (args->items[0]->kind != CUV_SV_LAYER)
        return not_known(e, "an attribute", args->items[0], out);
    if (cuv_sv_is(args->items[1], "layers")) {
        *out = cuv_sv_bool(e, args->items[0]->layer->is_model);
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_layer_attribute(e, args->node, args->items[0]->layer, args->items[1]->text, &v));
    if (v->kind == CUV_SV_UNKNOWN && v->truth)       /* known to be there */
        *out = e->yes;
    else if (v->kind == CUV_SV_UNKNOWN)
        *out = v;
    else
        *out = cuv_sv_bool(e, v->kind != CUV_SV_METHOD || cuv_sv_is(args->items[1], "get_weights") ||
                                  cuv_sv_is(args->items[1], "set_weights"));
    return CUV_OK;
}

/* getattr(layer, 'units', None): the third where there is no such attribute. */
static cuv_status get_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *there = e->yes;
    bool known = true;
    if (args->count < 2 || args->items[1]->kind != CUV_SV_TEXT)
        return not_known(e, "an attribute", cuv_sc_arg(args, 0, NULL), out);
    if (args->count == 3 && (args->items[0]->kind == CUV_SV_LAYER || args->items[0]->kind == CUV_SV_INSTANCE))
        CUV_TRY(has_attribute(e, &(cuv_sargs){args->items, 2, NULL, NULL, 0, args->node}, &there));
    bool truth = cuv_sv_truth(there, &known);
    *out = args->count == 3 ? args->items[2] : NULL;
    if (known && !truth)
        return CUV_OK;
    return cuv_sc_attribute(e, args->node, args->items[0], args->items[1]->text, out);
}

/* An iterator is a list of its own, of which next() takes the first. */
static cuv_status open_(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    return cuv_sc_library(e, "io.open", args, out);
}

static const struct { const char *name; answer *answer; } table[] = {
    {"print", skipped}, {"display", skipped}, {"help", skipped}, {"exit", exits}, {"quit", exits}, {"abs", absolute}, {"int", integer},
    {"float", floating}, {"bool", boolean}, {"round", rounded}, {"str", text}, {"unicode", text}, {"repr", repr_}, {"pow", power}, {"slice", slice},
    {"isinstance", isinstance}, {"type", type}, {"getattr", get_attribute}, {"setattr", set_attribute}, {"hasattr", has_attribute}, {"vars", variables},
    {"super", super}, {"open", open_},
};

cuv_status cuv_sc_builtin(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name))
            return table[i].answer(e, args, out);
    return cuv_sc_iteration(e, name, args, out);
}
