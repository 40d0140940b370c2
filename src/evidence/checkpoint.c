/* TensorFlow checkpoints ("tensor bundles", formats.md f): an index with the place of every value, files of values beside it, and the
 * graph of the objects that hold them. Values are gathered layer by layer as the graph of a Keras 2 model lists them; a checkpoint
 * without a graph gives its values by name. Optimizers' values are no weights and left out. */
#include "evidence/checkpoint.h"

enum { MOST_SHARDS = 4096 };

/* ---- values ---- */

typedef struct shard { cuv_blob *blob; } shard;

typedef struct bundle {
    struct cuv_evidence *ev;
    cuv_file *file;
    cuv_table table;
    cuv_map *index;             /* key -> entry */
    shard *shards;
    uint64_t shard_count;
} bundle;

static cuv_status damaged(const bundle *b, const char *key, const char *what)
{
    cuv_detail detail = {.file = b->file->path, .tensor = key, .help = "was the file cut off or changed? copy it again"};
    return cuv_fail(b->ev->cx, CUV_DAMAGED, "checkpoint.entry", &detail, "the entry '%s' of %s %s", key, b->file->name, what);
}

static cuv_status unsupported(const bundle *b, const char *key, const char *what)
{
    cuv_detail detail = {.file = b->file->path, .tensor = key, .help = "load it in TensorFlow and save the model as .keras or .h5"};
    return cuv_fail(b->ev->cx, CUV_UNSUPPORTED, "checkpoint.entry", &detail, "the entry '%s' of %s %s", key, b->file->name, what);
}

/* BundleHeaderProto: 1 num_shards, 2 endianness (0 little). */
static cuv_status read_header(bundle *b)
{
    const cuv_table_entry *e = cuv_map_get(b->index, "");
    if (!e)
        return damaged(b, "", "is missing, so it is no index of a checkpoint");
    cuv_cursor c = cuv_cursor_at(e->data, e->size, 0);
    cuv_field f;
    b->shard_count = 1;
    while (cuv_field_next(&c, &f)) {
        if (f.id == 1 && f.wire == 0)
            b->shard_count = f.number;
        if (f.id == 2 && f.number != 0)
            return unsupported(b, "", "has numbers with the largest byte first");
    }
    if (c.failed || b->shard_count == 0 || b->shard_count > MOST_SHARDS)
        return damaged(b, "", "does not say how many files there are");
    b->shards = CUV_NEW_ARRAY(b->ev->arena, shard, (size_t)b->shard_count);
    return b->shards ? CUV_OK : cuv_oom(b->ev->cx);
}

/* BundleEntryProto */
typedef struct entry {
    uint64_t type, shard_id, offset, size, crc;
    int64_t shape[CUV_MAX_RANK];
    int rank;
    bool sliced, has_crc;
} entry;

/* TensorShapeProto: 2 dim {1 size}, 3 unknown_rank. */
static bool read_shape(const cuv_field *shape, entry *out)
{
    cuv_cursor c = cuv_cursor_at(shape->data, shape->size, 0);
    cuv_field f, size;
    while (cuv_field_next(&c, &f)) {
        if (f.id != 2 || f.wire != 2)
            continue;
        if (out->rank == CUV_MAX_RANK)
            return false;
        cuv_cursor dim = cuv_cursor_at(f.data, f.size, 0);
        out->shape[out->rank] = 0;
        while (cuv_field_next(&dim, &size))
            if (size.id == 1 && size.wire == 0)
                out->shape[out->rank] = (int64_t)size.number;
        if (dim.failed || out->shape[out->rank++] < 0)
            return false;
    }
    return !c.failed;
}

static cuv_status read_entry(const bundle *b, const cuv_table_entry *e, entry *out)
{
    cuv_cursor c = cuv_cursor_at(e->data, e->size, 0);
    cuv_field f;
    bool shaped = true;
    *out = (entry){0};
    while (cuv_field_next(&c, &f)) {
        switch (f.id) {
        case 1: out->type = f.number; break;
        case 2: shaped = f.wire == 2 && read_shape(&f, out); break;
        case 3: out->shard_id = f.number; break;
        case 4: out->offset = f.number; break;
        case 5: out->size = f.number; break;
        case 6: out->crc = f.number; out->has_crc = true; break;
        case 7: out->sliced = true; break;
        default: break;
        }
    }
    if (c.failed)
        return damaged(b, e->key, "is cut off");
    if (!shaped)
        return unsupported(b, e->key, "has a shape of more than 8 axes, or none");
    if (out->sliced)
        return unsupported(b, e->key, "lies in slices (a partitioned variable)");
    return out->shard_id < b->shard_count ? CUV_OK : damaged(b, e->key, "names a file that there is not");
}

static cuv_status open_shard(bundle *b, uint64_t id, cuv_blob **out)
{
    const char *name = b->file->name, *path = NULL;
    size_t stem = strlen(name) - (cuv_ends_with(name, ".index") ? strlen(".index") : 0);
    *out = b->shards[id].blob;
    if (*out)
        return CUV_OK;
    char *full = cuv_arena_printf(b->ev->arena, "%.*s.data-%05u-of-%05u", (int)stem, name, (unsigned)id, (unsigned)b->shard_count);
    if (!full)
        return cuv_oom(b->ev->cx);
    for (size_t i = 0; i < b->ev->file_count; i++)
        if (cuv_streq(b->ev->files[i]->name, full) && b->ev->files[i]->source.blob)
            *out = b->ev->files[i]->source.blob;
    if (!*out) {
        CUV_TRY(cuv_neighbour_path(b->ev, b->file, full, b->file->path, "checkpoint.data", &path));
        cuv_blob *blob = NULL;
        CUV_TRY(cuv_blob_map(b->ev->cx, path, &blob));
        cuv_status status = cuv_arena_keep_blob(b->ev->arena, blob);
        cuv_blob_release(blob);
        CUV_TRY(status);
        *out = blob;
    }
    b->shards[id].blob = *out;
    return CUV_OK;
}

/* The bytes of an entry, held against their checksum. */
static cuv_status open_bytes(bundle *b, const char *key, const entry *e, cuv_blob **blob, const uint8_t **out)
{
    CUV_TRY(open_shard(b, e->shard_id, blob));
    if (e->offset > (*blob)->size || e->size > (*blob)->size - e->offset)
        return damaged(b, key, "reaches beyond the end of its file");
    *out = (*blob)->data + e->offset;
    CUV_TRY(cuv_check_time(b->ev->cx));
    if (e->has_crc && e->type != 7 && cuv_crc32c_masked(cuv_crc32c(*out, (size_t)e->size)) != (uint32_t)e->crc)
        return damaged(b, key, "does not have its checksum (CRC-32C): the file of values is damaged, or of another checkpoint");
    return CUV_OK;
}

/* tensorflow/core/framework/types.proto */
static bool dtype_of(uint64_t type, cuv_dtype *out)
{
    static const struct { uint8_t type; cuv_dtype dtype; } types[] = {
        {1, CUV_F32}, {2, CUV_F64}, {3, CUV_I32}, {4, CUV_U8}, {5, CUV_I16}, {6, CUV_I8}, {9, CUV_I64}, {10, CUV_BOOL},
        {14, CUV_BF16}, {17, CUV_U16}, {19, CUV_F16}, {22, CUV_U32}, {23, CUV_U64}, {24, CUV_F8E5M2}, {25, CUV_F8E4M3}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

static cuv_status open_value(bundle *b, const cuv_table_entry *te, const cuv_tensor **out)
{
    entry e;
    cuv_dtype dtype;
    cuv_blob *blob;
    const uint8_t *data;
    size_t count, bytes;
    cuv_tensor *t;
    CUV_TRY(read_entry(b, te, &e));
    if (!dtype_of(e.type, &dtype))
        return unsupported(b, te->key, cuv_format(b->ev->cx, "is no array of numbers (TensorFlow's type %llu)",
                                                  (unsigned long long)e.type));
    if (!cuv_shape_count(e.shape, e.rank, &count) || !cuv_mul_size(count, cuv_dtype_size(dtype), &bytes) || bytes != e.size)
        return damaged(b, te->key, "has another size than its shape");
    CUV_TRY(open_bytes(b, te->key, &e, &blob, &data));
    CUV_TRY(cuv_tensor_view(b->ev->arena, blob, data, dtype, e.shape, e.rank, &t));
    t->offset = e.offset;
    *out = t;
    return CUV_OK;
}

/* A scalar string: its length as a varint, the CRC of the length, the bytes. */
static cuv_status open_string(bundle *b, const cuv_table_entry *te, cuv_cursor *out)
{
    entry e;
    cuv_blob *blob;
    const uint8_t *data;
    uint64_t length = 0;
    CUV_TRY(read_entry(b, te, &e));
    if (e.type != 7 || e.rank != 0)
        return damaged(b, te->key, "is no text");
    CUV_TRY(open_bytes(b, te->key, &e, &blob, &data));
    cuv_cursor c = cuv_cursor_at(data, (size_t)e.size, 0);
    (void)cuv_read_varint(&c, &length);
    cuv_skip(&c, 4);
    const uint8_t *text = length <= e.size ? cuv_read_bytes(&c, (size_t)length) : NULL;
    if (!text)
        return damaged(b, te->key, "is cut off");
    *out = cuv_cursor_at(text, (size_t)length, 0);
    return CUV_OK;
}

/* ---- the graph of objects ---- */

typedef struct link { const char *name; uint64_t node; } link;
typedef struct gnode {
    link *children;
    size_t count, capacity;
    const char *full_name, *key;        /* of a variable */
    bool seen;
} gnode;
typedef struct graph { bundle *b; gnode *nodes; size_t count, capacity; } graph;

/* ObjectReference: 1 node_id, 2 local_name. */
static cuv_status add_child(const graph *g, gnode *node, const cuv_field *field)
{
    cuv_arena *arena = g->b->ev->arena;
    cuv_cursor c = cuv_cursor_at(field->data, field->size, 0);
    cuv_field f;
    link child = {.name = ""};
    while (cuv_field_next(&c, &f)) {
        if (f.id == 1 && f.wire == 0)
            child.node = f.number;
        if (f.id == 2 && f.wire == 2 && !(child.name = cuv_field_text(arena, &f)))
            return cuv_oom(g->b->ev->cx);
    }
    link *children = cuv_arena_grow(arena, node->children, node->count, &node->capacity, sizeof *children);
    if (!children)
        return cuv_oom(g->b->ev->cx);
    node->children = children;
    children[node->count++] = child;
    return c.failed ? damaged(g->b, CUV_OBJECT_GRAPH, "is damaged") : CUV_OK;
}

/* SerializedTensor: 1 name, 2 full_name, 3 checkpoint_key. */
static cuv_status add_attribute(const graph *g, gnode *node, const cuv_field *field)
{
    cuv_arena *arena = g->b->ev->arena;
    cuv_cursor c = cuv_cursor_at(field->data, field->size, 0);
    cuv_field f;
    const char *texts[4] = {NULL, NULL, NULL, NULL};
    while (cuv_field_next(&c, &f))
        if (f.id >= 1 && f.id <= 3 && f.wire == 2 && !(texts[f.id] = cuv_field_text(arena, &f)))
            return cuv_oom(g->b->ev->cx);
    if (cuv_streq(texts[1], "VARIABLE_VALUE")) {
        node->full_name = texts[2];
        node->key = texts[3];
    }
    return c.failed ? damaged(g->b, CUV_OBJECT_GRAPH, "is damaged") : CUV_OK;
}

/* TrackableObjectGraph: 1 nodes {1 children, 2 attributes, 3 slot_variables}. */
static cuv_status read_graph(graph *g, cuv_cursor c)
{
    cuv_field node, f;
    while (cuv_field_next(&c, &node)) {
        if (node.id != 1 || node.wire != 2)
            continue;
        gnode *nodes = cuv_arena_grow(g->b->ev->arena, g->nodes, g->count, &g->capacity, sizeof *nodes);
        if (!nodes)
            return cuv_oom(g->b->ev->cx);
        g->nodes = nodes;
        gnode *n = &nodes[g->count++];
        *n = (gnode){0};
        cuv_cursor inside = cuv_cursor_at(node.data, node.size, 0);
        while (cuv_field_next(&inside, &f)) {
            if (f.id == 1 && f.wire == 2)
                CUV_TRY(add_child(g, n, &f));
            if (f.id == 2 && f.wire == 2)
                CUV_TRY(add_attribute(g, n, &f));
        }
        if (inside.failed)
            return damaged(g->b, CUV_OBJECT_GRAPH, "is damaged");
    }
    return c.failed ? damaged(g->b, CUV_OBJECT_GRAPH, "is damaged") : CUV_OK;
}

/* ---- layers ---- */

/* What Keras and SavedModels hang on an object beside its layers and variables. */
static bool is_aside(const char *name)
{
    static const char *const names[] = {"variables", "trainable_variables", "non_trainable_variables", "regularization_losses",
        "keras_api", "signatures", "optimizer", "save_counter", "loss_tracker", "metrics", "layers", "layer_metrics",
        "layer_regularization_losses", "root", "random_generator", "state_variables", "num_documents"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cuv_streq(name, names[i]))
            return true;
    return cuv_starts_with(name, "layer-") || cuv_starts_with(name, "__call") || cuv_starts_with(name, "call_and_return") ||
           cuv_starts_with(name, "_random_generator") || cuv_starts_with(name, "_default_save") || cuv_ends_with(name, "_function");
}

#define WITH_WEIGHTS "layer_with_weights-"

static bool has_layers(const gnode *node)
{
    for (size_t i = 0; i < node->count; i++)
        if (cuv_starts_with(node->children[i].name, WITH_WEIGHTS))
            return true;
    return false;
}

/* Children in the order of the model's layers where they are numbered, else in that of the file. */
static void sort_layers(gnode *node)
{
    for (size_t i = 1; i < node->count; i++)
        for (size_t k = i; k > 0 && cuv_natural_compare(node->children[k].name, node->children[k - 1].name) < 0; k--) {
            link swap = node->children[k];
            node->children[k] = node->children[k - 1];
            node->children[k - 1] = swap;
        }
}

typedef struct walker { graph *g; cuv_collect *c; const cuv_saved_names *names; } walker;

static cuv_status add_variable(const walker *w, const gnode *node, const char *local)
{
    bundle *b = w->g->b;
    const cuv_table_entry *e = cuv_map_get(b->index, node->key);
    const cuv_tensor *t;
    if (!e)
        return damaged(b, node->key, "is missing");
    CUV_TRY(open_value(b, e, &t));
    const char *slash = node->full_name ? strrchr(node->full_name, '/') : NULL;
    char *key = cuv_arena_strndup(b->ev->arena, node->key, strcspn(node->key, "."));
    if (!key)
        return cuv_oom(b->ev->cx);
    size_t n = strlen(key);
    if (n && key[n - 1] == '/')
        key[n - 1] = 0;
    return cuv_collect_tensor(w->c, t, key, slash ? slash + 1 : local);
}

/* Own variables first, then those of the objects below, each object once. */
static cuv_status walk(walker *w, gnode *node, unsigned depth)
{
    graph *g = w->g;
    bool model = has_layers(node);
    node->seen = true;
    if (depth == 0)
        return damaged(g->b, CUV_OBJECT_GRAPH, "nests its objects too deeply");
    if (model)
        sort_layers(node);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < node->count; i++) {
            const link *l = &node->children[i];
            if (is_aside(l->name) || (model && !cuv_starts_with(l->name, WITH_WEIGHTS)))
                continue;
            if (l->node >= g->count)
                return damaged(g->b, CUV_OBJECT_GRAPH, "names an object that there is not");
            gnode *child = &g->nodes[l->node];
            if (child->seen || (child->key != NULL) != (pass == 0))
                continue;
            if (child->key)
                child->seen = true;
            CUV_TRY(child->key ? add_variable(w, child, l->name) : walk(w, child, depth - 1));
        }
    return CUV_OK;
}

/* The layer's name: what Keras's metadata says, else how its variables are named. */
static const char *name_of(const walker *w, const link *l, const gnode *node)
{
    for (size_t i = 0; w->names && i < w->names->count; i++)
        if (cuv_streq(w->names->items[i].path, l->name))
            return w->names->items[i].name;
    for (size_t i = 0; i < node->count; i++) {
        const gnode *child = node->children[i].node < w->g->count ? &w->g->nodes[node->children[i].node] : NULL;
        if (!child || !child->key || !child->full_name)
            continue;
        const char *slash = strrchr(child->full_name, '/');
        return slash ? cuv_arena_strndup(w->g->b->ev->arena, child->full_name, (size_t)(slash - child->full_name)) : NULL;
    }
    return NULL;
}

static cuv_status read_layers(walker *w)
{
    graph *g = w->g;
    gnode *root = &g->nodes[0];
    bool model = has_layers(root);
    root->seen = true;
    if (model)
        sort_layers(root);
    for (size_t i = 0; i < root->count; i++) {
        const link *l = &root->children[i];
        if (is_aside(l->name) || (model && !cuv_starts_with(l->name, WITH_WEIGHTS)))
            continue;
        if (l->node >= g->count)
            return damaged(g->b, CUV_OBJECT_GRAPH, "names an object that there is not");
        gnode *node = &g->nodes[l->node];
        if (node->seen)
            continue;
        CUV_TRY(cuv_collect_group(w->c, name_of(w, l, node), NULL));
        if (node->key) {
            node->seen = true;
            CUV_TRY(add_variable(w, node, l->name));
        } else
            CUV_TRY(walk(w, node, cuv_context_limits(g->b->ev->cx)->depth));
        if (!cuv_collect_last(w->c)->count)
            g->b->file->group_count--;
    }
    return CUV_OK;
}

static cuv_status by_graph(bundle *b, cuv_collect *c, const cuv_table_entry *e, const cuv_saved_names *names)
{
    graph g = {.b = b};
    walker w = {.g = &g, .c = c, .names = names};
    cuv_cursor text;
    CUV_TRY(open_string(b, e, &text));
    CUV_TRY(read_graph(&g, text));
    if (g.count)
        CUV_TRY(read_layers(&w));
    b->file->arrangement = b->file->group_count ? CUV_ARR_LEGACY : CUV_ARR_NONE;
    return CUV_OK;
}

/* A checkpoint of TensorFlow 1: variables by name. */
static cuv_status by_name(bundle *b, cuv_collect *c)
{
    CUV_TRY(cuv_collect_group(c, NULL, NULL));
    for (size_t i = 0; i < b->table.count; i++) {
        const cuv_table_entry *e = &b->table.entries[i];
        const char *slash = strrchr(e->key, '/');
        const cuv_tensor *t;
        entry parsed;
        cuv_dtype dtype;
        if (!*e->key)
            continue;
        CUV_TRY(read_entry(b, e, &parsed));
        if (!dtype_of(parsed.type, &dtype))
            continue;
        CUV_TRY(open_value(b, e, &t));
        CUV_TRY(cuv_collect_tensor(c, t, e->key, slash ? slash + 1 : e->key));
    }
    b->file->arrangement = cuv_file_tensor_count(b->file) ? CUV_ARR_NAMED : CUV_ARR_NONE;
    return CUV_OK;
}

cuv_status cuv_read_checkpoint(struct cuv_evidence *ev, cuv_file *file, const cuv_source *src, const cuv_saved_names *names)
{
    bundle b = {.ev = ev, .file = file, .index = cuv_map_new(ev->arena)};
    cuv_collect c;
    if (!b.index)
        return cuv_oom(ev->cx);
    CUV_TRY(cuv_table_parse(ev->arena, src, &b.table));
    for (size_t i = 0; i < b.table.count; i++)
        CUV_TRY(cuv_map_set(b.index, b.table.entries[i].key, &b.table.entries[i]));
    CUV_TRY(read_header(&b));
    if (!file->kind)
        file->kind = "TensorFlow checkpoint";
    cuv_collect_start(&c, ev, file);
    c.limit += b.table.count;
    const cuv_table_entry *graph_entry = cuv_map_get(b.index, CUV_OBJECT_GRAPH);
    CUV_TRY(graph_entry ? by_graph(&b, &c, graph_entry, names) : by_name(&b, &c));
    return cuv_file_describe(ev, file, 2);
}

/* ---- the files around it ---- */

bool cuv_checkpoint_data_name(const char *name)
{
    const char *dot = strstr(name, ".data-");
    int used = 0;
    unsigned a, b;
    return dot && sscanf(dot, ".data-%5u-of-%5u%n", &a, &b, &used) == 2 && !dot[used];
}

bool cuv_checkpoint_state(const uint8_t *data, size_t size)
{
    static const char start[] = "model_checkpoint_path:";
    return size > sizeof start && !memcmp(data, start, sizeof start - 1);
}

/* model_checkpoint_path: "ck" */
cuv_status cuv_read_checkpoint_state(struct cuv_evidence *ev, cuv_file *file)
{
    const char *text = (const char *)file->source.data, *end = text + file->source.size;
    const char *open = memchr(text, '"', (size_t)(end - text));
    const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL, *path = NULL;
    cuv_detail detail = {.file = file->path};
    if (!close)
        return cuv_fail(ev->cx, CUV_DAMAGED, "checkpoint.state", &detail, "%s names no checkpoint", file->name);
    char *name = cuv_arena_printf(ev->arena, "%.*s.index", (int)(close - open - 1), open + 1);
    if (!name)
        return cuv_oom(ev->cx);
    file->kind = "name of a TensorFlow checkpoint";
    CUV_TRY(cuv_neighbour_path(ev, file, name, file->path, "checkpoint.index", &path));
    cuv_blob *blob = NULL;
    CUV_TRY(cuv_blob_map(ev->cx, path, &blob));
    cuv_status status = cuv_arena_keep_blob(ev->arena, blob);
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = name};
    cuv_blob_release(blob);
    CUV_TRY(status);
    cuv_file *index = NULL;
    CUV_TRY(cuv_file_new(ev, path, &index));
    file->name = index->name;       /* the files of values are named after the index */
    file->path = index->path;
    file->source = src;
    file->format = CUV_FORMAT_TABLE;
    file->kind = NULL;
    return cuv_read_checkpoint(ev, file, &src, NULL);
}
