/* The list of findings: errors, warnings and notes with copied texts. Nothing is printed.
 * When memory runs out a finding of constant text is recorded instead, without allocating. */
#include "base/context.h"

enum {
    FIRST_CAPACITY = 8,
    MOST_REMARKS = 10000 /* notes and warnings; a hostile file could cause millions */
};

static const cuv_finding out_of_memory = {
    .severity = CUV_ERROR, .status = CUV_MEMORY, .id = "memory.out",
    .message = "the system has no more memory to give",
    .help = "close other programs, or use a machine with more memory",
};
static const cuv_finding out_of_limit = {
    .severity = CUV_ERROR, .status = CUV_MEMORY, .id = "memory.limit",
    .message = "the memory limit set for this run was reached",
    .help = "raise the limit (--memory), or see why the file asks for so much",
};
static const cuv_finding remarks_cut = {
    .severity = CUV_NOTE, .id = "findings.cut", .message = "more notes and warnings were found than are kept",
};

bool cuv_findings_init(cuv_context *cx)
{
    cx->findings = cuv_alloc(cx, FIRST_CAPACITY * sizeof *cx->findings);
    if (!cx->findings)
        return false;
    cx->capacity = FIRST_CAPACITY;
    return true;
}

void cuv_findings_free(cuv_context *cx)
{
    cuv_release(cx, cx->findings, cx->capacity * sizeof *cx->findings);
    cuv_arena_free(cx->texts);
}

static cuv_arena *texts_of(cuv_context *cx)
{
    if (!cx->texts)
        cx->texts = cuv_arena_new(cx);
    return cx->texts;
}

/* Room for one finding and the spare slot. */
static bool reserve(cuv_context *cx)
{
    if (cx->count + 2 <= cx->capacity)
        return true;
    size_t capacity = cx->capacity * 2, bytes = 0;
    if (!cuv_mul_size(capacity, sizeof *cx->findings, &bytes))
        return false;
    cuv_finding *grown = cuv_resize(cx, cx->findings, cx->capacity * sizeof *cx->findings, bytes);
    if (!grown)
        return false;
    cx->findings = grown;
    cx->capacity = capacity;
    return true;
}

static void record_oom(cuv_context *cx)
{
    const cuv_finding *why = atomic_load(&cx->limit_reached) ? &out_of_limit : &out_of_memory;
    if (cx->count > 0 && cx->findings[cx->count - 1].status == CUV_MEMORY)
        return;
    if (cx->count < cx->capacity)
        cx->findings[cx->count++] = *why;
}

cuv_status cuv_oom(cuv_context *cx)
{
    pthread_mutex_lock(&cx->lock);
    record_oom(cx);
    pthread_mutex_unlock(&cx->lock);
    return CUV_MEMORY;
}

static bool copy_text(cuv_arena *arena, const char *text, const char **out)
{
    *out = text ? cuv_arena_strdup(arena, text) : NULL;
    return !text || *out;
}

static bool copy_detail(cuv_arena *arena, const cuv_detail *detail, cuv_finding *f)
{
    return !detail || (copy_text(arena, detail->file, &f->file) && copy_text(arena, detail->layer, &f->layer) &&
                       copy_text(arena, detail->tensor, &f->tensor) &&
                       copy_text(arena, detail->expected, &f->expected) &&
                       copy_text(arena, detail->found, &f->found) && copy_text(arena, detail->notes, &f->notes) &&
                       copy_text(arena, detail->help, &f->help));
}

/* False when remarks have passed their bound and this one is dropped. */
static bool keeps_remark(cuv_context *cx)
{
    if (cx->count < MOST_REMARKS)
        return true;
    if (!cx->cut && reserve(cx)) {
        cx->findings[cx->count++] = remarks_cut;
        cx->cut = true;
    }
    return false;
}

static bool append(cuv_context *cx, cuv_finding f, const char *id, const cuv_detail *detail, const char *fmt,
                   va_list args)
{
    if (f.severity != CUV_ERROR && !keeps_remark(cx))
        return true;
    cuv_arena *arena = texts_of(cx);
    if (!arena || !reserve(cx))
        return false;
    f.message = cuv_arena_vprintf(arena, fmt, args);
    if (!f.message || !copy_text(arena, id, &f.id) || !copy_detail(arena, detail, &f))
        return false;
    cx->findings[cx->count++] = f;
    return true;
}

static cuv_status record(cuv_context *cx, cuv_severity severity, cuv_status status, const char *id,
                         const cuv_detail *detail, const char *fmt, va_list args)
{
    pthread_mutex_lock(&cx->lock);
    bool kept = append(cx, (cuv_finding){.severity = severity, .status = status}, id, detail, fmt, args);
    if (!kept)
        record_oom(cx);
    pthread_mutex_unlock(&cx->lock);
    return kept ? status : CUV_MEMORY;
}

cuv_status cuv_fail(cuv_context *cx, cuv_status status, const char *id, const cuv_detail *detail, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    status = record(cx, CUV_ERROR, status, id, detail, fmt, args);
    va_end(args);
    return status;
}

void cuv_warn(cuv_context *cx, const char *id, const cuv_detail *detail, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)record(cx, CUV_WARNING, CUV_OK, id, detail, fmt, args);
    va_end(args);
}

void cuv_note(cuv_context *cx, const char *id, const cuv_detail *detail, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)record(cx, CUV_NOTE, CUV_OK, id, detail, fmt, args);
    va_end(args);
}

const char cuv_no_text[] = "(no memory for the text)";

const char *cuv_format(cuv_context *cx, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    pthread_mutex_lock(&cx->lock);
    cuv_arena *arena = texts_of(cx);
    const char *text = arena ? cuv_arena_vprintf(arena, fmt, args) : NULL;
    pthread_mutex_unlock(&cx->lock);
    va_end(args);
    return text ? text : cuv_no_text;
}

size_t cuv_findings_mark(const cuv_context *cx)
{
    return cx->count;
}

void cuv_findings_rewind(cuv_context *cx, size_t mark)
{
    if (mark < cx->count)
        cx->count = mark;
    if (mark < MOST_REMARKS)
        cx->cut = false;
}

/* What the message should name: the file, or the part of it that the finding's own place tells ("m.keras#config.json:1:7"). */
static const char *place_of(cuv_arena *arena, const cuv_finding *f, const char *name)
{
    size_t size = strlen(name);
    if (!f->file || strncmp(f->file, name, size) != 0 || f->file[size] != '#')
        return name;
    return cuv_arena_strndup(arena, f->file, size + strcspn(f->file + size, ":"));
}

static bool place_one(cuv_arena *arena, cuv_finding *f, const char *path, const char *name)
{
    bool known = f->status == CUV_MEMORY || f->status == CUV_TIMEOUT || f->severity != CUV_ERROR;
    if (known || (f->file && !strstr(f->file, name)))
        return true;
    const char *place = strstr(f->message, name) ? NULL : place_of(arena, f, name);
    if (place)
        f->message = cuv_arena_printf(arena, "%s: %s", place, f->message);
    return f->message && (f->file || copy_text(arena, path, &f->file));
}

void cuv_findings_place(cuv_context *cx, size_t mark, const char *path, const char *name)
{
    pthread_mutex_lock(&cx->lock);
    cuv_arena *arena = texts_of(cx);
    for (size_t i = mark; arena && i < cx->count; i++) {
        cuv_finding placed = cx->findings[i];
        if (place_one(arena, &placed, path, name))
            cx->findings[i] = placed;
    }
    pthread_mutex_unlock(&cx->lock);
}

void cuv_findings_ease(cuv_context *cx, size_t mark)
{
    pthread_mutex_lock(&cx->lock);
    for (size_t i = mark; i < cx->count; i++)
        if (cx->findings[i].severity == CUV_ERROR) {
            cx->findings[i].severity = CUV_WARNING;
            cx->findings[i].status = CUV_OK;
        }
    pthread_mutex_unlock(&cx->lock);
}

size_t cuv_finding_count(const cuv_context *cx)
{
    return cx->count;
}

const cuv_finding *cuv_finding_at(const cuv_context *cx, size_t index)
{
    return index < cx->count ? &cx->findings[index] : NULL;
}

void cuv_findings_clear(cuv_context *cx)
{
    cuv_findings_rewind(cx, 0);
    cuv_arena_free(cx->texts);
    cx->texts = NULL;
}
