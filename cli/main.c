/* The command line: picks the verb, makes the context, reports. */
#include "cli.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const verb *const verbs[] = {&cmd_inspect, &cmd_summary, &cmd_rebuild, &cmd_verify, &cmd_predict, &cmd_scan, &cmd_bench, &cmd_diff, &cmd_view};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void print_verbs(FILE *to)
{
    fputs("cuvier rebuilds Keras models from their weights and biases, and proves that the result is the original.\n\n", to);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(to, "  cuvier %-8s %-28s %s\n", verbs[i]->name, verbs[i]->operands, verbs[i]->about);
    fputs("\ncuvier VERB --help tells the options; cuvier --version the version.\n", to);
}

bool wants_color(const options *o, FILE *to)
{
    const char *no = getenv("NO_COLOR");
    return !o->no_color && !(no && *no) && isatty(fileno(to));
}

void print_text(cuv_context *cx, char *text)
{
    if (text)
        print_safe(stdout, text, false);
    cuv_text_free(cx, text);
}

cuv_run_options run_options(const options *o)
{
    cuv_run_options run = {.threads = (int)o->threads, .reference = o->reference, .cache = o->cache};
    (void)parse_precision(o, &run.precision);       /* run_verb has looked at it */
    return run;
}

int finish(cuv_context *cx, const options *o, cuv_status status)
{
    char *text;
    bool failed = status != CUV_OK;
    if (failed && o->json) {
        if (cuv_findings_report(cx, true, false, &text) == CUV_OK)
            print_text(cx, text);
        else
            printf("{\"cuvier\": \"%s\", \"error\": {\"code\": \"memory.out\", \"message\": \"memory ran out\"}}\n", cuv_version());
    } else if ((failed || !o->quiet) && cuv_finding_count(cx) &&
               cuv_findings_report(cx, false, wants_color(o, stderr), &text) == CUV_OK) {
        print_safe(stderr, text, wants_color(o, stderr));
        cuv_text_free(cx, text);
    }
    return cuv_exit_status(status);
}

cuv_status add_customs(cuv_evidence *ev, const options *o)
{
    for (size_t i = 0; i < o->custom.count; i++) {
        cuv_status status = cuv_evidence_custom(ev, o->custom.items[i]);
        if (status != CUV_OK)
            return status;
    }
    return CUV_OK;
}

cuv_status open_evidence(cuv_context *cx, const options *o, cuv_evidence **ev)
{
    cuv_status status = cuv_evidence_new(cx, ev);
    for (size_t i = 0; status == CUV_OK && i < o->evidence.count; i++)
        status = cuv_evidence_add_file(*ev, o->evidence.items[i]);
    for (size_t i = 0; status == CUV_OK && i < o->map.count; i++)
        status = cuv_evidence_map(*ev, o->map.items[i]);
    if (status == CUV_OK)
        status = add_customs(*ev, o);
    if (status == CUV_OK && o->keras_version)
        status = cuv_evidence_keras_version(*ev, o->keras_version);
    if (status == CUV_OK && o->backend)
        status = cuv_evidence_backend(*ev, o->backend);
    for (size_t i = 0; status == CUV_OK && i < o->input_shape.count; i++)
        status = cuv_evidence_input_shape(*ev, o->input_shape.items[i]);
    if (status == CUV_OK && o->samples)
        status = cuv_evidence_samples(*ev, o->samples);
    if (status != CUV_OK) {
        cuv_evidence_free(*ev);
        *ev = NULL;
        return status;
    }
    cuv_evidence_strict(*ev, o->strict);
    cuv_evidence_candidates(*ev, o->top > 0 ? (size_t)o->top : 0);
    return CUV_OK;
}

#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
static bool limited(__rlimit_resource_t resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}
#endif

/* A page fault costs about as much as a hundred thousand additions, and models take megabytes at once. So the heap gets large pages, and keeps
 * what is given back: from the system it would come again in small pages. It begins a little before the first large page, as a page that has
 * been written to stays small. The room is taken once: later growth is by what is needed. Where address space is limited, or the system does
 * not promise that much, all is as it would be. */
static void use_large_pages(void)
{
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
    enum { PAGE = 2 << 20, BEFORE = 64 << 10, ROOM = 256 << 20, MOST_IN_HEAP = 32 << 20, USUAL = 128 << 10 };
    if (limited(RLIMIT_AS) || limited(RLIMIT_DATA) || sbrk(2 * ROOM) == (void *)-1 || sbrk(-2 * ROOM) == (void *)-1)
        return;
    const uintptr_t end = (uintptr_t)sbrk(0), border = (end + BEFORE + PAGE - 1) / PAGE * PAGE;
    if (end == (uintptr_t)-1 || sbrk((intptr_t)(border - BEFORE - end)) == (void *)-1)
        return;
    mallopt(M_TOP_PAD, ROOM);
    void *volatile first = malloc(1);       /* the heap grows; compilers leave a pair out that they see through */
    free(first);
    mallopt(M_TOP_PAD, USUAL);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_MMAP_THRESHOLD, MOST_IN_HEAP);
    const uintptr_t to = (uintptr_t)sbrk(0);
    if (to != (uintptr_t)-1 && to > border)
        (void)madvise((void *)border, to - border, MADV_HUGEPAGE);
#endif
}

static int run_verb(const verb *v, int argc, char **argv)
{
    options o = {.rtol = 1e-4, .atol = 1e-5};
    cuv_context *cx;
    int result = EXIT_USAGE;
    use_large_pages();
    if (!parse_options(v, argc, argv, &o))
        goto done;
    if (o.help) {
        print_help(v, stdout);
        result = EXIT_YES;
        goto done;
    }
    if (!o.evidence.count) {
        wrong_usage(&o, "cuvier %s: no file is given\nusage: cuvier %s %s\n", v->name, v->name, v->operands);
        goto done;
    }
    if (!parse_precision(&o, &(cuv_precision){0})) {
        wrong_usage(&o, "cuvier %s: --precision takes f32, bf16 or int8, not %s\n", v->name, o.precision);
        goto done;
    }
    if (o.reference && o.precision) {
        wrong_usage(&o, "cuvier %s: reference kernels compute in float32: give --reference or --precision, not both\n", v->name);
        goto done;
    }
    if (cuv_context_new(NULL, &cx) != CUV_OK) {
        fputs("cuvier: memory ran out\n", stderr);
        result = EXIT_MACHINE;
        goto done;
    }
    if (o.no_libhdf5)
        cuv_context_hdf5(cx, CUV_HDF5_OWN);
    cuv_context_limits(cx)->memory_bytes = o.memory;
    cuv_context_limits(cx)->seconds = o.seconds;
    result = v->run(cx, &o);
    cuv_context_free(cx);
    if (fflush(stdout) || ferror(stdout)) {
        fputs("cuvier: standard output cannot be written\n", stderr);
        result = EXIT_MACHINE;
    }
done:
    free_options(&o);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_verbs(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
        printf("cuvier %s\n", cuv_version());
        return EXIT_YES;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_verbs(stdout);
        return EXIT_YES;
    }
    for (size_t i = 0; i < VERBS; i++)
        if (!strcmp(argv[1], verbs[i]->name))
            return run_verb(verbs[i], argc - 2, argv + 2);
    const char *names[VERBS], *near;
    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i]->name;
    near = nearest(argv[1], names, VERBS);
    options o = {0};
    for (int i = 2; i < argc; i++)
        o.json |= !strcmp(argv[i], "--json");
    wrong_usage(&o, "cuvier: there is no verb '%s'%s%s%s\n\n", argv[1], near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
    print_verbs(stderr);
    return EXIT_USAGE;
}
