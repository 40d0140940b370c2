/* Layers that turn words and numbers into indices: StringLookup, IntegerLookup, Hashing, HashedCrossing. */
#include "layers/vocabulary.h"

/* ---- StringLookup, IntegerLookup ------------------------------------------------------------------------------------------- */

typedef struct lookup {
    const char *mode;
    bool masks, text;
    int unknowns;
    cuv_vocabulary words;
    int64_t depth;
} lookup;

static cuv_status read_lookup(cuv_call *call, lookup *l)
{
    const cuv_layer *layer = call->layer;
    *l = (lookup){.mode = cuv_arg_text(layer, "output_mode"), .masks = !cuv_arg_none(layer, "mask_token"),
                  .text = strcmp(layer->def->name, "StringLookup") == 0, .unknowns = (int)cuv_arg_int(layer, "num_oov_indices")};
    if (strcmp(l->mode, "binary") == 0)
        l->mode = "multi_hot";
    else if (strcmp(l->mode, "tf-idf") == 0)
        l->mode = "tf_idf";
    if (l->unknowns < 0)
        return cuv_bad_arg(layer, "num_oov_indices", "an integer >=0");
    int masks = l->masks && strcmp(l->mode, "int") == 0;
    CUV_TRY(cuv_read_vocabulary(call, l->text ? CUV_STR : CUV_I64, masks ? cuv_arg(layer, "mask_token") : NULL, masks,
                                cuv_arg(layer, "oov_token"), l->unknowns, &l->words));
    l->depth = l->words.first + (int64_t)l->words.count;
    if (cuv_arg_bool(layer, "pad_to_max_tokens") && cuv_arg_int(layer, "max_tokens") > l->depth)
        l->depth = cuv_arg_int(layer, "max_tokens");
    return CUV_OK;
}

static cuv_ref number(cuv_call *call, int64_t n)
{
    return cuv_program_scalar(call->program, CUV_I64, (double)n);
}

/* A token as constant of rank 0. */
static cuv_status token_constant(cuv_call *call, const cuv_value *token, bool text, cuv_ref *out)
{
    cuv_tensor *t;
    void *data;
    int64_t n = 0;
    CUV_TRY(cuv_tensor_new(call->arena, text ? CUV_STR : CUV_I64, NULL, 0, &t, &data));
    if (text && cuv_text(token))
        *(cuv_string *)data = (cuv_string){token->text, token->size};
    else if (!text && cuv_as_int(token, &n))
        *(int64_t *)data = n;
    else
        return cuv_fail(call->cx, CUV_NO, "config.value", &(cuv_detail){.layer = call->layer->name, .found = cuv_value_repr(call->cx, token)},
                        "layer '%s' (%s): %s is no token of its vocabulary", call->layer->name, call->layer->class_name,
                        cuv_value_repr(call->cx, token));
    *out = cuv_program_constant(call->program, t);
    return call->program->status;
}

static void read_salt(const cuv_layer *layer, int64_t salt[3])
{
    const cuv_value *v = cuv_arg(layer, "salt");
    if (cuv_is_null(v))
        return;
    salt[2] = cuv_as_int(cuv_is_seq(v) ? cuv_item(v, 0) : v, &salt[0]) && cuv_as_int(cuv_is_seq(v) ? cuv_item(v, 1) : v, &salt[1]);
}

/* Where unknown tokens go: the only place for them, or one of several by hash or remainder (quirks 43, 44). */
static cuv_ref place_unknown(cuv_call *call, const lookup *l, cuv_ref x)
{
    int64_t first = l->words.first - l->unknowns;
    if (l->unknowns == 1)
        return number(call, first);
    cuv_attrs attrs = {.count = l->unknowns};
    read_salt(call->layer, attrs.salt);
    bool hashed = l->text || cuv_arg_is(call->layer, "oov_method", "farmhash");
    cuv_ref place = hashed ? cuv_emit(call->program, CUV_OP_HASH, CUV_IN(x), &attrs)
                           : cuv_emit2(call->program, CUV_OP_MOD, x, number(call, l->unknowns));
    return cuv_emit2(call->program, CUV_OP_ADD, place, number(call, first));
}

static cuv_status to_index(cuv_call *call, const lookup *l, cuv_ref x, cuv_ref *out)
{
    cuv_program *p = call->program;
    cuv_ref keys, values, mask, masked = CUV_NO_REF, known, looked_up = x;
    CUV_TRY(cuv_vocabulary_table(call, &l->words, &keys, &values));
    if (l->masks) {
        CUV_TRY(token_constant(call, cuv_arg(call->layer, "mask_token"), l->text, &mask));
        masked = cuv_emit2(p, CUV_OP_EQUAL, x, mask);
    }
    bool all = l->unknowns == 0 && l->words.count > 0;      /* each value must be known, but for the mask's */
    if (all && l->masks) {
        CUV_TRY(token_constant(call, cuv_item(l->words.list, l->words.skip), l->text, &known));
        looked_up = cuv_emit(p, CUV_OP_WHERE, CUV_IN(masked, known, x), NULL);
    }
    cuv_ref found = cuv_emit(p, CUV_OP_LOOKUP, CUV_IN(looked_up, keys, values), CUV_AT(.count = -1, .some = all));
    if (l->unknowns > 0) {
        known = cuv_emit2(p, CUV_OP_GREATER_EQUAL, found, number(call, 0));
        found = cuv_emit(p, CUV_OP_WHERE, CUV_IN(known, found, place_unknown(call, l, x)), NULL);
    }
    *out = found;
    if (!l->masks)
        return p->status;
    *out = cuv_emit(p, CUV_OP_WHERE, CUV_IN(masked, number(call, strcmp(l->mode, "int") == 0 ? 0 : -1), found), NULL);
    return p->status;
}

/* Indices back to tokens: out of the vocabulary's range stands oov_token. */
static cuv_status to_token(cuv_call *call, const lookup *l, cuv_ref x, cuv_ref *out)
{
    cuv_program *p = call->program;
    cuv_tensor *t;
    void *data;
    int64_t size = (int64_t)l->words.count;
    cuv_ref unknown, mask;
    CUV_TRY(cuv_tensor_new(call->arena, l->text ? CUV_STR : CUV_I64, &size, 1, &t, &data));
    for (size_t i = 0; i < l->words.count; i++) {
        const cuv_value *token = cuv_item(l->words.list, l->words.skip + i);
        if (l->text)
            ((cuv_string *)data)[i] = (cuv_string){token->text, token->size};
        else
            (void)cuv_as_int(token, &((int64_t *)data)[i]);
    }
    CUV_TRY(token_constant(call, cuv_arg(call->layer, "oov_token"), l->text, &unknown));
    cuv_ref at = cuv_emit2(p, CUV_OP_SUB, x, number(call, l->words.first));
    cuv_ref inside = cuv_emit2(p, CUV_OP_LOGICAL_AND, cuv_emit2(p, CUV_OP_GREATER_EQUAL, at, number(call, 0)),
                               cuv_emit2(p, CUV_OP_LESS, at, number(call, size)));
    at = cuv_emit(p, CUV_OP_WHERE, CUV_IN(inside, at, number(call, 0)), NULL);
    cuv_ref token = cuv_emit(p, CUV_OP_GATHER, CUV_IN(cuv_program_constant(p, t), at), CUV_AT(.axis = 0));
    *out = cuv_emit(p, CUV_OP_WHERE, CUV_IN(inside, token, unknown), NULL);
    if (!l->masks)
        return p->status;
    CUV_TRY(token_constant(call, cuv_arg(call->layer, "mask_token"), l->text, &mask));
    *out = cuv_emit(p, CUV_OP_WHERE, CUV_IN(cuv_emit2(p, CUV_OP_EQUAL, x, number(call, 0)), mask, *out), NULL);
    return p->status;
}

static cuv_status lookup_build(cuv_call *call)
{
    lookup l;
    CUV_TRY(read_lookup(call, &l));
    return cuv_idf_build(call, &l.words, l.depth);
}

static cuv_status lookup_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref x = call->in[0].value, y, weights;
    lookup l;
    CUV_TRY(read_lookup(call, &l));
    bool invert = cuv_arg_bool(call->layer, "invert"), idf = strcmp(l.mode, "tf_idf") == 0;
    bool text = cuv_var_of(call, x)->dtype == CUV_STR;
    if (text != (l.text && !invert))
        return cuv_bad_input(call, 0, l.text && !invert ? "texts" : "integers");
    if (!text)
        x = cuv_emit_cast(p, x, CUV_I64);
    if (invert) {
        CUV_TRY(to_token(call, &l, x, &y));
        return cuv_call_return(call, y);
    }
    CUV_TRY(to_index(call, &l, x, &y));
    bool floats = call->layer->keras <= 2 && strcmp(l.mode, "int") != 0;     /* Keras 3 counts in integers */
    CUV_TRY(cuv_encode_categories(call, l.mode, y, l.depth, floats ? call->layer->compute : CUV_I64, &y));
    if (idf) {
        CUV_TRY(cuv_idf_weights(call, &weights));
        y = cuv_emit2(p, CUV_OP_MUL, cuv_emit_cast(p, y, cuv_var_of(call, weights)->dtype), weights);
    }
    return cuv_call_return(call, y);
}

#define LOOKUP_MODES .allowed = "int one_hot multi_hot count tf_idf binary tf-idf"
static const cuv_param string_params[] = {
    P("max_tokens", INT, "None"), P("num_oov_indices", INT, "1"), P("mask_token", ANY, "None", .fallback2 = "''"),
    P("oov_token", ANY, "'[UNK]'"), P("vocabulary", ANY, "None"), P("idf_weights", ANY, "None"), P("invert", BOOL, "False"),
    P("output_mode", STRING, "'int'", LOOKUP_MODES), P("pad_to_max_tokens", BOOL, "False"), INERT("sparse", "False"),
    INERT("encoding", "'utf-8'"), INERT("name", "None"), P("salt", ANY, "None"), INERT("vocabulary_size", "None"),
    INERT("oov_method", "'farmhash'"), INERT("has_input_vocabulary", "None"), INERT("vocabulary_dtype", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_string_lookup = {
    .name = "StringLookup", .doc = "the place of a text in a vocabulary", .params = string_params, .flags = CUV_LF_NO_AUTOCAST,
    .build = lookup_build, .lower = lookup_lower,
};

static const cuv_param integer_params[] = {
    P("max_tokens", INT, "None"), P("num_oov_indices", INT, "1"), P("mask_token", ANY, "None", .fallback2 = "0"),
    P("oov_token", ANY, "-1", .old = "oov_value"), P("vocabulary", ANY, "None"), INERT("vocabulary_dtype", "'int64'"),
    P("idf_weights", ANY, "None"), P("invert", BOOL, "False"), P("output_mode", STRING, "'int'", LOOKUP_MODES),
    INERT("sparse", "False"), P("pad_to_max_tokens", BOOL, "False"), P("oov_method", STRING, "'floormod'", .allowed = "floormod farmhash"),
    P("salt", ANY, "None"), INERT("name", "None"), INERT("vocabulary_size", "None"), INERT("has_input_vocabulary", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_integer_lookup = {
    .name = "IntegerLookup", .doc = "the place of an integer in a vocabulary", .params = integer_params, .flags = CUV_LF_NO_AUTOCAST,
    .build = lookup_build, .lower = lookup_lower,
};

/* ---- Hashing -------------------------------------------------------------------------------------------------------------------- */

/* The dtype of the result: that of the layer. */
static cuv_dtype result_dtype(const cuv_layer *layer)
{
    return layer->policy || !cuv_arg_is(layer, "output_mode", "int") ? layer->compute : CUV_I64;
}

static cuv_status hash_result(cuv_call *call, cuv_ref index, int64_t depth)
{
    const char *mode = cuv_arg_text(call->layer, "output_mode");
    cuv_dtype dtype = result_dtype(call->layer);
    CUV_TRY(cuv_encode_categories(call, mode, index, depth, dtype, &index));
    return cuv_call_return(call, cuv_emit_cast(call->program, index, dtype));
}

static cuv_status hashing_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    const cuv_value *mask = cuv_arg(call->layer, "mask_value");
    cuv_ref x = call->in[0].value, masked;
    bool text = cuv_var_of(call, x)->dtype == CUV_STR;
    int64_t bins = cuv_arg_int(call->layer, "num_bins");
    bool masks = !cuv_is_null(mask) && bins > 1;
    cuv_attrs attrs = {.count = bins - masks};
    read_salt(call->layer, attrs.salt);
    if (!text)
        x = cuv_emit_cast(p, x, CUV_I64);
    cuv_ref index = cuv_emit(p, CUV_OP_HASH, CUV_IN(x), &attrs);
    if (masks) {
        CUV_TRY(token_constant(call, mask, text, &masked));
        masked = cuv_emit2(p, CUV_OP_EQUAL, x, masked);
        index = cuv_emit2(p, CUV_OP_ADD, index, number(call, 1));
        index = cuv_emit(p, CUV_OP_WHERE, CUV_IN(masked, number(call, 0), index), NULL);
    }
    return hash_result(call, index, bins);
}

#define HASH_MODES P("output_mode", STRING, "'int'", .allowed = "int one_hot multi_hot count")
static const cuv_param hashing_params[] = {P("num_bins", INT, NULL, .allowed = ">=1"), P("mask_value", ANY, "None"), P("salt", ANY, "None"),
                                           HASH_MODES, INERT("sparse", "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_hashing = {
    .name = "Hashing", .doc = "FarmHash64 (SipHash with salt) of texts and integers, modulo num_bins", .params = hashing_params,
    .flags = CUV_LF_NO_AUTOCAST, .lower = hashing_lower,
};

static cuv_status crossing_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    int64_t bins = cuv_arg_int(call->layer, "num_bins");
    cuv_ref in[64];
    if (call->in_count < 2 || call->in_count > 64)
        return cuv_bad_input(call, 0, "2 to 64 features");
    for (size_t i = 0; i < call->in_count; i++)
        in[i] = cuv_var_of(call, call->in[i].value)->dtype == CUV_STR ? call->in[i].value
                                                                      : cuv_emit_cast(p, call->in[i].value, CUV_I64);
    CUV_TRY(p->status);
    return hash_result(call, cuv_emit(p, CUV_OP_CROSS, in, call->in_count, CUV_AT(.count = bins)), bins);
}

static const cuv_param crossing_params[] = {P("num_bins", INT, NULL, .allowed = ">=1"), HASH_MODES, INERT("sparse", "False"),
                                            INERT("name", "None"), INERT("dtype", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_hashed_crossing = {
    .name = "HashedCrossing", .doc = "one hash of several features, modulo num_bins", .params = crossing_params,
    .flags = CUV_LF_NO_AUTOCAST | CUV_LF_MERGE, .lower = crossing_lower,
};
