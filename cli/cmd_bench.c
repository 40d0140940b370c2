/* cuvier bench: how long loading, the first and every further prediction take. Inputs are drawn at random among those that the model takes; sizes that it
 * leaves open are 16. */
#include "cli.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { OPEN_SIZE = 16, MOST_TIMES = 1 << 20 };

typedef struct figures {
    double load, first, min, median, p99, throughput;       /* ms; samples a second */
    size_t runs;
    long batch, threads;
    uint64_t peak;
} figures;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static uint64_t peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

/* ---- measuring ---- */

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static cuv_status predict_once(cuv_model *model, const cuv_array *inputs, const cuv_run_options *run, double *ms)
{
    cuv_result *result;
    const double start = now_ms();
    cuv_status status = cuv_model_predict(model, inputs, cuv_model_input_count(model), run, &result);
    *ms = now_ms() - start;
    if (status == CUV_OK)
        cuv_result_free(result);
    return status;
}

static cuv_status measure(cuv_model *model, const cuv_array *inputs, const options *o, double *times, figures *f)
{
    const cuv_run_options run = run_options(o);
    const double until = now_ms() + (o->bench_seconds > 0 ? o->bench_seconds : 2) * 1e3;
    double total = 0;
    cuv_status status = predict_once(model, inputs, &run, &f->first);
    while (status == CUV_OK && f->runs < MOST_TIMES && (!f->runs || now_ms() < until)) {
        status = predict_once(model, inputs, &run, &times[f->runs]);
        total += times[f->runs++];
    }
    if (status != CUV_OK)
        return status;
    qsort(times, f->runs, sizeof *times, compare_times);
    f->min = times[0];
    f->median = times[f->runs / 2];
    f->p99 = times[f->runs - 1 - f->runs / 100];
    f->throughput = (double)f->batch * (double)f->runs / total * 1e3;
    f->peak = peak_bytes();
    return CUV_OK;
}

static void print_steps_json(const cuv_profile *p)
{
    printf(", \"steps\": [");
    for (size_t i = 0; i < p->count; i++) {
        const cuv_step_time *s = &p->steps[i];
        printf("%s{\"op\": \"%s\", \"kernel\": \"%s\", \"layer\": ", i ? ", " : "", s->op, s->kernel);
        print_json_text(s->layer);
        printf(", \"shapes\": \"%s\", \"min_us\": %.6g, \"mean_us\": %.6g, \"operations\": %.6g, \"bytes\": %.6g, \"weights\": %.6g}", s->shapes, s->min_us,
               s->mean_us, s->operations, s->bytes, s->weights);
    }
    printf("]");
}

static void print_steps(const cuv_profile *p)
{
    printf("\n%9s %6s %8s %7s  %-11s %-28s %s\n", "least us", "of all", "GFLOP/s", "GB/s", "kernel", "step", "shapes");
    for (size_t i = 0; i < p->count; i++) {
        const cuv_step_time *s = &p->steps[i];
        say(stdout, "%9.2f %5.1f%% %8.1f %7.1f  %-11s %-28s %s%s%s\n", s->min_us, 100 * s->min_us / p->min_us, s->operations / s->min_us * 1e-3,
               s->bytes / s->min_us * 1e-3, s->kernel, s->op, s->shapes, s->layer ? "  # " : "", s->layer ? s->layer : "");
    }
    printf("%9.2f us in the least of %zu runs\n", p->min_us, p->runs);
}

static void print_figures(const options *o, const figures *f, const cuv_profile *p, const cuv_precision_cost *cost)
{
    if (o->json) {
        printf("{\"cuvier\": \"%s\", \"load_ms\": %.6g, \"first_ms\": %.6g, \"latency_ms\": {\"min\": %.6g, \"median\": %.6g, "
               "\"p99\": %.6g}, \"throughput\": %.6g, \"batch\": %ld, \"threads\": %ld, \"runs\": %zu, \"peak_rss_bytes\": %llu",
               cuv_version(), f->load, f->first, f->min, f->median, f->p99, f->throughput, f->batch, f->threads, f->runs,
               (unsigned long long)f->peak);
        if (p)
            print_steps_json(p);
        print_precision_json(o, cost);
        puts("}");
        return;
    }
    printf("load              %10.3f ms\nfirst prediction  %10.3f ms\n", f->load, f->first);
    printf("latency           %10.4f ms least, %.4f median, %.4f of 99 in 100 (%zu runs)\n", f->min, f->median, f->p99, f->runs);
    printf("throughput        %10.1f samples a second (batch %ld, threads %ld)\n", f->throughput, f->batch, f->threads);
    printf("largest memory    %10.1f MiB\n", (double)f->peak / 1048576);
    print_precision(o, cost);
    if (p)
        print_steps(p);
}

static int run(cuv_context *cx, options *o)
{
    figures f = {.batch = o->batch > 0 ? o->batch : 1, .threads = o->threads > 0 ? o->threads : cuv_threads()};
    cuv_evidence *ev;
    cuv_model *model = NULL;
    cuv_result *drawn = NULL;
    cuv_profile *profile = NULL;
    cuv_precision_cost *cost = NULL;
    const cuv_run_options how = run_options(o);
    double *times = malloc(MOST_TIMES * sizeof *times);
    const double start = now_ms();
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = cuv_rebuild(ev, &model);
    cuv_evidence_free(ev);      /* what the model needs of it stays; the rest need not be in memory beside the plan */
    f.load = now_ms() - start;
    if (status == CUV_OK)
        status = cuv_model_random_inputs(model, f.batch, OPEN_SIZE, &drawn);
    const cuv_array *inputs = drawn ? cuv_result_at(drawn, 0) : NULL;
    if (status == CUV_OK)
        status = times ? measure(model, inputs, o, times, &f) : CUV_MEMORY;
    if (status == CUV_OK && o->steps)
        status = cuv_model_profile(model, inputs, cuv_model_input_count(model), &how, o->bench_seconds > 0 ? o->bench_seconds : 2, &profile);
    if (status == CUV_OK && how.precision != CUV_PRECISION_F32)
        status = cuv_model_precision_cost(model, inputs, cuv_model_input_count(model), &how, &cost);
    if (status == CUV_OK)
        print_figures(o, &f, profile, cost);
    cuv_precision_cost_free(cx, cost);
    cuv_profile_free(cx, profile);
    cuv_result_free(drawn);
    free(times);
    cuv_model_free(model);
    return finish(cx, o, status);
}

const verb cmd_bench = {"bench", "EVIDENCE...", "load time, first prediction, latency, throughput, memory",
                        "--batch --seconds --steps --map --custom --keras-version --backend --input-shape --reference --precision --cache", run};
