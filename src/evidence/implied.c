/* Classes and functions that a script of the evidence defines stand in for what a configuration names and Keras does not have, as they do
 * in Keras under custom_objects: as if the script were given with --custom. Only its definitions are read then: imports, functions, classes and
 * constants. */
#include "evidence/script.h"

enum { DEEP = 200 };

typedef struct implying {
    struct cuv_evidence *ev;
    cuv_file *file;
    cuv_py *definitions;        /* the module without what builds, loads or trains; its body has room for all that it defines */
    size_t room;
    cuv_map *defined;           /* names of its functions and classes */
} implying;

/* ---- the definitions ---- */

static bool is_one_of(const char *const *names, const char *name)
{
    while (*names && !cuv_streq(*names, name))
        names++;
    return *names;
}

/* np.float32(1.5), math.sqrt(2) */
static bool is_number_call(const cuv_py *n)
{
    static const char *const modules[] = {"np", "numpy", "math", NULL};
    static const char *const functions[] = {"float16", "float32", "float64", "int32", "int64", "sqrt", "log", "exp", NULL};
    return n->kind == CUV_PY_CALL && n->a->kind == CUV_PY_ATTRIBUTE && n->a->a->kind == CUV_PY_NAME &&
           is_one_of(modules, n->a->a->text) && is_one_of(functions, n->a->text);
}

/* Numbers, texts, names, and lists and arithmetic of these: nothing that a call makes. */
static bool is_plain(const cuv_py *n, unsigned depth)
{
    if (!n || depth == 0)
        return depth > 0;
    if (n->kind > CUV_PY_ATTRIBUTE && n->kind != CUV_PY_UNARY && n->kind != CUV_PY_BINARY && !is_number_call(n))
        return false;
    for (size_t i = 0; i < n->count; i++)
        if (!is_plain(n->items[i], depth - 1))
            return false;
    return is_plain(n->a, depth - 1) && is_plain(n->b, depth - 1);
}

/* act = lambda x: ... */
static bool is_lambda(const cuv_py *s)
{
    return s->kind == CUV_PY_ASSIGN && s->count == 1 && s->items[0]->kind == CUV_PY_NAME && s->a && s->a->kind == CUV_PY_LAMBDA;
}

static bool is_definition(const cuv_py *s)
{
    switch (s->kind) {
    case CUV_PY_IMPORT: case CUV_PY_FROM: case CUV_PY_DEF: case CUV_PY_CLASS:
        return true;
    case CUV_PY_ASSIGN:
        return s->count == 1 && s->items[0]->kind == CUV_PY_NAME && (is_lambda(s) || is_plain(s->a, DEEP));
    default:
        return false;
    }
}

bool cuv_py_only_defines(const cuv_py *module)
{
    for (size_t i = 0; i < module->body_count; i++) {
        const cuv_py *s = module->body[i];
        bool text = s->kind == CUV_PY_EXPRESSION && s->a && s->a->kind == CUV_PY_STR;
        if (!is_definition(s) && !text && s->kind != CUV_PY_PASS && s->kind != CUV_PY_SKIPPED)
            return false;
    }
    return module->body_count > 0;
}

static cuv_status keep_definitions(const implying *m, cuv_py *module)
{
    size_t kept = 0;
    for (size_t i = 0; i < module->body_count; i++) {
        cuv_py *s = module->body[i];
        if (is_definition(s))
            module->body[kept++] = s;
        if (s->kind == CUV_PY_DEF || s->kind == CUV_PY_CLASS)
            CUV_TRY(cuv_map_set(m->defined, s->text, s));
        if (is_lambda(s))
            CUV_TRY(cuv_map_set(m->defined, s->items[0]->text, s));
        for (size_t k = 0; s->kind == CUV_PY_FROM && k < s->count; k++) {
            const cuv_py *alias = s->items[k];
            CUV_TRY(cuv_map_set(m->defined, alias->a ? alias->a->text : alias->text, s));
        }
    }
    module->body_count = kept;
    return CUV_OK;
}

/* ---- the names ---- */

/* The first that defines a name counts. */
static cuv_status imply(implying *m, const char *name, const char *means, bool named)
{
    cuv_arena *arena = m->ev->arena;
    if (cuv_map_get(m->ev->implied, name))
        return CUV_OK;
    cuv_custom *custom = CUV_NEW(arena, cuv_custom);
    if (!custom)
        return cuv_oom(m->ev->cx);
    *custom = (cuv_custom){.name = name, .means = means, .file = m->file, .module = m->definitions, .implied = true, .named = named};
    return cuv_map_set(m->ev->implied, name, custom);
}

/* A function without a name gets one that no code can have. */
static cuv_status name_lambda(implying *m, const cuv_py *lambda, const char **name)
{
    cuv_arena *arena = m->ev->arena;
    cuv_py *s = CUV_NEW(arena, cuv_py), *target = CUV_NEW(arena, cuv_py);
    cuv_py **targets = CUV_NEW_ARRAY(arena, cuv_py *, 1);
    cuv_py **body = cuv_arena_grow(arena, m->definitions->body, m->definitions->body_count, &m->room, sizeof(cuv_py *));
    char *made = cuv_arena_printf(arena, "lambda of line %zu, column %zu", (size_t)lambda->line, (size_t)lambda->column);
    if (!s || !target || !targets || !body || !made)
        return cuv_oom(m->ev->cx);
    *s = *target = *lambda;
    target->kind = CUV_PY_NAME;
    target->text = made;
    target->items = NULL;
    target->a = NULL;
    target->count = 0;
    s->kind = CUV_PY_ASSIGN;
    s->items = targets;
    s->items[0] = target;
    s->count = 1;
    s->a = (cuv_py *)(uintptr_t)lambda;
    m->definitions->body = body;
    m->definitions->body[m->definitions->body_count++] = s;
    *name = made;
    return cuv_map_set(m->defined, made, s);
}

/* {'swish2': my_swish}, and the same in an Activation or with a lambda. */
static cuv_status imply_pair(implying *m, const cuv_py *key, const cuv_py *value)
{
    if (value && value->kind == CUV_PY_CALL && value->count == 1)
        value = value->items[0];
    const char *lambda = NULL;
    if (key && key->kind == CUV_PY_STR && value && value->kind == CUV_PY_LAMBDA && value->count == 1 && !cuv_map_get(m->ev->implied, key->text)) {
        CUV_TRY(name_lambda(m, value, &lambda));
        return imply(m, key->text, lambda, true);
    }
    bool named = key && key->kind == CUV_PY_STR && value && value->kind == CUV_PY_NAME && cuv_map_get(m->defined, value->text);
    return named ? imply(m, key->text, value->text, true) : CUV_OK;
}

static cuv_status find_pairs(implying *m, const cuv_py *n, unsigned depth)
{
    if (!n || depth == 0)
        return CUV_OK;
    if (n->kind == CUV_PY_PAIR)
        CUV_TRY(imply_pair(m, n->a, n->b));
    if (n->kind == CUV_PY_ASSIGN && n->count == 1 && n->items[0]->kind == CUV_PY_SUBSCRIPT)
        CUV_TRY(imply_pair(m, n->items[0]->b, n->a));
    for (size_t i = 0; i < n->count; i++)
        CUV_TRY(find_pairs(m, n->items[i], depth - 1));
    for (size_t i = 0; i < n->body_count; i++)
        CUV_TRY(find_pairs(m, n->body[i], depth - 1));
    CUV_TRY(find_pairs(m, n->a, depth - 1));
    return find_pairs(m, n->b, depth - 1);
}

cuv_status cuv_custom_imply(struct cuv_evidence *ev, cuv_file *file)
{
    implying m = {.ev = ev, .file = file, .defined = cuv_map_new(ev->arena)};
    ev->implied = ev->implied ? ev->implied : cuv_map_new(ev->arena);
    if (!m.defined || !ev->implied)
        return cuv_oom(ev->cx);
    CUV_TRY(cuv_python_parse(ev->arena, &file->source, &m.definitions));
    cuv_py **all = m.definitions->body;
    size_t count = m.definitions->body_count;
    m.definitions->body = CUV_NEW_ARRAY(ev->arena, cuv_py *, count + 1);
    if (!m.definitions->body)
        return cuv_oom(ev->cx);
    if (count)
        memcpy(m.definitions->body, all, count * sizeof(cuv_py *));
    CUV_TRY(keep_definitions(&m, m.definitions));
    m.room = count + 1;
    for (size_t i = 0; i < count; i++)
        CUV_TRY(find_pairs(&m, all[i], DEEP));
    for (size_t i = 0; i < m.definitions->body_count; i++) {
        const cuv_py *s = m.definitions->body[i];
        if (s->kind == CUV_PY_DEF || s->kind == CUV_PY_CLASS)
            CUV_TRY(imply(&m, s->text, s->text, false));
        if (is_lambda(s))
            CUV_TRY(imply(&m, s->items[0]->text, s->items[0]->text, false));
        for (size_t k = 0; s->kind == CUV_PY_FROM && k < s->count; k++) {
            const char *name = s->items[k]->a ? s->items[k]->a->text : s->items[k]->text;
            CUV_TRY(imply(&m, name, name, false));
        }
    }
    return CUV_OK;
}

/* ---- what they stand in for ---- */

cuv_custom *cuv_custom_implied(const struct cuv_evidence *ev, const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    const char *registered = cuv_get_text(record, "registered_name");
    if (!ev->implied || !class_name || (module && cuv_is_keras_module(module)))
        return NULL;
    cuv_custom *custom = cuv_map_get(ev->implied, cuv_plain_name(class_name));
    const bool foreign = module || strchr(class_name, '>') || (registered && strchr(registered, '>')) || !cuv_signature_of(class_name);
    return custom && (custom->named || foreign) ? custom : NULL;
}
