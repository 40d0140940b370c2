/* Pieces are cut into spans, which the threads of a pool take; a piece's result comes from those of its spans, whatever the number of threads. */
#include "run/fast/digest.h"

enum { SPAN = 4 << 20, ROW = 1024 };

typedef struct span {
    const uint8_t *data;
    size_t size;
    cuv_blob *blob;
    char digest[65];
    uint32_t sum;
} span;

typedef struct job {
    const cuv_mill *mill;
    span *spans;
    size_t count;
} job;

const cuv_mill *cuv_mill_best(void)
{
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return &cuv_mill_avx512;
    if (__builtin_cpu_supports("avx2"))
        return &cuv_mill_avx2;
#endif
    return &cuv_mill_base;
}

static cuv_status cut(cuv_arena *arena, const cuv_piece *pieces, size_t count, job *j)
{
    size_t spans = 0;
    for (size_t i = 0; i < count; i++)
        spans += pieces[i].size / SPAN + 1;
    j->mill = cuv_mill_best();
    j->spans = CUV_NEW_ARRAY(arena, span, spans + 1);
    if (!j->spans)
        return cuv_oom(cuv_arena_context(arena));
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0, more = 1; more; at += SPAN) {
            const size_t left = pieces[i].size - at;
            more = left > SPAN;
            j->spans[j->count++] = (span){.data = pieces[i].data ? pieces[i].data + at : NULL, .size = more ? SPAN : left, .blob = pieces[i].blob};
        }
    return CUV_OK;
}

/* The digests of the lanes, and what is left beside them. */
static void digest_span(void *arg, size_t i, size_t thread)
{
    (void)thread;
    const job *j = arg;
    span *s = &j->spans[i];
    uint8_t text[8 * 16 * 4 + ROW];
    const size_t rows = s->size / ROW, rest = s->size % ROW, made = rows ? 8 * 16 * 4 : 0;
    uint32_t state[8][16];
    if (rows) {
        j->mill->lanes(state, s->data, rows);
        memcpy(text, state, sizeof state);
    }
    if (rest)
        memcpy(text + made, s->data + rows * ROW, rest);
    cuv_sha256_hex(text, made + rest, s->digest);
    cuv_blob_forget(s->blob, s->data, s->size);
}

static void sum_span(void *arg, size_t i, size_t thread)
{
    (void)thread;
    const job *j = arg;
    j->spans[i].sum = j->mill->sum(j->spans[i].data, j->spans[i].size);
}

cuv_status cuv_digest(cuv_context *cx, cuv_pool *pool, const cuv_piece *pieces, size_t count, char out[65])
{
    job j = {0};
    cuv_buffer all;
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_buffer_init(&all, cx);
    cuv_status status = arena ? cut(arena, pieces, count, &j) : cuv_oom(cx);
    if (status == CUV_OK) {
        cuv_parallel(pool, j.count, digest_span, &j);
        for (size_t i = 0; i < count; i++)
            cuv_buffer_printf(&all, "%zu ", pieces[i].size);
        for (size_t i = 0; i < j.count; i++)
            cuv_buffer_text(&all, j.spans[i].digest);
        status = all.failed ? cuv_oom(cx) : CUV_OK;
    }
    if (status == CUV_OK)
        cuv_sha256_hex(all.data, all.size, out);
    cuv_buffer_free(&all);
    cuv_arena_free(arena);
    return status;
}

cuv_status cuv_check_sums(cuv_context *cx, cuv_pool *pool, const cuv_piece *pieces, size_t count, uint32_t *out)
{
    job j = {0};
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_status status = arena ? cut(arena, pieces, count, &j) : cuv_oom(cx);
    if (status == CUV_OK) {
        cuv_parallel(pool, j.count, sum_span, &j);
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            out[i] = 0;
            for (size_t n = pieces[i].size / SPAN + (pieces[i].size % SPAN != 0 || !pieces[i].size); n > 0; n--)
                out[i] = out[i] * 0x9E3779B1u + j.spans[at++].sum;
        }
    }
    cuv_arena_free(arena);
    return status;
}
