/* What the names of arrays say of their order when they are not the layers' names: numbers ("W1 b1 W2 b2", "layers.10.weight"), words for
 * kernels and biases, and Keras's names with the counters of another session. */
#include "model/bind.h"

#include <stdlib.h>

/* ---- words and numbers */

enum { MOST_NUMBERS = 6, LONGEST_NAME = 400 };
enum { ROLE_UNKNOWN = -2, ROLE_QUALIFIES = -1 };

/* Where a weight of this name stands among those of its layer, as Keras lists them; "running" only qualifies another word. */
static const struct { const char *word; int place; } words[] = {
    {"kernel", 0}, {"kernels", 0}, {"weight", 0}, {"weights", 0}, {"W", 0}, {"w", 0}, {"gamma", 0}, {"embeddings", 0}, {"coef", 0}, {"coefs", 0},
    {"U", 1}, {"bias", 2}, {"biases", 2}, {"B", 2}, {"b", 2}, {"beta", 2}, {"intercept", 2}, {"intercepts", 2}, {"mean", 3}, {"var", 4},
    {"variance", 4}, {"recurrent", 1}, {"pointwise", 1}, {"moving", ROLE_QUALIFIES}, {"running", ROLE_QUALIFIES},
};

typedef struct reading {
    const char *stem;           /* without the words above, with '#' for numbers */
    uint64_t numbers[MOST_NUMBERS];
    size_t number_count;
    int place;
    size_t index;
} reading;

static int place_of_word(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == n && !strncmp(words[i].word, word, n))
            return words[i].place;
    return ROLE_UNKNOWN;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* False for a name that is too long, or has more numbers than names of weights have. */
static bool read_name(cuv_binding *b, const cuv_named *t, size_t index, reading *r)
{
    char stem[LONGEST_NAME + 1];
    size_t n = 0, end = strcspn(t->key, ":");
    *r = (reading){.place = ROLE_UNKNOWN, .index = index};
    if (end > LONGEST_NAME)
        return false;
    for (size_t i = 0; i < end;) {
        size_t from = i;
        if (cuv_is_digit(t->key[i])) {
            uint64_t value = 0;
            for (; i < end && cuv_is_digit(t->key[i]) && value < (1U << 28); i++)
                value = 10 * value + (uint64_t)(t->key[i] - '0');
            if (r->number_count == MOST_NUMBERS || (i < end && cuv_is_digit(t->key[i])))
                return false;
            r->numbers[r->number_count++] = value;
            stem[n++] = '#';
            continue;
        }
        while (i < end && is_letter(t->key[i]))
            i++;
        int place = i > from ? place_of_word(t->key + from, i - from) : ROLE_UNKNOWN;
        if (i == from)          /* what stands between words: one sign is as good as another */
            i++;
        else if (place == ROLE_UNKNOWN)
            while (from < i)
                stem[n++] = t->key[from++];
        if (place > r->place)
            r->place = place;
    }
    r->stem = cuv_arena_strndup(b->scratch, stem, n);
    if (r->place < 0)
        r->place = t->tensor->rank > 1 ? 0 : 2;
    return true;
}

static int by_stem(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    int order = strcmp(x->stem, y->stem);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int by_numbers(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    int order = strcmp(x->stem, y->stem);
    for (size_t i = 0; !order && i < x->number_count && i < y->number_count; i++)
        order = (x->numbers[i] > y->numbers[i]) - (x->numbers[i] < y->numbers[i]);
    if (!order)
        order = (x->place > y->place) - (x->place < y->place);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Among the names that differ by numbers only, the numbers tell the order; where one kind of name stands among the others, the file. */
cuv_status cuv_sort_by_names(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out, bool *changed)
{
    reading *places = CUV_NEW_ARRAY(b->scratch, reading, count + 1), *sorted = CUV_NEW_ARRAY(b->scratch, reading, count + 1);
    cuv_named *list = *out = CUV_NEW_ARRAY(b->scratch, cuv_named, count + 1);
    *changed = false;
    if (!places || !sorted || !list)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < count; i++) {
        list[i] = tensors[i];
        if (!read_name(b, &tensors[i], i, &places[i]))
            return CUV_OK;
        if (!places[i].stem)
            return cuv_oom(b->cx);
        sorted[i] = places[i];
    }
    qsort(places, count, sizeof *places, by_stem);
    qsort(sorted, count, sizeof *sorted, by_numbers);
    for (size_t i = 0; i < count; i++) {
        list[places[i].index] = tensors[sorted[i].index];
        *changed |= places[i].index != sorted[i].index;
    }
    return CUV_OK;
}

/* ---- Keras's names, counted by another session */

typedef struct counted {
    const char *stem;
    size_t stem_size;
    uint64_t counter;
    const char *part, *rest;    /* of a tensor's key: the layer's name in it, and what follows */
    cuv_unit *unit;
    size_t index;
} counted;

/* "dense" and 3 of "dense_3"; 0 where there is no counter. */
static bool split(const char *name, size_t size, counted *c)
{
    size_t digits = size;
    while (digits > 0 && cuv_is_digit(name[digits - 1]))
        digits--;
    bool has = digits < size && digits > 1 && name[digits - 1] == '_' && size - digits < 10;
    c->stem = name;
    c->stem_size = has ? digits - 1 : size;
    c->counter = has ? strtoull(name + digits, NULL, 10) : 0;
    return size > 0;
}

static bool same_stem(const counted *x, const counted *y)
{
    return x->stem_size == y->stem_size && !strncmp(x->stem, y->stem, x->stem_size);
}

static int by_counter(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    size_t n = x->stem_size < y->stem_size ? x->stem_size : y->stem_size;
    int order = strncmp(x->stem, y->stem, n);
    if (!order)
        order = (x->stem_size > y->stem_size) - (x->stem_size < y->stem_size);
    return order ? order : (x->counter > y->counter) - (x->counter < y->counter);
}

/* The first part of a key "model/dense_3/kernel" that is called like a layer but for the counter. */
static bool find_part(const counted *units, size_t unit_count, const cuv_named *t, counted *c)
{
    for (const char *part = t->key;;) {
        size_t size = strcspn(part, "/.");
        if (!part[size] || !split(part, size, c))
            return false;
        for (size_t i = 0; i < unit_count; i++)
            if (same_stem(c, &units[i])) {
                c->part = part;
                c->rest = part + size;
                return true;
            }
        part += size + 1;
    }
}

static bool is_same(const counted *x, const counted *y)
{
    return same_stem(x, y) && x->counter == y->counter;
}

/* The k-th counter of a word in the file is the k-th among the layers; false where there are more or fewer of them. */
static bool pair_counters(const counted *units, size_t unit_count, counted *found, size_t count)
{
    size_t u = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && !is_same(&found[i], &found[i - 1]))
            u++;
        if (u >= unit_count || !same_stem(&found[i], &units[u]))
            return false;
        found[i].unit = units[u].unit;
    }
    return count > 0 && u + 1 == unit_count;
}

cuv_status cuv_rename_counted(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out)
{
    counted *units = CUV_NEW_ARRAY(b->scratch, counted, b->unit_count + 1), *found = CUV_NEW_ARRAY(b->scratch, counted, count + 1);
    size_t open = 0;
    *out = NULL;
    if (!units || !found)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->unit_count; i++) {
        if (b->units[i].filled || !split(b->units[i].layer->name, strlen(b->units[i].layer->name), &units[open]))
            continue;
        units[open++].unit = &b->units[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (!find_part(units, open, &tensors[i], &found[i]))
            return CUV_OK;
        found[i].index = i;
    }
    qsort(units, open, sizeof *units, by_counter);
    qsort(found, count, sizeof *found, by_counter);
    if (!pair_counters(units, open, found, count))
        return CUV_OK;
    cuv_named *list = CUV_NEW_ARRAY(b->scratch, cuv_named, count + 1);
    for (size_t i = 0; list && i < count; i++) {
        const cuv_named *t = &tensors[found[i].index];
        list[found[i].index] = *t;
        list[found[i].index].key = cuv_arena_printf(b->scratch, "%.*s%s%s", (int)(found[i].part - t->key), t->key, found[i].unit->layer->name,
                                                    found[i].rest);
        if (!list[found[i].index].key)
            return cuv_oom(b->cx);
    }
    *out = list;
    return list ? CUV_OK : cuv_oom(b->cx);
}
