/* Holds a model's outputs against samples, or against another model's. */
#include "run/runner.h"

#include <math.h>

cuv_status cuv_match_samples(struct cuv_model *m, const cuv_samples *s, bool outputs, cuv_arena *arena, cuv_array **out)
{
    size_t count = outputs ? m->output_count : m->input_count;
    size_t given = outputs ? s->output_count : s->input_count;
    const cuv_named *named = outputs ? s->outputs : s->inputs;
    const char *const *names = outputs ? m->output_names : m->input_names;
    *out = CUV_NEW_ARRAY(arena, cuv_array, count + 1);
    if (!*out)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < count; i++) {
        const cuv_named *at = !s->by_name && i < given ? &named[i] : NULL;
        for (size_t k = 0; s->by_name && k < given; k++)
            if (cuv_streq(named[k].key, names[i]))
                at = &named[k];
        if (!at || (!s->by_name && given != count))
            return cuv_fail(m->cx, CUV_NO, "samples.names", &(cuv_detail){.file = s->file->path,
                            .expected = cuv_format(m->cx, "%zu %s", count, outputs ? "outputs" : "inputs"),
                            .found = cuv_format(m->cx, "%zu", given),
                            .help = outputs ? "call them y0, y1, ... in the order of the model's outputs"
                                            : "call them x0, x1, ... in the order of the model's inputs"},
                            "%s has %zu %s arrays; the model '%s' has %zu %s%s%s", s->file->name, given,
                            outputs ? "output" : "input", m->name, count, outputs ? "outputs" : "inputs",
                            s->by_name ? ", and none is called " : "", s->by_name ? names[i] : "");
        (*out)[i] = (cuv_array){.dtype = at->tensor->dtype, .rank = at->tensor->rank, .data = at->tensor->data,
                                .name = at->label};
        memcpy((*out)[i].shape, at->tensor->shape, sizeof (*out)[i].shape);
    }
    return CUV_OK;
}

cuv_status cuv_verification_new(struct cuv_model *m, double rtol, double atol, cuv_verification **out)
{
    size_t size = sizeof **out + m->output_count * sizeof *(*out)->outputs;
    *out = cuv_alloc(m->cx, size);
    if (!*out)
        return cuv_oom(m->cx);
    memset(*out, 0, size);
    (*out)->rtol = rtol;
    (*out)->atol = atol;
    (*out)->count = m->output_count;
    (*out)->outputs = (struct cuv_verified *)(void *)(*out + 1);
    return CUV_OK;
}

void cuv_verification_free(cuv_context *cx, cuv_verification *v)
{
    if (v)
        cuv_release(cx, v, sizeof *v + v->count * sizeof *v->outputs);
}

static bool squeeze_equal(const cuv_array *a, const cuv_array *b)
{
    size_t n, k;
    return cuv_shape_count(a->shape, a->rank, &n) && cuv_shape_count(b->shape, b->rank, &k) && n == k &&
           (a->rank == 0 || b->rank == 0 || a->shape[0] == b->shape[0]);
}

static double value_at(const cuv_array *a, size_t i)
{
    double v = 0;
    cuv_convert_to_f64(&v, (const uint8_t *)a->data + i * cuv_dtype_size(a->dtype), a->dtype, 1);
    return v;
}

static bool strings_equal(const cuv_array *a, const cuv_array *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cuv_string x, y;
        memcpy(&x, (const uint8_t *)a->data + i * sizeof x, sizeof x);
        memcpy(&y, (const uint8_t *)b->data + i * sizeof y, sizeof y);
        if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
            return false;
    }
    return true;
}

/* |a - b| <= atol + rtol |b|; NaN equals NaN, an infinity equals itself. */
static void compare(const cuv_array *have, const cuv_array *want, double rtol, double atol, struct cuv_verified *v)
{
    size_t n = 0;
    (void)cuv_shape_count(have->shape, have->rank, &n);
    v->values = n;
    if (have->dtype == CUV_STR || want->dtype == CUV_STR) {
        v->ok = have->dtype == want->dtype && strings_equal(have, want, n);
        v->differing = v->ok ? 0 : n;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double a = value_at(have, i), b = value_at(want, i);
        if ((isnan(a) && isnan(b)) || a == b)
            continue;
        double d = fabs(a - b), rel = b != 0 ? d / fabs(b) : INFINITY;
        v->differing += !(d <= atol + rtol * fabs(b));      /* NaN differs */
        v->max_abs = d > v->max_abs || isnan(d) ? d : v->max_abs;
        if (b != 0 && (rel > v->max_rel || isnan(rel)))
            v->max_rel = rel;
    }
    v->ok = v->differing == 0;
}

bool cuv_compare_arrays(const cuv_array *have, const cuv_array *want, double rtol, double atol, struct cuv_verified *v)
{
    if (!squeeze_equal(have, want))
        return v->ok = false;
    compare(have, want, rtol, atol, v);
    return v->ok;
}

cuv_status cuv_compare_outputs(struct cuv_model *m, const struct cuv_result *have, const cuv_array *want, double rtol,
                               double atol, cuv_verification *v)
{
    v->ok = true;
    for (size_t i = 0; i < m->output_count; i++) {
        v->outputs[i].name = m->output_names[i];
        if (!squeeze_equal(&have->arrays[i], &want[i])) {
            const char *expected = cuv_shape_text(m->cx, want[i].shape, want[i].rank);
            const char *found = cuv_shape_text(m->cx, have->arrays[i].shape, have->arrays[i].rank);
            v->ok = false;
            return cuv_fail(m->cx, CUV_NO, "verify.shape", &(cuv_detail){.layer = m->output_names[i], .expected = expected,
                            .found = found}, "output '%s' of the samples is %s; the model gives %s", m->output_names[i],
                            expected, found);
        }
        compare(&have->arrays[i], &want[i], rtol, atol, &v->outputs[i]);
        v->ok &= v->outputs[i].ok;
    }
    v->samples = m->output_count && want[0].rank ? (size_t)want[0].shape[0] : 1;
    return CUV_OK;
}

/* A verification that came to an answer stays, whichever it is. */
static cuv_status verdict(cuv_context *cx, cuv_status status, cuv_verification **out)
{
    if (status == CUV_OK || (status == CUV_NO && *out && (*out)->samples))
        return status;
    cuv_verification_free(cx, *out);
    *out = NULL;
    return status;
}

/* What differs, output by output; `other` is the file that the outputs are held against. */
static cuv_status tell_difference(struct cuv_model *m, const cuv_verification *v, const char *other, const char *path,
                                  const char *const *labels)
{
    const char *notes = "";
    const struct cuv_verified *worst = NULL;
    for (size_t i = 0; i < v->count; i++) {
        const struct cuv_verified *o = &v->outputs[i];
        if (o->ok)
            continue;
        worst = worst && !(o->max_abs > worst->max_abs || isnan(o->max_abs)) ? worst : o;
        notes = cuv_format(m->cx, "%s%sin  %s%s%s: %zu of %zu values differ, %s", notes, *notes ? "\n" : "", labels ? labels[i] : "",
                           labels ? "  →  " : "", o->name, o->differing, o->values,
                           isnan(o->max_abs) ? "NaN among them" : cuv_format(m->cx, "by up to %.3g", o->max_abs));
    }
    return cuv_fail(m->cx, CUV_NO, "verify.differ", &(cuv_detail){.file = path, .layer = worst->name, .notes = notes,
                    .expected = cuv_format(m->cx, "differences within rtol %g, atol %g", v->rtol, v->atol),
                    .found = cuv_format(m->cx, "%.3g", worst->max_abs),
                    .help = labels ? "do the samples belong to these weights? Those of an earlier or later state of training differ so"
                                   : "cuvier diff shows where the two models part"},
                    "the outputs are not those of %s: '%s' %s (rtol %g, atol %g)", other, worst->name,
                    isnan(worst->max_abs) ? "has NaN on one side only" : cuv_format(m->cx, "is off by up to %.3g", worst->max_abs), v->rtol, v->atol);
}

cuv_status cuv_verify_samples(struct cuv_model *m, const cuv_samples *s, double rtol, double atol,
                              const cuv_run_options *options, cuv_verification **out)
{
    cuv_array *inputs = NULL, *outputs = NULL;
    struct cuv_result *result = NULL;
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(m->cx);
    cuv_status status = arena ? cuv_match_samples(m, s, false, arena, &inputs) : cuv_oom(m->cx);
    if (status == CUV_OK)
        status = cuv_match_samples(m, s, true, arena, &outputs);
    cuv_reset_states(m);
    if (status == CUV_OK)
        status = cuv_run_model(m, inputs, m->input_count, 64, options, &result);
    cuv_reset_states(m);
    if (status == CUV_OK)
        status = cuv_verification_new(m, rtol, atol, out);
    if (status == CUV_OK)
        status = cuv_compare_outputs(m, result, outputs, rtol, atol, *out);
    if (status == CUV_OK && !(*out)->ok) {
        const char **labels = CUV_NEW_ARRAY(arena, const char *, m->output_count + 1);
        for (size_t i = 0; labels && i < m->output_count; i++)
            labels[i] = outputs[i].name;
        status = labels ? tell_difference(m, *out, s->file->name, s->file->path, labels) : cuv_oom(m->cx);
    }
    cuv_result_free(result);
    cuv_arena_free(arena);
    return verdict(m->cx, status, out);
}

/* ---- another model */

cuv_status cuv_verify_against(struct cuv_model *m, struct cuv_model *other, double rtol, double atol,
                              const cuv_run_options *options, cuv_verification **out)
{
    cuv_array *inputs = NULL;
    struct cuv_result *mine = NULL, *theirs = NULL;
    *out = NULL;
    if (m->input_count != other->input_count || m->output_count != other->output_count)
        return cuv_fail(m->cx, CUV_NO, "verify.ends", &(cuv_detail){
                        .expected = cuv_format(m->cx, "%zu inputs, %zu outputs", other->input_count, other->output_count),
                        .found = cuv_format(m->cx, "%zu inputs, %zu outputs", m->input_count, m->output_count)},
                        "'%s' and '%s' have different numbers of inputs or outputs", m->name, other->name);
    cuv_arena *arena = cuv_arena_new(m->cx);
    cuv_status status = arena ? cuv_random_inputs(m, other, arena, &inputs) : cuv_oom(m->cx);
    cuv_reset_states(m);
    cuv_reset_states(other);
    if (status == CUV_OK)
        status = cuv_run_model(m, inputs, m->input_count, 0, options, &mine);
    cuv_reset_states(m);        /* the two may be one */
    if (status == CUV_OK)
        status = cuv_run_model(other, inputs, m->input_count, 0, options, &theirs);
    cuv_reset_states(other);
    if (status == CUV_OK)
        status = cuv_verification_new(m, rtol, atol, out);
    if (status == CUV_OK)
        status = cuv_compare_outputs(m, mine, theirs->arrays, rtol, atol, *out);
    if (status == CUV_OK && !(*out)->ok)
        status = tell_difference(m, *out, other->from ? other->from : other->name, NULL, NULL);
    cuv_result_free(mine);
    cuv_result_free(theirs);
    cuv_arena_free(arena);
    return verdict(m->cx, status, out);
}
