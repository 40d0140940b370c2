/* TensorFlow.js layers models (formats.md f): a model.json with topology and a manifest, or the manifest alone, and the files of values
 * beside it. Graph models hold TensorFlow operations, not Keras layers, and are refused by name. */
#include "evidence/read.h"

/* ---- the values ---- */

/* All files of one manifest group in a row: one mapping, or a copy when there are several. */
static cuv_status open_group(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *paths, cuv_blob **out)
{
    cuv_buffer all;
    cuv_buffer_init(&all, ev->cx);
    cuv_status status = CUV_OK;
    *out = NULL;
    for (size_t i = 0; status == CUV_OK && i < cuv_len(paths); i++) {
        const char *name = cuv_text(cuv_item(paths, i)), *path = NULL;
        cuv_blob *blob = NULL;
        status = cuv_neighbour_path(ev, file, name ? name : "", file->path, "tfjs.shard", &path);
        if (status == CUV_OK)
            status = cuv_blob_map(ev->cx, path, &blob);
        if (status == CUV_OK && cuv_len(paths) == 1) {
            *out = blob;
            break;
        }
        if (status == CUV_OK)
            cuv_buffer_add(&all, blob->data, blob->size);
        cuv_blob_release(blob);
        if (status == CUV_OK && all.failed)
            status = cuv_oom(ev->cx);
    }
    if (status == CUV_OK && !*out)
        status = cuv_blob_copy(ev->cx, all.data, all.size, out);
    cuv_buffer_free(&all);
    return status;
}

typedef struct entry {
    const char *name;
    cuv_dtype stored, dtype;
    int64_t shape[CUV_MAX_RANK];
    int rank;
    bool scaled;                /* value = stored * scale + min */
    double scale, min;
} entry;

static cuv_status wrong(struct cuv_evidence *ev, const cuv_file *file, const char *name, cuv_status status,
                        const char *what)
{
    cuv_detail detail = {.file = file->path, .tensor = name};
    return cuv_fail(ev->cx, status, "tfjs.weight", &detail, "weight '%s' of %s %s", name ? name : "?", file->name,
                    what);
}

static cuv_status parse_entry(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *v, entry *e)
{
    const cuv_value *shape = cuv_get(v, "shape"), *q = cuv_get(v, "quantization");
    const char *dtype = cuv_get_text(v, "dtype"), *stored = cuv_get_text(q, "dtype");
    *e = (entry){.name = cuv_get_text(v, "name"), .rank = (int)(cuv_len(shape) < 99 ? cuv_len(shape) : 99)};
    if (!e->name || !cuv_is_seq(shape) || e->rank > CUV_MAX_RANK)
        return wrong(ev, file, e->name, CUV_DAMAGED, "has no name or no shape of at most 8 sizes");
    for (int i = 0; i < e->rank; i++)
        if (!cuv_as_int(cuv_item(shape, (size_t)i), &e->shape[i]))
            return wrong(ev, file, e->name, CUV_DAMAGED, "has a shape that is no list of whole numbers");
    if (!dtype || !cuv_dtype_parse(dtype, &e->dtype) || e->dtype == CUV_STR)
        return wrong(ev, file, e->name, CUV_UNSUPPORTED, "has a dtype other than a number's");
    e->stored = e->dtype;
    if (stored && (!cuv_dtype_parse(stored, &e->stored) || e->stored == CUV_STR))
        return wrong(ev, file, e->name, CUV_UNSUPPORTED, "is quantised to a dtype that cuvier does not know");
    e->scaled = stored && cuv_as_real(cuv_get(q, "scale"), &e->scale) && cuv_as_real(cuv_get(q, "min"), &e->min);
    return CUV_OK;
}

static cuv_status decode(struct cuv_evidence *ev, const entry *e, const uint8_t *data, size_t count,
                         const cuv_tensor **out)
{
    cuv_tensor *t = NULL;
    void *values = NULL;
    CUV_TRY(cuv_tensor_new(ev->arena, e->dtype, e->shape, e->rank, &t, &values));
    for (size_t i = 0; e->scaled && e->dtype == CUV_F32 && i < count; i++) {
        double q = 0;
        cuv_convert_to_f64(&q, data + i * cuv_dtype_size(e->stored), e->stored, 1);
        ((float *)values)[i] = (float)(q * e->scale + e->min);
    }
    if (!e->scaled || e->dtype != CUV_F32)
        cuv_convert(values, e->dtype, data, e->stored, count);
    *out = t;
    return CUV_OK;
}

static cuv_status read_entry(cuv_collect *c, const cuv_value *v, cuv_blob *blob, size_t *at)
{
    struct cuv_evidence *ev = c->ev;
    entry e;
    size_t count = 0, bytes = 0;
    CUV_TRY(parse_entry(ev, c->file, v, &e));
    if (!cuv_shape_count(e.shape, e.rank, &count) || !cuv_mul_size(count, cuv_dtype_size(e.stored), &bytes) ||
        bytes > blob->size - *at)
        return wrong(ev, c->file, e.name, CUV_DAMAGED, "reaches beyond the end of its file");
    const cuv_tensor *t = NULL;
    cuv_tensor *view = NULL;
    if (e.stored == e.dtype && !e.scaled) {
        CUV_TRY(cuv_tensor_view(ev->arena, blob, blob->data + *at, e.dtype, e.shape, e.rank, &view));
        t = view;
    } else {
        CUV_TRY(decode(ev, &e, blob->data + *at, count, &t));
    }
    *at += bytes;
    const char *slash = strrchr(e.name, '/');
    return cuv_collect_tensor(c, t, e.name, slash ? slash + 1 : e.name);
}

static cuv_status read_group(cuv_collect *c, const cuv_value *group)
{
    const cuv_value *weights = cuv_get(group, "weights");
    cuv_blob *blob = NULL;
    size_t at = 0;
    CUV_TRY(open_group(c->ev, c->file, cuv_get(group, "paths"), &blob));
    cuv_status status = cuv_arena_keep_blob(c->ev->arena, blob);
    for (size_t i = 0; status == CUV_OK && i < cuv_len(weights); i++)
        status = read_entry(c, cuv_item(weights, i), blob, &at);
    cuv_blob_release(blob);
    return status;
}

static cuv_status read_weights(struct cuv_evidence *ev, cuv_file *file, const cuv_value *manifest)
{
    cuv_collect c;
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = CUV_OK;
    cuv_collect_start(&c, ev, file);
    if (!cuv_len(manifest))
        return CUV_OK;
    CUV_TRY(cuv_collect_group(&c, NULL, NULL));
    for (size_t i = 0; status == CUV_OK && i < cuv_len(manifest); i++)
        status = read_group(&c, cuv_item(manifest, i));
    if (status == CUV_NO) { /* the structure is of use by itself */
        cuv_findings_rewind(ev->cx, mark);
        cuv_detail detail = {.file = file->path, .help = "put the files that its weightsManifest names beside it"};
        cuv_warn(ev->cx, "tfjs.shard", &detail, "the weights of %s are not beside it; only its structure is used",
                 file->name);
        file->groups = NULL;
        file->group_count = 0;
        return CUV_OK;
    }
    file->arrangement = cuv_file_tensor_count(file) ? CUV_ARR_NAMED : CUV_ARR_NONE;
    return status;
}

/* ---- the structure ---- */

/* A GRU of TensorFlow.js has one form, which it does not write down: the reset gate before the product. */
static cuv_status say_reset(struct cuv_evidence *ev, cuv_value *v, unsigned depth)
{
    const char *name = cuv_get_text(v, "class_name");
    cuv_value *config = cuv_get(v, "config");
    if (!v || depth == 0)
        return CUV_OK;
    if ((cuv_streq(name, "GRU") || cuv_streq(name, "GRUCell")) && config && cuv_is_null(cuv_get(config, "reset_after")))
        CUV_TRY(cuv_dict_set(ev->arena, config, "reset_after", cuv_value_bool(ev->arena, false)));
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        CUV_TRY(say_reset(ev, v->items[i], depth - 1));
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        CUV_TRY(say_reset(ev, v->pairs[i].value, depth - 1));
    return CUV_OK;
}

/* ---- weights alone ---- */

/* Variables of layers ("dense/kernel"), not of the operations of a graph ("model/dense/MatMul/ReadVariableOp"). */
static bool names_variables(const cuv_value *manifest)
{
    static const char *const words[] = {"kernel", "bias", "gamma", "beta", "embeddings"};
    for (size_t g = 0; g < cuv_len(manifest); g++) {
        const cuv_value *weights = cuv_get(cuv_item(manifest, g), "weights");
        for (size_t i = 0; i < cuv_len(weights); i++) {
            const char *name = cuv_get_text(cuv_item(weights, i), "name"), *slash = name ? strrchr(name, '/') : NULL;
            for (size_t k = 0; slash && k < sizeof words / sizeof *words; k++)
                if (cuv_streq(slash + 1, words[k]))
                    return true;
        }
    }
    return false;
}

/* The manifest in a file of its own, as older converters wrote it: [{"paths": ..., "weights": ...}]. */
bool cuv_tfjs_manifest(const cuv_value *root)
{
    return cuv_is_seq(root) && cuv_is_seq(cuv_get(cuv_item(root, 0), "paths")) && cuv_is_seq(cuv_get(cuv_item(root, 0), "weights"));
}

/* ---- graph models ---- */

/* The weights by name and shape, as far as the converter kept them apart: variables read by the graph end in ReadVariableOp. */
static const char *weights_named(struct cuv_evidence *ev, const cuv_value *manifest)
{
    enum { MOST = 40 };
    const char *text = NULL;
    size_t count = 0;
    for (size_t g = 0; g < cuv_len(manifest); g++) {
        const cuv_value *weights = cuv_get(cuv_item(manifest, g), "weights");
        for (size_t i = 0; i < cuv_len(weights); i++) {
            const cuv_value *w = cuv_item(weights, i), *shape = cuv_get(w, "shape");
            const char *name = cuv_get_text(w, "name"), *dtype = cuv_get_text(w, "dtype");
            if (!name || !dtype || !cuv_starts_with(dtype, "float") || !cuv_len(shape) || count++ >= MOST)
                continue;
            text = cuv_format(ev->cx, "%s%s%s  %s", text ? text : "", text ? "\n" : "", name, cuv_value_repr(ev->cx, shape));
        }
    }
    return count > MOST ? cuv_format(ev->cx, "%s\nand %zu more", text, count - MOST) : text;
}

static cuv_status refuse_graph(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *root)
{
    const char *weights = weights_named(ev, cuv_get(root, "weightsManifest"));
    cuv_detail detail = {.file = file->path, .notes = weights ? cuv_format(ev->cx, "weights by name:\n%s", weights) : NULL,
                         .help = "give the Keras model it was converted from"};
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "tfjs.graph", &detail,
                    "%s is a TensorFlow.js graph model: it holds TensorFlow operations, no Keras layers", file->name);
}

/* ---- the file ---- */

cuv_status cuv_read_tfjs(struct cuv_evidence *ev, cuv_file *file, cuv_value *root)
{
    if (cuv_tfjs_manifest(root)) {
        cuv_value *whole = cuv_value_dict(ev->arena);
        if (!whole)
            return cuv_oom(ev->cx);
        CUV_TRY(cuv_dict_set(ev->arena, whole, "weightsManifest", root));
        root = whole;
    }
    cuv_value *topology = cuv_get(root, "modelTopology");
    bool found = false, graph = cuv_streq(cuv_get_text(root, "format"), "graph-model") || cuv_get(topology, "node");
    cuv_detail detail = {.file = file->path, .help = "give the Keras model it was converted from"};
    if (!graph && !topology && names_variables(cuv_get(root, "weightsManifest"))) {
        file->kind = "weights of a TensorFlow.js layers model, without its topology";
        return read_weights(ev, file, cuv_get(root, "weightsManifest"));
    }
    if (graph || !topology)
        return refuse_graph(ev, file, root);
    file->kind = "TensorFlow.js layers model";
    CUV_TRY(say_reset(ev, topology, cuv_context_limits(ev->cx)->depth));
    CUV_TRY(cuv_config_take(ev, file, topology, &found));
    if (!found)
        return cuv_fail(ev->cx, CUV_UNSUPPORTED, "tfjs.topology", &detail,
                        "%s is of TensorFlow.js, but its modelTopology is no configuration of a Keras model",
                        file->name);
    CUV_TRY(read_weights(ev, file, cuv_get(root, "weightsManifest")));
    return cuv_file_describe(ev, file, 2);
}
