/* Assets of a .keras archive (formats.md c): vocabularies that were adapted. Each goes into its layer's configuration, as if it had
 * been given there, so that nothing after this knows assets. */
#include "evidence/read.h"

/* Lines as Python's splitlines() gives them, without empty ones at the end; `whole`: integers. */
static cuv_status read_lines(struct cuv_evidence *ev, const cuv_source *src, bool whole, cuv_value **out)
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
    bool looks = whole || cuv_streq(class_name, "StringLookup") || cuv_streq(class_name, "TextVectorization");
    char *name = cuv_arena_printf(ev->arena, "assets/%s/vocabulary.txt", path);
    if (!name)
        return cuv_oom(ev->cx);
    if (!looks || !config || config->kind != CUV_DICT || !cuv_is_null(cuv_get(config, "vocabulary")))
        return CUV_OK;
    CUV_TRY(cuv_archive_part(ev, file, name, &src, &found));
    if (!found)
        return CUV_OK;
    CUV_TRY(read_lines(ev, &src, whole, &list));
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

static cuv_status walk(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *config, const char *path, unsigned depth)
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
        char *name = number ? cuv_arena_printf(ev->arena, "%slayers/%s_%zu", path, stem, number)
                            : cuv_arena_printf(ev->arena, "%slayers/%s", path, stem);
        char *below = name ? cuv_arena_printf(ev->arena, "%s/", name) : NULL;
        if (!below)
            return cuv_oom(ev->cx);
        CUV_TRY(adopt(ev, file, cuv_get(record, "config"), class_name, name));
        if (inner)
            CUV_TRY(walk(ev, file, cuv_get(record, "config"), below, depth + 1));
    }
    return CUV_OK;
}

cuv_status cuv_adopt_vocabularies(struct cuv_evidence *ev, const cuv_file *file)
{
    return walk(ev, file, cuv_get(file->config, "config"), "", 0);
}
