/* Binds Keras 3 object groups. In every container the layers of one class are numbered in the order of model.layers ("dense",
 * "dense_1"), so they are paired class by class in that order; this also absorbs the doubled numbers of TensorFlow 2.12
 * (formats.md b.1, b.2). */
#include "layers/vocabulary.h"
#include "model/bind.h"

typedef struct onode onode;
struct onode {
    const char *name;
    onode *first, *last, *next;     /* children in the order of the file; siblings */
    const cuv_group *group;         /* vars of this object */
    const struct queue *queue;      /* in which it stands */
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

/* Keras 3 keeps weights of tf_idf that the configuration states in its files, too. */
static bool layer_holds(const cuv_layer *layer)
{
    if (layer->weight_count || cuv_idf_stated(layer))
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

/* The objects of one class in a container that hold tensors, by number; handed out one after the other. */
typedef struct queue {
    onode **nodes;
    int64_t *numbers;
    size_t count, next;
    size_t layers, named;           /* of the model that take from it, and those of them whose name is an object's */
} queue;

static void sift(queue *q, size_t at, size_t count)
{
    for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count && q->numbers[child + 1] > q->numbers[child])
            child++;
        if (q->numbers[child] <= q->numbers[at])
            return;
        int64_t number = q->numbers[at];
        onode *node = q->nodes[at];
        q->numbers[at] = q->numbers[child];
        q->nodes[at] = q->nodes[child];
        q->numbers[child] = number;
        q->nodes[child] = node;
    }
}

static void sort_queue(queue *q)
{
    for (size_t i = q->count / 2; i-- > 0;)
        sift(q, i, q->count);
    for (size_t end = q->count; end-- > 1;) {
        int64_t number = q->numbers[0];
        onode *node = q->nodes[0];
        q->numbers[0] = q->numbers[end];
        q->nodes[0] = q->nodes[end];
        q->numbers[end] = number;
        q->nodes[end] = node;
        sift(q, 0, end);
    }
}

static cuv_status make_queue(cuv_binding *b, const onode *container, const char *stem, queue **out)
{
    size_t n = 0;
    for (const onode *c = container->first; c; c = c->next)
        n += c->holds && number_of(c->name, stem) >= 0;
    queue *q = *out = CUV_NEW(b->scratch, queue);
    if (!q || !(q->nodes = CUV_NEW_ARRAY(b->scratch, onode *, n + 1)) ||
        !(q->numbers = CUV_NEW_ARRAY(b->scratch, int64_t, n + 1)))
        return cuv_oom(b->cx);
    for (onode *c = container->first; c; c = c->next)
        if (c->holds && number_of(c->name, stem) >= 0) {
            q->numbers[q->count] = number_of(c->name, stem);
            c->queue = q;
            q->nodes[q->count++] = c;
        }
    sort_queue(q);
    return CUV_OK;
}

static cuv_unit *unit_of(cuv_binding *b, const cuv_layer *layer, size_t *from)
{
    for (size_t j = *from; j < b->unit_count; j++)
        if (b->units[j].layer == layer) {
            *from = j + 1;
            return &b->units[j];
        }
    return NULL;
}

/* The objects of a class in the container, in their order; made on the first use. */
static cuv_status queue_of(cuv_binding *b, cuv_map *queues, const onode *container, const char *class_name, queue **out)
{
    char *stem = cuv_snake_case(b->scratch, class_name);
    *out = stem ? cuv_map_get(queues, stem) : NULL;
    if (!stem)
        return cuv_oom(b->cx);
    if (*out)
        return CUV_OK;
    CUV_TRY(make_queue(b, container, stem, out));
    return cuv_map_set(queues, stem, *out);
}

/* The queue of a layer's class, as the file spells it (CuDNNGRU's objects are cu_dnngru) or as it is called today. */
static cuv_status queue_for(cuv_binding *b, cuv_map *queues, const onode *container, const cuv_layer *layer, queue **out)
{
    const char *class_name = layer->custom  ? layer->class_name
                             : layer->model ? ((struct cuv_model *)layer->model)->class_name
                                            : layer->def->name;
    *out = NULL;
    if (!layer->model && layer->class_name)
        CUV_TRY(queue_of(b, queues, container, layer->class_name, out));
    return *out && (*out)->count ? CUV_OK : queue_of(b, queues, container, class_name, out);
}

/* The numbers follow model.layers, whose order code does not always tell; where the objects of a class have the names of its layers, those count. */
static onode *take(queue *q, const cuv_map *names, const cuv_layer *layer)
{
    if (q->count == q->layers && q->count == q->named)
        return cuv_map_get(names, layer->name);
    return q->next < q->count ? q->nodes[q->next++] : cuv_map_get(names, layer->name);
}

static cuv_status bind_layers(cuv_binding *b, const cuv_unit *outer, cuv_layer *const *layers, size_t count,
                              const onode *container, unsigned depth, const cuv_file *file)
{
    cuv_map *queues = cuv_map_new(b->scratch), *names = cuv_map_new(b->scratch);
    size_t from = 0;
    queue *q;
    if (!queues || !names)
        return cuv_oom(b->cx);
    for (onode *c = container->first; c; c = c->next)      /* Keras 3.6 and later tell the layer's name */
        if (c->holds && c->group && c->group->name)
            CUV_TRY(cuv_map_set(names, c->group->name, c));
    for (size_t i = 0; i < count; i++) {
        if (!layer_holds(layers[i]))
            continue;
        CUV_TRY(queue_for(b, queues, container, layers[i], &q));
        const onode *named = cuv_map_get(names, layers[i]->name);
        q->layers++;
        q->named += named && named->queue == q;
    }
    for (size_t i = 0; i < count; i++) {
        cuv_layer *layer = layers[i];
        if (!layer_holds(layer))
            continue;
        CUV_TRY(queue_for(b, queues, container, layer, &q));
        cuv_unit *own = outer ? NULL : unit_of(b, layer, &from);
        onode *node = take(q, names, layer);
        if (!node || (own && own->filled))
            continue;       /* missing ones are reported later */
        CUV_TRY(bind_object(b, own ? own : outer, layer, node, depth + 1, file));
        if (own)
            own->filled = true;
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

/* Keras 3.15 forgets the zero points when it saves such a layer, and cannot load the file either. */
static cuv_status no_zero_points(cuv_binding *b, const cuv_layer *layer, const cuv_file *file)
{
    return cuv_fail(b->cx, CUV_UNSUPPORTED, "bind.zeros", &(cuv_detail){.file = file->path, .layer = layer->name,
                    .help = "keep model.get_layer(...).kernel_zero beside the file, or save with a Keras that keeps it"},
                    "%s lacks the zero points (kernel_zero) of the packed kernel of '%s': without them its values are not known",
                    file->name, layer->name);
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
    own->count = cuv_layer_own_weights(layer, own->weights);
    own->whole = own->weights;
    if (cuv_layer_packs(layer) && node->group->count + 1 == own->count)
        return no_zero_points(b, layer, file);
    cuv_offer stored = {node->group->tensors, node->group->count, node->name, file->name}, offer;
    CUV_TRY(cuv_modernise(b, own, file, &stored, &offer));
    if (offer.tensors != stored.tensors)
        for (size_t i = 0; i < stored.count; i++)
            CUV_TRY(cuv_map_set(b->used, stored.tensors[i].label, own));
    return cuv_bind_offer(b, own, &offer, CUV_CERTAIN, why);
}

/* All tensors of an object and of what is inside it, in the order of the file; without `out` they are counted. */
static cuv_status tensors_below(cuv_binding *b, const onode *node, unsigned depth, const cuv_file *file, cuv_named *out, size_t *count)
{
    if (depth > cuv_context_limits(b->cx)->depth)
        return cuv_fail(b->cx, CUV_UNSAFE, "limit.depth", NULL, "%s nests its objects too deeply", file->name);
    for (size_t i = 0; node->group && i < node->group->count; i++, ++*count)
        if (out)
            out[*count] = node->group->tensors[i];
    for (const onode *c = node->first; c; c = c->next)
        CUV_TRY(tensors_below(b, c, depth + 1, file, out, count));
    return CUV_OK;
}

/* A class of somebody's own keeps its variables and layers under attributes that only its code knows. */
static cuv_status bind_stand_in(cuv_binding *b, const cuv_unit *unit, cuv_layer *layer, const onode *node, unsigned depth,
                                const cuv_file *file)
{
    size_t count = 0, filled = 0;
    cuv_unit *own = CUV_NEW(b->scratch, cuv_unit);
    CUV_TRY(tensors_below(b, node, depth, file, NULL, &count));
    cuv_named *tensors = CUV_NEW_ARRAY(b->scratch, cuv_named, count + 1);
    if (!own || !tensors)
        return cuv_oom(b->cx);
    CUV_TRY(tensors_below(b, node, depth, file, tensors, &filled));
    *own = (cuv_unit){.layer = layer, .index = unit ? unit->index : 0};
    CUV_TRY(cuv_layer_weights_whole(b->scratch, layer, &own->weights, &own->count));
    own->whole = own->weights;
    return cuv_bind_custom(b, own, &(cuv_offer){tensors, count, node->name, file->name});
}

/* What a file of Keras 3 has as weights of tf_idf counts there, whatever the configuration states. */
static cuv_status bind_idf(cuv_binding *b, cuv_layer *layer, const onode *node, const cuv_file *file)
{
    const cuv_tensor *stated = cuv_idf_stated(layer), *held = NULL;
    for (size_t i = 0; node->group && i < node->group->count; i++)
        if (cuv_streq(node->group->tensors[i].weight, "idf_weights"))
            held = node->group->tensors[i].tensor;
    if (!held)
        return CUV_OK;
    const char *wanted = cuv_shape_text(b->cx, stated->shape, 1), *found = cuv_shape_text(b->cx, held->shape, held->rank);
    if (held->dtype == CUV_STR || held->rank != 1 || held->shape[0] != stated->shape[0])
        return cuv_fail(b->cx, CUV_NO, "bind.shape", &(cuv_detail){.file = file->path, .layer = layer->name, .tensor = "idf_weights",
                        .found = found, .expected = wanted, .help = "was the file saved from another model?"},
                        "%s layer '%s' expects idf_weights of shape %s; %s has %s", layer->def->name, layer->name, wanted, file->name, found);
    cuv_idf_use(layer, held);
    return CUV_OK;
}

static cuv_status bind_object(cuv_binding *b, const cuv_unit *unit, cuv_layer *layer, const onode *node, unsigned depth,
                              const cuv_file *file)
{
    if (depth > cuv_context_limits(b->cx)->depth)
        return cuv_fail(b->cx, CUV_UNSAFE, "limit.depth", NULL, "%s nests its objects too deeply", file->name);
    if (layer->custom)
        return bind_stand_in(b, unit, layer, node, depth, file);
    if (layer->weight_count)
        CUV_TRY(bind_own(b, unit, layer, node, file));
    else if (cuv_idf_stated(layer))
        CUV_TRY(bind_idf(b, layer, node, file));
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

static cuv_status make_tree(cuv_binding *b, const cuv_file *file, onode *root)
{
    cuv_map *index = cuv_map_new(b->scratch);
    if (!index)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < file->group_count; i++)
        if (file->groups[i].path)
            CUV_TRY(add_path(b, index, root, &file->groups[i]));
    return CUV_OK;
}

static cuv_status note_surplus(cuv_binding *b, const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++)
            if (!cuv_map_get(b->used, file->groups[i].tensors[k].label) &&
                !cuv_streq(file->groups[i].tensors[k].weight, "idf_weights"))      /* as in the layer's configuration */
                CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &file->groups[i].tensors[k], {0}}));
    return CUV_OK;
}

static const onode *object_at(const onode *root, const char *path)
{
    for (const char *name = path; root && *name;) {
        size_t n = strcspn(name, "/");
        root = child(root, name, n);
        name += n + (name[n] == '/');
    }
    return root;
}

static cuv_status bind_place(cuv_binding *b, const cuv_weight_place *p, const onode *root, const cuv_file *file)
{
    cuv_unit *unit = cuv_unit_named(b, p->layer);
    const onode *at = object_at(root, p->object);
    if (!unit || unit->filled || !at)
        return CUV_OK;                  /* missing ones are reported later */
    unit->filled = true;
    if (!p->own)
        return bind_object(b, unit, unit->layer, at, 1, file);
    if (!at->group || at->group->count < p->own || !unit->count)
        return CUV_OK;
    return cuv_bind_tensor(b, unit, unit->weights[0], &at->group->tensors[p->own - 1], CUV_CERTAIN,
                           cuv_format(b->cx, "%s has it under the attributes that the class gives it", file->name));
}

/* How many of the places an object of the file has. */
static size_t count_places(cuv_binding *b, const onode *root, const cuv_weight_place *places)
{
    size_t count = 0;
    for (size_t i = 0; i < b->place_count; i++) {
        const onode *at = object_at(root, places[i].object);
        count += !cuv_unit_named(b, places[i].layer) || (at && at->holds);
    }
    return count;
}

/* Keras 2.15 writes .weights.h5, too, and goes through the attributes otherwise. */
cuv_status cuv_bind_object_places(cuv_binding *b, const cuv_file *file)
{
    onode root = {.name = ""};
    CUV_TRY(make_tree(b, file, &root));
    if (count_places(b, &root, b->other_places) > count_places(b, &root, b->places))
        cuv_swap_places(b);
    for (size_t i = 0; i < b->place_count; i++)
        CUV_TRY(bind_place(b, &b->places[i], &root, file));
    return note_surplus(b, file);
}

cuv_status cuv_bind_objects(cuv_binding *b, const cuv_file *file)
{
    onode root = {.name = ""};
    CUV_TRY(make_tree(b, file, &root));
    const onode *layers = child(&root, "layers", 6);
    CUV_TRY(bind_layers(b, NULL, b->m->layers, b->m->layer_count, layers ? layers : &root, 0, file));
    return note_surplus(b, file);
}
