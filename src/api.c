/* The public functions that only hand out what the stages know. */
#include "emit/emit.h"
#include "run/fast/pool.h"
#include "run/runner.h"
#include "run/diff.h"

#include <stdlib.h>

/* ---- text */

static cuv_status give_text(cuv_context *cx, cuv_buffer *b, char **out)
{
    cuv_status status = CUV_OK;
    *out = b->failed ? NULL : cuv_alloc(cx, b->size + 1);
    if (*out) {
        if (b->size)
            memcpy(*out, b->data, b->size);
        (*out)[b->size] = 0;
    } else {
        status = cuv_oom(cx);
    }
    cuv_buffer_free(b);
    return status;
}

void cuv_text_free(cuv_context *cx, char *text)
{
    if (text)
        cuv_release(cx, text, strlen(text) + 1);
}

/* ---- evidence */

cuv_status cuv_evidence_add_file(cuv_evidence *ev, const char *path)
{
    cuv_file *file;
    cuv_start_clock(ev->cx);
    return cuv_evidence_open(ev, path, &file);
}

cuv_status cuv_evidence_add_memory(cuv_evidence *ev, const char *name, const void *data, size_t size)
{
    cuv_blob *blob;
    cuv_file *file;
    cuv_start_clock(ev->cx);
    CUV_TRY(cuv_blob_copy(ev->cx, data, size, &blob));
    char *kept = cuv_arena_strdup(ev->arena, name);
    if (!kept) {
        cuv_blob_release(blob);
        return cuv_oom(ev->cx);
    }
    cuv_source src = {.blob = blob, .data = blob->data, .size = size, .name = cuv_path_name(kept)};
    cuv_status status = cuv_evidence_open_source(ev, &src, kept, &file);
    cuv_blob_release(blob);
    return status;
}

cuv_status cuv_evidence_map(cuv_evidence *ev, const char *text)
{
    const char **texts = CUV_NEW_ARRAY(ev->arena, const char *, ev->map_text_count + 1);
    char *copy = cuv_arena_strdup(ev->arena, text);
    if (!texts || !copy)
        return cuv_oom(ev->cx);
    if (ev->map_text_count)
        memcpy(texts, ev->map_texts, ev->map_text_count * sizeof *texts);
    texts[ev->map_text_count++] = copy;
    ev->map_texts = texts;
    if (strchr(text, '=') && text[0] != '=')
        return CUV_OK;
    ev->map_text_count--;
    return cuv_fail(ev->cx, CUV_ARGUMENT, "map.form", &(cuv_detail){.expected = "LAYER=TENSOR[,TENSOR...]", .found = text},
                    "--map %s is not of the form LAYER=TENSOR[,TENSOR...]", text);
}

static cuv_status wrong_input_shape(cuv_evidence *ev, const char *text)
{
    return cuv_fail(ev->cx, CUV_ARGUMENT, "input.form", &(cuv_detail){.expected = "sizes such as 28,28,1 ('?' is unknown)",
                    .found = text}, "--input-shape %s is no list of sizes", text);
}

cuv_status cuv_evidence_input_shape(cuv_evidence *ev, const char *text)
{
    int64_t shape[CUV_MAX_RANK];
    int rank;
    if (!cuv_parse_shape(text, shape, &rank))
        return wrong_input_shape(ev, text);
    void *shapes = cuv_arena_calloc(ev->arena, ev->input_shape_count + 1, sizeof *ev->input_shapes);
    if (!shapes)
        return cuv_oom(ev->cx);
    if (ev->input_shape_count)
        memcpy(shapes, ev->input_shapes, ev->input_shape_count * sizeof *ev->input_shapes);
    ev->input_shapes = shapes;
    memcpy(ev->input_shapes[ev->input_shape_count].shape, shape, sizeof shape);
    ev->input_shapes[ev->input_shape_count++].rank = rank;
    return CUV_OK;
}

cuv_status cuv_evidence_samples(cuv_evidence *ev, const char *path)
{
    cuv_start_clock(ev->cx);
    return cuv_read_samples(ev, path, &ev->samples);
}

cuv_status cuv_evidence_samples_kept(cuv_evidence *ev, const char *path)
{
    ev->samples_kept = true;
    return cuv_evidence_samples(ev, path);
}

void cuv_evidence_candidates(cuv_evidence *ev, size_t count)
{
    ev->top = count;
}

void cuv_evidence_strict(cuv_evidence *ev, bool strict)
{
    ev->strict = strict;
}

cuv_status cuv_evidence_report(cuv_evidence *ev, bool json, char **out)
{
    cuv_buffer b;
    *out = NULL;
    CUV_TRY(cuv_evidence_settle(ev));
    cuv_buffer_init(&b, ev->cx);
    if (json)
        cuv_emit_evidence_json(ev, &b);
    else
        cuv_emit_evidence(ev, &b);
    return give_text(ev->cx, &b, out);
}

/* ---- model */

void cuv_model_free(cuv_model *m)
{
    if (!m)
        return;
    cuv_runner_free(m);
    cuv_arena_free(m->arena);
}

const char *cuv_model_name(const cuv_model *m)
{
    return m->name;
}

size_t cuv_model_input_count(const cuv_model *m)
{
    return m->input_count;
}

size_t cuv_model_output_count(const cuv_model *m)
{
    return m->output_count;
}

static cuv_status end_at(const cuv_model *m, const cuv_sym *syms, const char *const *names, size_t count, size_t index,
                         cuv_array *out)
{
    memset(out, 0, sizeof *out);
    if (index >= count)
        return cuv_fail(m->cx, CUV_ARGUMENT, "argument.index", NULL, "index %zu of %zu", index, count);
    const cuv_var *v = cuv_program_var(m->program, syms[index].value);
    *out = (cuv_array){.dtype = v->dtype, .rank = v->rank, .name = names[index]};
    memcpy(out->shape, v->shape, sizeof out->shape);
    return CUV_OK;
}

cuv_status cuv_model_input(const cuv_model *m, size_t index, cuv_array *out)
{
    return end_at(m, m->inputs, m->input_names, m->input_count, index, out);
}

cuv_status cuv_model_output(const cuv_model *m, size_t index, cuv_array *out)
{
    return end_at(m, m->outputs, m->output_names, m->output_count, index, out);
}

size_t cuv_model_weight_count(const cuv_model *m)
{
    return m->weight_count;
}

cuv_status cuv_model_weight(const cuv_model *m, size_t index, cuv_array *out)
{
    memset(out, 0, sizeof *out);
    if (index >= m->weight_count)
        return cuv_fail(m->cx, CUV_ARGUMENT, "argument.index", NULL, "weight %zu of %zu", index, m->weight_count);
    const cuv_weight *w = m->weights[index];
    *out = (cuv_array){.dtype = w->dtype, .rank = w->rank, .data = w->value ? w->value->data : NULL,
                       .name = cuv_program_var(m->program, w->ref)->name};
    memcpy(out->shape, w->shape, sizeof out->shape);
    return CUV_OK;
}

cuv_status cuv_model_summary(const cuv_model *m, unsigned width, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, m->cx);
    cuv_emit_summary(m, width, &b);
    return give_text(m->cx, &b, out);
}

cuv_status cuv_model_picture(const cuv_model *m, bool ascii, bool color, char **out)
{
    cuv_buffer b;
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(m->cx);
    if (!arena)
        return cuv_oom(m->cx);
    cuv_buffer_init(&b, m->cx);
    cuv_status status = cuv_emit_terminal(m, arena, ascii, color, &b);
    cuv_arena_free(arena);
    if (status == CUV_OK)
        return give_text(m->cx, &b, out);
    cuv_buffer_free(&b);
    return status;
}

static void open_document(cuv_buffer *b)
{
    cuv_buffer_printf(b, "{\"cuvier\": \"%s\"", cuv_version());
}

cuv_status cuv_model_summary_json(const cuv_model *m, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, m->cx);
    open_document(&b);
    cuv_buffer_text(&b, ", \"model\": ");
    cuv_emit_model_json(m, &b);
    cuv_buffer_text(&b, "}\n");
    return give_text(m->cx, &b, out);
}

cuv_status cuv_model_rebuild_json(const cuv_model *m, const char *const *written, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, m->cx);
    open_document(&b);
    cuv_buffer_text(&b, ", \"ok\": true, \"model\": ");
    cuv_emit_model_json(m, &b);
    cuv_buffer_text(&b, ",\n\"decisions\": ");
    cuv_emit_decisions_json(m, &b);
    cuv_buffer_text(&b, ",\n\"candidates\": ");
    cuv_emit_candidates_json(m, &b);
    cuv_buffer_text(&b, ", \"written\": [");
    for (size_t i = 0; written && written[i]; i++) {
        cuv_buffer_text(&b, i ? ", " : "");
        cuv_buffer_json_string(&b, written[i], strlen(written[i]));
    }
    cuv_buffer_text(&b, "]}\n");
    return give_text(m->cx, &b, out);
}

void cuv_model_check(const cuv_model *m)
{
    cuv_model_check_values(m);
}

cuv_status cuv_model_decisions(const cuv_model *m, bool all, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, m->cx);
    cuv_emit_decisions(m, all, &b);
    return give_text(m->cx, &b, out);
}

cuv_status cuv_model_plan(cuv_model *m, const cuv_run_options *options, char **out)
{
    cuv_buffer b;
    *out = NULL;
    cuv_buffer_init(&b, m->cx);
    cuv_status status = cuv_print_plan(m, options ? options->precision : CUV_PRECISION_F32, &b);
    if (status == CUV_OK)
        return give_text(m->cx, &b, out);
    cuv_buffer_free(&b);
    return status;
}

cuv_status cuv_model_stage(cuv_model *m, const char *stage, char **out)
{
    cuv_buffer b;
    *out = NULL;
    cuv_buffer_init(&b, m->cx);
    if (cuv_streq(stage, "config")) {
        cuv_json_write(&b, m->config, 2);
        cuv_buffer_char(&b, '\n');
    } else if (cuv_streq(stage, "program")) {
        cuv_program_print(m->program, &b);
    } else if (cuv_streq(stage, "plan")) {
        cuv_buffer_free(&b);
        return cuv_model_plan(m, NULL, out);
    } else {
        cuv_buffer_free(&b);
        return cuv_fail(m->cx, CUV_ARGUMENT, "argument.stage", &(cuv_detail){.expected = "config, program or plan",
                        .found = stage}, "there is no stage '%s'", stage);
    }
    return give_text(m->cx, &b, out);
}

cuv_status cuv_findings_report(cuv_context *cx, bool json, bool color, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    if (json) {
        open_document(&b);
        cuv_emit_error_json(cx, &b);
        cuv_buffer_text(&b, "}\n");
    } else {
        cuv_emit_findings(cx, color, &b);
    }
    return give_text(cx, &b, out);
}

/* ---- running */

cuv_status cuv_model_predict(cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options,
                             cuv_result **out)
{
    cuv_start_clock(m->cx);
    return cuv_run_model(m, inputs, count, 0, options, out);
}

cuv_status cuv_model_random_inputs(cuv_model *m, int64_t batch, int64_t open, cuv_result **out)
{
    cuv_start_clock(m->cx);
    return cuv_draw_inputs(m, batch, open, out);
}

size_t cuv_result_count(const cuv_result *r)
{
    return r->count;
}

const cuv_array *cuv_result_at(const cuv_result *r, size_t index)
{
    return index < r->count ? &r->arrays[index] : NULL;
}

void cuv_result_free(cuv_result *r)
{
    if (r)
        cuv_arena_free(r->arena);
}

bool cuv_evidence_has_selftest(const cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++)
        if (ev->files[i]->selftest)
            return true;
    return false;
}

static cuv_status verify_selftest(cuv_model *m, const cuv_samples *s, double rtol, double atol, const cuv_run_options *options,
                                  cuv_verification **out)
{
    cuv_note(m->cx, "verify.selftest", &(cuv_detail){.file = s->file->path},
             "verified against the self-test in %s, whose outputs were %s", s->file->name, s->origin ? s->origin : "not labelled");
    return cuv_verify_samples(m, s, rtol, atol, options, out);
}

cuv_status cuv_model_verify(cuv_model *m, cuv_evidence *ev, double rtol, double atol, const cuv_run_options *options,
                            cuv_verification **out)
{
    *out = NULL;
    cuv_start_clock(m->cx);
    for (size_t i = 0; i < ev->file_count && !ev->samples; i++)
        if (ev->files[i]->selftest)
            return verify_selftest(m, ev->files[i]->selftest, rtol, atol, options, out);
    if (!ev->samples)
        return cuv_fail(m->cx, CUV_NO, "verify.samples", &(cuv_detail){
                        .help = "give inputs and outputs of the original with --samples IO.npz"},
                        "there is nothing to verify against");
    return cuv_verify_samples(m, ev->samples, rtol, atol, options, out);
}

cuv_status cuv_model_verify_against(cuv_model *m, cuv_model *other, double rtol, double atol, const cuv_run_options *options,
                                    cuv_verification **out)
{
    cuv_start_clock(m->cx);
    return cuv_verify_against(m, other, rtol, atol, options, out);
}

cuv_status cuv_model_diff(cuv_model *a, cuv_model *b, double rtol, double atol, const cuv_run_options *options, cuv_diff **out)
{
    cuv_start_clock(a->cx);
    return cuv_diff_models(a, b, rtol, atol, options, out);
}

cuv_status cuv_diff_text(cuv_context *cx, const cuv_diff *diff, bool json, char **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    if (json)
        cuv_emit_diff_json(diff, &b);
    else
        cuv_emit_diff(diff, &b);
    return give_text(cx, &b, out);
}

void cuv_diff_free(cuv_context *cx, cuv_diff *diff)
{
    cuv_diff_drop(cx, diff);
}

cuv_status cuv_model_profile(cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options, double seconds,
                             cuv_profile **out)
{
    cuv_start_clock(m->cx);
    return cuv_profile_model(m, inputs, count, options, seconds, out);
}

void cuv_profile_free(cuv_context *cx, cuv_profile *profile)
{
    cuv_profile_drop(cx, profile);
}

void cuv_model_reset_states(cuv_model *m)
{
    if (m)
        cuv_reset_states(m);
}

cuv_status cuv_model_precision_cost(cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options, cuv_precision_cost **out)
{
    cuv_start_clock(m->cx);
    return cuv_measure_precision(m, inputs, count, options, out);
}

cuv_status cuv_model_precision_cost_file(cuv_model *m, const char *in, size_t batch, const cuv_run_options *options, cuv_precision_cost **out)
{
    cuv_start_clock(m->cx);
    return cuv_measure_precision_file(m, in, batch, options, out);
}

void cuv_precision_cost_free(cuv_context *cx, cuv_precision_cost *cost)
{
    (void)cx;
    cuv_precision_cost_drop(cost);
}

cuv_status cuv_model_predict_file(cuv_model *m, const char *in, const char *out, size_t batch, const cuv_run_options *options)
{
    cuv_start_clock(m->cx);
    return cuv_predict_file(m, in, out, batch, options);
}

int cuv_threads(void)
{
    return cuv_machine_threads();
}
