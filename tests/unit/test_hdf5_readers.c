/* Our own HDF5 reader and libhdf5 tell the same of every HDF5 file there is: names, attributes, types, shapes, bytes. What libhdf5
 * tells in a process of its own is what it tells here: tried with every file of tests/, and with each that our reader leaves to it.
 * Files: all of tests/ and of CUV_TEST_SHARED, also inside .keras archives. The last line counts them. */
#include "format/format.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct { size_t files, compared, beyond, refused, confined, objects, attributes, bytes; } seen;

static void check_tensors(const char *path, const char *name, const cuv_tensor *a, const cuv_tensor *b)
{
    if (!a != !b)
        fail_msg("%s: %s has values for one reader only", path, name);
    if (!a)
        return;
    if (a->dtype != b->dtype || !cuv_shape_equal(a->shape, a->rank, b->shape, b->rank))
        fail_msg("%s: %s has two types or shapes", path, name);
    if (a->dtype != CUV_STR) {
        if (memcmp(a->data, b->data, cuv_tensor_bytes(a)) != 0)
            fail_msg("%s: %s has other bytes for each reader", path, name);
        seen.bytes += cuv_tensor_bytes(a);
        return;
    }
    for (size_t i = 0; i < cuv_tensor_count(a); i++) {
        cuv_string s, t;
        memcpy(&s, a->data + i * sizeof s, sizeof s);
        memcpy(&t, b->data + i * sizeof t, sizeof t);
        if (s.size != t.size || memcmp(s.data, t.data, s.size) != 0)
            fail_msg("%s: text %zu of %s differs", path, i, name);
    }
}

static void check_nodes(const char *path, const cuv_h5 *a, const cuv_h5 *b)
{
    seen.objects++;
    if (strcmp(a->name, b->name) != 0 || a->is_group != b->is_group || a->child_count != b->child_count)
        fail_msg("%s: '%s' and '%s' are not the same", path, a->name, b->name);
    if (!cuv_value_equal(a->attributes, b->attributes))
        fail_msg("%s: the attributes of '%s' differ", path, a->name);
    seen.attributes += cuv_len(a->attributes);
    check_tensors(path, a->name, a->tensor, b->tensor);
    for (size_t i = 0; i < a->child_count; i++)
        check_nodes(path, a->children[i], b->children[i]);
}

static const char *last_message(const cuv_context *cx)
{
    size_t count = cuv_finding_count(cx);
    return count ? cuv_finding_at(cx, count - 1)->message : "";
}

/* Failures, too, come through as they are. */
static void check_confined(cuv_context *cx, const char *path, const cuv_source *src)
{
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_h5 *inside, *confined;
    assert_non_null(arena);
    cuv_context_hdf5(cx, CUV_HDF5_INSIDE);
    cuv_status status = cuv_h5_parse_lib(arena, src, &inside);
    const char *message = last_message(cx);
    cuv_context_hdf5(cx, CUV_HDF5_LIBRARY);
    if (cuv_h5_parse_lib(arena, src, &confined) != status || strcmp(last_message(cx), message) != 0)
        fail_msg("%s: \"%s\" here, \"%s\" in a process of its own", path, message, last_message(cx));
    if (status == CUV_OK)
        check_nodes(path, inside, confined);
    seen.confined++;
    cuv_arena_free(arena);
}

static void check_source(cuv_context *cx, const char *path, const cuv_source *src)
{
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_h5 *own, *lib;
    assert_non_null(arena);
    seen.files++;
    cuv_status status = cuv_h5_parse_own(arena, src, &own);
    if (status == CUV_OK) {
        cuv_context_hdf5(cx, CUV_HDF5_INSIDE);
        status = cuv_h5_parse_lib(arena, src, &lib);
        if (status != CUV_OK)
            fail_msg("%s: our reader reads it, libhdf5 does not (%s)", path, last_message(cx));
        check_nodes(path, own, lib);
        seen.compared++;
    } else if (status == CUV_UNSUPPORTED) {
        seen.beyond++;
    } else {
        seen.refused++;
    }
    cuv_arena_free(arena);
    if (status == CUV_UNSUPPORTED || !cuv_starts_with(path, CUV_TEST_SHARED))
        check_confined(cx, path, src);
}

static void check_archive(cuv_context *cx, const char *path, const cuv_source *src)
{
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_zip *zip;
    assert_non_null(arena);
    if (cuv_zip_parse(arena, src, &zip) == CUV_OK)
        for (size_t i = 0; i < zip->count; i++) {
            cuv_source member;
            if (cuv_ends_with(zip->members[i].name, ".h5") &&
                cuv_zip_member_open(arena, zip, &zip->members[i], &member) == CUV_OK)
                check_source(cx, path, &member);
        }
    cuv_arena_free(arena);
}

static int check_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)where;
    if (type != FTW_F)
        return 0;
    cuv_context *cx;
    cuv_blob *blob;
    assert_int_equal(cuv_context_new(NULL, &cx), CUV_OK);
    if (cuv_blob_map(cx, path, &blob) == CUV_OK) {
        cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = path};
        cuv_carrier format = cuv_format_guess(src.data, src.size);
        if (format == CUV_FORMAT_HDF5)
            check_source(cx, path, &src);
        else if (format == CUV_FORMAT_ZIP)
            check_archive(cx, path, &src);
        cuv_blob_release(blob);
    }
    cuv_context_free(cx);
    return 0;
}

static void test_readers_agree(void **state)
{
    (void)state;
    nftw(CUV_TEST_FILES, check_file, 16, FTW_PHYS);
    size_t own_files = seen.files;
    nftw(CUV_TEST_SHARED, check_file, 16, FTW_PHYS);
    print_message("%zu HDF5 files, %zu of them shared: %zu read alike by both readers (%zu objects, %zu attributes, %zu bytes of "
                  "values), %zu left to libhdf5, %zu refused; %zu also read in a process of its own\n", seen.files, seen.files - own_files, seen.compared, seen.objects,
                  seen.attributes, seen.bytes, seen.beyond, seen.refused, seen.confined);
    assert_in_range(seen.compared, 100, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_agree)};
    return cmocka_run_group_tests_name("hdf5 readers", tests, NULL, NULL);
}
