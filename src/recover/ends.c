/* Inputs and outputs as the samples have them. */
#include "recover/recovering.h"

bool cuv_all_whole(const cuv_run_tensor *x)
{
    size_t n = 1;
    for (int i = 0; i < x->rank; i++)
        n *= (size_t)x->shape[i];
    for (size_t i = 0; i < n; i++) {
        double v = ((const float *)x->data)[i];
        if (!(v >= 0) || v != floor(v))
            return false;
    }
    return true;
}

static bool has_embedding(const cuv_reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->units[i].kind == CUV_R_EMBEDDING)
            return true;
    return false;
}

static bool flow_of(const cuv_run_tensor *t, cuv_flow *out)
{
    *out = (cuv_flow){.rank = t->rank - 1};
    if (t->rank < 2 || t->rank > 5)
        return false;
    for (int i = 1; i < t->rank; i++) {
        if (t->shape[i] < 1 || t->shape[i] > INT32_MAX)
            return false;
        out->at[i - 1] = (int32_t)t->shape[i];
    }
    return true;
}

static cuv_status no_samples(cuv_recovering *r, const char *message, const char *found)
{
    return cuv_fail(r->cx, CUV_NO, "recover.samples", &(cuv_detail){.file = r->ev->samples->file->path, .found = found,
                    .help = "recovery needs inputs x (x0 x1 ...) and outputs y (y0 y1 ...), each with the batch first"},
                    "%s: %s", r->ev->samples->file->name, message);
}

/* A sample's array as floats; one number a sample is taken for an axis of size 1. */
static cuv_status take_sample(cuv_recovering *r, const cuv_named *from, cuv_run_tensor *to)
{
    const cuv_tensor *t = from->tensor;
    void *values;
    cuv_tensor *copy;
    if (t->dtype == CUV_STR || t->rank < 1 || t->rank > 5 || !t->data || t->shape[0] < 1)
        return no_samples(r, cuv_format(r->cx, "'%s' is no batch of numbers", from->key), cuv_shape_text(r->cx, t->shape, t->rank));
    CUV_TRY(cuv_tensor_new(r->arena, CUV_F32, t->shape, t->rank, &copy, &values));
    cuv_convert_to_f32(values, t->data, t->dtype, cuv_tensor_count(t));
    *to = (cuv_run_tensor){.dtype = CUV_F32, .rank = t->rank, .data = values};
    memcpy(to->shape, t->shape, sizeof to->shape);
    if (t->rank == 1) {
        to->rank = 2;
        to->shape[1] = 1;
    }
    return CUV_OK;
}

cuv_status cuv_take_samples(cuv_recovering *r)
{
    const cuv_samples *s = r->ev->samples;
    if (s->input_count > CUV_MAX_ENDS || s->output_count > CUV_MAX_ENDS || !s->output_count || s->by_name)
        return no_samples(r, s->by_name || !s->output_count ? "nothing tells inputs from outputs" : "it has too many inputs or outputs", NULL);
    for (size_t i = 0; i < s->input_count; i++)
        CUV_TRY(take_sample(r, &s->inputs[i], &r->inputs[i]));
    for (size_t i = 0; i < s->output_count; i++)
        CUV_TRY(take_sample(r, &s->outputs[i], &r->outputs[i]));
    r->input_count = s->input_count;
    r->output_count = s->output_count;
    return CUV_OK;
}

cuv_status cuv_ends_of_samples(cuv_recovering *r, const cuv_reading *reading, cuv_ends *e)
{
    *e = (cuv_ends){.input_count = r->input_count, .output_count = r->output_count, .outputs_known = true};
    for (size_t i = 0; i < r->input_count; i++) {
        if (!flow_of(&r->inputs[i], &e->inputs[i]))
            return no_samples(r, "the inputs have too many axes", NULL);
        e->inputs[i].tokens = e->inputs[i].rank == 1 && has_embedding(reading) && cuv_all_whole(&r->inputs[i]);
    }
    for (size_t i = 0; i < r->output_count; i++)
        if (!flow_of(&r->outputs[i], &e->outputs[i]))
            return no_samples(r, "the outputs have too many axes", NULL);
    return CUV_OK;
}
