/* Siamese wirings: the first layers on each of two equal inputs, a merge, and the rest. */
#include "recover/structure.h"

enum { SIDES = 6, ENDS_OF_SIDES = 6, MOST = 400 };

typedef struct pairer {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_reading *reading;
    const cuv_ends *ends;
    bool complete;
    cuv_structure *out;
    size_t count;
} pairer;

static const struct { cuv_rkind kind; double cost; bool ordered; } merges[] = {
    {CUV_R_SUBTRACT, 0, true}, {CUV_R_DISTANCE, .1, false}, {CUV_R_CONCATENATE, .1, true}, {CUV_R_MULTIPLY, .4, false}, {CUV_R_ADD, .4, false}, {CUV_R_DOT, .6, false},
    {CUV_R_MAXIMUM, .8, false}, {CUV_R_AVERAGE, .8, false}};

static void copy_nodes(const cuv_structure *from, int32_t at, int32_t input, int32_t first_unit, bool twin, cuv_rnode *to)
{
    for (size_t i = 0; i < from->count; i++) {
        cuv_rnode *n = &to[at + (int32_t)i];
        *n = from->nodes[i];
        n->unit += n->unit >= 0 ? first_unit : 0;
        n->twin = twin ? (int32_t)i + 1 : 0;
        for (int k = 0; k < n->in_count; k++)
            n->in[k] = n->in[k] < 0 ? input : n->in[k] + at;
    }
}

/* side, side, merge, rest. */
static cuv_status compose(pairer *p, const cuv_structure *side, const cuv_structure *rest, cuv_rkind kind, int32_t merge_unit, bool back,
                          const cuv_flow *flow, size_t rest_unit, double cost)
{
    int32_t n = (int32_t)side->count, at = 2 * n;
    size_t total = 2 * side->count + 1 + (rest ? rest->count : 0);
    cuv_structure *s = &p->out[p->count++];
    *s = (cuv_structure){.reading = p->reading, .inputs = p->ends->inputs, .input_count = 2, .complete = p->complete, .count = total,
                         .nodes = CUV_NEW_ARRAY(p->arena, cuv_rnode, total + 1), .output_count = 1, .cost = cost};
    if (!s->nodes)
        return cuv_oom(p->cx);
    copy_nodes(side, 0, -1, 0, false, s->nodes);
    copy_nodes(side, n, -2, 0, true, s->nodes);
    cuv_rnode *m = &s->nodes[at];
    *m = (cuv_rnode){.kind = kind, .unit = merge_unit, .in_count = 2, .out = *flow};
    m->in[back] = side->outputs[0];
    m->in[!back] = side->outputs[0] + n;
    if (rest)
        copy_nodes(rest, at + 1, at, (int32_t)rest_unit, false, s->nodes);
    s->outputs[0] = rest ? rest->outputs[0] + at + 1 : at;
    return CUV_OK;
}

/* Everything that can follow one side. `merge` is the unit that a complete carrier lists as the merge, else NULL. */
static cuv_status after_side(pairer *p, const cuv_structure *side, size_t first, const cuv_runit *merge, size_t place)
{
    const cuv_flow *flow = &side->nodes[side->outputs[0]].out;
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        cuv_reading tail = {0, p->reading->units + first, p->reading->count - first};
        cuv_ends *ends = CUV_NEW(p->arena, cuv_ends);
        cuv_structure *rest;
        size_t found = 0;
        if (!ends)
            return cuv_oom(p->cx);
        *ends = (cuv_ends){.input_count = 1, .output_count = 1, .outputs_known = true, .outputs = {p->ends->outputs[0]},
                            .until = p->ends->until};
        if ((merge && merge->kind != merges[i].kind && merge->kind != CUV_R_UNKNOWN) || !cuv_merged(merges[i].kind, (const cuv_flow *[]){flow, flow}, 2, &ends->inputs[0]))
            continue;
        if (tail.count)
            CUV_TRY(cuv_wire(p->cx, p->arena, &tail, ends, p->complete, ENDS_OF_SIDES, &rest, &found));
        bool alone = !tail.count && cuv_flow_same(&ends->inputs[0], &p->ends->outputs[0]);
        for (size_t k = 0; k < found + alone && p->count + 2 <= MOST; k++)
            for (int back = 0; back <= merges[i].ordered; back++)
                CUV_TRY(compose(p, side, alone ? NULL : &rest[k], merges[i].kind, merge ? (int32_t)place : -1, back, &ends->inputs[0], first,
                                p->reading->cost + 2 + merges[i].cost + .2 * back + side->cost + (alone ? 0 : rest[k].cost)));
    }
    return CUV_OK;
}

static cuv_status cut_at(pairer *p, size_t k, const cuv_ends *one)
{
    cuv_reading head = {0, p->reading->units, k};
    const cuv_runit *merge = p->complete ? &p->reading->units[k] : NULL;
    cuv_structure *sides;
    size_t found;
    if (merge && !(cuv_rkind_traits(merge->kind) & CUV_RT_MERGE) && merge->kind != CUV_R_UNKNOWN)
        return CUV_OK;
    CUV_TRY(cuv_wire(p->cx, p->arena, &head, one, p->complete, SIDES, &sides, &found));
    for (size_t i = 0; i < found && p->count + 2 <= MOST; i++)
        if (sides[i].output_count == 1)
            CUV_TRY(after_side(p, &sides[i], k + (merge != NULL), merge, k));
    return CUV_OK;
}

cuv_status cuv_wire_twins(cuv_context *cx, cuv_arena *arena, const cuv_reading *reading, const cuv_ends *ends, bool complete,
                          cuv_structure **out, size_t *count)
{
    pairer p = {cx, arena, reading, ends, complete, NULL, 0};
    *out = NULL;
    *count = 0;
    if (ends->input_count != 2 || ends->output_count != 1 || !ends->outputs_known || !cuv_flow_same(&ends->inputs[0], &ends->inputs[1]) ||
        reading->count > 40)
        return CUV_OK;
    cuv_ends *one = CUV_NEW(arena, cuv_ends), *kept = CUV_NEW(arena, cuv_ends);     /* structures borrow them */
    *out = p.out = CUV_NEW_ARRAY(arena, cuv_structure, MOST + 2);
    if (!one || !kept || !p.out)
        return cuv_oom(cx);
    *one = (cuv_ends){.inputs = {ends->inputs[0]}, .input_count = 1, .until = ends->until};
    *kept = *ends;
    p.ends = kept;
    for (size_t k = 1; k < reading->count + !complete; k++)
        CUV_TRY(cut_at(&p, k, one));
    *count = p.count;
    return CUV_OK;
}
