/* States that stateful layers keep from run to run: two sets of memory that take turns. */
#include "run/states.h"

#include "run/kernels.h"

void cuv_states_free(cuv_context *cx, cuv_states *s)
{
    for (size_t i = 0; s->data && i < 2 * s->count; i++)
        cuv_release(cx, s->data[i], s->bytes[i % s->count]);
    cuv_release(cx, s->data, 2 * s->count * sizeof *s->data);
    cuv_release(cx, s->bytes, s->count * sizeof *s->bytes);
    *s = (cuv_states){0};
}

static cuv_run_tensor tensor_of(const cuv_program *program, size_t i)
{
    const cuv_var *v = cuv_program_var(program, program->states[i].before);
    cuv_run_tensor t = {.dtype = cuv_dtype_kept(v->dtype), .rank = v->rank};
    memcpy(t.shape, v->shape, sizeof t.shape);
    return t;
}

static cuv_status make_one(cuv_context *cx, cuv_states *s, const cuv_program *program, size_t i)
{
    const cuv_run_tensor t = tensor_of(program, i % s->count);
    size_t n;
    if (!cuv_shape_count(t.shape, t.rank, &n) || !cuv_mul_size(n, cuv_stored_size(t.dtype), &n) || !cuv_add_size(n, 1, &n))
        return cuv_oom(cx);
    s->bytes[i % s->count] = n;
    s->data[i] = cuv_alloc(cx, n);
    if (!s->data[i])
        return cuv_oom(cx);
    memset(s->data[i], 0, n);
    return CUV_OK;
}

static cuv_status make(cuv_context *cx, cuv_states *s, const cuv_program *program)
{
    s->count = program->state_count;
    s->data = cuv_alloc(cx, 2 * s->count * sizeof *s->data);
    s->bytes = cuv_alloc(cx, s->count * sizeof *s->bytes);
    if (!s->data || !s->bytes) {
        cuv_release(cx, s->data, 2 * s->count * sizeof *s->data);
        cuv_release(cx, s->bytes, s->count * sizeof *s->bytes);
        *s = (cuv_states){0};
        return cuv_oom(cx);
    }
    memset(s->data, 0, 2 * s->count * sizeof *s->data);
    memset(s->bytes, 0, s->count * sizeof *s->bytes);
    for (size_t i = 0; i < 2 * s->count; i++) {
        cuv_status status = make_one(cx, s, program, i);
        if (status != CUV_OK)
            return cuv_states_free(cx, s), status;
    }
    return CUV_OK;
}

cuv_status cuv_states_add(cuv_context *cx, cuv_states *s, const cuv_program *program, cuv_run_tensor *in, cuv_run_tensor *out)
{
    if (!s->count && program->state_count)
        CUV_TRY(make(cx, s, program));
    for (size_t i = 0; i < program->state_count; i++) {
        in[i] = out[i] = tensor_of(program, i);
        in[i].data = s->data[i];
        out[i].data = s->data[s->count + i];
    }
    return CUV_OK;
}

void cuv_states_hand_on(cuv_states *s)
{
    for (size_t i = 0; i < s->count; i++) {
        void *before = s->data[i];
        s->data[i] = s->data[s->count + i];
        s->data[s->count + i] = before;
    }
}
