/* Shape rules of the ops on text. */
#include "program/shapes.h"

/* keys (n) like x, values (n) i64. */
static cuv_status check_table(const cuv_shaping *s)
{
    int64_t size[1] = {s->in[1]->rank == 1 ? s->in[1]->shape[0] : -1};
    CUV_TRY(cuv_shape_expect(s, s->in[1], "the keys", size, 1));
    CUV_TRY(cuv_shape_expect(s, s->in[2], "the values", size, 1));
    if (s->in[1]->dtype != s->in[0]->dtype || s->in[2]->dtype != CUV_I64)
        return cuv_shape_no(s, "keys must be of x's dtype, values int64");
    return CUV_OK;
}

cuv_status cuv_shape_lookup(const cuv_shaping *s)
{
    CUV_TRY(check_table(s));
    cuv_shape_like(s, 0, s->in[0], CUV_I64);
    return CUV_OK;
}

static cuv_status check_count(const cuv_shaping *s)
{
    if (s->at->count < 1 || s->at->count > CUV_MAX_ATTR)
        return cuv_shape_no(s, "%lld bins", (long long)s->at->count);
    return CUV_OK;
}

cuv_status cuv_shape_hash(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], CUV_I64);
    return check_count(s);
}

cuv_status cuv_shape_cross(const cuv_shaping *s)
{
    cuv_var *out = cuv_shape_like(s, 0, s->in[0], CUV_I64);
    for (size_t i = 0; i < s->n; i++) {
        bool text = s->in[i]->dtype == CUV_STR || s->in[i]->dtype == CUV_I64;
        if (!text || s->in[i]->rank != out->rank)
            return cuv_shape_no(s, "all inputs must be texts or int64 of one shape");
        for (int k = 0; k < out->rank; k++)
            if (!cuv_dim_merge(out->shape[k], s->in[i]->shape[k], &out->shape[k]))
                return cuv_shape_no(s, "all inputs must have one shape");
    }
    return check_count(s);
}

static cuv_status tokens_of(const cuv_shaping *s, cuv_dtype dtype)
{
    cuv_var *out;
    const bool open = s->at->sequences && s->at->count == 0;       /* not at a run */
    CUV_TRY(check_table(s));
    CUV_TRY(open ? CUV_OK : check_count(s));
    if (s->in[0]->dtype != CUV_STR || s->in[0]->rank != 1)
        return cuv_shape_no(s, "x must be texts, one a row");
    for (int i = 0; i < s->at->axes_count; i++)
        if (s->at->axes[i] < 1 || s->at->axes[i] > 1024)
            return cuv_shape_no(s, "n-grams of %d tokens", s->at->axes[i]);
    if (s->at->split < 0 || s->at->split > 2)
        return cuv_shape_no(s, "there is no way %d to split a text", s->at->split);
    out = cuv_shape_like(s, 0, s->in[0], dtype);
    out->shape[out->rank++] = open ? -1 : s->at->count;
    return CUV_OK;
}

cuv_status cuv_shape_tokens(const cuv_shaping *s)
{
    return tokens_of(s, CUV_I64);
}

cuv_status cuv_shape_token_counts(const cuv_shaping *s)
{
    return tokens_of(s, CUV_F32);
}
