/* Runs a plan: sets the caller's pointers, calls the kernels, rounds or wraps, checks indices. Also shows a plan as text. */
#include "run/plan.h"

void cuv_round_half(float *x, size_t n, cuv_dtype half)
{
    if (half == CUV_F16)
        for (size_t i = 0; i < n; i++)
            x[i] = cuv_f16_to_f32(cuv_f32_to_f16(x[i]));
    else
        for (size_t i = 0; i < n; i++)
            x[i] = cuv_bf16_to_f32(cuv_f32_to_bf16(x[i]));
}

/* x modulo 2^bits, in the range of the dtype */
void cuv_wrap(void *x, size_t n, cuv_dtype dtype)
{
    int32_t *p = x;
    int64_t *wide = x;
    for (size_t i = 0; dtype == CUV_I8 && i < n; i++)
        p[i] = (int8_t)(uint8_t)p[i];
    for (size_t i = 0; dtype == CUV_U8 && i < n; i++)
        p[i] = (uint8_t)p[i];
    for (size_t i = 0; dtype == CUV_I16 && i < n; i++)
        p[i] = (int16_t)(uint16_t)p[i];
    for (size_t i = 0; dtype == CUV_U16 && i < n; i++)
        p[i] = (uint16_t)p[i];
    for (size_t i = 0; dtype == CUV_U32 && i < n; i++)
        wide[i] = (uint32_t)wide[i];
}

void cuv_narrow(void *x, size_t n, cuv_dtype dtype)
{
    if (dtype == CUV_F16 || dtype == CUV_BF16)
        cuv_round_half(x, n, dtype);
    else
        cuv_wrap(x, n, dtype);
}

/* The first index that is outside its table; false when there is none. */
static bool stray_index(const cuv_plan_step *s, int64_t *stray)
{
    const cuv_run_tensor *index = &s->args.in[1];
    const int64_t rows = s->args.in[0].shape[s->args.attrs->axis];
    const size_t count = cuv_run_count(index);
    for (size_t i = 0; i < count; i++) {
        *stray = index->dtype == CUV_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
        if (*stray < -rows || *stray >= rows)
            return true;
    }
    return false;
}

/* What does not fit TensorFlow's vectors hold at an end of the range and its loops for what is left over wrap. uint32 is cut off as int64 by
 * both, below 2^32 and from -2^31 on. */
bool cuv_cast_range(cuv_dtype to, double *least, double *most)
{
    const int bits = (int)(8 * cuv_dtype_size(to)) - cuv_dtype_is_signed(to);
    if (!cuv_dtype_is_integer(to) || bits > 32 || to == CUV_I32)
        return false;
    *least = to == CUV_U32 ? -0x1p31 - 1 : cuv_dtype_is_signed(to) ? -ldexp(1, bits) - 1 : -1;
    *most = ldexp(1, bits);
    return true;
}

/* The first number that does not fit; false when there is none. */
static bool stray_number(const cuv_plan_step *s, double *stray)
{
    double least, most;
    const cuv_run_tensor *x = &s->args.in[0];
    const size_t count = cuv_run_count(x);
    if (!cuv_cast_range(s->args.attrs->dtype, &least, &most))
        return false;
    for (size_t i = 0; i < count; i++) {
        *stray = x->dtype == CUV_F64 ? ((const double *)x->data)[i] : (double)((const float *)x->data)[i];
        if (!(*stray > least && *stray < most))
            return true;
    }
    return false;
}

bool cuv_plan_values_fit(const cuv_plan_step *s)
{
    int64_t stray;
    double number;
    if (s->step && (s->step->op == CUV_OP_CHOLESKY || s->step->op == CUV_OP_LOOKUP) && s->args.attrs->some)     /* what it makes is looked at */
        return false;
    return (!s->indexed || !stray_index(s, &stray)) && (!s->ranged || !stray_number(s, &number));
}

static cuv_status check_numbers(cuv_context *cx, const cuv_plan_step *s)
{
    double stray;
    if (!stray_number(s, &stray))
        return CUV_OK;
    const char *layer = s->step->layer, *dtype = cuv_dtype_name(s->args.attrs->dtype);
    return cuv_fail(cx, CUV_NO, "run.cast", &(cuv_detail){.layer = layer, .expected = cuv_format(cx, "a number that %s holds", dtype),
                    .found = cuv_format(cx, "%.9g", stray),
                    .help = "TensorFlow makes different numbers of such ones, depending on where in the tensor they stand"},
                    "%s%s%s%.9g is to become %s, which does not hold it", layer ? "layer '" : "", layer ? layer : "", layer ? "': " : "", stray,
                    dtype);
}

static cuv_status check_indices(cuv_context *cx, const cuv_plan_step *s)
{
    int64_t stray;
    if (!stray_index(s, &stray))
        return CUV_OK;
    const char *layer = s->step->layer;
    return cuv_fail(cx, CUV_NO, "run.index", &(cuv_detail){.layer = layer,
                    .expected = cuv_format(cx, "below %lld", (long long)s->args.in[0].shape[s->args.attrs->axis]),
                    .found = cuv_format(cx, "%lld", (long long)stray)},
                    "%s%s%s%s: index %lld is outside its table of %lld", layer ? "layer '" : "", layer ? layer : "", layer ? "': " : "",
                    cuv_op_about(s->step->op)->name, (long long)stray, (long long)s->args.in[0].shape[s->args.attrs->axis]);
}

/* cuv_narrow, to the same bits. */
static void narrow_fast(void *x, size_t n, cuv_dtype dtype)
{
    if (dtype == CUV_F16 || dtype == CUV_BF16)
        cuv_isa_best()->round_half(x, n, dtype == CUV_BF16);
    else
        cuv_narrow(x, n, dtype);
}

void cuv_plan_step_compute(const cuv_plan_step *s)
{
    s->kernel(&s->args);
    for (int i = 0; s->narrowed >> i; i++)
        if (s->narrowed >> i & 1)
            narrow_fast(s->args.out[i].data, cuv_run_count(&s->args.out[i]), s->narrow);
}

/* What CHOLESKY leaves where a matrix has no such half. */
static bool without_root(const cuv_plan_step *s)
{
    const cuv_run_tensor *y = &s->args.out[0];
    const size_t count = s->step && s->step->op == CUV_OP_CHOLESKY && s->args.attrs->some ? cuv_run_count(y) : 0;
    for (size_t i = 0; i < count; i++)
        if (y->dtype == CUV_F64 ? isnan(((const double *)y->data)[i]) : isnan(((const float *)y->data)[i]))
            return true;
    return false;
}

/* The first value that LOOKUP should have found and did not; -1: none. */
static int64_t unknown_token(const cuv_plan_step *s)
{
    const size_t count = s->step && s->step->op == CUV_OP_LOOKUP && s->args.attrs->some ? cuv_run_count(&s->args.out[0]) : 0;
    for (size_t i = 0; i < count; i++)
        if (((const int64_t *)s->args.out[0].data)[i] == s->args.attrs->count)
            return (int64_t)i;
    return -1;
}

static cuv_status check_tokens(cuv_context *cx, const cuv_plan_step *s)
{
    const int64_t at = unknown_token(s);
    const cuv_run_tensor *x = &s->args.in[0];
    if (at < 0)
        return CUV_OK;
    const cuv_string *text = x->dtype == CUV_STR ? &((const cuv_string *)x->data)[at] : NULL;
    const char *found = text ? cuv_format(cx, "'%.*s'", (int)(text->size < 60 ? text->size : 60), text->data) : cuv_format(cx, "%lld", (long long)((const int64_t *)x->data)[at]);
    return cuv_fail(cx, CUV_NO, "run.vocabulary", &(cuv_detail){.layer = s->step->layer, .found = found, .expected = "a value of the vocabulary",
                    .help = "num_oov_indices=1 gives unknown values an index of their own"},
                    "%s%s%s%s is not in the vocabulary, and num_oov_indices is 0", s->step->layer ? "layer '" : "",
                    s->step->layer ? s->step->layer : "", s->step->layer ? "': " : "", found);
}

cuv_status cuv_plan_step_run(cuv_context *cx, const cuv_plan_step *s)
{
    if (s->indexed)
        CUV_TRY(check_indices(cx, s));
    if (s->ranged)
        CUV_TRY(check_numbers(cx, s));
    cuv_plan_step_compute(s);
    if (without_root(s))
        return cuv_fail(cx, CUV_NO, "run.cholesky", &(cuv_detail){.layer = s->step->layer, .expected = "positive definite matrices"},
                        "%s%s%scholesky of a matrix that is not positive definite, or not of numbers", s->step->layer ? "layer '" : "",
                        s->step->layer ? s->step->layer : "", s->step->layer ? "': " : "");
    return check_tokens(cx, s);
}

/* The caller's memory must be there and suit its dtype. Without elements there need be none. */
static cuv_status check_memory(const cuv_plan *plan, const cuv_run_tensor *t, const char *what, size_t i)
{
    size_t element = cuv_stored_size(t->dtype);
    if (!t->data && cuv_run_count(t))
        return cuv_fail(plan->cx, CUV_ARGUMENT, "run.memory", NULL, "%s %zu of the run has no memory", what, i);
    if ((uintptr_t)t->data % (element > 8 ? 8 : element))
        return cuv_fail(plan->cx, CUV_ARGUMENT, "run.memory", NULL, "%s %zu of the run is not aligned for %s", what, i,
                        cuv_dtype_name(t->dtype));
    return CUV_OK;
}

cuv_status cuv_plan_set_pointers(cuv_plan *plan, const cuv_run_tensor *inputs, const cuv_run_tensor *outputs)
{
    for (size_t i = 0; i < plan->program->input_count; i++) {
        if (!cuv_shape_equal(inputs[i].shape, inputs[i].rank, plan->inputs[i].shape, plan->inputs[i].rank))
            return cuv_fail(plan->cx, CUV_ARGUMENT, "run.input", NULL, "input %zu is %s; the plan was made for %s", i,
                            cuv_shape_text(plan->cx, inputs[i].shape, inputs[i].rank),
                            cuv_shape_text(plan->cx, plan->inputs[i].shape, plan->inputs[i].rank));
        CUV_TRY(check_memory(plan, &inputs[i], "input", i));
    }
    for (size_t i = 0; i < plan->program->output_count; i++)
        CUV_TRY(check_memory(plan, &(cuv_run_tensor){plan->outputs[i].dtype, 1, {(int64_t)cuv_run_count(&plan->outputs[i])},
                                                     outputs[i].data}, "output", i));
    for (size_t i = 0; i < plan->input_patches; i++) {
        void *data = inputs[plan->from_inputs[i].index].data;
        *plan->from_inputs[i].where = data ? data : plan->base;
    }
    for (size_t i = 0; i < plan->output_patches; i++) {
        void *data = outputs[plan->from_outputs[i].index].data;
        *plan->from_outputs[i].where = data ? data : plan->base;
    }
    return CUV_OK;
}

static void run_beside(void *arg, size_t part, size_t thread)
{
    const cuv_plan_step *steps = arg;
    (void)thread;
    cuv_plan_step_compute(&steps[part]);
}

cuv_status cuv_plan_run(cuv_plan *plan, const cuv_run_tensor *inputs, cuv_run_tensor *outputs)
{
    CUV_TRY(cuv_plan_set_pointers(plan, inputs, outputs));
    for (size_t i = 0; i < plan->step_count; i++) {
        CUV_TRY(cuv_check_time(plan->cx));
        if (i + 1 < plan->step_count && plan->steps[i + 1].beside)
            cuv_parallel_alone(plan->pool, 2, run_beside, &plan->steps[i++]);
        else
            CUV_TRY(cuv_plan_step_run(plan->cx, &plan->steps[i]));
    }
    return CUV_OK;
}

size_t cuv_plan_arena_bytes(const cuv_plan *plan)
{
    return plan->block_size;
}

const cuv_run_tensor *cuv_plan_output(const cuv_plan *plan, size_t i)
{
    return &plan->outputs[i];
}

/* ---- as text ---- */

static void print_place(const cuv_plan *plan, cuv_ref ref, cuv_buffer *out)
{
    if (ref == CUV_NO_REF) {
        cuv_buffer_text(out, " -");
        return;
    }
    if (ref <= -2) {
        cuv_buffer_printf(out, " output:%d", -2 - (int)ref);
        return;
    }
    const cuv_place *root = &plan->places[plan->places[ref].root];
    const char *shape = cuv_shape_text(plan->cx, plan->vars[ref].shape, plan->vars[ref].rank);
    cuv_buffer_printf(out, " %%%d%s", (int)ref, shape);
    switch (root->home) {
    case CUV_HOME_NONE: break;
    case CUV_HOME_FIXED: cuv_buffer_text(out, "@fixed"); break;
    case CUV_HOME_INPUT: cuv_buffer_printf(out, "@input:%u", (unsigned)root->index); break;
    case CUV_HOME_OUTPUT: cuv_buffer_printf(out, "@output:%u", (unsigned)root->index); break;
    case CUV_HOME_BLOCK: cuv_buffer_printf(out, "@%zu", root->offset); break;
    }
}

static void print_parts(const cuv_fused *fused, cuv_buffer *out)
{
    for (const cuv_step *const *part = fused ? fused->steps : NULL; part && *part; part++)
        if (!fused->expand || (*part)->op != CUV_OP_CONV)
            cuv_buffer_printf(out, "+%s", cuv_op_about((*part)->op)->name);
}

const char *cuv_precision_name(cuv_precision precision)
{
    static const char *const names[] = {"float32", "bf16", "int8"};
    return names[precision];
}

static bool reduced(const cuv_plan_step *s)
{
    const cuv_prepared *prepared = s->args.prepared;
    return prepared && prepared->dots;
}

size_t cuv_plan_steps(const cuv_plan *plan)
{
    return plan->step_count;
}

size_t cuv_plan_reduced(const cuv_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        n += reduced(&plan->steps[i]);
    return n;
}

static void print_precision(const cuv_plan *plan, cuv_buffer *out)
{
    const size_t n = cuv_plan_reduced(plan);
    const char *kernels = "";
    for (size_t i = 0; i < plan->step_count; i++)
        if (reduced(&plan->steps[i]))
            kernels = ((const cuv_prepared *)plan->steps[i].args.prepared)->dots->name;
    cuv_buffer_printf(out, "%s: %zu steps%s%s%s; float32: the other %zu\n", cuv_precision_name(plan->precision), n, n ? " (" : "", kernels, n ? ")" : "",
                      plan->step_count - n);
}

void cuv_plan_print(const cuv_plan *plan, cuv_buffer *out)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const cuv_plan_step *s = &plan->steps[i];
        for (int k = 0; k < s->args.out_count; k++)
            print_place(plan, s->refs[s->args.in_count + k], out);
        cuv_buffer_printf(out, " = %s", s->step ? cuv_op_about(s->step->op)->name : "copy");
        print_parts(s->fused, out);
        if (s->fused && s->fused->expand) {
            cuv_buffer_text(out, " of (conv");
            print_parts(s->fused->expand, out);
            cuv_buffer_text(out, ")");
        }
        if (plan->precision != CUV_PRECISION_F32)
            cuv_buffer_printf(out, " [%s]", cuv_precision_name(reduced(s) ? plan->precision : CUV_PRECISION_F32));
        for (int k = 0; k < s->args.in_count; k++)
            print_place(plan, s->refs[k], out);
        if (s->step && s->step->layer)
            cuv_buffer_printf(out, "  # %s", s->step->layer);
        cuv_buffer_char(out, '\n');
    }
    size_t fast = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        fast += plan->steps[i].args.prepared != NULL;
    cuv_buffer_printf(out, "block of %zu bytes, %zu steps, %zu of them on fast kernels (%s)\n", plan->block_size, plan->step_count,
                      fast, fast ? cuv_isa_best()->name : "none");
    if (plan->precision != CUV_PRECISION_F32)
        print_precision(plan, out);
}
