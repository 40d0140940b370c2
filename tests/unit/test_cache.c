/* Digests against hashlib's BLAKE2s and SHA-256; the files of packed weights, whole and broken. */
#include "run/cache.h"
#include "context.h"

#include <stddef.h>
#include <unistd.h>

/* ---- digests ---- */

static uint8_t *pattern(size_t n)
{
    uint8_t *data = malloc(n + 1);
    assert_non_null(data);
    for (uint64_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i * i * 7 + (i >> 3) * 13 + 5);
    return data;
}

/* As hashlib.blake2s gives for every 16th word of whole rows of 1024 bytes, and hashlib.sha256 for these and what is left. */
static void known_digests(void **state)
{
    static const struct { size_t sizes[2], count; const char *digest; } known[] = {
        {{0}, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {{0}, 1, "63690396ede8c4cb1e17c3f657a7e3934b4450efb54372033de1c08dcd2b9083"},
        {{1}, 1, "0c889bf31daca307e61a15589d93b8a3a22e56ff427e2252dfb0e8c25b64cca7"},
        {{1023}, 1, "b89e07e9dd9d9af0107159e37b84b723d2740afa7e24d26eb70bbf374a36b8aa"},
        {{1024}, 1, "79d83d1a84bb8184d882627a6c4a7b6f165d240cd3a00df0a66b701f644d2aef"},
        {{5000, 3}, 2, "b43ba709b14368876e977883c77b70a2e833f1ee48042886a86bb978d6179f2d"},
        {{4194304, 9437261}, 2, "985a71df7c73c834da64a4e844676def2c037a9fb38f970825c2de04bf03804c"}};
    uint8_t *data = pattern(9437261);
    cuv_pool *pool;
    (void)state;
    assert_int_equal(cuv_pool_new(cx, 3, &pool), CUV_OK);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            const cuv_piece pieces[] = {{data, known[i].sizes[0], NULL}, {data, known[i].sizes[1], NULL}};
            char digest[65];
            assert_int_equal(cuv_digest(cx, threads > 1 ? pool : NULL, pieces, known[i].count, digest), CUV_OK);
            assert_string_equal(digest, known[i].digest);
        }
    cuv_pool_free(pool);
    free(data);
}

static const cuv_mill *mills(size_t i)
{
    static const cuv_mill *all[3];
    size_t n = 0;
    all[n++] = &cuv_mill_base;
#if defined(__x86_64__)
    if (cuv_mill_best() != &cuv_mill_base)
        all[n++] = &cuv_mill_avx2;
    if (cuv_mill_best() == &cuv_mill_avx512)
        all[n++] = &cuv_mill_avx512;
#endif
    return i < n ? all[i] : NULL;
}

static void same_everywhere(void **state)
{
    uint8_t *data = pattern(70000);
    (void)state;
    for (size_t size = 0; size < 70000; size = size * 3 / 2 + 1)
        for (size_t i = 1; mills(i); i++) {
            uint32_t a[8][16], b[8][16];
            assert_int_equal(mills(i)->sum(data + 1, size), cuv_mill_base.sum(data + 1, size));
            mills(i)->lanes(a, data + 1, size / 1024);
            cuv_mill_base.lanes(b, data + 1, size / 1024);
            assert_memory_equal(a, b, sizeof a);
        }
    free(data);
}

static void sums_see_every_bit(void **state)
{
    uint8_t *data = pattern(1300);
    (void)state;
    const uint32_t good = cuv_mill_best()->sum(data, 1300);
    for (size_t bit = 0; bit < 8 * 1300; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(cuv_mill_best()->sum(data, 1300), good);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < 1300; size++)
        assert_int_not_equal(cuv_mill_best()->sum(data, size), good);
    free(data);
}

/* ---- files ---- */

typedef struct scene { cuv_arena *arena; cuv_program *program; char folder[64], path[128]; } scene;

static void open_scene(scene *s)
{
    int64_t shape[CUV_MAX_RANK] = {-1, 3}, kernel[CUV_MAX_RANK] = {3, 2};
    cuv_tensor *t;
    void *values;
    strcpy(s->folder, "/tmp/cuvier-cache-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/a.packed", s->folder);
    s->arena = cuv_arena_new(cx);
    s->program = cuv_program_new(s->arena);
    const cuv_ref x = cuv_program_input(s->program, "x", CUV_F32, shape, 2), k = cuv_program_weight(s->program, "k", CUV_F32, kernel, 2);
    const cuv_ref y = cuv_emit2(s->program, CUV_OP_DENSE, x, k);
    assert_int_equal(cuv_tensor_new(s->arena, CUV_F32, kernel, 2, &t, &values), CUV_OK);
    for (int i = 0; i < 6; i++)
        ((float *)values)[i] = (float)i;
    s->program->values[k].tensor = t;
    assert_int_equal(cuv_program_set_outputs(s->program, &y, (const char *const[]){"y"}, 1), CUV_OK);
}

static void close_scene(scene *s)
{
    (void)unlink(s->path);
    assert_int_equal(rmdir(s->folder), 0);      /* nothing is left beside it */
    cuv_arena_free(s->arena);
    cuv_findings_clear(cx);
}

static cuv_cache *open_cache(const scene *s, const char *isa)
{
    cuv_cache *cache;
    assert_int_equal(cuv_cache_open(cx, s->path, s->program, isa, NULL, &cache), CUV_OK);
    return cache;
}

static void add(cuv_cache *cache, size_t step, const char *layout, size_t floats, const float *data)
{
    cuv_cache_step(cache, step, false);
    assert_null(cuv_cache_take(cache, layout, floats));
    assert_int_equal(cuv_cache_add(cache, layout, floats, data), CUV_OK);
}

static const float *take(cuv_cache *cache, size_t step, const char *layout, size_t floats)
{
    cuv_cache_step(cache, step, false);
    return cuv_cache_take(cache, layout, floats);
}

/* A cache with the section "one" of step 0. */
static void save_one(scene *s, const float a[5])
{
    cuv_cache *cache = open_cache(s, "isa");
    add(cache, 0, "one", 5, a);
    assert_int_equal(cuv_cache_save(cache), CUV_OK);
    cuv_cache_close(cache);
}

static void kept_and_joined(void **state)
{
    static const float a[5] = {1, 2, 3, 4, 5}, b[17] = {9, 8, 7};
    scene s;
    (void)state;
    open_scene(&s);
    save_one(&s, a);
    cuv_cache *cache = open_cache(&s, "isa");
    assert_memory_equal(take(cache, 0, "one", 5), a, sizeof a);
    add(cache, 3, "two", 17, b);
    assert_null(take(cache, 0, "two", 5));
    assert_null(take(cache, 0, "one", 6));
    assert_null(take(cache, 1, "one", 5));
    assert_int_equal(cuv_cache_save(cache), CUV_OK);
    cuv_cache_close(cache);
    cache = open_cache(&s, "isa");
    assert_memory_equal(take(cache, 0, "one", 5), a, sizeof a);
    assert_memory_equal(take(cache, 3, "two", 17), b, sizeof b);
    assert_int_equal((uintptr_t)take(cache, 3, "two", 17) % 64, 0);
    cuv_cache_close(cache);
    assert_int_equal(cuv_finding_count(cx), 0);
    close_scene(&s);
}

/* Another value of a weight, another instruction set: another key. */
static void another_key(void **state)
{
    static const float a[5] = {1, 2, 3, 4, 5};
    scene s;
    (void)state;
    open_scene(&s);
    save_one(&s, a);
    cuv_cache *cache = open_cache(&s, "another");
    assert_null(take(cache, 0, "one", 5));
    cuv_cache_close(cache);
    for (size_t i = 0; i < s.program->value_count; i++)
        if (s.program->values[i].tensor)
            ((float *)(uintptr_t)s.program->values[i].tensor->data)[5] = -1;
    cache = open_cache(&s, "isa");
    assert_null(take(cache, 0, "one", 5));
    cuv_cache_close(cache);
    assert_int_equal(cuv_finding_count(cx), 2);
    assert_string_equal(cuv_finding_at(cx, 1)->id, "cache.other");
    close_scene(&s);
}

static size_t read_file(const char *path, uint8_t *to, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(to, 1, room, f);
    fclose(f);
    return n;
}

/* Whatever is cut off or turned over, no section of it is taken. */
static void broken(void **state)
{
    static const float a[5] = {1, 2, 3, 4, 5}, b[40] = {9, 8, 7};
    static uint8_t good[4096], bad[4096];
    scene s;
    size_t count;
    const cuv_section *sections;
    (void)state;
    open_scene(&s);
    cuv_cache *cache = open_cache(&s, "isa");
    add(cache, 0, "one", 5, a);
    add(cache, 1, "two", 40, b);
    assert_int_equal(cuv_cache_save(cache), CUV_OK);
    cuv_cache_close(cache);
    const size_t size = read_file(s.path, good, sizeof good);
    assert_int_equal(cuv_cache_parse(good, size, NULL, &sections, &count), CUV_CACHE_GOOD);
    assert_int_equal(count, 2);
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n + 1);       /* for AddressSanitizer */
        memcpy(cut, good, n);
        assert_int_not_equal(cuv_cache_parse(cut, n, NULL, &sections, &count), CUV_CACHE_GOOD);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(bad, good, size);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        FILE *f = fopen(s.path, "wb");
        assert_int_equal(fwrite(bad, 1, size, f), size);
        fclose(f);
        cuv_cache *opened;
        const cuv_status status = cuv_cache_open(cx, s.path, s.program, "isa", NULL, &opened);
        assert_int_equal(status, bit < 8 * 16 ? CUV_ARGUMENT : CUV_OK);
        if (status != CUV_OK)
            continue;
        const float *one = take(opened, 0, "one", 5), *two = take(opened, 1, "two", 40);
        assert_true(!one || !memcmp(one, a, sizeof a));
        assert_true(!two || !memcmp(two, b, sizeof b));
        cuv_cache_close(opened);
        cuv_findings_clear(cx);
    }
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests), cmocka_unit_test(same_everywhere), cmocka_unit_test(sums_see_every_bit),
        cmocka_unit_test(kept_and_joined), cmocka_unit_test(another_key), cmocka_unit_test(broken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
