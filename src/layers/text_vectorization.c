/* TextVectorization: texts as indices of their words, or as counts of them. */
#include "layers/vocabulary.h"

static const char *mode_of(const cuv_layer *layer)
{
    const char *mode = cuv_arg_text(layer, "output_mode");
    return strcmp(mode, "binary") == 0 ? "multi_hot" : strcmp(mode, "tf-idf") == 0 ? "tf_idf" : mode;
}

static cuv_status read_words(cuv_call *call, cuv_vocabulary *words, int64_t *depth)
{
    cuv_value *mask = cuv_value_text(call->arena, ""), *unknown = cuv_value_text(call->arena, "[UNK]");
    bool indices = strcmp(mode_of(call->layer), "int") == 0;
    if (!mask || !unknown)
        return cuv_oom(call->cx);
    CUV_TRY(cuv_read_vocabulary(call, CUV_STR, indices ? mask : NULL, indices, unknown, 1, words));
    *depth = words->first + (int64_t)words->count;
    if (cuv_arg_bool(call->layer, "pad_to_max_tokens") && cuv_arg_int(call->layer, "max_tokens") > *depth)
        *depth = cuv_arg_int(call->layer, "max_tokens");
    return CUV_OK;
}

static cuv_status text_build(cuv_call *call)
{
    cuv_vocabulary words;
    int64_t depth;
    CUV_TRY(read_words(call, &words, &depth));
    return cuv_idf_build(call, &words, depth);
}

/* Standardisation and splitting as attributes; functions of Python are refused. */
static cuv_status read_rules(cuv_call *call, cuv_attrs *attrs)
{
    static const char *const rules[] = {"lower", "strip_punctuation", "lower_and_strip_punctuation"};
    const cuv_layer *layer = call->layer;
    int64_t sizes[CUV_MAX_RANK];
    for (int i = 0; i < 3; i++)
        if (cuv_arg_is(layer, "standardize", rules[i])) {
            attrs->lower = i != 1;
            attrs->strip = i != 0;
        }
    if (!cuv_arg_none(layer, "standardize") && !attrs->lower && !attrs->strip)
        return cuv_call_unsupported(call, "standardize", "it is a function of Python");
    attrs->split = cuv_arg_is(layer, "split", "whitespace") ? 1 : cuv_arg_is(layer, "split", "character") ? 2 : 0;
    if (!cuv_arg_none(layer, "split") && !attrs->split)
        return cuv_call_unsupported(call, "split", "it is a function of Python");
    bool upto = !cuv_is_seq(cuv_arg(layer, "ngrams"));
    int count = cuv_arg_ints(layer, "ngrams", sizes);
    if (upto && count == 1) {
        if (sizes[0] < 1 || sizes[0] > CUV_MAX_RANK)
            return cuv_call_unsupported(call, "ngrams", "at most 8 sizes are");
        for (count = 0; count < sizes[0]; count++)
            attrs->axes[count] = count + 1;
    } else {
        for (int i = 0; i < count; i++)
            attrs->axes[i] = sizes[i] > 0 && sizes[i] < 1024 ? (int)sizes[i] : 0;
    }
    attrs->axes_count = count;
    return CUV_OK;
}

/* One text a row. */
static cuv_status texts_of(cuv_call *call, cuv_ref *out)
{
    const cuv_var *in = cuv_call_in(call, 0);
    *out = call->in[0].value;
    if (in->dtype != CUV_STR || in->rank < 1 || in->rank > 2 || (in->rank == 2 && in->shape[1] != 1))
        return cuv_bad_input(call, 0, "one text in each row");
    if (in->rank == 2)
        *out = cuv_squeeze(call, *out, 1);
    return call->program->status;
}

/* Texts of one axis that are not split are one sample to Keras: its tokens are the texts of the batch, which are as many as asked for. */
static cuv_status one_sample(cuv_call *call, bool indices, int64_t wanted, cuv_ref *y)
{
    static const int batch[] = {0};
    cuv_program *p = call->program;
    if (!indices) {
        *y = cuv_reduce(call, CUV_OP_SUM, *y, batch, 1, false);
        return p->status;
    }
    *y = cuv_slice_axis(call, *y, 1, 0, 1);
    *y = cuv_squeeze(call, *y, 1);
    if (wanted > 0) {
        cuv_ref rest = cuv_emit(p, CUV_OP_FILL, NULL, 0, CUV_AT(.shape = {wanted}, .shape_count = 1, .dtype = cuv_var_of(call, *y)->dtype));
        *y = cuv_emit(p, CUV_OP_CONCAT, CUV_IN(*y, rest), CUV_AT(.axis = 0));
        *y = cuv_slice_axis(call, *y, 0, 0, wanted);
    }
    return p->status;
}

static cuv_status text_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    const cuv_layer *layer = call->layer;
    const char *mode = mode_of(layer);
    cuv_attrs attrs = {0};
    cuv_vocabulary words;
    cuv_ref x, keys, values, weights;
    int64_t depth;
    if (cuv_arg_bool(layer, "ragged"))
        return cuv_call_unsupported(call, "ragged", "only False is");
    CUV_TRY(read_words(call, &words, &depth));
    CUV_TRY(read_rules(call, &attrs));
    CUV_TRY(texts_of(call, &x));
    CUV_TRY(cuv_vocabulary_table(call, &words, &keys, &values));
    bool indices = strcmp(mode, "int") == 0, open = cuv_arg_none(layer, "output_sequence_length");
    attrs.sequences = indices && open && attrs.split;
    if (attrs.sequences && cuv_call_in(call, 0)->kind != CUV_V_INPUT)
        return cuv_call_unsupported(call, "output_sequence_length", "the number of words would depend on texts that the model makes");
    attrs.count = !indices ? depth : attrs.sequences ? 0 : open ? 1 : cuv_arg_int(layer, "output_sequence_length");
    cuv_ref y = cuv_emit(p, indices ? CUV_OP_TOKENS : CUV_OP_TOKEN_COUNTS, CUV_IN(x, keys, values), &attrs);
    if (cuv_call_in(call, 0)->rank == 1 && !attrs.split)
        CUV_TRY(one_sample(call, indices, open ? 0 : cuv_arg_int(layer, "output_sequence_length"), &y));
    if (strcmp(mode, "multi_hot") == 0)
        y = cuv_emit2(p, CUV_OP_MINIMUM, y, cuv_scalar_like(call, y, 1));
    if (strcmp(mode, "tf_idf") == 0) {
        CUV_TRY(cuv_idf_weights(call, &weights));
        return cuv_call_return(call, cuv_emit2(p, CUV_OP_MUL, cuv_emit_cast(p, y, cuv_var_of(call, weights)->dtype), weights));
    }
    return cuv_call_return(call, cuv_emit_cast(p, y, indices || layer->keras >= 3 ? CUV_I64 : CUV_F32));
}

static const cuv_param text_params[] = {
    P("max_tokens", INT, "None"), P("standardize", ANY, "'lower_and_strip_punctuation'"), P("split", ANY, "'whitespace'"),
    P("ngrams", ANY, "None"), P("output_mode", STRING, "'int'", .allowed = "int multi_hot count tf_idf binary tf-idf"),
    P("output_sequence_length", INT, "None", .allowed = ">=1"), P("pad_to_max_tokens", BOOL, "False"), P("vocabulary", ANY, "None"),
    P("idf_weights", ANY, "None"), INERT("sparse", "False"), P("ragged", BOOL, "False"), INERT("encoding", "'utf-8'"), INERT("name", "None"),
    INERT("vocabulary_size", "None"), INERT("has_input_vocabulary", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_text_vectorization = {
    .name = "TextVectorization", .doc = "the places of a text's words in a vocabulary, or how often each occurs", .params = text_params,
    .flags = CUV_LF_NO_AUTOCAST, .build = text_build, .lower = text_lower,
};
