/* Scanning files: the dangers that reading them shows, and what they were refused for. Each file is looked at by itself. */
#include "evidence/evidence.h"

typedef struct scan {
    cuv_context *cx;
    cuv_buffer out;
    bool json;
    size_t listed, dangers;
} scan;

static void put_text(scan *s, const char *text)
{
    cuv_buffer_json_string(&s->out, text ? text : "", text ? strlen(text) : 0);
}

/* Words from a file, fit for a terminal. */
static void put_safe(scan *s, const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            cuv_buffer_printf(&s->out, "\\x%02x", (unsigned)(unsigned char)*p);
        else
            cuv_buffer_char(&s->out, *p);
}

static void list(scan *s, cuv_severity severity, const char *code, const char *path, const char *where, const char *what)
{
    static const char *const severities[] = {"note", "warning", "error"};
    s->dangers += severity != CUV_NOTE;
    where = where && *where ? where : path;
    if (!s->json) {
        cuv_buffer_printf(&s->out, "%s: ", severities[severity]);
        put_safe(s, path);
        cuv_buffer_text(&s->out, ": ");
        put_safe(s, what);
        cuv_buffer_printf(&s->out, " (%s)\n  in  ", code);
        put_safe(s, where);
        cuv_buffer_char(&s->out, '\n');
        s->listed++;
        return;
    }
    cuv_buffer_printf(&s->out, "%s\n {\"severity\": \"%s\", \"code\": \"%s\", \"file\": ", s->listed++ ? "," : "", severities[severity], code);
    put_text(s, path);
    cuv_buffer_text(&s->out, ", \"where\": ");
    put_text(s, where);
    cuv_buffer_text(&s->out, ", \"what\": ");
    put_text(s, what);
    cuv_buffer_char(&s->out, '}');
}

/* A message without the file's name before it, which has its own place. */
static const char *without_name(const char *message, const char *path)
{
    const char *name = cuv_path_name(path);
    size_t n = strlen(name);
    return n && !strncmp(message, name, n) && !strncmp(message + n, ": ", 2) ? message + n + 2 : message;
}

/* What a refused file was refused for; the findings stay for the caller. */
static void list_refusal(scan *s, const char *path, size_t mark)
{
    for (size_t i = mark; i < cuv_finding_count(s->cx); i++) {
        const cuv_finding *f = cuv_finding_at(s->cx, i);
        const char *of = path ? path : f->file ? f->file : "?";
        if (f->severity == CUV_ERROR)
            list(s, CUV_ERROR, f->id, of, f->file, without_name(f->message, of));
    }
}

/* Lists the dangers of one file. `*refused`: what it was refused with when that was no danger. */
static cuv_status scan_file(scan *s, const char *path, cuv_status *refused)
{
    struct cuv_evidence *ev = NULL;
    cuv_file *file = NULL;
    size_t mark = cuv_findings_mark(s->cx);
    *refused = CUV_OK;
    CUV_TRY(cuv_evidence_new(s->cx, &ev));
    cuv_status status = cuv_evidence_open(ev, path, &file);
    for (size_t i = 0; ev->tried && i < ev->tried->danger_count; i++) {
        const cuv_danger *d = &ev->tried->dangers[i];
        list(s, d->severity, d->code, path, d->where, d->what);
    }
    if (status == CUV_UNSAFE)
        list_refusal(s, path, mark);
    if (status == CUV_OK || status == CUV_UNSAFE)
        cuv_findings_rewind(s->cx, mark);
    else
        *refused = status;
    cuv_evidence_free(ev);
    return status == CUV_MEMORY || status == CUV_TIMEOUT ? status : CUV_OK;
}

static cuv_status scan_all(scan *s, const char *const *paths, size_t count)
{
    cuv_status first = CUV_OK, refused;
    size_t mark = cuv_findings_mark(s->cx);
    for (size_t i = 0; i < count; i++) {
        cuv_start_clock(s->cx);
        CUV_TRY(scan_file(s, paths[i], &refused));
        first = first == CUV_OK ? refused : first;
    }
    if (!s->dangers)
        return first;
    list_refusal(s, NULL, mark);    /* of files that could not be read, beside the dangers of others */
    cuv_findings_rewind(s->cx, mark);
    return CUV_NO;
}

cuv_status cuv_scan(cuv_context *cx, const char *const *paths, size_t count, bool json, char **out)
{
    scan s = {.cx = cx, .json = json};
    *out = NULL;
    cuv_buffer_init(&s.out, cx);
    cuv_status status = scan_all(&s, paths, count);
    if (status == CUV_OK || status == CUV_NO) {
        cuv_buffer whole;
        cuv_buffer_init(&whole, cx);
        if (json)
            cuv_buffer_printf(&whole, "{\"cuvier\": \"%s\", \"clean\": %s, \"findings\": [", cuv_version(), status == CUV_OK ? "true" : "false");
        cuv_buffer_add(&whole, s.out.data, s.out.size);
        cuv_buffer_text(&whole, json ? "]}\n" : status == CUV_OK ? "clean\n" : "");
        *out = s.out.failed || whole.failed ? NULL : cuv_alloc(cx, whole.size + 1);
        if (*out)
            memcpy(*out, whole.data, whole.size + 1);
        else
            status = cuv_oom(cx);
        cuv_buffer_free(&whole);
    }
    cuv_buffer_free(&s.out);
    return status;
}
