/* What layers tensors can be: the shape patterns of the layers' slots run backwards. */
#include "recover/reading.h"

static const struct { cuv_rkind kind; const char *settings; double cost; } rows[] = {
#define READING(kind, settings, cost) {CUV_R_##kind, settings, cost},
#include "recover/readings.def"
#undef READING
};

enum { MOST_STEPS = 1 << 16 };

/* ---- patterns run backwards ---------------------------------------------------------------------------------- */

/* What the names of a layer's patterns came to stand for. */
typedef struct bound { char name[24]; int64_t at[CUV_MAX_RANK]; int count; } bound;
typedef struct binding { const cuv_layer_def *def; bound names[8]; size_t count; } binding;

static bound *find(binding *b, const char *name, size_t size)
{
    for (size_t i = 0; i < b->count; i++)
        if (strlen(b->names[i].name) == size && memcmp(b->names[i].name, name, size) == 0)
            return &b->names[i];
    return NULL;
}

static bound *bind(binding *b, const char *name, size_t size, const int64_t *at, int count)
{
    if (b->count == sizeof b->names / sizeof *b->names || size >= sizeof b->names->name)
        return NULL;
    bound *n = &b->names[b->count++];
    memset(n, 0, sizeof *n);
    memcpy(n->name, name, size);
    memcpy(n->at, at, (size_t)count * sizeof *at);
    n->count = count;
    return n;
}

/* How many sizes a name stands for. */
static int width_of(const binding *b, const char *name, size_t size)
{
    const cuv_param *p = b->def->params;
    if (size == 4 && memcmp(name, "ones", 4) == 0)
        return b->def->spatial;
    for (; p && p->name; p++)
        if (strlen(p->name) == size && memcmp(p->name, name, size) == 0)
            return p->type == CUV_P_SIZES ? b->def->spatial : 1;
    return 1;
}

/* One product of a pattern against one size: at most one of its names may be open. */
static bool solve(binding *b, const char *token, size_t size, int64_t value)
{
    const char *open = NULL;
    size_t open_size = 0;
    int64_t known = 1;
    bool divide = false, open_divides = false;
    for (size_t at = 0; at < size;) {
        size_t n = strcspn(token + at, "*/ ");
        n = n < size - at ? n : size - at;
        int64_t number;
        const bound *v = find(b, token + at, n);
        bool group = n == 6 && memcmp(token + at, "groups", 6) == 0;
        if (v || group || cuv_parse_i64(token + at, n, &number)) {
            int64_t factor = group ? 1 : v ? v->at[0] : number;
            if (divide || factor < 1 || !cuv_mul_i64(known, factor, &known))
                return divide && factor == 1;
        } else if (open) {
            return false;
        } else {
            open = token + at;
            open_size = n;
            open_divides = divide;
        }
        at += n;
        divide = at < size && token[at] == '/';
        at += at < size;
        if (divide && at + 6 == size && memcmp(token + at, "groups", 6) == 0)
            break;
    }
    if (!open)
        return known == value;
    value = value % known ? -1 : value / known;
    return !open_divides && value > 0 && bind(b, open, open_size, &value, 1);
}

static bool match_name(binding *b, const char *name, size_t size, const int64_t *at, int width)
{
    const bound *v = find(b, name, size);
    if (size == 4 && memcmp(name, "ones", 4) == 0) {
        for (int i = 0; i < width; i++)
            if (at[i] != 1)
                return false;
        return true;
    }
    if (!v)
        return bind(b, name, size, at, width);
    return v->count == width && memcmp(v->at, at, (size_t)width * sizeof *at) == 0;
}

static bool match_slot(binding *b, const cuv_slot *slot, const cuv_tensor *t)
{
    const char *p = slot->pattern;
    int axis = 0;
    if (strcmp(p, "shape") == 0 || strcmp(p, "biases") == 0)
        return t->rank > 0 && match_name(b, p, strlen(p), t->shape, t->rank);
    while (*p) {
        size_t size = strcspn(p, " ");
        bool product = strcspn(p, "*/") < size;
        int width = product ? 1 : width_of(b, p, size);
        if (axis + width > t->rank || !(product || (*p >= '0' && *p <= '9') ? solve(b, p, size, t->shape[axis])
                                                                           : match_name(b, p, size, t->shape + axis, width)))
            return false;
        axis += width;
        p += size;
        p += *p == ' ';
    }
    return axis == t->rank;
}

/* A word of the settings: "use_bias" is true unless "!use_bias" stands there; renorm and what is rarer is off. */
static bool is_set(const char *settings, const char *name)
{
    const char *at = strstr(settings, name);
    return !(at && at > settings && at[-1] == '!') && strcmp(name, "renorm") != 0;
}

/* How many tensors the slots take; 0: they do not fit. */
static size_t match_slots(binding *b, const char *settings, const cuv_named *tensors, size_t count)
{
    size_t n = 0;
    for (const cuv_slot *s = b->def->slots; s && s->name; s++) {
        if (s->condition && is_set(settings, s->condition + (s->condition[0] == '!')) == (s->condition[0] == '!'))
            continue;
        if (n == count || !match_slot(b, s, tensors[n].tensor))
            return 0;
        if (tensors[n].weight && !cuv_streq(tensors[n].weight, s->name) && !(s->old && strstr(s->old, tensors[n].weight)) &&
            strcmp(s->name, "scale") != 0)
            return 0;
        n++;
    }
    return n;
}

/* ---- one layer ----------------------------------------------------------------------------------------------- */

static int64_t get(binding *b, const char *name)
{
    const bound *v = find(b, name, strlen(name));
    return v ? v->at[0] : 0;
}

static bool never_negative(const cuv_tensor *t)
{
    size_t n = cuv_tensor_count(t);
    for (size_t i = 0; i < n && i < 4096; i++)
        if (!(cuv_tensor_at(t, i) >= 0))
            return false;
    return true;
}

static double mean(const cuv_tensor *t)
{
    size_t n = cuv_tensor_count(t);
    double sum = 0;
    n = n < 4096 ? n : 4096;
    for (size_t i = 0; i < n; i++)
        sum += cuv_tensor_at(t, i);
    return n ? sum / (double)n : 0;
}

/* What a layer's values say against it; infinity: it cannot be. */
static double cost_of_values(cuv_rkind kind, const char *settings, const cuv_named *t, size_t n)
{
    switch ((int)kind) {
    case CUV_R_BATCH_NORM: {
        bool scale = !strstr(settings, "!scale");       /* gammas lie about 1, betas about 0 */
        double odd = scale == (mean(t[0].tensor) > .3) ? 0 : .5;
        return never_negative(t[n - 1].tensor) && t[0].tensor->rank == 1 ? odd : INFINITY;
    }
    case CUV_R_LAYER_NORM: case CUV_R_RMS_NORM: return t[0].tensor->rank > 1 ? INFINITY : mean(t[0].tensor) > .3 ? 0 : 1.5;
    case CUV_R_GRU: {
        bool after = !strstr(settings, "!reset_after");
        const cuv_tensor *bias = n == 3 ? t[2].tensor : NULL;
        return !bias ? 0 : after ? (bias->rank == 2 && bias->shape[0] == 2 ? 0 : INFINITY) : bias->rank == 1 ? 0 : INFINITY;
    }
    case CUV_R_DEPTHWISE2: case CUV_R_DEPTHWISE1: {
        const cuv_tensor *k = t[0].tensor;
        return k->shape[k->rank - 1] > 1 || k->shape[k->rank - 2] == 1 ? strstr(settings, "!use") ? 1.6 : .7 : 0;
    }
    default: return 0;
    }
}

static cuv_status put(cuv_reader *r, cuv_value *d, const char *key, cuv_value *v)
{
    return cuv_dict_set(r->arena, d, key, v);
}

static cuv_status put_sizes(cuv_reader *r, cuv_value *d, const char *key, const bound *v)
{
    cuv_value *list = cuv_value_list(r->arena);
    for (int i = 0; list && i < v->count; i++)
        CUV_TRY(cuv_list_add(r->arena, list, cuv_value_int(r->arena, v->at[i])));
    return put(r, d, key, list);
}

/* The parameters that the shapes gave, and the settings of the row. */
static cuv_status make_config(cuv_reader *r, binding *b, const char *settings, cuv_value **out)
{
    cuv_value *d = *out = cuv_value_dict(r->arena);
    if (!d)
        return cuv_oom(r->cx);
    for (const cuv_param *p = b->def->params; p && p->name; p++) {
        const bound *v = find(b, p->name, strlen(p->name));
        if (v && p->type == CUV_P_SIZES)
            CUV_TRY(put_sizes(r, d, p->name, v));
        else if (v)
            CUV_TRY(put(r, d, p->name, cuv_value_int(r->arena, v->at[0])));
        else if (p->type == CUV_P_BOOL && strstr("use_bias scale center reset_after", p->name))
            CUV_TRY(put(r, d, p->name, cuv_value_bool(r->arena, is_set(settings, p->name))));
    }
    return CUV_OK;
}

/* Sizes that no layer has, of arrays without values: what comes after counts in 32 bits, and windows in a multiple of them. */
static bool too_large(const cuv_runit *u)
{
    return u->in > INT32_MAX || u->out > INT32_MAX || u->kernel[0] > INT32_MAX || u->kernel[1] > INT32_MAX || u->kernel[2] > INT32_MAX;
}

static void channels(cuv_runit *u, binding *b)
{
    const bound *shape = find(b, "shape", 5), *k = find(b, "kernel_size", 11);
    u->in = get(b, "in");
    u->out = get(b, "units") ? get(b, "units") : get(b, "filters");
    for (int i = 0; k && i < k->count; i++)
        u->kernel[i] = k->at[i];
    if (u->kind == CUV_R_DEPTHWISE1 || u->kind == CUV_R_DEPTHWISE2)
        u->out = cuv_mul_i64(u->in, get(b, "depth_multiplier"), &u->out) ? u->out : INT64_MAX;
    if (shape)
        u->in = u->out = shape->at[shape->count - 1];
    if (u->kind == CUV_R_EMBEDDING) {
        u->in = -1;
        u->out = get(b, "output_dim");
    }
}

static bool is_flat_number(const cuv_tensor *t)
{
    return cuv_dtype_is_float(t->dtype) || t->dtype == CUV_I64 || t->dtype == CUV_I32;
}

/* Tries one row at the head of `tensors`; *n is how many it takes, 0 when it does not fit. */
static cuv_status try_row(cuv_reader *r, size_t row, const cuv_named *tensors, size_t count, cuv_runit *u, size_t *n)
{
    binding b = {.def = cuv_layer_find(cuv_rkind_name(rows[row].kind))};
    *n = b.def && (r->tokens || rows[row].kind != CUV_R_EMBEDDING) ? match_slots(&b, rows[row].settings, tensors, count) : 0;
    if (!*n)
        return CUV_OK;
    double more = cost_of_values(rows[row].kind, rows[row].settings, tensors, *n);
    bool prelu = rows[row].kind == CUV_R_PRELU;
    if (more >= 1e9 || !is_flat_number(tensors[0].tensor) || (prelu && tensors[0].tensor->rank > 4)) {
        *n = 0;
        return CUV_OK;
    }
    *u = (cuv_runit){.kind = rows[row].kind, .inner = CUV_R_UNKNOWN, .class_level = CUV_INFERRED, .tensors = tensors, .count = *n, .cost = rows[row].cost + more};
    channels(u, &b);
    if (too_large(u)) {
        *n = 0;
        return CUV_OK;
    }
    return make_config(r, &b, rows[row].settings, &u->config);
}

static cuv_status prelu_axes(cuv_reader *r, cuv_runit *u)
{
    const cuv_tensor *t = u->tensors[0].tensor;
    cuv_value *axes = cuv_value_list(r->arena);
    if (!axes)
        return cuv_oom(r->cx);
    for (int i = 0; i + 1 < t->rank; i++)
        if (t->shape[i] == 1)
            CUV_TRY(cuv_list_add(r->arena, axes, cuv_value_int(r->arena, i + 1)));
    u->cost = t->rank == 1 ? 1.6 : t->shape[0] == 1 ? .1 : 1.5;
    return axes->size ? put(r, u->config, "shared_axes", axes) : CUV_OK;
}

/* The same recurrent layer twice in a row, with equal shapes. */
static bool make_bidirectional(const cuv_runit *first, const cuv_named *tensors, size_t left, cuv_runit *u)
{
    bool fits = left >= 2 * first->count;
    for (size_t i = 0; fits && i < first->count; i++) {
        const cuv_tensor *a = tensors[i].tensor, *b = tensors[first->count + i].tensor;
        fits = cuv_shape_equal(a->shape, a->rank, b->shape, b->rank);
    }
    if (!fits)
        return false;
    *u = *first;
    u->kind = CUV_R_BIDIRECTIONAL;
    u->inner = first->kind;
    u->count = 2 * first->count;
    u->cost = first->cost - .1;
    u->out = 2 * first->out;
    return true;
}

/* Kernels and biases of queries, keys, values and the output. */
static cuv_status try_attention(cuv_reader *r, const cuv_named *t, size_t count, bool biases, cuv_runit *u, size_t *n)
{
    size_t step = biases ? 2 : 1, need = 4 * step;
    *n = 0;
    if (count < need)
        return CUV_OK;
    const cuv_tensor *q = t[0].tensor, *k = t[step].tensor, *v = t[2 * step].tensor, *o = t[3 * step].tensor;
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || o->rank != 3 || q->shape[1] != k->shape[1] || q->shape[2] != k->shape[2] ||
        v->shape[1] != q->shape[1] || o->shape[0] != v->shape[1] || o->shape[1] != v->shape[2] || q->shape[0] > INT32_MAX ||
        o->shape[2] > INT32_MAX)
        return CUV_OK;
    for (size_t i = 0; biases && i < 4; i++) {
        const cuv_tensor *w = t[2 * i].tensor, *b = t[2 * i + 1].tensor;
        bool fits = i < 3 ? b->rank == 2 && b->shape[0] == w->shape[1] && b->shape[1] == w->shape[2]
                          : b->rank == 1 && b->shape[0] == w->shape[2];
        if (!fits)
            return CUV_OK;
    }
    *n = need;
    *u = (cuv_runit){.kind = CUV_R_ATTENTION, .inner = CUV_R_UNKNOWN, .class_level = CUV_INFERRED, .tensors = t, .count = need, .in = q->shape[0], .out = o->shape[2],
                     .cost = biases ? 0 : .5, .config = cuv_value_dict(r->arena)};
    if (!u->config)
        return cuv_oom(r->cx);
    CUV_TRY(put(r, u->config, "num_heads", cuv_value_int(r->arena, q->shape[1])));
    CUV_TRY(put(r, u->config, "key_dim", cuv_value_int(r->arena, q->shape[2])));
    CUV_TRY(put(r, u->config, "use_bias", cuv_value_bool(r->arena, biases)));
    return v->shape[2] == q->shape[2] ? CUV_OK : put(r, u->config, "value_dim", cuv_value_int(r->arena, v->shape[2]));
}

/* A row for each step of a sequence, which is added to it. */
static cuv_status try_position(cuv_reader *r, const cuv_named *t, size_t count, cuv_runit *u, size_t *n)
{
    const cuv_tensor *table = count ? t[0].tensor : NULL;
    *n = 0;
    if (!table || table->rank != 2 || table->shape[0] < 2 || table->shape[0] > MOST_STEPS || table->shape[1] > INT32_MAX || !is_flat_number(table) ||
        (t[0].weight && !strstr(t[0].weight, "embedding") && !strstr(t[0].weight, "pos")))
        return CUV_OK;
    *n = 1;
    *u = (cuv_runit){.kind = CUV_R_POSITION, .inner = CUV_R_UNKNOWN, .class_level = CUV_INFERRED, .tensors = t, .count = 1, .in = table->shape[1],
                     .out = table->shape[1], .kernel = {table->shape[0]}, .cost = 1.2, .config = cuv_value_dict(r->arena)};
    if (!u->config)
        return cuv_oom(r->cx);
    CUV_TRY(put(r, u->config, "input_dim", cuv_value_int(r->arena, table->shape[0])));
    return put(r, u->config, "output_dim", cuv_value_int(r->arena, table->shape[1]));
}

/* ---- all readings at one place --------------------------------------------------------------------------------- */

void cuv_offer(cuv_here *h, const cuv_runit *u, size_t n)
{
    if (h->count < CUV_MAX_HERE && n) {
        h->units[h->count] = *u;
        h->takes[h->count++] = n;
    }
}

cuv_status cuv_read_here(cuv_reader *r, const cuv_named *t, size_t count, cuv_here *h)
{
    cuv_runit u, twice;
    size_t n;
    h->count = 0;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        CUV_TRY(try_row(r, row, t, count, &u, &n));
        if (n && u.kind == CUV_R_PRELU)
            CUV_TRY(prelu_axes(r, &u));
        cuv_offer(h, &u, n);
        if (n && cuv_rkind_traits(u.kind) & CUV_RT_RECURRENT && !cuv_rkind_spatial(u.kind) && make_bidirectional(&u, t, count, &twice))
            cuv_offer(h, &twice, twice.count);
    }
    CUV_TRY(try_position(r, t, count, &u, &n));
    cuv_offer(h, &u, n);
    for (int biases = 1; biases >= 0; biases--) {
        CUV_TRY(try_attention(r, t, count, biases, &u, &n));
        cuv_offer(h, &u, n);
    }
    return CUV_OK;
}
