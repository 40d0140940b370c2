/* Are two configurations of one model? Keras writes .keras and .h5 in different words; and counters in names depend on the session. What
 * counts is what is computed: the same steps on the same shapes, and the same constants. */
#include "model/model.h"

/* A line of a program's text without names, which are JSON strings (constants of text stay) and what stands behind '#'. */
static void skip_name(const char **at)
{
    const char *p = *at;
    if (*p == '"')
        for (p++; *p && *p != '"' && *p != '\n'; p++)
            p += *p == '\\' && p[1];
    *at = *p == '"' ? p + 1 : p;
}

static bool same_line(const char **a, const char **b)
{
    const bool constant = strncmp(*a + strcspn(*a, "=\n"), "= constant", 10) == 0;
    for (;;) {
        if (!constant && **a == '"' && **b == '"') {
            skip_name(a);
            skip_name(b);
            continue;
        }
        if (**a == '#' && **b == '#' && !constant) {
            *a += strcspn(*a, "\n");
            *b += strcspn(*b, "\n");
        }
        if (**a != **b)
            return false;
        if (**a == '\n' || !**a)
            return true;
        ++*a;
        ++*b;
    }
}

static bool same_text(const char *a, const char *b)
{
    while (*a || *b) {
        if (!same_line(&a, &b))
            return false;
        a += *a == '\n';
        b += *b == '\n';
    }
    return true;
}

/* Large constants are not part of the text. */
static bool same_constants(const cuv_program *a, const cuv_program *b)
{
    for (size_t i = 0; i < a->value_count && i < b->value_count; i++) {
        const cuv_tensor *x = a->values[i].tensor, *y = b->values[i].tensor;
        if (a->values[i].kind != CUV_V_CONSTANT || !x || !y || x->dtype == CUV_STR)
            continue;
        const size_t size = cuv_tensor_count(x) * cuv_dtype_size(x->dtype);
        if (!x->data != !y->data || cuv_tensor_count(y) * cuv_dtype_size(y->dtype) != size || (x->data && memcmp(x->data, y->data, size)))
            return false;
    }
    return a->value_count == b->value_count;
}

static cuv_status compare(const struct cuv_model *a, const struct cuv_model *b, bool *same)
{
    cuv_buffer x, y;
    cuv_buffer_init(&x, a->cx);
    cuv_buffer_init(&y, a->cx);
    cuv_program_print(a->program, &x);
    cuv_program_print(b->program, &y);
    const bool failed = x.failed || y.failed;
    *same = !failed && same_text(x.data ? x.data : "", y.data ? y.data : "") && same_constants(a->program, b->program);
    cuv_buffer_free(&x);
    cuv_buffer_free(&y);
    return failed ? cuv_oom(a->cx) : CUV_OK;
}

cuv_status cuv_same_model(const struct cuv_evidence *ev, const cuv_file *a, const cuv_file *b, bool *same)
{
    struct cuv_model *m = NULL, *n = NULL;
    *same = cuv_value_equal(a->config, b->config);
    if (*same)
        return CUV_OK;
    const size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = cuv_model_build(ev->cx, ev, a->config, a, &m);
    if (status == CUV_OK)
        status = cuv_model_build(ev->cx, ev, b->config, b, &n);
    const bool refused = status == CUV_NO || status == CUV_UNSUPPORTED || status == CUV_UNSAFE || status == CUV_DAMAGED;
    if (status == CUV_OK)
        status = compare(m, n, same);
    cuv_model_free(m);
    cuv_model_free(n);
    if (refused || status == CUV_OK) {      /* what cannot be built is told when it is needed */
        cuv_findings_rewind(ev->cx, mark);
        return CUV_OK;
    }
    return status;
}
