/* YAML to values, on libyaml's events: the configurations that Keras 1 and 2 wrote with PyYAML.
 * No tag ever makes an object. Two are understood beyond YAML's own: Python's tuples, and the NumPy integers that Keras 1 left in its
 * dumps (`python/object/apply:numpy.core.multiarray.scalar`), which become numbers. Aliases share what their anchor stands for;
 * the tree counts as if it were written out. libyaml's own memory does not count against the context's limit; what it may hold is
 * bounded by the document's size. */
#include "format/yaml.h"
#include "format/numpy.h"

#include <yaml.h>

/* What a node may be used for: types and binaries are parts of a NumPy scalar and nothing else. */
typedef enum yaml_role { ROLE_VALUE, ROLE_TYPE, ROLE_BINARY } yaml_role;

typedef struct yaml_node {
    yaml_role role;
    cuv_value *value;       /* ROLE_TYPE: NULL; NULL too while an anchored collection is open */
    cuv_numpy_type type;
    uint64_t expanded;      /* values below, shared ones counted each time */
    uint32_t height;        /* levels of collections */
} yaml_node;

typedef enum yaml_call { CALL_NONE, CALL_SCALAR, CALL_DTYPE } yaml_call;

/* A collection that is being read. */
typedef struct yaml_frame {
    yaml_node node;
    yaml_node *anchor;      /* to be filled when the collection is complete; may be NULL */
    cuv_value *key;         /* of a mapping, waiting for its value */
    yaml_call call;
    cuv_numpy_type type;    /* parts of CALL_SCALAR */
    const cuv_value *payload;
    size_t parts;
} yaml_frame;

typedef struct yaml_reader {
    cuv_arena *arena, *scratch;
    cuv_context *cx;
    const cuv_source *src;
    yaml_parser_t parser;
    cuv_map *anchors;
    yaml_frame *frames;
    size_t count, capacity;
    cuv_value *root;
    yaml_mark_t mark;       /* of the event at hand */
    unsigned documents;
} yaml_reader;

/* ---- failure ---- */

static cuv_status fail_at(yaml_reader *r, cuv_status status, const char *id, const char *what)
{
    size_t line = r->mark.line + 1, column = r->mark.column + 1;
    cuv_detail detail = {.file = cuv_format(r->cx, "%s:%zu:%zu", r->src->name, line, column)};
    return cuv_fail(r->cx, status, id, &detail, "line %zu, column %zu: %s", line, column, what);
}

static cuv_status refuse_tag(yaml_reader *r, const char *tag)
{
    cuv_buffer quoted;
    cuv_buffer_init(&quoted, r->cx);
    cuv_buffer_safe(&quoted, tag, strlen(tag) < 200 ? strlen(tag) : 200);
    cuv_status status = fail_at(r, CUV_UNSAFE, "yaml.tag",
                                cuv_format(r->cx, "the tag %s asks for an object of Python; only plain data is read",
                                           quoted.failed ? "" : quoted.data));
    cuv_buffer_free(&quoted);
    return status;
}

static cuv_status parser_problem(yaml_reader *r)
{
    if (r->parser.error == YAML_MEMORY_ERROR)
        return cuv_oom(r->cx);
    r->mark = r->parser.problem_mark;
    return fail_at(r, CUV_DAMAGED, "yaml.syntax", r->parser.problem ? r->parser.problem : "this is no YAML");
}

/* ---- tags ---- */

static const char core[] = "tag:yaml.org,2002:";

/* The tag without YAML's own prefix, or NULL when it has another one. */
static const char *core_tag(const char *tag)
{
    return cuv_starts_with(tag, core) ? tag + sizeof core - 1 : NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; name && *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static const char *const text_tags[] = {"str", "python/str", "python/unicode", NULL};
static const char *const plain_tags[] = {"null", "bool", "int", "float", "python/none", "python/bool", "python/int",
                                         "python/long", "python/float", NULL};
static const char *const list_tags[] = {"seq", "python/list", NULL};
static const char *const tuple_tags[] = {"python/tuple", NULL};
static const char *const dict_tags[] = {"map", "python/dict", NULL};
static const char *const scalar_calls[] = {"python/object/apply:numpy.core.multiarray.scalar",
                                           "python/object/apply:numpy._core.multiarray.scalar", NULL};
static const char *const dtype_calls[] = {"python/object/apply:numpy.dtype", NULL};

/* ---- putting nodes in their places ---- */

static cuv_status add_to_call(yaml_reader *r, yaml_frame *f, const yaml_node *node)
{
    size_t part = f->parts++;
    if (part == 0 && node->role == ROLE_TYPE) {
        f->type = node->type;
        return CUV_OK;
    }
    bool bytes = node->role == ROLE_BINARY || (node->role == ROLE_VALUE && node->value->kind == CUV_TEXT);
    if (part != 1 || !bytes)
        return fail_at(r, CUV_DAMAGED, "yaml.numpy", "a NumPy number is made of a type and its bytes");
    f->payload = node->value;
    return CUV_OK;
}

static cuv_status add_key(yaml_reader *r, yaml_frame *f, cuv_value *key)
{
    if (key->kind == CUV_LIST || key->kind == CUV_DICT)
        return fail_at(r, CUV_DAMAGED, "yaml.key", "a list or a map cannot be a key");
    if (key->kind == CUV_TEXT && memchr(key->text, '\0', key->size))
        return fail_at(r, CUV_DAMAGED, "yaml.key", "a key has a NUL in it");
    if (key->kind == CUV_TEXT && cuv_get(f->node.value, key->text))
        return fail_at(r, CUV_DAMAGED, "yaml.duplicate",
                       cuv_format(r->cx, "the key %s occurs twice; which of its values counts is not certain",
                                  cuv_value_repr(r->cx, key)));
    f->key = key;
    return CUV_OK;
}

static cuv_status add_to_collection(yaml_reader *r, yaml_frame *f, const yaml_node *node)
{
    if (node->role != ROLE_VALUE)
        return fail_at(r, CUV_UNSAFE, "yaml.tag", "types and bytes are read as parts of a NumPy number only");
    if (f->node.value->kind != CUV_DICT)
        return cuv_list_add(r->arena, f->node.value, node->value);
    if (!f->key)
        return add_key(r, f, node->value);
    cuv_value *key = f->key;
    f->key = NULL;
    return cuv_dict_add(r->arena, f->node.value, key, node->value);
}

static cuv_status deliver(yaml_reader *r, const yaml_node *node)
{
    const cuv_limits *limits = cuv_context_limits(r->cx);
    if (r->count == 0) {
        r->root = node->value;
        return node->role == ROLE_VALUE ? CUV_OK : fail_at(r, CUV_UNSAFE, "yaml.tag", "the document is no plain data");
    }
    yaml_frame *f = &r->frames[r->count - 1];
    if (__builtin_add_overflow(f->node.expanded, node->expanded, &f->node.expanded) ||
        f->node.expanded > limits->items)
        return fail_at(r, CUV_UNSAFE, "yaml.items", "the document holds more values than the limit");
    if (f->node.height < node->height + 1)
        f->node.height = node->height + 1;
    if (node->height > limits->depth || r->count > limits->depth - node->height)
        return fail_at(r, CUV_UNSAFE, "yaml.depth", "lists and maps are nested deeper than the limit");
    return f->call == CALL_SCALAR ? add_to_call(r, f, node) : add_to_collection(r, f, node);
}

/* ---- anchors ---- */

/* The record for an anchor, empty until the node is complete; *out is NULL where there is no anchor. */
static cuv_status declare(yaml_reader *r, const yaml_char_t *anchor, yaml_node **out)
{
    *out = NULL;
    if (!anchor)
        return CUV_OK;
    char *name = cuv_arena_strdup(r->scratch, (const char *)anchor);
    *out = CUV_NEW(r->scratch, yaml_node);
    if (!name || !*out)
        return cuv_oom(r->cx);
    return cuv_map_set(r->anchors, name, *out);
}

static cuv_status read_alias(yaml_reader *r, const yaml_event_t *event)
{
    const yaml_node *node = cuv_map_get(r->anchors, (const char *)event->data.alias.anchor);
    if (!node)
        return fail_at(r, CUV_DAMAGED, "yaml.alias", "an alias stands for an anchor that has not occurred");
    if (!node->value && node->role != ROLE_TYPE)
        return fail_at(r, CUV_UNSAFE, "yaml.cycle", "a list or map contains itself");
    return deliver(r, node);
}

/* ---- scalars ---- */

/* RFC 2045 base64, with spaces and line breaks in it. */
static cuv_status decode_base64(yaml_reader *r, const char *text, size_t size, cuv_value **out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *bytes = cuv_arena_alloc(r->scratch, size + 1);
    size_t count = 0, padding = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    if (!bytes)
        return cuv_oom(r->cx);
    for (size_t i = 0; i < size; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
            continue;
        padding += text[i] == '=';
        if (text[i] != '=' && (!digit || padding > 0))
            return fail_at(r, CUV_DAMAGED, "yaml.binary", "the bytes are not written in base64");
        if (text[i] == '=')
            continue;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[count++] = (uint8_t)(bits >> held);
        }
    }
    *out = cuv_value_bytes(r->arena, bytes, count);
    return *out ? CUV_OK : cuv_oom(r->cx);
}

static bool has_kind(const char *name, cuv_kind kind)
{
    const char *type = strncmp(name, "python/", 7) == 0 ? name + 7 : name;
    switch (type[0]) {
    case 'n': return kind == CUV_NULL;
    case 'b': return kind == CUV_TRUTH;
    case 'f': return kind == CUV_REAL || kind == CUV_INTEGER;
    default: return kind == CUV_INTEGER || kind == CUV_REAL; /* int and long; big ones are floats here */
    }
}

static cuv_status make_scalar(yaml_reader *r, const yaml_event_t *event, yaml_node *node)
{
    const char *text = (const char *)event->data.scalar.value, *tag = (const char *)event->data.scalar.tag;
    size_t size = event->data.scalar.length;
    const char *name = tag ? core_tag(tag) : NULL;
    if (name && strcmp(name, "binary") == 0) {
        node->role = ROLE_BINARY;
        return decode_base64(r, text, size, &node->value);
    }
    if (tag && strcmp(tag, "!") != 0 && !is_one_of(name, text_tags) && !is_one_of(name, plain_tags))
        return refuse_tag(r, tag);
    bool plain = tag ? is_one_of(name, plain_tags) : event->data.scalar.plain_implicit;
    node->value = plain ? cuv_yaml_resolve(r->arena, text, size) : cuv_value_text_n(r->arena, text, size);
    if (!node->value)
        return cuv_oom(r->cx);
    if (tag && plain && !has_kind(name, node->value->kind))
        return fail_at(r, CUV_DAMAGED, "yaml.value", "the value is not of the type that its tag says");
    if (!tag && plain && size == 2 && memcmp(text, "<<", 2) == 0)
        return fail_at(r, CUV_UNSUPPORTED, "yaml.merge", "merge keys are not read; write the map out");
    return CUV_OK;
}

static cuv_status read_scalar(yaml_reader *r, const yaml_event_t *event)
{
    yaml_node node = {.expanded = 1}, *anchor = NULL;
    CUV_TRY(make_scalar(r, event, &node));
    CUV_TRY(declare(r, event->data.scalar.anchor, &anchor));
    if (anchor)
        *anchor = node;
    return deliver(r, &node);
}

/* ---- collections ---- */

static cuv_status open_collection(yaml_reader *r, cuv_value *value, yaml_call call, const yaml_char_t *anchor)
{
    yaml_node *record = NULL;
    if (r->count >= cuv_context_limits(r->cx)->depth)
        return fail_at(r, CUV_UNSAFE, "yaml.depth", "lists and maps are nested deeper than the limit");
    yaml_frame *frames = cuv_arena_grow(r->scratch, r->frames, r->count, &r->capacity, sizeof *frames);
    if (!frames || !value)
        return cuv_oom(r->cx);
    r->frames = frames;
    CUV_TRY(declare(r, anchor, &record));
    r->frames[r->count++] = (yaml_frame){.node = {.value = value, .expanded = 1}, .anchor = record, .call = call};
    return CUV_OK;
}

static cuv_status open_sequence(yaml_reader *r, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.sequence_start.tag;
    const char *name = tag ? core_tag(tag) : NULL;
    const yaml_char_t *anchor = event->data.sequence_start.anchor;
    if (is_one_of(name, tuple_tags))
        return open_collection(r, cuv_value_tuple(r->arena), CALL_NONE, anchor);
    if (is_one_of(name, scalar_calls))
        return open_collection(r, cuv_value_list(r->arena), CALL_SCALAR, anchor);
    if (is_one_of(name, dtype_calls))
        return open_collection(r, cuv_value_list(r->arena), CALL_DTYPE, anchor);
    if (tag && strcmp(tag, "!") != 0 && !is_one_of(name, list_tags))
        return refuse_tag(r, tag);
    return open_collection(r, cuv_value_list(r->arena), CALL_NONE, anchor);
}

static cuv_status open_mapping(yaml_reader *r, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.mapping_start.tag;
    const char *name = tag ? core_tag(tag) : NULL;
    const yaml_char_t *anchor = event->data.mapping_start.anchor;
    if (is_one_of(name, dtype_calls))
        return open_collection(r, cuv_value_dict(r->arena), CALL_DTYPE, anchor);
    if (tag && strcmp(tag, "!") != 0 && !is_one_of(name, dict_tags))
        return refuse_tag(r, tag);
    return open_collection(r, cuv_value_dict(r->arena), CALL_NONE, anchor);
}

/* numpy.dtype: a sequence of arguments, or a map of `args` and `state`, whose second item is the byte order. */
static cuv_status finish_dtype(yaml_reader *r, yaml_frame *f)
{
    const cuv_value *v = f->node.value, *args = v->kind == CUV_DICT ? cuv_get(v, "args") : v;
    const cuv_value *name = cuv_item(args, 0), *order = cuv_item(cuv_get(v, "state"), 1);
    if (!cuv_text(name))
        return fail_at(r, CUV_DAMAGED, "yaml.numpy", "a type of NumPy has no name");
    CUV_TRY(cuv_numpy_type_parse(r->cx, r->src, name->text, name->size, &f->node.type));
    if (order && (!cuv_text(order) || order->size != 1 || !cuv_numpy_type_order(&f->node.type, order->text[0])))
        return fail_at(r, CUV_DAMAGED, "yaml.numpy", "a type of NumPy has no byte order");
    f->node.role = ROLE_TYPE;
    f->node.value = NULL;
    return CUV_OK;
}

static cuv_status finish_scalar(yaml_reader *r, yaml_frame *f)
{
    if (f->parts != 2)
        return fail_at(r, CUV_DAMAGED, "yaml.numpy", "a NumPy number is made of a type and its bytes");
    CUV_TRY(cuv_numpy_scalar(r->arena, r->src, &f->type, (const uint8_t *)f->payload->text, f->payload->size,
                             &f->node.value));
    f->node.height = 0;
    return CUV_OK;
}

static cuv_status close_collection(yaml_reader *r)
{
    yaml_frame f = r->frames[--r->count];
    if (f.call == CALL_DTYPE)
        CUV_TRY(finish_dtype(r, &f));
    if (f.call == CALL_SCALAR)
        CUV_TRY(finish_scalar(r, &f));
    if (f.anchor)
        *f.anchor = f.node;
    return deliver(r, &f.node);
}

/* ---- the document ---- */

static cuv_status take_event(yaml_reader *r, const yaml_event_t *event)
{
    r->mark = event->start_mark;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return r->documents++ == 0 ? CUV_OK
                                   : fail_at(r, CUV_DAMAGED, "yaml.documents", "a second document begins in the file");
    case YAML_ALIAS_EVENT: return read_alias(r, event);
    case YAML_SCALAR_EVENT: return read_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT: return open_sequence(r, event);
    case YAML_MAPPING_START_EVENT: return open_mapping(r, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_collection(r);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
    return CUV_OK;
}

static cuv_status read_events(yaml_reader *r)
{
    enum { EVENTS_PER_LOOK = 1024 };
    bool at_end = false;
    for (size_t i = 1; !at_end; i++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event))
            return parser_problem(r);
        at_end = event.type == YAML_STREAM_END_EVENT;
        cuv_status status = take_event(r, &event);
        yaml_event_delete(&event);
        CUV_TRY(status);
        if (i % EVENTS_PER_LOOK == 0)
            CUV_TRY(cuv_check_time(r->cx));
    }
    return r->root ? CUV_OK : fail_at(r, CUV_DAMAGED, "yaml.empty", "the document is empty");
}

static cuv_status read_document(yaml_reader *r)
{
    r->scratch = cuv_arena_new(r->cx);
    r->anchors = r->scratch ? cuv_map_new(r->scratch) : NULL;
    if (!r->anchors || !yaml_parser_initialize(&r->parser))
        return cuv_oom(r->cx);
    yaml_parser_set_input_string(&r->parser, r->src->data, r->src->size);
    cuv_status status = read_events(r);
    yaml_parser_delete(&r->parser);
    return status;
}

cuv_status cuv_yaml_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out)
{
    yaml_reader r = {.arena = arena, .cx = cuv_arena_context(arena), .src = src};
    *out = NULL;
    if (src->size > cuv_context_limits(r.cx)->config_bytes)
        return fail_at(&r, CUV_UNSAFE, "yaml.size", "the document is larger than the limit");
    cuv_status status = read_document(&r);
    cuv_arena_free(r.scratch);
    if (status == CUV_OK)
        *out = r.root;
    return status;
}
