/* What names tell: classes by the names that Keras gives layers, layers and their parts by the names of variables. Knows no file. */
#include "recover/carriers.h"

#include <ctype.h>

/* ---- classes by name ---- */

static cuv_status learn(cuv_class_words *w, char *word, const char *class_name)
{
    if (!word)
        return cuv_oom(cuv_arena_context(w->arena));
    return cuv_map_get(w->classes, word) ? CUV_OK : cuv_map_set(w->classes, word, (void *)(uintptr_t)class_name);
}

static char *lower_case(cuv_arena *arena, const char *name)
{
    char *word = cuv_arena_strdup(arena, name);
    for (char *p = word; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return word;
}

/* The class under one of its names: Keras 3 and 2 write "max_pooling2d", Keras 1 "maxpooling2d". */
static cuv_status learn_name(cuv_class_words *w, const char *name, const char *class_name)
{
    CUV_TRY(learn(w, cuv_snake_case(w->arena, name), class_name));
    return learn(w, lower_case(w->arena, name), class_name);
}

static cuv_status learn_old_names(cuv_class_words *w, const cuv_layer_def *def)
{
    for (const char *at = def->old_names; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        const char *name = cuv_arena_strndup(w->arena, at, n);
        if (!name)
            return cuv_oom(cuv_arena_context(w->arena));
        CUV_TRY(learn_name(w, name, def->name));
        at += n;
    }
    return CUV_OK;
}

cuv_status cuv_class_words_make(cuv_arena *arena, cuv_class_words *out)
{
    *out = (cuv_class_words){arena, cuv_map_new(arena)};
    if (!out->classes)
        return cuv_oom(cuv_arena_context(arena));
    for (const cuv_layer_def *const *d = cuv_layer_all(); *d; d++)
        CUV_TRY(learn_name(out, (*d)->name, (*d)->name));
    for (const cuv_layer_def *const *d = cuv_layer_all(); *d; d++)
        CUV_TRY(learn_old_names(out, *d));
    return CUV_OK;
}

const char *cuv_class_of_name(const cuv_class_words *words, const char *name, int64_t *out_counter)
{
    char stem[96];
    size_t size = name ? strlen(name) : 0, digits = 0;
    if (out_counter)
        *out_counter = 0;
    if (!size || size >= sizeof stem)
        return NULL;
    const char *whole = cuv_map_get(words->classes, name);
    while (digits < size && isdigit((unsigned char)name[size - 1 - digits]))
        digits++;
    if (whole || !digits || digits + 1 >= size || name[size - digits - 1] != '_')
        return whole;
    memcpy(stem, name, size - digits - 1);
    stem[size - digits - 1] = '\0';
    int64_t counter = 0;
    const char *found = cuv_map_get(words->classes, stem);
    if (!found || !cuv_parse_i64(name + size - digits, digits, &counter))
        return NULL;
    if (out_counter)
        *out_counter = counter;
    return found;
}

bool cuv_class_is_model(const char *class_name)
{
    return cuv_streq(class_name, "Functional") || cuv_streq(class_name, "Sequential");
}

/* ---- classes by variables ---- */

bool cuv_has_weight(const cuv_named *tensors, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (cuv_streq(tensors[i].weight, word))
            return true;
    return false;
}

const char *cuv_class_of_weights(const cuv_named *tensors, size_t count)
{
    if (!count)
        return NULL;
    int rank = tensors[0].tensor->rank;
    if (cuv_has_weight(tensors, count, "moving_mean") || cuv_has_weight(tensors, count, "running_mean"))
        return "BatchNormalization";
    if (cuv_has_weight(tensors, count, "embeddings"))
        return "Embedding";
    if (cuv_has_weight(tensors, count, "pointwise_kernel"))
        return rank == 3 ? "SeparableConv1D" : rank == 4 ? "SeparableConv2D" : NULL;
    if (cuv_has_weight(tensors, count, "depthwise_kernel"))
        return rank == 3 ? "DepthwiseConv1D" : rank == 4 ? "DepthwiseConv2D" : NULL;
    return count == 1 && cuv_has_weight(tensors, count, "alpha") ? "PReLU" : NULL;
}

static bool names_slot(const cuv_layer_def *def, const char *word)
{
    for (const cuv_slot *s = def->slots; s && s->name; s++)
        if (cuv_streq(s->name, word) || cuv_streq(s->old, word))
            return true;
    return false;
}

bool cuv_class_may_have(const char *class_name, const cuv_named *tensors, size_t count)
{
    const cuv_layer_def *def = cuv_layer_find(class_name);
    size_t slots = 0, always = 0, told = 0, fitting = 0;
    if (!def || def->inner || def->build || (def->flags & CUV_LF_WRAPPER))
        return true;
    for (const cuv_slot *s = def->slots; s && s->name; s++, slots++)
        always += !s->condition;
    for (size_t i = 0; i < count; i++) {
        told += tensors[i].weight != NULL;
        fitting += names_slot(def, tensors[i].weight);
    }
    if (count < always || count > slots)
        return false;
    return told < count || count == 0 || fitting > 0;
}

/* ---- variables by name ---- */

enum { MOST_PARTS = 24 };

/* A name cut at its separators; the parts are borrowed. */
typedef struct parts { const char *at[MOST_PARTS]; size_t count; } parts;

static cuv_status cut(cuv_arena *arena, const char *name, char separator, parts *out)
{
    char *copy = cuv_arena_strdup(arena, name);
    if (!copy)
        return cuv_oom(cuv_arena_context(arena));
    out->count = 0;
    for (char *p = copy; p && out->count < MOST_PARTS;) {
        char *end = out->count + 1 < MOST_PARTS ? strchr(p, separator) : NULL;
        if (end)
            *end = '\0';
        if (*p)
            out->at[out->count++] = p;
        p = end ? end + 1 : NULL;
    }
    return CUV_OK;
}

static cuv_status join(cuv_arena *arena, const parts *p, size_t from, size_t to, const char **out)
{
    char *text = cuv_arena_strdup(arena, "");
    for (size_t i = from; text && i < to; i++)
        text = cuv_arena_printf(arena, "%s%s%s", text, i > from ? "/" : "", p->at[i]);
    *out = text;
    return text ? CUV_OK : cuv_oom(cuv_arena_context(arena));
}

typedef struct rank_row { const char *word; int rank; } rank_row;

static int rank_in(const rank_row *rows, size_t count, const char *word, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i].word) == size && !strncmp(rows[i].word, word, size))
            return rows[i].rank;
    return -1;
}

static const rank_row attention_parts[] = {
    {"query", 0}, {"query_dense", 0}, {"_query_dense", 0}, {"key", 1}, {"key_dense", 1}, {"_key_dense", 1}, {"value", 2},
    {"value_dense", 2}, {"_value_dense", 2}, {"attention_output", 3}, {"output_dense", 3}, {"_output_dense", 3}};

static int attention_rank(const char *part, size_t size)
{
    return rank_in(attention_parts, sizeof attention_parts / sizeof *attention_parts, part, size);
}

/* Name of a part of a layer, without its counter. */
static bool is_inner(const cuv_class_words *words, const char *part, const char *around)
{
    if (attention_rank(part, strlen(part)) >= 0)
        return true;
    const char *wrapper = cuv_class_of_name(words, around, NULL);
    if (cuv_streq(wrapper, "Bidirectional") || cuv_streq(wrapper, "TimeDistributed"))
        return true;
    return cuv_streq(part, "cell") || strstr(part, "_cell") || cuv_starts_with(part, "forward_") || cuv_starts_with(part, "backward_");
}

static const char *const known_words[] = {"recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "kernel", "biases", "bias", "gamma",
                                          "beta", "moving_mean", "moving_variance", "running_mean", "running_std", "embeddings", "alpha",
                                          "weights", "weight", "W", "w", "b"};

/* "dense_kernel" without separators, "W1". */
static cuv_status place_of_word(cuv_arena *arena, const char *key, cuv_place *out)
{
    size_t size = strlen(key);
    for (size_t i = 0; i < sizeof known_words / sizeof *known_words; i++) {
        size_t n = strlen(known_words[i]);
        bool ends = size > n + 1 && key[size - n - 1] == '_' && cuv_ends_with(key, known_words[i]);
        bool begins = size > n && !strncmp(key, known_words[i], n) && strspn(key + n + (key[n] == '_'), "0123456789") > 0 &&
                      !key[n + (key[n] == '_') + strspn(key + n + (key[n] == '_'), "0123456789")];
        if (!ends && !begins)
            continue;
        out->word = known_words[i];
        out->id = ends ? cuv_arena_strndup(arena, key, size - n - 1) : cuv_arena_strdup(arena, key + n + (key[n] == '_'));
        out->layer = ends ? out->id : NULL;
        return out->id ? CUV_OK : cuv_oom(cuv_arena_context(arena));
    }
    out->id = key;
    return CUV_OK;
}

cuv_status cuv_place_of(const cuv_class_words *words, const char *key, const char *group, cuv_place *out)
{
    cuv_arena *arena = words->arena;
    const char *path = group ? group : key;
    parts p = {.count = 0};
    *out = (cuv_place){.id = path, .inner = ""};
    char separator = strchr(path, '/') ? '/' : !group && strchr(path, '.') ? '.' : '/';
    CUV_TRY(cut(arena, path, separator, &p));
    if (!group && p.count < 2)
        return place_of_word(arena, key, out);
    size_t layers = p.count;
    if (!group)
        out->word = p.at[--layers];
    if (layers == 0)
        return CUV_OK;
    size_t n = layers;
    while (n > 1 && is_inner(words, p.at[n - 1], p.at[n - 2]))
        n--;
    CUV_TRY(join(arena, &p, n, layers, &out->inner));
    CUV_TRY(join(arena, &p, 0, n, &out->id));
    out->layer = group ? out->id : p.at[n - 1];     /* names of Keras 2 may have slashes */
    return CUV_OK;
}

/* ---- the order of variables ---- */

int cuv_weight_rank(const char *inner, const char *word)
{
    static const rank_row words[] = {
        {"kernel", 0}, {"depthwise_kernel", 0}, {"embeddings", 0}, {"gamma", 0}, {"alpha", 0}, {"W", 0}, {"w", 0}, {"weight", 0},
        {"weights", 0}, {"mean", 0}, {"pointwise_kernel", 1}, {"recurrent_kernel", 1}, {"U", 1}, {"beta", 2}, {"bias", 2}, {"b", 2},
        {"biases", 2}, {"variance", 2}, {"moving_mean", 3}, {"running_mean", 3}, {"count", 3}, {"moving_variance", 4}, {"running_std", 4}};
    int own = word ? rank_in(words, sizeof words / sizeof *words, word, strcspn(word, ":")) : -1;
    int part = attention_rank(inner, strcspn(inner, "/"));
    if (cuv_starts_with(inner, "backward_"))
        part = 1;
    return own < 0 ? -1 : (part > 0 ? part : 0) * 8 + own;
}
