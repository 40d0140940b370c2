/* A libhdf5 that a file has taken over (hostile/) can do nothing to the process that calls cuvier: what it tries is refused, what it
 * answers is not believed, and when it hangs the time limit ends it. */
#include "format/format.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads a file that needs libhdf5 while the library does `what`; the last finding's id has to be `id`. */
static char *read_while(const char *what, const char *id, double seconds)
{
    static char message[400];
    cuv_context *cx;
    cuv_blob *blob;
    cuv_h5 *root;
    assert_int_equal(setenv("CUV_HOSTILE", what, 1), 0);
    assert_int_equal(cuv_context_new(NULL, &cx), CUV_OK);
    cuv_context_limits(cx)->seconds = seconds;
    cuv_start_clock(cx);
    assert_int_equal(cuv_blob_map(cx, CUV_TEST_FILES "/files/good-compressed.weights.h5", &blob), CUV_OK);
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = "file.h5"};
    assert_int_not_equal(cuv_h5_parse(arena, &src, &root), CUV_OK);
    assert_null(root);
    const cuv_finding *f = cuv_finding_at(cx, cuv_finding_count(cx) - 1);
    assert_non_null(f);
    assert_string_equal(f->id, id);
    snprintf(message, sizeof message, "%s", f->message);
    cuv_arena_free(arena);
    cuv_blob_release(blob);
    cuv_context_free(cx);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);      /* no child is left */
    return message;
}

static void test_crash(void **state)
{
    (void)state;
    assert_non_null(strstr(read_while("crash", "hdf5.crash", 0), "crashed"));
}

static void test_nothing_is_possible(void **state)
{
    (void)state;
    assert_string_equal(read_while("try", "tried", 0), "did:");
}

static void test_answers_are_not_believed(void **state)
{
    (void)state;
    read_while("absurd", "hdf5.crash", 0);      /* a size no file of this size can have */
    read_while("garbage", "hdf5.answer", 0);
    read_while("cut", "hdf5.crash", 0);
    read_while("silence", "hdf5.crash", 0);
}

static void test_hang(void **state)
{
    (void)state;
    read_while("hang", "time.limit", 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crash), cmocka_unit_test(test_nothing_is_possible),
                                       cmocka_unit_test(test_answers_are_not_believed), cmocka_unit_test(test_hang)};
    if (!dlopen(CUV_HOSTILE_LIBRARY, RTLD_NOW)) {      /* found by its soname from then on */
        print_error("%s\n", dlerror());
        return 1;
    }
    return cmocka_run_group_tests_name("hostile libhdf5", tests, NULL, NULL);
}
