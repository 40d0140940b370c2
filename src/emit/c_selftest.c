/* NAME_selftest: inputs from a generator that C source and cuvier share, outputs of cuvier's reference kernels. */
#include "emit/c_write.h"

enum { VECTORS = 2, MOST_VALUES = 256 };      /* of each output, evenly spread */

static uint32_t next_number(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 16;
}

/* What the inputs are drawn from: integers below `spread`, so that they are indices of any table, and floats of 1024 parts that are exact. */
typedef struct draw { uint32_t spread, span, shift; } draw;

/* A model that has no place for a 1 gets zeros, one that has none for negative numbers gets floats in [0, 1], then zeros alone. */
static const draw draws[] = {{2, 2049, 1024}, {1, 2049, 1024}, {2, 1025, 0}, {1, 1, 0}};

static void fill_input(cuv_run_tensor *t, uint32_t *state, const draw *d)
{
    const size_t n = cuv_run_count(t);
    for (size_t i = 0; i < n; i++) {
        const uint32_t number = next_number(state);
        switch ((int)t->dtype) {
        case CUV_BOOL: ((uint8_t *)t->data)[i] = (uint8_t)(number % 2); break;
        case CUV_I32: ((int32_t *)t->data)[i] = (int32_t)(number % d->spread); break;
        case CUV_I64: ((int64_t *)t->data)[i] = (int64_t)(number % d->spread); break;
        case CUV_F64: ((double *)t->data)[i] = (double)((int32_t)(number % d->span) - (int32_t)d->shift) / 1024; break;
        default: ((float *)t->data)[i] = (float)((int32_t)(number % d->span) - (int32_t)d->shift) / 1024; break;
        }
    }
}

static void add_filler(cuv_dtype dtype, const draw *d, cuv_buffer *out)
{
    switch ((int)dtype) {
    case CUV_BOOL: cuv_buffer_text(out, "(uint8_t)(test_number(&state) % 2)"); break;
    case CUV_I32: cuv_buffer_text(out, "(int32_t)(test_number(&state) % spread)"); break;
    case CUV_I64: cuv_buffer_text(out, "(int64_t)(test_number(&state) % spread)"); break;
    default:
        cuv_buffer_printf(out, "(%s)((int32_t)(test_number(&state) %% %u) - %u) / 1024", dtype == CUV_F64 ? "double" : "float",
                          (unsigned)d->span, (unsigned)d->shift);
    }
}

static size_t room(const cuv_run_tensor *t)
{
    return (cuv_run_count(t) * cuv_stored_size(t->dtype) + 63) / 64 * 64;
}

size_t cuv_c_selftest_place(const cuv_c_writer *w, size_t i, bool output)
{
    const cuv_program *p = w->m->program;
    size_t at = (w->plan->peak + 63) / 64 * 64;
    for (size_t k = 0; k < p->input_count && (output || k < i); k++)
        at += room(&w->plan->inputs[k]);
    for (size_t k = 0; output && k < p->output_count && k < i; k++)
        at += room(&w->plan->outputs[k]);
    return at;
}

static cuv_status take_memory(cuv_c_writer *w, const cuv_run_tensor *from, size_t count, cuv_run_tensor **out)
{
    *out = CUV_NEW_ARRAY(w->arena, cuv_run_tensor, count + 1);
    if (!*out)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = from[i];
        if (!((*out)[i].data = cuv_arena_alloc(w->arena, room(&from[i]) + 64)))
            return cuv_oom(w->cx);
    }
    return CUV_OK;
}

static size_t stride_of(const cuv_run_tensor *t)
{
    const size_t n = cuv_run_count(t);
    return n > MOST_VALUES ? (n + MOST_VALUES - 1) / MOST_VALUES : 1;
}

static size_t kept_of(const cuv_run_tensor *t)
{
    return (cuv_run_count(t) + stride_of(t) - 1) / stride_of(t);
}

/* The values of all vectors that are kept, output by output. */
static cuv_status compute(cuv_c_writer *w, const draw *d, uint8_t **kept)
{
    const cuv_program *p = w->m->program;
    cuv_run_tensor *in, *out;
    uint32_t state = 1;
    CUV_TRY(take_memory(w, w->plan->inputs, p->input_count, &in));
    CUV_TRY(take_memory(w, w->plan->outputs, p->output_count, &out));
    for (size_t v = 0; v < VECTORS; v++) {
        for (size_t i = 0; i < p->input_count; i++)
            fill_input(&in[i], &state, d);
        CUV_TRY(cuv_plan_run(w->plan, in, out));
        for (size_t i = 0; i < p->output_count; i++) {
            const size_t element = cuv_stored_size(out[i].dtype), n = kept_of(&out[i]);
            if (!kept[i] && !(kept[i] = cuv_arena_calloc(w->arena, VECTORS * n + 1, element)))
                return cuv_oom(w->cx);
            for (size_t k = 0; k < n; k++)
                memcpy(kept[i] + (v * n + k) * element,
                       (const uint8_t *)out[i].data + k * stride_of(&out[i]) * element, element);
        }
    }
    return CUV_OK;
}

static cuv_status compute_any(cuv_c_writer *w, uint8_t **kept, const draw **d)
{
    const size_t mark = cuv_findings_mark(w->cx);
    cuv_status status = CUV_NO;
    for (size_t i = 0; i < sizeof draws / sizeof *draws && status == CUV_NO; i++) {
        cuv_findings_rewind(w->cx, mark);
        *d = &draws[i];
        status = compute(w, *d, kept);
    }
    return status;
}

static void add_helpers(cuv_buffer *out)
{
    cuv_buffer_text(out, "\n/* ---- selftest ---- */\n\n"
        "/* A generator of test inputs that needs no room. */\n"
        "static uint32_t test_number(uint32_t *state)\n{\n"
        "    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);\n    return *state >> 16;\n}\n\n"
        "static bool test_differs(double have, double want)\n{\n"
        "    const bool both_nan = have != have && want != want;\n"
        "    return !(fabs(have - want) <= 1e-5 + 1e-4 * fabs(want)) && have != want && !both_nan;\n}\n\n");
}

static void add_pointers(const cuv_c_writer *w, cuv_buffer *out)
{
    const cuv_program *p = w->m->program;
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < (side ? p->output_count : p->input_count); i++) {
            const char *type = cuv_c_type(side ? w->plan->outputs[i].dtype : w->plan->inputs[i].dtype);
            cuv_buffer_printf(out, "    %s *const ", type);
            cuv_c_port(w, side ? 'y' : 'x', i, out);
            cuv_buffer_printf(out, " = (%s *)(void *)((unsigned char *)arena + %zu);\n", type,
                              cuv_c_selftest_place(w, i, side));
        }
}

static void add_comparison(const cuv_c_writer *w, size_t i, cuv_buffer *out)
{
    const size_t n = kept_of(&w->plan->outputs[i]);
    if (!n)
        return;
    cuv_buffer_printf(out, "        for (size_t i = 0; i < %zu; i++)\n            if (test_differs((double)", n);
    cuv_c_port(w, 'y', i, out);
    cuv_buffer_printf(out, "[i * %zu], (double)expected_", stride_of(&w->plan->outputs[i]));
    cuv_c_port(w, 'y', i, out);
    cuv_buffer_printf(out, "[v * %zu + i]))\n                return %s_DIFFERS;\n", n, w->upper);
}

static bool has_integers(const cuv_c_writer *w)
{
    for (size_t i = 0; i < w->m->program->input_count; i++)
        if (w->plan->inputs[i].dtype == CUV_I32 || w->plan->inputs[i].dtype == CUV_I64)
            return true;
    return false;
}

static void add_function(const cuv_c_writer *w, const draw *d, cuv_buffer *out)
{
    const cuv_program *p = w->m->program;
    cuv_buffer_printf(out, "\nint %s_selftest(%svoid *arena)\n{\n    uint32_t state = 1;\n    (void)state;\n", w->name,
                      w->side ? "const void *weights, " : "");
    if (has_integers(w))
        cuv_buffer_printf(out, "    const uint32_t spread = %u;\n", (unsigned)d->spread);
    add_pointers(w, out);
    cuv_buffer_printf(out, "    if ((uintptr_t)arena %% 8)\n        return %s_BAD_ARENA;\n"
                      "    for (size_t v = 0; v < %d; v++) {\n", w->upper, VECTORS);
    for (size_t i = 0; i < p->input_count; i++) {
        if (!cuv_run_count(&w->plan->inputs[i]))
            continue;
        cuv_buffer_printf(out, "        for (size_t i = 0; i < %zu; i++)\n            ", cuv_run_count(&w->plan->inputs[i]));
        cuv_c_port(w, 'x', i, out);
        cuv_buffer_text(out, "[i] = ");
        add_filler(w->plan->inputs[i].dtype, d, out);
        cuv_buffer_text(out, ";\n");
    }
    cuv_buffer_printf(out, "        const int status = %s_predict(", w->name);
    cuv_c_parameters(w, false, out);
    cuv_buffer_text(out, ");\n        if (status)\n            return status;\n");
    for (size_t i = 0; i < p->output_count; i++)
        add_comparison(w, i, out);
    cuv_buffer_text(out, "    }\n    return 0;\n}\n");
}

cuv_status cuv_c_selftest(cuv_c_writer *w)
{
    const cuv_program *p = w->m->program;
    uint8_t **kept = CUV_NEW_ARRAY(w->arena, uint8_t *, p->output_count + 1);
    const draw *d;
    if (!kept)
        return cuv_oom(w->cx);
    CUV_TRY(compute_any(w, kept, &d));
    add_helpers(&w->buffer);
    for (size_t i = 0; i < p->output_count; i++) {
        cuv_buffer name;
        cuv_buffer_init(&name, w->cx);
        cuv_buffer_text(&name, "expected_");
        cuv_c_port(w, 'y', i, &name);
        cuv_status status = name.failed ? cuv_oom(w->cx)
                                        : cuv_c_array(w, name.data, w->plan->outputs[i].dtype, kept[i],
                                                      VECTORS * kept_of(&w->plan->outputs[i]));
        cuv_buffer_free(&name);
        CUV_TRY(status);
    }
    add_function(w, d, &w->buffer);
    return cuv_c_flush(w);
}
