/* Values of the program as names of the ONNX graph: their forms (orders of axes), and those that are known while writing. */
#include "emit/onnx.h"

/* ---- types */

onnx_type onnx_stored(cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_BOOL: return ONNX_BOOL;
    case CUV_I8: return ONNX_INT8;
    case CUV_U8: return ONNX_UINT8;
    case CUV_I16: return ONNX_INT16;
    case CUV_U16: return ONNX_UINT16;
    case CUV_I32: return ONNX_INT32;
    case CUV_U32: return ONNX_UINT32;
    case CUV_I64: return ONNX_INT64;
    case CUV_U64: return ONNX_UINT64;
    case CUV_F16: return ONNX_FLOAT16;
    case CUV_BF16: return ONNX_BFLOAT16;
    case CUV_F32: return ONNX_FLOAT;
    case CUV_F64: return ONNX_DOUBLE;
    case CUV_STR: return ONNX_STRING;
    case CUV_F8E4M3: case CUV_F8E5M2: return ONNX_FLOAT;
    }
    return ONNX_FLOAT;
}

/* ONNX Runtime's CPU kernels know floats everywhere, halves and doubles, and integers of few bits, here and there. */
onnx_type onnx_carried(cuv_dtype dtype)
{
    return cuv_dtype_is_float(dtype) ? ONNX_FLOAT : onnx_stored(cuv_dtype_kept(dtype));
}

const cuv_var *onnx_var(const onnx_writer *w, cuv_ref ref)
{
    return cuv_program_var(w->p, ref);
}

/* ---- orders of axes */

bool onnx_is_identity(const int *perm, int rank)
{
    for (int i = 0; perm && i < rank; i++)
        if (perm[i] != i)
            return false;
    return true;
}

int onnx_place(const int *perm, int rank, int axis)
{
    for (int i = 0; i < rank; i++)
        if (perm[i] == axis)
            return i;
    return axis;
}

void onnx_channels_first(int rank, int *perm)
{
    for (int i = 0; i < rank; i++)
        perm[i] = i < 2 ? (i ? rank - 1 : 0) : i - 1;
    if (rank == 1)
        perm[0] = 0;
}

static const int in_order[CUV_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};

const int *onnx_native(const onnx_writer *w, cuv_ref ref)
{
    const onnx_value *v = &w->values[ref];
    return v->form_count ? v->forms[0].perm : in_order;
}

static void remember(onnx_writer *w, cuv_ref ref, const char *name, const int *perm)
{
    onnx_value *v = &w->values[ref];
    if (!name || v->form_count == CUV_ONNX_FORMS)
        return;
    onnx_form *f = &v->forms[v->form_count++];
    f->name = name;
    memcpy(f->perm, perm ? perm : in_order, sizeof f->perm);
}

void onnx_made(onnx_writer *w, int k, const char *name, const int *perm)
{
    const cuv_dtype dtype = onnx_var(w, w->step->out[k])->dtype;
    if (dtype != cuv_dtype_kept(dtype) && dtype != CUV_U64)      /* rounded or wrapped after each step, as Keras's are */
        name = onnx_cast(w, onnx_cast(w, name, onnx_stored(dtype)), onnx_carried(dtype));
    remember(w, w->step->out[k], name, perm);
}

void onnx_given(onnx_writer *w, cuv_ref ref, const char *name)
{
    remember(w, ref, name, NULL);
}

void onnx_made_known(onnx_writer *w, int k, const cuv_tensor *tensor)
{
    w->values[w->step->out[k]].known = tensor;
}

static const char *from_known(onnx_writer *w, cuv_ref ref, const int *perm)
{
    const cuv_tensor *t = onnx_known(w, ref);
    const cuv_var *v = onnx_var(w, ref);
    if (t && !onnx_is_identity(perm, t->rank) && !onnx_failed(w)) {
        cuv_tensor *turned = NULL;
        w->status = cuv_tensor_transpose(w->arena, t, perm, &turned);
        t = turned;
    }
    if (!t || onnx_failed(w))
        return NULL;
    return onnx_initializer_of(w, v->name ? v->name : cuv_format(w->cx, "%s_constant", w->base ? w->base : "model"), t);
}

/* The mirrored value turned round again. */
static const char *from_mirror(onnx_writer *w, onnx_value *v)
{
    return onnx_slice(w, v->mirrored, 1, -1, INT64_MIN, -1);
}

const char *onnx_want(onnx_writer *w, cuv_ref ref, const int *perm)
{
    if (ref == CUV_NO_REF || onnx_failed(w))
        return NULL;
    onnx_value *v = &w->values[ref];
    const int rank = onnx_var(w, ref)->rank;
    const char *name = NULL;
    perm = perm ? perm : in_order;
    for (int i = 0; i < v->form_count; i++)
        if (!memcmp(v->forms[i].perm, perm, (size_t)rank * sizeof *perm))
            return v->forms[i].name;
    if (!v->form_count && v->mirrored)
        remember(w, ref, name = from_mirror(w, v), NULL);
    if (v->known || onnx_known(w, ref)) {
        name = from_known(w, ref, perm);
    } else if (v->form_count) {
        int order[CUV_MAX_RANK];
        for (int i = 0; i < rank; i++)
            order[i] = onnx_place(v->forms[0].perm, rank, perm[i]);
        name = onnx_transpose(w, v->forms[0].name, order, rank);
    } else if (!onnx_failed(w)) {
        onnx_refuse(w, "a value is read before it is made");
    }
    remember(w, ref, name, perm);
    return name;
}

cuv_ref onnx_ref(const onnx_writer *w, int i)
{
    return i < w->step->in_count ? w->step->in[i] : CUV_NO_REF;
}

bool onnx_has(const onnx_writer *w, int i)
{
    return onnx_ref(w, i) != CUV_NO_REF;
}

const char *onnx_in(onnx_writer *w, int i)
{
    return onnx_want(w, onnx_ref(w, i), NULL);
}

/* ---- known values */

/* Halves and doubles as floats, integers as they are kept. */
static const cuv_tensor *as_carried(onnx_writer *w, const cuv_tensor *t)
{
    cuv_tensor *out = NULL;
    void *values = NULL;
    const cuv_dtype carried = cuv_dtype_is_float(t->dtype) ? CUV_F32 : cuv_dtype_kept(t->dtype);
    if (t->dtype == carried || onnx_failed(w))
        return t;
    w->status = cuv_tensor_new(w->arena, carried, t->shape, t->rank, &out, &values);
    if (onnx_failed(w))
        return NULL;
    cuv_convert(values, carried, t->data, t->dtype, cuv_tensor_count(t));
    return out;
}

const cuv_tensor *onnx_known(onnx_writer *w, cuv_ref ref)
{
    const cuv_var *v = onnx_var(w, ref);
    onnx_value *value = ref == CUV_NO_REF ? NULL : &w->values[ref];
    if (!value || value->known || (v->kind != CUV_V_WEIGHT && v->kind != CUV_V_CONSTANT))
        return value ? value->known : NULL;
    if (!v->tensor || !v->tensor->data) {
        if (!onnx_failed(w))
            w->status = cuv_fail(w->cx, CUV_NO, "write.missing", &(cuv_detail){.tensor = v->name},
                                 "'%s' has no values, so that nothing can be written", v->name ? v->name : "a constant");
        return NULL;
    }
    return value->known = as_carried(w, v->tensor);
}

/* ---- initializers */

const char *onnx_initializer_of(onnx_writer *w, const char *name, const cuv_tensor *tensor)
{
    void *grown = cuv_arena_grow(w->arena, w->initializers, w->initializer_count, &w->initializer_capacity,
                                 sizeof *w->initializers);
    const char *own = onnx_failed(w) ? NULL : onnx_name(w, name);
    if (!grown || !own) {
        w->status = onnx_failed(w) ? w->status : cuv_oom(w->cx);
        return NULL;
    }
    w->initializers = grown;
    const char *doc = cuv_streq(own, name) ? NULL : cuv_arena_strdup(w->arena, name);
    w->initializers[w->initializer_count++] = (onnx_initializer){.name = own, .doc = doc, .tensor = tensor};
    return own;
}

/* One initializer for all who ask for the same small constant; `key` says what it holds. */
static const char *shared(onnx_writer *w, const char *key, const char *name, const cuv_tensor *tensor)
{
    const char *own = onnx_initializer_of(w, name, tensor);
    if (own)
        w->initializers[w->initializer_count - 1].doc = NULL;
    char *kept = own ? cuv_arena_strdup(w->arena, key) : NULL;
    if (kept && cuv_map_set(w->by_ref, kept, (void *)(uintptr_t)own) == CUV_OK)
        return own;
    w->status = onnx_failed(w) ? w->status : cuv_oom(w->cx);
    return NULL;
}

static const char *small(onnx_writer *w, cuv_dtype dtype, const void *values, const int64_t *shape, int rank, const char *key)
{
    const char *have = cuv_map_get(w->by_ref, key);
    cuv_tensor *t = NULL;
    void *to = NULL;
    if (have || onnx_failed(w))
        return have;
    w->status = cuv_tensor_new(w->arena, dtype, shape, rank, &t, &to);
    if (onnx_failed(w))
        return NULL;
    memcpy(to, values, cuv_tensor_bytes(t));
    return shared(w, key, key, t);
}

static const int64_t no_shape[1] = {0};

const char *onnx_ints(onnx_writer *w, const int64_t *values, size_t count)
{
    const char *key = "ints";
    const int64_t size = (int64_t)count;
    for (size_t i = 0; i < count; i++)
        key = cuv_format(w->cx, "%s_%lld", key, (long long)values[i]);
    return small(w, CUV_I64, values, &size, 1, key);
}

const char *onnx_int(onnx_writer *w, int64_t value)
{
    return small(w, CUV_I64, &value, no_shape, 0, cuv_format(w->cx, "int_%lld", (long long)value));
}

const char *onnx_number(onnx_writer *w, cuv_dtype dtype, double value)
{
    const onnx_type type = onnx_carried(dtype);
    const cuv_dtype own = type == ONNX_FLOAT ? CUV_F32 : cuv_dtype_kept(dtype);
    cuv_buffer b;
    uint64_t bytes[2] = {0};
    cuv_buffer_init(&b, w->cx);
    cuv_buffer_double(&b, value);
    const char *key = cuv_format(w->cx, "%s_%s", cuv_dtype_name(own), b.data);
    cuv_buffer_free(&b);
    cuv_convert(bytes, own, &value, CUV_F64, 1);
    return small(w, own, bytes, no_shape, 0, key);
}

float *onnx_new_floats(onnx_writer *w, const int64_t *shape, int rank, const cuv_tensor **out)
{
    cuv_tensor *t = NULL;
    void *values = NULL;
    *out = NULL;
    if (onnx_failed(w))
        return NULL;
    w->status = cuv_tensor_new(w->arena, CUV_F32, shape, rank, &t, &values);
    *out = t;
    return onnx_failed(w) ? NULL : values;
}

const char *onnx_same_floats(onnx_writer *w, int64_t count, float value)
{
    const char *key = cuv_format(w->cx, "%lld_times_%g", (long long)count, (double)value);
    const char *have = cuv_map_get(w->by_ref, key);
    const cuv_tensor *t;
    float *to = have ? NULL : onnx_new_floats(w, &count, 1, &t);
    for (int64_t i = 0; to && i < count; i++)
        to[i] = value;
    return have || !to ? have : shared(w, key, key, t);
}
