/* Vocabularies: from configurations to sorted tables, and the weights of tf_idf. */
#include "layers/vocabulary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static cuv_status no_vocabulary(cuv_call *call, const char *found, const char *why)
{
    const cuv_layer *layer = call->layer;
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "layer.vocabulary", &(cuv_detail){.layer = layer->name, .expected = "a list", .found = found,
                    .help = cuv_format(call->cx, "give it as a text with one token in each line: %s.txt, or any name and --map %s=FILE; an adapted "
                                       "one lies in the assets of the .keras archive or in the SavedModel, but not in files of weights", layer->name, layer->name)},
                    "layer '%s' (%s): %s", layer->name, layer->class_name, why);
}

static bool is_token(const cuv_value *v, cuv_dtype dtype)
{
    int64_t n;
    return dtype == CUV_STR ? cuv_text(v) != NULL : cuv_as_int(v, &n);
}

static bool starts_with(const cuv_value *list, const cuv_value *mask, int masks, const cuv_value *unknown, int unknowns)
{
    for (int i = 0; i < masks + unknowns; i++)
        if (!cuv_item(list, (size_t)i) || !cuv_value_equal(cuv_item(list, (size_t)i), i < masks ? mask : unknown))
            return false;
    return true;
}

cuv_status cuv_read_vocabulary(cuv_call *call, cuv_dtype dtype, const cuv_value *mask, int masks, const cuv_value *unknown, int unknowns,
                               cuv_vocabulary *out)
{
    const cuv_value *list = cuv_arg(call->layer, "vocabulary");
    *out = (cuv_vocabulary){.list = list, .dtype = dtype, .first = masks + unknowns};
    if (cuv_text(list))
        return no_vocabulary(call, cuv_text(list), cuv_format(call->cx, "its vocabulary is in '%s', which is not in the evidence", cuv_text(list)));
    if (cuv_is_null(list) || !cuv_is_seq(list) || cuv_len(list) == 0)
        return no_vocabulary(call, "nothing", "its vocabulary is not in the evidence");
    if (mask && masks + unknowns > 0 && starts_with(list, mask, masks, unknown, unknowns))
        out->skip = (size_t)(masks + unknowns);
    else if (!mask && unknowns > 0 && starts_with(list, mask, 0, unknown, unknowns))
        out->skip = (size_t)unknowns;
    out->count = cuv_len(list) - out->skip;
    for (size_t i = 0; i < out->count; i++)
        if (!is_token(cuv_item(list, out->skip + i), dtype))
            return cuv_bad_arg(call->layer, "vocabulary", dtype == CUV_STR ? "a list of texts" : "a list of integers");
    return CUV_OK;
}

/* ---- the table ---- */

typedef struct entry { const char *text; size_t size; int64_t number, value; } entry;

static int by_text(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    size_t n = x->size < y->size ? x->size : y->size;
    int order = n ? memcmp(x->text, y->text, n) : 0;
    return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

static int by_number(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

cuv_status cuv_vocabulary_table(cuv_call *call, const cuv_vocabulary *v, cuv_ref *keys, cuv_ref *values)
{
    entry *entries = CUV_NEW_ARRAY(call->arena, entry, v->count + 1);
    cuv_tensor *key, *value;
    void *key_data, *value_data;
    const int64_t shape[1] = {(int64_t)v->count};
    if (!entries)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < v->count; i++) {
        const cuv_value *token = cuv_item(v->list, v->skip + i);
        entries[i] = (entry){.text = token->text, .size = token->size, .value = v->first + (int64_t)i};
        if (v->dtype != CUV_STR)
            (void)cuv_as_int(token, &entries[i].number);
    }
    qsort(entries, v->count, sizeof *entries, v->dtype == CUV_STR ? by_text : by_number);
    CUV_TRY(cuv_tensor_new(call->arena, v->dtype, shape, 1, &key, &key_data));
    CUV_TRY(cuv_tensor_new(call->arena, CUV_I64, shape, 1, &value, &value_data));
    for (size_t i = 0; i < v->count; i++) {
        ((int64_t *)value_data)[i] = entries[i].value;
        if (v->dtype == CUV_STR)
            ((cuv_string *)key_data)[i] = (cuv_string){entries[i].text, entries[i].size};
        else
            ((int64_t *)key_data)[i] = entries[i].number;
    }
    *keys = cuv_program_constant(call->program, key);
    *values = cuv_program_constant(call->program, value);
    return call->program->status;
}

/* ---- tf_idf ---- */

/* `used` is a constant of the program, whose values a file may set later. */
struct idf { const cuv_tensor *stated, *used; float *values; };

/* Keras gives unknown words the mean weight, and indices beyond the vocabulary none. */
static cuv_status stated_weights(cuv_call *call, const cuv_vocabulary *v, int64_t depth, cuv_tensor **out)
{
    const cuv_value *list = cuv_arg(call->layer, "idf_weights");
    size_t given = cuv_len(list), before = v->skip ? 0 : (size_t)v->first;
    void *data;
    double sum = 0, w = 0;
    if (!cuv_is_seq(list) || given == 0 || before + given > (size_t)depth)
        return cuv_bad_arg(call->layer, "idf_weights", "a list with a weight for each token");
    CUV_TRY(cuv_tensor_new(call->layer->arena, CUV_F32, &depth, 1, out, &data));
    for (size_t i = 0; i < given; i++) {
        if (!cuv_as_real(cuv_item(list, i), &w))
            return cuv_bad_arg(call->layer, "idf_weights", "a list of numbers");
        sum += w;
        ((float *)data)[before + i] = (float)w;
    }
    for (size_t i = 0; i < before; i++)
        ((float *)data)[i] = (float)(sum / (double)given);
    return CUV_OK;
}

cuv_status cuv_idf_build(cuv_call *call, const cuv_vocabulary *v, int64_t depth)
{
    static const cuv_slot slot = S("idf_weights", "", .not_trainable = true, .dtype = CUV_F32);    /* the layer itself may be one of texts */
    cuv_tensor *stated, *used;
    void *values;
    cuv_ref ref;
    if (!cuv_arg_is(call->layer, "output_mode", "tf_idf") && !cuv_arg_is(call->layer, "output_mode", "tf-idf"))
        return CUV_OK;
    if (!cuv_arg_none(call->layer, "idf_weights")) {
        struct idf *idf = CUV_NEW(call->layer->arena, struct idf);
        CUV_TRY(stated_weights(call, v, depth, &stated));
        if (!idf)
            return cuv_oom(call->cx);
        CUV_TRY(cuv_tensor_new(call->layer->arena, CUV_F32, &depth, 1, &used, &values));
        *idf = (struct idf){stated, used, values};
        cuv_convert_to_f32(values, stated->data, CUV_F32, (size_t)depth);
        call->layer->state = idf;
        if (call->layer->keras >= 3)
            return CUV_OK;      /* Keras 2 has a variable in any case, and its files hold it */
    }
    return cuv_layer_add_weight(call, &slot, &depth, 1, &ref);
}

static struct idf *idf_of(const cuv_layer *layer)
{
    return cuv_has_word("StringLookup IntegerLookup TextVectorization", layer->def->name) ? layer->state : NULL;
}

const cuv_tensor *cuv_idf_stated(const cuv_layer *layer) { return idf_of(layer) ? idf_of(layer)->stated : NULL; }

const cuv_tensor *cuv_idf_used(const cuv_layer *layer)
{
    if (!idf_of(layer))
        return NULL;
    return layer->weight_count && layer->weights[0].value ? layer->weights[0].value : idf_of(layer)->used;
}

void cuv_idf_use(cuv_layer *layer, const cuv_tensor *value)
{
    assert(cuv_tensor_count(value) == cuv_tensor_count(idf_of(layer)->used));
    cuv_convert_to_f32(idf_of(layer)->values, value->data, value->dtype, cuv_tensor_count(value));
}

bool cuv_idf_differs(const cuv_layer *layer)
{
    const cuv_tensor *stated = cuv_idf_stated(layer), *used = cuv_idf_used(layer);
    if (!stated)
        return false;
    bool same = cuv_tensor_count(stated) == cuv_tensor_count(used);
    for (size_t i = 0; same && i < cuv_tensor_count(used); i++) {
        double x, y;
        cuv_convert_to_f64(&x, (const uint8_t *)stated->data + i * sizeof(float), CUV_F32, 1);
        cuv_convert_to_f64(&y, (const uint8_t *)used->data + i * cuv_dtype_size(used->dtype), used->dtype, 1);
        same = fabs(x - y) <= 1e-5 * fabs(x);
    }
    return !same;
}

cuv_status cuv_idf_weights(cuv_call *call, cuv_ref *out)
{
    const bool variable = call->layer->weight_count > 0;
    *out = variable ? cuv_call_weight(call, "idf_weights") : cuv_program_constant(call->program, idf_of(call->layer)->used);
    return call->program->status;
}
