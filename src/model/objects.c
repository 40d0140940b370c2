/* Binds Keras 3 object groups. In every container the layers of one class are numbered in the order of model.layers ("dense",
 * "dense_1"), so they are paired class by class in that order; this also absorbs the doubled numbers of TensorFlow 2.12
 * (formats.md b.1, b.2). */
#include "model/bind.h"

#include <ctype.h>

typedef struct onode onode;
struct onode {
    const char *name;
    onode *first, *last, *next;     /* children in the order of the file; siblings */
    const cuv_group *group;         /* vars of this object */
    bool holds;                     /* it or something below has tensors */
};

static onode *child(const onode *parent, const char *name, size_t n)
{
    for (onode *c = parent->first; c; c = c->next)
        if (strlen(c->name) == n && !strncmp(c->name, name, n))
            return c;
    return NULL;
}

static cuv_status add_path(cuv_binding *b, cuv_map *index, onode *root, const cuv_group *g)
{
    onode *at = root;
    for (const char *p = g->path; *p;) {
        size_t n = strcspn(p, "/");
        char *key = cuv_arena_strndup(b->scratch, g->path, (size_t)(p - g->path) + n);
        if (!key)
            return cuv_oom(b->cx);
        onode *c = cuv_map_get(index, key);
        if (!c) {
            c = CUV_NEW(b->scratch, onode);
            if (!c || !(c->name = cuv_arena_strndup(b->scratch, p, n)))
                return cuv_oom(b->cx);
            *(at->last ? &at->last->next : &at->first) = c;
            at->last = c;
            CUV_TRY(cuv_map_set(index, key, c));
        }
        at = c;
        at->holds |= g->count > 0;
        p += n + (p[n] == '/');
    }
    at->group = g;
    at->holds |= g->count > 0;
    return CUV_OK;
}

/* Keras's snake case: "Conv2DTranspose" -> "conv2d_transpose", "PReLU" -> "p_re_lu". */
static void snake(const char *name, char *out, size_t size)
{
    size_t n = 0, len = strlen(name);
    for (size_t i = 0; i < len && n + 2 < size; i++) {
        unsigned char c = (unsigned char)name[i], before = i ? (unsigned char)name[i - 1] : 0;
        unsigned char after = i + 1 < len ? (unsigned char)name[i + 1] : 0;
        if (isupper(c) && i && ((islower(after)) || islower(before)))
            if (n && out[n - 1] != '_')
                out[n++] = '_';
        if (isalnum(c) || c == '_')
            out[n++] = (char)tolower(c);
    }
    out[n] = 0;
}

static bool layer_holds(const cuv_layer *layer)
{
    if (layer->weight_count)
        return true;
    for (size_t i = 0; i < layer->inner_count; i++)
        if (layer_holds(layer->inner[i]))
            return true;
    return false;
}

/* The number of "dense_3" under the stem "dense"; -1 when the name has another stem. */
static int64_t number_of(const char *name, const char *stem)
{
    size_t n = strlen(stem);
    int64_t k;
    if (strncmp(name, stem, n) != 0)
        return -1;
    if (!name[n])
        return 0;
    return name[n] == '_' && cuv_parse_i64(name + n + 1, strlen(name + n + 1), &k) && k > 0 ? k : -1;
}


static cuv_status bind_object(cuv_binding *b, const cuv_unit *unit, cuv_layer *layer, const onode *node, unsigned depth,
                              const cuv_file *file);

/* The k-th object of a class that holds tensors, by number. */
static onode *nth_of_class(const onode *container, const char *stem, size_t k)
{
    int64_t after = -1;
    onode *found = NULL;
    for (size_t i = 0; i <= k; i++) {
        found = NULL;
        int64_t best = INT64_MAX;
        for (onode *c = container->first; c; c = c->next) {
            int64_t n = c->holds ? number_of(c->name, stem) : -1;
            if (n > after && n < best) {
                best = n;
                found = c;
            }
        }
        if (!found)
            return NULL;
        after = best;
    }
    return found;
}

/* The file's `name` attribute (Keras 3.6 and later), when it names another layer of the same class. */
static onode *by_attribute(const onode *container, const char *name)
{
    for (onode *c = container->first; c; c = c->next)
        if (c->holds && c->group && cuv_streq(c->group->name, name))
            return c;
    return NULL;
}

static cuv_status bind_layers(cuv_binding *b, const cuv_unit *unit, cuv_layer *const *layers, size_t count,
                              const onode *container, unsigned depth, const cuv_file *file)
{
    for (size_t i = 0; i < count; i++) {
        char stem[160], other[160];
        size_t k = 0;
        if (!layer_holds(layers[i]))
            continue;
        snake(layers[i]->model ? ((struct cuv_model *)layers[i]->model)->class_name : layers[i]->def->name, stem, sizeof stem);
        for (size_t j = 0; j < i; j++) {
            const cuv_layer *before = layers[j];
            snake(before->model ? ((struct cuv_model *)before->model)->class_name : before->def->name, other, sizeof other);
            k += layer_holds(before) && !strcmp(stem, other);
        }
        const cuv_unit *u = unit;
        for (size_t j = 0; !u && j < b->unit_count; j++)
            if (b->units[j].layer == layers[i])
                u = &b->units[j];
        if (!unit && u && u->filled)
            continue;
        onode *node = nth_of_class(container, stem, k);
        onode *named = by_attribute(container, layers[i]->name);
        if (!node && named)
            node = named;
        if (!node)
            continue;       /* reported as missing */
        CUV_TRY(bind_object(b, u, layers[i], node, depth + 1, file));
        if (!unit && u)
            ((cuv_unit *)(uintptr_t)u)->filled = true;
    }
    return CUV_OK;
}

static onode *role_child(const onode *node, const char *role)
{
    onode *c = child(node, role, strlen(role));
    if (!c && role[0] == '_')
        c = child(node, role + 1, strlen(role) - 1);
    for (onode *k = node->first; !c && k; k = k->next)
        if (k->name[0] == '_' && !strcmp(k->name + 1, role))
            c = k;
    return c;
}

static cuv_status bind_own(cuv_binding *b, const cuv_unit *unit, cuv_layer *layer, const onode *node, const cuv_file *file)
{
    const char *why = cuv_format(b->cx, "%s has it at the place of this layer", file->name);
    if (layer->def->vars_path && role_child(node, layer->def->vars_path))
        node = role_child(node, layer->def->vars_path);
    if (!node->group || !node->group->count)
        return CUV_OK;
    cuv_unit *own = CUV_NEW(b->scratch, cuv_unit);
    if (!own)
        return cuv_oom(b->cx);
    *own = (cuv_unit){.layer = layer, .index = unit ? unit->index : 0};
    own->weights = CUV_NEW_ARRAY(b->scratch, cuv_weight *, layer->weight_count + 1);
    if (!own->weights)
        return cuv_oom(b->cx);
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t i = 0; i < layer->weight_count; i++)
            if (layer->weights[i].trainable == (bool)trainable)
                own->weights[own->count++] = &layer->weights[i];
    own->whole = own->weights;
    cuv_offer stored = {node->group->tensors, node->group->count, node->name, file->name}, offer;
    CUV_TRY(cuv_modernise(b, own, file, &stored, &offer));
    if (offer.tensors != stored.tensors)
        for (size_t i = 0; i < stored.count; i++)
            CUV_TRY(cuv_map_set(b->used, stored.tensors[i].label, own));
    return cuv_bind_offer(b, own, &offer, CUV_CERTAIN, why);
}

static cuv_status bind_object(cuv_binding *b, const cuv_unit *unit, cuv_layer *layer, const onode *node, unsigned depth,
                              const cuv_file *file)
{
    if (depth > cuv_context_limits(b->cx)->depth)
        return cuv_fail(b->cx, CUV_UNSAFE, "limit.depth", NULL, "%s nests its objects too deeply", file->name);
    if (layer->weight_count)
        CUV_TRY(bind_own(b, unit, layer, node, file));
    if (layer->model) {
        const onode *layers = child(node, "layers", 6);
        return layers ? bind_layers(b, unit, layer->inner, layer->inner_count, layers, depth, file) : CUV_OK;
    }
    for (size_t i = 0; i < layer->inner_count; i++) {
        cuv_layer *inner = layer->inner[i];
        const onode *at = node;
        const char *role = inner->role ? inner->role : "layer";
        while (at && *role) {       /* a role may be a path: "cell/cells/lstm_cell_1" */
            size_t n = strcspn(role, "/");
            char *part = cuv_arena_strndup(b->scratch, role, n);
            if (!part)
                return cuv_oom(b->cx);
            at = role_child(at, part);
            role += n + (role[n] == '/');
        }
        if (at)
            CUV_TRY(bind_object(b, unit, inner, at, depth + 1, file));
    }
    return CUV_OK;
}

cuv_status cuv_bind_objects(cuv_binding *b, const cuv_file *file)
{
    onode root = {.name = ""};
    cuv_map *index = cuv_map_new(b->scratch);
    if (!index)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < file->group_count; i++)
        if (file->groups[i].path)
            CUV_TRY(add_path(b, index, &root, &file->groups[i]));
    const onode *layers = child(&root, "layers", 6);
    CUV_TRY(bind_layers(b, NULL, b->m->layers, b->m->layer_count, layers ? layers : &root, 0, file));
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++)
            if (!cuv_map_get(b->used, file->groups[i].tensors[k].label))
                CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &file->groups[i].tensors[k], {0}}));
    return CUV_OK;
}
