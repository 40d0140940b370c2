/* What changed between two models: layers and wiring, arguments with the defaults of each Keras, weights by value, outputs on random
 * inputs, and the first layer at which the two part. The parts are in the files named in differ.h. */
#include "run/differ.h"

#include <math.h>

cuv_status cuv_differ_add(cuv_differ *d, cuv_change change)
{
    cuv_change *changes = cuv_arena_grow(d->arena, d->changes, d->count, &d->capacity, sizeof *changes);
    if (!changes)
        return cuv_oom(d->cx);
    d->changes = changes;
    changes[d->count++] = change;
    return CUV_OK;
}

cuv_status cuv_differ_text(cuv_differ *d, cuv_change_kind kind, const char *layer, const char *field, const char *a, const char *b)
{
    cuv_change c = {.kind = kind, .field = field, .max_abs = NAN, .relative_norm = NAN};
    c.layer = layer ? cuv_arena_strdup(d->arena, layer) : NULL;
    c.a = a ? cuv_arena_strdup(d->arena, a) : NULL;
    c.b = b ? cuv_arena_strdup(d->arena, b) : NULL;
    if ((layer && !c.layer) || (a && !c.a) || (b && !c.b))
        return cuv_oom(d->cx);
    return cuv_differ_add(d, c);
}

const char *cuv_differ_class(const cuv_layer *layer)
{
    return layer->model ? ((struct cuv_model *)layer->model)->class_name : layer->def->name;
}

static const char *named(cuv_differ *d, const char *prefix, const cuv_layer *layer)
{
    return *prefix ? cuv_format(d->cx, "%s/%s", prefix, layer->name) : layer->name;
}

/* ---- weights */

static cuv_status compare_values(cuv_differ *d, const cuv_weight *a, const cuv_weight *b, const char *name)
{
    enum { BLOCK = 1024 };
    double x[BLOCK], y[BLOCK], worst = 0, sum = 0, base = 0;
    size_t n = cuv_tensor_count(a->value), xs = cuv_dtype_size(a->value->dtype), ys = cuv_dtype_size(b->value->dtype);
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t k = n - at < BLOCK ? n - at : BLOCK;
        CUV_TRY(cuv_check_time(d->cx));
        cuv_convert_to_f64(x, a->value->data + at * xs, a->value->dtype, k);
        cuv_convert_to_f64(y, b->value->data + at * ys, b->value->dtype, k);
        for (size_t i = 0; i < k; i++) {
            double off = x[i] == y[i] || (isnan(x[i]) && isnan(y[i])) ? 0 : fabs(x[i] - y[i]);
            worst = off > worst || isnan(off) ? off : worst;
            sum += off * off;
            base += x[i] * x[i];
        }
    }
    if (worst == 0)
        return CUV_OK;
    cuv_change c = {.kind = CUV_CHANGE_WEIGHT, .field = cuv_arena_strdup(d->arena, a->name), .max_abs = worst,
                    .relative_norm = base > 0 ? sqrt(sum / base) : INFINITY, .layer = cuv_arena_strdup(d->arena, name)};
    return c.field && c.layer ? cuv_differ_add(d, c) : cuv_oom(d->cx);
}

static cuv_status diff_weights(cuv_differ *d, const cuv_layer *a, const cuv_layer *b, const char *name)
{
    size_t most = a->weight_count > b->weight_count ? a->weight_count : b->weight_count;
    for (size_t i = 0; i < most; i++) {
        const cuv_weight *x = i < a->weight_count ? &a->weights[i] : NULL, *y = i < b->weight_count ? &b->weights[i] : NULL;
        const char *xs = x ? cuv_shape_text(d->cx, x->shape, x->rank) : NULL, *ys = y ? cuv_shape_text(d->cx, y->shape, y->rank) : NULL;
        const char *field = cuv_arena_strdup(d->arena, x ? x->name : y->name);
        if (!field)
            return cuv_oom(d->cx);
        if (!x || !y || !cuv_shape_equal(x->shape, x->rank, y->shape, y->rank) || (x->dtype == CUV_STR) != (y->dtype == CUV_STR))
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_WEIGHT, name, field, xs, ys));
        else if (!x->value != !y->value)
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_WEIGHT, name, field, x->value ? xs : "no values", y->value ? ys : "no values"));
        else if (x->value && x->dtype != CUV_STR)
            CUV_TRY(compare_values(d, x, y, name));
    }
    return CUV_OK;
}

/* ---- layers */

static cuv_status diff_graphs(cuv_differ *d, const cuv_graph *a, const cuv_graph *b, const char *prefix, unsigned depth, cuv_pairing *p);

static cuv_status diff_layers(cuv_differ *d, const cuv_layer *a, const cuv_layer *b, const char *prefix, unsigned depth)
{
    const char *name = named(d, prefix, a);
    cuv_pairing inner;
    if (depth > cuv_context_limits(d->cx)->depth)
        return cuv_fail(d->cx, CUV_UNSAFE, "limit.depth", &(cuv_detail){.layer = a->name}, "layers are nested too deeply at '%s'", name);
    if (!cuv_streq(a->name, b->name))
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_CONFIG, name, "name", a->name, b->name));
    if (!cuv_streq(cuv_differ_class(a), cuv_differ_class(b)))
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, name, "class", cuv_differ_class(a), cuv_differ_class(b)));
    CUV_TRY(cuv_differ_params(d, a, b, name));
    CUV_TRY(diff_weights(d, a, b, name));
    if (a->model && b->model)
        return diff_graphs(d, ((struct cuv_model *)a->model)->graph, ((struct cuv_model *)b->model)->graph, name, depth + 1, &inner);
    size_t most = a->inner_count > b->inner_count ? a->inner_count : b->inner_count;
    for (size_t i = 0; i < most; i++) {
        if (i >= a->inner_count || i >= b->inner_count)
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, name, "inner layer", i < a->inner_count ? cuv_differ_class(a->inner[i]) : NULL,
                             i < b->inner_count ? cuv_differ_class(b->inner[i]) : NULL));
        else
            CUV_TRY(diff_layers(d, a->inner[i], b->inner[i], name, depth + 1));
    }
    return CUV_OK;
}

static cuv_status diff_graphs(cuv_differ *d, const cuv_graph *a, const cuv_graph *b, const char *prefix, unsigned depth, cuv_pairing *p)
{
    *p = (cuv_pairing){.a = a, .b = b};
    CUV_TRY(cuv_differ_pair(d, p));
    for (size_t i = 0; i < a->layer_count; i++) {
        const char *name = named(d, prefix, a->layers[i]);
        if (p->there[i] < 0) {
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, name, "layer", cuv_differ_class(a->layers[i]), NULL));
            continue;
        }
        CUV_TRY(cuv_differ_calls(d, p, (int32_t)i, name));
        CUV_TRY(diff_layers(d, a->layers[i], b->layers[p->there[i]], prefix, depth));
    }
    for (size_t k = 0; k < b->layer_count; k++)
        if (p->back[k] < 0)
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, named(d, prefix, b->layers[k]), "layer", NULL,
                                    cuv_differ_class(b->layers[k])));
    if (!cuv_same_outputs(p))
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, *prefix ? prefix : NULL, "outputs", cuv_differ_outputs(d, a),
                                cuv_differ_outputs(d, b)));
    return CUV_OK;
}

static cuv_status diff_inputs(cuv_differ *d, const struct cuv_model *a, const struct cuv_model *b)
{
    for (size_t i = 0; i < a->input_count && i < b->input_count; i++) {
        const cuv_var *x = cuv_program_var(a->program, a->inputs[i].value), *y = cuv_program_var(b->program, b->inputs[i].value);
        if (!cuv_shape_equal(x->shape, x->rank, y->shape, y->rank))
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, a->input_names[i], "shape", cuv_shape_text(d->cx, x->shape, x->rank),
                             cuv_shape_text(d->cx, y->shape, y->rank)));
        if (x->dtype != y->dtype)
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_CONFIG, a->input_names[i], "dtype", cuv_dtype_name(x->dtype), cuv_dtype_name(y->dtype)));
    }
    return CUV_OK;
}

/* ---- the whole */

struct diff_box { cuv_diff diff; cuv_arena *arena; };

void cuv_diff_drop(cuv_context *cx, cuv_diff *diff)
{
    if (!diff)
        return;
    cuv_verification_free(cx, diff->outputs);
    cuv_arena_free(((struct diff_box *)(void *)diff)->arena);
}

static cuv_status compare(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, double rtol, double atol, const cuv_run_options *options)
{
    cuv_pairing p;
    if (!cuv_streq(a->class_name, b->class_name))
        CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, NULL, "class", a->class_name, b->class_name));
    CUV_TRY(diff_graphs(d, a->graph, b->graph, "", 0, &p));
    CUV_TRY(diff_inputs(d, a, b));
    CUV_TRY(cuv_differ_run(d, a, b, &p, rtol, atol, options));
    d->out->changes = d->changes;
    d->out->change_count = d->count;
    d->out->same = d->count == 0 && (!d->out->outputs || d->out->outputs->ok);
    return d->out->same ? CUV_OK : CUV_NO;
}

cuv_status cuv_diff_models(struct cuv_model *a, struct cuv_model *b, double rtol, double atol, const cuv_run_options *options,
                           cuv_diff **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(a->cx);
    struct diff_box *box = arena ? CUV_NEW(arena, struct diff_box) : NULL;
    if (!box) {
        cuv_arena_free(arena);
        return cuv_oom(a->cx);
    }
    box->arena = arena;
    cuv_differ d = {.cx = a->cx, .arena = arena, .out = &box->diff};
    cuv_status status = compare(&d, a, b, rtol, atol, options);
    if (status != CUV_OK && status != CUV_NO) {
        cuv_diff_drop(a->cx, &box->diff);
        return status;
    }
    *out = &box->diff;
    return status;
}
