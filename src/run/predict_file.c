/* Predictions from file to file, a batch at a time: the input is mapped, a single output is written as it is made; several outputs,
 * which .npz keeps one after the other, wait in unnamed temporary files. */
#include "run/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DEFAULT_BATCH = 32, MAX_SPILLS = 256 };

/* One output on its way to the archive: header and values in a file without a name. */
typedef struct spill { int fd; uint64_t size; } spill;

typedef struct job {
    struct cuv_model *m;
    cuv_context *cx;
    cuv_arena *arena;
    cuv_array *inputs;
    int64_t total, batch;
    const cuv_run_options *options;
    const char *path;
    cuv_output *out;                /* single output */
    spill *spills;                  /* several outputs */
    bool started, whole;            /* whole: all rows are one run, whose outputs have the shapes that they have */
} job;

static cuv_status header_of(job *j, const cuv_array *a, cuv_buffer *b)
{
    int64_t shape[CUV_MAX_RANK];
    memcpy(shape, a->shape, sizeof shape);
    if (a->rank && !j->whole)
        shape[0] = j->total;
    if (a->dtype == CUV_STR) {      /* all rows at once: the widest text decides */
        cuv_tensor t = {.dtype = CUV_STR, .rank = a->rank, .data = a->data};
        memcpy(t.shape, a->shape, sizeof t.shape);
        return cuv_npy_write(b, &t);
    }
    return cuv_npy_header(b, a->dtype, shape, a->rank);
}

static cuv_status spill_write(job *j, spill *s, const void *data, size_t size)
{
    const char *at = data;
    for (size_t left = size; left;) {
        ssize_t n = write(s->fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cuv_unwritable(j->cx, j->path, errno);
        at += n;
        left -= (size_t)n;
    }
    s->size += size;
    return CUV_OK;
}

static cuv_status start_spills(job *j)
{
    j->spills = CUV_NEW_ARRAY(j->arena, spill, j->m->output_count);
    if (!j->spills || j->m->output_count > MAX_SPILLS)
        return cuv_oom(j->cx);
    for (size_t i = 0; i < j->m->output_count; i++)
        j->spills[i].fd = -1;
    for (size_t i = 0; i < j->m->output_count; i++) {
        const char *folder = getenv("TMPDIR");
        char *name = cuv_arena_printf(j->arena, "%s/cuvier.XXXXXX", folder && *folder ? folder : "/tmp");
        if (!name)
            return cuv_oom(j->cx);
        j->spills[i].fd = mkstemp(name);
        if (j->spills[i].fd < 0)
            return cuv_fail(j->cx, CUV_IO, "file.write", &(cuv_detail){.file = name, .help = "set TMPDIR to a folder with room"},
                            "a temporary file in %s cannot be made: %s", folder && *folder ? folder : "/tmp", strerror(errno));
        unlink(name);
    }
    return CUV_OK;
}

static bool several(const job *j)
{
    return j->m->output_count > 1 || cuv_ends_with(j->path, ".npz");
}

/* Opens what the outputs go to, once the first batch has shown their dtypes and shapes. */
static cuv_status start(job *j, const struct cuv_result *first)
{
    j->started = true;
    if (several(j))
        CUV_TRY(start_spills(j));
    else
        CUV_TRY(cuv_output_open(j->cx, j->path, &j->out));
    for (size_t i = 0; i < first->count; i++) {
        cuv_buffer b;
        cuv_buffer_init(&b, j->cx);
        cuv_status status = header_of(j, &first->arrays[i], &b);
        if (status == CUV_OK)
            status = b.failed ? cuv_oom(j->cx) : j->out ? cuv_output_write(j->out, b.data, b.size)
                                                        : spill_write(j, &j->spills[i], b.data, b.size);
        cuv_buffer_free(&b);
        CUV_TRY(status);
    }
    return CUV_OK;
}

static cuv_status put(job *j, const struct cuv_result *r)
{
    if (!j->started)
        CUV_TRY(start(j, r));
    for (size_t i = 0; i < r->count; i++) {
        size_t n;
        if (!cuv_shape_count(r->arrays[i].shape, r->arrays[i].rank, &n))
            return cuv_oom(j->cx);
        n *= r->arrays[i].dtype == CUV_STR ? 0 : cuv_dtype_size(r->arrays[i].dtype);
        CUV_TRY(j->out ? cuv_output_write(j->out, r->arrays[i].data, n) : spill_write(j, &j->spills[i], r->arrays[i].data, n));
    }
    return CUV_OK;
}

/* Rows [first, first + rows) of every input as views. */
static cuv_status run_part(job *j, int64_t first, int64_t rows)
{
    cuv_array *part = CUV_NEW_ARRAY(j->arena, cuv_array, j->m->input_count + 1);
    struct cuv_result *result;
    if (!part)
        return cuv_oom(j->cx);
    for (size_t i = 0; i < j->m->input_count; i++) {
        part[i] = j->inputs[i];
        size_t per = 1;
        if (!part[i].rank || rows == j->total)
            continue;
        (void)cuv_shape_count(part[i].shape + 1, part[i].rank - 1, &per);
        part[i].shape[0] = rows;
        part[i].data = (const uint8_t *)part[i].data + (size_t)first * per * cuv_dtype_size(part[i].dtype);
    }
    if (rows != j->total && cuv_counts_tokens(j->m))
        return cuv_fail(j->cx, CUV_NO, "predict.words", &(cuv_detail){.help = "leave --batch out: all rows are one batch then"},
                        "the longest text of a batch decides how long its rows are, and batches would differ");
    CUV_TRY(cuv_run_model(j->m, part, j->m->input_count, 0, j->options, &result));
    cuv_status status = CUV_OK;
    for (size_t i = 0; i < result->count && rows != j->total; i++)
        if (!result->arrays[i].rank || result->arrays[i].shape[0] != rows)
            status = cuv_fail(j->cx, CUV_NO, "predict.rows", &(cuv_detail){.layer = result->arrays[i].name,
                              .help = "--batch with the number of rows runs them all at once"},
                              "the output '%s' does not have a row for each row of input", result->arrays[i].name);
    if (status == CUV_OK) {
        j->whole = rows == j->total;
        status = put(j, result);
    }
    cuv_result_free(result);
    return status;
}

static cuv_status pack(job *j)
{
    cuv_zip_writer *zip;
    CUV_TRY(cuv_output_open(j->cx, j->path, &j->out));
    CUV_TRY(cuv_zip_writer_new(j->arena, j->out, &zip));
    for (size_t i = 0; i < j->m->output_count; i++) {
        char *name = cuv_arena_printf(j->arena, "%s.npy", j->m->output_names[i]);
        size_t size = (size_t)j->spills[i].size;
        void *data = name ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, j->spills[i].fd, 0) : MAP_FAILED;
        if (data == MAP_FAILED)
            return cuv_oom(j->cx);
        cuv_status status = cuv_zip_writer_add(zip, name, data, size);
        munmap(data, size);
        CUV_TRY(status);
    }
    return cuv_zip_writer_finish(zip, NULL);
}

static cuv_status run_job(job *j)
{
    int64_t rows = j->m->input_count && j->inputs[0].rank ? j->inputs[0].shape[0] : 1;
    j->total = rows;
    int64_t step = j->batch < rows && !cuv_has_no_batch(j->m) ? j->batch : rows;
    if (rows == 0)
        CUV_TRY(run_part(j, 0, 0));
    for (int64_t first = 0; first < rows; first += step)
        CUV_TRY(run_part(j, first, rows - first < step ? rows - first : step));
    if (several(j))
        CUV_TRY(pack(j));
    cuv_output *out = j->out;
    j->out = NULL;
    return cuv_output_commit(out);
}

/* Texts have no width of their own, so an array of them is made in one go. */
static bool makes_text(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->output_count; i++)
        if (cuv_program_var(m->program, m->outputs[i].value)->dtype == CUV_STR)
            return true;
    return false;
}

static int64_t batch_of(const struct cuv_model *m, size_t batch)
{
    for (size_t i = 0; i < m->input_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
        if (v->rank && v->shape[0] > 0)
            return v->shape[0];
    }
    return makes_text(m) || (!batch && cuv_counts_tokens(m)) ? INT64_MAX : batch ? (int64_t)batch : DEFAULT_BATCH;
}

/* The file's arrays in the order of the inputs; a lone .npy is the only input. */
static cuv_status read_inputs(job *j, struct cuv_evidence *ev, const char *in)
{
    cuv_samples *samples;
    CUV_TRY(cuv_read_samples(ev, in, &samples));
    return cuv_match_samples(j->m, samples, false, j->arena, &j->inputs);
}

cuv_status cuv_predict_file(struct cuv_model *m, const char *in, const char *out, size_t batch, const cuv_run_options *options)
{
    job j = {.m = m, .cx = m->cx, .path = out, .options = options, .batch = batch_of(m, batch)};
    struct cuv_evidence *ev;
    CUV_TRY(cuv_evidence_new(m->cx, &ev));
    j.arena = cuv_arena_new(m->cx);
    cuv_status status = j.arena ? read_inputs(&j, ev, in) : cuv_oom(m->cx);
    if (status == CUV_OK)
        status = run_job(&j);
    cuv_output_discard(j.out);
    for (size_t i = 0; j.spills && i < m->output_count; i++)
        if (j.spills[i].fd >= 0)
            close(j.spills[i].fd);
    cuv_arena_free(j.arena);
    cuv_evidence_free(ev);
    return status;
}

cuv_status cuv_measure_precision_file(struct cuv_model *m, const char *in, size_t batch, const cuv_run_options *options, cuv_precision_cost **out)
{
    job j = {.m = m, .cx = m->cx, .options = options, .batch = batch_of(m, batch)};
    struct cuv_evidence *ev;
    *out = NULL;
    if (!in)
        return cuv_measure_precision(m, NULL, 0, options, out);
    CUV_TRY(cuv_evidence_new(m->cx, &ev));
    j.arena = cuv_arena_new(m->cx);
    cuv_status status = j.arena ? read_inputs(&j, ev, in) : cuv_oom(m->cx);
    for (size_t i = 0; status == CUV_OK && i < m->input_count && !cuv_has_no_batch(m); i++)
        if (j.inputs[i].rank && j.inputs[i].shape[0] > j.batch)
            j.inputs[i].shape[0] = j.batch;
    if (status == CUV_OK)
        status = cuv_measure_precision(m, j.inputs, m->input_count, options, out);
    cuv_arena_free(j.arena);
    cuv_evidence_free(ev);
    return status;
}

cuv_status cuv_print_plan(struct cuv_model *m, cuv_precision precision, cuv_buffer *out)
{
    cuv_plan *plan;
    cuv_arena *arena = cuv_arena_new(m->cx);
    const cuv_program *p = m->program;
    cuv_run_tensor *in = arena ? CUV_NEW_ARRAY(arena, cuv_run_tensor, p->input_count + 1) : NULL;
    cuv_status status = in ? CUV_OK : cuv_oom(m->cx);
    for (size_t i = 0; in && i < p->input_count; i++) {
        const cuv_var *v = cuv_program_var(p, p->inputs[i]);
        in[i] = (cuv_run_tensor){.dtype = v->dtype, .rank = v->rank};
        for (int k = 0; k < v->rank; k++)
            in[i].shape[k] = v->shape[k] > 0 ? v->shape[k] : k ? 4 : 1;
    }
    if (status == CUV_OK)
        status = cuv_plan_new(m->cx, m->program, in, &(cuv_plan_options){.precision = precision}, &plan);
    if (status == CUV_OK) {
        cuv_plan_print(plan, out);
        cuv_plan_free(plan);
    }
    cuv_arena_free(arena);
    return status;
}
