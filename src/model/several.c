/* Several files with weights for one model, where neither names nor kernels and biases tell what each is for: each holds them all, or one kind of
 * weight, or the layers of one part. Each reading is tried by shape, and taken when it is the only one. */
#include "model/bind.h"

enum { MOST_FILES = 6, MOST_KINDS = 16, MOST_LOOKS = 200000 };

static const char *file_names(const cuv_binding *b, const char *between)
{
    const char *text = "";
    for (size_t i = 0; i < b->source_count; i++)
        text = cuv_format(b->cx, "%s%s%s", text, i ? between : "", b->sources[i]->name);
    return text;
}

static size_t wanted(const cuv_binding *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        n += b->units[i].count;
    return n;
}

/* ---- each of them alone */

/* What the weights hold after one file was bound, which then is taken back. */
typedef struct trial { const cuv_tensor **values; bool fits; } trial;

static void take_back(cuv_binding *b)
{
    for (size_t i = 0; i < b->unit_count; i++) {
        b->units[i].filled = false;
        for (size_t k = 0; k < b->units[i].count; k++) {
            cuv_weight *w = b->units[i].weights[k];
            w->value = NULL;
            b->m->program->values[w->ref].tensor = NULL;
        }
    }
    b->misfit_count = 0;
    b->sequence = NULL;
    b->m->order = NULL;
}

static cuv_status try_alone(cuv_binding *b, const cuv_file *f, trial *out)
{
    const size_t mark = cuv_findings_mark(b->cx);
    cuv_map *used = b->used;
    size_t at = 0;
    out->values = CUV_NEW_ARRAY(b->scratch, const cuv_tensor *, wanted(b) + 1);
    b->used = cuv_map_new(b->scratch);
    if (!out->values || !b->used)
        return cuv_oom(b->cx);
    cuv_status status = cuv_bind_source(b, f);
    out->fits = status == CUV_OK && !b->misfit_count;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            out->values[at] = b->units[i].weights[k]->value;
            out->fits = out->fits && out->values[at++];
        }
    take_back(b);
    b->used = used;
    if (status != CUV_OK && status != CUV_NO)
        return status;
    cuv_findings_rewind(b->cx, mark);
    return CUV_OK;
}

/* The first weight in which two files differ; NULL: none. */
static const cuv_weight *first_difference(const cuv_binding *b, const trial *x, const trial *y)
{
    size_t at = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++, at++) {
            const cuv_tensor *p = x->values[at], *q = y->values[at];
            const size_t size = cuv_tensor_count(p) * cuv_dtype_size(p->dtype);
            if (p->dtype == CUV_STR || (size && memcmp(p->data, q->data, size)))
                return b->units[i].weights[k];
        }
    return NULL;
}

static cuv_status contradiction(const cuv_binding *b, const cuv_file *x, const cuv_file *y, const cuv_weight *w)
{
    return cuv_fail(b->cx, CUV_NO, "bind.contradiction", &(cuv_detail){.file = y->path, .layer = w->layer->name, .expected = x->name, .found = y->name,
                    .help = cuv_format(b->cx, "give one of them: %s, or %s; they may be of two states of the training", x->name, y->name)},
                    "%s and %s each hold all weights of the model, with other values: '%s' of '%s' is the first to differ", x->name, y->name, w->name,
                    w->layer->name);
}

/* One is taken; the others say the same, or hold what the model has no place for. */
static cuv_status take_one(cuv_binding *b, size_t which, const trial *trials)
{
    const cuv_file *f = b->sources[which];
    for (size_t i = 0; i < b->source_count; i++) {
        if (i == which)
            continue;
        if (trials[i].fits)
            cuv_note(b->cx, "bind.repeated", &(cuv_detail){.file = b->sources[i]->path, .found = f->name},
                     "%s and %s hold the same weights", f->name, b->sources[i]->name);
        else
            cuv_warn(b->cx, "bind.unused_file", &(cuv_detail){.file = b->sources[i]->path, .found = f->name,
                     .help = "give the files that belong together"},
                     "%s is not used: all weights of the model are in %s, and the model has no place for others", b->sources[i]->name, f->name);
    }
    b->sources[0] = b->sources[which];
    b->source_count = 1;
    return cuv_bind_source(b, f);
}

/* Code, --map and --custom have had their say: what they filled is not taken back. */
static bool untouched(const cuv_binding *b)
{
    for (size_t i = 0; i < b->unit_count; i++)
        if (b->units[i].filled || b->units[i].layer->custom)
            return false;
    return !b->mapped && !b->place_count;
}

cuv_status cuv_bind_alone(cuv_binding *b, bool *done)
{
    *done = false;
    if (!untouched(b))
        return CUV_OK;
    trial *trials = CUV_NEW_ARRAY(b->scratch, trial, b->source_count + 1);
    size_t first = b->source_count;
    if (!trials)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        const bool vector = f->collapsed || (cuv_file_tensor_count(f) == 1 && f->arrangement == CUV_ARR_LIST);
        trials[i] = (trial){0};
        if (cuv_file_tensor_count(f) < wanted(b) && !vector)
            continue;
        CUV_TRY(try_alone(b, f, &trials[i]));
        if (!trials[i].fits)
            continue;
        const cuv_weight *w = first < i ? first_difference(b, &trials[first], &trials[i]) : NULL;
        if (w)
            return contradiction(b, b->sources[first], f, w);
        first = first < i ? first : i;
    }
    *done = first < b->source_count;
    return *done ? take_one(b, first, trials) : CUV_OK;
}

/* ---- a checkpoint of TensorFlow: tf.train.Checkpoint(model=model, step=step) */

/* "model" of "model/layer_with_weights-0/kernel". */
static const char *object_of(const cuv_binding *b, const cuv_group *g)
{
    const char *key = g->count ? g->tensors[0].key : "";
    return cuv_format(b->cx, "%.*s", (int)strcspn(key, "/"), key);
}

static cuv_status two_objects(const cuv_binding *b, const cuv_file *f, size_t x, size_t y)
{
    const char *p = object_of(b, &f->groups[x]), *q = object_of(b, &f->groups[y]);
    return cuv_fail(b->cx, CUV_NO, "bind.objects", &(cuv_detail){.file = f->path, .found = cuv_format(b->cx, "%s, %s", p, q),
                    .help = cuv_format(b->cx, "say which one: %s#%s, or %s#%s", f->path, p, f->path, q)},
                    "%s keeps more than one model that fits: '%s' and '%s'", f->name, p, q);
}

cuv_status cuv_bind_object(cuv_binding *b, const cuv_file *f, bool *done)
{
    size_t found = f->group_count;
    cuv_file *part = CUV_NEW(b->scratch, cuv_file);
    *done = false;
    if (!part)
        return cuv_oom(b->cx);
    *part = *f;
    part->group_count = 1;
    for (size_t i = 0; f->group_count > 1 && untouched(b) && i < f->group_count; i++) {
        trial t;
        if (f->groups[i].count != wanted(b))
            continue;
        part->groups = &f->groups[i];
        part->arrangement = f->groups[i].name ? f->arrangement : CUV_ARR_NAMED;
        CUV_TRY(try_alone(b, part, &t));
        if (t.fits && found < f->group_count)
            return two_objects(b, f, found, i);
        found = t.fits ? i : found;
    }
    if (found == f->group_count)
        return CUV_OK;
    for (size_t i = 0; i < f->group_count; i++)
        if (i != found)
            cuv_note(b->cx, "bind.beside", &(cuv_detail){.file = f->path, .found = object_of(b, &f->groups[i])},
                     "%s#%s is no part of the model, whose weights '%s' holds", f->name, object_of(b, &f->groups[i]), object_of(b, &f->groups[found]));
    part->groups = &f->groups[found];
    part->arrangement = f->groups[found].name ? f->arrangement : CUV_ARR_NAMED;
    *done = true;
    return cuv_bind_source(b, part);
}

/* ---- parts, put together to one file of their form */

/* Does a tensor have a weight's values, be it without its shape? */
static bool holds_values(const cuv_weight *w, const cuv_tensor *t)
{
    size_t size = 1;
    for (int k = 0; k < w->rank; k++)
        if (w->shape[k] < 0 || !cuv_mul_size(size, (size_t)w->shape[k], &size))
            return false;
    return cuv_shape_is(w, t) || (t->rank == 1 && w->rank > 1 && cuv_tensor_count(t) == size);
}

/* One way to fill all weights: the tensor of each. */
typedef struct reading { cuv_named *tensors; const char *text; } reading;

static bool lists_alone(const cuv_binding *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->source_count; i++) {
        if (b->sources[i]->arrangement != CUV_ARR_LIST || b->sources[i]->group_count != 1)
            return false;
        n += b->sources[i]->groups[0].count;
    }
    return n == wanted(b) && b->source_count <= MOST_FILES;
}

/* ---- one kind of weight in each: all kernels, all biases, all statistics */

typedef struct kinds {
    cuv_binding *b;
    const char *names[MOST_KINDS];
    size_t sizes[MOST_KINDS], files[MOST_KINDS], count;     /* the file that each kind is in */
    size_t left[MOST_FILES], looks, found;
    reading first, second;
} kinds;

static size_t kind_of(const kinds *s, const char *name)
{
    size_t i = 0;
    while (i < s->count && !cuv_streq(s->names[i], name))
        i++;
    return i;
}

static bool gather_kinds(kinds *s)
{
    for (size_t i = 0; i < s->b->unit_count; i++)
        for (size_t k = 0; k < s->b->units[i].count; k++) {
            const char *name = cuv_weights_listed(s->b, &s->b->units[i])[k]->name;
            const size_t at = kind_of(s, name);
            if (at == MOST_KINDS)
                return false;
            s->names[at] = name;
            s->sizes[at]++;
            s->count += at == s->count;
        }
    return true;
}

/* The kinds of each file: "kernel from a.npy; bias, gamma from b.npy". */
static const char *kinds_text(const kinds *s)
{
    const char *text = "";
    for (size_t f = 0; f < s->b->source_count; f++) {
        const char *mine = NULL;
        for (size_t i = 0; i < s->count; i++)
            if (s->files[i] == f)
                mine = mine ? cuv_format(s->b->cx, "%s, %s", mine, s->names[i]) : s->names[i];
        text = cuv_format(s->b->cx, "%s%s%s from %s", text, f ? "; " : "", mine ? mine : "nothing", s->b->sources[f]->name);
    }
    return text;
}

/* Every file gives its arrays in the order of the layers. */
static cuv_status look_at(kinds *s)
{
    cuv_binding *b = s->b;
    size_t next[MOST_FILES] = {0}, at = 0;
    reading r = {CUV_NEW_ARRAY(b->scratch, cuv_named, wanted(b) + 1), NULL};
    if (!r.tensors)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            const cuv_weight *w = cuv_weights_listed(b, &b->units[i])[k];
            const size_t f = s->files[kind_of(s, w->name)];
            const cuv_named *t = &b->sources[f]->groups[0].tensors[next[f]++];
            if (!holds_values(w, t->tensor))
                return CUV_OK;
            r.tensors[at++] = *t;
        }
    r.text = kinds_text(s);
    *(s->found++ ? &s->second : &s->first) = r;
    return CUV_OK;
}

static cuv_status give_kinds(kinds *s, size_t at)
{
    if (s->found > 1 || ++s->looks > MOST_LOOKS)
        return CUV_OK;
    if (at == s->count)
        return look_at(s);
    for (size_t f = 0; f < s->b->source_count; f++) {
        if (s->left[f] < s->sizes[at])
            continue;
        s->files[at] = f;
        s->left[f] -= s->sizes[at];
        CUV_TRY(give_kinds(s, at + 1));     /* no deeper than MOST_KINDS */
        s->left[f] += s->sizes[at];
    }
    return CUV_OK;
}

/* ---- one part of the layers in each */

typedef struct parts { cuv_binding *b; size_t order[MOST_FILES]; bool taken[MOST_FILES]; size_t found; reading first, second; } parts;

static cuv_status look_at_parts(parts *s)
{
    cuv_binding *b = s->b;
    size_t f = 0, at = 0, n = 0;
    reading r = {CUV_NEW_ARRAY(b->scratch, cuv_named, wanted(b) + 1), ""};
    if (!r.tensors)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            while (f < b->source_count && at == b->sources[s->order[f]]->groups[0].count) {
                f++;
                at = 0;
            }
            const cuv_named *t = &b->sources[s->order[f]]->groups[0].tensors[at++];
            if (!cuv_shape_is(cuv_weights_listed(b, &b->units[i])[k], t->tensor))
                return CUV_OK;
            r.tensors[n++] = *t;
        }
    for (size_t i = 0; i < b->source_count; i++)
        r.text = cuv_format(b->cx, "%s%s%s", r.text, i ? ", then " : "", b->sources[s->order[i]]->name);
    *(s->found++ ? &s->second : &s->first) = r;
    return CUV_OK;
}

static cuv_status order_parts(parts *s, size_t at)
{
    if (s->found > 1)
        return CUV_OK;
    if (at == s->b->source_count)
        return look_at_parts(s);
    for (size_t f = 0; f < s->b->source_count; f++) {
        if (s->taken[f])
            continue;
        s->taken[f] = true;
        s->order[at] = f;
        CUV_TRY(order_parts(s, at + 1));    /* no deeper than MOST_FILES */
        s->taken[f] = false;
    }
    return CUV_OK;
}

/* ---- taking a reading */

static cuv_status with_shape(cuv_binding *b, const cuv_weight *w, cuv_named *t)
{
    cuv_tensor *shaped;
    t->weight = NULL;
    if (cuv_shape_is(w, t->tensor))
        return CUV_OK;
    CUV_TRY(cuv_tensor_view(b->m->arena, t->tensor->blob, t->tensor->data, t->tensor->dtype, w->shape, w->rank, &shaped));
    shaped->offset = t->tensor->offset;
    t->tensor = shaped;
    return CUV_OK;
}

static cuv_status take(cuv_binding *b, const reading *r)
{
    const char *why = cuv_format(b->cx, "by shape: %s, in the order of the layers", r->text);
    size_t at = 0;
    for (size_t i = 0; i < b->unit_count; i++) {
        b->units[i].filled = true;
        for (size_t k = 0; k < b->units[i].count; k++, at++) {
            cuv_weight *w = cuv_weights_listed(b, &b->units[i])[k];
            CUV_TRY(with_shape(b, w, &r->tensors[at]));
            CUV_TRY(cuv_bind_tensor(b, &b->units[i], w, &r->tensors[at], cuv_order_level(&b->units[i]), why));
        }
    }
    cuv_note(b->cx, "bind.together", &(cuv_detail){.found = r->text}, "the weights are taken in the order of the layers: %s", r->text);
    return CUV_OK;
}

/* The second reading and others may be as good; then one has to be stated. */
static cuv_status ambiguous(const cuv_binding *b, const reading *x, const reading *y)
{
    return cuv_fail(b->cx, CUV_NO, "bind.ambiguous", &(cuv_detail){.file = b->sources[0]->path, .found = file_names(b, ", "),
                    .notes = cuv_format(b->cx, "either  %s\nor      %s", x->text, y->text),
                    .help = "save them as one list in the order of model.get_weights(), or say with --map LAYER=TENSOR,... what goes where"},
                    "%zu files hold the weights of one model, and their shapes allow more than one reading: %s", b->source_count, file_names(b, ", "));
}

/* All that the shapes allow, two of each sort at most. */
static cuv_status read_lists(cuv_binding *b, parts *p, kinds *k)
{
    *k = (kinds){.b = b};
    *p = (parts){.b = b};
    if (!lists_alone(b))
        return CUV_OK;
    for (size_t i = 0; i < b->source_count; i++)
        k->left[i] = b->sources[i]->groups[0].count;
    CUV_TRY(order_parts(p, 0));
    return gather_kinds(k) ? give_kinds(k, 0) : CUV_OK;
}

static cuv_status bind_lists(cuv_binding *b, bool *done)
{
    kinds k;
    parts p;
    CUV_TRY(read_lists(b, &p, &k));
    *done = p.found + k.found > 0;
    if (p.found + k.found <= 1)
        return *done ? take(b, p.found ? &p.first : &k.first) : CUV_OK;
    if (p.found && k.found)
        return ambiguous(b, &p.first, &k.first);
    return p.found ? ambiguous(b, &p.first, &p.second) : ambiguous(b, &k.first, &k.second);
}

cuv_status cuv_bind_only_reading(cuv_binding *b, bool *done)
{
    const size_t mark = cuv_findings_mark(b->cx);
    cuv_map *used = b->used;
    bool pair;
    kinds k;
    parts p;
    *done = false;
    if (!untouched(b))
        return CUV_OK;
    b->used = cuv_map_new(b->scratch);
    if (!b->used)
        return cuv_oom(b->cx);
    CUV_TRY(cuv_bind_two_lists(b, b->sources, &pair));
    const bool fits = pair && !b->misfit_count && !b->m->order;
    take_back(b);
    cuv_findings_rewind(b->cx, mark);
    b->used = used;
    if (fits)
        return CUV_OK;
    CUV_TRY(read_lists(b, &p, &k));
    *done = p.found + k.found == 1;
    return *done ? take(b, p.found ? &p.first : &k.first) : CUV_OK;
}

/* Files of one form under the layers' own names, each for some of the layers. */
static cuv_status bind_named_parts(cuv_binding *b, bool *done)
{
    cuv_file *whole = CUV_NEW(b->scratch, cuv_file);
    const bool named = b->sources[0]->arrangement == CUV_ARR_NAMED;
    size_t groups = 0, tensors = 0, found = 0;
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        if (f->arrangement != b->sources[0]->arrangement)
            return CUV_OK;
        groups += f->group_count;
        for (size_t g = 0; g < f->group_count; g++)
            tensors += f->groups[g].count;
    }
    if (!named && b->sources[0]->arrangement != CUV_ARR_DICT && b->sources[0]->arrangement != CUV_ARR_LEGACY)
        return CUV_OK;
    cuv_group *all = CUV_NEW_ARRAY(b->scratch, cuv_group, groups + 1);
    cuv_named *flat = CUV_NEW_ARRAY(b->scratch, cuv_named, tensors + 1);
    if (!whole || !all || !flat)
        return cuv_oom(b->cx);
    *whole = *b->sources[0];
    groups = tensors = 0;
    for (size_t i = 0; i < b->source_count; i++)
        for (size_t g = 0; g < b->sources[i]->group_count; g++) {
            const cuv_group *group = &b->sources[i]->groups[g];
            for (size_t k = 0; named && k < group->count; k++)
                flat[tensors++] = group->tensors[k];
            if (!named && group->count) {
                all[groups++] = *group;
                found += group->name && cuv_unit_named(b, group->name);
            }
        }
    if (named)
        all[groups++] = (cuv_group){.tensors = flat, .count = tensors};
    if (!named && (found != groups || groups != b->unit_count))
        return CUV_OK;
    whole->name = file_names(b, " and ");
    whole->groups = all;
    whole->group_count = groups;
    if (named) {
        trial t;
        CUV_TRY(try_alone(b, whole, &t));
        if (!t.fits)
            return CUV_OK;
    }
    *done = true;
    return cuv_bind_source(b, whole);
}

cuv_status cuv_bind_several(cuv_binding *b, bool *done)
{
    *done = false;
    if (!untouched(b))
        return CUV_OK;
    CUV_TRY(bind_lists(b, done));
    return *done ? CUV_OK : bind_named_parts(b, done);
}

/* Nothing is the matter with any of them, but what each is for does not show. */
cuv_status cuv_report_several(const cuv_binding *b)
{
    const char *text = "";
    for (size_t i = 0; i < b->source_count && i < 8; i++)
        text = cuv_format(b->cx, "%s%s%s: %zu arrays", text, i ? "\n" : "", b->sources[i]->name, cuv_file_tensor_count(b->sources[i]));
    return cuv_fail(b->cx, CUV_NO, "bind.ambiguous", &(cuv_detail){.file = b->sources[0]->path, .found = file_names(b, ", "),
                    .notes = cuv_format(b->cx, "%s\nthe model takes %zu arrays", text, wanted(b)),
                    .help = "give one of them, save them as one list in the order of model.get_weights(), or say with --map LAYER=TENSOR,... what goes "
                            "where"},
                    "%zu files hold weights for one model, and none fits it, alone or with the others: %s", b->source_count, file_names(b, ", "));
}
