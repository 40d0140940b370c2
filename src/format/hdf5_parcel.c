/* A tree of HDF5 objects as one run of bytes, from the process in which libhdf5 read it. Little-endian; every part is preceded by
 * its size. Reading trusts nothing: the other process may have been taken over by the file.
 *
 *   parcel   status u8; 0: node of the root; else failure
 *   failure  9 texts: id, message, file, layer, tensor, expected, found, notes, help
 *   node     name text, form u8: GROUP, DATASET, or SAME with the number u32 of an earlier data set (in order of sending)
 *            unsupported text, attributes u32 x (name text, value), tensor u8 (0, 1), tensor;
 *            GROUP: children u32 x node
 *   value    kind u8 of cuv_kind, then: TRUTH u8, INTEGER u64, REAL 8 bytes, TEXT and BYTES text, LIST u32 x value, TENSOR tensor
 *   tensor   dtype u8, guessed u8, rank u8, shape u64 x rank, place u8: FILE offset u64; HERE padding to 64, bytes;
 *            TEXTS text x count
 *   text     u32 size + 1, bytes; 0 for NULL */
#include "format/hdf5.h"

enum { FORM_GROUP, FORM_DATASET, FORM_SAME };
enum { PLACE_FILE, PLACE_HERE, PLACE_TEXTS };
enum { ALIGNMENT = 64, FAILURE_TEXTS = 9 };

/* ---- packing ---- */

static void put(cuv_h5_parcel *p, const void *data, size_t size)
{
    if (p->write && !p->failed && size > 0 && !p->write(p->user, data, size))
        p->failed = true;
    p->size += size;
}

static void put_uint(cuv_h5_parcel *p, uint64_t value, unsigned bytes)
{
    uint8_t text[8];
    for (unsigned i = 0; i < bytes; i++)
        text[i] = (uint8_t)(value >> (8 * i));
    put(p, text, bytes);
}

static void put_text(cuv_h5_parcel *p, const char *text, size_t size)
{
    if (size >= UINT32_MAX)
        p->failed = true;
    put_uint(p, text ? (uint64_t)size + 1 : 0, 4);
    put(p, text, text ? size : 0);
}

static void put_name(cuv_h5_parcel *p, const char *text)
{
    put_text(p, text, text ? strlen(text) : 0);
}

static void put_count(cuv_h5_parcel *p, size_t count)
{
    if (count > UINT32_MAX)
        p->failed = true;
    put_uint(p, count, 4);
}

static void put_strings(cuv_h5_parcel *p, const cuv_tensor *t)
{
    put_uint(p, PLACE_TEXTS, 1);
    for (size_t i = 0; i < cuv_tensor_count(t); i++) {
        cuv_string s;
        memcpy(&s, t->data + i * sizeof s, sizeof s);
        put_text(p, s.data ? s.data : "", s.size);
    }
}

static void put_tensor(cuv_h5_parcel *p, const cuv_source *src, const cuv_tensor *t)
{
    static const uint8_t zeros[ALIGNMENT];
    put_uint(p, (uint64_t)t->dtype, 1);
    put_uint(p, t->guessed_dtype, 1);
    put_uint(p, (uint64_t)t->rank, 1);
    for (int i = 0; i < t->rank; i++)
        put_uint(p, (uint64_t)t->shape[i], 8);
    if (t->dtype == CUV_STR) {
        put_strings(p, t);
    } else if (t->blob == src->blob) {
        put_uint(p, PLACE_FILE, 1);
        put_uint(p, (uint64_t)(t->data - src->data), 8);
    } else {
        put_uint(p, PLACE_HERE, 1);
        put(p, zeros, (size_t)(-p->size % ALIGNMENT));
        put(p, t->data, cuv_tensor_bytes(t));
    }
}

static void put_value(cuv_h5_parcel *p, const cuv_source *src, const cuv_value *v)
{
    put_uint(p, (uint64_t)v->kind, 1);
    switch (v->kind) {
    case CUV_NULL:
        break;
    case CUV_TRUTH:
        put_uint(p, v->truth, 1);
        break;
    case CUV_INTEGER:
        put_uint(p, (uint64_t)v->integer, 8);
        break;
    case CUV_REAL:
        put(p, &v->real, sizeof v->real);
        break;
    case CUV_TEXT:
    case CUV_BYTES:
        put_text(p, v->text, v->size);
        break;
    case CUV_LIST:
        put_count(p, v->size);
        for (size_t i = 0; i < v->size; i++)
            put_value(p, src, v->items[i]);     /* of depth 1: attributes hold no nested lists */
        break;
    case CUV_TENSOR:
        put_tensor(p, src, v->tensor);
        break;
    case CUV_TUPLE:
    case CUV_DICT:
        p->failed = true;
    }
}

/* Data sets sent, by their attributes, which copies of a node under other names share. */
typedef struct sending {
    cuv_h5_parcel *p;
    const cuv_source *src;
    cuv_arena *arena;
    cuv_map *numbers;        /* values: number + 1 as a pointer */
    uintptr_t count;
} sending;

static cuv_status number_of(sending *s, const cuv_h5 *node, uintptr_t *known)
{
    char key[2 + 2 * sizeof(void *) + 1];
    snprintf(key, sizeof key, "%jx", (uintmax_t)(uintptr_t)node->attributes);
    *known = (uintptr_t)cuv_map_get(s->numbers, key);
    if (*known)
        return CUV_OK;
    char *kept = cuv_arena_strdup(s->arena, key);
    return kept ? cuv_map_set(s->numbers, kept, (void *)++s->count) : cuv_oom(cuv_arena_context(s->arena));
}

static cuv_status put_node(sending *s, const cuv_h5 *node)
{
    cuv_h5_parcel *p = s->p;
    uintptr_t known = 0;
    put_name(p, node->name);
    if (!node->is_group)
        CUV_TRY(number_of(s, node, &known));
    put_uint(p, known ? FORM_SAME : node->is_group ? FORM_GROUP : FORM_DATASET, 1);
    if (known) {
        put_count(p, known - 1);
        return CUV_OK;
    }
    put_name(p, node->unsupported);
    put_count(p, node->attributes->size);
    for (size_t i = 0; i < node->attributes->size; i++) {
        put_name(p, node->attributes->pairs[i].key->text);
        put_value(p, s->src, node->attributes->pairs[i].value);
    }
    put_uint(p, node->tensor != NULL, 1);
    if (node->tensor)
        put_tensor(p, s->src, node->tensor);
    if (!node->is_group)
        return CUV_OK;
    put_count(p, node->child_count);
    for (size_t i = 0; i < node->child_count; i++)
        CUV_TRY(put_node(s, node->children[i]));
    return CUV_OK;
}

cuv_status cuv_h5_pack_tree(cuv_h5_parcel *p, cuv_arena *arena, const cuv_source *src, const cuv_h5 *root)
{
    sending s = {p, src, arena, cuv_map_new(arena), 0};
    if (!s.numbers)
        return cuv_oom(cuv_arena_context(arena));
    put_uint(p, CUV_OK, 1);
    CUV_TRY(put_node(&s, root));
    return p->failed ? CUV_IO : CUV_OK;
}

void cuv_h5_pack_failure(cuv_h5_parcel *p, cuv_status status, const cuv_finding *finding)
{
    static const cuv_finding none;
    const cuv_finding *f = finding ? finding : &none;
    const char *texts[FAILURE_TEXTS] = {f->id,       f->message, f->file,  f->layer, f->tensor,
                                        f->expected, f->found,   f->notes, f->help};
    put_uint(p, (uint64_t)status, 1);
    for (size_t i = 0; i < FAILURE_TEXTS; i++)
        put_name(p, texts[i]);
}

/* ---- unpacking ---- */

typedef struct receiving {
    cuv_h5_job job;          /* over the bytes: they bound the work */
    const cuv_source *src;   /* the file */
    cuv_cursor c;
    cuv_h5 **datasets;       /* in the order of sending */
    size_t dataset_count, dataset_capacity;
} receiving;

static cuv_status senseless(const receiving *r, const char *what)
{
    cuv_detail detail = {.file = r->src->name, .help = "get another copy of the file, and do not trust this one"};
    return cuv_fail(r->job.cx, CUV_DAMAGED, "hdf5.answer", &detail,
                    "%s: the process in which libhdf5 read it gave an answer that makes no sense (%s)", r->src->name, what);
}

/* Text that may be NULL (*text), inside the bytes. */
static bool take_text(receiving *r, const char **text, size_t *size)
{
    uint32_t stored = cuv_read_u32(&r->c);
    *size = stored ? stored - 1 : 0;
    *text = stored ? (const char *)cuv_read_bytes(&r->c, *size) : NULL;
    return !r->c.failed;
}

/* UTF-8 without NUL, in the arena; NULL for NULL. */
static cuv_status take_words(receiving *r, const char **out)
{
    const char *text;
    size_t size;
    *out = NULL;
    if (!take_text(r, &text, &size))
        return senseless(r, "it ends early");
    if (!text)
        return CUV_OK;
    if (memchr(text, 0, size) || !cuv_utf8_valid(text, size))
        return senseless(r, "text that is none");
    *out = cuv_arena_strndup(r->job.arena, text, size);
    return *out ? CUV_OK : cuv_oom(r->job.cx);
}

/* A number of things that take at least `least` bytes each. */
static cuv_status take_count(receiving *r, size_t least, size_t *out)
{
    *out = cuv_read_u32(&r->c);
    if (r->c.failed || *out > (r->c.size - r->c.at) / least)
        return senseless(r, "more things than bytes");
    return CUV_OK;
}

typedef struct form {
    cuv_dtype dtype;
    bool guessed;
    int rank;
    int64_t shape[CUV_MAX_RANK];
    size_t count, bytes;
} form;

static cuv_status take_form(receiving *r, form *f)
{
    unsigned dtype = cuv_read_u8(&r->c), guessed = cuv_read_u8(&r->c), rank = cuv_read_u8(&r->c);
    *f = (form){0};
    if (r->c.failed || dtype > CUV_STR || rank > CUV_MAX_RANK)
        return senseless(r, "an array of no type");
    f->dtype = (cuv_dtype)dtype;
    f->guessed = guessed != 0;
    f->rank = (int)rank;
    for (int i = 0; i < f->rank; i++) {
        uint64_t size = cuv_read_u64(&r->c);
        if (size > INT64_MAX)
            return senseless(r, "an array of no shape");
        f->shape[i] = (int64_t)size;
    }
    if (!cuv_shape_count(f->shape, f->rank, &f->count) || !cuv_mul_size(f->count, cuv_dtype_size(f->dtype), &f->bytes))
        return senseless(r, "an array larger than any memory");
    return CUV_OK;
}

static cuv_status take_strings(receiving *r, const form *f, cuv_tensor **out)
{
    void *values;
    if (f->dtype != CUV_STR || f->count > (r->c.size - r->c.at) / 4)
        return senseless(r, "more texts than bytes");
    CUV_TRY(cuv_tensor_new(r->job.arena, CUV_STR, f->shape, f->rank, out, &values));
    for (size_t i = 0; i < f->count; i++) {
        const char *text;
        size_t size;
        if (!take_text(r, &text, &size) || !text)
            return senseless(r, "it ends early");
        cuv_string s = {cuv_arena_strndup(r->job.arena, text, size), size};
        if (!s.data)
            return cuv_oom(r->job.cx);
        memcpy((cuv_string *)values + i, &s, sizeof s);
    }
    return CUV_OK;
}

static cuv_status take_tensor(receiving *r, cuv_tensor **out)
{
    form f;
    CUV_TRY(take_form(r, &f));
    unsigned place = cuv_read_u8(&r->c);
    const cuv_source *in = r->job.src;
    const uint8_t *data = NULL;
    uint64_t offset = UINT64_MAX;
    if (place == PLACE_TEXTS)
        return take_strings(r, &f, out);
    if (place == PLACE_FILE) {
        in = r->src;
        uint64_t at = cuv_read_u64(&r->c);
        if (!r->c.failed && at <= in->size && f.bytes <= in->size - at) {
            data = in->data + at;
            offset = in->offset + at;
        }
    } else if (place == PLACE_HERE) {
        cuv_skip(&r->c, (size_t)(-r->c.at % ALIGNMENT));
        data = cuv_read_bytes(&r->c, f.bytes);
    }
    if (r->c.failed || !data || f.dtype == CUV_STR)
        return senseless(r, "an array without values");
    CUV_TRY(cuv_tensor_view(r->job.arena, in->blob, data, f.dtype, f.shape, f.rank, out));
    (*out)->offset = offset;
    (*out)->guessed_dtype = f.guessed;
    return CUV_OK;
}

static cuv_status take_value(receiving *r, bool nested, cuv_value **out);

static cuv_status take_list(receiving *r, cuv_value **out)
{
    size_t count;
    CUV_TRY(take_count(r, 1, &count));
    *out = cuv_value_list(r->job.arena);
    for (size_t i = 0; i < count; i++) {
        cuv_value *item;
        CUV_TRY(take_value(r, true, &item));
        CUV_TRY(cuv_list_add(r->job.arena, *out, item));
    }
    return CUV_OK;
}

static cuv_status take_value_text(receiving *r, unsigned kind, cuv_value **out)
{
    const char *text;
    size_t size;
    if (!take_text(r, &text, &size) || !text || (kind == CUV_TEXT && !cuv_utf8_valid(text, size)))
        return senseless(r, "text that is none");
    *out = kind == CUV_TEXT ? cuv_value_text_n(r->job.arena, text, size) : cuv_value_bytes(r->job.arena, text, size);
    return CUV_OK;
}

static cuv_status take_value(receiving *r, bool nested, cuv_value **out)
{
    cuv_arena *arena = r->job.arena;
    unsigned kind = cuv_read_u8(&r->c);
    *out = NULL;
    if (kind == CUV_NULL) {
        *out = cuv_value_null(arena);
    } else if (kind == CUV_TRUTH) {
        *out = cuv_value_bool(arena, cuv_read_u8(&r->c) != 0);
    } else if (kind == CUV_INTEGER) {
        *out = cuv_value_int(arena, (int64_t)cuv_read_u64(&r->c));
    } else if (kind == CUV_REAL) {
        uint64_t bits = cuv_read_u64(&r->c);
        double real;
        memcpy(&real, &bits, sizeof real);
        *out = cuv_value_real(arena, real);
    } else if (kind == CUV_TEXT || kind == CUV_BYTES) {
        CUV_TRY(take_value_text(r, kind, out));
    } else if (kind == CUV_LIST && !nested) {
        CUV_TRY(take_list(r, out));
    } else if (kind == CUV_TENSOR && !nested) {
        cuv_tensor *t;
        CUV_TRY(take_tensor(r, &t));
        *out = cuv_value_tensor(arena, t);
    } else {
        return senseless(r, "a value of no kind");
    }
    if (r->c.failed)
        return senseless(r, "it ends early");
    return *out ? CUV_OK : cuv_oom(r->job.cx);
}

static cuv_status take_attributes(receiving *r, const cuv_h5_frame *at, cuv_h5 *node)
{
    size_t count;
    CUV_TRY(take_count(r, 5, &count));
    for (size_t i = 0; i < count; i++) {
        const char *text, *name;
        size_t size;
        cuv_value *value;
        if (!take_text(r, &text, &size) || !text)
            return senseless(r, "an attribute without a name");
        CUV_TRY(cuv_h5_take_name(&r->job, at, text, size, false, &name));
        CUV_TRY(take_value(r, false, &value));
        CUV_TRY(cuv_dict_add(r->job.arena, node->attributes, cuv_value_text(r->job.arena, name), value));
    }
    return cuv_h5_sort_attributes(&r->job, at, node);
}

static cuv_status take_node(receiving *r, const cuv_h5_frame *up, cuv_h5 **out);

static cuv_status take_children(receiving *r, const cuv_h5_frame *at, cuv_h5 *node)
{
    size_t count;
    CUV_TRY(take_count(r, 9, &count));
    if (count > 0 && at->depth >= cuv_context_limits(r->job.cx)->depth)
        return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.depth", at, "groups are nested more than %u deep", at->depth);
    node->children = count > 0 ? CUV_NEW_ARRAY(r->job.arena, cuv_h5 *, count) : NULL;
    if (count > 0 && !node->children)
        return cuv_oom(r->job.cx);
    for (size_t i = 0; i < count; i++) {
        cuv_h5 *child;
        CUV_TRY(take_node(r, at, &child));
        node->children[node->child_count++] = child;
    }
    return cuv_h5_sort_children(&r->job, at, node);
}

static cuv_status keep_dataset(receiving *r, cuv_h5 *node)
{
    cuv_h5 **grown = cuv_arena_grow(r->job.arena, r->datasets, r->dataset_count, &r->dataset_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(r->job.cx);
    r->datasets = grown;
    grown[r->dataset_count++] = node;
    return CUV_OK;
}

/* An earlier data set under another name. */
static cuv_status take_same(receiving *r, const char *name, cuv_h5 **out)
{
    size_t number = cuv_read_u32(&r->c);
    if (r->c.failed || number >= r->dataset_count)
        return senseless(r, "a data set that was not sent");
    return cuv_h5_same_node(&r->job, r->datasets[number], name, out);
}

static cuv_status take_node(receiving *r, const cuv_h5_frame *up, cuv_h5 **out)
{
    cuv_h5_frame frame = {.up = up, .name = "", .address = r->c.at, .depth = up ? up->depth + 1 : 0};
    cuv_h5 *node, *earlier;
    const char *text;
    size_t size;
    if (!take_text(r, &text, &size) || !text || (!up && size > 0))
        return senseless(r, "an object without a name");
    if (up)
        CUV_TRY(cuv_h5_take_name(&r->job, up, text, size, true, &frame.name));
    unsigned kind = cuv_read_u8(&r->c);
    if (r->c.failed || kind > FORM_SAME)
        return senseless(r, "an object of no kind");
    CUV_TRY(cuv_h5_make_node(&r->job, frame.name, kind == FORM_GROUP, &node));
    CUV_TRY(cuv_h5_meet(&r->job, &frame, node, &earlier));      /* counts it; every place in the bytes is met once */
    *out = node;
    if (kind == FORM_SAME)
        return take_same(r, frame.name, out);
    CUV_TRY(take_words(r, &node->unsupported));
    CUV_TRY(take_attributes(r, &frame, node));
    if (cuv_read_u8(&r->c) != 0) {
        cuv_tensor *t;
        CUV_TRY(take_tensor(r, &t));
        node->tensor = t;
    }
    if (kind == FORM_GROUP)
        return take_children(r, &frame, node);
    return keep_dataset(r, node);
}

/* A finding of the reader, not of whoever took the process over: one of the statuses that a reader gives. */
static cuv_status take_failure(receiving *r, unsigned status)
{
    const char *texts[FAILURE_TEXTS];
    for (size_t i = 0; i < FAILURE_TEXTS; i++)
        CUV_TRY(take_words(r, &texts[i]));
    bool known = status == CUV_IO || status == CUV_DAMAGED || status == CUV_UNSAFE || status == CUV_UNSUPPORTED ||
                 status == CUV_MEMORY || status == CUV_TIMEOUT;
    if (status == CUV_MEMORY && !texts[0])
        return cuv_oom(r->job.cx);
    if (!known || !texts[0] || !*texts[0] || !texts[1] || !*texts[1])
        return senseless(r, "a failure without a reason");
    cuv_detail detail = {.file = texts[2], .layer = texts[3], .tensor = texts[4], .expected = texts[5], .found = texts[6],
                         .notes = texts[7], .help = texts[8]};
    return cuv_fail(r->job.cx, (cuv_status)status, texts[0], &detail, "%s", texts[1]);
}

cuv_status cuv_h5_unpack(cuv_arena *arena, const cuv_source *src, const cuv_source *bytes, cuv_h5 **out)
{
    receiving r = {.src = src, .c = cuv_cursor_at(bytes->data, bytes->size, 0)};
    cuv_h5 *root;
    *out = NULL;
    cuv_h5_job_start(&r.job, arena, bytes);
    unsigned status = cuv_read_u8(&r.c);
    if (r.c.failed)
        return senseless(&r, "it ends early");
    if (status != CUV_OK)
        return take_failure(&r, status);
    CUV_TRY(take_node(&r, NULL, &root));
    if (!root->is_group || r.c.at != r.c.size)
        return senseless(&r, root->is_group ? "more bytes than things" : "the root is no group");
    *out = root;
    return CUV_OK;
}
