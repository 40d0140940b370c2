/* Inputs and outputs to verify with: x and y of an .npz, .npy or HDF5 file, or the files of Deeplearning4j's tests.
 * Does not know the model; names are matched later. */
#include "evidence/read.h"

/* ---- keys ---- */

/* x, y, x0, y12: the letter, and the number or -1. 0: another key. */
static char axis_of(const char *key, int64_t *number)
{
    *number = -1;
    if (!key || (*key != 'x' && *key != 'y'))
        return 0;
    if (!key[1])
        return *key;
    return strlen(key) < 9 && key[1] != '+' && key[1] != '-' && cuv_parse_i64(key + 1, strlen(key + 1), number) ? *key
                                                                                                                : 0;
}

bool cuv_samples_keys(const cuv_value *dict)
{
    bool x = false;
    int64_t number = 0;
    for (size_t i = 0; dict && dict->kind == CUV_DICT && i < dict->size; i++) {
        char axis = axis_of(cuv_text(dict->pairs[i].key), &number);
        if (!axis)
            return false;
        x = x || axis == 'x';
    }
    return x;
}

static bool is_group(const cuv_h5 *root, const char *name)
{
    const cuv_h5 *child = cuv_h5_child(root, name);
    return child && child->is_group;
}

bool cuv_samples_tree(const cuv_h5 *root)
{
    int64_t number = 0;
    bool x = false;
    if (is_group(root, "inputs") && (is_group(root, "predictions") || is_group(root, "outputs")))
        return true; /* Deeplearning4j */
    for (size_t i = 0; i < root->child_count; i++) {
        char axis = root->children[i]->is_group ? 0 : axis_of(root->children[i]->name, &number);
        if (!axis)
            return false;
        x = x || axis == 'x';
    }
    return x;
}

/* ---- building ---- */

typedef struct builder {
    struct cuv_evidence *ev;
    cuv_samples *samples;
    const cuv_file *file;
} builder;

static cuv_status add(builder *b, cuv_named *list, size_t *count, const cuv_tensor *t, const char *key)
{
    cuv_named *named = &list[(*count)++];
    char *copy = cuv_arena_strdup(b->ev->arena, key);
    char *label = cuv_arena_printf(b->ev->arena, "%s%s%s", b->file->name, *key ? "#" : "", key);
    if (!copy || !label)
        return cuv_oom(b->ev->cx);
    *named = (cuv_named){.tensor = t, .label = label, .key = copy, .file = b->samples->file};
    return CUV_OK;
}

static cuv_status problem(const builder *b, const char *id, const char *key, const char *what)
{
    cuv_detail detail = {
        .file = b->file->path,
        .tensor = *key ? key : NULL,
        .help = "samples are x and y, or x0 x1 ... and y0 y1 ..., or the names of the model's inputs and outputs"};
    return cuv_fail(b->ev->cx, CUV_NO, id, &detail, "samples in %s: %s", b->file->name, what);
}

static cuv_status make_lists(builder *b, size_t most)
{
    cuv_samples *s = b->samples;
    cuv_named *inputs = CUV_NEW_ARRAY(b->ev->arena, cuv_named, most + 1);
    cuv_named *outputs = CUV_NEW_ARRAY(b->ev->arena, cuv_named, most + 1);
    s->inputs = inputs;
    s->outputs = outputs;
    return inputs && outputs ? CUV_OK : cuv_oom(b->ev->cx);
}

/* Entries x or x0, x1, ... in the order of their numbers; the first that is missing ends the row. */
static cuv_status add_axis(builder *b, const cuv_value *dict, char axis, cuv_named *list, size_t *count)
{
    char key[24] = {axis, 0};
    const cuv_value *one = cuv_get(dict, key);
    size_t have = 0;
    int64_t number = 0;
    for (size_t i = 0; i < dict->size; i++)
        have += axis_of(cuv_text(dict->pairs[i].key), &number) == axis;
    if (one && have > 1)
        return problem(b, "samples.keys", key, cuv_format(b->ev->cx, "'%c' and numbered keys at the same time", axis));
    for (size_t i = 0; i < have; i++) {
        if (!one)
            snprintf(key, sizeof key, "%c%zu", axis, i);
        const cuv_value *v = cuv_get(dict, key);
        if (!v)
            return problem(b, "samples.keys", key, cuv_format(b->ev->cx, "key '%s' is missing", key));
        if (v->kind != CUV_TENSOR)
            return problem(b, "samples.array", key, cuv_format(b->ev->cx, "'%s' is no numeric array", key));
        CUV_TRY(add(b, list, count, v->tensor, key));
    }
    return CUV_OK;
}

static cuv_status from_dict(builder *b, const cuv_value *dict)
{
    cuv_samples *s = b->samples;
    bool lettered = false;
    int64_t number = 0;
    CUV_TRY(make_lists(b, dict->size));
    for (size_t i = 0; i < dict->size; i++)
        lettered = lettered || axis_of(cuv_text(dict->pairs[i].key), &number) == 'x';
    if (lettered) {
        CUV_TRY(add_axis(b, dict, 'x', (cuv_named *)s->inputs, &s->input_count));
        return add_axis(b, dict, 'y', (cuv_named *)s->outputs, &s->output_count);
    }
    s->by_name = true; /* the model knows which are inputs */
    for (size_t i = 0; i < dict->size; i++) {
        const char *key = cuv_text(dict->pairs[i].key);
        const cuv_value *v = dict->pairs[i].value;
        if (!key || v->kind != CUV_TENSOR)
            continue;
        CUV_TRY(add(b, (cuv_named *)s->inputs, &s->input_count, v->tensor, key));
        CUV_TRY(add(b, (cuv_named *)s->outputs, &s->output_count, v->tensor, key));
    }
    return CUV_OK;
}

/* ---- HDF5 ---- */

static cuv_status add_group(builder *b, const cuv_h5 *group, cuv_named *list, size_t *count)
{
    for (size_t i = 0; i < group->child_count; i++)
        if (group->children[i]->tensor)
            CUV_TRY(add(b, list, count, group->children[i]->tensor, group->children[i]->name));
    return CUV_OK;
}

static cuv_status from_tree(builder *b, const cuv_h5 *root)
{
    const cuv_h5 *inputs = cuv_h5_child(root, "inputs"), *outputs = cuv_h5_child(root, "predictions");
    cuv_samples *s = b->samples;
    if (!outputs)
        outputs = cuv_h5_child(root, "outputs");
    if (inputs && inputs->is_group && outputs && outputs->is_group) {
        s->by_name = true;
        CUV_TRY(make_lists(b, inputs->child_count + outputs->child_count));
        CUV_TRY(add_group(b, inputs, (cuv_named *)s->inputs, &s->input_count));
        return add_group(b, outputs, (cuv_named *)s->outputs, &s->output_count);
    }
    cuv_value *dict = cuv_value_dict(b->ev->arena);
    if (!dict)
        return cuv_oom(b->ev->cx);
    for (size_t i = 0; i < root->child_count; i++)
        if (root->children[i]->tensor)
            CUV_TRY(cuv_dict_set(b->ev->arena, dict, root->children[i]->name,
                                 cuv_value_tensor(b->ev->arena, root->children[i]->tensor)));
    return from_dict(b, dict);
}

/* ---- the file ---- */

static cuv_status check(const builder *b)
{
    const cuv_samples *s = b->samples;
    if (s->input_count == 0)
        return problem(b, "samples.none", "", "there are no inputs in it");
    if (s->by_name)
        return CUV_OK; /* entries without a meaning for the model may have any shape */
    for (size_t i = 0; i < s->input_count + s->output_count; i++) {
        const cuv_named *n = i < s->input_count ? &s->inputs[i] : &s->outputs[i - s->input_count];
        const cuv_tensor *first = s->inputs[0].tensor;
        if (n->tensor->rank == 0)
            return problem(b, "samples.batch", n->key, cuv_format(b->ev->cx, "'%s' has no batch axis", n->key));
        if (n->tensor->shape[0] != first->shape[0])
            return problem(b, "samples.batch", n->key,
                           cuv_format(b->ev->cx, "'%s' has %lld samples, '%s' has %lld", n->key,
                                      (long long)n->tensor->shape[0], s->inputs[0].key, (long long)first->shape[0]));
    }
    return CUV_OK;
}

static cuv_status build(builder *b)
{
    const cuv_value *root = b->file->root;
    if (b->file->format == CUV_FORMAT_HDF5) {
        cuv_h5 *tree = NULL;
        CUV_TRY(cuv_h5_parse(b->ev->arena, &b->file->source, &tree));
        return from_tree(b, tree);
    }
    if (root && root->kind == CUV_DICT && b->file->format != CUV_FORMAT_JSON && b->file->format != CUV_FORMAT_YAML)
        return from_dict(b, root);
    if (!root || root->kind != CUV_TENSOR)
        return problem(b, "samples.none", "",
                       cuv_format(b->ev->cx, "the file is of another kind (%s)", b->file->kind ? b->file->kind : "something else"));
    CUV_TRY(make_lists(b, 1));
    return add(b, (cuv_named *)b->samples->inputs, &b->samples->input_count, root->tensor, "");
}

cuv_status cuv_read_samples(struct cuv_evidence *ev, const char *path, cuv_samples **out)
{
    cuv_file *file = NULL;
    *out = NULL;
    CUV_TRY(cuv_file_load(ev, path, &file));
    cuv_samples *samples = CUV_NEW(ev->arena, cuv_samples);
    if (!samples)
        return cuv_oom(ev->cx);
    samples->file = file;
    builder b = {ev, samples, file};
    CUV_TRY(build(&b));
    CUV_TRY(check(&b));
    *out = samples;
    return CUV_OK;
}
