/* Lambda layers: what a short function computes, read from its bytecode (Python 2.7 to 3.13) by following it symbol by symbol. Nothing
 * runs. What comes out is an expression of the input, of numbers and of a few known functions of Keras and TensorFlow; a function that
 * does anything else has none. */
#include "evidence/read.h"
#include "format/marshal.h"

/* An expression: a number, None, a TUPLE or TEXT stands for itself; else a LIST whose first item is one of
 * "input" (index), "add" "sub" "mul" "div" "floordiv" "mod" "pow" (two), "neg", "index" (x, key), "slice" (three), "name" (dotted),
 * "call" (dotted name, TUPLE of arguments, DICT of keywords), "list" (items). */

/* ---- instructions ---- */

typedef enum act {
    A_NONE, A_STOP, A_LOCAL, A_LOCAL2, A_CONST, A_GLOBAL, A_ATTR, A_RETURN, A_RETURN_CONST, A_BINARY, A_OPERATOR, A_NEG, A_TUPLE,
    A_LIST, A_FREE, A_SLICE, A_SUBSCR, A_BINARY_SLICE, A_PRECALL, A_CALL, A_CALL_PAIRS, A_CALL_NAMES, A_NAMES, A_OLD_SLICE
} act;
typedef struct instruction { uint8_t code; act what; const char *name; } instruction;

static const instruction old_codes[] = {        /* 2.7 to 3.10 */
    {19, A_BINARY, "pow"}, {20, A_BINARY, "mul"}, {22, A_BINARY, "mod"}, {23, A_BINARY, "add"}, {24, A_BINARY, "sub"},
    {25, A_SUBSCR, NULL}, {26, A_BINARY, "floordiv"}, {27, A_BINARY, "div"}, {11, A_NEG, NULL}, {83, A_RETURN, NULL}, {9, A_NONE, NULL},
    {100, A_CONST, NULL}, {101, A_GLOBAL, NULL}, {102, A_TUPLE, NULL}, {103, A_LIST, NULL}, {106, A_ATTR, NULL}, {116, A_GLOBAL, NULL},
    {124, A_LOCAL, NULL}, {133, A_SLICE, NULL}, {136, A_FREE, NULL}, {0, A_STOP, NULL}};
static const instruction codes_27[] = {{21, A_BINARY, "div"}, {30, A_OLD_SLICE, NULL}, {31, A_OLD_SLICE, NULL}, {32, A_OLD_SLICE, NULL},
                                       {33, A_OLD_SLICE, NULL}, {131, A_CALL_PAIRS, NULL}, {0, A_STOP, NULL}};
static const instruction codes_35[] = {{131, A_CALL_PAIRS, NULL}, {0, A_STOP, NULL}};
static const instruction codes_36[] = {{131, A_CALL, NULL}, {141, A_CALL_NAMES, NULL}, {160, A_ATTR, NULL}, {161, A_CALL, NULL},
                                       {0, A_STOP, NULL}};
static const instruction codes_311[] = {
    {9, A_NONE, NULL}, {2, A_NONE, NULL}, {151, A_NONE, NULL}, {11, A_NEG, NULL}, {25, A_SUBSCR, NULL},
    {83, A_RETURN, NULL}, {100, A_CONST, NULL}, {102, A_TUPLE, NULL}, {103, A_LIST, NULL}, {106, A_ATTR, NULL}, {116, A_GLOBAL, NULL},
    {122, A_OPERATOR, NULL}, {137, A_FREE, NULL}, {149, A_NONE, NULL}, {124, A_LOCAL, NULL}, {133, A_SLICE, NULL},
    {171, A_CALL, NULL}, {172, A_NAMES, NULL}, {0, A_STOP, NULL}};
static const instruction codes_only_311[] = {{160, A_ATTR, NULL}, {166, A_PRECALL, NULL}, {0, A_STOP, NULL}};
static const instruction codes_312[] = {{26, A_BINARY_SLICE, NULL}, {121, A_RETURN_CONST, NULL}, {0, A_STOP, NULL}};
static const instruction codes_313[] = {
    {30, A_NONE, NULL}, {34, A_NONE, NULL}, {149, A_NONE, NULL}, {42, A_NEG, NULL}, {5, A_SUBSCR, NULL}, {4, A_BINARY_SLICE, NULL},
    {36, A_RETURN, NULL}, {103, A_RETURN_CONST, NULL}, {83, A_CONST, NULL}, {52, A_TUPLE, NULL}, {47, A_LIST, NULL}, {82, A_ATTR, NULL},
    {91, A_GLOBAL, NULL}, {92, A_GLOBAL, NULL}, {45, A_OPERATOR, NULL}, {85, A_LOCAL, NULL}, {88, A_LOCAL2, NULL}, {50, A_SLICE, NULL},
    {62, A_NONE, NULL}, {84, A_FREE, NULL}, {53, A_CALL, NULL}, {57, A_CALL_NAMES, NULL}, {0, A_STOP, NULL}};

/* What the number of a code means, in one range of versions. */
typedef struct dialect {
    cuv_code_layout layout;
    bool words;                     /* two bytes an instruction; else one, or three from code 90 on */
    int global_shift, attr_shift;   /* bits of the argument that say something else */
    bool caches;                    /* code 0 fills */
    bool precall;                   /* a call is prepared by an instruction before it */
    const instruction *lists[2];
} dialect;
static const dialect dialects[] = {
    {CUV_CODE_27, false, 0, 0, false, false, {codes_27, old_codes}}, {CUV_CODE_30, false, 0, 0, false, false, {codes_35, old_codes}},
    {CUV_CODE_30, true, 0, 0, false, false, {codes_36, old_codes}},  {CUV_CODE_38, true, 0, 0, false, false, {codes_36, old_codes}},
    {CUV_CODE_311, true, 1, 0, true, true, {codes_only_311, codes_311}},
    {CUV_CODE_311, true, 1, 1, true, false, {codes_312, codes_311}}, {CUV_CODE_311, true, 1, 1, true, false, {codes_313, NULL}}};

/* ---- following ---- */

enum { DEEP = 32, MOST_STEPS = 400 };

typedef struct machine {
    cuv_arena *arena;
    const cuv_code *code;
    const cuv_lambda_given *given;
    cuv_value *stack[DEEP];
    size_t depth;
    const cuv_value *names;         /* of keywords of the next call */
    bool prepared;
    cuv_value *result;
    bool failed;
} machine;

static cuv_value *stop(machine *m)
{
    m->failed = true;
    return NULL;
}

static void push(machine *m, cuv_value *v)
{
    if (!v || m->depth == DEEP)
        (void)stop(m);
    else
        m->stack[m->depth++] = v;
}

static cuv_value *pop(machine *m)
{
    return m->depth ? m->stack[--m->depth] : stop(m);
}

static cuv_value *make(machine *m, const char *head, cuv_value *a, cuv_value *b, cuv_value *c)
{
    cuv_value *list = cuv_value_list(m->arena), *items[] = {cuv_value_text(m->arena, head), a, b, c};
    for (size_t i = 0; list && i < 4 && items[i]; i++)
        if (cuv_list_add(m->arena, list, items[i]) != CUV_OK)
            return stop(m);
    return list;
}

static bool is_node(const cuv_value *v, const char *head)
{
    return v && v->kind == CUV_LIST && cuv_streq(cuv_text(cuv_item(v, 0)), head);
}

static cuv_value *constant(machine *m, size_t index)
{
    cuv_value *v = cuv_item(m->code->constants, index);
    if (v && v->kind == CUV_BYTES)      /* Python 2's texts */
        return cuv_utf8_valid(v->text, v->size) ? cuv_value_text_n(m->arena, v->text, v->size) : stop(m);
    return v ? v : stop(m);
}

const cuv_value *cuv_untuple(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__tuple__") ? cuv_get(v, "items") : v;
}

/* A value from the configuration, which must be plain; lists become tuples, which stand for themselves. */
static cuv_value *plain(machine *m, const cuv_value *v, unsigned depth)
{
    v = cuv_untuple(v);
    if (cuv_is_number(v) || (v && (v->kind == CUV_NULL || v->kind == CUV_TRUTH || v->kind == CUV_TEXT)))
        return (cuv_value *)(uintptr_t)v;
    cuv_value *tuple = cuv_is_seq(v) && depth && cuv_len(v) <= DEEP ? cuv_value_tuple(m->arena) : NULL;
    for (size_t i = 0; tuple && i < cuv_len(v); i++) {
        cuv_value *item = plain(m, cuv_item(v, i), depth - 1);
        if (!item || cuv_list_add(m->arena, tuple, item) != CUV_OK)
            return stop(m);
    }
    return tuple ? tuple : stop(m);
}

/* The function's first argument is the input; the others are the layer's `arguments`, or have defaults. */
static cuv_value *local(machine *m, size_t index)
{
    const char *name = cuv_text(cuv_item(m->code->locals, index));
    const cuv_value *defaults = cuv_untuple(m->given->defaults);
    int64_t place = (int64_t)index - m->code->arguments + (int64_t)cuv_len(defaults);
    if (index == 0 && m->code->arguments >= 1)
        return make(m, "input", cuv_value_int(m->arena, 0), NULL, NULL);
    if (!name || (int64_t)index >= m->code->arguments)
        return stop(m);
    const cuv_value *v = cuv_get(m->given->arguments, name);
    return plain(m, v || place < 0 ? v : cuv_item(defaults, (size_t)place), 3);
}

/* A variable from around the function, which the file keeps in the function's closure. */
static cuv_value *free_variable(machine *m, size_t index)
{
    enum { KIND_FREE = 0x80 };
    const cuv_code *c = m->code;
    size_t place = index;
    if (c->cells || (c->kinds && (c->kinds->kind != CUV_BYTES || index >= c->kinds->size || !((uint8_t)c->kinds->text[index] & KIND_FREE))))
        return stop(m);
    for (size_t i = 0; c->kinds && i < index; i++)
        place -= !((uint8_t)c->kinds->text[i] & KIND_FREE);
    return plain(m, cuv_item(cuv_untuple(m->given->closure), place), 3);
}

static cuv_value *dotted(machine *m, const cuv_value *owner, size_t index)
{
    const char *name = cuv_text(cuv_item(m->code->names, index)), *left = cuv_text(cuv_item(owner, 1));
    if (!owner && m->code->layout == CUV_CODE_27 && (cuv_streq(name, "True") || cuv_streq(name, "False")))
        return cuv_value_bool(m->arena, name[0] == 'T');
    if (!name || (owner && (!is_node(owner, "name") || !left)))
        return stop(m);
    char *text = cuv_arena_printf(m->arena, "%s%s%s", owner ? left : "", owner ? "." : "", name);
    return text ? make(m, "name", cuv_value_text(m->arena, text), NULL, NULL) : stop(m);
}

static cuv_value *gather(machine *m, size_t count, bool list)
{
    cuv_value *out = list ? make(m, "list", NULL, NULL, NULL) : cuv_value_tuple(m->arena);
    if (count > m->depth || !out)
        return stop(m);
    for (size_t i = m->depth - count; i < m->depth; i++)
        if (cuv_list_add(m->arena, out, m->stack[i]) != CUV_OK)
            return stop(m);
    m->depth -= count;
    return out;
}

/* A call with `count` arguments on the stack, the last ones by keyword where `names` has any. */
static cuv_value *call(machine *m, size_t count, const cuv_value *names)
{
    size_t keywords = cuv_len(names);
    cuv_value *by_name = cuv_value_dict(m->arena);
    if (keywords > count || count > m->depth || !by_name)
        return stop(m);
    for (size_t i = 0; i < keywords; i++) {
        const char *key = cuv_text(cuv_item(names, i));
        if (!key || cuv_dict_set(m->arena, by_name, key, m->stack[m->depth - keywords + i]) != CUV_OK)
            return stop(m);
    }
    m->depth -= keywords;
    cuv_value *plain = gather(m, count - keywords, false), *function = pop(m);
    return is_node(function, "name") && plain ? make(m, "call", cuv_item(function, 1), plain, by_name) : stop(m);
}

/* Before 3.6: pairs of name and value after the plain arguments. */
static cuv_value *call_pairs(machine *m, unsigned argument)
{
    size_t plain = argument & 0xff, pairs = argument >> 8 & 0xff;
    cuv_value *names = cuv_value_tuple(m->arena);
    if (!names || plain + 2 * pairs > m->depth)
        return stop(m);
    cuv_value **at = m->stack + m->depth - 2 * pairs;
    for (size_t i = 0; i < pairs; i++) {
        if (cuv_list_add(m->arena, names, at[2 * i]) != CUV_OK)
            return stop(m);
        at[i] = at[2 * i + 1];
    }
    m->depth -= pairs;
    return call(m, plain + pairs, names);
}

static cuv_value *subscript(machine *m)
{
    cuv_value *key = pop(m), *x = pop(m);
    return key && x ? make(m, "index", x, key, NULL) : stop(m);
}

static cuv_value *slice(machine *m, bool stepped)
{
    cuv_value *step = stepped ? pop(m) : cuv_value_null(m->arena), *end = pop(m), *start = pop(m);
    return step && end && start ? make(m, "slice", start, end, step) : stop(m);
}

/* Python 2's x[a:b], with a where bit 0 is set and b where bit 1 is. */
static cuv_value *old_slice(machine *m, uint8_t code)
{
    cuv_value *end = code & 2 ? pop(m) : cuv_value_null(m->arena), *start = code & 1 ? pop(m) : cuv_value_null(m->arena);
    cuv_value *x = pop(m);
    return x && start && end ? make(m, "index", x, make(m, "slice", start, end, cuv_value_null(m->arena)), NULL) : stop(m);
}

static cuv_value *binary(machine *m, const char *name)
{
    cuv_value *b = pop(m), *a = pop(m);
    return name && a && b ? make(m, name, a, b, NULL) : stop(m);
}

static const char *operator_name(unsigned argument)
{
    static const char *const names[] = {[0] = "add", [2] = "floordiv", [5] = "mul", [6] = "mod", [8] = "pow", [10] = "sub", [11] = "div"};
    return argument < sizeof names / sizeof *names ? names[argument] : NULL;
}

static void step(machine *m, const dialect *d, const instruction *in, uint8_t code, unsigned arg)
{
    cuv_value *a;
    switch (in->what) {
    case A_NONE: break;
    case A_STOP: (void)stop(m); break;
    case A_LOCAL: push(m, local(m, arg)); break;
    case A_LOCAL2: push(m, local(m, arg >> 4)); push(m, local(m, arg & 15)); break;
    case A_FREE: push(m, free_variable(m, arg)); break;
    case A_CONST: push(m, constant(m, arg)); break;
    case A_GLOBAL: push(m, dotted(m, NULL, arg >> (code == 92 || code == 101 ? 0 : d->global_shift))); break;
    case A_ATTR: a = pop(m); push(m, a ? dotted(m, a, arg >> d->attr_shift) : NULL); break;
    case A_RETURN: m->result = pop(m); break;
    case A_RETURN_CONST: m->result = constant(m, arg); break;
    case A_BINARY: push(m, binary(m, in->name)); break;
    case A_OPERATOR: push(m, binary(m, operator_name(arg))); break;
    case A_NEG: a = pop(m); push(m, a ? make(m, "neg", a, NULL, NULL) : NULL); break;
    case A_TUPLE: push(m, gather(m, arg, false)); break;
    case A_LIST: push(m, gather(m, arg, true)); break;
    case A_SLICE: push(m, slice(m, arg == 3)); break;
    case A_SUBSCR: push(m, subscript(m)); break;
    case A_BINARY_SLICE: push(m, slice(m, false)); push(m, subscript(m)); break;
    case A_PRECALL: m->prepared = true; break;
    case A_CALL:
        push(m, d->precall && !m->prepared ? stop(m) : call(m, arg, m->names));
        m->names = NULL;
        m->prepared = false;
        break;
    case A_CALL_PAIRS: push(m, call_pairs(m, arg)); break;
    case A_CALL_NAMES: a = pop(m); push(m, a && a->kind == CUV_TUPLE ? call(m, arg, a) : NULL); break;
    case A_NAMES: m->names = constant(m, arg); break;
    case A_OLD_SLICE: push(m, old_slice(m, (uint8_t)(code - 30))); break;
    }
}

static const instruction *find_code(const dialect *d, uint8_t code)
{
    static const instruction none = {0, A_STOP, NULL}, fill = {0, A_NONE, NULL};
    if (code == 0)
        return d->caches ? &fill : &none;
    for (size_t l = 0; l < 2 && d->lists[l]; l++)
        for (const instruction *in = d->lists[l]; in->what != A_STOP; in++)
            if (in->code == code)
                return in;
    return &none;
}

/* The expression that the code returns, taken as that dialect's; NULL when it is none. */
static cuv_value *follow(cuv_arena *arena, const cuv_code *code, const cuv_lambda_given *given, const dialect *d)
{
    machine m = {.arena = arena, .code = code, .given = given};
    size_t at = 0;
    for (unsigned n = 0; n < MOST_STEPS && !m.failed && !m.result && at < code->size; n++) {
        uint8_t number = code->code[at];
        size_t length = d->words ? 2 : number >= 90 ? 3 : 1;
        if (length > code->size - at)
            return NULL;
        unsigned arg = length > 1 ? code->code[at + 1] : 0;
        if (length > 2)
            arg |= (unsigned)code->code[at + 2] << 8;
        at += length;
        step(&m, d, find_code(d, number), number, arg);
    }
    return m.failed || m.depth || at != code->size ? NULL : m.result;
}

cuv_value *cuv_lambda_expression(cuv_arena *arena, const uint8_t *data, size_t size, const cuv_lambda_given *given)
{
    cuv_value *found = NULL;
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        cuv_code code;
        if (!cuv_marshal_code(arena, data, size, dialects[i].layout, &code) ||
            (int64_t)cuv_len(cuv_untuple(given->defaults)) > code.arguments)
            continue;
        cuv_value *e = follow(arena, &code, given, &dialects[i]);
        if (e && found && !cuv_value_equal(e, found))
            return NULL;            /* two versions of Python would compute different things */
        found = e ? e : found;
    }
    return found;
}

/* ---- as text ---- */

static void write(cuv_buffer *b, const cuv_value *e, unsigned depth);

static void write_items(cuv_buffer *b, const cuv_value *list, size_t from, unsigned depth)
{
    for (size_t i = from; i < cuv_len(list); i++) {
        cuv_buffer_text(b, i > from ? ", " : "");
        write(b, cuv_item(list, i), depth);
    }
}

static void write_call(cuv_buffer *b, const cuv_value *e, unsigned depth)
{
    const cuv_value *plain = cuv_item(e, 2), *named = cuv_item(e, 3);
    cuv_buffer_printf(b, "%s(", cuv_text(cuv_item(e, 1)));
    write_items(b, plain, 0, depth);
    for (size_t i = 0; i < cuv_len(named); i++) {
        cuv_buffer_printf(b, "%s%s=", i || cuv_len(plain) ? ", " : "", cuv_text(named->pairs[i].key));
        write(b, named->pairs[i].value, depth);
    }
    cuv_buffer_char(b, ')');
}

static void write_slice(cuv_buffer *b, const cuv_value *e, unsigned depth)
{
    for (size_t i = 1; i < 4; i++) {
        if (!cuv_is_null(cuv_item(e, i)))
            write(b, cuv_item(e, i), depth);
        if (i == 1 || (i == 2 && !cuv_is_null(cuv_item(e, 3))))
            cuv_buffer_char(b, ':');
    }
}

static void write_index(cuv_buffer *b, const cuv_value *e, unsigned depth)
{
    const cuv_value *key = cuv_item(e, 2);
    write(b, cuv_item(e, 1), depth);
    cuv_buffer_char(b, '[');
    if (key && key->kind == CUV_TUPLE)
        write_items(b, key, 0, depth);
    else
        write(b, key, depth);
    cuv_buffer_char(b, ']');
}

static bool write_operator(cuv_buffer *b, const cuv_value *e, const char *head, unsigned depth)
{
    static const struct { const char *head, *sign; } signs[] = {{"add", "+"}, {"sub", "-"}, {"mul", "*"}, {"div", "/"},
                                                               {"floordiv", "//"}, {"mod", "%"}, {"pow", "**"}, {"greater", ">"},
                                                               {"greater_equal", ">="}, {"less", "<"}, {"less_equal", "<="}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (cuv_streq(head, signs[i].head)) {
            cuv_buffer_char(b, '(');
            write(b, cuv_item(e, 1), depth);
            cuv_buffer_printf(b, " %s ", signs[i].sign);
            write(b, cuv_item(e, 2), depth);
            cuv_buffer_char(b, ')');
            return true;
        }
    return false;
}

static void write(cuv_buffer *b, const cuv_value *e, unsigned depth)
{
    const char *head = e && e->kind == CUV_LIST ? cuv_text(cuv_item(e, 0)) : NULL;
    if (depth == 0)
        cuv_buffer_text(b, "...");
    else if (!head)
        cuv_buffer_text(b, cuv_value_repr(b->cx, e));
    else if (write_operator(b, e, head, depth - 1))
        return;
    else if (cuv_streq(head, "maximum") || cuv_streq(head, "minimum") || cuv_streq(head, "where")) {
        cuv_buffer_printf(b, "%s(", head);
        write_items(b, e, 1, depth - 1);
        cuv_buffer_char(b, ')');
    } else if (cuv_streq(head, "input"))
        cuv_buffer_char(b, 'x');
    else if (cuv_streq(head, "neg")) {
        cuv_buffer_char(b, '-');
        write(b, cuv_item(e, 1), depth - 1);
    } else if (cuv_streq(head, "call"))
        write_call(b, e, depth - 1);
    else if (cuv_streq(head, "index"))
        write_index(b, e, depth - 1);
    else if (cuv_streq(head, "slice"))
        write_slice(b, e, depth - 1);
    else if (cuv_streq(head, "name"))
        cuv_buffer_text(b, cuv_text(cuv_item(e, 1)));
    else {
        cuv_buffer_char(b, '[');
        write_items(b, e, 1, depth - 1);
        cuv_buffer_char(b, ']');
    }
}

void cuv_lambda_text(cuv_buffer *b, const cuv_value *expression)
{
    write(b, expression, DEEP);
}

/* ---- finding them ---- */

/* Bytes of code: base64 as Keras 2 and 3 write it, or one character a byte (Keras 1). */
static bool code_bytes(const cuv_value *code, cuv_buffer *out)
{
    if (cuv_buffer_base64(out, code->text, code->size))
        return true;
    cuv_buffer_free(out);
    cuv_buffer_init(out, out->cx);
    for (size_t i = 0; i < code->size; i++) {
        uint8_t c = (uint8_t)code->text[i];
        if (c < 0x80)
            cuv_buffer_char(out, (char)c);
        else if ((c & 0xfc) == 0xc0 && i + 1 < code->size)
            cuv_buffer_char(out, (char)((c & 3) << 6 | ((uint8_t)code->text[++i] & 0x3f)));
        else
            return false;
    }
    return true;
}

static cuv_status describe(struct cuv_evidence *ev, const cuv_buffer *bytes, const cuv_lambda_given *given, cuv_value *config)
{
    cuv_value *e = cuv_lambda_expression(ev->arena, (const uint8_t *)bytes->data, bytes->size, given);
    cuv_buffer text;
    char hex[65];
    cuv_buffer_init(&text, ev->cx);
    if (e) {
        cuv_lambda_text(&text, e);
        CUV_TRY(cuv_dict_set(ev->arena, config, CUV_LAMBDA_EXPRESSION, e));
    } else {
        cuv_sha256_hex(bytes->data ? bytes->data : "", bytes->size, hex);
        cuv_buffer_printf(&text, "Python bytecode of %zu bytes, sha256 %s", bytes->size, hex);
    }
    cuv_status status = text.failed ? cuv_oom(ev->cx) : CUV_OK;
    if (status == CUV_OK)
        status = cuv_dict_set(ev->arena, config, CUV_LAMBDA_TEXT, cuv_value_text(ev->arena, text.data ? text.data : ""));
    cuv_buffer_free(&text);
    return status;
}

static cuv_status look_at(struct cuv_evidence *ev, cuv_value *config)
{
    const cuv_value *function = cuv_untuple(cuv_get(config, "function")), *record = cuv_get(function, "config");
    const cuv_value *code = cuv_is_seq(function) ? cuv_item(function, 0) : function && function->kind == CUV_DICT ? cuv_get(record, "code")
                                                                                                              : function;
    bool list = cuv_is_seq(function);
    cuv_lambda_given given = {cuv_get(config, "arguments"), list ? cuv_item(function, 1) : cuv_get(record, "defaults"),
                              list ? cuv_item(function, 2) : cuv_get(record, "closure")};
    if (!config || config->kind != CUV_DICT || !code || code->kind != CUV_TEXT || cuv_get(config, CUV_LAMBDA_TEXT) ||
        cuv_streq(cuv_get_text(config, "function_type"), "function") || code->size > 1 << 16)
        return CUV_OK;
    cuv_buffer bytes;
    cuv_buffer_init(&bytes, ev->cx);
    cuv_status status = CUV_OK;
    if (code_bytes(code, &bytes))
        status = describe(ev, &bytes, &given, config);
    else if (bytes.failed)
        status = cuv_oom(ev->cx);
    cuv_buffer_free(&bytes);
    return status;
}

static cuv_status find(struct cuv_evidence *ev, cuv_value *v, unsigned depth)
{
    if (!v || depth == 0)
        return CUV_OK;
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        CUV_TRY(find(ev, v->items[i], depth - 1));
    if (v->kind != CUV_DICT)
        return CUV_OK;
    if (cuv_streq(cuv_get_text(v, "class_name"), "Lambda"))
        return look_at(ev, cuv_get(v, "config"));
    for (size_t i = 0; i < v->size; i++)
        CUV_TRY(find(ev, v->pairs[i].value, depth - 1));
    return CUV_OK;
}

cuv_status cuv_lambdas_find(struct cuv_evidence *ev, cuv_file *file)
{
    return find(ev, file->config, cuv_context_limits(ev->cx)->depth + 8);
}
