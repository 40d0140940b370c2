/* Slot patterns: "kernel_size in/groups filters" as sizes. */
#include "layers/support.h"

#include <assert.h>

typedef struct sizes { int64_t at[CUV_MAX_RANK]; int count; } sizes;

static const cuv_param *size_row(const cuv_layer *layer, const char *name)
{
    const cuv_param *rows = layer->def->params;
    for (size_t i = 0; rows && rows[i].name; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static bool symbol(const cuv_layer *layer, const char *name, sizes *out)
{
    int64_t number;
    out->count = 1;
    if (cuv_parse_i64(name, strlen(name), &number)) {
        out->at[0] = number;
        return true;
    }
    if (strcmp(name, "in") == 0) {
        out->at[0] = layer->in_channels;
        return true;
    }
    if (layer->def->symbol && layer->def->symbol(layer, name, out->at, &out->count))
        return true;
    const cuv_param *row = size_row(layer, name);
    if (!row)
        return false;
    if (row->type == CUV_P_SIZES) {
        cuv_arg_sizes(layer, name, out->at);
        out->count = layer->def->spatial;
    } else if (row->type == CUV_P_INTS) {
        out->count = cuv_arg_ints(layer, name, out->at);
    } else {
        out->at[0] = cuv_arg_int(layer, name);
    }
    return true;
}

/* A factor of a product; NULL at the end. */
static const char *next_name(const char *at, char *name, size_t size)
{
    size_t n = strcspn(at, "*/ ");
    snprintf(name, size, "%.*s", (int)n, at);
    return at + n;
}

static cuv_status undefined(cuv_context *cx, const cuv_layer *layer, const cuv_slot *slot)
{
    return cuv_fail(cx, CUV_NO, "layer.input",
                    &(cuv_detail){.layer = layer->name, .expected = cuv_format(cx, "%s of shape (%s)", slot->name, slot->pattern),
                                  .found = cuv_shape_text(cx, layer->in_shape, layer->in_rank)},
                    "layer '%s' (%s): the size of its input's channel axis is not known, so the shape of '%s' is not either",
                    layer->name, layer->class_name, slot->name);
}

static cuv_status indivisible(cuv_context *cx, const cuv_layer *layer, int64_t a, int64_t b, const char *by)
{
    return cuv_fail(cx, CUV_NO, "layer.input",
                    &(cuv_detail){.layer = layer->name, .expected = cuv_format(cx, "a multiple of %lld", (long long)b),
                                  .found = cuv_format(cx, "%lld", (long long)a)},
                    "layer '%s' (%s): %lld is not divisible by %s=%lld", layer->name, layer->class_name, (long long)a, by,
                    (long long)b);
}

static cuv_status combine(cuv_context *cx, const cuv_layer *layer, const cuv_slot *slot, char op, const char *name,
                          const sizes *right, sizes *left)
{
    if (left->at[0] < 0 || right->at[0] < 0)
        return undefined(cx, layer, slot);
    if (op == '*')
        return cuv_mul_i64(left->at[0], right->at[0], &left->at[0])
                   ? CUV_OK
                   : cuv_fail(cx, CUV_UNSAFE, "limit.weight", &(cuv_detail){.layer = layer->name},
                              "layer '%s': the size of '%s' does not fit in 64 bits", layer->name, slot->name);
    if (right->at[0] < 1 || left->at[0] % right->at[0])
        return indivisible(cx, layer, left->at[0], right->at[0], name);
    left->at[0] /= right->at[0];
    return CUV_OK;
}

static cuv_status read_product(cuv_context *cx, const cuv_layer *layer, const cuv_slot *slot, const char **at, sizes *out)
{
    char name[48];
    *at = next_name(*at, name, sizeof name);
    bool known = symbol(layer, name, out);
    assert(known && "a slot pattern names something unknown");
    while (known && (**at == '*' || **at == '/')) {
        char op = **at;
        sizes right = {{0}, 0};
        *at = next_name(*at + 1, name, sizeof name);
        known = symbol(layer, name, &right);
        assert(known && "a slot pattern names something unknown");
        CUV_TRY(combine(cx, layer, slot, op, name, &right, out));
    }
    return CUV_OK;
}

cuv_status cuv_slot_shape(cuv_context *cx, const cuv_layer *layer, const cuv_slot *slot, int64_t *shape, int *rank)
{
    *rank = 0;
    for (const char *at = slot->pattern; *at;) {
        sizes token = {{0}, 0};
        CUV_TRY(read_product(cx, layer, slot, &at, &token));
        for (int i = 0; i < token.count; i++) {
            if (token.at[i] < 0)
                return undefined(cx, layer, slot);
            if (*rank == CUV_MAX_RANK)
                return cuv_fail(cx, CUV_DAMAGED, "config.value", &(cuv_detail){.layer = layer->name},
                                "layer '%s' (%s): '%s' has more than %d axes", layer->name, layer->class_name, slot->name,
                                CUV_MAX_RANK);
            shape[(*rank)++] = token.at[i];
        }
        while (*at == ' ')
            at++;
    }
    return CUV_OK;
}

bool cuv_slot_present(const cuv_layer *layer, const cuv_slot *slot)
{
    const char *condition = slot->condition;
    if (!condition)
        return true;
    return condition[0] == '!' ? !cuv_arg_bool(layer, condition + 1) : cuv_arg_bool(layer, condition);
}
