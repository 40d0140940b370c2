/* Vocabularies that lie outside the model's files: texts with one token in each line. Each goes into the configuration of the layer that
 * it belongs to, as if it had been given there, so that nothing after this knows of files. */
#include "evidence/read.h"

typedef struct need { const char *layer, *class_name, *path; cuv_value *config; } need;

typedef struct search {
    struct cuv_evidence *ev;
    need *needs;
    size_t count, capacity;
    bool any, failed;       /* any: there are layers with vocabularies, even if theirs are known */
} search;

bool cuv_takes_vocabulary(const char *class_name)
{
    return cuv_streq(class_name, "StringLookup") || cuv_streq(class_name, "IntegerLookup") || cuv_streq(class_name, "TextVectorization");
}

cuv_status cuv_read_tokens(struct cuv_evidence *ev, const cuv_source *src, bool whole, cuv_value **out)
{
    const char *text = (const char *)src->data;
    size_t size = src->size, at = 0;
    cuv_value *list = *out = cuv_value_list(ev->arena);
    if (!list)
        return cuv_oom(ev->cx);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    while (at < size) {
        size_t n = 0;
        int64_t number;
        while (at + n < size && text[at + n] != '\n' && text[at + n] != '\r')
            n++;
        cuv_value *item = !whole ? cuv_value_text_n(ev->arena, text + at, n)
                          : cuv_parse_i64(text + at, n, &number) ? cuv_value_int(ev->arena, number) : NULL;
        if (!item && whole)
            return cuv_fail(ev->cx, CUV_DAMAGED, "archive.vocabulary", &(cuv_detail){.file = src->name, .expected = "an integer in each line"},
                            "%s: line %zu is no integer", src->name, cuv_len(list) + 1);
        CUV_TRY(cuv_list_add(ev->arena, list, item));
        at += n;
        at += at + 1 < size && text[at] == '\r' && text[at + 1] == '\n' ? 2 : 1;
    }
    return CUV_OK;
}

bool cuv_is_token_list(const cuv_file *file)
{
    const uint8_t *data = file->source.data;
    for (size_t i = 0; i < file->source.size; i++)
        if (data[i] < ' ' && data[i] != '\n' && data[i] != '\r' && data[i] != '\t')
            return false;
    return cuv_utf8_valid((const char *)data, file->source.size);
}

static void look(void *to, const cuv_value *record, const cuv_standing *place)
{
    search *s = to;
    cuv_value *config = cuv_get(record, "config");
    const cuv_value *vocabulary = cuv_get(config, "vocabulary");
    const char *name = cuv_get_text(config, "name");
    s->any = s->any || cuv_takes_vocabulary(place->class_name);
    if (s->failed || !cuv_takes_vocabulary(place->class_name) || !config || config->kind != CUV_DICT ||
        (!cuv_is_null(vocabulary) && !cuv_text(vocabulary)))
        return;
    need *needs = cuv_arena_grow(s->ev->arena, s->needs, s->count, &s->capacity, sizeof *needs);
    s->failed = !needs;
    if (!needs)
        return;
    s->needs = needs;
    s->needs[s->count++] = (need){name ? name : place->name, place->class_name, cuv_text(vocabulary), config};
}

cuv_file *cuv_mapped_vocabulary(const struct cuv_evidence *ev, const char *map)
{
    const char *equals = strchr(map, '=');
    for (size_t i = 0; equals && i < ev->file_count; i++)
        if (ev->files[i]->tokens && (cuv_streq(ev->files[i]->path, equals + 1) || cuv_streq(ev->files[i]->name, equals + 1)))
            return ev->files[i];
    return NULL;
}

static cuv_file *by_map(const struct cuv_evidence *ev, const need *n)
{
    for (size_t i = 0; n->layer && i < ev->map_text_count; i++) {
        const char *map = ev->map_texts[i];
        if (cuv_starts_with(map, n->layer) && map[strlen(n->layer)] == '=' && cuv_mapped_vocabulary(ev, map))
            return cuv_mapped_vocabulary(ev, map);
    }
    return NULL;
}

/* By the name that the configuration gives the file, or by the layer's: layer.txt, layer.vocabulary.txt. */
static cuv_file *by_name(const struct cuv_evidence *ev, const need *n)
{
    for (size_t i = 0; i < ev->file_count; i++) {
        cuv_file *f = ev->files[i];
        const size_t size = n->layer ? strlen(n->layer) : 0;
        if (f->tokens && (n->path ? cuv_streq(f->name, cuv_any_path_name(n->path))
                                  : size && cuv_starts_with(f->name, n->layer) && f->name[size] == '.'))
            return f;
    }
    return NULL;
}

static cuv_file *only_one(const struct cuv_evidence *ev)
{
    cuv_file *found = NULL;
    for (size_t i = 0; i < ev->file_count; i++) {
        cuv_file *f = ev->files[i];
        if (!f->tokens || f->tokens_used)
            continue;
        if (found)
            return NULL;
        found = f;
    }
    return found;
}

static cuv_status put(struct cuv_evidence *ev, need *n, cuv_file *file)
{
    cuv_value *list;
    file->tokens_used = true;
    CUV_TRY(cuv_read_tokens(ev, &file->source, cuv_streq(n->class_name, "IntegerLookup"), &list));
    CUV_TRY(cuv_dict_set(ev->arena, n->config, "vocabulary", list));
    n->config = NULL;
    return CUV_OK;
}

/* ---- of another file's configuration: code that calls adapt() beside the archive that was saved then */

typedef struct lender { const need *n; const cuv_value *named, *only; size_t found; } lender;

static void look_for_lender(void *to, const cuv_value *record, const cuv_standing *place)
{
    lender *l = to;
    const cuv_value *config = cuv_get(record, "config");
    const char *name = cuv_get_text(config, "name");
    if (!cuv_streq(place->class_name, l->n->class_name) || !cuv_len(cuv_get(config, "vocabulary")) || cuv_text(cuv_get(config, "vocabulary")))
        return;
    l->named = l->n->layer && cuv_streq(name ? name : place->name, l->n->layer) ? config : l->named;
    l->only = l->found++ ? NULL : config;
}

static cuv_status borrow(struct cuv_evidence *ev, const cuv_value *config, need *n)
{
    static const char *const keys[] = {"vocabulary", "idf_weights"};
    for (size_t i = 0; n->config && !n->path && i < ev->file_count; i++) {
        lender l = {.n = n};
        if (!ev->files[i]->config || ev->files[i]->config == config)
            continue;
        CUV_TRY(cuv_classes_each(ev->arena, ev->files[i]->config, look_for_lender, &l));
        const cuv_value *found = l.named ? l.named : l.only;
        for (size_t k = 0; found && k < sizeof keys / sizeof *keys; k++) {
            cuv_value *value = cuv_get(found, keys[k]);
            if (!cuv_is_null(value))
                CUV_TRY(cuv_dict_set(ev->arena, n->config, keys[k], value));
        }
        n->config = found ? NULL : n->config;
    }
    return CUV_OK;
}

/* The only text for the only layer that lacks one. */
static cuv_status put_last(struct cuv_evidence *ev, search *s)
{
    cuv_file *file = only_one(ev);
    need *left = NULL;
    for (size_t i = 0; i < s->count; i++) {
        if (left && s->needs[i].config)
            return CUV_OK;
        left = s->needs[i].config ? &s->needs[i] : left;
    }
    if (!file || !left || ev->strict)
        return CUV_OK;
    cuv_warn(ev->cx, "vocabulary.assumed", &(cuv_detail){.file = file->path, .layer = left->layer,
             .help = cuv_format(ev->cx, "say it: --map %s=%s", left->layer ? left->layer : "LAYER", file->name)},
             "%s is taken for the vocabulary of layer '%s', the only one that lacks one", file->name, left->layer ? left->layer : "?");
    return put(ev, left, file);
}

/* A text that no layer takes is some other text. */
static cuv_status refuse_rest(struct cuv_evidence *ev, bool lookups)
{
    for (size_t i = 0; i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        if (!f->tokens || f->tokens_used || f->named_by_script)
            continue;
        if (!lookups)
            return cuv_foreign_unknown(ev->cx, f);
        return cuv_fail(ev->cx, CUV_NO, "vocabulary.unused", &(cuv_detail){.file = f->path,
                        .help = "a layer takes the file that its configuration names, one of its own name (layer.txt), or what --map LAYER=FILE says"},
                        "%s is a text, and it is not known which layer takes its vocabulary from it", f->name);
    }
    return CUV_OK;
}

cuv_status cuv_give_vocabularies(struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from)
{
    search s = {.ev = ev};
    if (config)
        CUV_TRY(cuv_classes_each(ev->arena, config, look, &s));
    if (s.failed)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < s.count; i++) {
        cuv_file *file = by_map(ev, &s.needs[i]);
        file = file ? file : by_name(ev, &s.needs[i]);
        if (!file && s.needs[i].path && from && from->script)
            CUV_TRY(cuv_neighbour(ev, from, s.needs[i].path, "vocabulary=", "script.file", &file));
        if (file && file->tokens)
            CUV_TRY(put(ev, &s.needs[i], file));
        CUV_TRY(borrow(ev, config, &s.needs[i]));
    }
    CUV_TRY(put_last(ev, &s));
    return refuse_rest(ev, s.any);
}
