/* Assets of a .keras archive (formats.md c): vocabularies that were adapted. Each goes into its layer's configuration, as if it had
 * been given there, so that nothing after this knows assets. */
#include "evidence/read.h"

/* The weights of tf_idf for each of `count` words, which Keras 3 keeps beside the layer's variables. */
static cuv_status adopt_idf(struct cuv_evidence *ev, const cuv_file *file, cuv_value *config, const char *path, size_t count)
{
    const char *mode = cuv_get_text(config, "output_mode");
    if ((!cuv_streq(mode, "tf_idf") && !cuv_streq(mode, "tf-idf")) || !cuv_is_null(cuv_get(config, "idf_weights")))
        return CUV_OK;
    for (size_t i = 0; i < file->group_count; i++) {
        const cuv_group *g = &file->groups[i];
        for (size_t k = 0; cuv_streq(g->path, path) && k < g->count; k++) {
            const cuv_tensor *t = g->tensors[k].tensor;
            cuv_value *list = cuv_value_list(ev->arena);
            double x;
            if (!cuv_streq(g->tensors[k].weight, "idf_weights") || t->dtype == CUV_STR || cuv_tensor_count(t) < count)
                continue;
            for (size_t n = 0; list && n < count; n++) {
                cuv_convert_to_f64(&x, (const uint8_t *)t->data + n * cuv_dtype_size(t->dtype), t->dtype, 1);
                CUV_TRY(cuv_list_add(ev->arena, list, cuv_value_real(ev->arena, x)));
            }
            return list ? cuv_dict_set(ev->arena, config, "idf_weights", list) : cuv_oom(ev->cx);
        }
    }
    return CUV_OK;
}

static cuv_status adopt(struct cuv_evidence *ev, const cuv_file *file, cuv_value *config, const char *class_name, const char *path)
{
    cuv_source src;
    cuv_value *list;
    bool found, whole = cuv_streq(class_name, "IntegerLookup");
    bool looks = cuv_takes_vocabulary(class_name);
    char *name = cuv_arena_printf(ev->arena, "assets/%s/vocabulary.txt", path);
    if (!name)
        return cuv_oom(ev->cx);
    if (!looks || !config || config->kind != CUV_DICT || !cuv_is_null(cuv_get(config, "vocabulary")))
        return CUV_OK;
    CUV_TRY(cuv_archive_part(ev, file, name, &src, &found));
    if (!found)
        return CUV_OK;
    CUV_TRY(cuv_read_tokens(ev, &src, whole, &list));
    CUV_TRY(adopt_idf(ev, file, config, path, cuv_len(list)));
    return cuv_dict_set(ev->arena, config, "vocabulary", list);
}

/* How many layers before `end` have the class: the number in the object's name. */
static size_t number_of(const cuv_value *layers, size_t end, const char *class_name)
{
    size_t n = 0;
    for (size_t i = 0; i < end; i++)
        n += cuv_streq(cuv_get_text(cuv_item(layers, i), "class_name"), class_name);
    return n;
}

/* `container`: what the folder of a model's layers is called. */
static cuv_status walk(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *config, const char *container, const char *path,
                       unsigned depth)
{
    const cuv_value *layers = cuv_get(config, "layers");
    if (depth > cuv_context_limits(ev->cx)->depth)
        return CUV_OK;      /* the model's builder names the limit */
    for (size_t i = 0; i < cuv_len(layers); i++) {
        const cuv_value *record = cuv_item(layers, i);
        const char *class_name = cuv_get_text(record, "class_name");
        char *stem = class_name ? cuv_snake_case(ev->arena, class_name) : NULL;
        if (!stem)
            continue;
        bool inner = cuv_is_seq(cuv_get(cuv_get(record, "config"), "layers"));
        bool looks = cuv_ends_with(class_name, "Lookup") || cuv_streq(class_name, "TextVectorization");
        if (!inner && !looks)
            continue;
        size_t number = number_of(layers, i, class_name);
        char *name = number ? cuv_arena_printf(ev->arena, "%s%s/%s_%zu", path, container, stem, number)
                            : cuv_arena_printf(ev->arena, "%s%s/%s", path, container, stem);
        char *below = name ? cuv_arena_printf(ev->arena, "%s/", name) : NULL;
        if (!below)
            return cuv_oom(ev->cx);
        CUV_TRY(adopt(ev, file, cuv_get(record, "config"), class_name, name));
        if (inner)
            CUV_TRY(walk(ev, file, cuv_get(record, "config"), container, below, depth + 1));
    }
    return CUV_OK;
}

cuv_status cuv_adopt_vocabularies(struct cuv_evidence *ev, const cuv_file *file)
{
    static const char *const containers[] = {"layers", "_layer_checkpoint_dependencies"};     /* the other: TensorFlow 2.12 to 2.14 */
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++)
        CUV_TRY(walk(ev, file, cuv_get(file->config, "config"), containers[i], "", 0));
    return CUV_OK;
}
