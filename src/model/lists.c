/* Binds lists of arrays: one list of all, kernels and biases in two, arrays under names of their own. What --map has taken out of
 * a list is passed over. */
#include "model/bind.h"

/* ---- what --map has left */

static size_t open_weights(const cuv_binding *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        n += b->units[i].filled ? 0 : b->units[i].count;
    return n;
}

static size_t filled_units(const cuv_binding *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        n += b->units[i].filled;
    return n;
}

/* By itself, or with the one array that NumPy had made of several. */
static bool is_used(const cuv_binding *b, const cuv_named *t)
{
    return cuv_map_get(b->used, t->label) || (t->file && t->file->collapsed && cuv_map_get(b->used, t->file->name));
}

/* Tensors that nothing has used. */
static cuv_status unused(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out, size_t *n)
{
    *out = CUV_NEW_ARRAY(b->scratch, cuv_named, count + 1);
    *n = 0;
    if (!*out)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < count; i++)
        if (!is_used(b, &tensors[i]))
            (*out)[(*n)++] = tensors[i];
    return CUV_OK;
}

/* The list without the places of the layers that --map has filled: their arrays were meant, though others were given. */
static cuv_status without_places(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named *out, size_t *n)
{
    size_t at = 0;
    *n = 0;
    for (size_t i = 0; i < b->unit_count && at < count; i++)
        for (size_t k = 0; k < b->units[i].count && at < count; k++, at++) {
            if (!b->units[i].filled)
                out[(*n)++] = tensors[at];
            else
                CUV_TRY(cuv_map_set(b->used, tensors[at].label, &b->units[i]));
        }
    for (; at < count; at++)
        if (!is_used(b, &tensors[at]))
            out[(*n)++] = tensors[at];
    return CUV_OK;
}

static cuv_status left_over(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out, size_t *n)
{
    CUV_TRY(unused(b, tensors, count, out, n));
    if (*n == open_weights(b) || !filled_units(b))
        return CUV_OK;
    return without_places(b, tensors, count, *out, n);
}

static cuv_status surplus(cuv_binding *b, const cuv_named *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &tensors[i], {0}}));
    return CUV_OK;
}

/* ---- one list */

static cuv_status in_order(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                           const char *why)
{
    size_t at = 0;
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        if (u->filled && level != CUV_CERTAIN)
            continue;
        size_t n = count - at < u->count ? count - at : u->count;
        cuv_offer offer = {tensors + at, n, NULL, where};
        if (n == 0) {
            CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_COUNT, u, NULL, NULL, offer}));
            u->filled = true;
            continue;
        }
        cuv_offer modern = offer;
        if (n == u->count && tensors[at].file)
            CUV_TRY(cuv_modernise(b, u, tensors[at].file, &offer, &modern));
        for (size_t k = 0; k < n && modern.tensors != offer.tensors; k++)
            CUV_TRY(cuv_map_set(b->used, tensors[at + k].label, u));
        CUV_TRY(cuv_bind_offer(b, u, &modern, level == CUV_CERTAIN ? level : cuv_order_level(u), why));
        at += n;
    }
    return surplus(b, tensors + at, count - at);
}

cuv_status cuv_bind_list(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                         const char *why)
{
    if (b->place_count)
        return cuv_bind_places_list(b, tensors, count, where, level, why);
    cuv_named *left;
    size_t n, mark = b->misfit_count;
    cuv_sequence *s;
    bool done;
    if (level == CUV_CERTAIN)
        return in_order(b, tensors, count, where, level, why);
    CUV_TRY(left_over(b, tensors, count, &left, &n));
    CUV_TRY(cuv_sequence_new(b, left, n, where, &s));
    b->sequence = s;
    CUV_TRY(cuv_bind_vectors(b, s, &done));
    if (done)
        return CUV_OK;
    CUV_TRY(in_order(b, left, n, where, level, why));
    return b->misfit_count > mark ? cuv_bind_rearranged(b, s, mark) : CUV_OK;
}

/* ---- kernels and biases in two files */

static bool all_rank(const cuv_file *f, bool one)
{
    for (size_t i = 0; i < f->groups[0].count; i++)
        if ((f->groups[0].tensors[i].tensor->rank <= 1) != one)
            return false;
    return f->groups[0].count > 0;
}

/* Which of two lists holds the biases: the one whose arrays are vectors, else the one that is called so. -1: neither. */
static int biases_of(cuv_file *const *f)
{
    for (int i = 0; i < 2; i++)
        if (all_rank(f[i], true) && !all_rank(f[1 - i], true))
            return i;
    for (int i = 0; i < 2; i++)
        if (strstr(f[i]->name, "bias") && !strstr(f[1 - i]->name, "bias"))
            return i;
    return -1;
}

/* Two lists on their way into the layers. */
typedef struct pair {
    const cuv_file *kernels, *biases;
    cuv_named *k, *v;           /* what --map has left of them */
    size_t k_count, v_count, k_at, v_at;
    bool every;                 /* a bias entry for every kernel, else only where the layer has one */
    cuv_named *flat;            /* in the order of the layers */
    size_t flat_count;
    const char *name, *why;
} pair;

/* The arrays of --map taken out; where that does not leave one for each open layer, the filled layers' places instead. */
static cuv_status left_of_half(cuv_binding *b, const cuv_group *g, cuv_named **out, size_t *n)
{
    size_t open = b->unit_count - filled_units(b), at = 0;
    CUV_TRY(unused(b, g->tensors, g->count, out, n));
    if (*n == open || !filled_units(b) || g->count != b->unit_count)
        return CUV_OK;
    for (size_t i = *n = 0; i < b->unit_count; i++, at++)
        if (!b->units[i].filled)
            (*out)[(*n)++] = g->tensors[at];
        else
            CUV_TRY(cuv_map_set(b->used, g->tensors[at].label, &b->units[i]));
    return CUV_OK;
}

/* What a layer takes from the two lists; what one of them lacks is noted. */
static cuv_status bind_half(cuv_binding *b, pair *p, cuv_unit *u)
{
    cuv_named *mine = p->flat + p->flat_count;
    size_t n = 0;
    bool wants = u->count > 1;
    if (p->k_at < p->k_count)
        mine[n++] = p->k[p->k_at++];
    bool lacks = wants && n == 1 && u->count == 2 && p->v_at == p->v_count;
    if ((wants || p->every) && p->v_at < p->v_count) {
        if (wants || cuv_tensor_count(p->v[p->v_at].tensor))
            mine[n++] = p->v[p->v_at];
        p->v_at++;
    }
    for (size_t j = 0; j < n; j++)
        mine[j].weight = NULL;
    p->flat_count += n;
    cuv_offer offer = {mine, n, NULL, p->name};
    if (!lacks)
        return cuv_bind_offer(b, u, &offer, cuv_order_level(u), p->why);
    u->filled = true;
    CUV_TRY(cuv_bind_tensor(b, u, u->weights[0], &mine[0], cuv_order_level(u), p->why));
    offer = (cuv_offer){p->v, p->v_count, NULL, p->biases->name};
    return cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_MISSING, u, u->weights[1], NULL, offer});
}

static cuv_status bind_pair(cuv_binding *b, const cuv_file *kernels, const cuv_file *biases)
{
    const cuv_group *kg = &kernels->groups[0], *vg = &biases->groups[0];
    pair p = {.kernels = kernels, .biases = biases, .every = vg->count == kg->count};
    size_t mark = b->misfit_count;
    cuv_sequence *s;
    p.name = cuv_format(b->cx, "%s and %s", kernels->name, biases->name);
    p.why = cuv_format(b->cx, "by order: the k-th layer with weights takes %s[k] and %s[k]", kernels->name, biases->name);
    CUV_TRY(left_of_half(b, kg, &p.k, &p.k_count));
    CUV_TRY(left_of_half(b, vg, &p.v, &p.v_count));
    p.flat = CUV_NEW_ARRAY(b->scratch, cuv_named, p.k_count + p.v_count + 1);
    if (!p.flat)
        return cuv_oom(b->cx);
    CUV_TRY(cuv_sequence_new(b, p.flat, p.k_count + p.v_count, p.name, &s));
    b->sequence = s;
    for (size_t i = 0; i < b->unit_count; i++)
        if (!b->units[i].filled)
            CUV_TRY(bind_half(b, &p, &b->units[i]));
    size_t rest = p.flat_count;
    while (p.k_at < p.k_count)
        p.flat[p.flat_count++] = p.k[p.k_at++];
    while (p.v_at < p.v_count)
        p.flat[p.flat_count++] = p.v[p.v_at++];
    CUV_TRY(surplus(b, p.flat + rest, p.flat_count - rest));
    s->count = p.flat_count;
    return b->misfit_count > mark ? cuv_bind_rearranged(b, s, mark) : CUV_OK;
}

cuv_status cuv_bind_two_lists(cuv_binding *b, cuv_file *const *files, bool *done)
{
    int biases = biases_of(files);
    *done = biases >= 0;
    return *done ? bind_pair(b, files[1 - biases], files[biases]) : CUV_OK;
}

/* ---- single named tensors */

static bool is_word(const char *word, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && !strncmp(word, *list, n))
            return true;
    return false;
}

/* What PyTorch calls the four vectors of a normalization. */
static bool is_statistic(const cuv_weight *w, const char *word, size_t n)
{
    static const char *const names[][3] = {{"gamma", "weight"}, {"beta", "bias"}, {"moving_mean", "running_mean"}, {"moving_variance", "running_var"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (cuv_streq(w->name, names[i][0]))
            return is_word(word, n, &names[i][1]);
    return false;
}

/* The weight's own name; or another word for it, where a layer has no more than a kernel and a bias. PyTorch's "weight" is a kernel with its axes
 * in reverse, which a square one does not show. */
static bool is_word_for(const cuv_unit *u, const cuv_weight *w, const cuv_named *t, const char *word, size_t n)
{
    static const char *const kernels[] = {"weights", "kernels", "W", "w", NULL}, *const biases[] = {"biases", "B", "b", NULL};
    static const char *const others[] = {"weight", NULL};
    if ((strlen(w->name) == n && !strncmp(word, w->name, n)) || is_statistic(w, word, n))
        return true;
    const bool bias = cuv_streq(w->name, "bias");
    if (u->count > 2 || (u->count == 2 && !bias && !cuv_streq(u->weights[1]->name, "bias")) || (bias && u->count != 2))
        return false;
    if (!bias && is_word(word, n, others))
        return (w->rank == 2 && w->shape[0] != w->shape[1]) || !cuv_shape_is(w, t->tensor);
    return is_word(word, n, bias ? biases : kernels);
}

/* Where the layer's name stands in a key; "features_0" may be "features.0" there. NULL: nowhere. */
static const char *find_layer(const char *key, const char *layer)
{
    for (; *key; key++) {
        size_t n = 0;
        while (layer[n] && (key[n] == layer[n] || (layer[n] == '_' && key[n] == '.')))
            n++;
        if (!layer[n])
            return key;
    }
    return NULL;
}

/* "dense_1/kernel:0", "dense_1.kernel", "dense_1_kernel", "layers/dense_1/kernel" for the weight of that layer. */
static bool key_names(const cuv_named *t, const cuv_unit *u, const cuv_weight *w)
{
    const char *layer = u->layer->name, *key = t->key;
    size_t n = strlen(layer), end = strcspn(key, ":");
    const char *at = key;
    while ((at = find_layer(at, layer)) != NULL) {
        bool starts = at == key || strchr("/.", at[-1]);
        char sep = at[n];
        if (starts && sep && strchr("/._", sep)) {
            const char *tail = key + end;
            while (tail > at + n + 1 && !strchr("/.", tail[-1]))
                tail--;
            if (sep != '_' && is_word_for(u, w, t, tail, (size_t)(key + end - tail)))
                return true;
            const char *rest = at + n + 1;
            if (sep == '_' && is_word_for(u, w, t, rest, (size_t)(key + end - rest)))
                return true;
        }
        at++;
    }
    return false;
}

static bool key_names_weight(const cuv_named *t, const cuv_unit *u, const cuv_weight *w)
{
    if (!key_names(t, u, w))
        return false;
    if (w->layer == u->layer)
        return true;
    return u->count == 1 || strstr(t->key, w->layer->name) != NULL;
}

static bool is_below(const char *key, const char *layer)
{
    size_t n = strlen(layer);
    for (const char *at = find_layer(key, layer); at; at = find_layer(at + 1, layer))
        if ((at == key || strchr("/.", at[-1])) && at[n] && strchr("/.", at[n]))
            return true;
    return false;
}

/* "my_layer/w", "my_layer/inner/b": all of them are for the code that stands in for the layer. */
static cuv_status bind_custom_named(cuv_binding *b, cuv_unit *u, const cuv_named *tensors, size_t count, const cuv_file *f, size_t *found)
{
    cuv_offer offer = {.where = f->name, .name = u->layer->name};
    cuv_named *own = CUV_NEW_ARRAY(b->scratch, cuv_named, count + 1);
    if (!own)
        return cuv_oom(b->cx);
    for (size_t t = 0; t < count; t++)
        if (is_below(tensors[t].key, u->layer->name))
            own[offer.count++] = tensors[t];
    offer.tensors = own;
    *found += offer.count;
    return offer.count ? cuv_bind_custom(b, u, &offer) : CUV_OK;
}

/* Does each tensor have the shape of the open weight at its place? */
static bool fits_in_order(const cuv_binding *b, const cuv_named *tensors, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; !b->units[i].filled && k < b->units[i].count; k++, at++)
            if (at >= count || !cuv_shape_is(b->units[i].weights[k], tensors[at].tensor))
                return false;
    return at == count;
}

/* PyTorch's names, and only square kernels: nothing shows which way round their axes are. */
static void warn_of_squares(cuv_binding *b, const cuv_named *tensors, size_t count, const cuv_file *f)
{
    const cuv_named *square = NULL;
    for (size_t i = 0; i < count; i++) {
        const cuv_tensor *t = tensors[i].tensor;
        if (t->rank < 2 || !cuv_ends_with(tensors[i].key, ".weight"))
            continue;
        if (t->rank > 2 || t->shape[0] != t->shape[1])
            return;
        square = &tensors[i];
    }
    if (square)
        cuv_warn(b->cx, "bind.square", &(cuv_detail){.file = f->path, .tensor = square->label,
                 .help = "--samples with inputs and outputs of the original can prove it; --map LAYER=TENSOR.T,... takes one with its axes exchanged"},
                 "%s has names as PyTorch gives them, and PyTorch's kernels have their axes in reverse, which square ones do not show", f->name);
}

/* In the order that the names tell by their numbers, unless only that of the file fits. */
static cuv_status bind_in_order(cuv_binding *b, const cuv_named *tensors, size_t count, const cuv_file *f)
{
    cuv_named *sorted, *left, *sorted_left;
    size_t n, m;
    bool changed;
    warn_of_squares(b, tensors, count, f);
    CUV_TRY(cuv_sort_by_names(b, tensors, count, &sorted, &changed));
    CUV_TRY(unused(b, tensors, count, &left, &n));
    CUV_TRY(unused(b, sorted, count, &sorted_left, &m));
    if (changed && (fits_in_order(b, sorted_left, m) || !fits_in_order(b, left, n)))
        return cuv_bind_list(b, sorted, count, f->name, CUV_ASSUMED,
                             cuv_format(b->cx, "by order: the names in %s are not the layers', their numbers and words give the order", f->name));
    return cuv_bind_list(b, tensors, count, f->name, CUV_ASSUMED, cuv_format(b->cx, "by order: the names in %s are not the layers'", f->name));
}

static cuv_status bind_by_names(cuv_binding *b, const cuv_named *tensors, size_t count, const char *why, size_t *found)
{
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count && !b->units[i].layer->custom; k++) {
            cuv_weight *w = b->units[i].weights[k];
            const cuv_named *best = NULL;
            for (size_t t = 0; t < count && !best; t++)
                if (key_names_weight(&tensors[t], &b->units[i], w) && !cuv_map_get(b->used, tensors[t].label))
                    best = &tensors[t];
            if (!best)
                continue;
            ++*found;
            b->units[i].filled = true;
            CUV_TRY(cuv_bind_tensor(b, &b->units[i], w, best, CUV_CERTAIN, why));
        }
    return CUV_OK;
}

/* Every array is called after a layer that is still open, and every such layer's name is there. */
static bool names_agree(const cuv_binding *b, const cuv_named *tensors, size_t count)
{
    size_t named = 0;
    for (size_t i = 0; i < b->unit_count; i++) {
        size_t t = 0;
        while (t < count && !is_below(tensors[t].key, b->units[i].layer->name))
            t++;
        if (b->units[i].filled)
            continue;
        if (t == count)
            return false;
        named++;
    }
    return named > 0;
}

cuv_status cuv_bind_named(cuv_binding *b, const cuv_named *tensors, size_t count, const cuv_file *f)
{
    const char *why = cuv_format(b->cx, "%s names layer and weight", f->name);
    size_t found = 0;
    bool custom = false;
    for (size_t i = 0; i < b->unit_count; i++) {
        custom |= b->units[i].layer->custom != NULL;
        if (b->units[i].layer->custom && !b->units[i].filled)
            CUV_TRY(bind_custom_named(b, &b->units[i], tensors, count, f, &found));
    }
    if (!custom && !names_agree(b, tensors, count)) {
        cuv_named *renamed;
        CUV_TRY(cuv_rename_counted(b, tensors, count, &renamed));
        if (renamed) {
            tensors = renamed;
            why = cuv_format(b->cx, "%s names layer and weight; the names differ by their counter only", f->name);
        }
    }
    CUV_TRY(bind_by_names(b, tensors, count, why, &found));
    if (!found)
        return bind_in_order(b, tensors, count, f);
    for (size_t t = 0; t < count; t++)
        if (!cuv_map_get(b->used, tensors[t].label))
            CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &tensors[t], {0}}));
    return CUV_OK;
}
