/* The tensors that a model gives, which may be in dicts and nested lists, in Keras code. */
#include "emit/python.h"

enum { DEEPEST = 16 };

bool python_is_end(const cuv_value *v)
{
    return cuv_is_seq(v) && cuv_len(v) == 3 && cuv_text(cuv_item(v, 0)) && !cuv_is_seq(cuv_item(v, 1));
}

/* Keras gives the only tensor of a list by itself, and a list's only dict, too. */
static const cuv_value *unpacked(const cuv_value *ends)
{
    return cuv_is_seq(ends) && !python_is_end(ends) && cuv_len(ends) == 1 ? cuv_item(ends, 0) : ends;
}

size_t python_ends_count(const cuv_value *ends)
{
    ends = unpacked(ends);
    if (!ends || python_is_end(ends))
        return 1;
    for (size_t i = 0; i < cuv_len(ends); i++)
        if (!cuv_is_seq(ends) || !python_is_end(cuv_item(ends, i)))
            return 0;
    return cuv_is_seq(ends) ? cuv_len(ends) : 0;
}

/* A tensor among the ends of a model, or among the arguments of a call. */
static bool is_leaf(const cuv_value *v)
{
    return python_is_end(v) || cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__");
}

static int64_t tensors_in(const cuv_value *v, unsigned depth)
{
    int64_t n = 0;
    if (is_leaf(v))
        return 1;
    for (size_t i = 0; depth && cuv_is_seq(v) && i < v->size; i++)
        n += tensors_in(v->items[i], depth - 1);
    for (size_t i = 0; v && depth && v->kind == CUV_DICT && i < v->size; i++)
        n += tensors_in(v->pairs[i].value, depth - 1);
    return n;
}

const char *python_end_path(python_writer *w, const cuv_value *ends, int64_t at)
{
    const char *path = "";
    ends = unpacked(ends);
    for (unsigned depth = DEEPEST; depth && ends && !is_leaf(ends); depth--) {
        const cuv_value *inside = NULL;
        const char *key = NULL;
        for (size_t i = 0; i < ends->size; i++) {
            const cuv_pair *pair = ends->kind == CUV_DICT ? cuv_next_pair(ends, key) : NULL;
            if (ends->kind == CUV_DICT && !pair)
                return path;
            key = pair ? cuv_text(pair->key) : NULL;
            inside = pair ? pair->value : ends->items[i];
            const int64_t n = tensors_in(inside, depth);
            if (at < n) {
                path = key ? python_format(w, "%s[%s]", path, python_value(w, pair->key)) : python_format(w, "%s[%zu]", path, i);
                break;
            }
            at -= n;
        }
        ends = inside;
    }
    return path;
}

const cuv_value *python_dict_given(const cuv_value *record, const cuv_value *node)
{
    const cuv_value *first = cuv_item(cuv_get(node, "args"), 0);
    const bool dict = first && first->kind == CUV_DICT && !is_leaf(first) && tensors_in(first, DEEPEST) > 0;
    return dict && !python_is_model(record) && !cuv_streq(cuv_get_text(record, "class_name"), "Resizing") ? first : NULL;
}
