/* Writes the weights layout of Keras 3 (formats.md b.1): paths from class names and counters; read by objects_h5.c. */
#include "evidence/saved.h"

typedef struct writer {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_h5 *root;
} writer;

/* ---- paths ---- */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_word(char c)
{
    return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

/* The class's own name, where its public one is another. */
static const char *own_name(const char *class_name)
{
    return cuv_streq(class_name, "GroupQueryAttention") ? "GroupedQueryAttention" : class_name;
}

/* Keras's snake case: an underscore before a capital that follows a small letter, or that begins a word after
 * anything. Digits end no word: Conv2D is conv2d, ConvLSTM2D is conv_lstm2d. */
char *cuv_snake_case(cuv_arena *arena, const char *class_name)
{
    const char *name = own_name(class_name);
    size_t size = strlen(name), n = 0, at = 0;
    char *word = CUV_NEW_ARRAY(arena, char, size + 1), *out = CUV_NEW_ARRAY(arena, char, 2 * size + 1);
    if (!word || !out)
        return NULL;
    for (size_t i = 0; i < size; i++)
        if (is_word(name[i]))
            word[n++] = name[i];
    /* (.)([A-Z][a-z]+) -> \1_\2, left to right without overlap; then ([a-z])([A-Z]) -> \1_\2 */
    size_t consumed = 0; /* characters before this one belong to an earlier match */
    for (size_t i = 0; i < n; i++) {
        bool begins = i > consumed && is_upper(word[i]) && i + 1 < n && is_lower(word[i + 1]);
        bool after_small = i > 0 && is_lower(word[i - 1]) && is_upper(word[i]);
        if (begins || after_small)
            out[at++] = '_';
        if (begins) {
            consumed = i + 1;
            while (consumed < n && is_lower(word[consumed]))
                consumed++;
        }
        out[at++] = (char)(is_upper(word[i]) ? word[i] + 32 : word[i]);
    }
    return out;
}

/* Name of the next element of a class in a container: dense, dense_1, ... Counts are kept by name. */
static cuv_status element_name(const writer *w, cuv_map *used, const cuv_saved_layer *layer, const char **out)
{
    char *name = cuv_snake_case(w->arena, layer->class_name);
    size_t *count = name ? cuv_map_get(used, name) : NULL;
    if (!name)
        return cuv_oom(w->cx);
    if (!count) {
        count = CUV_NEW(w->arena, size_t);
        if (!count)
            return cuv_oom(w->cx);
        *out = name;
        return cuv_map_set(used, name, count);
    }
    *out = cuv_arena_printf(w->arena, "%s_%zu", name, ++*count);
    return *out ? CUV_OK : cuv_oom(w->cx);
}

/* ---- objects ---- */

static cuv_status write_variable(const writer *w, cuv_h5 *vars, size_t index, const char *name, const cuv_tensor *t)
{
    char number[24];
    cuv_h5 *dataset = NULL;
    snprintf(number, sizeof number, "%zu", index);
    CUV_TRY(cuv_h5_make_dataset(w->arena, vars, name ? name : number, t, &dataset));
    if (t->dtype != CUV_BF16)
        return CUV_OK;
    return cuv_h5_set(w->arena, dataset, "dtype", cuv_value_text(w->arena, "bfloat16"));
}

static cuv_status write_own(const writer *w, const cuv_saved_layer *layer, const char *path)
{
    cuv_h5 *vars = NULL;
    size_t index = 0;
    char *below = cuv_arena_printf(w->arena, "%s%svars", path, *path ? "/" : "");
    if (!below)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_h5_make_group(w->arena, w->root, below, &vars));
    CUV_TRY(cuv_h5_set(w->arena, vars, "name", cuv_value_text(w->arena, layer->name)));
    /* SpectralNormalization tracks the kernel of its inner layer as its own, too */
    if (cuv_streq(layer->class_name, "SpectralNormalization") && layer->inner_count && layer->inner[0].weight_count)
        CUV_TRY(write_variable(w, vars, index++, NULL, layer->inner[0].weights[0].tensor));
    for (int pass = 0; pass < 2; pass++) { /* trainable ones first */
        for (size_t i = 0; i < layer->weight_count; i++) {
            const cuv_saved_weight *weight = &layer->weights[i];
            const char *name = cuv_streq(weight->name, "idf_weights") ? weight->name : NULL;
            if (cuv_starts_with(weight->name, "lora_"))     /* these objects hold the sum alone */
                continue;
            if (layer->as_made ? pass == 0 : weight->trainable == (pass == 0))
                CUV_TRY(write_variable(w, vars, index++, name, weight->tensor));
        }
    }
    return CUV_OK;
}

static cuv_status write_object(const writer *w, const cuv_saved_layer *layer, const char *path, unsigned depth)
{
    const char *container = cuv_streq(layer->class_name, "StackedRNNCells") ? "cells" : "layers";
    cuv_map *used = cuv_map_new(w->arena);
    if (!depth)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "save.depth", NULL, "layers are nested too deeply to be saved");
    if (!used)
        return cuv_oom(w->cx);
    CUV_TRY(write_own(w, layer, path));
    for (size_t i = 0; i < layer->inner_count; i++) {
        const cuv_saved_layer *inner = &layer->inner[i];
        const char *name = NULL, *between = *path ? "/" : "";
        if (!inner->role)
            CUV_TRY(element_name(w, used, inner, &name));
        char *below = inner->role ? cuv_arena_printf(w->arena, "%s%s%s", path, between, inner->role)
                                  : cuv_arena_printf(w->arena, "%s%s%s/%s", path, between, container, name);
        if (!below)
            return cuv_oom(w->cx);
        CUV_TRY(write_object(w, inner, below, depth - 1));
    }
    return CUV_OK;
}

cuv_status cuv_objects_image(cuv_context *cx, const cuv_saved_layer *model, const char *selftest, cuv_buffer *out)
{
    writer w = {.cx = cx, .arena = cuv_arena_new(cx)};
    if (!w.arena)
        return cuv_oom(cx);
    cuv_status status = cuv_h5_new(w.arena, &w.root);
    if (status == CUV_OK)
        status = write_object(&w, model, "", cuv_context_limits(cx)->depth);
    if (status == CUV_OK && selftest)
        status = cuv_h5_set(w.arena, w.root, CUV_SELFTEST_KEY, cuv_value_text(w.arena, selftest));
    if (status == CUV_OK)
        status = cuv_h5_write(cx, w.root, out);
    cuv_arena_free(w.arena);
    return status;
}

cuv_status cuv_write_objects_h5(cuv_context *cx, const cuv_save *save, const char *path)
{
    cuv_buffer image;
    cuv_buffer_init(&image, cx);
    cuv_status status = cuv_objects_image(cx, save->model, save->selftest, &image);
    if (status == CUV_OK)
        return cuv_saved_file(cx, &image, path);
    cuv_buffer_free(&image);
    return status;
}
