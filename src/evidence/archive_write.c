/* Writes the .keras archive (formats.md c): the members that Keras writes, stored, in its order; read by archive.c. */
#include "evidence/saved.h"

#include <stdlib.h>
#include <time.h>

/* The date of all archives: fixed, so that the same model gives the same bytes, unless SOURCE_DATE_EPOCH sets
 * another. */
static void date_text(char out[32])
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds = 315532800; /* 1980-01-01, the first day of zip archives */
    struct tm parts;
    if (epoch && (!cuv_parse_i64(epoch, strlen(epoch), &seconds) || seconds < 0))
        seconds = 315532800;
    time_t when = (time_t)seconds;
    if (!gmtime_r(&when, &parts) || !strftime(out, 32, "%Y-%m-%d@%H:%M:%S", &parts))
        snprintf(out, 32, "1980-01-01@00:00:00");
}

static cuv_status add_buffer(cuv_context *cx, cuv_zip_writer *zip, const char *name, cuv_buffer *b)
{
    cuv_status status = b->failed ? cuv_oom(cx) : cuv_zip_writer_add(zip, name, b->data, b->size);
    cuv_buffer_free(b);
    return status;
}

static cuv_status add_metadata(cuv_context *cx, cuv_zip_writer *zip, const char *version)
{
    char date[32];
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    date_text(date);
    cuv_buffer_text(&b, "{\"keras_version\": ");
    cuv_buffer_json_string(&b, version, strlen(version));
    cuv_buffer_printf(&b, ", \"date_saved\": \"%s\"}", date);
    return add_buffer(cx, zip, "metadata.json", &b);
}

static cuv_status add_config(cuv_context *cx, cuv_zip_writer *zip, const cuv_value *config)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_json_write(&b, config, 0);
    return add_buffer(cx, zip, "config.json", &b);
}

static cuv_status add_weights(cuv_context *cx, cuv_zip_writer *zip, const cuv_saved_layer *model)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_status status = cuv_objects_image(cx, model, NULL, &b);
    if (status == CUV_OK)
        return add_buffer(cx, zip, "model.weights.h5", &b);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status fill(cuv_context *cx, cuv_arena *arena, const cuv_save *save, cuv_output *out)
{
    cuv_zip_writer *zip = NULL;
    CUV_TRY(cuv_zip_writer_new(arena, out, &zip));
    CUV_TRY(add_metadata(cx, zip, save->keras_version ? save->keras_version : save->keras2_names ? "2.15.0" : "3.15.0"));
    CUV_TRY(add_config(cx, zip, save->config));
    CUV_TRY(add_weights(cx, zip, save->model));
    for (size_t i = 0; i < save->asset_count; i++)
        CUV_TRY(cuv_zip_writer_add(zip, save->assets[i].path, save->assets[i].data, save->assets[i].size));
    if (save->selftest)
        CUV_TRY(cuv_zip_writer_add(zip, "cuvier/selftest.json", save->selftest, strlen(save->selftest)));
    return cuv_zip_writer_finish(zip, NULL);
}

cuv_status cuv_write_archive(cuv_context *cx, const cuv_save *save, const char *path)
{
    cuv_output *out = NULL;
    if (!save->config)
        return cuv_fail(cx, CUV_ARGUMENT, "save.config", NULL, "a .keras archive needs a configuration");
    CUV_TRY(cuv_output_open(cx, path, &out));
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_status status = arena ? fill(cx, arena, save, out) : cuv_oom(cx);
    cuv_arena_free(arena);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}
