/* Inputs drawn at random: numbers, indices that tables have, words of vocabularies and others. What an input may be is read off the steps
 * that it goes into, of both models when there are two. The same models give the same inputs. */
#include "run/plan.h"
#include "run/runner.h"

enum { BATCH = 4, WORDS_BATCH = 16, LONGEST = 10, OPEN = 4 };

typedef struct domain {
    const cuv_tensor *texts, *numbers;      /* keys that it is looked up among */
    const cuv_attrs *tokens;                /* it is cut into words */
    int64_t limit;                          /* indices stay below; 0: none known */
    double low, high;                       /* of what it is compared with */
    bool compared, hashed, known;           /* known: only those keys */
} domain;

typedef struct drawer { cuv_context *cx; cuv_arena *arena; uint64_t state; bool positive; int64_t batch, open; } drawer;

/* splitmix64 (Steele, Lea, Flood 2014): reproducible inputs without state elsewhere. */
static double next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static size_t one_of(drawer *d, size_t count)
{
    return (size_t)(next_random(&d->state) * (double)count);
}

/* ---- what an input may be ---- */

/* How a step hands on what an input is: values as they are, or less a number. NAN: it does not. */
static double handed_on(const cuv_program *p, const cuv_step *s, const double *shift)
{
    const cuv_var *by = s->in_count > 1 ? cuv_program_var(p, s->in[1]) : NULL;
    double least = (double)NAN;
    switch ((int)s->op) {
    case CUV_OP_CAST:
        return s->attrs->dtype == CUV_BOOL ? least : shift[s->in[0]];
    case CUV_OP_RESHAPE: case CUV_OP_TRANSPOSE: case CUV_OP_BROADCAST: case CUV_OP_SLICE: case CUV_OP_TILE: case CUV_OP_REPEAT:
    case CUV_OP_REVERSE: case CUV_OP_PAD:
        return shift[s->in[0]];
    case CUV_OP_CONCAT:
        for (int i = 0; i < s->in_count; i++)
            least = isnan(least) ? shift[s->in[i]] : least;
        return least;
    case CUV_OP_SUB:
        return by && by->rank == 0 && by->tensor && by->dtype != CUV_STR ? shift[s->in[0]] + cuv_tensor_at(by->tensor, 0) : least;
    default: return least;
    }
}

static void compare_with(domain *d, const cuv_tensor *t, double shift)
{
    const size_t n = t && t->dtype != CUV_STR ? cuv_tensor_count(t) : 0;
    for (size_t i = 0; i < n; i++) {
        const double x = cuv_tensor_at(t, i) + shift;
        if (!(fabs(x) < 1e9))
            continue;
        d->low = d->compared && d->low < x ? d->low : x;
        d->high = d->compared && d->high > x ? d->high : x;
        d->compared = true;
    }
}

/* What a step says of its operand k, which is the input. */
static void learn_step(const cuv_program *p, const cuv_step *s, int k, double shift, domain *d)
{
    const cuv_var *other = s->in_count > 1 ? cuv_program_var(p, s->in[k ? 0 : 1]) : NULL;
    int64_t limit = 0;
    switch ((int)s->op) {
    case CUV_OP_LOOKUP: case CUV_OP_TOKENS: case CUV_OP_TOKEN_COUNTS:
        if (k == 0 && other->tensor)
            *(other->dtype == CUV_STR ? &d->texts : &d->numbers) = other->tensor;
        if (k == 0 && s->op != CUV_OP_LOOKUP)
            d->tokens = s->attrs;
        d->known |= k == 0 && s->op == CUV_OP_LOOKUP && s->attrs->some;
        break;
    case CUV_OP_HASH: case CUV_OP_CROSS: d->hashed = true; break;
    case CUV_OP_GATHER: limit = k == 1 ? other->shape[s->attrs->axis] : 0; break;
    case CUV_OP_ONE_HOT: limit = s->attrs->count; break;
    case CUV_OP_LESS: case CUV_OP_LESS_EQUAL: case CUV_OP_GREATER: case CUV_OP_GREATER_EQUAL: case CUV_OP_EQUAL: case CUV_OP_NOT_EQUAL:
        compare_with(d, other->tensor, shift);
        break;
    default: break;
    }
    if (limit > 0 && shift == 0 && (!d->limit || limit < d->limit))
        d->limit = limit;
}

static cuv_status learn(drawer *w, const cuv_program *p, cuv_ref input, domain *d)
{
    double *shift = CUV_NEW_ARRAY(w->arena, double, p->value_count + 1);
    if (!shift)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < p->value_count; i++)
        shift[i] = (cuv_ref)i == input ? 0 : (double)NAN;
    for (size_t i = 0; i < p->step_count; i++) {
        const cuv_step *s = &p->steps[i];
        bool reads = false;
        for (int k = 0; k < s->in_count; k++)
            if (s->in[k] != CUV_NO_REF && !isnan(shift[s->in[k]])) {
                learn_step(p, s, k, shift[s->in[k]], d);
                reads = true;
            }
        if (reads)
            shift[s->out[0]] = handed_on(p, s, shift);
    }
    return CUV_OK;
}

/* ---- texts ---- */

static void add_word(drawer *d, const domain *about, cuv_buffer *b)
{
    const cuv_tensor *keys = about->texts;
    const size_t count = keys ? cuv_tensor_count(keys) : 0;
    if (count && (about->known || one_of(d, 10) < 7)) {
        const cuv_string *key = (const cuv_string *)(const void *)keys->data + one_of(d, count);
        cuv_buffer_add(b, key->data, key->size);
        return;
    }
    for (size_t n = 1 + one_of(d, 7); n; n--)
        cuv_buffer_char(b, (char)('a' + one_of(d, 26)));
}

/* Words with what standardising takes away: capitals, marks, more than one space. */
static void add_sentence(drawer *d, const domain *about, cuv_buffer *b)
{
    static const char *const marks[] = {"", "", "", ",", "!", ".", "-"}, *const gaps[] = {" ", " ", " ", "  ", "\t"};
    const bool apart = about->tokens->split == 1;
    for (size_t n = one_of(d, LONGEST), i = 0; i < n; i++) {
        const size_t start = b->size;
        if (i && (apart || one_of(d, 3) == 0))
            cuv_buffer_text(b, gaps[one_of(d, sizeof gaps / sizeof *gaps)]);
        add_word(d, about, b);
        if (one_of(d, 4) == 0 && b->size > start && b->data[b->size - 1] >= 'a' && b->data[b->size - 1] <= 'z')
            b->data[b->size - 1] = (char)(b->data[b->size - 1] - 'a' + 'A');
        cuv_buffer_text(b, marks[one_of(d, sizeof marks / sizeof *marks)]);
    }
}

static cuv_status draw_texts(drawer *d, const domain *about, cuv_array *a, size_t n)
{
    cuv_string *texts = cuv_arena_calloc(d->arena, n + 1, sizeof *texts);
    if (!texts)
        return cuv_oom(d->cx);
    *a = (cuv_array){.dtype = CUV_STR, .rank = a->rank, .name = a->name, .data = texts};
    for (size_t i = 0; i < n; i++) {
        cuv_buffer b;
        cuv_buffer_init(&b, d->cx);
        if (about->tokens)
            add_sentence(d, about, &b);
        else if (about->known || one_of(d, 10))     /* else none: what masks stand for */
            add_word(d, about, &b);
        char *text = b.failed ? NULL : cuv_arena_alloc(d->arena, b.size + 1);
        if (text && b.size)
            memcpy(text, b.data, b.size);
        texts[i] = (cuv_string){text, b.size};
        cuv_buffer_free(&b);
        if (!text)
            return cuv_oom(d->cx);
    }
    return CUV_OK;
}

/* ---- numbers ---- */

/* The range that integers are drawn from, its end not among them. */
static void whole_range(const domain *about, double *from, double *to)
{
    *from = 0;
    *to = about->limit ? (double)about->limit : about->hashed ? 1000 : 2;
    if (about->compared && !about->limit) {
        *from = floor(about->low) - 1;
        *to = ceil(about->high) + 2;
    }
    const size_t count = about->numbers ? cuv_tensor_count(about->numbers) : 0;
    for (size_t i = 0; i < count; i++) {
        const double key = cuv_tensor_at(about->numbers, i);
        if (fabs(key) > 1e15)
            continue;
        *from = i == 0 || key - 2 < *from ? key - 2 : *from;
        *to = i == 0 || key + 3 > *to ? key + 3 : *to;
    }
}

static cuv_status draw_integers(drawer *d, const domain *about, cuv_array *a, size_t n)
{
    int64_t *values = cuv_arena_calloc(d->arena, n + 1, sizeof *values);
    const size_t keys = about->numbers ? cuv_tensor_count(about->numbers) : 0;
    double from, to;
    if (!values)
        return cuv_oom(d->cx);
    whole_range(about, &from, &to);
    for (size_t i = 0; i < n; i++)
        if (keys && (about->known || one_of(d, 10) < 7))
            memcpy(&values[i], about->numbers->data + 8 * one_of(d, keys), sizeof *values);
        else
            values[i] = (int64_t)floor(from + next_random(&d->state) * (to - from));
    a->dtype = CUV_I64;
    a->data = values;
    return CUV_OK;
}

static cuv_status draw_floats(drawer *d, const domain *about, cuv_array *a, size_t n)
{
    float *values = cuv_arena_calloc(d->arena, n + 1, sizeof *values);
    double from = d->positive ? 0 : -1, to = 1, margin = about->compared ? (about->high - about->low) / 4 + 0.5 : 0;
    if (!values)
        return cuv_oom(d->cx);
    if (about->compared) {
        from = about->low - margin < from ? about->low - margin : from;
        to = about->high + margin > to ? about->high + margin : to;
    }
    for (size_t k = 0; k < n; k++) {
        const double r = next_random(&d->state);
        values[k] = (float)(about->limit ? floor(r * (double)about->limit) : from + r * (to - from));
    }
    a->dtype = CUV_F32;
    a->data = values;
    return CUV_OK;
}

/* ---- inputs ---- */

/* Floats become integers that do not hold all of them: pictures, whose floats lie between 0 and 1. */
static bool has_small_integers(const cuv_program *p)
{
    double least, most;
    for (size_t i = 0; i < p->step_count; i++) {
        const cuv_step *s = &p->steps[i];
        if (s->op == CUV_OP_CAST && cuv_dtype_is_float(cuv_program_var(p, s->in[0])->dtype) && cuv_cast_range(s->attrs->dtype, &least, &most))
            return true;
    }
    return false;
}

static cuv_status draw(drawer *d, const cuv_var *v, const cuv_var *u, const domain *about, cuv_array *a)
{
    int64_t shape[CUV_MAX_RANK] = {0};
    size_t n;
    for (int k = 0; k < v->rank; k++) {
        int64_t size = v->shape[k] > 0 ? v->shape[k] : k < u->rank ? u->shape[k] : -1;
        shape[k] = size > 0 ? size : k == 0 ? d->batch : d->open;
    }
    a->rank = v->rank;
    if (!cuv_shape_count(shape, a->rank, &n))
        return cuv_oom(d->cx);
    if (v->dtype == CUV_STR)
        CUV_TRY(draw_texts(d, about, a, n));
    else if (cuv_dtype_is_float(v->dtype))
        CUV_TRY(draw_floats(d, about, a, n));
    else
        CUV_TRY(draw_integers(d, about, a, n));
    memcpy(a->shape, shape, sizeof shape);
    return CUV_OK;
}

/* The batch that an input of either model states holds for those that state none, too. */
static int64_t stated_batch(const struct cuv_model *m, int64_t otherwise)
{
    for (size_t i = 0; i < m->input_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
        if (v->rank && v->shape[0] > 0)
            return v->shape[0];
    }
    return otherwise;
}

static cuv_status draw_all(drawer *d, struct cuv_model *m, const struct cuv_model *other, cuv_array **out)
{
    domain *about = CUV_NEW_ARRAY(d->arena, domain, m->input_count + 1);
    bool words = false;
    *out = CUV_NEW_ARRAY(d->arena, cuv_array, m->input_count + 1);
    if (!*out || !about)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < m->input_count; i++) {
        CUV_TRY(learn(d, other->program, other->inputs[i].value, &about[i]));
        CUV_TRY(learn(d, m->program, m->inputs[i].value, &about[i]));
        words |= about[i].texts || about[i].numbers;
    }
    if (d->batch < 1)
        d->batch = stated_batch(m, stated_batch(other, words ? WORDS_BATCH : BATCH));
    for (size_t i = 0; i < m->input_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
        (*out)[i] = (cuv_array){.name = m->input_names[i]};
        CUV_TRY(draw(d, v, cuv_program_var(other->program, other->inputs[i].value), &about[i], &(*out)[i]));
    }
    return CUV_OK;
}

cuv_status cuv_random_inputs(struct cuv_model *m, const struct cuv_model *other, cuv_arena *arena, cuv_array **out)
{
    drawer d = {m->cx, arena, 1, has_small_integers(m->program) || has_small_integers(other->program), 0, OPEN};
    return draw_all(&d, m, other, out);
}

cuv_status cuv_draw_inputs(struct cuv_model *m, int64_t batch, int64_t open, struct cuv_result **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(m->cx);
    struct cuv_result *r = arena ? CUV_NEW(arena, struct cuv_result) : NULL;
    if (!r) {
        cuv_arena_free(arena);
        return cuv_oom(m->cx);
    }
    *r = (struct cuv_result){m->cx, arena, NULL, m->input_count};
    drawer d = {m->cx, arena, 1, has_small_integers(m->program), batch, open > 0 ? open : OPEN};
    cuv_status status = draw_all(&d, m, m, &r->arrays);
    if (status == CUV_OK)
        *out = r;
    else
        cuv_arena_free(arena);
    return status;
}
