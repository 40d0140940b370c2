/* The records of layers in a configuration, each with its place; and the weights that files hold at a place, told by the names of layers,
 * or where a file knows none by the paths that Keras makes of classes and attributes. */
#include "evidence/read.h"

enum { DEEP = 40 };

/* ---- records ---- */

typedef struct walker {
    cuv_arena *arena;
    cuv_class_visit *visit;
    void *to;
    cuv_status status;
} walker;

static void walk_record(walker *w, const cuv_value *record, cuv_standing place, unsigned depth);

/* Items of one list are numbered by class. */
static void walk_list(walker *w, const cuv_value *list, const char *attribute, const cuv_standing *outer, unsigned depth)
{
    cuv_map *seen = cuv_len(list) ? cuv_map_new(w->arena) : NULL;
    if (cuv_len(list) && !seen)
        w->status = cuv_oom(cuv_arena_context(w->arena));
    for (size_t i = 0; seen && i < cuv_len(list); i++) {
        const char *class_name = cuv_get_text(cuv_item(list, i), "class_name");
        if (!class_name)
            continue;
        uintptr_t before = (uintptr_t)cuv_map_get(seen, cuv_plain_name(class_name));
        cuv_status status = cuv_map_set(seen, cuv_plain_name(class_name), (void *)(before + 1));
        w->status = status != CUV_OK ? status : w->status;
        walk_record(w, cuv_item(list, i), (cuv_standing){.attribute = attribute, .listed = true, .before = before, .outer = outer}, depth);
    }
}

static void walk_inner(walker *w, const cuv_value *v, const char *attribute, const cuv_standing *outer, unsigned depth)
{
    if (v && v->kind == CUV_DICT)
        walk_record(w, v, (cuv_standing){.attribute = attribute, .outer = outer}, depth);
    else if (cuv_is_seq(v))
        walk_list(w, v, attribute, outer, depth);
}

static void walk_record(walker *w, const cuv_value *record, cuv_standing place, unsigned depth)
{
    static const char *const inner[] = {"layer", "forward_layer", "backward_layer", "cell", "cells", "layers"};
    const cuv_value *config = cuv_get(record, "config");
    const char *class_name = cuv_get_text(record, "class_name");
    if (!depth || !class_name)
        return;
    place.class_name = cuv_plain_name(class_name);
    place.name = cuv_get_text(record, "name");
    place.name = place.name ? place.name : cuv_get_text(config, "name");
    w->visit(w->to, record, &place);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        walk_inner(w, cuv_get(config, inner[i]), inner[i], &place, depth - 1);
    if (cuv_is_seq(config))     /* Sequentials of Keras 1 */
        walk_list(w, config, "layers", &place, depth - 1);
}

cuv_status cuv_classes_each(cuv_arena *arena, const cuv_value *config, cuv_class_visit *visit, void *to)
{
    walker w = {.arena = arena, .visit = visit, .to = to};
    walk_inner(&w, config, "", NULL, DEEP);
    return w.status;
}

/* ---- what files hold ---- */

static bool below(const char *path, const char *parent)
{
    size_t n = strlen(parent);
    return !strncmp(path, parent, n) && (!path[n] || path[n] == '/');
}

/* One of the names in "a/b/c" is `name`. */
static bool has_part(const char *path, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = path; p && *p; p += strcspn(p, "/"), p += *p == '/')
        if (strcspn(p, "/:") == n && !strncmp(p, name, n))
            return true;
    return false;
}

/* A place that has no outer one is the model: all of the file's. */
static bool is_model(const cuv_standing *place)
{
    return !place->outer;
}

/* "layers/time_distributed_1/layer", "layers/rnn/cell/cells/leaky": what Keras makes of the place. Bidirectionals of Keras 2 say one layer
 * and hold two, RNNs a list of cells where they hold a StackedRNNCells. */
static const char *path_of(cuv_arena *arena, const cuv_standing *place)
{
    const cuv_standing *outer = place->outer;
    const char *path = is_model(outer) ? "" : path_of(arena, outer), *gap = path && *path ? "/" : "";
    bool both = !strcmp(outer->class_name, "Bidirectional") && !strcmp(place->attribute, "layer");
    char *stem = cuv_snake_case(arena, place->class_name);
    if (!path || !stem || both)
        return both ? path : NULL;
    if (!place->listed)
        return cuv_arena_printf(arena, "%s%s%s", path, gap, place->attribute);
    const char *attribute = !strcmp(place->attribute, "cell") ? "cell/cells" : place->attribute;
    if (place->before)
        return cuv_arena_printf(arena, "%s%s%s/%s_%zu", path, gap, attribute, stem, place->before);
    return cuv_arena_printf(arena, "%s%s%s/%s", path, gap, attribute, stem);
}

/* Since Keras 3.6 paths of objects come with the layer's name. Before that, with its class and a number only; the container of a model's
 * layers had another name in TensorFlow 2.12 to 2.14. */
static void visit_objects(cuv_arena *arena, const cuv_file *f, const cuv_standing *place, cuv_held_visit *visit, void *to)
{
    static const char old[] = "_layer_checkpoint_dependencies/", new[] = "layers/";
    const char *where = NULL;
    for (size_t i = 0; !is_model(place) && place->name && !where && i < f->group_count; i++)
        if (f->groups[i].path && cuv_streq(f->groups[i].name, place->name))
            where = f->groups[i].path;
    if (!where && !is_model(place))
        where = path_of(arena, place);
    for (size_t i = 0; (where || is_model(place)) && i < f->group_count; i++) {
        const char *path = f->groups[i].path ? f->groups[i].path : "", *from = where ? where : "";
        if (cuv_starts_with(path, old) && cuv_starts_with(from, new)) {
            path += sizeof old - 1;
            from += sizeof new - 1;
        }
        for (size_t k = 0; (is_model(place) || below(path, from)) && k < f->groups[i].count; k++)
            visit(to, &f->groups[i].tensors[k]);
    }
}

static size_t visit_named(const cuv_file *f, const char *layer, const char *prefix, cuv_held_visit *visit, void *to)
{
    size_t found = 0;
    for (size_t i = 0; layer && i < f->group_count; i++)
        for (size_t k = 0; k < f->groups[i].count; k++) {
            const cuv_named *n = &f->groups[i].tensors[k];
            if (!cuv_streq(f->groups[i].name, layer) && !has_part(n->key, layer))
                continue;
            if (prefix && !strstr(n->key, prefix))
                continue;
            visit(to, n);
            found++;
        }
    return found;
}

/* What is inside a wrapper may go by the wrapper's name alone. */
static void visit_lists(const cuv_file *f, const cuv_standing *place, cuv_held_visit *visit, void *to)
{
    if (visit_named(f, place->name, NULL, visit, to) || is_model(place->outer) || place->listed)
        return;
    const char *prefix = !strcmp(place->attribute, "forward_layer") ? "forward_" : !strcmp(place->attribute, "backward_layer") ? "backward_" : NULL;
    (void)visit_named(f, place->outer->name, prefix, visit, to);
}

static void visit_all(const cuv_file *f, cuv_held_visit *visit, void *to)
{
    for (size_t i = 0; i < f->group_count; i++)
        for (size_t k = 0; k < f->groups[i].count; k++)
            visit(to, &f->groups[i].tensors[k]);
}

void cuv_held_each(const struct cuv_evidence *ev, const cuv_standing *place, cuv_held_visit *visit, void *to)
{
    for (size_t i = 0; ev && i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        if (is_model(place))
            visit_all(f, visit, to);
        else if (f->arrangement == CUV_ARR_OBJECTS)
            visit_objects(ev->arena, f, place, visit, to);
        else
            visit_lists(f, place, visit, to);
    }
}

/* ---- as text ---- */

typedef struct held {
    const struct cuv_evidence *ev;
    const char *name, *class_name, *text;
    size_t count;
    bool done;
} held;

static void add_text(void *to, const cuv_named *n)
{
    enum { MOST = 24 };
    held *h = to;
    cuv_context *cx = h->ev->cx;
    if (++h->count <= MOST)
        h->text = cuv_format(cx, "%s\n  %s %s %s", h->text, n->label, cuv_shape_text(cx, n->tensor->shape, n->tensor->rank),
                             cuv_dtype_name(n->tensor->dtype));
    else if (h->count == MOST + 1)
        h->text = cuv_format(cx, "%s\n  ...", h->text);
}

static void find(void *to, const cuv_value *record, const cuv_standing *place)
{
    held *h = to;
    (void)record;
    if (h->done || !cuv_streq(place->class_name, h->class_name) || (h->name && place->name && !cuv_streq(place->name, h->name)))
        return;
    h->done = true;
    cuv_held_each(h->ev, place, add_text, h);
}

const char *cuv_held_text(const struct cuv_evidence *ev, const char *layer, const char *class_name)
{
    held h = {.ev = ev, .name = layer, .class_name = class_name ? cuv_plain_name(class_name) : NULL, .text = ""};
    for (size_t i = 0; ev && class_name && !h.done && i < ev->file_count; i++)
        if (cuv_classes_each(ev->arena, ev->files[i]->config, find, &h) != CUV_OK)
            return NULL;
    return h.count ? cuv_format(ev->cx, "its weights, %zu:%s", h.count, h.text) : NULL;
}
