/* A backtracking machine: the expression becomes a short program, whose open choices lie on a stack; how long it may run is bounded. */
#include "format/regex.h"

enum { MOST_CODE = 4096, MOST_DEPTH = 50, MOST_REPEATS = 200, MOST_STEPS = 1000000 };

typedef enum op { CHAR, ANY, SET, NOT_SET, SPLIT, JUMP, SAVE, BEGIN, END, EDGE, NO_EDGE, MATCH } op;

typedef struct instruction {
    op op;
    size_t x, y;            /* CHAR: the byte; SET: the set; SPLIT: the first choice and the second; JUMP: where; SAVE: the slot */
} instruction;

typedef struct set { uint8_t bits[32]; } set;

struct cuv_regex {
    instruction *code;
    size_t count, capacity;
    set *sets;
    size_t set_count, set_capacity;
    const char *names[CUV_RE_GROUPS];
    size_t groups;
    bool ignore_case;
};

typedef struct parser {
    cuv_arena *arena;
    cuv_regex *re;
    const char *text;
    size_t size, at;
    unsigned depth;
    bool strange;           /* something that is not understood */
} parser;

/* ---- making the program ---- */

static cuv_status emit(parser *p, op what, size_t x, size_t y)
{
    cuv_regex *re = p->re;
    if (re->count >= MOST_CODE) {
        p->strange = true;
        return CUV_OK;
    }
    instruction *code = cuv_arena_grow(p->arena, re->code, re->count, &re->capacity, sizeof *code);
    if (!code)
        return cuv_oom(cuv_arena_context(p->arena));
    re->code = code;
    re->code[re->count++] = (instruction){what, x, y};
    return CUV_OK;
}

/* Makes room for `n` instructions at `from`; jumps beyond it move along. */
static cuv_status insert(parser *p, size_t from, size_t n)
{
    cuv_regex *re = p->re;
    size_t old = re->count;
    for (size_t i = 0; i < n; i++)
        CUV_TRY(emit(p, JUMP, 0, 0));
    if (p->strange)
        return CUV_OK;
    memmove(&re->code[from + n], &re->code[from], (old - from) * sizeof *re->code);
    for (size_t i = from + n; i < re->count; i++) {
        bool jumps = re->code[i].op == SPLIT || re->code[i].op == JUMP;
        re->code[i].x += jumps ? n : 0;
        re->code[i].y += re->code[i].op == SPLIT ? n : 0;
    }
    return CUV_OK;
}

/* The part from `from` to `end` once more; its jumps stay within. */
static cuv_status copy(parser *p, size_t from, size_t end)
{
    size_t shift = p->re->count - from;
    for (size_t i = from; i < end && !p->strange; i++) {
        instruction c = p->re->code[i];
        bool jumps = c.op == SPLIT || c.op == JUMP;
        CUV_TRY(emit(p, c.op, c.x + (jumps ? shift : 0), c.y + (c.op == SPLIT ? shift : 0)));
    }
    return CUV_OK;
}

static void put_bit(set *s, unsigned char c)
{
    s->bits[c / 8] = (uint8_t)(s->bits[c / 8] | 1U << c % 8);
}

static bool has_bit(const set *s, unsigned char c)
{
    return s->bits[c / 8] >> c % 8 & 1;
}

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* \d, \w, \s and their opposites; false for other letters. */
static bool put_class(set *s, char letter)
{
    char small = (char)(letter | 32);
    if (small != 'd' && small != 'w' && small != 's')
        return false;
    for (unsigned c = 0; c < 128; c++) {
        bool in = small == 'd' ? c >= '0' && c <= '9' : small == 'w' ? is_word((unsigned char)c) : c == ' ' || (c >= 9 && c <= 13);
        if (in == (letter == small))
            put_bit(s, (unsigned char)c);
    }
    return true;
}

static cuv_status emit_set(parser *p, const set *s, bool not)
{
    cuv_regex *re = p->re;
    set *sets = cuv_arena_grow(p->arena, re->sets, re->set_count, &re->set_capacity, sizeof *sets);
    if (!sets)
        return cuv_oom(cuv_arena_context(p->arena));
    re->sets = sets;
    re->sets[re->set_count] = *s;
    for (unsigned c = 'a'; re->ignore_case && c <= 'z'; c++)
        if (has_bit(s, (unsigned char)c) || has_bit(s, (unsigned char)(c - 32))) {
            put_bit(&re->sets[re->set_count], (unsigned char)c);
            put_bit(&re->sets[re->set_count], (unsigned char)(c - 32));
        }
    return emit(p, not ? NOT_SET : SET, re->set_count++, 0);
}

/* ---- reading the expression ---- */

static bool more(const parser *p)
{
    return p->at < p->size && !p->strange;
}

static int escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'f': return '\f';
    case 'v': return '\v';
    default: return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? -1 : (unsigned char)c;
    }
}

/* One character of [...]; -1: a class, which is put already, or something strange. */
static int set_character(parser *p, set *s)
{
    unsigned char c = (unsigned char)p->text[p->at++];
    if (c >= 0x80)
        p->strange = true;
    if (c != '\\' || !more(p))
        return c;
    char letter = p->text[p->at++];
    if (put_class(s, letter)) {
        p->strange = p->strange || (letter >= 'A' && letter <= 'Z');    /* what is not ASCII would be in it, too */
        return -1;
    }
    int plain = escaped(letter);
    p->strange = p->strange || plain < 0;
    return plain;
}

static cuv_status read_set(parser *p)
{
    set s = {{0}};
    bool not = more(p) && p->text[p->at] == '^';
    p->at += not;
    for (bool first = true; more(p) && (first || p->text[p->at] != ']'); first = false) {
        int low = set_character(p, &s), high = low;
        if (low >= 0 && p->at + 1 < p->size && p->text[p->at] == '-' && p->text[p->at + 1] != ']') {
            p->at++;
            high = set_character(p, &s);
            p->strange = p->strange || high < low;
        }
        for (int c = low; c >= 0 && c <= high && !p->strange; c++)
            put_bit(&s, (unsigned char)c);
    }
    p->strange = p->strange || p->at >= p->size;
    p->at++;
    return p->strange ? CUV_OK : emit_set(p, &s, not);
}

static cuv_status read_choices(parser *p);

static cuv_status read_group(parser *p)
{
    size_t group = 0;
    const char *name = NULL;
    bool counts = true;
    if (more(p) && p->text[p->at] == '?') {
        bool named = p->size - p->at > 3 && !memcmp(p->text + p->at, "?P<", 3);
        const char *end = named ? memchr(p->text + p->at, '>', p->size - p->at) : NULL;
        counts = named;
        if (named && end) {
            name = cuv_arena_strndup(p->arena, p->text + p->at + 3, (size_t)(end - p->text) - p->at - 3);
            p->at = (size_t)(end - p->text) + 1;
            if (!name)
                return cuv_oom(cuv_arena_context(p->arena));
        } else if (p->size - p->at > 1 && p->text[p->at + 1] == ':') {
            p->at += 2;
        } else {
            p->strange = true;
        }
    }
    if (counts && p->re->groups + 1 >= CUV_RE_GROUPS)
        p->strange = true;
    if (p->strange)
        return CUV_OK;
    if (counts) {
        group = ++p->re->groups;
        p->re->names[group] = name;
        CUV_TRY(emit(p, SAVE, 2 * group, 0));
    }
    CUV_TRY(read_choices(p));
    p->strange = p->strange || p->at >= p->size || p->text[p->at] != ')';
    p->at++;
    return counts && !p->strange ? emit(p, SAVE, 2 * group + 1, 0) : CUV_OK;
}

static cuv_status read_escape(parser *p)
{
    set s = {{0}};
    char letter = p->at < p->size ? p->text[p->at++] : '\0';
    if (put_class(&s, (char)(letter | 32)) && letter != '\0' && strchr("dwsDWS", letter)) {
        if ((letter | 32) == 'w')
            for (unsigned c = 0x80; c < 256; c++)
                put_bit(&s, (unsigned char)c);
        return emit_set(p, &s, letter >= 'A' && letter <= 'Z');
    }
    if (letter == 'b' || letter == 'B')
        return emit(p, letter == 'b' ? EDGE : NO_EDGE, 0, 0);
    if (letter == 'A' || letter == 'Z')
        return emit(p, letter == 'A' ? BEGIN : END, 0, 1);
    int plain = escaped(letter);
    p->strange = p->strange || plain < 0 || !letter;
    return p->strange ? CUV_OK : emit(p, CHAR, (size_t)plain, 0);
}

static cuv_status read_character(parser *p, char c)
{
    set both = {{0}};
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!p->re->ignore_case || !letter)
        return emit(p, CHAR, (unsigned char)c, 0);
    put_bit(&both, (unsigned char)c);
    return emit_set(p, &both, false);
}

static cuv_status read_atom(parser *p)
{
    char c = p->text[p->at++];
    switch (c) {
    case '(': return read_group(p);
    case '[': return read_set(p);
    case '\\': return read_escape(p);
    case '.': return emit(p, ANY, 0, 0);
    case '^': return emit(p, BEGIN, 0, 0);
    case '$': return emit(p, END, 0, 0);
    case '*': case '+': case '?':
        p->strange = true;
        return CUV_OK;
    default: return read_character(p, c);
    }
}

/* {3}, {2,}, {,4}, {2,4}; false: the brace stands for itself. */
static bool read_bounds(parser *p, size_t *least, size_t *most)
{
    size_t at = p->at + 1, numbers[2] = {0, MOST_REPEATS + 1}, digits[2] = {0, 0}, n = 0;
    for (; at < p->size && p->text[at] != '}'; at++) {
        if (p->text[at] == ',' && n == 0) {
            n = 1;
            continue;
        }
        if (p->text[at] < '0' || p->text[at] > '9' || digits[n] > 3)
            return false;
        numbers[n] = (digits[n] ? numbers[n] * 10 : 0) + (size_t)(p->text[at] - '0');
        digits[n]++;
    }
    if (at >= p->size || !(digits[0] + digits[1]))
        return false;
    *least = numbers[0];
    *most = n ? numbers[1] : numbers[0];
    p->at = at + 1;
    return true;
}

static cuv_status optional(parser *p, size_t from, bool lazy)
{
    CUV_TRY(insert(p, from, 1));
    size_t inside = from + 1, behind = p->re->count;
    if (!p->strange)
        p->re->code[from] = lazy ? (instruction){SPLIT, behind, inside} : (instruction){SPLIT, inside, behind};
    return CUV_OK;
}

static cuv_status endless(parser *p, size_t from, bool lazy)
{
    CUV_TRY(insert(p, from, 1));
    CUV_TRY(emit(p, JUMP, from, 0));
    size_t inside = from + 1, behind = p->re->count;
    if (!p->strange)
        p->re->code[from] = lazy ? (instruction){SPLIT, behind, inside} : (instruction){SPLIT, inside, behind};
    return CUV_OK;
}

/* What stands from `from` on is to be there `least` to `most` times. */
static cuv_status repeat(parser *p, size_t from, size_t least, size_t most, bool lazy)
{
    size_t end = p->re->count, last = from;
    bool open = most > MOST_REPEATS;
    if (least > MOST_REPEATS || most < least) {
        p->strange = true;
        return CUV_OK;
    }
    if (!most) {
        p->re->count = from;
        return CUV_OK;
    }
    size_t times = least > 1 ? least : 1;
    for (size_t i = 1; i < times + (open && least > 0); i++) {
        last = p->re->count;
        CUV_TRY(copy(p, from, end));
    }
    if (open)
        return endless(p, last, lazy);
    for (size_t i = times; i < most && !p->strange; i++) {
        last = p->re->count;
        CUV_TRY(copy(p, from, end));
        CUV_TRY(optional(p, last, lazy));
    }
    return least == 0 && !p->strange ? optional(p, from, lazy) : CUV_OK;
}

static cuv_status read_repeat(parser *p, size_t from)
{
    size_t least = 0, most = MOST_REPEATS + 1;
    char c = more(p) ? p->text[p->at] : '\0';
    if (c == '*' || c == '+' || c == '?') {
        p->at++;
        least = c == '+';
        most = c == '?' ? 1 : most;
    } else if (c != '{' || !read_bounds(p, &least, &most)) {
        return CUV_OK;
    }
    bool lazy = more(p) && p->text[p->at] == '?';
    p->at += lazy;
    if (more(p) && strchr("*+?{", p->text[p->at]) && p->text[p->at]) {
        p->strange = true;
        return CUV_OK;
    }
    return repeat(p, from, least, most, lazy);
}

static cuv_status read_sequence(parser *p)
{
    while (more(p) && p->text[p->at] != '|' && p->text[p->at] != ')') {
        size_t from = p->re->count;
        CUV_TRY(read_atom(p));
        CUV_TRY(read_repeat(p, from));
    }
    return CUV_OK;
}

static cuv_status read_choices(parser *p)
{
    size_t from = p->re->count;
    if (++p->depth > MOST_DEPTH)
        p->strange = true;
    CUV_TRY(read_sequence(p));
    if (more(p) && p->text[p->at] == '|') {
        p->at++;
        CUV_TRY(insert(p, from, 1));
        size_t jump = p->re->count;
        CUV_TRY(emit(p, JUMP, 0, 0));
        if (p->strange)
            return CUV_OK;
        p->re->code[from] = (instruction){SPLIT, from + 1, p->re->count};
        CUV_TRY(read_choices(p));
        if (!p->strange)
            p->re->code[jump].x = p->re->count;
    }
    p->depth--;
    return CUV_OK;
}

cuv_status cuv_regex_new(cuv_arena *arena, const char *pattern, size_t size, bool ignore_case, cuv_regex **out)
{
    cuv_regex *re = CUV_NEW(arena, cuv_regex);
    parser p = {.arena = arena, .re = re, .text = pattern, .size = size};
    *out = NULL;
    if (!re)
        return cuv_oom(cuv_arena_context(arena));
    re->ignore_case = ignore_case;
    CUV_TRY(emit(&p, SAVE, 0, 0));
    CUV_TRY(read_choices(&p));
    CUV_TRY(emit(&p, SAVE, 1, 0));
    CUV_TRY(emit(&p, MATCH, 0, 0));
    *out = p.strange || p.at != p.size ? NULL : re;
    return CUV_OK;
}

size_t cuv_regex_groups(const cuv_regex *re)
{
    return re->groups;
}

const char *cuv_regex_name(const cuv_regex *re, size_t group)
{
    return group < CUV_RE_GROUPS ? re->names[group] : NULL;
}

/* ---- running it ---- */

typedef struct choice {
    size_t pc, at;
    size_t slot;            /* SIZE_MAX: a choice; else a slot that gets its old value back */
    int64_t old;
} choice;

typedef struct machine {
    cuv_arena *arena;
    const cuv_regex *re;
    const char *text;
    size_t size;
    choice *stack;
    size_t count, capacity;
    int64_t slots[2 * CUV_RE_GROUPS];
    uint64_t steps;
    bool whole;
} machine;

static cuv_status push(machine *m, choice c)
{
    choice *stack = cuv_arena_grow(m->arena, m->stack, m->count, &m->capacity, sizeof *stack);
    if (!stack)
        return cuv_oom(cuv_arena_context(m->arena));
    m->stack = stack;
    m->stack[m->count++] = c;
    return CUV_OK;
}

/* Bytes of the character at `at`. */
static size_t width(const machine *m, size_t at)
{
    size_t n = 1;
    while ((unsigned char)m->text[at] >= 0xc0 && at + n < m->size && ((unsigned char)m->text[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool edge(const machine *m, size_t at)
{
    bool before = at > 0 && is_word((unsigned char)m->text[at - 1]), behind = at < m->size && is_word((unsigned char)m->text[at]);
    return before != behind;
}

/* One instruction that looks at the text; false: it does not fit. */
static bool fits(const machine *m, const instruction *i, size_t *at)
{
    unsigned char c = *at < m->size ? (unsigned char)m->text[*at] : 0;
    bool end = *at >= m->size;
    switch (i->op) {
    case BEGIN: return *at == 0;
    case END: return end || (!i->y && *at + 1 == m->size && c == '\n');
    case EDGE: return edge(m, *at);
    case NO_EDGE: return !edge(m, *at);
    case CHAR:
        if (end || c != i->x)
            return false;
        (*at)++;
        return true;
    case ANY: case SET: case NOT_SET:
        if (end || (i->op == ANY ? c == '\n' : has_bit(&m->re->sets[i->x], c) != (i->op == SET)))
            return false;
        *at += width(m, *at);
        return true;
    case SPLIT: case JUMP: case SAVE: case MATCH: break;
    }
    return true;
}

/* Back to the last choice; false: there is none. */
static bool back(machine *m, size_t *pc, size_t *at)
{
    while (m->count > 0) {
        choice c = m->stack[--m->count];
        if (c.slot == SIZE_MAX) {
            *pc = c.pc;
            *at = c.at;
            return true;
        }
        m->slots[c.slot] = c.old;
    }
    return false;
}

static cuv_status run(machine *m, size_t at, cuv_re_result *out)
{
    size_t pc = 0;
    *out = CUV_RE_NO;
    m->count = 0;
    for (;;) {
        const instruction *i = &m->re->code[pc];
        bool on = true;
        if (++m->steps > MOST_STEPS) {
            *out = CUV_RE_TOO_LONG;
            return CUV_OK;
        }
        if (i->op == MATCH && (!m->whole || at == m->size)) {
            *out = CUV_RE_YES;
            return CUV_OK;
        }
        if (i->op == SPLIT) {
            CUV_TRY(push(m, (choice){i->y, at, SIZE_MAX, 0}));
            pc = i->x;
        } else if (i->op == JUMP) {
            pc = i->x;
        } else if (i->op == SAVE) {
            CUV_TRY(push(m, (choice){0, 0, i->x, m->slots[i->x]}));
            m->slots[i->x] = (int64_t)at;
            pc++;
        } else {
            on = i->op != MATCH && fits(m, i, &at);
            pc++;
        }
        if (!on && !back(m, &pc, &at))
            return CUV_OK;
    }
}

cuv_status cuv_regex_match(cuv_arena *scratch, const cuv_regex *re, const char *text, size_t size, size_t at, bool search, bool whole,
                           cuv_re_match *match, cuv_re_result *out)
{
    machine m = {.arena = scratch, .re = re, .text = text, .size = size, .whole = whole};
    for (*out = CUV_RE_NO; at <= size; at += at < size ? width(&m, at) : 1) {
        for (size_t i = 0; i < 2 * CUV_RE_GROUPS; i++)
            m.slots[i] = CUV_RE_NOTHING;
        CUV_TRY(run(&m, at, out));
        if (*out != CUV_RE_NO || !search)
            break;
    }
    for (size_t i = 0; i < CUV_RE_GROUPS; i++) {
        bool both = m.slots[2 * i] >= 0 && m.slots[2 * i + 1] >= 0;
        match->start[i] = both ? m.slots[2 * i] : CUV_RE_NOTHING;
        match->end[i] = both ? m.slots[2 * i + 1] : CUV_RE_NOTHING;
    }
    return CUV_OK;
}
