/* The arguments of two layers by meaning: other words for the same are no change. */
#include "run/differ.h"

/* "GlorotUniform", "glorot_uniform" and {"class_name": "GlorotUniform", "config": {}} alike. */
static const char *plain_name(cuv_differ *d, const cuv_value *v)
{
    const char *name = cuv_text(v) ? cuv_text(v) : cuv_get_text(v, "class_name");
    if (cuv_streq(name, "function") && cuv_get_text(v, "config"))
        name = cuv_get_text(v, "config");
    return name ? cuv_snake_case(d->arena, name) : NULL;
}

static bool same_value(const cuv_value *a, const cuv_value *b);

/* Configurations without what is None on either side. */
static bool same_entries(const cuv_value *a, const cuv_value *b)
{
    for (size_t i = 0; a && a->kind == CUV_DICT && i < a->size; i++) {
        const char *key = cuv_text(a->pairs[i].key);
        const cuv_value *other = key ? cuv_get(b, key) : NULL;
        if (key && !cuv_is_null(other) && !same_value(a->pairs[i].value, other))
            return false;
    }
    return true;
}

static bool same_value(const cuv_value *a, const cuv_value *b)
{
    if (cuv_is_null(a) && cuv_is_null(b))
        return true;
    if (cuv_streq(cuv_get_text(a, "class_name"), "__tuple__"))
        a = cuv_get(a, "items");
    if (cuv_streq(cuv_get_text(b, "class_name"), "__tuple__"))
        b = cuv_get(b, "items");
    if (cuv_is_seq(a) != cuv_is_seq(b) && (cuv_is_number(a) || cuv_is_number(b))) {    /* 2 for (2, 2) */
        const cuv_value *list = cuv_is_seq(a) ? a : b, *one = cuv_is_seq(a) ? b : a;
        for (size_t i = 0; i < list->size; i++)
            if (!cuv_value_equal(list->items[i], one))
                return false;
        return list->size > 0;
    }
    double x, y;        /* as floats, which is what layers compute with: 0.3 has been written as 0.30000001192092896 */
    if (cuv_as_real(a, &x) && cuv_as_real(b, &y))
        return x == y || (float)x == (float)y;
    return cuv_value_equal(a, b);
}

/* -1, 3 and [3] are the same axis of four. */
static bool same_axes(const cuv_layer *a, const cuv_value *x, const cuv_layer *b, const cuv_value *y)
{
    size_t n = cuv_is_seq(x) ? cuv_len(x) : 1;
    if (n != (cuv_is_seq(y) ? cuv_len(y) : 1))
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t k, m;
        if (!cuv_as_int(cuv_is_seq(x) ? cuv_item(x, i) : x, &k) || !cuv_as_int(cuv_is_seq(y) ? cuv_item(y, i) : y, &m))
            return false;
        if ((k < 0 ? k + a->in_rank : k) != (m < 0 ? m + b->in_rank : m))
            return false;
    }
    return true;
}

/* Rows that each Keras writes in another way. */
static bool same_by_meaning(const char *row, const cuv_layer *a, const cuv_value *x, const cuv_layer *b, const cuv_value *y)
{
    if (!strcmp(row, "axis") || !strcmp(row, "axes"))
        return same_axes(a, x, b, y);
    return !strcmp(row, "data_format") && a->channels_first == b->channels_first;
}

static bool same_object(cuv_differ *d, const cuv_value *a, const cuv_value *b)
{
    const char *x = plain_name(d, a), *y = plain_name(d, b);
    if (!x || !y)
        return same_value(a, b);
    return cuv_streq(x, y) && same_entries(cuv_get(a, "config"), cuv_get(b, "config"));
}

/* The same function, whatever it is called: hard_sigmoid of Keras 2 is not that of Keras 3. */
static bool same_activation(cuv_differ *d, const cuv_layer *x, const cuv_value *a, const cuv_layer *y, const cuv_value *b)
{
    cuv_act f, g;
    bool f_single, g_single;
    if (cuv_parse_activation(x, a, &f, &f_single) != CUV_OK || cuv_parse_activation(y, b, &g, &g_single) != CUV_OK ||
        !f_single || !g_single)
        return same_object(d, a, b);
    return f.op == g.op && f.alpha == g.alpha && (f.beta == g.beta || (isinf(f.beta) && isinf(g.beta))) && f.gamma == g.gamma &&
           f.approximate == g.approximate;
}

static const char *value_text(cuv_differ *d, const cuv_layer *layer, const cuv_param *row, const cuv_value *v, bool same_words)
{
    const char *text = v ? cuv_value_repr(d->cx, v) : "None";
    (void)row;
    return same_words ? cuv_format(d->cx, "%s (as Keras %d computes it)", text, layer->keras) : text;
}

cuv_status cuv_differ_params(cuv_differ *d, const cuv_layer *a, const cuv_layer *b, const char *name)
{
    for (size_t i = 0; a->def == b->def && a->def->params && a->def->params[i].name; i++) {
        const cuv_param *row = &a->def->params[i];
        const cuv_value *x = a->args[i], *y = b->args[i];
        bool same = false;
        switch (row->type) {
        case CUV_P_ACTIVATION: same = same_activation(d, a, x, b, y); break;
        case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT: same = same_object(d, x, y); break;
        case CUV_P_LAYER: case CUV_P_LAYERS: same = true; break;       /* compared as layers */
        case CUV_P_INT: case CUV_P_FLOAT: case CUV_P_BOOL: case CUV_P_STRING: case CUV_P_SIZES: case CUV_P_SHAPE: case CUV_P_INTS:
        case CUV_P_DTYPE: case CUV_P_ANY: same = same_value(x, y) || same_by_meaning(row->name, a, x, b, y); break;
        }
        bool untold = row->inert && (cuv_is_null(x) || cuv_is_null(y));    /* by one of them, and without effect */
        if (same || untold || !strcmp(row->name, "name"))
            continue;
        bool words = x && y && cuv_value_equal(x, y);
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_CONFIG, name, row->name, value_text(d, a, row, x, words), value_text(d, b, row, y, words)));
    }
    const char *p = a->policy ? a->policy : cuv_dtype_name(a->variable), *q = b->policy ? b->policy : cuv_dtype_name(b->variable);
    if (!cuv_streq(p, q))
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_CONFIG, name, "dtype", p, q));
    if (a->trainable != b->trainable)
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_CONFIG, name, "trainable", a->trainable ? "True" : "False", b->trainable ? "True" : "False"));
    return CUV_OK;
}
