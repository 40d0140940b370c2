/* Choices put into a structure, and as text. */
#include "recover/search.h"

/* Only what the slot is about: a node may have several. */
static void set_option(cuv_rnode *n, cuv_slot_kind kind, const cuv_option *o)
{
    uint8_t act = n->choice.act;
    switch ((int)kind) {
    case CUV_S_EPSILON: n->choice.epsilon = o->choice.epsilon; return;
    case CUV_S_GATE: n->choice.gate = o->choice.gate; return;
    case CUV_S_MASK: n->choice.masks = o->choice.masks; return;
    case CUV_S_CAUSAL: n->choice.causal = o->choice.causal; return;
    case CUV_S_MODE: n->choice.merge = o->choice.merge; return;
    case CUV_S_GROUPS:
        n->kind = o->kind;
        n->choice.groups = o->choice.groups;
        return;
    default: break;
    }
    if (cuv_slot_is_act(kind)) {
        n->choice.act = o->choice.act;
        return;
    }
    n->kind = o->kind;
    n->choice = o->choice;
    n->choice.act = act;
}

void cuv_apply(cuv_prepared *p, const uint8_t *values)
{
    for (size_t i = 0; i < p->count; i++) {
        const cuv_choice_slot *s = &p->slots[i];
        const cuv_option *o = &s->options[values[i]];
        set_option(&p->s.nodes[s->node], s->kind, o);
        for (size_t k = 0; k < s->copy_count; k++)
            set_option(&p->s.nodes[s->copies[k]], s->kind, o);
    }
}

bool cuv_slot_is_act(cuv_slot_kind kind)
{
    return kind <= CUV_S_SLOPE;
}

bool cuv_slot_is_spatial(cuv_slot_kind kind)
{
    return kind >= CUV_S_WINDOW;
}

uint8_t cuv_option_of_act(const cuv_choice_slot *slot, unsigned act)
{
    for (uint8_t i = 0; i < slot->count; i++)
        if (slot->options[i].choice.act == act)
            return i;
    return 0;
}

const char *cuv_slot_field(const cuv_choice_slot *slot)
{
    switch (slot->kind) {
    case CUV_S_SLOPE: return "negative_slope";
    case CUV_S_EPSILON: return "epsilon";
    case CUV_S_GATE: return "recurrent_activation";
    case CUV_S_MASK: return "mask_zero";
    case CUV_S_GROUPS: return slot->options[0].kind == CUV_R_GROUP_NORM ? "groups" : "class";
    case CUV_S_SCALE: return "scale";
    case CUV_S_BORDER: return "padding";
    case CUV_S_WINDOW: return "strides, padding";
    case CUV_S_POOL: return "pooling";
    case CUV_S_GLOBAL: return "class";
    case CUV_S_MODE: return "merge_mode";
    case CUV_S_CAUSAL: return slot->options[0].kind == CUV_R_ATTENTION ? "use_causal_mask" : "go_backwards";
    default: return "activation";
    }
}

const char *cuv_choice_text(cuv_context *cx, const cuv_choice_slot *slot, unsigned option)
{
    static const char *const pads[] = {"valid", "same", "causal"};
    const cuv_choice *c = &slot->options[option].choice;
    switch (slot->kind) {
    case CUV_S_SLOPE: return cuv_format(cx, "%g", cuv_acts[c->act].slope);
    case CUV_S_EPSILON: return cuv_format(cx, "%g", cuv_epsilons[c->epsilon]);
    case CUV_S_GATE: return cuv_gates[c->gate];
    case CUV_S_MASK: return c->masks ? "true" : "false";
    case CUV_S_GROUPS: return slot->options[option].kind == CUV_R_GROUP_NORM ? cuv_format(cx, "GroupNormalization, groups %d", cuv_groups[c->groups])
                                                                            : cuv_rkind_name(slot->options[option].kind);
    case CUV_S_SCALE: return cuv_scales[c->scale].text;
    case CUV_S_BORDER: return cuv_format(cx, "%d before, %d after", cuv_borders[c->border].before, cuv_borders[c->border].after);
    case CUV_S_WINDOW: return c->stride2 ? cuv_format(cx, "%dx%d, %s", c->stride, c->stride2, pads[c->pad]) : c->dilation > 1 ? cuv_format(cx, "%d, %s, dilation_rate %d", c->stride, pads[c->pad], c->dilation)
                                              : cuv_format(cx, "%d, %s", c->stride, pads[c->pad]);
    case CUV_S_POOL: return slot->options[option].kind == CUV_R_REST ? "none"
                          : c->pool2 ? cuv_format(cx, "%s %dx%d %s", cuv_rkind_name(slot->options[option].kind), c->pool, c->pool2, pads[c->pad])
                          : cuv_format(cx, "%s %d/%d %s", cuv_rkind_name(slot->options[option].kind), c->pool, c->stride, pads[c->pad]);
    case CUV_S_GLOBAL: return cuv_rkind_name(slot->options[option].kind);
    case CUV_S_MODE: return cuv_merge_modes[c->merge];
    case CUV_S_CAUSAL: return c->causal ? "true" : "false";
    default: return cuv_ract_text(cx, c->act);
    }
}
