/* Contexts, findings, arenas, limits, and what happens when the n-th allocation is refused. */
#include "base/base.h"
#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static cuv_context *new_context(void)
{
    cuv_context *cx = NULL;
    assert_int_equal(cuv_context_new(NULL, &cx), CUV_OK);
    return cx;
}

static void version_and_statuses(void **state)
{
    (void)state;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", CUV_VERSION_MAJOR, CUV_VERSION_MINOR, CUV_VERSION_PATCH);
    assert_string_equal(cuv_version(), version);
    static const int expected[] = {[CUV_OK] = 0, [CUV_NO] = 1, [CUV_ARGUMENT] = 2, [CUV_IO] = 3, [CUV_DAMAGED] = 3,
                                   [CUV_UNSAFE] = 3, [CUV_UNSUPPORTED] = 3, [CUV_MEMORY] = 4, [CUV_TIMEOUT] = 4, [CUV_SPACE] = 4};
    for (int i = 0; i <= CUV_SPACE; i++)
        assert_int_equal(cuv_exit_status((cuv_status)i), expected[i]);
}

static void wrong_allocators(void **state)
{
    (void)state;
    cuv_context *cx = NULL;
    cuv_allocator half = {.alloc = cuv_failing_alloc};
    assert_int_equal(cuv_context_new(NULL, NULL), CUV_ARGUMENT);
    assert_int_equal(cuv_context_new(&half, &cx), CUV_ARGUMENT);
    assert_null(cx);
    cuv_context_free(NULL);
}

static void findings_keep_copies(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    char name[] = "weights.npy";
    cuv_detail detail = {.file = name, .expected = "(2, 3)", .found = "(3, 2)", .help = "look again"};
    assert_int_equal(cuv_fail(cx, CUV_DAMAGED, "test.id", &detail, "%s has %d", name, 7), CUV_DAMAGED);
    name[0] = 'X';
    cuv_warn(cx, "test.warning", NULL, "careful");
    size_t mark = cuv_findings_mark(cx);
    cuv_note(cx, "test.note", NULL, "by the way");
    assert_int_equal(cuv_finding_count(cx), 3);
    const cuv_finding *f = cuv_finding_at(cx, 0);
    assert_int_equal(f->severity, CUV_ERROR);
    assert_int_equal(f->status, CUV_DAMAGED);
    assert_string_equal(f->id, "test.id");
    assert_string_equal(f->message, "weights.npy has 7");
    assert_string_equal(f->file, "weights.npy");
    assert_string_equal(f->found, "(3, 2)");
    assert_null(f->layer);
    assert_int_equal(cuv_finding_at(cx, 1)->severity, CUV_WARNING);
    assert_int_equal(cuv_finding_at(cx, 2)->status, CUV_OK);
    assert_null(cuv_finding_at(cx, 3));
    cuv_findings_rewind(cx, mark);
    assert_int_equal(cuv_finding_count(cx), 2);
    cuv_findings_clear(cx);
    assert_int_equal(cuv_finding_count(cx), 0);
    cuv_context_free(cx);
}

static void remarks_are_bounded(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    for (int i = 0; i < 30000; i++)
        cuv_warn(cx, "test.many", NULL, "again");
    assert_in_range(cuv_finding_count(cx), 1000, 20000);
    assert_string_equal(cuv_finding_at(cx, cuv_finding_count(cx) - 1)->id, "findings.cut");
    assert_int_equal(cuv_fail(cx, CUV_NO, "test.error", NULL, "errors are kept"), CUV_NO);
    assert_string_equal(cuv_finding_at(cx, cuv_finding_count(cx) - 1)->id, "test.error");
    cuv_context_free(cx);
}

static void arena_memory(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    cuv_arena *arena = cuv_arena_new(cx);
    assert_ptr_equal(cuv_arena_context(arena), cx);
    for (size_t size = 0; size < 3000; size += 7) {
        uint8_t *memory = cuv_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xa5, size);
    }
    assert_non_null(cuv_arena_alloc(arena, 5 << 20));
    assert_null(cuv_arena_alloc(arena, SIZE_MAX));
    assert_null(cuv_arena_alloc(arena, SIZE_MAX - 40));
    assert_null(cuv_arena_calloc(arena, SIZE_MAX / 2, 3));
    assert_string_equal(cuv_arena_strdup(arena, "text"), "text");
    assert_string_equal(cuv_arena_strndup(arena, "text", 2), "te");
    assert_string_equal(cuv_arena_printf(arena, "%s-%d", "a", 5), "a-5");
    cuv_arena_free(arena);
    cuv_arena_free(NULL);
    cuv_context_free(cx);
}

static char order[8];

static void note_release(void *object)
{
    strcat(order, object);
}

static void releases_in_reverse(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    cuv_arena *arena = cuv_arena_new(cx);
    order[0] = '\0';
    assert_int_equal(cuv_arena_defer(arena, note_release, "a"), CUV_OK);
    assert_int_equal(cuv_arena_defer(arena, note_release, "b"), CUV_OK);
    cuv_arena_free(arena);
    assert_string_equal(order, "ba");
    cuv_context_free(cx);
}

static void growing_arrays(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    cuv_arena *arena = cuv_arena_new(cx);
    int *items = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        items = cuv_arena_grow(arena, items, i, &capacity, sizeof *items);
        items[i] = (int)i;
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], (int)i);
    cuv_arena_free(arena);
    cuv_context_free(cx);
}

static void memory_limit(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    cuv_context_limits(cx)->memory_bytes = 1 << 20;
    cuv_blob *a = NULL, *b = NULL;
    assert_int_equal(cuv_blob_new(cx, 900000, &a), CUV_OK);
    assert_int_equal(cuv_blob_new(cx, 900000, &b), CUV_MEMORY);
    assert_null(b);
    assert_string_equal(cuv_finding_at(cx, 0)->id, "memory.limit");
    cuv_blob_release(a);
    assert_int_equal(cuv_blob_new(cx, 900000, &b), CUV_OK); /* what was freed counts no more */
    void *memory = cuv_alloc(cx, 1000);
    assert_null(cuv_resize(cx, memory, 1000, 1 << 20));
    memory = cuv_resize(cx, memory, 1000, 2000);
    cuv_release(cx, memory, 2000);
    assert_null(cuv_alloc(cx, SIZE_MAX));
    cuv_blob_release(b);
    assert_int_equal(cuv_oom(cx), CUV_MEMORY);
    assert_int_equal(cuv_finding_count(cx), 1); /* said once, not once per caller on the way out */
    cuv_context_free(cx);
}

static void time_limit(void **state)
{
    (void)state;
    cuv_context *cx = new_context();
    cuv_start_clock(cx);
    assert_int_equal(cuv_check_time(cx), CUV_OK);
    cuv_context_limits(cx)->seconds = 1e-9;
    cuv_start_clock(cx);
    while (cuv_check_time(cx) == CUV_OK)
        ;
    assert_int_equal(cuv_check_time(cx), CUV_TIMEOUT);
    assert_int_equal(cuv_finding_count(cx), 1);
    assert_string_equal(cuv_finding_at(cx, 0)->id, "time.limit");
    cuv_context_limits(cx)->seconds = 0;
    cuv_start_clock(cx);
    assert_int_equal(cuv_check_time(cx), CUV_OK);
    cuv_context_free(cx);
}

/* A bit of everything that allocates. */
static cuv_status exercise(cuv_context *cx)
{
    cuv_arena *arena = cuv_arena_new(cx);
    if (!arena)
        return cuv_oom(cx);
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_value *dict = cuv_value_dict(arena), *list = cuv_value_list(arena);
    cuv_tensor *t = NULL, *u = NULL;
    cuv_status status = CUV_OK;
    for (int i = 0; status == CUV_OK && i < 40; i++) {
        const char *key = cuv_arena_printf(arena, "key %d %0100d", i, i);
        status = key ? cuv_dict_set(arena, dict, key, cuv_value_real(arena, i)) : cuv_oom(cx);
    }
    for (int i = 0; status == CUV_OK && i < 40; i++)
        status = cuv_list_add(arena, list, cuv_value_text(arena, "item"));
    if (status == CUV_OK)
        status = cuv_dict_set(arena, dict, "list", list);
    if (status == CUV_OK && !cuv_value_copy(arena, dict))
        status = cuv_oom(cx);
    if (status == CUV_OK)
        status = cuv_tensor_new(arena, CUV_F32, (int64_t[]){20, 30}, 2, &t, NULL);
    if (status == CUV_OK)
        status = cuv_tensor_transpose(arena, t, (int[]){1, 0}, &u);
    (void)cuv_value_repr(cx, dict);
    for (int i = 0; i < 300; i++)
        cuv_buffer_double(&b, i / 7.0);
    if (status == CUV_OK && b.failed)
        status = cuv_oom(cx);
    cuv_buffer_free(&b);
    cuv_arena_free(arena);
    if (status == CUV_OK) {
        for (int i = 0; i < 20; i++)
            cuv_note(cx, "test.note", &(cuv_detail){.file = "f", .help = "h"}, "note %d", i);
        status = cuv_fail(cx, CUV_NO, "test.done", NULL, "through");
    }
    return status;
}

static void each_allocation_refused(bool for_good)
{
    bool refused = true;
    for (size_t n = 1; refused; n++) {
        cuv_failing f = {.refuse = n, .for_good = for_good};
        cuv_allocator allocator = cuv_failing_allocator(&f);
        cuv_context *cx = NULL;
        cuv_status status = cuv_context_new(&allocator, &cx);
        if (status == CUV_OK) {
            status = exercise(cx);
            assert_true(status == CUV_NO || status == CUV_MEMORY);
            assert_true(cuv_finding_count(cx) > 0);
            const cuv_finding *last = cuv_finding_at(cx, cuv_finding_count(cx) - 1);
            assert_int_equal(last->status, status);
            assert_true(status != CUV_MEMORY || cuv_streq(last->id, "memory.out"));
            assert_true(status != CUV_NO || !for_good || !f.refused);
        } else {
            assert_int_equal(status, CUV_MEMORY);
            assert_null(cx);
        }
        cuv_context_free(cx);
        assert_int_equal(f.outstanding, 0);
        refused = f.refused;
        assert_true(n < 10000);
    }
}

static void one_allocation_refused(void **state)
{
    (void)state;
    each_allocation_refused(false);
}

static void all_further_allocations_refused(void **state)
{
    (void)state;
    each_allocation_refused(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_and_statuses), cmocka_unit_test(wrong_allocators),
        cmocka_unit_test(findings_keep_copies), cmocka_unit_test(remarks_are_bounded), cmocka_unit_test(arena_memory),
        cmocka_unit_test(releases_in_reverse), cmocka_unit_test(growing_arrays), cmocka_unit_test(memory_limit),
        cmocka_unit_test(time_limit), cmocka_unit_test(one_allocation_refused),
        cmocka_unit_test(all_further_allocations_refused),
    };
    return cmocka_run_group_tests_name("base: memory", tests, NULL, NULL);
}
