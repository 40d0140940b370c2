/* Expressions: constants, displays, comprehensions, operators, comparisons and conditionals on values. */
#include "evidence/script.h"

#include <math.h>

/* ---- numbers ---- */

static cuv_status number(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    if (node->kind == CUV_PY_FLOAT || node->op == 'L')
        return cuv_sv_real(e, node->real, out);
    return cuv_sv_int(e, node->integer, out);
}

static bool integer_power(int64_t base, int64_t exponent, int64_t *out)
{
    int64_t result = 1;
    if (exponent < 0 || (exponent > 64 && base != 0 && base != 1 && base != -1))
        return false;
    if (exponent > 64)
        exponent = 64 + exponent % 2;
    for (int64_t i = 0; i < exponent; i++)
        if (!cuv_mul_i64(result, base, &result))
            return false;
    *out = result;
    return true;
}

/* Python's // and %: towards minus infinity. */
static bool integer_divide(int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    if (b == 0 || (a == INT64_MIN && b == -1))
        return false;
    *quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));
    *rest = a - *quotient * b;
    return true;
}

static bool integer_operate(int op, int64_t a, int64_t b, int64_t *out)
{
    int64_t quotient = 0, rest = 0;
    bool divided = (op == CUV_PY_FLOORDIV || op == '%') && integer_divide(a, b, &quotient, &rest);
    switch (op) {
    case '+': return cuv_add_i64(a, b, out);
    case '-': return !__builtin_sub_overflow(a, b, out);
    case '*': return cuv_mul_i64(a, b, out);
    case '&': *out = a & b; return true;
    case '|': *out = a | b; return true;
    case '^': *out = a ^ b; return true;
    case CUV_PY_POW: return integer_power(a, b, out);
    case CUV_PY_FLOORDIV: *out = quotient; return divided;
    case '%': *out = rest; return divided;
    case CUV_PY_SHR: *out = b >= 0 && b < 64 ? a >> b : 0; return b >= 0 && b < 64;
    case CUV_PY_SHL: return b >= 0 && b < 62 && cuv_mul_i64(a, (int64_t)1 << b, out);
    default: return false;
    }
}

static bool real_operate(int op, double a, double b, double *out)
{
    switch (op) {
    case '+': *out = a + b; return true;
    case '-': *out = a - b; return true;
    case '*': *out = a * b; return true;
    case '/': *out = a / b; return b != 0;
    case CUV_PY_POW: *out = pow(a, b); return true;
    case CUV_PY_FLOORDIV: *out = floor(a / b); return b != 0;
    case '%': *out = a - floor(a / b) * b; return b != 0;
    default: return false;
    }
}

static cuv_status numbers(cuv_sc *e, const cuv_py *node, int op, const cuv_sv *a, const cuv_sv *b, cuv_sv **out)
{
    int64_t x = 0, y = 0, z = 0;
    double u = 0, v = 0, w = 0;
    bool integers = cuv_sv_as_int(a, &x) && cuv_sv_as_int(b, &y);
    if (integers && integer_operate(op, x, y, &z))
        return cuv_sv_int(e, z, out);
    (void)cuv_sv_as_real(a, &u);
    (void)cuv_sv_as_real(b, &v);
    if ((op == '/' || op == '%' || op == CUV_PY_FLOORDIV) && v == 0)
        return cuv_sc_fail(e, node, CUV_NO, "script.zero", NULL, "a division by zero");
    if (real_operate(op, u, v, &w))
        return cuv_sv_real(e, w, out);
    return cuv_sv_unknown(e, out, "a number beyond 64 bits");
}

/* ---- sequences ---- */

static cuv_status join_lists(cuv_sc *e, const cuv_sv *a, const cuv_sv *b, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, a->kind, out));
    (*out)->unsure = a->unsure || b->unsure;
    for (size_t i = 0; i < a->count + b->count; i++)
        CUV_TRY(cuv_sv_add(e, *out, i < a->count ? a->items[i] : b->items[i - a->count]));
    return CUV_OK;
}

static cuv_status repeat(cuv_sc *e, const cuv_sv *a, int64_t times, cuv_sv **out)
{
    size_t total = 0;
    if (times < 0)
        times = 0;
    if (a->kind == CUV_SV_TEXT) {
        if (!cuv_mul_size(a->size, (size_t)times, &total) || total > (1u << 24))
            return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.size", NULL, "a string grows beyond the limit");
        char *text = cuv_arena_alloc(e->arena, total + 1);
        if (!text)
            return cuv_oom(e->cx);
        for (size_t i = 0; i < (size_t)times && a->size; i++)
            memcpy(text + i * a->size, a->text, a->size);
        CUV_TRY(cuv_sc_step(e, total / 64));
        CUV_TRY(cuv_sv_make(e, CUV_SV_TEXT, out));
        (*out)->text = text;
        (*out)->size = total;
        return CUV_OK;
    }
    CUV_TRY(cuv_sv_make(e, a->kind, out));
    (*out)->unsure = a->unsure;
    for (int64_t k = 0; k < times && a->count; k++)
        for (size_t i = 0; i < a->count; i++)
            CUV_TRY(cuv_sv_add(e, *out, a->items[i]));
    return CUV_OK;
}

static cuv_status join_texts(cuv_sc *e, const cuv_sv *a, const cuv_sv *b, const char *between, cuv_sv **out)
{
    size_t n = strlen(between);
    if (a->size + b->size > (1u << 24) && !a->file && !b->file)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.size", NULL, "a string grows beyond the limit");
    char *text = cuv_arena_alloc(e->arena, a->size + b->size + n + 1);
    if (!text)
        return cuv_oom(e->cx);
    memcpy(text, a->text, a->size);
    memcpy(text + a->size, between, n);
    memcpy(text + a->size + n, b->text, b->size);
    CUV_TRY(cuv_sc_step(e, (a->size + b->size) / 64));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TEXT, out));
    (*out)->text = text;
    (*out)->size = a->size + b->size + n;
    return CUV_OK;
}

/* ---- operators ---- */

/* | & - ^ of sets. */
static cuv_status combine_sets(cuv_sc *e, int op, const cuv_sv *a, const cuv_sv *b, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_SET, out));
    (*out)->unsure = a->unsure || b->unsure;
    for (size_t i = 0; i < a->count + b->count; i++) {
        const cuv_sv *own = i < a->count ? a : b, *other = i < a->count ? b : a;
        cuv_sv *item = own->items[i < a->count ? i : i - a->count];
        bool both = false;
        CUV_TRY(cuv_sc_step(e, 1 + other->count / 8));
        for (size_t k = 0; !both && k < other->count; k++)
            both = cuv_sv_equal(other->items[k], item);
        if (op == '|' || (op == '&' && both) || (op == '^' && !both) || (op == '-' && !both && own == a))
            CUV_TRY(cuv_sv_include(e, *out, item));
    }
    return CUV_OK;
}

static cuv_status operate_known(cuv_sc *e, const cuv_py *node, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    int64_t times = 0;
    if (cuv_sv_is_number(a) && cuv_sv_is_number(b))
        return numbers(e, node, op, a, b, out);
    if (op == '+' && a->kind == CUV_SV_TEXT && b->kind == CUV_SV_TEXT)
        return join_texts(e, a, b, "", out);
    if (op == '/' && a->kind == CUV_SV_TEXT && b->kind == CUV_SV_TEXT)         /* pathlib */
        return join_texts(e, a, b, "/", out);
    if (op == '%' && a->kind == CUV_SV_TEXT)
        return cuv_sc_percent(e, a, b, out);
    if (op == '+' && a->kind == b->kind && cuv_sv_is_seq(a))
        return join_lists(e, a, b, out);
    if (op == '*' && (cuv_sv_is_seq(a) || a->kind == CUV_SV_TEXT) && cuv_sv_as_int(b, &times))
        return repeat(e, a, times, out);
    if (op == '*' && (cuv_sv_is_seq(b) || b->kind == CUV_SV_TEXT) && cuv_sv_as_int(a, &times))
        return repeat(e, b, times, out);
    if (strchr("|&-^", op) && a->kind == CUV_SV_SET && b->kind == CUV_SV_SET && !cuv_sv_unknown_in(a) && !cuv_sv_unknown_in(b))
        return combine_sets(e, op, a, b, out);
    if (op == '|' && a->kind == CUV_SV_DICT && b->kind == CUV_SV_DICT) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
        for (size_t i = 0; i < a->count + b->count; i++) {
            const cuv_sv *from = i < a->count ? a : b;
            size_t k = i < a->count ? i : i - a->count;
            CUV_TRY(cuv_sv_put(e, *out, from->items[k], from->values[k]));
        }
        return CUV_OK;
    }
    return cuv_sv_unknown(e, out, "the result of an operator on %s and %s", cuv_sv_describe(e, a), cuv_sv_describe(e, b));
}

cuv_status cuv_sc_operate(cuv_sc *e, const cuv_py *node, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    e->at = node;
    if (op == '%' && a->kind == CUV_SV_TEXT)
        return cuv_sc_percent(e, a, b, out);
    if (a->kind == CUV_SV_TENSOR || b->kind == CUV_SV_TENSOR)
        return cuv_sc_symbol_operate(e, op, a, b, out);
    if (a->kind == CUV_SV_UNKNOWN || b->kind == CUV_SV_UNKNOWN) {
        *out = a->kind == CUV_SV_UNKNOWN ? a : b;
        return CUV_OK;
    }
    if (a->kind == CUV_SV_VARIABLE || b->kind == CUV_SV_VARIABLE)
        return cuv_sv_unknown(e, out, "a value computed from the layer's own weights");
    if (op == '@')
        return cuv_sc_array_product(e, a, b, out);
    if (a->kind == CUV_SV_RANGE && strchr("+-*/p", op))         /* numpy.arange */
        CUV_TRY(cuv_sc_array_of(e, a, &a));
    if (b->kind == CUV_SV_RANGE && strchr("+-*/p", op))
        CUV_TRY(cuv_sc_array_of(e, b, &b));
    if (a->kind == CUV_SV_ARRAY || b->kind == CUV_SV_ARRAY)
        return cuv_sc_array_operate(e, op, a, b, out);
    return operate_known(e, node, op, a, b, out);
}

static cuv_status unary(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *a = NULL, *zero = NULL;
    bool known = true;
    CUV_TRY(cuv_sc_eval(e, node->a, &a));
    if (node->op == 'n') {
        bool truth = cuv_sv_truth(a, &known);
        *out = known ? cuv_sv_bool(e, !truth) : a;
        return known || a->kind == CUV_SV_UNKNOWN ? CUV_OK : cuv_sv_unknown(e, out, "a condition on %s", cuv_sv_describe(e, a));
    }
    if (a->kind == CUV_SV_TENSOR && node->op == '-')
        return cuv_sc_symbol_unary(e, "Negative", a, out);
    if (node->op == '+' || a->kind == CUV_SV_UNKNOWN) {
        *out = a;
        return CUV_OK;
    }
    if (node->op == '~')
        return cuv_sv_is_number(a) && a->kind != CUV_SV_REAL ? cuv_sv_int(e, ~(a->kind == CUV_SV_BOOL ? a->truth : a->integer), out)
                                                             : cuv_sv_unknown(e, out, "the result of '~'");
    if (a->kind == CUV_SV_REAL)
        return cuv_sv_real(e, -a->real, out);
    CUV_TRY(cuv_sv_int(e, 0, &zero));
    return cuv_sc_operate(e, node, '-', zero, a, out);
}

/* and, or: the value of the operand that decides. */
static cuv_status logical(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    for (size_t i = 0; i < node->count; i++) {
        bool known = true;
        CUV_TRY(cuv_sc_eval(e, node->items[i], out));
        bool truth = cuv_sv_truth(*out, &known);
        if (!known && i + 1 < node->count) {
            if ((*out)->kind == CUV_SV_UNKNOWN)
                return CUV_OK;
            return cuv_sv_unknown(e, out, "a condition on %s", cuv_sv_describe(e, *out));
        }
        if (known && truth == (node->op == 'o'))
            return CUV_OK;
    }
    return CUV_OK;
}

/* ---- comparisons ---- */

static int order(const cuv_sv *a, const cuv_sv *b, bool *known)
{
    double x = 0, y = 0;
    *known = true;
    if (cuv_sv_as_real(a, &x) && cuv_sv_as_real(b, &y))
        return x < y ? -1 : x > y;
    if (a->kind == CUV_SV_TEXT && b->kind == CUV_SV_TEXT) {
        size_t n = a->size < b->size ? a->size : b->size;
        int c = memcmp(a->text, b->text, n);
        return c ? c : a->size < b->size ? -1 : a->size > b->size;
    }
    if (cuv_sv_is_seq(a) && a->kind == b->kind) {
        for (size_t i = 0; i < a->count && i < b->count; i++) {
            if (!cuv_sv_is_number(a->items[i]) || !cuv_sv_is_number(b->items[i])) {
                *known = false;
                return 0;
            }
            int c = order(a->items[i], b->items[i], known);
            if (c)
                return c;
        }
        return a->count < b->count ? -1 : a->count > b->count;
    }
    *known = false;
    return 0;
}

static bool holds(const cuv_sv *container, const cuv_sv *item, bool *known)
{
    size_t length = 0;
    *known = true;
    if (container->kind == CUV_SV_TEXT && item->kind == CUV_SV_TEXT)
        return memmem(container->text, container->size, item->text, item->size) != NULL;
    if (container->kind == CUV_SV_RANGE) {
        int64_t i = 0;
        bool inside = cuv_sv_as_int(item, &i) &&
                      (container->step > 0 ? i >= container->integer && i < container->stop : i <= container->integer && i > container->stop);
        return inside && (i - container->integer) % container->step == 0;
    }
    *known = cuv_sv_length(container, &length) && container->items;
    if (cuv_sv_length(container, &length) && length == 0)
        *known = true;
    for (size_t i = 0; *known && i < length; i++) {
        if (cuv_sv_equal(container->items[i], item))
            return true;
        if (container->items[i]->kind == CUV_SV_UNKNOWN)
            *known = false;
    }
    return false;
}

static bool same_name(const cuv_sv *a, const cuv_sv *b)
{
    return a->kind == CUV_SV_NAME && b->kind == CUV_SV_NAME && cuv_streq(cuv_sc_last(a->text), cuv_sc_last(b->text));
}

cuv_status cuv_sc_compare(cuv_sc *e, const cuv_py *node, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    bool known = true, answer = false;
    e->at = node;
    CUV_TRY(cuv_sc_step(e, 1 + (op == CUV_PY_IN || op == CUV_PY_NOT_IN ? b->count : 0)));
    const cuv_sv *unknown = cuv_sv_unknown_in(a) ? cuv_sv_unknown_in(a) : cuv_sv_unknown_in(b);
    if (op == CUV_PY_IS || op == CUV_PY_IS_NOT) {
        answer = a == b || (a->kind == b->kind && cuv_sv_equal(a, b));
        known = answer || (a->kind != CUV_SV_UNKNOWN && b->kind != CUV_SV_UNKNOWN);
        answer = answer == (op == CUV_PY_IS);
    } else if (op == CUV_PY_IN || op == CUV_PY_NOT_IN) {
        cuv_sv *told = NULL;
        if (b->kind == CUV_SV_INSTANCE)
            CUV_TRY(cuv_sc_protocol(e, b, "__contains__", a, &told));
        answer = (told ? cuv_sv_truth(told, &known) : holds(b, a, &known)) == (op == CUV_PY_IN);
        known = known && a->kind != CUV_SV_UNKNOWN;
    } else if (unknown) {
        known = false;
    } else if (op == CUV_PY_EQ || op == CUV_PY_NE) {
        bool arrays = a->kind == CUV_SV_ARRAY || b->kind == CUV_SV_ARRAY || a->kind == CUV_SV_TENSOR || b->kind == CUV_SV_TENSOR;
        if (arrays && (a->kind == CUV_SV_TENSOR || b->kind == CUV_SV_TENSOR) && a->kind != CUV_SV_NONE && b->kind != CUV_SV_NONE)
            return cuv_sc_symbol_operate(e, op, a, b, out);
        known = !arrays || a->kind == CUV_SV_NONE || b->kind == CUV_SV_NONE;
        if (!known)
            CUV_TRY(cuv_sc_array_compare(e, op, a, b, out));
        if (!known && *out)
            return CUV_OK;
        answer = (cuv_sv_equal(a, b) || same_name(a, b)) == (op == CUV_PY_EQ);
    } else if (a->kind == CUV_SV_TENSOR || b->kind == CUV_SV_TENSOR) {
        return cuv_sc_symbol_operate(e, op, a, b, out);
    } else {
        if (a->kind == CUV_SV_ARRAY || b->kind == CUV_SV_ARRAY) {
            CUV_TRY(cuv_sc_array_compare(e, op, a, b, out));
            if (*out)
                return CUV_OK;
        }
        int c = order(a, b, &known);
        answer = op == '<' ? c < 0 : op == '>' ? c > 0 : op == CUV_PY_LE ? c <= 0 : c >= 0;
    }
    if (known) {
        *out = cuv_sv_bool(e, answer);
        return CUV_OK;
    }
    if (unknown && unknown->kind == CUV_SV_UNKNOWN)
        return cuv_sv_unknown(e, out, "a condition on %s", unknown->text);
    return cuv_sv_unknown(e, out, "a comparison of %s with %s", cuv_sv_describe(e, a), cuv_sv_describe(e, b));
}

static cuv_status comparison(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *left = NULL, *right = NULL;
    CUV_TRY(cuv_sc_eval(e, node->items[0], &left));
    for (size_t i = 1; i < node->count; i++) {
        bool known = true;
        CUV_TRY(cuv_sc_eval(e, node->items[i], &right));
        CUV_TRY(cuv_sc_compare(e, node, node->text[i - 1], left, right, out));
        if (!cuv_sv_truth(*out, &known) || !known)
            return CUV_OK;
        left = right;
    }
    return CUV_OK;
}

static cuv_status conditional(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *test = NULL;
    bool known = true;
    CUV_TRY(cuv_sc_eval(e, node->a, &test));
    bool truth = cuv_sv_truth(test, &known);
    if (known)
        return cuv_sc_eval(e, truth ? node->b : node->c, out);
    return cuv_sv_unknown(e, out, "a choice that depends on %s", cuv_sv_describe(e, test));
}

/* ---- displays ---- */

static cuv_status display(cuv_sc *e, const cuv_py *node, cuv_sv_kind kind, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, kind, out));
    for (size_t i = 0; i < node->count; i++) {
        const cuv_py *item = node->items[i];
        cuv_sv *v = NULL, *list = NULL;
        bool known = true;
        CUV_TRY(cuv_sc_eval(e, item->kind == CUV_PY_STARRED ? item->a : item, &v));
        if (item->kind != CUV_PY_STARRED) {
            CUV_TRY(kind == CUV_SV_SET ? cuv_sv_include(e, *out, v) : cuv_sv_add(e, *out, v));
            continue;
        }
        CUV_TRY(cuv_sv_iterate(e, v, &list, &known));
        if (!known)
            return cuv_sv_unknown(e, out, "a list that contains %s", cuv_sv_describe(e, v));
        for (size_t k = 0; k < list->count; k++)
            CUV_TRY(cuv_sv_add(e, *out, list->items[k]));
    }
    return CUV_OK;
}

static cuv_status dict_display(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; i < node->count; i++) {
        const cuv_py *pair = node->items[i];
        cuv_sv *key = NULL, *value = NULL;
        if (pair->a)
            CUV_TRY(cuv_sc_eval(e, pair->a, &key));
        CUV_TRY(cuv_sc_eval(e, pair->b, &value));
        if (key) {
            CUV_TRY(cuv_sv_put(e, *out, key, value));
            continue;
        }
        if (value->kind != CUV_SV_DICT)
            return cuv_sv_unknown(e, out, "a dictionary that contains %s", cuv_sv_describe(e, value));
        for (size_t k = 0; k < value->count; k++)
            CUV_TRY(cuv_sv_put(e, *out, value->items[k], value->values[k]));
    }
    return CUV_OK;
}

/* Runs the clauses from `at` on; sets *known to false when one of them has no known length or condition. */
static cuv_status clause(cuv_sc *e, const cuv_py *node, size_t at, cuv_sv *out, bool *known)
{
    cuv_sv *over = NULL, *list = NULL, *key = NULL, *value = NULL;
    if (at == node->count) {
        CUV_TRY(cuv_sc_eval(e, node->a, &key));
        if (node->op == '{')
            return cuv_sv_include(e, out, key);
        if (node->op != ':')
            return cuv_sv_add(e, out, key);
        CUV_TRY(cuv_sc_eval(e, node->b, &value));
        return cuv_sv_put(e, out, key, value);
    }
    const cuv_py *c = node->items[at];
    CUV_TRY(cuv_sc_eval(e, c->b, &over));
    CUV_TRY(cuv_sv_iterate(e, over, &list, known));
    for (size_t i = 0; *known && i < list->count; i++) {
        bool take = true;
        CUV_TRY(cuv_sc_step(e, 4));
        CUV_TRY(cuv_sc_assign(e, c->a, list->items[i]));
        for (size_t k = 0; take && *known && k < c->count; k++) {
            cuv_sv *test = NULL;
            CUV_TRY(cuv_sc_eval(e, c->items[k], &test));
            take = cuv_sv_truth(test, known);
            if (!*known && cuv_sv_involves(list->items[i]))
                return cuv_sc_unsupported(e, c->items[k], "name the layers that are meant",
                                          "which layers are taken is not known from the code: it depends on %s", cuv_sv_describe(e, test));
        }
        if (take && *known)
            CUV_TRY(clause(e, node, at + 1, out, known));
    }
    return CUV_OK;
}

static cuv_status comprehension(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_scope *outer = e->scope, *own = NULL;
    cuv_sv *list = NULL;
    bool known = true;
    CUV_TRY(cuv_sv_make(e, node->op == ':' ? CUV_SV_DICT : node->op == '{' ? CUV_SV_SET : CUV_SV_LIST, &list));
    CUV_TRY(cuv_sc_scope(e, outer, &own));
    e->scope = own;
    cuv_status status = clause(e, node, 0, list, &known);
    e->scope = outer;
    CUV_TRY(status);
    *out = list;
    if (known)
        return CUV_OK;
    return cuv_sv_unknown(e, out, "a list made from what the code does not tell");
}

/* A generator is read to its end when it is called; what it gives is a list. */
static cuv_status yield(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    enum { MOST = 1 << 16 };
    cuv_sv *value = e->none, *list = NULL;
    bool known = true;
    if (node->a)
        CUV_TRY(cuv_sc_eval(e, node->a, &value));
    *out = e->none;
    if (!e->yielded)
        return CUV_OK;
    e->yielded->unsure = e->yielded->unsure || e->guarded > 0;
    if (e->yielded->count >= MOST)
        return cuv_sc_unsupported(e, node, "give it an end, such as a range()", "a generator that gives more than %d values", MOST);
    if (node->op != 'f')
        return cuv_sv_add(e, e->yielded, value);
    CUV_TRY(cuv_sv_iterate(e, value, &list, &known));
    e->yielded->unsure = e->yielded->unsure || !known;
    for (size_t i = 0; known && i < list->count; i++)
        CUV_TRY(cuv_sv_add(e, e->yielded, list->items[i]));
    return CUV_OK;
}

static cuv_status slice(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    const cuv_py *const parts[] = {node->a, node->b, node->c};
    CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, out));
    for (size_t i = 0; i < 3; i++) {
        cuv_sv *v = e->none;
        if (parts[i])
            CUV_TRY(cuv_sc_eval(e, parts[i], &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    return CUV_OK;
}

static cuv_status subscript(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *of = NULL, *index = NULL;
    CUV_TRY(cuv_sc_eval(e, node->a, &of));
    CUV_TRY(cuv_sc_eval(e, node->b, &index));
    e->at = node;
    return cuv_sc_subscript(e, node, of, index, out);
}

static cuv_status function(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_FUNCTION, out));
    (*out)->node = node;
    (*out)->scope = e->scope;
    for (size_t i = 0; i < node->count; i++) {
        cuv_sv *fallback = NULL;
        if (node->items[i]->a)
            CUV_TRY(cuv_sc_eval(e, node->items[i]->a, &fallback));
        CUV_TRY(cuv_sv_add(e, *out, fallback));
    }
    return CUV_OK;
}

static cuv_status attribute(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *of = NULL;
    CUV_TRY(cuv_sc_eval(e, node->a, &of));
    e->at = node;
    return cuv_sc_attribute(e, node, of, node->text, out);
}

static cuv_status walrus(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    CUV_TRY(cuv_sc_eval(e, node->b, out));
    return cuv_sc_assign(e, node->a, *out);
}

static cuv_status evaluate(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    switch ((int)node->kind) {
    case CUV_PY_NONE: *out = e->none; return CUV_OK;
    case CUV_PY_TRUE: *out = e->yes; return CUV_OK;
    case CUV_PY_FALSE: *out = e->no; return CUV_OK;
    case CUV_PY_ELLIPSIS: return cuv_sv_make(e, CUV_SV_ELLIPSIS, out);
    case CUV_PY_INT: case CUV_PY_FLOAT: return number(e, node, out);
    case CUV_PY_STR: case CUV_PY_BYTES:
        CUV_TRY(cuv_sv_make(e, node->kind == CUV_PY_STR ? CUV_SV_TEXT : CUV_SV_BYTES, out));
        (*out)->text = node->text;
        (*out)->size = node->size;
        return CUV_OK;
    case CUV_PY_FSTRING: return cuv_sc_fstring(e, node, out);
    case CUV_PY_NAME: return cuv_sc_lookup(e, node, node->text, out);
    case CUV_PY_TUPLE: return display(e, node, CUV_SV_TUPLE, out);
    case CUV_PY_LIST: return display(e, node, CUV_SV_LIST, out);
    case CUV_PY_SET: return display(e, node, CUV_SV_SET, out);
    case CUV_PY_DICT: return dict_display(e, node, out);
    case CUV_PY_ATTRIBUTE: return attribute(e, node, out);
    case CUV_PY_SUBSCRIPT: return subscript(e, node, out);
    case CUV_PY_SLICE: return slice(e, node, out);
    case CUV_PY_CALL: return cuv_sc_call_node(e, node, out);
    case CUV_PY_UNARY: return unary(e, node, out);
    case CUV_PY_BINARY: {
        cuv_sv *a = NULL, *b = NULL;
        CUV_TRY(cuv_sc_eval(e, node->a, &a));
        CUV_TRY(cuv_sc_eval(e, node->b, &b));
        return cuv_sc_operate(e, node, node->op, a, b, out);
    }
    case CUV_PY_BOOL: return logical(e, node, out);
    case CUV_PY_COMPARE: return comparison(e, node, out);
    case CUV_PY_CONDITIONAL: return conditional(e, node, out);
    case CUV_PY_LAMBDA: return function(e, node, out);
    case CUV_PY_COMPREHENSION: return comprehension(e, node, out);
    case CUV_PY_WALRUS: return walrus(e, node, out);
    case CUV_PY_YIELD: return yield(e, node, out);
    default: return cuv_sv_unknown(e, out, "the result of an expression that is not followed");
    }
}

cuv_status cuv_sc_eval(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    CUV_TRY(cuv_sc_step(e, 16));
    if (e->depth >= e->depth_limit)
        return cuv_sc_fail(e, node, CUV_UNSAFE, "script.depth", NULL, "the code is nested deeper than the limit");
    e->at = node;
    e->depth++;
    cuv_status status = evaluate(e, node, out);
    e->depth--;
    return status;
}
