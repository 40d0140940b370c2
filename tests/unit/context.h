/* A context, and an arena of it, for each group of tests: setup and teardown of cmocka. */
#ifndef CUV_TESTS_CONTEXT_H
#define CUV_TESTS_CONTEXT_H

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static cuv_context *cx;
static cuv_arena *arena;

static int setup(void **state)
{
    (void)state;
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return 1;
    arena = cuv_arena_new(cx);
    return !arena;
}

static int teardown(void **state)
{
    (void)state;
    cuv_arena_free(arena);
    cuv_context_free(cx);
    return 0;
}

#endif
