/* Lists whose order is not Keras's: the same arrays, with the bias before the kernel, the layers from the last to the first, all
 * kernels before all biases. Found by shape, and said. */
#include "model/bind.h"

/* ---- the weights that a list is for */

cuv_status cuv_sequence_new(cuv_binding *b, cuv_named *tensors, size_t count, const char *name, cuv_sequence **out)
{
    cuv_sequence *s = *out = CUV_NEW(b->scratch, cuv_sequence);
    size_t n = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        n += b->units[i].count;
    if (!s)
        return cuv_oom(b->cx);
    *s = (cuv_sequence){.tensors = tensors, .count = count, .name = name};
    s->weights = CUV_NEW_ARRAY(b->scratch, cuv_weight *, n + 1);
    s->units = CUV_NEW_ARRAY(b->scratch, cuv_unit *, n + 1);
    if (!s->weights || !s->units)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; !b->units[i].filled && k < b->units[i].count; k++) {
            s->weights[s->wanted] = b->units[i].weights[k];
            s->units[s->wanted++] = &b->units[i];
        }
    return CUV_OK;
}

/* ---- orders */

/* An order of the weights: place[k] is the weight that the k-th tensor is for. */
typedef struct order { size_t *place, count; } order;

static bool is_bias(const cuv_weight *w)
{
    return cuv_streq(w->name, "bias") || cuv_streq(w->name, "beta");
}

static void add(order *o, size_t place)
{
    o->place[o->count++] = place;
}

static void in_unit(const cuv_sequence *s, order *o, size_t from, size_t to, bool bias_first)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = from; i < to; i++)
            if (bias_first ? is_bias(s->weights[i]) == (pass == 0) : pass == 0)
                add(o, i);
}

static void by_layers(const cuv_sequence *s, order *o, bool backwards, bool bias_first)
{
    size_t from = 0, to = s->wanted;
    while (from < to) {
        size_t a = from, z = to;
        if (backwards) {
            for (a = to - 1; a > from && s->units[a - 1] == s->units[to - 1];)
                a--;
            in_unit(s, o, a, to, bias_first);
            to = a;
        } else {
            for (z = from + 1; z < to && s->units[z] == s->units[from];)
                z++;
            in_unit(s, o, from, z, bias_first);
            from = z;
        }
    }
}

static void by_kind(const cuv_sequence *s, order *o, bool (*first)(const cuv_weight *), bool wanted)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->wanted; i++)
            if ((first(s->weights[i]) == wanted) == (pass == 0))
                add(o, i);
}

static bool trains(const cuv_weight *w)
{
    return w->trainable;
}

static bool is_vector(const cuv_weight *w)
{
    return w->rank <= 1;
}

/* Each tensor takes the first open weight of its shape. */
static bool by_shape(const cuv_sequence *s, order *o, bool *taken)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t k = 0;
        while (k < s->wanted && (taken[k] || !cuv_shape_is(s->weights[k], s->tensors[i].tensor)))
            k++;
        if (k == s->wanted)
            return false;
        taken[k] = true;
        add(o, k);
    }
    return true;
}

static bool fits(const cuv_sequence *s, const order *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (!cuv_shape_is(s->weights[o->place[i]], s->tensors[i].tensor))
            return false;
    return o->count == s->count;
}

enum { MOST_ARRAYS = 3000 };    /* by_shape looks at every pair */

static const char *const texts[] = {
    "has the bias of each layer before its kernel; Keras lists the kernel first",
    "lists the layers from the last to the first",
    "lists the layers from the last to the first, the bias of each before its kernel",
    "has all kernels before all biases; Keras goes layer by layer",
    "has all biases before all kernels; Keras goes layer by layer",
    "has all trainable weights before the others; Keras goes layer by layer",
    "has its arrays in an order of its own",
};
enum { ORDERS = sizeof texts / sizeof texts[0] };

static bool make_order(const cuv_sequence *s, size_t which, order *o, bool *taken)
{
    o->count = 0;
    switch (which) {
    case 0: by_layers(s, o, false, true); break;
    case 1: by_layers(s, o, true, false); break;
    case 2: by_layers(s, o, true, true); break;
    case 3: by_kind(s, o, is_vector, false); break;
    case 4: by_kind(s, o, is_vector, true); break;
    case 5: by_kind(s, o, trains, true); break;
    default: return by_shape(s, o, taken) && fits(s, o);
    }
    return fits(s, o);
}

/* ---- taking it */

/* Does another weight of the sequence have the same shape? */
static bool has_twin(const cuv_sequence *s, size_t at)
{
    const cuv_weight *w = s->weights[at];
    for (size_t i = 0; i < s->wanted; i++)
        if (i != at && cuv_shape_equal(w->shape, w->rank, s->weights[i]->shape, s->weights[i]->rank))
            return true;
    return false;
}

static cuv_status take(cuv_binding *b, const cuv_sequence *s, const order *o, const char *text)
{
    if (strstr(s->name, " and "))        /* two files have and list */
        text = cuv_streq(text, "has its arrays in an order of its own") ? "have their arrays in an order of their own"
               : text[0] == 'h' ? cuv_format(b->cx, "have%s", text + 3) : cuv_format(b->cx, "list%s", text + 5);
    const char *why = cuv_format(b->cx, "by shape: %s %s", s->name, text);
    bool only = true;
    for (size_t i = 0; i < o->count; i++) {
        size_t at = o->place[i];
        bool twin = has_twin(s, at);
        cuv_named plain = s->tensors[i];
        plain.weight = NULL;
        only &= !twin;
        s->units[at]->filled = true;
        CUV_TRY(cuv_bind_tensor(b, s->units[at], s->weights[at], &plain, twin ? CUV_ASSUMED : CUV_INFERRED, why));
    }
    b->m->order = cuv_arena_printf(b->m->arena, "%s %s", s->name, text);
    if (!b->m->order)
        return cuv_oom(b->cx);
    if (!b->ev->strict)
        cuv_warn(b->cx, "bind.order", &(cuv_detail){.file = s->tensors[0].file ? s->tensors[0].file->path : NULL, .found = text,
                 .notes = only ? "the shapes allow no other reading, and it is bound so"
                               : "the shapes allow this reading, and it is bound so",
                 .help = "--samples with inputs and outputs of the original can prove it"}, "%s %s", s->name, text);
    return CUV_OK;
}

cuv_status cuv_bind_rearranged(cuv_binding *b, const cuv_sequence *s, size_t mark)
{
    if (s->count != s->wanted || !s->count || s->count > MOST_ARRAYS)
        return CUV_OK;
    order o = {CUV_NEW_ARRAY(b->scratch, size_t, s->count + 1), 0};
    bool *taken = CUV_NEW_ARRAY(b->scratch, bool, s->wanted + 1);
    if (!o.place || !taken)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < ORDERS; i++)
        if (make_order(s, i, &o, taken)) {
            b->misfit_count = mark;
            return take(b, s, &o, texts[i]);
        }
    return CUV_OK;
}
