/* The list of all layer descriptors, and finding one by any of its class names. */
#include "layers/support.h"

#define LAYER(id) extern const cuv_layer_def cuv_layer_##id;
#include "layers/layers.def"
#undef LAYER

static const cuv_layer_def *const all_layers[] = {
#define LAYER(id) &cuv_layer_##id,
#include "layers/layers.def"
#undef LAYER
    NULL};

const cuv_layer_def *const *cuv_layer_all(void)
{
    return all_layers;
}

bool cuv_has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; at && *at;) {
        size_t n = strcspn(at, " ");
        if (n == size && memcmp(at, word, n) == 0) return true;
        at += n;
        while (*at == ' ') at++;
    }
    return false;
}

const cuv_layer_def *cuv_layer_find(const char *class_name)
{
    if (!class_name) return NULL;
    for (size_t i = 0; all_layers[i]; i++)
        if (all_layers[i]->name[0] == class_name[0] && strcmp(all_layers[i]->name, class_name) == 0) return all_layers[i];
    for (size_t i = 0; all_layers[i]; i++)
        if (cuv_has_word(all_layers[i]->old_names, class_name)) return all_layers[i];
    if (strcmp(class_name, cuv_layer_own_weight.name) == 0) return &cuv_layer_own_weight;
    return strcmp(class_name, cuv_layer_own_constant.name) == 0 ? &cuv_layer_own_constant : NULL;
}

const char *cuv_nearest_word(const char *text, const char *const *words, size_t count)
{
    size_t best = strlen(text) / 3 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = cuv_edit_distance(text, words[i], best);
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *cuv_layer_nearest(const char *class_name)
{
    const char *names[sizeof all_layers / sizeof *all_layers];
    size_t count = 0;
    if (!class_name || strlen(class_name) > 80) return NULL;
    for (; all_layers[count]; count++) names[count] = all_layers[count]->name;
    return cuv_nearest_word(class_name, names, count);
}
