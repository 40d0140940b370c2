/* What is left of the layers in lists of arrays: model.get_weights(), a list for each layer, or kernels and biases apart. */
#include "recover/recover.h"

static bool is_empty(const cuv_tensor *t)
{
    return t->rank > 0 && cuv_tensor_count(t) == 0;
}

/* True when every array has at most one axis: the biases of a pair. */
static bool all_flat(const cuv_group *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->tensors[i].tensor->rank > 1)
            return false;
    return g->count > 0;
}

static int64_t last_axis(const cuv_tensor *t)
{
    return t->rank ? t->shape[t->rank - 1] : -1;
}

static cuv_status add_remain(cuv_evidence *ev, cuv_arena *arena, cuv_remains *out, const cuv_named *const *tensors, size_t count, bool run)
{
    cuv_named *copy = CUV_NEW_ARRAY(arena, cuv_named, count + 1);
    if (!copy)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < count; i++)
        copy[i] = *tensors[i];
    out->layers[out->count++] = (cuv_remain){.tensors = copy, .count = count, .run = run, .class_level = CUV_INFERRED};
    return CUV_OK;
}

/* Kernels and biases in two lists: each kernel with the bias that has its outputs; one that none fits has none. */
static cuv_status pair_lists(cuv_evidence *ev, cuv_arena *arena, const cuv_group *kernels, const cuv_group *biases, cuv_remains *out)
{
    bool even = kernels->count == biases->count;
    size_t b = 0;
    for (size_t i = 0; i < kernels->count; i++) {
        const cuv_named *pair[2] = {&kernels->tensors[i], b < biases->count ? &biases->tensors[b] : NULL};
        const cuv_tensor *k = pair[0]->tensor, *v = pair[1] ? pair[1]->tensor : NULL;
        bool fits = v && !is_empty(v) && (last_axis(v) == last_axis(k) || (k->rank > 2 && last_axis(v) == k->shape[k->rank - 2]) ||
                                          (k->rank > 2 && last_axis(v) == k->shape[k->rank - 1] * k->shape[k->rank - 2]));
        if (fits || even)
            b++;
        if (!is_empty(k))
            CUV_TRY(add_remain(ev, arena, out, pair, fits ? 2 : 1, false));
    }
    if (b == biases->count)
        return CUV_OK;
    return cuv_fail(ev->cx, CUV_NO, "recover.pairs", &(cuv_detail){.tensor = biases->tensors[b].label,
                    .expected = "the outputs of one of the kernels", .found = cuv_shape_text(ev->cx, biases->tensors[b].tensor->shape, biases->tensors[b].tensor->rank),
                    .help = "recovery pairs the kernels with the biases in their order; give one list in the order of model.get_weights(), or the model's "
                            "configuration"},
                    "%s belongs to none of the kernels that are left", biases->tensors[b].label);
}

static cuv_status one_run(cuv_evidence *ev, cuv_arena *arena, const cuv_group *g, bool run, cuv_remains *out)
{
    const cuv_named **tensors = CUV_NEW_ARRAY(arena, const cuv_named *, g->count + 1);
    size_t n = 0;
    if (!tensors)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < g->count; i++)
        if (!is_empty(g->tensors[i].tensor))
            tensors[n++] = &g->tensors[i];
    return n ? add_remain(ev, arena, out, tensors, n, run) : CUV_OK;
}

/* All weights in one vector: what they were does not show. */
static cuv_status check_vector(cuv_evidence *ev, const cuv_file *f)
{
    const cuv_tensor *t = f->root && f->root->kind == CUV_TENSOR ? f->root->tensor : NULL;
    if (!t || (t->rank != 1 && !(t->rank == 2 && t->shape[0] == 1)) || cuv_tensor_count(t) < 2)
        return CUV_OK;
    return cuv_fail(ev->cx, CUV_NO, "recover.vector", &(cuv_detail){.file = f->path, .found = cuv_shape_text(ev->cx, t->shape, t->rank),
                    .help = "add the configuration (model.to_json()) or the Python code that builds the model: by its shapes the vector is cut"},
                    "%s is one vector of %zu numbers: the shapes of the weights are lost", f->name, cuv_tensor_count(t));
}

static cuv_status read_list(cuv_evidence *ev, cuv_arena *arena, const cuv_file *f, cuv_remains *out)
{
    out->layers = CUV_NEW_ARRAY(arena, cuv_remain, f->group_count + 1);
    if (!out->layers)
        return cuv_oom(ev->cx);
    CUV_TRY(check_vector(ev, f));
    out->order = CUV_INFERRED;
    out->order_why = cuv_format(ev->cx, "the order of %s", f->name);
    for (size_t g = 0; g < f->group_count; g++)
        CUV_TRY(one_run(ev, arena, &f->groups[g], f->arrangement == CUV_ARR_LIST, out));
    return CUV_OK;
}

static bool is_list(const cuv_file *f)
{
    return f->arrangement == CUV_ARR_LIST && f->group_count == 1;
}

static cuv_status two_lists(cuv_evidence *ev, cuv_arena *arena, cuv_file *const *files, cuv_remains *out)
{
    const cuv_group *a = &files[0]->groups[0], *b = &files[1]->groups[0];
    bool swapped = all_flat(a);
    out->layers = CUV_NEW_ARRAY(arena, cuv_remain, a->count + b->count + 1);
    if (!out->layers)
        return cuv_oom(ev->cx);
    out->order = CUV_INFERRED;
    out->order_why = out->source = cuv_format(ev->cx, "%s and %s", files[swapped]->name, files[!swapped]->name);
    out->order_why = cuv_format(ev->cx, "the order of %s", out->source);
    return pair_lists(ev, arena, swapped ? b : a, swapped ? a : b, out);
}

/* A layer that must have weights is listed without any: the file is a part of the model's. */
static cuv_status check_weighted(cuv_evidence *ev, const cuv_remains *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const cuv_layer_def *def = r->layers[i].class_name && !r->layers[i].count ? cuv_layer_find(r->layers[i].class_name) : NULL;
        const char *name = r->layers[i].name ? r->layers[i].name : "?";
        for (const cuv_slot *slot = def ? def->slots : NULL; slot && slot->name; slot++)
            if (!slot->condition)
                return cuv_fail(ev->cx, CUV_NO, "recover.part", &(cuv_detail){.file = r->file->path, .layer = name,
                                .expected = cuv_format(ev->cx, "a %s", slot->name),
                                .help = "give the other files of the model as well: if this is one of several shards, all of them and their .weights.json"},
                                "%s lists the layer '%s' (%s), but holds no weights for it", r->source, name, def->name);
    }
    const char *index = r->file->combined ? NULL : cuv_shard_index(ev->cx, r->file);
    if (index)
        cuv_warn(ev->cx, "recover.shard", &(cuv_detail){.file = r->file->path, .help = cuv_format(ev->cx, "then give all of them, and %s", index)},
                 "%s has the name of one shard of several; the model may have layers of which nothing is here", r->file->name);
    return CUV_OK;
}

/* tf.train.Checkpoint(model=model, step=step): a counter beside the model, which no layer has. */
static bool is_counter(const cuv_group *g)
{
    const cuv_tensor *t = g->count == 1 ? g->tensors[0].tensor : NULL;
    return t && t->rank == 0 && !cuv_dtype_is_float(t->dtype) && !strchr(g->tensors[0].key, '/');
}

static cuv_status without_counters(cuv_evidence *ev, cuv_arena *arena, cuv_file **file)
{
    cuv_file *f = *file, *copy = CUV_NEW(arena, cuv_file);
    cuv_group *groups = CUV_NEW_ARRAY(arena, cuv_group, f->group_count + 1);
    if (!copy || !groups)
        return cuv_oom(ev->cx);
    *copy = *f;
    copy->groups = groups;
    copy->group_count = 0;
    for (size_t i = 0; i < f->group_count; i++)
        if (!is_counter(&f->groups[i]))
            groups[copy->group_count++] = f->groups[i];
    *file = copy->group_count ? copy : f;
    return CUV_OK;
}

cuv_status cuv_remains_read(cuv_evidence *ev, cuv_arena *arena, cuv_remains **out)
{
    cuv_file **files = CUV_NEW_ARRAY(arena, cuv_file *, ev->file_count + 1);
    cuv_remains *r = *out = CUV_NEW(arena, cuv_remains);
    size_t count = 0, tensors = 0;
    if (!files || !r)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < ev->file_count; i++) {
        cuv_file *f = ev->files[i];
        tensors += cuv_file_tensor_count(f);
        if (f->format == CUV_FORMAT_TABLE && f->arrangement == CUV_ARR_LEGACY)
            CUV_TRY(without_counters(ev, arena, &f));
        if (f->arrangement != CUV_ARR_NONE && f->group_count)
            files[count++] = f;
    }
    if (!count || !tensors)
        return cuv_fail(ev->cx, CUV_NO, "recover.nothing", NULL, "there are no tensors to recover an architecture from");
    r->file = files[0];
    r->source = files[0]->name;
    if (count == 1 && (is_list(files[0]) || files[0]->arrangement == CUV_ARR_NESTED))
        return read_list(ev, arena, files[0], r);
    if (count == 2 && is_list(files[0]) && is_list(files[1]) && (all_flat(&files[0]->groups[0]) != all_flat(&files[1]->groups[0])))
        return two_lists(ev, arena, files, r);
    CUV_TRY(cuv_remains_of_named(ev, files, count, arena, r));
    return check_weighted(ev, r);
}
