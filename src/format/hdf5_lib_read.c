/* The HDF5 reader for everything that the own one leaves: chunks, filters, newer structures, through libhdf5. The file is given to
 * it as an image in memory, without a copy; it opens nothing else. Gives the same tree as the own reader, without addresses. */
#include "format/hdf5_lib.h"

enum { READ_ONLY = 0 };      /* H5F_ACC_RDONLY, whose macro calls into the library */

typedef struct reading {
    cuv_h5_job job;
    cuv_h5_lib lib;
} reading;

static cuv_status refused(const reading *r, const cuv_h5_frame *at)
{
    return cuv_h5_fail(&r->job, CUV_DAMAGED, "hdf5.refused", at, "libhdf5 cannot read it: %s",
                       cuv_h5_lib_words(&r->lib, r->job.cx));
}

/* ---- types and spaces ---- */

/* h5py's bool: an enumeration of one byte with FALSE = 0 and TRUE = 1. */
static bool is_bool(const cuv_h5_lib *h, hid_t t)
{
    static const char *const names[2] = {"FALSE", "TRUE"};
    hid_t base = h->Tget_super(t);
    bool same = base >= 0 && h->Tget_class(base) == H5T_INTEGER && h->Tget_size(t) == 1 && h->Tget_nmembers(t) == 2;
    for (unsigned i = 0; i < 2 && same; i++) {
        uint8_t value = 0xFF;
        char *name = h->Tget_member_name(t, i);
        same = name && cuv_streq(name, names[i]) && h->Tget_member_value(t, i, &value) >= 0 && value == i;
        if (name)
            h->free_memory(name);
    }
    if (base >= 0)
        h->Tclose(base);
    return same;
}

static void describe_float(const cuv_h5_lib *h, hid_t t, cuv_h5_type *out)
{
    size_t size = out->size, sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    H5T_order_t order = h->Tget_order(t);
    h->Tget_fields(t, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
    cuv_h5_float_form form = {size > 16 ? 0 : (unsigned)size, (unsigned)sign,         (unsigned)exponent, (unsigned)exponent_bits,
                              (unsigned)mantissa,             (unsigned)mantissa_bits, h->Tget_ebias(t)};
    cuv_h5_float_type(out, &form, order == H5T_ORDER_BE);
    if ((order != H5T_ORDER_LE && order != H5T_ORDER_BE) || h->Tget_norm(t) != H5T_NORM_IMPLIED ||
        h->Tget_precision(t) != 8 * size || h->Tget_offset(t) != 0)
        cuv_h5_foreign_type(out, CUV_H5_CLASS_FLOAT);
}

static void describe_text(const cuv_h5_lib *h, hid_t t, cuv_h5_type *out)
{
    if (h->Tis_variable_str(t) > 0) {
        out->kind = CUV_H5_VLEN_TEXT;
        return;
    }
    out->kind = CUV_H5_FIXED_TEXT;
    out->padding = (unsigned)h->Tget_strpad(t);
}

static cuv_status describe_type(const reading *r, const cuv_h5_frame *at, hid_t t, cuv_h5_type *out)
{
    const cuv_h5_lib *h = &r->lib;
    H5T_class_t class = h->Tget_class(t);
    *out = (cuv_h5_type){.size = h->Tget_size(t)};
    if (class < 0 || out->size == 0)
        return refused(r, at);
    if (class == H5T_INTEGER)
        cuv_h5_integer_type(out, out->size, h->Tget_sign(t) == H5T_SGN_2,
                            h->Tget_precision(t) == 8 * out->size && h->Tget_offset(t) == 0, h->Tget_order(t) == H5T_ORDER_BE);
    else if (class == H5T_FLOAT)
        describe_float(h, t, out);
    else if (class == H5T_STRING)
        describe_text(h, t, out);
    else if (class == H5T_OPAQUE)
        out->kind = CUV_H5_OPAQUE;
    else if (class == H5T_ENUM && is_bool(h, t))
        *out = (cuv_h5_type){.kind = CUV_H5_NUMBER, .dtype = CUV_BOOL, .size = 1};
    else
        cuv_h5_foreign_type(out, (int)class);
    return CUV_OK;
}

static cuv_status describe_space(const reading *r, const cuv_h5_frame *at, hid_t s, cuv_h5_space *out)
{
    const cuv_h5_lib *h = &r->lib;
    hsize_t sizes[H5S_MAX_RANK] = {0};
    H5S_class_t class = h->Sget_simple_extent_type(s);
    bool empty = false, fits = true;
    *out = (cuv_h5_space){.null = class == H5S_NULL, .count = class == H5S_NULL ? 0 : 1};
    if (class == H5S_NULL || class == H5S_SCALAR)
        return CUV_OK;
    out->rank = h->Sget_simple_extent_ndims(s);
    if (out->rank < 0 || out->rank > H5S_MAX_RANK || h->Sget_simple_extent_dims(s, sizes, NULL) < 0)
        return refused(r, at);
    for (int i = 0; i < out->rank; i++) {
        empty = empty || sizes[i] == 0;
        fits = fits && sizes[i] <= INT64_MAX && cuv_mul_size(out->count, (size_t)sizes[i], &out->count);
        if (i < CUV_MAX_RANK)
            out->shape[i] = (int64_t)sizes[i];
    }
    if (!fits && !empty)
        return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.size", at, "its shape has more elements than any memory");
    if (empty)
        out->count = 0;
    return CUV_OK;
}

/* An attribute or a data set: handles and what they are. */
typedef struct item {
    hid_t id, type, space;
    bool is_attribute;
    cuv_h5_type t;
    cuv_h5_space s;
} item;

static cuv_status item_open(const reading *r, const cuv_h5_frame *at, item *it)
{
    const cuv_h5_lib *h = &r->lib;
    it->type = it->is_attribute ? h->Aget_type(it->id) : h->Dget_type(it->id);
    it->space = it->is_attribute ? h->Aget_space(it->id) : h->Dget_space(it->id);
    if (it->type < 0 || it->space < 0)
        return refused(r, at);
    CUV_TRY(describe_type(r, at, it->type, &it->t));
    return describe_space(r, at, it->space, &it->s);
}

static void item_close(const reading *r, item *it)
{
    if (it->type >= 0)
        r->lib.Tclose(it->type);
    if (it->space >= 0)
        r->lib.Sclose(it->space);
}

/* Reads all elements as `type` has them in memory. */
static cuv_status item_read(const reading *r, const cuv_h5_frame *at, const item *it, hid_t type, void *to)
{
    const cuv_h5_lib *h = &r->lib;
    herr_t result = it->is_attribute ? h->Aread(it->id, type, to)
                                     : h->Dread(it->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
    return result < 0 ? refused(r, at) : CUV_OK;
}

/* ---- variable-length text ---- */

/* Copies `count` C strings into a list, or into strings where given. */
static cuv_status copy_texts(reading *r, char *const *texts, size_t count, cuv_value *list, cuv_string *strings)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[i] ? texts[i] : "";
        size_t size = strlen(text);
        CUV_TRY(cuv_h5_spend(&r->job, 16 + (uint64_t)size));
        if (!strings) {
            CUV_TRY(cuv_list_add(r->job.arena, list, cuv_h5_text_value(r->job.arena, text, size)));
            continue;
        }
        strings[i] = (cuv_string){cuv_arena_strndup(r->job.arena, text, size), size};
        if (!strings[i].data)
            return cuv_oom(r->job.cx);
    }
    return CUV_OK;
}

static cuv_status read_texts(reading *r, const cuv_h5_frame *at, const item *it, cuv_value *list, cuv_string *strings)
{
    size_t bytes;
    if (it->s.count == 0)
        return CUV_OK;
    if (!cuv_mul_size(it->s.count, sizeof(char *), &bytes))
        return cuv_oom(r->job.cx);
    CUV_TRY(cuv_h5_allow(&r->job, at, bytes, r->job.src->size));
    char **texts = cuv_alloc(r->job.cx, bytes);
    if (!texts)
        return cuv_oom(r->job.cx);
    memset(texts, 0, bytes);
    cuv_status status = item_read(r, at, it, it->type, texts);
    if (status == CUV_OK) {
        status = copy_texts(r, texts, it->s.count, list, strings);
        r->lib.Dvlen_reclaim(it->type, it->space, H5P_DEFAULT, texts);
    }
    cuv_release(r->job.cx, texts, bytes);
    return status;
}

/* ---- attributes ---- */

static cuv_status attribute_value(reading *r, const cuv_h5_frame *at, const item *it, cuv_value **out)
{
    size_t bytes;
    bool values = !it->s.null && it->s.count > 0 && (it->t.kind == CUV_H5_NUMBER || it->t.kind == CUV_H5_FIXED_TEXT);
    if (it->t.kind == CUV_H5_VLEN_TEXT && !it->s.null && it->s.count > 0) {
        cuv_value *list = cuv_value_list(r->job.arena);
        if (!list)
            return cuv_oom(r->job.cx);
        CUV_TRY(read_texts(r, at, it, list, NULL));
        *out = it->s.rank == 0 ? list->items[0] : list;
        return CUV_OK;
    }
    if (!values)
        return cuv_h5_value(&r->job, &it->t, &it->s, NULL, out);
    CUV_TRY(cuv_h5_bytes(&r->job, at, &it->t, &it->s, &bytes));
    CUV_TRY(cuv_h5_allow(&r->job, at, bytes, r->job.src->size));
    uint8_t *data = cuv_alloc(r->job.cx, bytes);
    if (!data)
        return cuv_oom(r->job.cx);
    cuv_status status = item_read(r, at, it, it->type, data);
    if (status == CUV_OK)
        status = cuv_h5_value(&r->job, &it->t, &it->s, data, out);
    cuv_release(r->job.cx, data, bytes);
    return status;
}

static cuv_status read_attribute(reading *r, const cuv_h5_frame *at, hid_t object, const char *name, cuv_h5 *node)
{
    item it = {.id = r->lib.Aopen(object, name, H5P_DEFAULT), .type = -1, .space = -1, .is_attribute = true};
    cuv_value *value = NULL;
    if (it.id < 0)
        return refused(r, at);
    cuv_status status = item_open(r, at, &it);
    if (status == CUV_OK)
        status = attribute_value(r, at, &it, &value);
    item_close(r, &it);
    r->lib.Aclose(it.id);
    CUV_TRY(status);
    return cuv_dict_add(r->job.arena, node->attributes, cuv_value_text(r->job.arena, name), value);
}

/* Names that an iteration gathers; reading comes after it. */
typedef struct names {
    reading *r;
    const cuv_h5_frame *at;
    const char **items;
    size_t count, capacity;
    cuv_status status;
} names;

static cuv_status add_name(names *n, const char *name, bool is_link)
{
    cuv_h5_job *job = &n->r->job;
    const char *copy;
    CUV_TRY(cuv_h5_take_name(job, n->at, name, strlen(name), is_link, &copy));
    const char **items = cuv_arena_grow(job->arena, n->items, n->count, &n->capacity, sizeof *items);
    if (!items)
        return cuv_oom(job->cx);
    n->items = items;
    items[n->count++] = copy;
    return CUV_OK;
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    names *n = data;
    (void)object;
    (void)info;
    n->status = add_name(n, name, false);
    return n->status == CUV_OK ? 0 : -1;
}

static cuv_status read_attributes(reading *r, const cuv_h5_frame *at, hid_t object, cuv_h5 *node)
{
    names n = {.r = r, .at = at};
    herr_t result = r->lib.Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_attribute, &n);
    CUV_TRY(n.status);
    if (result < 0)
        return refused(r, at);
    for (size_t i = 0; i < n.count; i++)
        CUV_TRY(read_attribute(r, at, object, n.items[i], node));
    return cuv_h5_sort_attributes(&r->job, at, node);
}

/* ---- data sets ---- */

static cuv_status check_filters(const reading *r, const cuv_h5_frame *at, hid_t plist)
{
    int count = r->lib.Pget_nfilters(plist);
    for (int i = 0; i < count; i++) {
        unsigned flags = 0, config = 0;
        size_t none = 0;
        H5Z_filter_t filter = r->lib.Pget_filter2(plist, (unsigned)i, &flags, &none, NULL, 0, NULL, &config);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
            cuv_detail detail = {.file = r->job.src->name,
                                 .help = "'h5repack -f NONE' where the filter is known makes a file without it"};
            return cuv_fail(r->job.cx, CUV_UNSAFE, "hdf5.filter", &detail,
                            "%s: %s is stored through filter %d; only deflate, shuffle and fletcher32 are read",
                            r->job.src->name, cuv_h5_where(&r->job, at, NULL), (int)filter);
        }
    }
    return count < 0 ? refused(r, at) : CUV_OK;
}

static cuv_status check_chunk(reading *r, const cuv_h5_frame *at, hid_t plist, const item *it, uint64_t stored)
{
    hsize_t sizes[H5S_MAX_RANK] = {0};
    int rank = r->lib.Pget_chunk(plist, H5S_MAX_RANK, sizes);
    size_t bytes = it->t.size;
    if (rank < 0)
        return refused(r, at);
    for (int i = 0; i < rank; i++)
        if (!cuv_mul_size(bytes, (size_t)sizes[i], &bytes))
            return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.size", at, "its chunks are larger than any memory");
    return cuv_h5_allow(&r->job, at, bytes, stored);
}

/* Refuses what leads outside the file or out of proportion, before anything is read. */
static cuv_status check_storage(reading *r, const cuv_h5_frame *at, const item *it, hid_t plist)
{
    H5D_layout_t layout = r->lib.Pget_layout(plist);
    size_t bytes;
    if (layout == H5D_VIRTUAL)
        return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.virtual", at, "its values are said to lie in other data sets");
    if (r->lib.Pget_external_count(plist) != 0)
        return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.external", at, "its values are said to lie in other files");
    if (layout < 0)
        return refused(r, at);
    CUV_TRY(check_filters(r, at, plist));
    uint64_t stored = r->lib.Dget_storage_size(it->id);
    stored = stored > 0 && layout == H5D_CHUNKED ? stored : r->job.src->size;
    if (layout == H5D_CHUNKED)
        CUV_TRY(check_chunk(r, at, plist, it, stored));
    CUV_TRY(cuv_h5_bytes(&r->job, at, &it->t, &it->s, &bytes));
    return cuv_h5_allow(&r->job, at, bytes, stored);
}

/* Numbers come in native order straight into the tensor. */
static cuv_status read_numbers(reading *r, const cuv_h5_frame *at, item *it, bool guessed, cuv_h5 *node)
{
    cuv_tensor *t;
    void *values;
    CUV_TRY(cuv_tensor_new(r->job.arena, it->t.dtype, it->s.shape, it->s.rank, &t, &values));
    t->guessed_dtype = guessed;
    node->tensor = t;
    if (it->s.count == 0)
        return CUV_OK;
    hid_t native = r->lib.Tcopy(it->type);
    if (native < 0 || (it->t.big_endian && r->lib.Tset_order(native, H5T_ORDER_LE) < 0))
        return refused(r, at);
    cuv_status status = item_read(r, at, it, native, values);
    r->lib.Tclose(native);
    return status;
}

/* Contiguous numbers in native order are viewed where they lie. */
static bool lies_in_file(const reading *r, const item *it, size_t bytes, uint64_t *address)
{
    *address = it->t.big_endian || bytes == 0 ? HADDR_UNDEF : r->lib.Dget_offset(it->id);
    return *address != HADDR_UNDEF && *address <= r->job.src->size && bytes <= r->job.src->size - *address;
}

static cuv_status read_fixed_texts(reading *r, const cuv_h5_frame *at, const item *it, size_t bytes, cuv_h5 *node)
{
    uint8_t *data = cuv_alloc(r->job.cx, bytes > 0 ? bytes : 1);
    if (!data)
        return cuv_oom(r->job.cx);
    cuv_status status = bytes > 0 ? item_read(r, at, it, it->type, data) : CUV_OK;
    if (status == CUV_OK)
        status = cuv_h5_set_tensor(&r->job, at, node, &it->t, &it->s, data, false);
    cuv_release(r->job.cx, data, bytes > 0 ? bytes : 1);
    return status;
}

static cuv_status dataset_values(reading *r, const cuv_h5_frame *at, item *it, cuv_h5 *node)
{
    size_t bytes;
    uint64_t address;
    bool guessed;
    cuv_string *strings;
    cuv_h5_type type = it->t;
    cuv_h5_settle_opaque(node, &type, &guessed);
    if (cuv_h5_note_foreign(node, &type, &it->s))
        return CUV_OK;
    CUV_TRY(cuv_h5_bytes(&r->job, at, &type, &it->s, &bytes));
    if (type.kind == CUV_H5_VLEN_TEXT) {
        CUV_TRY(cuv_h5_new_strings(&r->job, node, &it->s, &strings));
        return read_texts(r, at, it, NULL, strings);
    }
    if (type.kind == CUV_H5_FIXED_TEXT)
        return read_fixed_texts(r, at, it, bytes, node);
    if (lies_in_file(r, it, bytes, &address))
        return cuv_h5_set_tensor(&r->job, at, node, &it->t, &it->s, r->job.src->data + address, true);
    it->t = type;
    return read_numbers(r, at, it, guessed, node);
}

static cuv_status read_dataset(reading *r, const cuv_h5_frame *at, hid_t id, cuv_h5 *node)
{
    item it = {.id = id, .type = -1, .space = -1};
    hid_t plist = r->lib.Dget_create_plist(id);
    if (plist < 0)
        return refused(r, at);
    cuv_status status = item_open(r, at, &it);
    if (status == CUV_OK)
        status = check_storage(r, at, &it, plist);
    if (status == CUV_OK)
        status = dataset_values(r, at, &it, node);
    item_close(r, &it);
    r->lib.Pclose(plist);
    return status;
}

/* ---- groups ---- */

static cuv_status read_object(reading *r, const cuv_h5_frame *up, hid_t id, const char *name, cuv_h5 **out);

static herr_t on_link(hid_t group, const char *name, const void *info, void *data)
{
    names *n = data;
    H5L_type_t kind;
    (void)group;
    memcpy(&kind, info, sizeof kind);
    if (kind == H5L_TYPE_HARD) {
        n->status = add_name(n, name, true);
    } else {
        cuv_detail detail = {.file = n->r->job.src->name, .help = "replace the link by what it points at, or leave it out"};
        n->status = cuv_fail(n->r->job.cx, CUV_UNSAFE, "hdf5.link", &detail,
                             "%s: %s is %s link, which no Keras file needs", n->r->job.src->name,
                             cuv_h5_where(&n->r->job, n->at, name),
                             kind == H5L_TYPE_SOFT ? "a soft" : kind == H5L_TYPE_EXTERNAL ? "an external" : "a user-defined");
    }
    return n->status == CUV_OK ? 0 : -1;
}

static cuv_status read_group(reading *r, const cuv_h5_frame *at, hid_t group, cuv_h5 *node)
{
    names n = {.r = r, .at = at};
    herr_t result = r->lib.Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, on_link, &n);
    CUV_TRY(n.status);
    if (result < 0)
        return refused(r, at);
    if (n.count == 0)
        return CUV_OK;
    if (at->depth >= cuv_context_limits(r->job.cx)->depth)
        return cuv_h5_fail(&r->job, CUV_UNSAFE, "hdf5.depth", at, "groups are nested more than %u deep", at->depth);
    node->children = CUV_NEW_ARRAY(r->job.arena, cuv_h5 *, n.count);
    if (!node->children)
        return cuv_oom(r->job.cx);
    for (size_t i = 0; i < n.count; i++) {
        hid_t id = r->lib.Oopen(group, n.items[i], H5P_DEFAULT);
        cuv_h5_frame missing = {.up = at, .name = n.items[i]};
        if (id < 0)
            return refused(r, &missing);
        cuv_h5 *child;
        cuv_status status = read_object(r, at, id, n.items[i], &child);
        r->lib.Oclose(id);
        CUV_TRY(status);
        node->children[node->child_count++] = child;
    }
    return cuv_h5_sort_children(&r->job, at, node);
}

static cuv_status read_object(reading *r, const cuv_h5_frame *up, hid_t id, const char *name, cuv_h5 **out)
{
    enum { BASIC = 1 };
    cuv_h5_object_info info;
    cuv_h5_frame frame = {.up = up, .name = name, .depth = up ? up->depth + 1 : 0};
    cuv_h5 *node, *earlier;
    *out = NULL;
    if (r->lib.Oget_info2(id, &info, BASIC) < 0)
        return refused(r, &frame);
    frame.address = info.addr;
    CUV_TRY(cuv_h5_make_node(&r->job, name, true, &node));
    CUV_TRY(cuv_h5_meet(&r->job, &frame, node, &earlier));
    if (earlier)
        return cuv_h5_same_node(&r->job, earlier, name, out);
    H5I_type_t kind = r->lib.Iget_type(id);
    node->is_group = kind == H5I_GROUP || kind == H5I_FILE;
    CUV_TRY(read_attributes(r, &frame, id, node));
    if (node->is_group)
        CUV_TRY(read_group(r, &frame, id, node));
    else if (kind == H5I_DATASET)
        CUV_TRY(read_dataset(r, &frame, id, node));
    else
        node->unsupported = "a datatype by itself";
    *out = node;
    return CUV_OK;
}

/* ---- the image ---- */

/* libhdf5 wants to copy the image three times; these let it have the source's own bytes, which it only reads. */
static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *data)
{
    const cuv_source *src = data;
    (void)op;
    return size == src->size ? (void *)(uintptr_t)src->data : NULL;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *data)
{
    const cuv_source *src = data;
    (void)op;
    return to == from && size == src->size ? to : NULL;
}

static void *image_resize(void *image, size_t size, H5FD_file_image_op_t op, void *data)
{
    (void)image;
    (void)size;
    (void)op;
    (void)data;
    return NULL;
}

static herr_t image_free(void *image, H5FD_file_image_op_t op, void *data)
{
    (void)image;
    (void)op;
    (void)data;
    return 0;
}

static void *data_copy(void *data)
{
    return data;
}

static herr_t data_free(void *data)
{
    (void)data;
    return 0;
}

static hid_t open_image(const cuv_h5_lib *h, const cuv_source *src)
{
    H5FD_file_image_callbacks_t callbacks = {image_malloc, image_copy, image_resize,
                                             image_free,   data_copy,  data_free, (void *)(uintptr_t)src};
    hid_t file = -1, plist = h->Pcreate(h->P_CLS_FILE_ACCESS_ID);
    if (plist >= 0 && h->Pset_fapl_core(plist, 1 << 16, 0) >= 0 && h->Pset_file_image_callbacks(plist, &callbacks) >= 0 &&
        h->Pset_file_image(plist, (void *)(uintptr_t)src->data, src->size) >= 0)
        file = h->Fopen("cuvier-image", READ_ONLY, plist);
    if (plist >= 0)
        h->Pclose(plist);
    return file;
}

static cuv_status read_file(reading *r, cuv_h5 **out)
{
    cuv_h5_frame root = {.name = ""};
    hid_t file = r->job.src->size > 0 ? open_image(&r->lib, r->job.src) : -1;
    if (file < 0)
        return refused(r, &root);
    hid_t id = r->lib.Oopen(file, "/", H5P_DEFAULT);
    cuv_status status = id < 0 ? refused(r, &root) : read_object(r, NULL, id, "", out);
    if (id >= 0)
        r->lib.Oclose(id);
    r->lib.Fclose(file);
    return status;
}

cuv_status cuv_h5_read_by_lib(cuv_arena *arena, const cuv_source *src, const char *need, void (*ready)(void *user), void *user,
                              cuv_h5 **out)
{
    reading r;
    *out = NULL;
    cuv_h5_job_start(&r.job, arena, src);
    if (cuv_h5_lib_open(&r.lib) != CUV_OK)
        return cuv_h5_lib_missing(r.job.cx, src->name, need);
    if (ready)
        ready(user);
    cuv_h5 *node = NULL;
    cuv_status status = read_file(&r, &node);
    cuv_h5_lib_close(&r.lib);
    if (status == CUV_OK)
        *out = node;
    return status;
}
