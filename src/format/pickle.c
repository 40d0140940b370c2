/* The pickle machine: protocols 0 to 5 as data. It builds numbers, texts, lists, tuples, dicts and NumPy arrays; it knows no way to
 * call anything. What names mean is in pickle_numpy.c, the textual opcodes in pickle_text.c, the last check in pickle_finish.c.
 * Opcodes: Lib/pickletools.py of CPython describes each. */
#include "format/pickle.h"

enum { NEWEST_PROTOCOL = 5, FREE_BYTES = 1 << 20, OPS_PER_LOOK = 4096 };

/* ---- failure and limits ---- */

unsigned long long pickle_offset(const pickle_machine *m, size_t at)
{
    return (unsigned long long)at + (m->src->offset == UINT64_MAX ? 0 : (unsigned long long)m->src->offset);
}

cuv_status pickle_damaged(pickle_machine *m, const char *what)
{
    cuv_detail detail = {.file = m->src->name, .help = "get another copy of the file"};
    return cuv_fail(m->cx, CUV_DAMAGED, "pickle.damaged", &detail, "%s, at byte %llu of the pickle's file", what,
                    pickle_offset(m, m->op_at));
}

cuv_status pickle_truncated(pickle_machine *m)
{
    cuv_detail detail = {.file = m->src->name, .help = "get another copy of the file"};
    return cuv_fail(m->cx, CUV_DAMAGED, "pickle.truncated", &detail,
                    "the file is cut off: its pickle ends in the middle of the value that begins at byte %llu", pickle_offset(m, m->op_at));
}

static cuv_status refuse(pickle_machine *m, cuv_status status, const char *id, const char *what)
{
    cuv_detail detail = {.file = m->src->name,
                         .found = cuv_format(m->cx, "opcode 0x%02x at byte %llu", m->src->data[m->op_at],
                                             pickle_offset(m, m->op_at))};
    return cuv_fail(m->cx, status, id, &detail, "the pickle %s; only NumPy arrays and plain containers are read", what);
}

cuv_status pickle_count(pickle_machine *m, uint64_t items)
{
    uint64_t limit = cuv_context_limits(m->cx)->items;
    if (items <= limit && m->made <= limit - items) {
        m->made += items;
        return CUV_OK;
    }
    cuv_detail detail = {.file = m->src->name, .help = "raise the limit for items if you trust the file"};
    return cuv_fail(m->cx, CUV_UNSAFE, "pickle.items", &detail, "the pickle makes more than %llu values",
                    (unsigned long long)limit);
}

cuv_status pickle_decode(pickle_machine *m, uint64_t bytes)
{
    uint64_t ratio = cuv_context_limits(m->cx)->expansion;
    bool fits = !__builtin_add_overflow(m->decoded, bytes, &m->decoded);
    if (fits && (m->decoded <= FREE_BYTES || m->decoded / (ratio ? ratio : 1) <= m->src->size))
        return CUV_OK;
    cuv_detail detail = {.file = m->src->name};
    return cuv_fail(m->cx, CUV_UNSAFE, "pickle.expansion", &detail,
                    "the pickle unfolds to more than %llu times its size by using the same bytes again and again",
                    (unsigned long long)ratio);
}

/* ---- items and the stack ---- */

cuv_status pickle_new(pickle_machine *m, cuv_kind kind, pickle_item **out)
{
    *out = NULL;
    CUV_TRY(pickle_count(m, 1));
    *out = CUV_NEW(m->arena, pickle_item);
    if (!*out)
        return cuv_oom(m->cx);
    (*out)->value.kind = kind;
    return CUV_OK;
}

cuv_status pickle_push(pickle_machine *m, pickle_item *item)
{
    void *stack = cuv_arena_grow(m->scratch, m->stack, m->count, &m->capacity, sizeof *m->stack);
    if (!stack)
        return cuv_oom(m->cx);
    m->stack = stack;
    m->stack[m->count++] = item;
    return CUV_OK;
}

cuv_status pickle_push_int(pickle_machine *m, int64_t integer)
{
    pickle_item *item = NULL;
    CUV_TRY(pickle_new(m, CUV_INTEGER, &item));
    item->value.integer = integer;
    item->value.real = (double)integer;
    return pickle_push(m, item);
}

cuv_status pickle_push_real(pickle_machine *m, double real)
{
    pickle_item *item = NULL;
    CUV_TRY(pickle_new(m, CUV_REAL, &item));
    item->value.real = real;
    return pickle_push(m, item);
}

cuv_status pickle_push_string(pickle_machine *m, cuv_kind kind, const char *text, size_t size, bool borrowed)
{
    pickle_item *item = NULL;
    if (kind == CUV_TEXT && !cuv_utf8_valid(text, size))
        return pickle_damaged(m, "the pickle holds a text that is not UTF-8");
    CUV_TRY(pickle_new(m, kind, &item));
    item->tag = borrowed ? PICKLE_BORROWED : PICKLE_PLAIN;
    item->value.text = text;
    item->value.size = size;
    return pickle_push(m, item);
}

cuv_status pickle_push_str8(pickle_machine *m, const char *text, size_t size, bool borrowed)
{
    bool readable = !memchr(text, '\0', size) && cuv_utf8_valid(text, size);
    return pickle_push_string(m, readable ? CUV_TEXT : CUV_BYTES, text, size, borrowed);
}

cuv_status pickle_settle(pickle_machine *m, pickle_item *item)
{
    if (item->tag != PICKLE_BORROWED)
        return CUV_OK;
    const char *copy = cuv_arena_strndup(m->arena, item->value.text, item->value.size);
    if (!copy)
        return cuv_oom(m->cx);
    item->value.text = copy;
    item->tag = PICKLE_PLAIN;
    return CUV_OK;
}

static size_t stack_floor(const pickle_machine *m)
{
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

cuv_status pickle_pop(pickle_machine *m, pickle_item **out)
{
    *out = NULL;
    if (m->count == stack_floor(m))
        return pickle_damaged(m, "the pickle takes a value where it has none");
    *out = m->stack[--m->count];
    return CUV_OK;
}

static cuv_status take_mark(pickle_machine *m, size_t *at)
{
    *at = 0;
    if (m->mark_count == 0)
        return pickle_damaged(m, "the pickle closes a group that it has not opened");
    *at = m->marks[--m->mark_count];
    return CUV_OK;
}

/* ---- constants and strings ---- */

static cuv_status op_none(pickle_machine *m, unsigned width)
{
    (void)width;
    return pickle_push(m, m->none);
}

static cuv_status op_truth(pickle_machine *m, unsigned width)
{
    return pickle_push(m, width ? m->yes : m->no);
}

static cuv_status op_uint(pickle_machine *m, unsigned width)
{
    return pickle_push_int(m, (int64_t)cuv_read_uint(&m->in, width));
}

static cuv_status op_int32(pickle_machine *m, unsigned width)
{
    (void)width;
    return pickle_push_int(m, (int32_t)cuv_read_u32(&m->in));
}

static cuv_status op_float(pickle_machine *m, unsigned width)
{
    (void)width;
    uint64_t bits = __builtin_bswap64(cuv_read_u64(&m->in)); /* big-endian, alone among the opcodes */
    double real = 0;
    memcpy(&real, &bits, sizeof real);
    return pickle_push_real(m, real);
}

/* A length of `width` bytes and as many bytes behind it. */
static cuv_status read_counted(pickle_machine *m, unsigned width, const char **text, size_t *size)
{
    uint64_t length = cuv_read_uint(&m->in, width);
    *text = length <= SIZE_MAX ? (const char *)cuv_read_bytes(&m->in, (size_t)length) : NULL;
    *size = (size_t)length;
    return *text ? CUV_OK : pickle_truncated(m);
}

static cuv_status op_bytes(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    CUV_TRY(read_counted(m, width, &text, &size));
    return pickle_push_string(m, CUV_BYTES, text, size, true);
}

static cuv_status op_unicode(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    CUV_TRY(read_counted(m, width, &text, &size));
    return pickle_push_string(m, CUV_TEXT, text, size, true);
}

static cuv_status op_str8(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    CUV_TRY(read_counted(m, width, &text, &size));
    return pickle_push_str8(m, text, size, true);
}

/* ---- containers ---- */

static cuv_status op_empty(pickle_machine *m, unsigned kind)
{
    pickle_item *item = NULL;
    CUV_TRY(pickle_new(m, (cuv_kind)kind, &item));
    return pickle_push(m, item);
}

static cuv_status op_mark(pickle_machine *m, unsigned width)
{
    (void)width;
    void *marks = cuv_arena_grow(m->scratch, m->marks, m->mark_count, &m->mark_capacity, sizeof *m->marks);
    if (!marks)
        return cuv_oom(m->cx);
    m->marks = marks;
    m->marks[m->mark_count++] = m->count;
    return CUV_OK;
}

/* Replaces the stack from `from` on by a list or tuple of it. */
static cuv_status collect(pickle_machine *m, cuv_kind kind, size_t from)
{
    pickle_item *item = NULL;
    size_t size = m->count - from;
    CUV_TRY(pickle_new(m, kind, &item));
    CUV_TRY(pickle_count(m, size));
    if (size > 0) {
        item->value.items = CUV_NEW_ARRAY(m->arena, cuv_value *, size);
        if (!item->value.items)
            return cuv_oom(m->cx);
    }
    for (size_t i = 0; i < size; i++)
        item->value.items[i] = &m->stack[from + i]->value;
    item->value.size = item->value.capacity = size;
    m->count = from;
    return pickle_push(m, item);
}

static cuv_status op_collect(pickle_machine *m, unsigned kind)
{
    size_t from = 0;
    CUV_TRY(take_mark(m, &from));
    return collect(m, (cuv_kind)kind, from);
}

static cuv_status op_short_tuple(pickle_machine *m, unsigned size)
{
    if (m->count - stack_floor(m) < size)
        return pickle_damaged(m, "the pickle makes a tuple of more values than it has");
    return collect(m, CUV_TUPLE, m->count - size);
}

static cuv_status append_from(pickle_machine *m, size_t from)
{
    size_t end = m->count;
    if (from == stack_floor(m) || m->stack[from - 1]->value.kind != CUV_LIST || m->stack[from - 1]->tag != PICKLE_PLAIN)
        return pickle_damaged(m, "the pickle appends to something that is no list");
    CUV_TRY(pickle_count(m, end - from));
    for (size_t i = from; i < end; i++)
        CUV_TRY(cuv_list_add(m->arena, &m->stack[from - 1]->value, &m->stack[i]->value));
    m->count = from;
    return CUV_OK;
}

static cuv_status op_append(pickle_machine *m, unsigned width)
{
    (void)width;
    if (m->count == stack_floor(m))
        return pickle_damaged(m, "the pickle appends nothing");
    return append_from(m, m->count - 1);
}

static cuv_status op_appends(pickle_machine *m, unsigned width)
{
    (void)width;
    size_t from = 0;
    CUV_TRY(take_mark(m, &from));
    return append_from(m, from);
}

static cuv_status set_from(pickle_machine *m, size_t from)
{
    size_t end = m->count;
    if (from == stack_floor(m) || m->stack[from - 1]->value.kind != CUV_DICT || m->stack[from - 1]->tag != PICKLE_PLAIN)
        return pickle_damaged(m, "the pickle puts keys into something that is no dict");
    if ((end - from) % 2 != 0)
        return pickle_damaged(m, "the pickle has a key without a value");
    CUV_TRY(pickle_count(m, end - from));
    for (size_t i = from; i < end; i += 2)
        CUV_TRY(pickle_dict_set(m, m->stack[from - 1], m->stack[i], m->stack[i + 1]));
    m->count = from;
    return CUV_OK;
}

static cuv_status op_setitem(pickle_machine *m, unsigned width)
{
    (void)width;
    if (m->count - stack_floor(m) < 2)
        return pickle_damaged(m, "the pickle has a key without a value");
    return set_from(m, m->count - 2);
}

static cuv_status op_setitems(pickle_machine *m, unsigned width)
{
    (void)width;
    size_t from = 0;
    CUV_TRY(take_mark(m, &from));
    return set_from(m, from);
}

/* DICT of protocol 0: a dict of all that lies above the mark. */
static cuv_status op_dict(pickle_machine *m, unsigned width)
{
    pickle_item *dict = NULL;
    size_t from = 0;
    (void)width;
    CUV_TRY(take_mark(m, &from));
    CUV_TRY(pickle_new(m, CUV_DICT, &dict));
    if ((m->count - from) % 2 != 0)
        return pickle_damaged(m, "the pickle has a key without a value");
    for (size_t i = from; i < m->count; i += 2)
        CUV_TRY(pickle_dict_set(m, dict, m->stack[i], m->stack[i + 1]));
    m->count = from;
    return pickle_push(m, dict);
}

static cuv_status op_pop(pickle_machine *m, unsigned width)
{
    (void)width;
    if (m->mark_count > 0 && m->count == stack_floor(m))
        m->mark_count--;
    else if (m->count == 0)
        return pickle_damaged(m, "the pickle takes a value where it has none");
    else
        m->count--;
    return CUV_OK;
}

static cuv_status op_pop_mark(pickle_machine *m, unsigned width)
{
    (void)width;
    return take_mark(m, &m->count);
}

static cuv_status op_dup(pickle_machine *m, unsigned width)
{
    (void)width;
    if (m->count == stack_floor(m))
        return pickle_damaged(m, "the pickle repeats a value where it has none");
    return pickle_push(m, m->stack[m->count - 1]);
}

/* ---- the memo ---- */

/* Numbers are given out one by one, so none lies far above the number of opcodes, even in a pickle that was thinned out. */
static cuv_status reserve_memo(pickle_machine *m, size_t index)
{
    size_t size = m->memo_size ? m->memo_size : 16;
    if (index / 4 > m->src->size + 256 || index >= cuv_context_limits(m->cx)->items)
        return pickle_damaged(m, "the pickle numbers a value far beyond its own size");
    while (size <= index)
        size *= 2;
    pickle_item **memo = CUV_NEW_ARRAY(m->scratch, pickle_item *, size);
    if (!memo)
        return cuv_oom(m->cx);
    if (m->memo_size > 0)
        memcpy(memo, m->memo, m->memo_size * sizeof *memo);
    m->memo = memo;
    m->memo_size = size;
    return CUV_OK;
}

static cuv_status remember(pickle_machine *m, size_t index)
{
    if (m->count == stack_floor(m))
        return pickle_damaged(m, "the pickle numbers a value where it has none");
    if (index >= m->memo_size)
        CUV_TRY(reserve_memo(m, index));
    m->memo_next += m->memo[index] == NULL;
    m->memo[index] = m->stack[m->count - 1];
    return CUV_OK;
}

static cuv_status recall(pickle_machine *m, size_t index)
{
    if (index >= m->memo_size || !m->memo[index])
        return pickle_damaged(m, "the pickle refers to a value that it has not made");
    return pickle_push(m, m->memo[index]);
}

/* `width` 0: a decimal number on a line. */
static cuv_status read_index(pickle_machine *m, unsigned width, size_t *index)
{
    const char *text = NULL;
    size_t size = 0;
    int64_t number = 0;
    if (width > 0) {
        *index = (size_t)cuv_read_uint(&m->in, width);
        return m->in.failed ? pickle_truncated(m) : CUV_OK;
    }
    CUV_TRY(pickle_read_line(m, &text, &size));
    if (!cuv_parse_i64(text, size, &number) || number < 0)
        return pickle_damaged(m, "the pickle numbers a value with something that is no number");
    *index = (size_t)number;
    return CUV_OK;
}

static cuv_status op_put(pickle_machine *m, unsigned width)
{
    size_t index = 0;
    CUV_TRY(read_index(m, width, &index));
    return remember(m, index);
}

static cuv_status op_get(pickle_machine *m, unsigned width)
{
    size_t index = 0;
    CUV_TRY(read_index(m, width, &index));
    return recall(m, index);
}

static cuv_status op_memoize(pickle_machine *m, unsigned width)
{
    (void)width;
    return remember(m, m->memo_next);
}

/* ---- the frame of a pickle, and what is refused ---- */

static cuv_status op_protocol(pickle_machine *m, unsigned width)
{
    unsigned protocol = cuv_read_u8(&m->in);
    (void)width;
    if (protocol <= NEWEST_PROTOCOL)
        return CUV_OK;
    cuv_detail detail = {.file = m->src->name};
    return cuv_fail(m->cx, CUV_UNSUPPORTED, "pickle.protocol", &detail,
                    "the pickle uses protocol %u; protocols 0 to %d are read", protocol, NEWEST_PROTOCOL);
}

static cuv_status op_frame(pickle_machine *m, unsigned width)
{
    (void)width;
    uint64_t size = cuv_read_u64(&m->in);
    return m->in.failed || size > m->in.size - m->in.at ? pickle_truncated(m) : CUV_OK;
}

static cuv_status op_stop(pickle_machine *m, unsigned width)
{
    (void)width;
    m->stopped = true;
    return CUV_OK;
}

static cuv_status op_object(pickle_machine *m, unsigned width)
{
    (void)width;
    return refuse(m, CUV_UNSAFE, "pickle.object", "makes an object of some class");
}

/* NEWOBJ: an object of a class, without __init__; only variables of Keras and arrays of joblib are known. */
static cuv_status op_new(pickle_machine *m, unsigned width)
{
    pickle_item *args = NULL, *class = NULL;
    (void)width;
    const bool joblib = m->count >= 2 && pickle_joblib_class(m->stack[m->count - 2]);
    if (!joblib && (m->count < 2 || !pickle_keras_class(m->stack[m->count - 2])))
        return op_object(m, width);
    CUV_TRY(pickle_pop(m, &args));
    CUV_TRY(pickle_pop(m, &class));
    return joblib ? pickle_joblib_new(m, args) : pickle_keras_new(m, args);
}

static cuv_status op_persistent(pickle_machine *m, unsigned width)
{
    (void)width;
    return refuse(m, CUV_UNSAFE, "pickle.persistent", "asks for something outside of itself (a persistent id)");
}

static cuv_status op_extension(pickle_machine *m, unsigned width)
{
    (void)width;
    return refuse(m, CUV_UNSAFE, "pickle.extension", "asks for a registered extension");
}

static cuv_status op_set(pickle_machine *m, unsigned width)
{
    return m->keras && width ? op_empty(m, CUV_LIST) : refuse(m, CUV_UNSUPPORTED, "pickle.set", "holds a set");
}

static cuv_status op_buffer(pickle_machine *m, unsigned width)
{
    (void)width;
    return refuse(m, CUV_UNSUPPORTED, "pickle.buffer", "keeps its arrays in buffers outside of the file");
}

typedef struct opcode {
    cuv_status (*run)(pickle_machine *m, unsigned width);
    unsigned width; /* bytes of the number that follows, or what the function takes it for */
} opcode;

static const opcode opcodes[256] = {
    ['N'] = {op_none, 0},       [0x88] = {op_truth, 1},     [0x89] = {op_truth, 0},
    ['K'] = {op_uint, 1},       ['M'] = {op_uint, 2},       ['J'] = {op_int32, 4},       ['G'] = {op_float, 8},
    [0x8a] = {pickle_op_long, 1},          [0x8b] = {pickle_op_long, 4},
    ['I'] = {pickle_op_int_line, 0},       ['L'] = {pickle_op_long_line, 0},
    ['F'] = {pickle_op_float_line, 0},     ['S'] = {pickle_op_string_line, 0},
    ['V'] = {pickle_op_unicode_line, 0},
    ['U'] = {op_str8, 1},       ['T'] = {op_str8, 4},
    ['C'] = {op_bytes, 1},      ['B'] = {op_bytes, 4},      [0x8e] = {op_bytes, 8},      [0x96] = {op_bytes, 8},
    [0x8c] = {op_unicode, 1},   ['X'] = {op_unicode, 4},    [0x8d] = {op_unicode, 8},
    [']'] = {op_empty, CUV_LIST},          ['}'] = {op_empty, CUV_DICT},     [')'] = {op_empty, CUV_TUPLE},
    ['l'] = {op_collect, CUV_LIST},        ['t'] = {op_collect, CUV_TUPLE},  ['d'] = {op_dict, 0},
    [0x85] = {op_short_tuple, 1},          [0x86] = {op_short_tuple, 2},     [0x87] = {op_short_tuple, 3},
    ['a'] = {op_append, 0},     ['e'] = {op_appends, 0},    ['s'] = {op_setitem, 0},     ['u'] = {op_setitems, 0},
    ['('] = {op_mark, 0},       ['0'] = {op_pop, 0},        ['1'] = {op_pop_mark, 0},    ['2'] = {op_dup, 0},
    ['p'] = {op_put, 0},        ['q'] = {op_put, 1},        ['r'] = {op_put, 4},         [0x94] = {op_memoize, 0},
    ['g'] = {op_get, 0},        ['h'] = {op_get, 1},        ['j'] = {op_get, 4},
    [0x80] = {op_protocol, 1},  [0x95] = {op_frame, 8},     ['.'] = {op_stop, 0},
    ['c'] = {pickle_op_global, 0},         [0x93] = {pickle_op_stack_global, 0},
    ['R'] = {pickle_op_reduce, 0},         ['b'] = {pickle_op_build, 0},     ['i'] = {pickle_op_inst, 0},
    ['o'] = {op_object, 0},     [0x81] = {op_new, 0},       [0x92] = {op_object, 0},
    ['P'] = {op_persistent, 0}, ['Q'] = {op_persistent, 0},
    [0x82] = {op_extension, 1}, [0x83] = {op_extension, 2}, [0x84] = {op_extension, 4},
    [0x8f] = {op_set, 1},       [0x90] = {op_set, 0},       [0x91] = {op_set, 0},
    [0x97] = {op_buffer, 0},    [0x98] = {op_buffer, 0},
};

static cuv_status run(pickle_machine *m)
{
    for (size_t steps = 1; !m->stopped; steps++) {
        m->op_at = m->in.at;
        if (m->in.at == m->in.size)
            return pickle_truncated(m);
        const opcode *op = &opcodes[cuv_read_u8(&m->in)];
        if (!op->run)
            return pickle_damaged(m, "the file holds a byte that means nothing in a pickle");
        CUV_TRY(op->run(m, op->width));
        if (m->in.failed)
            return pickle_truncated(m);
        if (steps % OPS_PER_LOOK == 0)
            CUV_TRY(cuv_check_time(m->cx));
    }
    return CUV_OK;
}

/* With a stack and a memo of its own; what it has made counts for both. */
cuv_status pickle_run_inner(pickle_machine *m, pickle_item **out)
{
    pickle_machine in = *m;
    in.inner = true;
    in.stack = NULL, in.marks = NULL, in.memo = NULL;
    in.count = in.capacity = in.mark_count = in.mark_capacity = in.memo_size = in.memo_next = 0;
    CUV_TRY(run(&in));
    CUV_TRY(pickle_pop(&in, out));
    m->in = in.in;
    m->made = in.made;
    m->decoded = in.decoded;
    return CUV_OK;
}

static cuv_status run_and_finish(pickle_machine *m, cuv_value **out)
{
    pickle_item *root = NULL;
    CUV_TRY(pickle_new(m, CUV_NULL, &m->none));
    CUV_TRY(pickle_new(m, CUV_TRUTH, &m->yes));
    CUV_TRY(pickle_new(m, CUV_TRUTH, &m->no));
    m->yes->value.truth = true;
    m->yes->value.integer = 1;
    m->yes->value.real = 1;
    CUV_TRY(run(m));
    CUV_TRY(pickle_pop(m, &root));
    CUV_TRY(pickle_finish(m, root, out));
    if (m->in.at < m->in.size) {
        cuv_detail detail = {.file = m->src->name};
        cuv_warn(m->cx, "pickle.trailing", &detail, "%zu bytes behind the end of the pickle are not read",
                 m->in.size - m->in.at);
    }
    return CUV_OK;
}

cuv_status cuv_pickle_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    pickle_machine m = {.arena = arena, .scratch = cuv_arena_new(cx), .cx = cx, .src = src,
                        .in = cuv_cursor_at(src->data, src->size, 0)};
    *out = NULL;
    if (!m.scratch)
        return cuv_oom(cx);
    cuv_status status = run_and_finish(&m, out);
    cuv_arena_free(m.scratch);
    return status;
}
