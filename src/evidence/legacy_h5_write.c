/* Writes the legacy HDF5 layout as Keras 3.15 and tf.keras 2.15 do (formats.md a); read by legacy_h5.c. */
#include "evidence/saved.h"

typedef struct writer {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_save *save;
} writer;

static cuv_status set_text(const writer *w, cuv_h5 *node, const char *name, const char *text)
{
    return cuv_h5_set(w->arena, node, name, cuv_value_text(w->arena, text));
}

static cuv_status set_version(const writer *w, cuv_h5 *node)
{
    const cuv_save *s = w->save;
    CUV_TRY(set_text(w, node, "keras_version",
                     s->keras_version  ? s->keras_version
                     : s->keras2_names ? "2.15.0"
                                       : "3.15.0"));
    return set_text(w, node, "backend", s->backend ? s->backend : "tensorflow");
}

/* One group with its list of names and a data set below it for each. */
static cuv_status write_group(const writer *w, cuv_h5 *weights, const char *name, const cuv_saved_item *items,
                              size_t count)
{
    cuv_h5 *group = NULL, *dataset = NULL;
    cuv_value *names = cuv_value_list(w->arena);
    if (!names)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_h5_make_group(w->arena, weights, name, &group));
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(cuv_list_add(w->arena, names, cuv_value_text(w->arena, items[i].path)));
        CUV_TRY(cuv_h5_make_dataset(w->arena, group, items[i].path, items[i].tensor, &dataset));
    }
    return cuv_h5_set(w->arena, group, "weight_names", names);
}

static cuv_status write_layer(const writer *w, cuv_h5 *weights, const cuv_saved_layer *layer)
{
    cuv_saved_item *items = NULL;
    size_t count = 0;
    cuv_saved_names names = w->save->keras2_names ? CUV_SAVED_KERAS2 : CUV_SAVED_KERAS3;
    CUV_TRY(cuv_saved_items(w->arena, layer, w->save->model, names, &items, &count));
    CUV_TRY(cuv_saved_legacy_order(w->arena, items, count));
    return write_group(w, weights, layer->name, items, count);
}

/* Variables of the model itself, outside its layers. */
static cuv_status write_top_level(const writer *w, cuv_h5 *weights)
{
    cuv_saved_layer own = *w->save->model;
    cuv_saved_item *items = NULL;
    size_t count = 0;
    own.inner_count = 0;
    CUV_TRY(cuv_saved_items(w->arena, &own, NULL, w->save->keras2_names ? CUV_SAVED_KERAS2 : CUV_SAVED_KERAS3, &items,
                            &count));
    CUV_TRY(cuv_saved_legacy_order(w->arena, items, count));
    return write_group(w, weights, "top_level_model_weights", items, count);
}

static cuv_status write_config(const writer *w, cuv_h5 *root)
{
    cuv_buffer b;
    cuv_buffer_init(&b, w->cx);
    cuv_json_write(&b, w->save->config, 0);
    cuv_value *text = b.failed ? NULL : cuv_value_text_n(w->arena, b.data, b.size);
    cuv_buffer_free(&b);
    return text ? cuv_h5_set(w->arena, root, "model_config", text) : cuv_oom(w->cx);
}

static cuv_status build(const writer *w, cuv_h5 **root)
{
    const cuv_saved_layer *model = w->save->model;
    cuv_h5 *weights = NULL;
    CUV_TRY(cuv_h5_new(w->arena, root));
    weights = *root;
    if (w->save->config) {
        CUV_TRY(set_version(w, *root));
        CUV_TRY(write_config(w, *root));
        CUV_TRY(cuv_h5_make_group(w->arena, *root, "model_weights", &weights));
    }
    if (w->save->selftest)
        CUV_TRY(set_text(w, *root, CUV_SELFTEST_KEY, w->save->selftest));
    cuv_value *layers = cuv_value_list(w->arena);
    if (!layers)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < model->inner_count; i++) {
        CUV_TRY(cuv_list_add(w->arena, layers, cuv_value_text(w->arena, model->inner[i].name)));
        CUV_TRY(write_layer(w, weights, &model->inner[i]));
    }
    CUV_TRY(cuv_h5_set(w->arena, weights, "layer_names", layers));
    CUV_TRY(set_version(w, weights));
    return write_top_level(w, weights);
}

cuv_status cuv_write_legacy_h5(cuv_context *cx, const cuv_save *save, const char *path)
{
    cuv_buffer image;
    cuv_h5 *root = NULL;
    writer w = {cx, cuv_arena_new(cx), save};
    if (!w.arena)
        return cuv_oom(cx);
    cuv_buffer_init(&image, cx);
    cuv_status status = build(&w, &root);
    if (status == CUV_OK)
        status = cuv_h5_write(cx, root, &image);
    cuv_arena_free(w.arena);
    if (status == CUV_OK)
        return cuv_saved_file(cx, &image, path);
    cuv_buffer_free(&image);
    return status;
}
