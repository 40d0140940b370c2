/* safetensors: a length, a JSON header, then the values. Names are whatever the exporter chose; all go into one group.
 * Layout as in the format's own description: ranges follow each other without holes or overlaps. */
#include "evidence/read.h"

#include <stdlib.h>

typedef struct range {
    uint64_t begin, end;
    const char *name;
} range;

static bool dtype_of(const char *text, cuv_dtype *out)
{
    static const struct { const char *name; cuv_dtype dtype; } names[] = {
        {"F64", CUV_F64}, {"F32", CUV_F32}, {"F16", CUV_F16}, {"BF16", CUV_BF16}, {"I64", CUV_I64}, {"I32", CUV_I32},
        {"I16", CUV_I16}, {"I8", CUV_I8}, {"U64", CUV_U64}, {"U32", CUV_U32}, {"U16", CUV_U16}, {"U8", CUV_U8},
        {"BOOL", CUV_BOOL}, {"F8_E4M3", CUV_F8E4M3}, {"F8_E5M2", CUV_F8E5M2}};
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++) {
        if (cuv_streq(text, names[i].name)) {
            *out = names[i].dtype;
            return true;
        }
    }
    return false;
}

static cuv_status damaged(cuv_context *cx, const cuv_file *file, const char *name, const char *what)
{
    cuv_detail detail = {.file = file->path, .tensor = name};
    return cuv_fail(cx, CUV_DAMAGED, "safetensors.layout", &detail, "%s%s%s: %s", file->name, name ? "#" : "",
                    name ? name : "", what);
}

static bool read_range(const cuv_value *record, size_t size, range *out)
{
    const cuv_value *offsets = cuv_get(record, "data_offsets");
    int64_t begin = 0, end = 0;
    if (cuv_len(offsets) != 2 || !cuv_as_int(cuv_item(offsets, 0), &begin) || !cuv_as_int(cuv_item(offsets, 1), &end))
        return false;
    if (begin < 0 || end < begin || (uint64_t)end > size)
        return false;
    out->begin = (uint64_t)begin;
    out->end = (uint64_t)end;
    return true;
}

static cuv_status read_tensor(cuv_collect *c, const char *name, const cuv_value *record, const uint8_t *data,
                              size_t size, range *at)
{
    cuv_context *cx = c->ev->cx;
    const cuv_value *shape = cuv_get(record, "shape");
    cuv_dtype dtype = CUV_F32;
    int64_t sizes[CUV_MAX_RANK] = {0};
    size_t count = 0, bytes = 0;
    cuv_tensor *t = NULL;
    if (!dtype_of(cuv_get_text(record, "dtype"), &dtype)) {
        cuv_detail detail = {
            .file = c->file->path, .tensor = name, .found = cuv_value_repr(cx, cuv_get(record, "dtype"))};
        return cuv_fail(cx, CUV_UNSUPPORTED, "safetensors.dtype", &detail,
                        "%s#%s has a dtype that cuvier does not know", c->file->name, name);
    }
    if (!cuv_is_seq(shape) || shape->size > CUV_MAX_RANK)
        return damaged(cx, c->file, name, "its shape is no list of at most 8 sizes");
    for (size_t i = 0; i < shape->size; i++)
        if (!cuv_as_int(shape->items[i], &sizes[i]))
            return damaged(cx, c->file, name, "its shape is no list of whole numbers");
    if (!read_range(record, size, at))
        return damaged(cx, c->file, name, "its data_offsets lie outside the file");
    if (!cuv_shape_count(sizes, (int)shape->size, &count) || !cuv_mul_size(count, cuv_dtype_size(dtype), &bytes) ||
        bytes != at->end - at->begin)
        return damaged(cx, c->file, name, "its shape and its data_offsets do not agree");
    CUV_TRY(cuv_tensor_view(c->ev->arena, c->file->source.blob, data + at->begin, dtype, sizes, (int)shape->size, &t));
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    const char *word = slash ? slash + 1 : dot ? dot + 1 : name;
    return cuv_collect_tensor(c, t, name, word);
}

static int by_begin(const void *a, const void *b)
{
    const range *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static cuv_status check_ranges(cuv_context *cx, const cuv_file *file, range *ranges, size_t count, size_t size)
{
    uint64_t at = 0;
    qsort(ranges, count, sizeof *ranges, by_begin);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].begin != at)
            return damaged(cx, file, ranges[i].name, "its values overlap others, or there is a hole before them");
        at = ranges[i].end;
    }
    return at == size ? CUV_OK : damaged(cx, file, NULL, "the values end before the file does");
}

static cuv_status read_tensors(cuv_collect *c, const cuv_value *header, const uint8_t *data, size_t size)
{
    size_t count = 0;
    range *ranges = CUV_NEW_ARRAY(c->ev->arena, range, cuv_len(header) + 1);
    if (!ranges)
        return cuv_oom(c->ev->cx);
    CUV_TRY(cuv_collect_group(c, NULL, NULL));
    for (size_t i = 0; i < cuv_len(header); i++) {
        const char *name = cuv_text(header->pairs[i].key);
        if (!name || cuv_streq(name, "__metadata__"))
            continue;
        ranges[count].name = name;
        CUV_TRY(read_tensor(c, name, header->pairs[i].value, data, size, &ranges[count]));
        count++;
    }
    return check_ranges(c->ev->cx, c->file, ranges, count, size);
}

cuv_status cuv_read_safetensors(struct cuv_evidence *ev, cuv_file *file)
{
    const cuv_source *src = &file->source;
    cuv_cursor c = cuv_cursor_at(src->data, src->size, 0);
    uint64_t size = cuv_read_u64(&c);
    cuv_value *header = NULL;
    cuv_collect collect;
    if (c.failed || size > src->size - 8)
        return damaged(ev->cx, file, NULL, "its header is longer than the file");
    cuv_source part = {src->blob, src->data + 8, (size_t)size, src->offset + 8, src->name};
    CUV_TRY(cuv_json_parse(ev->arena, &part, &header));
    if (header->kind != CUV_DICT)
        return damaged(ev->cx, file, NULL, "its header is no object");
    cuv_collect_start(&collect, ev, file);
    CUV_TRY(read_tensors(&collect, header, part.data + part.size, src->size - 8 - (size_t)size));
    const cuv_value *selftest = cuv_get(cuv_get(header, "__metadata__"), "cuvier_selftest");
    if (cuv_text(selftest))
        CUV_TRY(cuv_selftest_read(ev, file, selftest->text, selftest->size));
    file->arrangement = CUV_ARR_NAMED;
    file->kind = "safetensors";
    return CUV_OK;
}
