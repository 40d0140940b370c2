/* Keras code as evidence: parses it, evaluates its statements, and writes down the model and the weights that they state.
 * Errors of the evaluation, its bounds, and which of several models is meant. */
#include "evidence/script.h"

/* Units of work: an expression takes 16, a value 8. It bounds time and, since every value counts, memory. */
enum { MOST_STEPS = 1 << 25, MOST_DEPTH = 200 };

/* ---- errors ---- */

/* "at  rebuild.py:12:5", the line, and a caret below it. */
static const char *place_notes(cuv_sc *e, const cuv_py *node)
{
    const char *lines = cuv_py_excerpt(e->cx, e->src, node);
    size_t first = strcspn(lines, "\n");
    return cuv_sc_format(e, "at  %s\n    %.*s\n    %s", cuv_sc_where(e, node), (int)first, lines,
                      lines[first] ? lines + first + 1 : "^");
}

static cuv_status fail(cuv_sc *e, const cuv_py *node, cuv_status status, const char *id, const char *help, const char *fmt,
                       va_list args)
{
    char *message = cuv_arena_vprintf(e->arena, fmt, args);
    if (!message)
        return cuv_oom(e->cx);
    node = node ? node : e->at ? e->at : e->statement;
    cuv_detail detail = {.file = node ? cuv_sc_where(e, node) : e->file->path, .help = help,
                         .notes = node ? place_notes(e, node) : NULL};
    return cuv_fail(e->cx, status, id, &detail, "%s", message);
}

cuv_status cuv_sc_fail(cuv_sc *e, const cuv_py *node, cuv_status status, const char *id, const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    status = fail(e, node, status, id, help, fmt, args);
    va_end(args);
    return status;
}

cuv_status cuv_sc_unsupported(cuv_sc *e, const cuv_py *node, const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    cuv_status status = fail(e, node, CUV_UNSUPPORTED, "script.unsupported", help, fmt, args);
    va_end(args);
    return status;
}

const char *cuv_sc_format(cuv_sc *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = cuv_arena_vprintf(e->arena, fmt, args);
    va_end(args);
    e->no_memory = e->no_memory || !text;
    return text ? text : "";
}

const char *cuv_sc_where(cuv_sc *e, const cuv_py *node)
{
    return node ? cuv_py_where(e->cx, e->src, node) : e->file->name;
}

/* ---- bounds ---- */

cuv_status cuv_sc_step(cuv_sc *e, uint64_t n)
{
    uint64_t before = e->steps;
    e->steps += n < e->step_limit ? n : e->step_limit;
    if (e->steps > e->step_limit)
        return cuv_sc_fail(e, NULL, CUV_UNSAFE, "script.steps", "no model needs so long; is there a loop that does not end?",
                           "the code takes more steps to read than the limit");
    return before >> 14 == e->steps >> 14 ? CUV_OK : cuv_check_time(e->cx);
}

cuv_status cuv_sc_effect(cuv_sc *e, const cuv_py *node)
{
    if (!e->guarded)
        return CUV_OK;
    const char *condition = e->guard ? cuv_py_brief(e->cx, e->src, e->guard, 60) : "a condition";
    return cuv_sc_unsupported(e, node, "write down which of the two it was, for example by setting the name to True or False",
                              "this part of the model depends on '%s', which the code does not tell", condition);
}

cuv_status cuv_sc_skip(cuv_sc *e, const cuv_py *statement)
{
    const char *where = cuv_sc_where(e, statement);
    char *line = cuv_arena_printf(e->ev->arena, "%s %s", where, cuv_py_brief(e->cx, e->src, statement, 70));
    if (!line)
        return cuv_oom(e->cx);
    if (cuv_map_get(e->skipped, line))
        return CUV_OK;
    const char **grown = cuv_arena_grow(e->ev->arena, e->script->skipped, e->script->skipped_count, &e->skipped_capacity,
                                        sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    e->script->skipped = grown;
    grown[e->script->skipped_count++] = line;
    return cuv_map_set(e->skipped, line, line);
}

void cuv_sc_keras(cuv_sc *e, int major)
{
    if (!e->script->keras)
        e->script->keras = major;
}

/* ---- which model ---- */

static const cuv_sl *model_value(const cuv_sv *v)
{
    if (v && v->kind == CUV_SV_INSTANCE)
        return v->layer;
    return v && v->kind == CUV_SV_LAYER && v->layer->is_model ? v->layer : NULL;
}

/* What speaks for a model: what was done with it, the name it has, and being part of no other. */
static unsigned weight_of(const cuv_sc *e, const cuv_sl *model)
{
    static const char *const names[] = {"loaded_model", "new_model", "rebuilt", "net", "network", "classifier", "model"};
    unsigned votes = model->votes < 1000 ? model->votes : 1000;
    if (model->saved)
        votes += 5000;
    if ((model->opened || model->ready_made) && model->consumed)       /* to be taken apart */
        return votes;
    if (!model->used_inside)
        votes += 2000;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (model_value(cuv_map_get(e->global->names, names[i])) == model)
            votes += i + 1 == sizeof names / sizeof *names ? 4000 : 20;
    return votes;
}

cuv_sl *cuv_sc_choose_model(const cuv_sc *e)
{
    cuv_sl *best = NULL;
    for (size_t i = 0; i < e->model_count; i++)         /* of equals the one made last */
        if (!best || weight_of(e, e->models[i]) >= weight_of(e, best))
            best = e->models[i];
    return best;
}

/* ---- functions that nobody calls ---- */

static bool can_be_called(const cuv_py *def)
{
    for (size_t i = 0; i < def->count; i++)
        if (!def->items[i]->a && def->items[i]->op == 0)
            return false;
    return true;
}

/* A module of functions: the one that builds the model is asked for it, when it needs no arguments. */
static cuv_status call_builder(cuv_sc *e, const cuv_py *module)
{
    cuv_sv *f = NULL, *unused = NULL;
    for (size_t i = 0; i < module->body_count; i++) {
        const cuv_py *s = module->body[i];
        if (s->kind != CUV_PY_DEF || !can_be_called(s) || (!strstr(s->text, "model") && !strstr(s->text, "build") &&
                                                           !strstr(s->text, "net") && !strstr(s->text, "Net")))
            continue;
        f = cuv_map_get(e->global->names, s->text);
    }
    if (!f || f->kind != CUV_SV_FUNCTION)
        return CUV_OK;
    e->at = e->statement = f->node;
    return cuv_sc_call(e, f, &(cuv_sargs){.node = f->node}, &unused);
}

/* ---- the whole ---- */

cuv_status cuv_sc_prepare(cuv_sc *e)
{
    const cuv_limits *limits = cuv_context_limits(e->cx);
    e->step_limit = MOST_STEPS < limits->items * 64 ? MOST_STEPS : limits->items * 64;
    e->depth_limit = limits->depth * 4 < MOST_DEPTH ? limits->depth * 4 : MOST_DEPTH;
    e->counters = cuv_map_new(e->arena);
    e->skipped = cuv_map_new(e->arena);
    if (!e->counters || !e->skipped)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sv_make(e, CUV_SV_NONE, &e->none));
    CUV_TRY(cuv_sv_make(e, CUV_SV_BOOL, &e->yes));
    CUV_TRY(cuv_sv_make(e, CUV_SV_BOOL, &e->no));
    CUV_TRY(cuv_sv_make(e, CUV_SV_ELLIPSIS, &e->everything));
    e->yes->truth = true;
    CUV_TRY(cuv_sc_scope(e, NULL, &e->global));
    e->global->src = e->src;
    e->modules = cuv_map_new(e->arena);
    if (!e->modules)
        return cuv_oom(e->cx);
    e->scope = e->global;
    return CUV_OK;
}

/* Another file that holds a model, or may build one. */
static bool other_model(const cuv_sc *e)
{
    for (size_t i = 0; i < e->ev->file_count; i++)
        if (e->ev->files[i]->config || (e->ev->files[i] != e->file && e->ev->files[i]->format == CUV_FORMAT_PYTHON))
            return true;
    return false;
}

static cuv_status no_model(cuv_sc *e, const cuv_py *module)
{
    e->script->definitions = cuv_py_only_defines(module) && other_model(e);
    if (e->script->definitions || e->script->weight_file_count || e->script->assignment_count)
        return CUV_OK;
    return cuv_fail(e->cx, CUV_NO, "script.model", &(cuv_detail){.file = e->file->path,
                    .help = "give the code that builds the model (Sequential, Model, model_from_json, load_model)"},
                    "%s builds no Keras model", e->file->name);
}

/* A model that a file holds is that file's; everything else is written down. */
static cuv_status write_config(cuv_sc *e, cuv_sl *model)
{
    cuv_value *record = NULL;
    e->at = model->node;
    if ((model->kind == CUV_SL_OPAQUE || (model->opened && !model->changed)) && model->record_file && model->record_file->config &&
        cuv_value_equal(model->record_file->config, model->record)) {
        e->script->model_file = model->record_file;
        return CUV_OK;
    }
    CUV_TRY(cuv_sl_record(e, model, 0, &record));
    e->script->config = cuv_value_copy(e->ev->arena, record);
    return e->script->config ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status conclude(cuv_sc *e, const cuv_py *module)
{
    cuv_sl *model = cuv_sc_choose_model(e);
    if (!model)
        return no_model(e, module);
    CUV_TRY(write_config(e, model));
    CUV_TRY(cuv_sc_places(e, model, &e->script->places));
    e->at = NULL;
    return cuv_sc_finish_weights(e, model);
}

/* Does the code define a class that extends what Keras calls Model or Layer? */
static bool defines_class(const cuv_py *module)
{
    for (size_t i = 0; i < module->body_count; i++)
        for (size_t k = 0; module->body[i]->kind == CUV_PY_CLASS && k < module->body[i]->count; k++) {
            const cuv_py *base = module->body[i]->items[k];
            if ((base->kind == CUV_PY_NAME || base->kind == CUV_PY_ATTRIBUTE) && base->text &&
                (cuv_ends_with(base->text, "Model") || cuv_ends_with(base->text, "Layer") || cuv_streq(base->text, "Module")))
                return true;
        }
    return false;
}

/* Weights and constants of such classes are layers that are called on the model's first input, whichever that will be. */
cuv_status cuv_sc_follow_classes(cuv_sc *e)
{
    cuv_sl *input = NULL;
    e->bodies = e->networks = true;
    e->kept_names = cuv_map_new(e->arena);
    if (!e->kept_names)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sl_input(e, NULL, "(input)", "float32", &input));
    return cuv_sl_tensor_value(e, input->calls[0]->outputs[0], &e->bodies_input);
}

cuv_status cuv_sc_expect_classes(cuv_sc *e, const cuv_py *module)
{
    return e->bodies || !defines_class(module) ? CUV_OK : cuv_sc_follow_classes(e);
}

static cuv_status run(cuv_sc *e, const void *with)
{
    const cuv_py *module = with;
    cuv_flow flow = CUV_FLOW_NEXT;
    CUV_TRY(cuv_sc_prepare(e));
    CUV_TRY(cuv_sc_expect_classes(e, module));
    CUV_TRY(cuv_sc_block(e, module->body, module->body_count, &flow));
    e->guarded = 0;
    if (!e->model_count && !e->object_count)
        CUV_TRY(call_builder(e, module));
    if (e->networks)
        CUV_TRY(cuv_sc_finish_networks(e, module));
    return conclude(e, module);
}

static int version_of_files(const struct cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++)
        if (ev->files[i]->keras)
            return ev->files[i]->keras == 1 ? 2 : ev->files[i]->keras;
    return 0;
}

cuv_status cuv_sc_read(struct cuv_evidence *ev, cuv_file *file, int keras, cuv_status (*body)(cuv_sc *e, const void *with),
                       const void *with, cuv_script **out)
{
    cuv_sc e = {.cx = ev->cx, .ev = ev, .file = file, .src = &file->source, .arena = cuv_arena_new(ev->cx),
                .script = CUV_NEW(ev->arena, cuv_script)};
    *out = e.script;
    if (!e.arena || !e.script) {
        cuv_arena_free(e.arena);
        return cuv_oom(ev->cx);
    }
    e.script->keras = keras;
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = body(&e, with);
    if (e.no_memory && status != CUV_MEMORY) {      /* what it says is worth nothing */
        cuv_findings_rewind(ev->cx, mark);
        status = cuv_oom(ev->cx);
    }
    cuv_arena_free(e.arena);
    return status;
}

/* Files tell which Keras it is only once the code has named them; names follow the version, so the code is then read again. */
cuv_status cuv_read_script(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_arena *arena = cuv_arena_new(ev->cx);
    cuv_py *module = NULL;
    cuv_script *script = NULL;
    if (!arena)
        return cuv_oom(ev->cx);
    cuv_status status = cuv_python_parse(arena, &file->source, &module);
    int keras = version_of_files(ev);
    if (status == CUV_OK)
        status = cuv_sc_read(ev, file, keras, run, module, &script);
    int told = version_of_files(ev);
    if (status == CUV_OK && !keras && told && (told != (script->keras ? script->keras : 3) || (script->underscored && !script->keras)))
        status = cuv_sc_read(ev, file, told, run, module, &script);
    cuv_arena_free(arena);
    if (status == CUV_OK)
        file->script = script;
    return status == CUV_OK ? cuv_custom_imply(ev, file) : status;
}
