/* The variables of a model as flat lists, with the paths and the orders of Keras; and the forms that are such lists:
 * .npz, safetensors. Does not know how values got there. */
#include "evidence/saved.h"

/* ---- lists ---- */

typedef struct list {
    cuv_arena *arena;
    cuv_saved_names names;
    cuv_saved_item *items;
    size_t count, capacity;
    cuv_map *taken;             /* paths */
} list;

static cuv_status out_of_memory(const list *l)
{
    return cuv_oom(cuv_arena_context(l->arena));
}

bool cuv_saved_is_model(const cuv_saved_layer *layer)
{
    return cuv_streq(layer->class_name, "Sequential") || cuv_streq(layer->class_name, "Functional") ||
           cuv_streq(layer->class_name, "Model");
}

static cuv_status add_item(list *l, const char *prefix, const cuv_saved_weight *w, bool trainable)
{
    const char *end = l->names == CUV_SAVED_KERAS2 ? ":0" : "";
    const char *between = *prefix && !cuv_ends_with(prefix, "/") ? "/" : "";
    char *path = cuv_arena_printf(l->arena, "%s%s%s%s", prefix, between, w->name, end);
    for (size_t i = 1; path && cuv_map_get(l->taken, path); i++) /* Keras 3 cannot save two of one name; we can */
        path = cuv_arena_printf(l->arena, "%s%s%s_%zu%s", prefix, between, w->name, i, end);
    cuv_saved_item *items = cuv_arena_grow(l->arena, l->items, l->count, &l->capacity, sizeof *items);
    if (!path || !items)
        return out_of_memory(l);
    l->items = items;
    l->items[l->count++] = (cuv_saved_item){path, w->tensor, w->trainable && trainable};
    return cuv_map_set(l->taken, path, l);
}

/* What stands before the names of the variables of `layer`, which is inside something with `prefix`. */
static char *prefix_of(list *l, const cuv_saved_layer *layer, const cuv_saved_layer *above, const char *prefix)
{
    bool model = cuv_saved_is_model(layer);
    if (l->names != CUV_SAVED_PLAIN &&
        model) /* a model's layers are named anew; only Sequential puts its name before them */
        return cuv_arena_printf(
            l->arena, "%s",
            l->names == CUV_SAVED_KERAS3 && cuv_streq(layer->class_name, "Sequential") ? layer->name : "");
    if (l->names == CUV_SAVED_KERAS2 && above && cuv_streq(above->class_name, "TimeDistributed"))
        return cuv_arena_strdup(l->arena, prefix);
    return cuv_arena_printf(l->arena, "%s%s%s", prefix, *prefix ? "/" : "", layer->name);
}

/* SpectralNormalization: its inner layer's kernel, which is a variable of its own too, then the vector, then what is left. */
static cuv_status add_spectral(list *l, const cuv_saved_layer *layer, const char *own, bool kernel, bool vector, bool rest)
{
    const cuv_saved_layer *inner = &layer->inner[0];
    char *within = prefix_of(l, inner, layer, own);
    if (!within)
        return out_of_memory(l);
    for (size_t i = 0; i < inner->weight_count; i++) {
        CUV_TRY(add_item(l, within, &inner->weights[i], i ? rest : kernel));
        for (size_t k = 0; i == 0 && k < layer->weight_count; k++)
            CUV_TRY(add_item(l, own, &layer->weights[k], vector));
    }
    return CUV_OK;
}

/* `around`: whether what is outside is trained. To Keras 3 a variable is trainable as the layer that made it was, whatever is around that. */
static cuv_status add_layer(list *l, const cuv_saved_layer *layer, const cuv_saved_layer *above, const char *prefix,
                            bool around, unsigned depth)
{
    cuv_context *cx = cuv_arena_context(l->arena);
    if (!depth)
        return cuv_fail(cx, CUV_UNSUPPORTED, "save.depth", NULL, "layers are nested too deeply to be saved");
    char *own = prefix_of(l, layer, above, prefix);
    if (!own)
        return cuv_oom(cx);
    const bool each = l->names == CUV_SAVED_KERAS3, trainable = (each || around) && layer->trainable;
    if (cuv_streq(layer->class_name, "SpectralNormalization") && layer->inner_count == 1 && layer->inner[0].weight_count &&
        !layer->inner[0].inner_count) {
        const bool rest = (each || trainable) && layer->inner[0].trainable;
        return add_spectral(l, layer, own, each ? rest : trainable, trainable, rest);
    }
    for (size_t i = 0; i < layer->weight_count; i++)
        CUV_TRY(add_item(l, own, &layer->weights[i], trainable));
    for (size_t i = 0; i < layer->inner_count; i++)
        CUV_TRY(add_layer(l, &layer->inner[i], layer, own, trainable, depth - 1));
    return CUV_OK;
}

cuv_status cuv_saved_items(cuv_arena *arena, const cuv_saved_layer *layer, const cuv_saved_layer *above,
                           cuv_saved_names names, cuv_saved_item **out, size_t *count)
{
    cuv_context *cx = cuv_arena_context(arena);
    list l = {.arena = arena, .names = names, .taken = cuv_map_new(arena)};
    *out = NULL;
    *count = 0;
    if (!l.taken)
        return cuv_oom(cx);
    bool named = above && names == CUV_SAVED_KERAS3 && cuv_streq(above->class_name, "Sequential");
    unsigned depth = cuv_context_limits(cx)->depth;
    CUV_TRY(add_layer(&l, layer, above, named ? above->name : "", above ? above->trainable : true, depth));
    for (size_t i = 0; i < l.count && names == CUV_SAVED_KERAS3 && !layer->trainable; i++)
        l.items[i].trainable = false;
    *out = l.items;
    *count = l.count;
    return CUV_OK;
}

cuv_status cuv_saved_legacy_order(cuv_arena *arena, cuv_saved_item *items, size_t count)
{
    cuv_saved_item *others = CUV_NEW_ARRAY(arena, cuv_saved_item, count + 1);
    size_t kept = 0, moved = 0;
    if (!others)
        return cuv_oom(cuv_arena_context(arena));
    for (size_t i = 0; i < count; i++) {
        if (items[i].trainable)
            items[kept++] = items[i];
        else
            others[moved++] = items[i];
    }
    if (moved)
        memcpy(items + kept, others, moved * sizeof *others);
    return CUV_OK;
}

/* ---- files ---- */

static cuv_status write_bytes(cuv_context *cx, const void *data, size_t size, const char *path)
{
    cuv_output *out = NULL;
    CUV_TRY(cuv_output_open(cx, path, &out));
    cuv_status status = cuv_output_write(out, data, size);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}

cuv_status cuv_saved_file(cuv_context *cx, cuv_buffer *content, const char *path)
{
    cuv_status status = content->failed ? cuv_oom(cx) : write_bytes(cx, content->data, content->size, path);
    cuv_buffer_free(content);
    return status;
}

cuv_status cuv_write_json(cuv_context *cx, const cuv_value *config, const char *path)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_json_write(&b, config, 0);
    return cuv_saved_file(cx, &b, path);
}

/* The items of a whole model without the model's own name before them. */
static cuv_status model_items(cuv_arena *arena, const cuv_saved_layer *model, cuv_saved_item **out, size_t *count)
{
    CUV_TRY(cuv_saved_items(arena, model, NULL, CUV_SAVED_PLAIN, out, count));
    size_t skip = strlen(model->name) + 1;
    for (size_t i = 0; i < *count; i++)
        (*out)[i].path += skip;
    return CUV_OK;
}

/* ---- .npz ---- */

static cuv_status add_array(cuv_context *cx, cuv_arena *arena, cuv_zip_writer *zip, const cuv_saved_item *item)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    char *name = cuv_arena_printf(arena, "%s.npy", item->path);
    cuv_status status = name ? cuv_npy_write(&b, item->tensor) : cuv_oom(cx);
    if (status == CUV_OK && b.failed)
        status = cuv_oom(cx);
    if (status == CUV_OK)
        status = cuv_zip_writer_add(zip, name, b.data, b.size);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status fill_npz(cuv_context *cx, cuv_arena *arena, const cuv_save *save, cuv_output *out)
{
    cuv_zip_writer *zip = NULL;
    cuv_saved_item *items = NULL;
    size_t count = 0;
    CUV_TRY(model_items(arena, save->model, &items, &count));
    CUV_TRY(cuv_zip_writer_new(arena, out, &zip));
    for (size_t i = 0; i < count; i++)
        CUV_TRY(add_array(cx, arena, zip, &items[i]));
    const char *comment = save->selftest ? cuv_arena_printf(arena, CUV_SELFTEST_KEY " %s", save->selftest) : NULL;
    if (save->selftest && !comment)
        return cuv_oom(cx);
    return cuv_zip_writer_finish(zip, comment && strlen(comment) <= UINT16_MAX ? comment : NULL);
}

cuv_status cuv_write_npz(cuv_context *cx, const cuv_save *save, const char *path)
{
    cuv_output *out = NULL;
    CUV_TRY(cuv_output_open(cx, path, &out));
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_status status = arena ? fill_npz(cx, arena, save, out) : cuv_oom(cx);
    cuv_arena_free(arena);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}

/* ---- safetensors ---- */

static const char *safetensors_dtype(cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_BOOL: return "BOOL";
    case CUV_I8: return "I8";
    case CUV_U8: return "U8";
    case CUV_I16: return "I16";
    case CUV_U16: return "U16";
    case CUV_I32: return "I32";
    case CUV_U32: return "U32";
    case CUV_I64: return "I64";
    case CUV_U64: return "U64";
    case CUV_F16: return "F16";
    case CUV_BF16: return "BF16";
    case CUV_F32: return "F32";
    case CUV_F64: return "F64";
    case CUV_F8E4M3: return "F8_E4M3";
    case CUV_F8E5M2: return "F8_E5M2";
    case CUV_STR: break;
    }
    return NULL;
}

static cuv_status header_of(cuv_context *cx, const cuv_saved_item *items, size_t count, const char *selftest, cuv_buffer *b)
{
    uint64_t at = 0;
    cuv_buffer_char(b, '{');
    if (selftest) {
        cuv_buffer_text(b, "\"__metadata__\":{\"" CUV_SELFTEST_KEY "\":");
        cuv_buffer_json_string(b, selftest, strlen(selftest));
        cuv_buffer_char(b, '}');
    }
    for (size_t i = 0; i < count; i++) {
        const cuv_tensor *t = items[i].tensor;
        const char *dtype = safetensors_dtype(t->dtype);
        cuv_detail detail = {.tensor = items[i].path};
        if (!dtype)
            return cuv_fail(cx, CUV_UNSUPPORTED, "save.dtype", &detail, "'%s' holds text, which safetensors cannot",
                            items[i].path);
        cuv_buffer_text(b, i || selftest ? "," : "");
        cuv_buffer_json_string(b, items[i].path, strlen(items[i].path));
        cuv_buffer_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", dtype);
        for (int k = 0; k < t->rank; k++)
            cuv_buffer_printf(b, "%s%lld", k ? "," : "", (long long)t->shape[k]);
        cuv_buffer_printf(b, "],\"data_offsets\":[%llu,", (unsigned long long)at);
        at += cuv_tensor_bytes(t);
        cuv_buffer_printf(b, "%llu]}", (unsigned long long)at);
    }
    cuv_buffer_char(b, '}');
    while (b->size % 8 && !b->failed)
        cuv_buffer_char(b, ' ');
    return b->failed ? cuv_oom(cx) : CUV_OK;
}

static cuv_status fill_safetensors(cuv_context *cx, cuv_arena *arena, const cuv_save *save, cuv_buffer *b,
                                   cuv_output *out)
{
    cuv_saved_item *items = NULL;
    size_t count = 0;
    uint8_t length[8];
    CUV_TRY(model_items(arena, save->model, &items, &count));
    CUV_TRY(header_of(cx, items, count, save->selftest, b));
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)b->size >> (8 * i));
    CUV_TRY(cuv_output_write(out, length, sizeof length));
    CUV_TRY(cuv_output_write(out, b->data, b->size));
    for (size_t i = 0; i < count; i++)
        CUV_TRY(cuv_output_write(out, items[i].tensor->data, cuv_tensor_bytes(items[i].tensor)));
    return CUV_OK;
}

cuv_status cuv_write_safetensors(cuv_context *cx, const cuv_save *save, const char *path)
{
    cuv_output *out = NULL;
    cuv_buffer b;
    CUV_TRY(cuv_output_open(cx, path, &out));
    cuv_buffer_init(&b, cx);
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_status status = arena ? fill_safetensors(cx, arena, save, &b, out) : cuv_oom(cx);
    cuv_arena_free(arena);
    cuv_buffer_free(&b);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}
