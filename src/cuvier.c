/* The pipeline: evidence, configuration, model, weights, proof. Nothing else calls the stages in sequence. */
#include "model/model.h"
#include "recover/recover.h"
#include "run/samples.h"

#define RTOL 1e-4
#define ATOL 1e-5

static cuv_status two_models(cuv_evidence *ev, const cuv_file *a, const cuv_file *b)
{
    return cuv_fail(ev->cx, CUV_NO, "evidence.configs", &(cuv_detail){.file = b->path, .help = "give the one that belongs to the weights; cuvier diff shows what differs"},
                    "%s and %s describe two different models", a->name, b->name);
}

/* The file whose configuration counts: a script's model first, then a file that holds nothing but a configuration. */
static cuv_status choose_config(cuv_evidence *ev, cuv_value **config, cuv_file **from)
{
    cuv_file *whole = NULL, *bare = NULL, *script = NULL;
    *config = NULL;
    *from = NULL;
    for (size_t i = 0; i < ev->file_count; i++) {
        cuv_file *f = ev->files[i];
        cuv_script *s = f->script;
        if (s && (s->config || (s->model_file && s->model_file->config))) {
            cuv_value *told = s->config ? s->config : s->model_file->config;
            if (script && !cuv_value_equal(*config, told))
                return two_models(ev, script, f);
            *from = script ? *from : s->config ? f : s->model_file;
            *config = script ? *config : told;
            script = script ? script : f;
            continue;
        }
        if (!f->config)
            continue;
        cuv_file **slot = f->arrangement == CUV_ARR_NONE ? &bare : &whole;
        bool same = true;
        if (!script && *slot)
            CUV_TRY(cuv_same_model(ev, *slot, f, &same));
        if (!same)
            return two_models(ev, *slot, f);
        *slot = *slot ? *slot : f;
    }
    if (script)
        return CUV_OK;
    *from = bare ? bare : whole;
    *config = *from ? (*from)->config : NULL;
    return CUV_OK;
}

static cuv_status no_config(cuv_evidence *ev)
{
    const cuv_file *weights = NULL;
    const char *names = "";
    size_t tensors = 0;
    for (size_t i = 0; i < ev->file_count; i++) {
        if (!cuv_file_tensor_count(ev->files[i]))
            continue;
        tensors += cuv_file_tensor_count(ev->files[i]);
        names = weights ? cuv_format(ev->cx, "%s, %s", names, ev->files[i]->name) : ev->files[i]->name;
        weights = ev->files[i];
    }
    if (!ev->file_count)
        return cuv_fail(ev->cx, CUV_ARGUMENT, "evidence.none", NULL, "no file is given");
    return cuv_fail(ev->cx, CUV_NO, "evidence.config", &(cuv_detail){.file = weights ? weights->path : ev->files[0]->path,
                    .help = "add the model's .json or .yaml, a .keras or whole .h5 file of the same model, or the Python code that "
                            "builds it"},
                    !weights ? "nothing tells the architecture: %s holds no model (%zu tensors)"
                    : cuv_streq(names, weights->name) ? "nothing tells the architecture: %s holds %zu tensors and no configuration"
                                                      : "nothing tells the architecture: %s hold %zu tensors and no configuration",
                    weights ? names : ev->files[0]->name, tensors);
}

/* An option that does nothing is a mistake in its name; code that only defines what no model names is of another one. */
static void tell_unused(const cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++)
        if (ev->files[i]->script && ev->files[i]->script->definitions && !ev->files[i]->script->stands_somewhere)
            cuv_warn(ev->cx, "custom.unused", &(cuv_detail){.file = ev->files[i]->path,
                     .help = "cuvier inspect lists the classes that are none of Keras's"},
                     "%s defines nothing that the model names, and builds no model itself", ev->files[i]->name);
    for (size_t i = 0; i < ev->custom_count; i++)
        if (!ev->customs[i].used)
            cuv_warn(ev->cx, "custom.unused", &(cuv_detail){.found = ev->customs[i].name,
                     .help = "cuvier inspect lists the classes that are none of Keras's"},
                     "--custom %s: the model has no such class, and no layer of that name", ev->customs[i].name);
}

/* What --input-shape says must not be what the model says otherwise. */
static cuv_status check_input_shapes(const cuv_evidence *ev, const cuv_model *m)
{
    for (size_t i = 0; i < ev->input_shape_count && i < m->input_count; i++) {
        const int64_t *given = ev->input_shapes[i].shape;
        int rank = ev->input_shapes[i].rank;
        const cuv_var *own = cuv_program_var(m->program, m->inputs[i].value);
        bool fits = rank + 1 == own->rank;
        for (int k = 0; fits && k < rank; k++)
            fits = given[k] < 0 || own->shape[k + 1] < 0 || given[k] == own->shape[k + 1];
        if (!fits)
            return cuv_fail(ev->cx, CUV_NO, "input.contradicted", &(cuv_detail){.layer = m->input_names[i],
                            .expected = cuv_shape_text(ev->cx, own->shape + 1, own->rank - 1), .found = cuv_shape_text(ev->cx, given, rank),
                            .help = "leave --input-shape out: the model says it itself"},
                            "--input-shape says %s, and the model's input '%s' takes %s", cuv_shape_text(ev->cx, given, rank),
                            m->input_names[i], cuv_shape_text(ev->cx, own->shape + 1, own->rank - 1));
    }
    return CUV_OK;
}

static cuv_status prove(cuv_evidence *ev, cuv_model *m)
{
    m->samples = ev->samples;
    if (ev->samples && !ev->samples_kept)
        CUV_TRY(cuv_settle_by_samples(m, ev->samples, RTOL, ATOL));
    return ev->strict ? cuv_model_check_strict(m) : CUV_OK;
}

/* ---- no configuration: it is recovered ---- */

static bool has_tensors(const cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++)
        if (cuv_file_tensor_count(ev->files[i]))
            return true;
    return false;
}

static void release_arena(void *arena)
{
    cuv_arena_free(arena);
}

static void release_model(void *model)
{
    cuv_model_free(model);
}

/* What was found out, on the model; the weights are as sure as the architecture that was read off them. */
static cuv_status tell_recovery(cuv_model *m, const cuv_recovery *r)
{
    bool proven = r->found[0].level == CUV_VERIFIED;
    for (size_t i = 0; i < m->weight_count && proven; i++)
        m->weights[i]->level = CUV_VERIFIED;
    for (size_t i = 0; i < m->decision_count && proven; i++)
        if (m->decisions[i].layer) {
            m->decisions[i].level = CUV_VERIFIED;
            m->decisions[i].why = "the layer was read off it, and the samples are reproduced";
        }
    for (size_t i = 0; i < r->found_count; i++)
        CUV_TRY(cuv_model_decide(m, r->found[i].layer, r->found[i].field, r->found[i].value, r->found[i].level, r->found[i].why,
                                 r->found[i].alternatives));
    return CUV_OK;
}

static cuv_status add_candidates(cuv_evidence *ev, cuv_model *m, const cuv_recovery *r)
{
    m->candidates = CUV_NEW_ARRAY(m->arena, cuv_candidate, r->count);
    if (!m->candidates)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < r->count && (ev->top || !i); i++) {
        cuv_model *other = m;
        if (i) {
            CUV_TRY(cuv_candidate_model(ev, &r->candidates[i], &other));
            CUV_TRY(cuv_arena_defer(m->arena, release_model, other));
        }
        m->candidates[m->candidate_count++] = (cuv_candidate){r->candidates[i].score, r->candidates[i].max_abs, other};
    }
    return CUV_OK;
}

/* The samples once more, through the model as it will be used. */
static cuv_status prove_recovered(cuv_evidence *ev, cuv_model *m, double noise)
{
    cuv_verification *v;
    m->samples = ev->samples;
    if (!ev->samples)
        return CUV_OK;
    cuv_status status = cuv_verify_samples(m, ev->samples, RTOL, ATOL + noise, NULL, &v);
    if (status == CUV_NO && v)
        status = cuv_fail(ev->cx, CUV_NO, "samples.differ", &(cuv_detail){.file = ev->samples->file->path,
                          .help = "the architecture that was recovered gives the first samples, but not all of them; more time (--time) may help"},
                          "the recovered model does not give all outputs of %s", ev->samples->file->name);
    cuv_verification_free(ev->cx, v);
    return status;
}

static cuv_status finish_recovery(cuv_evidence *ev, cuv_model *m, const cuv_recovery *r)
{
    CUV_TRY(tell_recovery(m, r));
    CUV_TRY(prove_recovered(ev, m, r->noise));
    if (ev->samples && ev->samples_kept)
        cuv_note(ev->cx, "recover.by_samples", &(cuv_detail){.file = ev->samples->file->path,
                 .help = "cuvier rebuild --samples tells which choices they prove"},
                 "no file tells the architecture; it was recovered with the samples that it is held against");
    CUV_TRY(add_candidates(ev, m, r));
    return ev->strict ? cuv_model_check_strict(m) : CUV_OK;
}

static cuv_status recover(cuv_evidence *ev, cuv_model **out)
{
    cuv_arena *arena = cuv_arena_new(ev->cx);
    cuv_remains *remains;
    cuv_recovery *r = NULL;
    cuv_model *m = NULL;
    cuv_recover_options options = {.top = ev->top ? ev->top : 1, .rtol = RTOL, .atol = ATOL,
                                   .seconds = .7 * cuv_context_limits(ev->cx)->seconds};
    if (!arena)
        return cuv_oom(ev->cx);
    cuv_status status = cuv_remains_read(ev, arena, &remains);          /* files     → what is left of each layer */
    if (status == CUV_OK)
        status = cuv_recover(ev, remains, &options, arena, &r);         /* remains   → configurations */
    if (status == CUV_OK)
        status = cuv_candidate_model(ev, &r->candidates[0], &m);
    if (status == CUV_OK) {
        status = cuv_arena_defer(m->arena, release_arena, arena);
        arena = NULL;
    }
    if (status == CUV_OK)
        status = finish_recovery(ev, m, r);
    cuv_arena_free(arena);
    if (status != CUV_OK)
        cuv_model_free(m);
    else
        *out = m;
    return status;
}

/* A structure needs no weights: that there are none is not worth a word, that those given do not fit is. */
static void ease_misfits(cuv_evidence *ev, size_t mark)
{
    bool given = has_tensors(ev), lacking = true;
    for (size_t i = mark; i < cuv_finding_count(ev->cx) && lacking; i++) {
        const char *id = cuv_finding_at(ev->cx, i)->id;
        lacking = !strcmp(id, "bind.no_weights") || (!given && !strcmp(id, "bind.missing"));
    }
    if (lacking)
        cuv_findings_rewind(ev->cx, mark);
    else
        cuv_findings_ease(ev->cx, mark);
}

static cuv_status rebuild(cuv_evidence *ev, bool weights, cuv_model **out)
{
    cuv_value *config;
    cuv_file *from;
    cuv_model *m;
    *out = NULL;
    cuv_start_clock(ev->cx);
    CUV_TRY(cuv_evidence_settle(ev));                           /* scripts   → assignments, configuration */
    CUV_TRY(cuv_combine_shards(ev));                            /* parts     → one file of weights */
    CUV_TRY(choose_config(ev, &config, &from));
    CUV_TRY(cuv_give_vocabularies(ev, config, from));           /* texts     → configuration */
    if (!config)
        return has_tensors(ev) && (!ev->strict || ev->samples) ? recover(ev, out) : no_config(ev);
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = cuv_model_build(ev->cx, ev, config, from, &m);  /* config    → layers, wiring, program */
    if (status != CUV_OK) {
        cuv_findings_place(ev->cx, mark, from->path, from->name);
        return status;
    }
    tell_unused(ev);
    mark = cuv_findings_mark(ev->cx);
    cuv_status shapes = check_input_shapes(ev, m);
    status = shapes == CUV_OK ? cuv_model_bind(m, ev) : shapes; /* tensors   → weights */
    if (status == CUV_OK && weights)
        status = prove(ev, m);                                  /* samples   → certainty */
    if (status == CUV_NO && !weights && shapes == CUV_OK) {
        ease_misfits(ev, mark);
        status = CUV_OK;
    }
    if (status == CUV_OK)
        status = cuv_evidence_keep(m->arena, ev);
    if (status != CUV_OK) {
        cuv_model_free(m);
        return status;
    }
    m->evidence = ev;
    *out = m;
    return CUV_OK;
}

cuv_status cuv_rebuild(cuv_evidence *ev, cuv_model **out)
{
    return rebuild(ev, true, out);
}

cuv_status cuv_rebuild_structure(cuv_evidence *ev, cuv_model **out)
{
    return rebuild(ev, false, out);
}
