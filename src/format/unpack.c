/* Whole files that gzip or zlib has compressed, as gzip.open and joblib.dump(compress=...) write them. The size of the contents is not
 * promised beforehand, so it is found out while unpacking, within the limit on expansion. */
#include "format/zip.h"

#include <zlib.h>

static bool is_gzip(const uint8_t *data, size_t size)
{
    return size > 2 && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8;
}

/* RFC 1950: deflate with a window of 32 KiB, no dictionary, and a check on the two bytes. */
static bool is_zlib(const uint8_t *data, size_t size)
{
    return size > 2 && data[0] == 0x78 && !(data[1] & 0x20) && (data[0] * 256 + data[1]) % 31 == 0;
}

bool cuv_is_packed(const uint8_t *data, size_t size)
{
    return is_gzip(data, size) || is_zlib(data, size);
}

static cuv_status damaged(cuv_context *cx, const cuv_source *src, const char *what)
{
    cuv_detail detail = {.file = src->name, .help = "get another copy of the file"};
    return cuv_fail(cx, CUV_DAMAGED, "file.unpack", &detail, "%s is compressed, and %s", src->name, what);
}

static cuv_status room(cuv_context *cx, const cuv_source *src, cuv_blob **blob, size_t used)
{
    enum { FIRST = 1 << 16, FREE_BYTES = 1 << 20 };
    uint64_t ratio = cuv_context_limits(cx)->expansion;
    cuv_blob *grown = NULL;
    size_t size = FIRST;
    if (used > FREE_BYTES && used / (ratio ? ratio : 1) > src->size) {
        cuv_detail detail = {.file = src->name};
        return cuv_fail(cx, CUV_UNSAFE, "file.expansion", &detail, "%s unpacks to more than %llu times its size", src->name,
                        (unsigned long long)ratio);
    }
    if (__builtin_mul_overflow(used, (size_t)2, &size))
        return cuv_oom(cx);
    CUV_TRY(cuv_blob_new(cx, size > FIRST ? size : FIRST, &grown));
    if (used)
        memcpy(grown->data, (*blob)->data, used);
    cuv_blob_release(*blob);
    *blob = grown;
    return CUV_OK;
}

/* All members of a gzip file, one after the other; the one stream of zlib. */
static cuv_status inflate_whole(cuv_context *cx, z_stream *z, const cuv_source *src, cuv_blob **blob, size_t *used)
{
    enum { CHUNK = 1 << 24 };
    size_t at = 0;
    for (int result = Z_OK; result != Z_STREAM_END || at < src->size || z->avail_in;) {
        if (result == Z_STREAM_END && inflateReset(z) != Z_OK)
            return damaged(cx, src, "something else stands behind it");
        if (z->avail_in == 0 && at < src->size) {
            z->next_in = (z_const Bytef *)(uintptr_t)(src->data + at);
            z->avail_in = src->size - at < CHUNK ? (unsigned)(src->size - at) : CHUNK;
            at += z->avail_in;
        }
        if (!*blob || *used == (*blob)->size)
            CUV_TRY(room(cx, src, blob, *used));
        size_t left = (*blob)->size - *used;
        z->next_out = (*blob)->data + *used;
        z->avail_out = left < CHUNK ? (unsigned)left : CHUNK;
        unsigned before = z->avail_out;
        result = inflate(z, Z_NO_FLUSH);
        *used += before - z->avail_out;
        CUV_TRY(cuv_check_time(cx));
        if (result == Z_MEM_ERROR)
            return cuv_oom(cx);
        if (result == Z_BUF_ERROR && !z->avail_in && at == src->size)
            return damaged(cx, src, "cut off: the compressed data ends too early");
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return damaged(cx, src, "damaged: its data or its checksum is wrong");
    }
    return CUV_OK;
}

/* The source becomes what was compressed; others stay as they are. */
cuv_status cuv_unpack(cuv_arena *arena, cuv_source *src)
{
    enum { ZLIB_OR_GZIP = 32 };
    cuv_context *cx = cuv_arena_context(arena);
    z_stream z = {.zalloc = cuv_zlib_alloc, .zfree = cuv_zlib_free, .opaque = cx};
    cuv_blob *blob = NULL;
    size_t used = 0;
    if (!cuv_is_packed(src->data, src->size))
        return CUV_OK;
    if (inflateInit2(&z, MAX_WBITS + ZLIB_OR_GZIP) != Z_OK)
        return cuv_oom(cx);
    cuv_status status = inflate_whole(cx, &z, src, &blob, &used);
    inflateEnd(&z);
    if (status == CUV_OK)
        status = cuv_arena_keep_blob(arena, blob);
    if (status == CUV_OK) {
        src->blob = blob;
        src->data = blob->data;
        src->size = used;
        src->offset = UINT64_MAX;   /* these bytes lie nowhere in the file */
    }
    cuv_blob_release(blob);
    return status;
}
