/* Tensors as views on shared blobs: making, viewing, reshaping, transposing. Element conversion is in convert.c. */
#include "base/base.h"

#include <assert.h>

bool cuv_shape_count(const int64_t *shape, int rank, size_t *out)
{
    size_t count = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return false;
        if (shape[i] == 0)
            empty = true; /* the others must fit nevertheless: strides are made of them */
        else if ((uint64_t)shape[i] > SIZE_MAX || !cuv_mul_size(count, (size_t)shape[i], &count))
            return false;
    }
    *out = empty ? 0 : count;
    return true;
}

size_t cuv_tensor_count(const cuv_tensor *t)
{
    size_t count = 0;
    return cuv_shape_count(t->shape, t->rank, &count) ? count : 0;
}

size_t cuv_tensor_bytes(const cuv_tensor *t)
{
    return cuv_tensor_count(t) * cuv_dtype_size(t->dtype);
}

bool cuv_shape_equal(const int64_t *a, int rank_a, const int64_t *b, int rank_b)
{
    if (rank_a != rank_b)
        return false;
    for (int i = 0; i < rank_a; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

const char *cuv_shape_text(cuv_context *cx, const int64_t *shape, int rank)
{
    char text[CUV_MAX_RANK * 22 + 8] = "(";
    size_t at = 1;
    for (int i = 0; i < rank && i < CUV_MAX_RANK; i++) {
        const char *comma = i > 0 ? ", " : "";
        int length = shape[i] == -1 ? snprintf(text + at, sizeof text - at, "%sNone", comma)
                                    : snprintf(text + at, sizeof text - at, "%s%lld", comma, (long long)shape[i]);
        at += (size_t)length;
    }
    return cuv_format(cx, "%s%s", text, rank == 1 ? ",)" : rank > CUV_MAX_RANK ? ", ...)" : ")");
}

/* Bytes of a tensor whose shape comes from a file. */
static cuv_status check_shape(cuv_context *cx, cuv_dtype dtype, const int64_t *shape, int rank, size_t *bytes)
{
    if (rank < 0 || rank > CUV_MAX_RANK)
        return cuv_fail(cx, CUV_UNSUPPORTED, "tensor.rank", NULL, "an array has %d axes; at most %d are supported", rank,
                        CUV_MAX_RANK);
    if (!cuv_shape_count(shape, rank, bytes) || !cuv_mul_size(*bytes, cuv_dtype_size(dtype), bytes))
        return cuv_fail(cx, CUV_DAMAGED, "tensor.shape", NULL, "no memory can hold an array of shape %s",
                        cuv_shape_text(cx, shape, rank));
    return CUV_OK;
}

static cuv_tensor *make(cuv_arena *arena, cuv_dtype dtype, const int64_t *shape, int rank)
{
    cuv_tensor *t = CUV_NEW(arena, cuv_tensor);
    if (t) {
        t->dtype = dtype;
        t->rank = rank;
        t->offset = UINT64_MAX;
        for (int i = 0; i < rank; i++)
            t->shape[i] = shape[i];
    }
    return t;
}

cuv_status cuv_tensor_new(cuv_arena *arena, cuv_dtype dtype, const int64_t *shape, int rank, cuv_tensor **out,
                          void **values)
{
    cuv_context *cx = cuv_arena_context(arena);
    size_t bytes = 0;
    *out = NULL;
    if (values)
        *values = NULL;
    CUV_TRY(check_shape(cx, dtype, shape, rank, &bytes));
    uint64_t limit = cuv_context_limits(cx)->tensor_bytes;
    if (bytes > limit) {
        cuv_detail detail = {.help = "raise the limit for tensors if you trust the file"};
        return cuv_fail(cx, CUV_UNSAFE, "tensor.too_large", &detail,
                        "an array of shape %s and type %s takes more than the limit of %llu bytes",
                        cuv_shape_text(cx, shape, rank), cuv_dtype_name(dtype), (unsigned long long)limit);
    }
    cuv_tensor *t = make(arena, dtype, shape, rank);
    if (!t)
        return cuv_oom(cx);
    cuv_blob *blob = NULL;
    CUV_TRY(cuv_blob_new(cx, bytes, &blob));
    cuv_status status = cuv_arena_keep_blob(arena, blob);
    cuv_blob_release(blob); /* the arena holds it now */
    CUV_TRY(status);
    t->blob = blob;
    t->data = blob->data;
    if (values)
        *values = blob->data;
    *out = t;
    return CUV_OK;
}

cuv_status cuv_tensor_view(cuv_arena *arena, cuv_blob *blob, const uint8_t *data, cuv_dtype dtype,
                           const int64_t *shape, int rank, cuv_tensor **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    size_t bytes = 0;
    *out = NULL;
    CUV_TRY(check_shape(cx, dtype, shape, rank, &bytes));
    if (blob && data) {
        uintptr_t start = (uintptr_t)blob->data, at = (uintptr_t)data;
        if (at < start || at - start > blob->size || bytes > blob->size - (at - start))
            return cuv_fail(cx, CUV_DAMAGED, "tensor.truncated", NULL,
                            "the file ends before the last value of an array of shape %s and type %s",
                            cuv_shape_text(cx, shape, rank), cuv_dtype_name(dtype));
        CUV_TRY(cuv_arena_keep_blob(arena, blob));
    }
    cuv_tensor *t = make(arena, dtype, shape, rank);
    if (!t)
        return cuv_oom(cx);
    t->blob = blob;
    t->data = data;
    if (blob && data)
        t->offset = (uint64_t)(data - blob->data);
    *out = t;
    return CUV_OK;
}

/* A tensor on the same blob; the arena may be another than the first one's. */
static cuv_status make_alias(cuv_arena *arena, const cuv_tensor *t, const int64_t *shape, int rank, cuv_tensor **out)
{
    *out = NULL;
    if (t->blob)
        CUV_TRY(cuv_arena_keep_blob(arena, t->blob));
    cuv_tensor *alias = make(arena, t->dtype, shape, rank);
    if (!alias)
        return cuv_oom(cuv_arena_context(arena));
    alias->data = t->data;
    alias->blob = t->blob;
    alias->offset = t->offset;
    alias->guessed_dtype = t->guessed_dtype;
    *out = alias;
    return CUV_OK;
}

cuv_status cuv_tensor_reshape(cuv_arena *arena, const cuv_tensor *t, const int64_t *shape, int rank, cuv_tensor **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    size_t count = 0;
    *out = NULL;
    if (rank < 0 || rank > CUV_MAX_RANK || !cuv_shape_count(shape, rank, &count) || count != cuv_tensor_count(t))
        return cuv_fail(cx, CUV_DAMAGED, "tensor.reshape", NULL, "the values of an array of shape %s do not fill %s",
                        cuv_shape_text(cx, t->shape, t->rank), cuv_shape_text(cx, shape, rank));
    return make_alias(arena, t, shape, rank, out);
}

cuv_status cuv_tensor_row(cuv_arena *arena, const cuv_tensor *t, int64_t index, cuv_tensor **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    *out = NULL;
    if (t->rank < 1 || index < 0 || index >= t->shape[0])
        return cuv_fail(cx, CUV_DAMAGED, "tensor.row", NULL, "an array of shape %s has no element %lld",
                        cuv_shape_text(cx, t->shape, t->rank), (long long)index);
    CUV_TRY(make_alias(arena, t, t->shape + 1, t->rank - 1, out));
    size_t skip = cuv_tensor_bytes(*out) * (size_t)index;
    if ((*out)->data)
        (*out)->data += skip;
    if ((*out)->offset != UINT64_MAX)
        (*out)->offset += skip;
    return CUV_OK;
}

/* Copies `count` elements that lie `stride` bytes apart. */
static void gather(uint8_t *dst, const uint8_t *src, size_t count, size_t stride, size_t size)
{
    switch (size) {
    case 4:
        for (size_t i = 0; i < count; i++)
            memcpy(dst + 4 * i, src + i * stride, 4);
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            memcpy(dst + 2 * i, src + i * stride, 2);
        break;
    default:
        for (size_t i = 0; i < count; i++)
            memcpy(dst + size * i, src + i * stride, size);
    }
}

static void transpose_into(uint8_t *dst, const cuv_tensor *out, const uint8_t *src, const size_t *stride)
{
    size_t size = cuv_dtype_size(out->dtype), at = 0;
    size_t inner = (size_t)out->shape[out->rank - 1], rows = cuv_tensor_count(out) / inner;
    int64_t index[CUV_MAX_RANK] = {0};
    for (size_t row = 0; row < rows; row++, dst += inner * size) {
        gather(dst, src + at, inner, stride[out->rank - 1], size);
        for (int axis = out->rank - 2; axis >= 0; axis--) {
            at += stride[axis];
            if (++index[axis] < out->shape[axis])
                break;
            at -= stride[axis] * (size_t)out->shape[axis];
            index[axis] = 0;
        }
    }
}

cuv_status cuv_tensor_reverse(cuv_arena *arena, const cuv_tensor *t, int axes, cuv_tensor **out)
{
    size_t blocks = 1, bytes = cuv_tensor_bytes(t);
    void *values = NULL;
    assert(axes <= t->rank && t->dtype != CUV_STR);
    CUV_TRY(cuv_tensor_new(arena, t->dtype, t->shape, t->rank, out, &values));
    for (int i = 0; i < axes; i++)
        blocks *= (size_t)t->shape[i];
    for (size_t i = 0; blocks && bytes && i < blocks; i++)
        memcpy((uint8_t *)values + i * (bytes / blocks), (const uint8_t *)t->data + (blocks - 1 - i) * (bytes / blocks), bytes / blocks);
    return CUV_OK;
}

cuv_status cuv_tensor_transpose(cuv_arena *arena, const cuv_tensor *t, const int *perm, cuv_tensor **out)
{
    int64_t shape[CUV_MAX_RANK] = {0};
    size_t source[CUV_MAX_RANK] = {0}, stride[CUV_MAX_RANK] = {0}, bytes = cuv_dtype_size(t->dtype);
    void *values = NULL;
    for (int i = t->rank - 1; i >= 0; i--) {
        source[i] = bytes;
        bytes *= (size_t)t->shape[i];
    }
    for (int i = 0; i < t->rank; i++) {
        assert(perm[i] >= 0 && perm[i] < t->rank);
        shape[i] = t->shape[perm[i]];
        stride[i] = source[perm[i]];
    }
    if (!t->data)
        return cuv_tensor_view(arena, NULL, NULL, t->dtype, shape, t->rank, out);
    CUV_TRY(cuv_tensor_new(arena, t->dtype, shape, t->rank, out, &values));
    if (t->blob && t->dtype == CUV_STR) /* the texts of strings lie elsewhere in their blob */
        CUV_TRY(cuv_arena_keep_blob(arena, t->blob));
    (*out)->guessed_dtype = t->guessed_dtype;
    if (t->rank == 0)
        memcpy(values, t->data, bytes);
    else if (cuv_tensor_count(t) > 0)
        transpose_into(values, *out, t->data, stride);
    return CUV_OK;
}
