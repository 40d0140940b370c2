/* What a node is, with its choices, as the configuration of a layer. */
#include "recover/structure.h"

static cuv_status put(cuv_arena *arena, cuv_value *d, const char *key, cuv_value *v)
{
    return cuv_dict_set(arena, d, key, v);
}

static cuv_status put_number(cuv_arena *arena, cuv_value *d, const char *key, int64_t v)
{
    return put(arena, d, key, cuv_value_int(arena, v));
}

static const char *pad_name(int pad)
{
    return pad == CUV_PAD_SAME ? "same" : pad == CUV_PAD_CAUSAL ? "causal" : "valid";
}

static cuv_status put_border(cuv_arena *arena, cuv_value *d, const struct cuv_border *b, const char *key)
{
    cuv_value *all = cuv_value_list(arena);
    for (int axis = 0; all && axis < 2; axis++) {
        cuv_value *one = cuv_value_list(arena);
        if (!one)
            return CUV_MEMORY;
        CUV_TRY(cuv_list_add(arena, one, cuv_value_int(arena, b->before)));
        CUV_TRY(cuv_list_add(arena, one, cuv_value_int(arena, b->after)));
        CUV_TRY(cuv_list_add(arena, all, one));
    }
    return put(arena, d, key, all);
}

static cuv_status put_list(cuv_arena *arena, cuv_value *d, const char *key, const int64_t *at, int count)
{
    cuv_value *list = cuv_value_list(arena);
    for (int i = 0; list && i < count; i++)
        CUV_TRY(cuv_list_add(arena, list, cuv_value_int(arena, at[i])));
    return put(arena, d, key, list);
}

/* One number, or one for each axis where they differ. */
static cuv_status put_axes(cuv_arena *arena, cuv_value *d, const char *key, uint8_t first, uint8_t second)
{
    return second && second != first ? put_list(arena, d, key, (const int64_t[]){first, second}, 2) : put_number(arena, d, key, first);
}

/* clip(x / 5 + 1 / 2, 0, 1), as Keras 3 can say it. */
static cuv_value *old_hard_sigmoid(cuv_arena *arena)
{
    cuv_value *outer = cuv_value_dict(arena), *config = cuv_value_dict(arena), *layers = cuv_value_list(arena);
    for (int i = 0; outer && config && layers && i < 2; i++) {
        cuv_value *layer = cuv_value_dict(arena), *d = cuv_value_dict(arena);
        if (!layer || !d || put(arena, layer, "module", cuv_value_text(arena, "keras.layers")) != CUV_OK ||
            put(arena, layer, "class_name", cuv_value_text(arena, i ? "ReLU" : "Rescaling")) != CUV_OK || put(arena, layer, "config", d) != CUV_OK ||
            put(arena, d, "name", cuv_value_text(arena, i ? "clip" : "scale")) != CUV_OK ||
            put(arena, d, i ? "max_value" : "scale", cuv_value_real(arena, i ? 1 : .2)) != CUV_OK ||
            (!i && put(arena, d, "offset", cuv_value_real(arena, .5)) != CUV_OK) || cuv_list_add(arena, layers, layer) != CUV_OK)
            return NULL;
    }
    if (!outer || !config || !layers || put(arena, outer, "module", cuv_value_text(arena, "keras")) != CUV_OK ||
        put(arena, outer, "class_name", cuv_value_text(arena, "Sequential")) != CUV_OK || put(arena, outer, "config", config) != CUV_OK ||
        put(arena, config, "name", cuv_value_text(arena, "hard_sigmoid")) != CUV_OK || put(arena, config, "layers", layers) != CUV_OK)
        return NULL;
    return outer;
}

static cuv_status put_recurrent(cuv_arena *arena, const cuv_choice *c, cuv_value *d)
{
    CUV_TRY(put(arena, d, "return_sequences", cuv_value_bool(arena, c->sequences)));
    if (c->causal)
        CUV_TRY(put(arena, d, "go_backwards", cuv_value_bool(arena, true)));
    if (c->gate)
        CUV_TRY(put(arena, d, "recurrent_activation", c->gate == CUV_GATE_OLD_HARD ? old_hard_sigmoid(arena) : cuv_value_text(arena, cuv_gates[c->gate])));
    return put(arena, d, "activation", cuv_value_text(arena, cuv_acts[c->act].name ? cuv_acts[c->act].name : "tanh"));
}

/* Sizes that only the tensor behind the layer tells. */
static cuv_status put_shape(cuv_arena *arena, const cuv_rnode *n, cuv_value *d)
{
    int64_t at[4];
    for (int i = 0; i < n->out.rank; i++)
        at[i] = n->out.at[i];
    return n->kind == CUV_R_REPEAT ? put_number(arena, d, "n", at[0]) : put_list(arena, d, "target_shape", at, n->out.rank);
}

static cuv_status put_choice(cuv_arena *arena, const cuv_rnode *n, cuv_value *d)
{
    unsigned traits = cuv_rkind_traits(n->kind);
    const cuv_choice *c = &n->choice;
    if (traits & CUV_RT_POOL)
        CUV_TRY(put_axes(arena, d, "pool_size", c->pool, c->pool2));
    if (traits & (CUV_RT_POOL | CUV_RT_CONV)) {
        CUV_TRY(put_axes(arena, d, "strides", c->stride, c->stride2));
        CUV_TRY(put(arena, d, "padding", cuv_value_text(arena, pad_name(c->pad))));
    }
    if (traits & CUV_RT_CONV && c->dilation > 1)
        CUV_TRY(put_number(arena, d, "dilation_rate", c->dilation));
    if (traits & CUV_RT_NORM)
        CUV_TRY(put(arena, d, "epsilon", cuv_value_real(arena, cuv_epsilons[c->epsilon])));
    if (n->kind == CUV_R_GROUP_NORM)
        CUV_TRY(put_number(arena, d, "groups", cuv_groups[c->groups]));
    if (n->kind == CUV_R_EMBEDDING && c->masks)
        CUV_TRY(put(arena, d, "mask_zero", cuv_value_bool(arena, true)));
    if (traits & CUV_RT_RECURRENT)
        CUV_TRY(put_recurrent(arena, c, d));
    if (cuv_rkind_is_conv_lstm(n->kind))
        CUV_TRY(put(arena, d, "padding", cuv_value_text(arena, pad_name(c->pad))));
    if (n->kind == CUV_R_RESHAPE || n->kind == CUV_R_REPEAT)
        CUV_TRY(put_shape(arena, n, d));
    if (n->kind == CUV_R_PERMUTE)
        CUV_TRY(put_list(arena, d, "dims", n->out.rank == 2 ? (const int64_t[]){2, 1} : (const int64_t[]){2, 1, 3}, n->out.rank));
    if (n->kind == CUV_R_RESCALE) {
        CUV_TRY(put(arena, d, "scale", cuv_value_real(arena, cuv_scales[c->scale].scale)));
        CUV_TRY(put(arena, d, "offset", cuv_value_real(arena, cuv_scales[c->scale].offset)));
    }
    if (n->kind == CUV_R_PAD2 || n->kind == CUV_R_CROP2)
        CUV_TRY(put_border(arena, d, &cuv_borders[c->border], n->kind == CUV_R_PAD2 ? "padding" : "cropping"));
    if (n->kind == CUV_R_DOT)
        CUV_TRY(put_number(arena, d, "axes", 1));
    if (n->kind == CUV_R_REST)
        CUV_TRY(put(arena, d, "rate", cuv_value_real(arena, 0.5)));
    return CUV_OK;
}

cuv_value *cuv_rnode_config(cuv_arena *arena, const cuv_structure *s, const cuv_rnode *n, const char **class_name)
{
    const cuv_runit *u = n->unit >= 0 ? &s->reading->units[n->unit] : NULL;
    cuv_value *d = u && u->config ? cuv_value_copy(arena, u->config) : cuv_value_dict(arena);
    *class_name = cuv_rkind_name(n->kind);
    if (!d || put_choice(arena, n, d) != CUV_OK)
        return NULL;
    if (n->kind != CUV_R_BIDIRECTIONAL)
        return d;
    cuv_value *outer = cuv_value_dict(arena), *layer = cuv_value_dict(arena);
    if (!outer || !layer || put(arena, layer, "class_name", cuv_value_text(arena, cuv_rkind_name(u->inner))) != CUV_OK ||
        put(arena, layer, "config", d) != CUV_OK || put(arena, outer, "layer", layer) != CUV_OK ||
        put(arena, outer, "merge_mode", cuv_value_text(arena, cuv_merge_modes[n->choice.merge])) != CUV_OK)
        return NULL;
    return outer;
}
