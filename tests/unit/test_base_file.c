/* Mapped files and files that appear whole or not at all, in a folder of their own under the working directory. */
#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static cuv_context *cx;
static char folder[64];
static char path[128];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "test_base_file.XXXXXX");
    if (!mkdtemp(folder) || cuv_context_new(NULL, &cx) != CUV_OK)
        return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

/* Names in the folder, which is emptied. */
static int empty_folder(void)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            count += unlink(name) == 0;
    }
    if (dir)
        closedir(dir);
    return count;
}

static int teardown(void **state)
{
    (void)state;
    empty_folder();
    rmdir(folder);
    cuv_context_free(cx);
    return 0;
}

static void write_file(const void *data, size_t size)
{
    cuv_output *out = NULL;
    assert_int_equal(cuv_output_open(cx, path, &out), CUV_OK);
    assert_int_equal(cuv_output_write(out, data, size), CUV_OK);
    assert_int_equal(cuv_output_position(out), size);
    assert_int_equal(cuv_output_commit(out), CUV_OK);
}

static void assert_holds(const void *data, size_t size)
{
    cuv_blob *blob = NULL;
    assert_int_equal(cuv_blob_map(cx, path, &blob), CUV_OK);
    assert_int_equal(blob->size, size);
    assert_memory_equal(blob->data, data, size);
    cuv_blob_release(blob);
}

static void assert_refused(const char *name, cuv_status status, const char *id)
{
    cuv_blob *blob = NULL;
    assert_int_equal(cuv_blob_map(cx, name, &blob), status);
    assert_null(blob);
    const cuv_finding *f = cuv_finding_at(cx, cuv_finding_count(cx) - 1);
    assert_string_equal(f->id, id);
    assert_string_equal(f->file, name);
}

static void there_and_back(void **state)
{
    (void)state;
    write_file("hello", 5);
    assert_holds("hello", 5);
    write_file("", 0);
    cuv_blob *blob = NULL;
    assert_int_equal(cuv_blob_map(cx, path, &blob), CUV_OK);
    assert_true(blob->size == 0 && blob->data && blob->mapped == 0);
    cuv_blob_release(blob);
    assert_int_equal(empty_folder(), 1);
}

static void many_pieces(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    uint8_t *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    cuv_output *out = NULL;
    assert_int_equal(cuv_output_open(cx, path, &out), CUV_OK);
    for (size_t at = 0, piece = 1; at < SIZE; at += piece, piece = piece * 3 % 100003) {
        piece = piece < SIZE - at ? piece : SIZE - at;
        assert_int_equal(cuv_output_write(out, data + at, piece), CUV_OK);
    }
    assert_int_equal(cuv_output_commit(out), CUV_OK);
    assert_holds(data, SIZE);
    free(data);
    assert_int_equal(empty_folder(), 1);
}

static void discarded(void **state)
{
    (void)state;
    write_file("old", 3);
    cuv_output *out = NULL;
    assert_int_equal(cuv_output_open(cx, path, &out), CUV_OK);
    assert_int_equal(cuv_output_write(out, "new", 3), CUV_OK);
    cuv_output_discard(out);
    cuv_output_discard(NULL);
    assert_holds("old", 3);
    assert_int_equal(empty_folder(), 1);
}

static void permissions_and_links_stay(void **state)
{
    (void)state;
    char target[160];
    snprintf(target, sizeof target, "%s/target", folder);
    int fd = open(target, O_WRONLY | O_CREAT, 0640);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0640), 0);
    close(fd);
    assert_int_equal(symlink("target", path), 0);
    write_file("through the link", 16);
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(target, &st), 0);
    assert_true(st.st_size == 16 && (st.st_mode & 0777) == 0640);
    assert_int_equal(empty_folder(), 2);
}

static void output_errors(void **state)
{
    (void)state;
    cuv_output *out = NULL;
    assert_int_equal(cuv_output_open(cx, "no/such/folder/x", &out), CUV_IO);
    assert_null(out);
    const cuv_finding *f = cuv_finding_at(cx, cuv_finding_count(cx) - 1);
    assert_string_equal(f->id, "output.write");
    assert_non_null(strstr(f->message, "no/such/folder/x"));
    assert_int_equal(cuv_output_open(cx, folder, &out), CUV_IO);
    assert_int_equal(empty_folder(), 0);
}

/* A device is written through and never replaced. */
static void full_disk(void **state)
{
    (void)state;
    cuv_output *out = NULL;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(cuv_output_open(cx, "/dev/full", &out), CUV_OK);
    assert_int_equal(cuv_output_write(out, "x", 1), CUV_OK);
    assert_int_equal(cuv_output_commit(out), CUV_SPACE);
    assert_string_equal(cuv_finding_at(cx, cuv_finding_count(cx) - 1)->id, "output.space");
    struct stat st;
    assert_true(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode));
}

static void unreadable_files(void **state)
{
    (void)state;
    assert_refused("no_such_file", CUV_IO, "file.open");
    assert_refused(folder, CUV_IO, "file.folder");
    assert_refused("/dev/zero", CUV_IO, "file.device");
    write_file("0123456789", 10);
    cuv_context_limits(cx)->file_bytes = 9;
    assert_refused(path, CUV_UNSAFE, "file.too_large");
    cuv_context_limits(cx)->file_bytes = 10;
    assert_holds("0123456789", 10);
    assert_int_equal(empty_folder(), 1);
}

static void standard_input(void **state)
{
    (void)state;
    int pipe_ends[2], before = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(write(pipe_ends[1], "from a pipe", 11), 11);
    close(pipe_ends[1]);
    assert_true(dup2(pipe_ends[0], STDIN_FILENO) == STDIN_FILENO);
    cuv_context_limits(cx)->file_bytes = 11;
    cuv_blob *blob = NULL;
    cuv_status status = cuv_blob_map(cx, "-", &blob);
    dup2(before, STDIN_FILENO);
    close(before);
    close(pipe_ends[0]);
    assert_int_equal(status, CUV_OK);
    assert_true(blob->size == 11 && blob->mapped == 0);
    assert_memory_equal(blob->data, "from a pipe", 11);
    cuv_blob_release(blob);
}

static void shared_blobs(void **state)
{
    (void)state;
    cuv_blob *blob = NULL;
    assert_int_equal(cuv_blob_new(cx, 100, &blob), CUV_OK);
    assert_int_equal((uintptr_t)blob->data % 64, 0);
    assert_ptr_equal(cuv_blob_share(blob), blob);
    cuv_blob_release(blob);
    blob->data[99] = 1;
    cuv_arena *arena = cuv_arena_new(cx);
    assert_int_equal(cuv_arena_keep_blob(arena, blob), CUV_OK);
    assert_int_equal(cuv_arena_keep_blob(arena, blob), CUV_OK);
    cuv_blob_release(blob);
    assert_int_equal(blob->data[99], 1);
    cuv_arena_free(arena);
    cuv_blob_release(NULL);
    assert_int_equal(cuv_blob_new(cx, SIZE_MAX - 10, &blob), CUV_MEMORY);
    assert_null(blob);
}

static void folders_of_paths(void **state)
{
    (void)state;
    cuv_arena *arena = cuv_arena_new(cx);
    assert_string_equal(cuv_path_folder(arena, "a/b/c"), "a/b/");
    assert_string_equal(cuv_path_folder(arena, "c"), "");
    assert_string_equal(cuv_path_folder(arena, "/c"), "/");
    cuv_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(many_pieces), cmocka_unit_test(discarded),
        cmocka_unit_test(permissions_and_links_stay), cmocka_unit_test(output_errors), cmocka_unit_test(full_disk),
        cmocka_unit_test(unreadable_files), cmocka_unit_test(standard_input), cmocka_unit_test(shared_blobs),
        cmocka_unit_test(folders_of_paths),
    };
    return cmocka_run_group_tests_name("base: files", tests, setup, teardown);
}
