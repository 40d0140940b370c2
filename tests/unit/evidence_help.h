/* What the tests of evidence share: a context and evidence per test, opening by name or from text. */
#ifndef EVIDENCE_HELP_H
#define EVIDENCE_HELP_H

#include "evidence/saved.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

static const char keras_files[] = CUV_TEST_SHARED "/keras-files";

static cuv_context *cx;
static struct cuv_evidence *ev;

static inline int start(void **state)
{
    (void)state;
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return 1;
    return cuv_evidence_new(cx, &ev) == CUV_OK ? 0 : 1;
}

static inline int stop(void **state)
{
    (void)state;
    cuv_evidence_free(ev);
    cuv_context_free(cx);
    ev = NULL;
    cx = NULL;
    return 0;
}

static inline void need(const char *folder)
{
    if (access(folder, R_OK) != 0)
        skip();
}

static inline const char *last_id(void)
{
    size_t n = cuv_finding_count(cx);
    return n ? cuv_finding_at(cx, n - 1)->id : "";
}

static inline void say_findings(const char *name)
{
    for (size_t i = 0; i < cuv_finding_count(cx); i++)
        print_message("%s: %s: %s\n", name, cuv_finding_at(cx, i)->id, cuv_finding_at(cx, i)->message);
}

static inline cuv_status open_bytes(const void *data, size_t size, const char *name, cuv_file **file)
{
    cuv_blob *blob = NULL;
    cuv_status status = cuv_blob_copy(cx, data, size, &blob);
    if (status != CUV_OK)
        return status;
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = name};
    status = cuv_evidence_open_source(ev, &src, name, file);
    cuv_blob_release(blob);
    return status;
}

static inline cuv_status open_text(const char *text, const char *name, cuv_file **file)
{
    return open_bytes(text, strlen(text), name, file);
}

static inline const cuv_group *group_of(const cuv_file *file, const char *path)
{
    for (size_t i = 0; i < file->group_count; i++)
        if (cuv_streq(file->groups[i].path ? file->groups[i].path : file->groups[i].name, path))
            return &file->groups[i];
    return NULL;
}

static inline size_t tensors_of(const cuv_file *file)
{
    size_t n = 0;
    for (size_t i = 0; i < file->group_count; i++)
        n += file->groups[i].count;
    return n;
}

static inline cuv_file *open_keras(const char *name)
{
    char path[1024];
    cuv_file *file = NULL;
    snprintf(path, sizeof path, "%s/%s", keras_files, name);
    cuv_status status = cuv_evidence_open(ev, path, &file);
    if (status != CUV_OK)
        say_findings(name);
    assert_int_equal(status, CUV_OK);
    return file;
}

#endif
