/* Tests of what happens when memory runs out: every public function, with its first allocation refused, then its second, its
 * third, ... until it gets through. Each time it must say CUV_MEMORY or manage without, and give everything back.
 *
 *     scene s;                               a context, perhaps with evidence and a model, made with memory to spare
 *     refuse_each(&s, act, argument, want)   runs the act under refusals; `want` is its status when nothing is refused
 *     refuse_known(&s, act, argument)        the same for an act that may end with CUV_UNSUPPORTED */
#ifndef CUV_TEST_OOM_H
#define CUV_TEST_OOM_H

#include "failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COMPAT CUV_TEST_FILES "/compat/"
#define SYSTEMS CUV_TEST_FILES "/systems/"
#define MISTAKES CUV_TEST_FILES "/mistakes/"

/* Files that together are one model. */
typedef struct carrier {
    const char *name;
    const char *paths[4];       /* ended by NULL; NAME=CODE.py is for --custom */
    const char *samples;
} carrier;

typedef struct scene {
    cuv_failing memory;
    cuv_context *cx;
    cuv_evidence *ev;
    cuv_model *model;
} scene;

static size_t refusals;         /* of the whole program, for its last line */

typedef cuv_status (*act)(scene *s, const void *argument);

static inline void scene_open(scene *s)
{
    memset(s, 0, sizeof *s);
    cuv_allocator allocator = cuv_failing_allocator(&s->memory);
    assert_int_equal(cuv_context_new(&allocator, &s->cx), CUV_OK);
    assert_int_equal(cuv_evidence_new(s->cx, &s->ev), CUV_OK);
}

static inline void scene_close(scene *s)
{
    cuv_model_free(s->model);
    cuv_evidence_free(s->ev);
    cuv_context_free(s->cx);
    assert_int_equal(s->memory.outstanding, 0);
}

static inline cuv_status add_files(cuv_evidence *ev, const carrier *c)
{
    for (size_t i = 0; i < 4 && c->paths[i]; i++) {
        bool custom = strchr(c->paths[i], '=') != NULL;
        cuv_status status = custom ? cuv_evidence_custom(ev, c->paths[i]) : cuv_evidence_add_file(ev, c->paths[i]);
        if (status != CUV_OK)
            return status;
    }
    return CUV_OK;
}

static inline void scene_rebuild(scene *s, const carrier *c)
{
    scene_open(s);
    if (add_files(s->ev, c) != CUV_OK || (c->samples && cuv_evidence_samples(s->ev, c->samples) != CUV_OK) ||
        cuv_rebuild(s->ev, &s->model) != CUV_OK)
        fail_msg("%s: %s", c->name, cuv_finding_count(s->cx) ? cuv_finding_at(s->cx, 0)->message : "no finding");
}

/* Where memory runs out the last finding says so. */
static inline void check_status(const scene *s, cuv_status status, cuv_status want, size_t n)
{
    size_t count = cuv_finding_count(s->cx);
    const cuv_finding *last = count ? cuv_finding_at(s->cx, count - 1) : NULL;
    if (status != want && !(status == CUV_MEMORY && s->memory.refused))
        fail_msg("allocation %zu refused: status %d, not CUV_MEMORY or %d (%s: %s)", n, (int)status, (int)want,
                 last ? last->id : "no finding", last ? last->message : "");
    if (status == CUV_MEMORY && (!last || strncmp(last->id, "memory.", 7) != 0))
        fail_msg("allocation %zu refused: the finding is %s", n, last ? last->id : "missing");
}

/* Refusals are tried one by one up to 200, then every 13th, past 2000 every 201st, and past 4020 a twentieth further each time: enough to meet
 * each place in the code, as loops come by more than once, and a search has many of them. */
static inline size_t next_refusal(size_t n)
{
    return n < 200 ? n + 1 : n < 2000 ? n + 13 : n < 4020 ? n + 201 : n + n / 20;
}

/* Runs the act with one allocation refused (then, `for_good`, with all after it too) and returns whether any was. */
static inline bool refuse_one(scene *s, act run, const void *argument, cuv_status want, size_t n, bool for_good)
{
    cuv_findings_clear(s->cx);
    s->memory.made = 0;
    s->memory.refused = false;
    s->memory.for_good = for_good;
    s->memory.refuse = n;
    cuv_status status = run(s, argument);
    s->memory.refuse = 0;
    refusals += s->memory.refused;
    check_status(s, status, want, n);
    return s->memory.refused;
}

static inline void refuse_each(scene *s, act run, const void *argument, cuv_status want)
{
    for (size_t n = 1; refuse_one(s, run, argument, want, n, false); n = next_refusal(n))
        continue;
    for (size_t n = 1; refuse_one(s, run, argument, want, n, true); n = next_refusal(n + 3))
        continue;
}

/* What is not supported yet has to say so under refusals too; as soon as it is supported it has to work. */
static inline void refuse_known(scene *s, act run, const void *argument)
{
    cuv_status want = run(s, argument);
    if (want != CUV_OK)
        assert_int_equal(want, CUV_UNSUPPORTED);
    refuse_each(s, run, argument, want);
}

#endif
