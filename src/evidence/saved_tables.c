/* Vocabularies of a SavedModel: an adapted lookup layer keeps its tokens in a table, which the graph fills from two constants. They are
 * read from there into the layer's configuration, as if they had been given to it. Nothing of the graph is run. */
#include "evidence/checkpoint.h"

#include <stdlib.h>

typedef struct tables {
    struct cuv_evidence *ev;
    cuv_file *file;
    cuv_field graph;            /* GraphDef */
    cuv_field objects;          /* SavedObjectGraph */
    cuv_field *nodes;           /* its objects */
    size_t count, capacity;
} tables;

/* A token of a table and its number. */
typedef struct row { int64_t number, integer; const uint8_t *text; size_t size; } row;

static bool part_of(const cuv_field *outer, uint32_t id, cuv_field *out)
{
    cuv_cursor c = cuv_cursor_at(outer->data, outer->size, 0);
    while (cuv_field_next(&c, out))
        if (out->id == id)
            return true;
    return false;
}

static bool is_text(const cuv_field *f, const char *text)
{
    return f->wire == 2 && f->size == strlen(text) && memcmp(f->data, text, f->size) == 0;
}

/* SavedObjectGraph: 1 nodes. */
static cuv_status read_nodes(tables *t)
{
    cuv_cursor c = cuv_cursor_at(t->objects.data, t->objects.size, 0);
    cuv_field f;
    while (cuv_field_next(&c, &f)) {
        if (f.id != 1 || f.wire != 2)
            continue;
        cuv_field *nodes = cuv_arena_grow(t->ev->arena, t->nodes, t->count, &t->capacity, sizeof *nodes);
        if (!nodes)
            return cuv_oom(t->ev->cx);
        t->nodes = nodes;
        nodes[t->count++] = f;
    }
    return CUV_OK;
}

/* SavedObject: 1 children = ObjectReference {1 node_id, 2 local_name}. SIZE_MAX: it has none of that name. */
static size_t child_of(const tables *t, size_t node, const char *name, size_t size)
{
    cuv_cursor c = cuv_cursor_at(t->nodes[node].data, t->nodes[node].size, 0);
    cuv_field f, id, local;
    while (cuv_field_next(&c, &f)) {
        if (f.id != 1 || f.wire != 2 || !part_of(&f, 2, &local) || local.wire != 2 || local.size != size ||
            memcmp(local.data, name, size) != 0)
            continue;
        if (part_of(&f, 1, &id) && id.wire == 0 && id.number < t->count)
            return (size_t)id.number;
    }
    return SIZE_MAX;
}

static size_t table_of(const tables *t, size_t layer)
{
    static const char *const inner[] = {"_lookup_layer", "_index_lookup_layer"}, *const names[] = {"lookup_table", "_table"};
    for (size_t i = 0; i < 2; i++) {
        const size_t below = child_of(t, layer, inner[i], strlen(inner[i]));
        layer = below == SIZE_MAX ? layer : below;
    }
    for (size_t i = 0; i < 2; i++) {
        const size_t table = child_of(t, layer, names[i], strlen(names[i]));
        if (table != SIZE_MAX)
            return table;
    }
    return SIZE_MAX;
}

/* The constants that the function which fills the table is bound to: SavedConcreteFunction {2 bound_inputs}, (table, keys, values). */
static bool constants_of(const tables *t, size_t table, uint64_t out[2])
{
    cuv_cursor c = cuv_cursor_at(t->objects.data, t->objects.size, 0);
    cuv_field f, function, bound;
    while (cuv_field_next(&c, &f)) {
        if (f.id != 2 || f.wire != 2 || !part_of(&f, 2, &function) || !part_of(&function, 2, &bound) || bound.wire != 2)
            continue;
        cuv_cursor b = cuv_cursor_at(bound.data, bound.size, 0);
        uint64_t ids[3];
        size_t n = 0;
        while (n < 3 && b.at < b.size && cuv_read_varint(&b, &ids[n]))
            n++;
        if (n == 3 && b.at == b.size && ids[0] == table && ids[1] < t->count && ids[2] < t->count) {
            memcpy(out, ids + 1, 2 * sizeof *out);
            return true;
        }
    }
    return false;
}

/* SavedObject {9 constant {1 operation}}; GraphDef {1 node {1 name, 5 attr {1 key, 2 value {8 tensor}}}}. */
static bool tensor_of(const tables *t, uint64_t node, cuv_field *out)
{
    cuv_cursor c = cuv_cursor_at(t->graph.data, t->graph.size, 0);
    cuv_field constant, operation, f, name, value;
    if (!part_of(&t->nodes[node], 9, &constant) || !part_of(&constant, 1, &operation) || operation.wire != 2)
        return false;
    while (cuv_field_next(&c, &f)) {
        if (f.id != 1 || f.wire != 2 || !part_of(&f, 1, &name) || name.size != operation.size || memcmp(name.data, operation.data, name.size))
            continue;
        cuv_cursor attrs = cuv_cursor_at(f.data, f.size, 0);
        while (cuv_field_next(&attrs, &f))
            if (f.id == 5 && f.wire == 2 && part_of(&f, 1, &name) && is_text(&name, "value") && part_of(&f, 2, &value))
                return part_of(&value, 8, out);
    }
    return false;
}

/* TensorProto {1 dtype, 4 tensor_content, 8 string_val, 10 int64_val}: fills numbers, or texts, of at most `most` rows. Returns how many. */
static size_t read_tensor(const cuv_field *tensor, row *rows, size_t most, bool numbers)
{
    cuv_cursor c = cuv_cursor_at(tensor->data, tensor->size, 0);
    cuv_field f;
    size_t n = 0;
    while (cuv_field_next(&c, &f) && n < most) {
        cuv_cursor inside = cuv_cursor_at(f.data, f.wire == 2 ? f.size : 0, 0);
        uint64_t x = f.number;
        if (f.id == 8 && f.wire == 2) {
            rows[n].text = f.data;
            rows[n++].size = f.size;
        } else if (f.id == 10 && f.wire == 0) {
            *(numbers ? &rows[n].number : &rows[n].integer) = (int64_t)x;
            n++;
        }
        for (; (f.id == 10 || f.id == 4) && f.wire == 2 && inside.at < inside.size && n < most; n++) {
            if (f.id == 10 ? !cuv_read_varint(&inside, &x) : (x = cuv_read_u64(&inside), inside.failed))
                return 0;
            *(numbers ? &rows[n].number : &rows[n].integer) = (int64_t)x;
        }
    }
    return n;
}

static bool is_strings(const cuv_field *tensor)
{
    cuv_field dtype;
    return part_of(tensor, 1, &dtype) && dtype.number == 7;
}

static int by_number(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* The tokens in the order of their numbers; NULL: the table is not of this kind. */
static cuv_status read_table(tables *t, const uint64_t constants[2], bool inverse, cuv_value **out)
{
    cuv_arena *arena = t->ev->arena;
    cuv_field keys, values;
    *out = NULL;
    if (!tensor_of(t, constants[inverse], &keys) || !tensor_of(t, constants[!inverse], &values) || is_strings(&values))
        return CUV_OK;
    const size_t most = keys.size < values.size * 8 + 8 ? keys.size + 1 : values.size * 8 + 8;     /* a row is a byte at least, in both */
    row *rows = CUV_NEW_ARRAY(arena, row, most + 1);
    cuv_value *list = cuv_value_list(arena);
    if (!rows || !list)
        return cuv_oom(t->ev->cx);
    memset(rows, 0, (most + 1) * sizeof *rows);
    const size_t n = read_tensor(&keys, rows, most, false);
    if (!n || read_tensor(&values, rows, most, true) != n)
        return CUV_OK;
    qsort(rows, n, sizeof *rows, by_number);
    for (size_t i = 0; i < n; i++) {
        char *text = rows[i].text ? cuv_arena_strndup(arena, (const char *)rows[i].text, rows[i].size) : NULL;
        if (rows[i].text && (!text || !cuv_utf8_valid(text, rows[i].size)))
            return text ? CUV_OK : cuv_oom(t->ev->cx);
        CUV_TRY(cuv_list_add(arena, list, text ? cuv_value_text(arena, text) : cuv_value_int(arena, rows[i].integer)));
    }
    *out = list;
    return CUV_OK;
}

/* ---- into the configuration */

static const cuv_value *layer_named(const cuv_value *config, const char *name)
{
    const cuv_value *layers = cuv_get(config, "layers");
    for (size_t i = 0; i < cuv_len(layers); i++)
        if (cuv_streq(cuv_get_text(cuv_get(cuv_item(layers, i), "config"), "name"), name))
            return cuv_item(layers, i);
    return NULL;
}

static const char *name_at(const cuv_saved_names *names, const char *path, size_t size)
{
    for (size_t i = 0; i < names->count; i++)
        if (strlen(names->items[i].path) == size && memcmp(names->items[i].path, path, size) == 0)
            return names->items[i].name;
    return NULL;
}

/* Follows a layer's path through the configuration and the graph's objects; false: it is none of these, or takes no vocabulary. */
static bool follow(const tables *t, const cuv_saved_names *names, const char *path, size_t *node, cuv_value **config)
{
    const cuv_value *record = NULL;
    *config = cuv_get(t->file->config, "config");
    *node = 0;
    for (const char *part = path, *end; part; part = *end ? end + 1 : NULL) {
        end = strchr(part, '.') ? strchr(part, '.') : part + strlen(part);
        record = layer_named(*config, name_at(names, path, (size_t)(end - path)));
        *node = record ? child_of(t, *node, part, (size_t)(end - part)) : SIZE_MAX;
        if (*node == SIZE_MAX)
            return false;
        *config = cuv_get(record, "config");
    }
    return cuv_takes_vocabulary(cuv_get_text(record, "class_name"));
}

static cuv_status adopt(tables *t, size_t layer, cuv_value *config)
{
    uint64_t constants[2];
    cuv_value *list;
    const size_t table = table_of(t, layer);
    if (!cuv_is_null(cuv_get(config, "vocabulary")) || table == SIZE_MAX || !constants_of(t, table, constants))
        return CUV_OK;
    CUV_TRY(read_table(t, constants, cuv_get_bool(config, "invert", false), &list));
    return list ? cuv_dict_set(t->ev->arena, config, "vocabulary", list) : CUV_OK;
}

cuv_status cuv_saved_tables(struct cuv_evidence *ev, cuv_file *file, const cuv_source *graph, const cuv_saved_names *names)
{
    tables t = {.ev = ev, .file = file};
    cuv_field whole = {.data = graph->data, .size = graph->size}, meta;
    if (!part_of(&whole, 2, &meta) || !part_of(&meta, 2, &t.graph) || !part_of(&meta, 7, &t.objects))
        return CUV_OK;
    CUV_TRY(read_nodes(&t));
    for (size_t i = 0; i < names->count && t.count; i++) {
        cuv_value *config;
        size_t layer;
        if (follow(&t, names, names->items[i].path, &layer, &config))
            CUV_TRY(adopt(&t, layer, config));
    }
    return CUV_OK;
}
