/* Functions that code gives to the layer Lambda: a body that is one expression of the input, numbers and functions of Keras and TensorFlow
 * becomes the same form that lambda.c reads from bytecode. Names mean here what the code imported, so nothing has to be assumed. */
#include "evidence/read.h"
#include "evidence/script.h"

enum { DEEP = 32 };

typedef struct reading {
    cuv_sc *e;
    cuv_map *names;             /* parameters and variables of the function: expressions */
    bool other;                 /* it does something else */
    unsigned inside;            /* functions of the script that called each other */
} reading;

static cuv_status expression(reading *r, const cuv_py *node, unsigned depth, cuv_value **out);
static bool depends(const reading *r, const cuv_py *node, unsigned depth);

static cuv_status other(reading *r, cuv_value **out)
{
    r->other = true;
    *out = cuv_value_null(r->e->arena);
    return *out ? CUV_OK : cuv_oom(r->e->cx);
}

static cuv_status node_of(reading *r, const char *head, cuv_value *a, cuv_value *b, cuv_value *c, cuv_value **out)
{
    cuv_arena *arena = r->e->arena;
    cuv_value *items[] = {a, b, c};
    *out = cuv_value_list(arena);
    if (!*out)
        return cuv_oom(r->e->cx);
    CUV_TRY(cuv_list_add(arena, *out, cuv_value_text(arena, head)));
    for (size_t i = 0; i < 3 && items[i]; i++)
        CUV_TRY(cuv_list_add(arena, *out, items[i]));
    return CUV_OK;
}

/* What does not depend on the input, as the script's evaluator has it. */
static cuv_status known(reading *r, const cuv_py *node, cuv_value **out)
{
    cuv_sv *v = NULL;
    CUV_TRY(cuv_sc_eval(r->e, node, &v));
    if (v->kind == CUV_SV_NAME)
        return node_of(r, "name", cuv_value_text(r->e->arena, v->text), NULL, NULL, out);
    if (cuv_sv_unknown_in(v) || cuv_sv_involves(v) || v->kind > CUV_SV_TUPLE)
        return other(r, out);
    CUV_TRY(cuv_sv_to_value(r->e, v, "a value in a Lambda", 0, out));
    if ((*out)->kind == CUV_LIST)       /* a LIST is an expression; a plain one is a TUPLE */
        (*out)->kind = CUV_TUPLE;
    return CUV_OK;
}

static cuv_status sequence(reading *r, const cuv_py *node, unsigned depth, cuv_value *out)
{
    for (size_t i = 0; i < node->count; i++) {
        cuv_value *item = NULL;
        CUV_TRY(expression(r, node->items[i], depth, &item));
        CUV_TRY(cuv_list_add(r->e->arena, out, item));
    }
    return CUV_OK;
}

static const char *operator_of(int op)
{
    static const struct { int op; const char *head; } known_ops[] = {
        {'+', "add"}, {'-', "sub"}, {'*', "mul"}, {'/', "div"}, {CUV_PY_FLOORDIV, "floordiv"}, {'%', "mod"}, {CUV_PY_POW, "pow"}};
    for (size_t i = 0; i < sizeof known_ops / sizeof *known_ops; i++)
        if (known_ops[i].op == op)
            return known_ops[i].head;
    return NULL;
}

static cuv_status binary(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    const char *head = operator_of(node->op);
    cuv_value *a = NULL, *b = NULL;
    if (!head)
        return other(r, out);
    CUV_TRY(expression(r, node->a, depth, &a));
    CUV_TRY(expression(r, node->b, depth, &b));
    return node_of(r, head, a, b, NULL, out);
}

static cuv_status limit(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    if (node)
        return expression(r, node, depth, out);
    *out = cuv_value_null(r->e->arena);
    return *out ? CUV_OK : cuv_oom(r->e->cx);
}

static cuv_status key_of(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    cuv_value *a = NULL, *b = NULL, *c = NULL;
    if (!depth)
        return other(r, out);
    if (node->kind == CUV_PY_SLICE) {
        CUV_TRY(limit(r, node->a, depth - 1, &a));
        CUV_TRY(limit(r, node->b, depth - 1, &b));
        CUV_TRY(limit(r, node->c, depth - 1, &c));
        return node_of(r, "slice", a, b, c, out);
    }
    if (node->kind == CUV_PY_ELLIPSIS) {
        *out = cuv_value_text(r->e->arena, "...");
        return *out ? CUV_OK : cuv_oom(r->e->cx);
    }
    if (node->kind != CUV_PY_TUPLE)
        return expression(r, node, depth - 1, out);
    *out = cuv_value_tuple(r->e->arena);
    for (size_t i = 0; *out && i < node->count; i++) {
        CUV_TRY(key_of(r, node->items[i], depth - 1, &a));
        CUV_TRY(cuv_list_add(r->e->arena, *out, a));
    }
    return *out ? CUV_OK : cuv_oom(r->e->cx);
}

/* The last word of a function of Keras or TensorFlow. */
static const char *library_word(const char *dotted)
{
    const char *dot = dotted ? strrchr(dotted, '.') : NULL;
    return dot && (cuv_starts_with(dotted, "keras.") || cuv_starts_with(dotted, "tensorflow.")) ? dot + 1 : NULL;
}

static cuv_status number(reading *r, double real, cuv_value **out)
{
    *out = cuv_value_real(r->e->arena, real);
    return *out ? CUV_OK : cuv_oom(r->e->cx);
}

/* relu(x, slope, max_value): larger of x and slope x, not above the maximum; what else there is stays a call. */
static cuv_status rectified(reading *r, const char *word, cuv_value *plain, cuv_value *named, cuv_value **out)
{
    double slope = cuv_streq(word, "leaky_relu") ? 0.2 : 0, most = 0;
    cuv_value *x = cuv_item(plain, 0), *limit = NULL, *v = NULL;
    *out = NULL;
    for (size_t i = 0; i < cuv_len(named); i++) {
        const char *key = cuv_text(named->pairs[i].key);
        if (cuv_word_in("alpha negative_slope", key) ? !cuv_as_real(named->pairs[i].value, &slope) : !cuv_streq(key, "max_value"))
            return CUV_OK;
        limit = cuv_streq(key, "max_value") && !cuv_is_null(named->pairs[i].value) ? named->pairs[i].value : limit;
    }
    if (cuv_len(plain) != 1 || !cuv_len(named) || slope < 0 || slope > 1 || (limit && !cuv_as_real(limit, &most)))
        return CUV_OK;
    CUV_TRY(number(r, slope, &v));
    if (slope > 0)
        CUV_TRY(node_of(r, "mul", x, v, NULL, &v));
    CUV_TRY(node_of(r, "maximum", x, v, NULL, out));
    return limit ? node_of(r, "minimum", *out, limit, NULL, out) : CUV_OK;
}

/* Functions of two or three tensors that are written like operators, and rectifiers. */
static cuv_status special_call(reading *r, const char *dotted, cuv_value *plain, cuv_value *named, cuv_value **out)
{
    static const char two[] = "maximum minimum greater greater_equal less less_equal";
    const char *word = library_word(dotted);
    *out = NULL;
    if (!word)
        return CUV_OK;
    if (cuv_streq(word, "relu") || cuv_streq(word, "leaky_relu"))
        return rectified(r, word, plain, named, out);
    if (cuv_len(named) || !((cuv_word_in(two, word) && cuv_len(plain) == 2) || (cuv_streq(word, "where") && cuv_len(plain) == 3)))
        return CUV_OK;
    return node_of(r, word, cuv_item(plain, 0), cuv_item(plain, 1), cuv_item(plain, 2), out);
}

static cuv_status body(reading *r, const cuv_py *def, cuv_value **out);

/* Another function of the script: its body with what it is given. */
static cuv_status inlined(reading *r, const cuv_sv *f, const cuv_py *node, unsigned depth, cuv_value **out)
{
    cuv_map *names = cuv_map_new(r->e->arena), *around = r->names;
    const cuv_py *def = f->node;
    cuv_scope *outer = r->e->scope;
    if (!names)
        return cuv_oom(r->e->cx);
    if (r->inside == DEEP / 4 || node->count > def->count)
        return other(r, out);
    for (size_t i = 0; i < def->count; i++) {
        const cuv_py *p = def->items[i], *given = i < node->count && node->items[i]->kind != CUV_PY_KEYWORD ? node->items[i] : NULL;
        cuv_value *v = NULL;
        for (size_t k = 0; p->text && k < node->count; k++)
            if (node->items[k]->kind == CUV_PY_KEYWORD && cuv_streq(node->items[k]->text, p->text))
                given = node->items[k]->a;
        if (p->op || !p->text || (given && given->kind == CUV_PY_STARRED) || (!given && (!f->items[i] || f->items[i]->kind > CUV_SV_TUPLE)))
            return other(r, out);
        CUV_TRY(given ? expression(r, given, depth, &v) : cuv_sv_to_value(r->e, f->items[i], "an argument of a function", 0, &v));
        CUV_TRY(cuv_map_set(names, p->text, v));
    }
    r->names = names;
    r->e->scope = f->scope ? f->scope : outer;
    r->inside++;
    CUV_TRY(body(r, def, out));
    r->inside--;
    r->e->scope = outer;
    r->names = around;
    return CUV_OK;
}

/* What is called, when it is a function of the script; else NULL. */
static cuv_status own_function(reading *r, const cuv_py *node, cuv_sv **out)
{
    *out = NULL;
    if (node->kind != CUV_PY_NAME || depends(r, node, DEEP))
        return CUV_OK;
    CUV_TRY(cuv_sc_eval(r->e, node, out));
    if ((*out)->kind != CUV_SV_FUNCTION)
        *out = NULL;
    return CUV_OK;
}

static cuv_status call(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    cuv_sv *own = NULL;
    CUV_TRY(own_function(r, node->a, &own));
    if (own)
        return inlined(r, own, node, depth, out);
    cuv_value *function = NULL, *plain = cuv_value_tuple(r->e->arena), *named = cuv_value_dict(r->e->arena), *item = NULL;
    if (!plain || !named)
        return cuv_oom(r->e->cx);
    CUV_TRY(expression(r, node->a, depth, &function));
    if (function->kind != CUV_LIST || !cuv_streq(cuv_text(cuv_item(function, 0)), "name"))
        return other(r, out);
    for (size_t i = 0; i < node->count; i++) {
        const cuv_py *a = node->items[i];
        if (a->kind == CUV_PY_STARRED || (a->kind == CUV_PY_KEYWORD && !a->text))
            return other(r, out);
        CUV_TRY(expression(r, a->kind == CUV_PY_KEYWORD ? a->a : a, depth, &item));
        CUV_TRY(a->kind == CUV_PY_KEYWORD ? cuv_dict_set(r->e->arena, named, a->text, item) : cuv_list_add(r->e->arena, plain, item));
    }
    if (cuv_starts_with(cuv_text(cuv_item(function, 1)), "keras.applications.") && plain->size && plain->items[0]->kind == CUV_LIST) {
        CUV_TRY(cuv_sc_preprocess_expression(r->e, cuv_text(cuv_item(function, 1)), cuv_get_text(named, "mode"), plain->items[0], out));
        return *out ? CUV_OK : other(r, out);
    }
    CUV_TRY(special_call(r, cuv_text(cuv_item(function, 1)), plain, named, out));
    return *out ? CUV_OK : node_of(r, "call", cuv_item(function, 1), plain, named, out);
}

/* x > 0, of two values. */
static cuv_status comparison(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    cuv_value *a = NULL, *b = NULL;
    const int op = node->count == 2 ? (unsigned char)node->text[0] : 0;
    const char *head = op == '<' ? "less" : op == '>' ? "greater" : op == CUV_PY_LE ? "less_equal" : op == CUV_PY_GE ? "greater_equal" : NULL;
    if (!head)
        return other(r, out);
    CUV_TRY(expression(r, node->items[0], depth, &a));
    CUV_TRY(expression(r, node->items[1], depth, &b));
    return node_of(r, head, a, b, NULL, out);
}

/* Does the expression name a parameter or variable of the function? */
static bool depends(const reading *r, const cuv_py *node, unsigned depth)
{
    if (!node || !depth)
        return node != NULL;
    if (node->kind == CUV_PY_NAME)
        return cuv_map_get(r->names, node->text) != NULL;
    if (node->kind == CUV_PY_LAMBDA || node->kind == CUV_PY_COMPREHENSION)
        return true;
    for (size_t i = 0; i < node->count; i++)
        if (depends(r, node->items[i], depth - 1))
            return true;
    return depends(r, node->a, depth - 1) || depends(r, node->b, depth - 1) || depends(r, node->c, depth - 1);
}

static cuv_status expression(reading *r, const cuv_py *node, unsigned depth, cuv_value **out)
{
    cuv_value *a = NULL, *b = NULL;
    CUV_TRY(cuv_sc_step(r->e, 16));
    if (!depth || r->other)
        return other(r, out);
    if (!depends(r, node, DEEP))
        return known(r, node, out);
    switch ((int)node->kind) {
    case CUV_PY_NAME: *out = cuv_map_get(r->names, node->text); return CUV_OK;
    case CUV_PY_BINARY: return binary(r, node, depth - 1, out);
    case CUV_PY_UNARY:
        CUV_TRY(expression(r, node->a, depth - 1, &a));
        *out = a;
        return node->op == '+' ? CUV_OK : node->op == '-' ? node_of(r, "neg", a, NULL, NULL, out) : other(r, out);
    case CUV_PY_SUBSCRIPT:
        CUV_TRY(expression(r, node->a, depth - 1, &a));
        CUV_TRY(key_of(r, node->b, depth - 1, &b));
        return node_of(r, "index", a, b, NULL, out);
    case CUV_PY_CALL: return call(r, node, depth - 1, out);
    case CUV_PY_COMPARE: return comparison(r, node, depth - 1, out);
    case CUV_PY_LIST:
        CUV_TRY(node_of(r, "list", NULL, NULL, NULL, out));
        return sequence(r, node, depth - 1, *out);
    case CUV_PY_TUPLE:
        *out = cuv_value_tuple(r->e->arena);
        return *out ? sequence(r, node, depth - 1, *out) : cuv_oom(r->e->cx);
    default: return other(r, out);
    }
}

/* ---- functions ---- */

static cuv_status parameters(reading *r, const cuv_sv *f, const cuv_sv *arguments)
{
    const cuv_py *def = f->node;
    for (size_t i = 0; i < def->count; i++) {
        const cuv_py *p = def->items[i];
        cuv_sv *given = arguments && arguments->kind == CUV_SV_DICT ? cuv_sv_get(arguments, p->text ? p->text : "") : NULL;
        cuv_value *v = NULL;
        if (p->op || !p->text)
            return other(r, &v);
        given = given ? given : f->items[i];
        if (i == 0)
            CUV_TRY(node_of(r, "input", cuv_value_int(r->e->arena, 0), NULL, NULL, &v));
        else if (!given || cuv_sv_unknown_in(given) || cuv_sv_involves(given) || given->kind > CUV_SV_TUPLE)
            return other(r, &v);
        else
            CUV_TRY(cuv_sv_to_value(r->e, given, "an argument of a Lambda", 0, &v));
        v->kind = i && v->kind == CUV_LIST ? CUV_TUPLE : v->kind;
        CUV_TRY(cuv_map_set(r->names, p->text, v));
    }
    return def->count ? CUV_OK : other(r, &(cuv_value *){NULL});
}

/* Names that get a value, and a return at the end. */
static cuv_status body(reading *r, const cuv_py *def, cuv_value **out)
{
    *out = NULL;
    if (def->kind == CUV_PY_LAMBDA)
        return expression(r, def->a, DEEP, out);
    for (size_t i = 0; i < def->body_count && !r->other && !*out; i++) {
        const cuv_py *s = def->body[i];
        cuv_value *v = NULL;
        bool text = s->kind == CUV_PY_EXPRESSION && s->a->kind == CUV_PY_STR;
        if (s->kind == CUV_PY_RETURN && s->a) {
            CUV_TRY(expression(r, s->a, DEEP, out));
        } else if (s->kind == CUV_PY_ASSIGN && s->count == 1 && s->items[0]->kind == CUV_PY_NAME) {
            CUV_TRY(expression(r, s->a, DEEP, &v));
            CUV_TRY(cuv_map_set(r->names, s->items[0]->text, v));
        } else if (!text) {
            return other(r, out);
        }
    }
    return *out ? CUV_OK : other(r, out);
}

static cuv_status follow(cuv_sc *e, const cuv_sv *f, const cuv_sv *arguments, cuv_value **out)
{
    reading r = {.e = e, .names = cuv_map_new(e->arena)};
    cuv_scope *outer = e->scope;
    bool skip = e->skip;
    *out = NULL;
    if (!r.names)
        return cuv_oom(e->cx);
    CUV_TRY(parameters(&r, f, arguments));
    e->scope = f->scope ? f->scope : outer;
    if (!r.other)
        CUV_TRY(body(&r, f->node, out));
    e->scope = outer;
    e->skip = skip;
    *out = r.other ? NULL : *out;
    return CUV_OK;
}

/* A function of Keras or TensorFlow by its name: called on the input, with the layer's arguments. */
static cuv_status by_name(cuv_sc *e, const cuv_sv *f, const cuv_sv *arguments, cuv_value **out)
{
    reading r = {.e = e};
    cuv_value *input = NULL, *plain = cuv_value_tuple(e->arena), *named = NULL;
    *out = NULL;
    if (!cuv_starts_with(f->text, "keras.") && !cuv_starts_with(f->text, "tensorflow."))
        return CUV_OK;
    CUV_TRY(node_of(&r, "input", cuv_value_int(e->arena, 0), NULL, NULL, &input));
    if (!plain)
        return cuv_oom(e->cx);
    if (cuv_starts_with(f->text, "keras.applications."))
        return cuv_sc_preprocess_expression(e, f->text, NULL, input, out);
    CUV_TRY(cuv_list_add(e->arena, plain, input));
    if (arguments && arguments->kind == CUV_SV_DICT)
        CUV_TRY(cuv_sv_to_value(e, arguments, "the arguments of a Lambda", 0, &named));
    named = named ? named : cuv_value_dict(e->arena);
    CUV_TRY(special_call(&r, f->text, plain, named, out));
    return *out ? CUV_OK : node_of(&r, "call", cuv_value_text(e->arena, f->text), plain, named, out);
}

cuv_status cuv_sc_lambda(cuv_sc *e, const cuv_sl *layer, cuv_value *config)
{
    const cuv_sv *f = cuv_sv_get(layer->config, "function"), *arguments = cuv_sv_get(layer->config, "arguments");
    cuv_value *found = NULL;
    cuv_buffer text;
    if (f && f->kind == CUV_SV_FUNCTION)
        CUV_TRY(follow(e, f, arguments, &found));
    else if (f && f->kind == CUV_SV_NAME)
        CUV_TRY(by_name(e, f, arguments, &found));
    if (!found)
        return CUV_OK;
    cuv_buffer_init(&text, e->cx);
    cuv_lambda_text(&text, found);
    cuv_status status = text.failed ? cuv_oom(e->cx) : CUV_OK;
    if (status == CUV_OK)
        status = cuv_dict_set(e->arena, config, CUV_LAMBDA_EXPRESSION, found);
    if (status == CUV_OK)
        status = cuv_dict_set(e->arena, config, CUV_LAMBDA_TEXT, cuv_value_text(e->arena, text.data ? text.data : ""));
    if (status == CUV_OK)
        status = cuv_dict_set(e->arena, config, "cuvier_stated", cuv_value_bool(e->arena, true));
    cuv_buffer_free(&text);
    return status;
}
