/* Siamese wirings: the first layers on each of several equal inputs, and the rest on what they give: merged at once, or by branches of their own. */
#include "recover/structure.h"

enum { MOST_UNITS = 40, SIDES = 8, ENDS_OF_SIDES = 4, ENDS_OF_BRANCHES = 24, OF_A_CUT = 240 };

typedef struct pairer {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_reading *reading;
    const cuv_ends *ends;
    bool complete;
    int32_t inputs[CUV_R_MAX_TWINS];    /* the equal inputs; others go into the rest as they are */
    int32_t input_count;
    cuv_structure *out;
    size_t count, most;                 /* most: at the end of this cut */
} pairer;

static const struct { cuv_rkind kind; double cost; bool ordered; } merges[] = {
    {CUV_R_SUBTRACT, 0, true}, {CUV_R_DISTANCE, .1, false}, {CUV_R_CONCATENATE, .1, true}, {CUV_R_MULTIPLY, .4, false}, {CUV_R_ADD, .4, false}, {CUV_R_DOT, .6, false},
    {CUV_R_MAXIMUM, .8, false}, {CUV_R_AVERAGE, .8, false}};

/* `inputs[i]` stands for input i of `from`; `twin`: how far before them their twins are, 0: none. */
static void copy_nodes(const cuv_structure *from, int32_t at, const int32_t *inputs, int32_t first_unit, int32_t twin, cuv_rnode *to)
{
    for (size_t i = 0; i < from->count; i++) {
        cuv_rnode *n = &to[at + (int32_t)i];
        *n = from->nodes[i];
        n->unit += n->unit >= 0 ? first_unit : 0;
        n->twin = twin ? at + (int32_t)i - twin + 1 : 0;
        for (int k = 0; k < n->in_count; k++)
            n->in[k] = n->in[k] < 0 ? inputs[-n->in[k] - 1] : n->in[k] + at;
    }
}

/* The sides, with room for `more` nodes; `gives`: what stands for each input behind them. */
static cuv_status start(pairer *p, const cuv_structure *side, size_t more, double cost, int32_t gives[8], cuv_structure **out)
{
    const int32_t n = (int32_t)side->count;
    const size_t sides = (size_t)p->input_count * side->count;
    cuv_structure *s = *out = &p->out[p->count];
    *s = (cuv_structure){.reading = p->reading, .inputs = p->ends->inputs, .input_count = p->ends->input_count, .complete = p->complete,
                         .count = sides, .nodes = CUV_NEW_ARRAY(p->arena, cuv_rnode, sides + more + 1), .cost = p->reading->cost + 1 + side->cost + cost};
    if (!s->nodes)
        return cuv_oom(p->cx);
    p->count++;
    for (int32_t i = 0; i < 8; i++)
        gives[i] = -i - 1;
    for (int32_t k = 0; k < p->input_count; k++) {
        copy_nodes(side, k * n, &(int32_t){-p->inputs[k] - 1}, 0, k * n, s->nodes);
        gives[p->inputs[k]] = side->outputs[0] + k * n;
    }
    return CUV_OK;
}

static void add_rest(cuv_structure *s, const cuv_structure *rest, const int32_t *inputs, size_t first_unit)
{
    const int32_t at = (int32_t)s->count;
    copy_nodes(rest, at, inputs, (int32_t)first_unit, 0, s->nodes);
    s->count += rest->count;
    s->output_count = rest->output_count;
    for (size_t i = 0; i < rest->output_count; i++)
        s->outputs[i] = rest->outputs[i] + at;
}

static cuv_ends *ends_behind(pairer *p)
{
    cuv_ends *ends = CUV_NEW(p->arena, cuv_ends);       /* structures borrow them */
    if (ends) {
        *ends = *p->ends;
        ends->in_turn = false;
    }
    return ends;
}

/* Wirings of the units from `first` on, with these ends; none when no unit is left. */
static cuv_status wire_rest(pairer *p, size_t first, const cuv_ends *ends, size_t most, cuv_structure **rest, size_t *found)
{
    cuv_reading tail = {0, p->reading->units + first, p->reading->count - first};
    *rest = NULL;
    *found = 0;
    return tail.count ? cuv_wire(p->cx, p->arena, &tail, ends, p->complete, most, rest, found) : CUV_OK;
}

/* Two sides that are merged, and the rest on that. */
static cuv_status on_merge(pairer *p, const cuv_structure *side, const cuv_structure *rest, size_t which, int32_t merge_unit, bool back,
                           const cuv_flow *flow, size_t rest_unit)
{
    cuv_structure *s;
    int32_t gives[8];
    CUV_TRY(start(p, side, 1 + (rest ? rest->count : 0), merges[which].cost + .2 * back + (rest ? rest->cost : 0), gives, &s));
    const int32_t at = (int32_t)s->count++;
    cuv_rnode *m = &s->nodes[at];
    *m = (cuv_rnode){.kind = merges[which].kind, .unit = merge_unit, .in_count = 2, .out = *flow};
    m->in[back] = gives[0];
    m->in[!back] = gives[1];
    s->outputs[0] = at;
    s->output_count = 1;
    if (rest)
        add_rest(s, rest, &at, rest_unit);
    return CUV_OK;
}

/* Merges of what two sides give. `merge` is the unit that a complete carrier lists as the merge, else NULL. */
static cuv_status merged_after(pairer *p, const cuv_structure *side, size_t first, const cuv_runit *merge, size_t place)
{
    const cuv_flow *flow = &side->nodes[side->outputs[0]].out;
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        cuv_ends *ends = ends_behind(p);
        cuv_structure *rest;
        size_t found;
        if (!ends)
            return cuv_oom(p->cx);
        ends->input_count = 1;
        const bool other = merge && merge->kind != CUV_R_UNKNOWN && merge->kind != merges[i].kind;
        if (other || !cuv_merged(merges[i].kind, (const cuv_flow *[]){flow, flow}, 2, &ends->inputs[0]))
            continue;
        CUV_TRY(wire_rest(p, first, ends, ENDS_OF_SIDES, &rest, &found));
        const bool alone = first == p->reading->count && p->ends->output_count == 1 && cuv_flow_same(&ends->inputs[0], &p->ends->outputs[0]);
        for (size_t k = 0; k < found + alone && p->count < p->most; k++)
            for (int back = 0; back <= merges[i].ordered; back++)
                CUV_TRY(on_merge(p, side, alone ? NULL : &rest[k], i, merge ? (int32_t)place : -1, back, &ends->inputs[0], first));
    }
    return CUV_OK;
}

/* What the sides give are the outputs themselves. */
static cuv_status sides_alone(pairer *p, const cuv_structure *side)
{
    cuv_structure *s;
    int32_t gives[8];
    const cuv_ends *e = p->ends;
    bool fits = e->input_count == (size_t)p->input_count && (!e->outputs_known || e->output_count == e->input_count);
    for (size_t i = 0; e->outputs_known && i < e->output_count && fits; i++)
        fits = cuv_flow_same(&side->nodes[side->outputs[0]].out, &e->outputs[i]);
    if (!fits)
        return CUV_OK;
    CUV_TRY(start(p, side, 0, e->outputs_known ? 0 : 1.5, gives, &s));
    s->output_count = e->input_count;
    memcpy(s->outputs, gives, s->output_count * sizeof *gives);
    return CUV_OK;
}

/* The rest takes what each side gives, and the other inputs, as inputs of its own. */
static cuv_status branches_after(pairer *p, const cuv_structure *side, size_t first)
{
    cuv_ends *ends = ends_behind(p);
    cuv_structure *rest;
    size_t found;
    if (!ends)
        return cuv_oom(p->cx);
    if (first == p->reading->count)
        return sides_alone(p, side);
    for (int32_t k = 0; k < p->input_count; k++)
        ends->inputs[p->inputs[k]] = side->nodes[side->outputs[0]].out;
    CUV_TRY(wire_rest(p, first, ends, ENDS_OF_BRANCHES, &rest, &found));
    for (size_t k = 0; k < found && p->count < p->most; k++) {
        cuv_structure *s;
        int32_t gives[8];
        CUV_TRY(start(p, side, rest[k].count, .5 + rest[k].cost, gives, &s));
        add_rest(s, &rest[k], gives, first);
    }
    return CUV_OK;
}

static cuv_status cut_at(pairer *p, size_t k, const cuv_ends *one)
{
    cuv_reading head = {0, p->reading->units, k};
    const cuv_runit *merge = p->complete && k < p->reading->count ? &p->reading->units[k] : NULL;
    const bool merges_them = merge && (cuv_rkind_traits(merge->kind) & CUV_RT_MERGE || merge->kind == CUV_R_UNKNOWN);
    cuv_structure *sides;
    size_t found;
    CUV_TRY(cuv_wire(p->cx, p->arena, &head, one, p->complete, SIDES, &sides, &found));
    for (size_t i = 0; i < found && p->count < p->most; i++) {
        if (sides[i].output_count != 1)
            continue;
        if (p->ends->input_count == 2)      /* what is no layer ("a - b", keras.ops) is listed nowhere */
            CUV_TRY(merged_after(p, &sides[i], k + merges_them, merges_them ? merge : NULL, k));
        CUV_TRY(branches_after(p, &sides[i], k));
    }
    return CUV_OK;
}

/* The inputs that are like the first one that has its like. */
static void find_equal(pairer *p)
{
    const cuv_ends *e = p->ends;
    for (size_t first = 0; first < e->input_count && p->input_count < 2; first++) {
        p->input_count = 0;
        for (size_t i = first; i < e->input_count && p->input_count < CUV_R_MAX_TWINS; i++)
            if (cuv_flow_same(&e->inputs[first], &e->inputs[i]))
                p->inputs[p->input_count++] = (int32_t)i;
    }
}

cuv_status cuv_wire_twins(cuv_context *cx, cuv_arena *arena, const cuv_reading *reading, const cuv_ends *ends, bool complete,
                          cuv_structure **out, size_t *count)
{
    pairer p = {.cx = cx, .arena = arena, .reading = reading, .ends = ends, .complete = complete};
    *out = NULL;
    *count = 0;
    find_equal(&p);
    if (p.input_count < 2 || reading->count > MOST_UNITS)
        return CUV_OK;
    cuv_ends *one = CUV_NEW(arena, cuv_ends), *kept = CUV_NEW(arena, cuv_ends);
    *out = p.out = CUV_NEW_ARRAY(arena, cuv_structure, reading->count * (OF_A_CUT + 1) + 1);
    if (!one || !kept || !p.out)
        return cuv_oom(cx);
    *one = (cuv_ends){.inputs = {ends->inputs[p.inputs[0]]}, .input_count = 1, .until = ends->until, .effort = ends->effort};
    *kept = *ends;
    p.ends = kept;
    for (size_t k = 1; k <= reading->count; k++) {
        p.most = p.count + OF_A_CUT;
        CUV_TRY(cut_at(&p, k, one));
    }
    *count = p.count;
    return CUV_OK;
}
