/* Structures to numbers, a layer at a time. Each layer is a small program of its own, made by its descriptor, and what it gave is kept: of
 * thousands of structures that begin alike, or differ in one activation, only what differs is computed. */
#include "recover/structure.h"

#include <math.h>

enum { MAX_VALUES = 50000, MAX_JOBS = 8000 };
#define MAX_VALUE_BYTES ((size_t)256 << 20)
#define MAX_JOB_BYTES ((size_t)512 << 20)

/* A layer made ready for inputs of certain shapes. */
typedef struct job { uint64_t hash; cuv_arena *arena; cuv_plan *plan; cuv_program *program; cuv_model *model; bool broken, passes; size_t weights; } job;
/* What a layer gave. `passes`: the mask of its first input goes on. */
typedef struct value { uint64_t hash; cuv_run_tensor tensor; size_t bytes; bool broken, passes; } value;
/* What a layer takes: values, and the masks of some of them, which follow the values. */
enum { MOST_TAKEN = 2 * CUV_R_MAX_IN };
typedef struct taken { int32_t at[MOST_TAKEN]; size_t count, values; int8_t mask_of[CUV_R_MAX_IN]; } taken;

typedef struct table { int32_t *slots; size_t size; } table;

struct cuv_evaluator {
    cuv_context *cx;
    cuv_evidence *ev;
    cuv_effort *effort;     /* counts the work; or NULL */
    job *jobs;
    value *values;
    size_t job_count, value_count, job_bytes, value_bytes, input_count;
    table job_table, value_table;
    cuv_run_tensor outputs[8];
    int32_t *node_values, *node_masks;      /* masks: -1: none */
    size_t node_capacity;
};

/* ---- tables: open addressing by a hash of 64 bits, which stands for the key ---------------------------------------- */

static bool table_new(cuv_context *cx, table *t, size_t most)
{
    for (t->size = 1; t->size < 2 * most;)
        t->size *= 2;
    t->slots = cuv_alloc(cx, t->size * sizeof *t->slots);
    if (t->slots)
        memset(t->slots, 0xff, t->size * sizeof *t->slots);
    return t->slots != NULL;
}

static void table_free(cuv_context *cx, table *t)
{
    if (t->slots)
        cuv_release(cx, t->slots, t->size * sizeof *t->slots);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 32);
}

/* The layer that gives the states. */
static uint64_t layer_hash_of_states(const cuv_structure *s, const cuv_rnode *n)
{
    const cuv_rnode *from = &s->nodes[n->in[1]];
    const cuv_choice *c = &from->choice;
    uint64_t h = mix(4242, (uint64_t)(uintptr_t)s->reading->units[from->unit].tensors);
    return mix(h, (uint64_t)c->act | (uint64_t)c->gate << 8 | (uint64_t)c->causal << 16);
}

/* What a layer (act < 0) or an activation is, apart from its inputs. */
static uint64_t layer_hash(const cuv_structure *s, const cuv_rnode *n, int act)
{
    if (act >= 0)
        return mix(77, (uint64_t)act);
    const cuv_runit *u = n->unit >= 0 ? &s->reading->units[n->unit] : NULL;
    const cuv_choice *c = &n->choice;
    uint64_t h = mix(1469598103934665603u, n->kind);
    h = mix(h, u && u->count ? (uint64_t)(uintptr_t)u->tensors : 0);
    h = mix(h, u ? u->count * 64 + (uint64_t)u->inner : 0);
    h = mix(h, (uint64_t)c->stride | (uint64_t)c->pad << 8 | (uint64_t)c->dilation << 16 | (uint64_t)c->pool << 24 |
                   (uint64_t)c->epsilon << 32 | (uint64_t)c->merge << 40 | (uint64_t)c->sequences << 48 | (uint64_t)c->causal << 56);
    h = mix(h, (uint64_t)c->scale | (uint64_t)c->border << 8 | (uint64_t)c->stride2 << 16 | (uint64_t)c->pool2 << 24 | (uint64_t)c->gate << 32 |
                   (uint64_t)c->groups << 40);
    for (int i = 0; (n->kind == CUV_R_RESHAPE || n->kind == CUV_R_PATCHES || n->kind == CUV_R_REPEAT) && i < n->out.rank; i++)
        h = mix(h, (uint64_t)(uint32_t)n->out.at[i]);
    if (n->stated)
        h = mix(h, layer_hash_of_states(s, n));
    return mix(h, cuv_rkind_traits(n->kind) & CUV_RT_RECURRENT ? c->act : 0);
}

/* ---- layers to programs ------------------------------------------------------------------------------------------------ */

static cuv_status put(cuv_arena *arena, cuv_value *d, const char *key, cuv_value *v)
{
    return cuv_dict_set(arena, d, key, v);
}

/* An activation as a layer. */
static cuv_value *act_config(cuv_arena *arena, unsigned act, const char **class_name)
{
    cuv_value *d = cuv_value_dict(arena);
    const cuv_ract *a = &cuv_acts[act];
    *class_name = a->name ? "Activation" : "LeakyReLU";
    if (!d || (a->name ? put(arena, d, "activation", cuv_value_text(arena, a->name))
                       : put(arena, d, "negative_slope", cuv_value_real(arena, a->slope))) != CUV_OK)
        return NULL;
    return d;
}

static cuv_status give_weights(cuv_evaluator *e, job *j, cuv_layer *layer, const cuv_runit *u)
{
    cuv_weight **weights;
    size_t count;
    CUV_TRY(cuv_layer_weights_in_order(j->arena, layer, &weights, &count));
    if (count != (u ? u->count : 0))
        return CUV_NO;
    for (size_t i = 0; i < count; i++) {
        const cuv_tensor *t = u->tensors[i].tensor;
        if (!cuv_shape_equal(t->shape, t->rank, weights[i]->shape, weights[i]->rank) || !t->data)
            return CUV_NO;
        if (t->dtype != weights[i]->dtype || (uintptr_t)t->data % cuv_dtype_size(t->dtype)) {
            cuv_tensor *copy;
            void *data;
            CUV_TRY(cuv_tensor_new(j->arena, weights[i]->dtype, t->shape, t->rank, &copy, &data));
            cuv_convert(data, weights[i]->dtype, t->data, t->dtype, cuv_tensor_count(t));
            t = copy;
        }
        j->program->values[weights[i]->ref].tensor = t;
        e->job_bytes += 2 * cuv_tensor_bytes(t);
    }
    return CUV_OK;
}

static cuv_value *record_of(cuv_arena *arena, const char *class_name, cuv_value *config)
{
    cuv_value *r = cuv_value_dict(arena);
    if (!config || !r || put(arena, config, "name", cuv_value_text(arena, "layer")) != CUV_OK ||
        put(arena, r, "module", cuv_value_text(arena, "keras.layers")) != CUV_OK ||
        put(arena, r, "class_name", cuv_value_text(arena, class_name)) != CUV_OK || put(arena, r, "config", config) != CUV_OK)
        return NULL;
    return r;
}

static cuv_status make_program(cuv_evaluator *e, job *j, cuv_value *record, const cuv_runit *u, bool causal, const cuv_run_tensor *in,
                               const taken *from)
{
    cuv_sym syms[CUV_R_MAX_IN];
    cuv_layer like = {.keras = 3, .keras_minor = INT_MAX, .trainable = true, .arena = j->arena}, *layer;
    cuv_value *yes = cuv_value_bool(j->arena, true);
    cuv_kwarg kwarg = {.name = "use_causal_mask", .literal = yes, .tensor = {CUV_NO_REF, CUV_NO_REF}};
    j->program = cuv_program_new(j->arena);
    if (!j->program || !yes)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < from->values; i++)
        syms[i] = (cuv_sym){cuv_program_input(j->program, "x", in[i].dtype, in[i].shape, in[i].rank), CUV_NO_REF};
    for (size_t i = 0; i < from->values; i++) {
        const cuv_run_tensor *m = from->mask_of[i] ? &in[from->mask_of[i]] : NULL;
        if (m)
            syms[i].mask = cuv_program_input(j->program, "m", m->dtype, m->shape, m->rank);
    }
    CUV_TRY(cuv_layer_new(j->arena, record, &like, &layer));
    cuv_call *call = CUV_NEW(j->arena, cuv_call);
    if (!call)
        return cuv_oom(e->cx);
    *call = (cuv_call){.cx = e->cx, .arena = j->arena, .program = j->program, .layer = layer, .in = syms, .in_count = from->values,
                       .kwargs = &kwarg, .kwarg_count = causal};
    CUV_TRY(cuv_layer_call(call));
    CUV_TRY(j->program->status);
    j->passes = call->out[0].mask != CUV_NO_REF && call->out[0].mask == syms[0].mask;
    CUV_TRY(cuv_program_set_outputs(j->program, &call->out[0].value, &(const char *){"y"}, 1));
    CUV_TRY(give_weights(e, j, layer, u));
    return cuv_plan_new(e->cx, j->program, in, NULL, &j->plan);
}

/* Is it written as several layers? */
static bool is_composed(const cuv_structure *s, const cuv_rnode *n)
{
    return n->kind == CUV_R_POSITION || n->kind == CUV_R_PATCHES || n->kind == CUV_R_DISTANCE || n->stated || (n->unit >= 0 && s->reading->units[n->unit].network);
}

static void flow_of(const cuv_run_tensor *t, cuv_flow *out)
{
    *out = (cuv_flow){.rank = t->rank - 1};
    for (int i = 0; i < out->rank && i < 4; i++)
        out->at[i] = (int32_t)t->shape[i + 1];
}

/* What is several layers, alone, by the way that models are built. A layer that begins with another one's states has that one with it. */
static cuv_status make_composed(cuv_evaluator *e, job *j, const cuv_structure *s, const cuv_rnode *n, const cuv_run_tensor *in)
{
    cuv_flow inputs[2];
    cuv_rnode nodes[2] = {*n, *n};
    cuv_structure alone = {.reading = s->reading, .nodes = nodes, .count = 1 + (size_t)n->stated, .output_count = 1, .inputs = inputs,
                           .input_count = (size_t)n->in_count, .outputs = {n->stated}};
    cuv_rnode *last = &nodes[n->stated];
    cuv_candidate_config c;
    const char **names;
    for (int i = 0; i < n->in_count && i < 2; i++) {
        flow_of(&in[i], &inputs[i]);
        last->in[i] = -i - 1;
    }
    last->twin = 0;
    if (n->kind != CUV_R_PATCHES && !n->stated)
        last->choice = (cuv_choice){0};
    if (n->stated) {
        nodes[0] = s->nodes[n->in[1]];
        nodes[0].in[0] = -2;
        nodes[0].twin = 0;
        last->in[1] = 0;
    }
    CUV_TRY(cuv_structure_config(e->cx, j->arena, &alone, &c, &names));
    CUV_TRY(cuv_candidate_model(e->ev, &c, &j->model));
    e->job_bytes += 1 << 20;
    return cuv_plan_new(e->cx, j->model->program, in, NULL, &j->plan);
}

/* A failure that only says that such a layer cannot be. */
static bool is_answer(cuv_status status)
{
    return status == CUV_NO || status == CUV_UNSUPPORTED || status == CUV_DAMAGED || status == CUV_UNSAFE || status == CUV_ARGUMENT;
}

static cuv_status make_layer(cuv_evaluator *e, job *j, const cuv_structure *s, const cuv_rnode *n, int act, const cuv_run_tensor *in,
                             const taken *from)
{
    const cuv_runit *u = act < 0 && n->unit >= 0 ? &s->reading->units[n->unit] : NULL;
    const char *class_name;
    cuv_value *config = act < 0 ? cuv_rnode_config(j->arena, s, n, &class_name) : act_config(j->arena, (unsigned)act, &class_name);
    cuv_value *record = record_of(j->arena, class_name, config);
    return record ? make_program(e, j, record, u, act < 0 && n->kind == CUV_R_ATTENTION && n->choice.causal, in, from) : cuv_oom(e->cx);
}

static void drop_jobs(cuv_evaluator *e)
{
    for (size_t i = 0; i < e->job_count; i++) {
        cuv_plan_free(e->jobs[i].plan);
        cuv_model_free(e->jobs[i].model);
        cuv_arena_free(e->jobs[i].arena);
    }
    e->job_count = e->job_bytes = 0;
    memset(e->job_table.slots, 0xff, e->job_table.size * sizeof *e->job_table.slots);
}

/* Of a known network only a part meets each position of its input. */
static size_t weights_of(const cuv_runit *u)
{
    enum { SHARE_OF_NETWORK = 128 };
    size_t n = 0;
    for (size_t i = 0; i < u->count; i++)
        n += cuv_tensor_count(u->tensors[i].tensor);
    return u->network ? n / SHARE_OF_NETWORK : n;
}

static double positions_of(const cuv_run_tensor *t)
{
    double n = 1;
    for (int i = 0; i + 1 < t->rank; i++)
        n *= (double)t->shape[i];
    return n;
}

/* Each weight meets each position of what is read, or of what is given where these are more. */
static void count_work(cuv_evaluator *e, const job *j, const cuv_run_tensor *in, const cuv_run_tensor *out)
{
    double positions = fmax(positions_of(in), positions_of(out)), values = positions_of(out) * (double)out->shape[out->rank - 1];
    if (e->effort)
        e->effort->done += CUV_EFFORT_OF_RUN + positions * (double)j->weights * CUV_EFFORT_OF_MAC + values * CUV_EFFORT_OF_VALUE;
}

static cuv_status find_job(cuv_evaluator *e, const cuv_structure *s, const cuv_rnode *n, int act, const cuv_run_tensor *in, const taken *from,
                           job **out)
{
    *out = NULL;
    uint64_t h = layer_hash(s, n, act);
    for (size_t i = 0; i < from->count; i++) {
        h = mix(h, i < from->values ? (uint64_t)from->mask_of[i] : 99);
        for (int k = 0; k < in[i].rank; k++)
            h = mix(h, (uint64_t)in[i].shape[k] * 16 + (uint64_t)in[i].rank);
    }
    size_t at = h & (e->job_table.size - 1);
    for (; e->job_table.slots[at] >= 0; at = (at + 1) & (e->job_table.size - 1))
        if (e->jobs[e->job_table.slots[at]].hash == h) {
            *out = &e->jobs[e->job_table.slots[at]];
            return CUV_OK;
        }
    if (e->job_count == MAX_JOBS || e->job_bytes > MAX_JOB_BYTES) {
        drop_jobs(e);
        at = h & (e->job_table.size - 1);
    }
    job *j = &e->jobs[e->job_count];
    *j = (job){.hash = h, .arena = cuv_arena_new(e->cx)};
    if (!j->arena)
        return cuv_oom(e->cx);
    e->job_table.slots[at] = (int32_t)e->job_count++;
    e->job_bytes += 16384;
    j->weights = act < 0 && n->unit >= 0 ? weights_of(&s->reading->units[n->unit]) : 0;
    if (e->effort)
        e->effort->done += CUV_EFFORT_OF_JOB;
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = act < 0 && is_composed(s, n) ? make_composed(e, j, s, n, in) : make_layer(e, j, s, n, act, in, from);
    if (is_answer(status)) {
        cuv_findings_rewind(e->cx, mark);
        j->broken = true;
        status = CUV_OK;
    }
    *out = j;
    return status;
}

/* ---- numbers --------------------------------------------------------------------------------------------------------------- */

static void drop_values(cuv_evaluator *e)
{
    for (size_t i = e->input_count; i < e->value_count; i++)
        if (e->values[i].tensor.data)
            cuv_release(e->cx, e->values[i].tensor.data, e->values[i].bytes);
    e->value_count = e->input_count;
    e->value_bytes = 0;
    memset(e->value_table.slots, 0xff, e->value_table.size * sizeof *e->value_table.slots);
}

static cuv_status run_job(cuv_evaluator *e, job *j, const cuv_run_tensor *in, value *v)
{
    if (j->broken) {
        v->broken = true;
        return CUV_OK;
    }
    size_t n, size;
    v->tensor = *cuv_plan_output(j->plan, 0);
    if (!cuv_shape_count(v->tensor.shape, v->tensor.rank, &n) || !cuv_mul_size(n, cuv_dtype_size(v->tensor.dtype), &size))
        return cuv_oom(e->cx);
    v->bytes = size + 64;
    v->tensor.data = cuv_alloc(e->cx, v->bytes);
    if (!v->tensor.data)
        return cuv_oom(e->cx);
    e->value_bytes += v->bytes;
    if (v->tensor.rank > 0)
        count_work(e, j, &in[0], &v->tensor);
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_plan_run(j->plan, in, &v->tensor);
    if (is_answer(status)) {
        cuv_findings_rewind(e->cx, mark);
        v->broken = true;
        status = CUV_OK;
    }
    return status;
}

/* Where a value with that hash is, or shall be. */
static bool known_value(const cuv_evaluator *e, uint64_t h, size_t *at)
{
    for (*at = h & (e->value_table.size - 1); e->value_table.slots[*at] >= 0; *at = (*at + 1) & (e->value_table.size - 1))
        if (e->values[e->value_table.slots[*at]].hash == h)
            return true;
    return false;
}

static value *add_value(cuv_evaluator *e, uint64_t h, size_t at)
{
    value *v = &e->values[e->value_count];
    *v = (value){.hash = h};
    e->value_table.slots[at] = (int32_t)e->value_count++;
    return v;
}

/* The value of a layer (act < 0) or of an activation on what is taken. */
static cuv_status value_of(cuv_evaluator *e, const cuv_structure *s, const cuv_rnode *n, int act, const taken *from, int32_t *out)
{
    cuv_run_tensor tensors[MOST_TAKEN];
    uint64_t h = layer_hash(s, n, act);
    bool broken = false;
    size_t at;
    for (size_t i = 0; i < from->count; i++) {
        h = mix(h, (uint64_t)from->at[i] + 1);
        broken |= e->values[from->at[i]].broken;
    }
    bool known = known_value(e, h, &at);
    *out = known ? e->value_table.slots[at] : (int32_t)e->value_count;
    if (known)
        return CUV_OK;
    value *v = add_value(e, h, at);
    v->broken = broken;
    if (broken)
        return CUV_OK;
    for (size_t i = 0; i < from->count; i++)
        tensors[i] = e->values[from->at[i]].tensor;
    job *j;
    CUV_TRY(find_job(e, s, n, act, tensors, from, &j));
    v->passes = j->passes;
    return run_job(e, j, tensors, v);
}

/* True where there is anything but zeros: of word numbers each, of vectors any of a step. */
static cuv_status mask_of(cuv_evaluator *e, int32_t in, bool each, int32_t *out)
{
    const cuv_run_tensor *x = &e->values[in].tensor;
    size_t at, steps = 1, size = each ? 1 : (size_t)x->shape[x->rank - 1];
    bool known = known_value(e, mix(4711 + each, (uint64_t)in), &at);
    *out = known ? e->value_table.slots[at] : (int32_t)e->value_count;
    if (known || e->values[in].broken || x->dtype != CUV_F32 || x->rank < 2 || (!each && x->rank < 3)) {
        *out = known ? *out : -1;
        return CUV_OK;
    }
    value *v = add_value(e, mix(4711 + each, (uint64_t)in), at);
    v->tensor = (cuv_run_tensor){.dtype = CUV_BOOL, .rank = each ? x->rank : x->rank - 1};
    for (int i = 0; i < v->tensor.rank; i++)
        steps *= (size_t)(v->tensor.shape[i] = x->shape[i]);
    v->bytes = steps + 64;
    uint8_t *mask = v->tensor.data = cuv_alloc(e->cx, v->bytes);
    if (!mask)
        return cuv_oom(e->cx);
    e->value_bytes += v->bytes;
    const float *from = x->data;
    for (size_t i = 0; i < steps; i++) {
        mask[i] = 0;
        for (size_t k = 0; k < size; k++)
            mask[i] |= from[i * size + k] != 0;
    }
    return CUV_OK;
}

static int32_t value_at(const cuv_evaluator *e, int32_t node)
{
    return node < 0 ? -node - 1 : e->node_values[node];
}

static void take_inputs(const cuv_evaluator *e, const cuv_structure *s, const cuv_rnode *n, taken *from)
{
    *from = (taken){.count = n->kind == CUV_R_ATTENTION ? 2 : (size_t)n->in_count};
    from->values = from->count;
    for (size_t i = 0; i < from->values; i++) {
        int32_t in = n->stated && i == 1 ? s->nodes[n->in[1]].in[0] : n->in[i];     /* states are computed anew from what gave them */
        from->at[i] = value_at(e, in);
        int32_t mask = in < 0 ? -1 : e->node_masks[in];
        if (mask < 0)
            continue;
        from->mask_of[i] = (int8_t)from->count;
        from->at[from->count++] = mask;
    }
}

static cuv_status node_value(cuv_evaluator *e, const cuv_structure *s, size_t i)
{
    const cuv_rnode *n = &s->nodes[i];
    unsigned traits = cuv_rkind_traits(n->kind);
    int32_t *out = &e->node_values[i], *mask = &e->node_masks[i];
    bool act_alone = traits & CUV_RT_ACTS && n->kind != CUV_R_PRELU;
    taken from;
    take_inputs(e, s, n, &from);
    *out = from.at[0];
    *mask = from.mask_of[0] ? from.at[from.mask_of[0]] : -1;
    if (n->kind == CUV_R_MASKING)
        return mask_of(e, *out, false, mask);
    if (!(traits & CUV_RT_RESTS) && !act_alone) {
        CUV_TRY(value_of(e, s, n, -1, &from, out));
        *mask = e->values[*out].passes ? *mask : -1;
    }
    if (n->kind == CUV_R_EMBEDDING && n->choice.masks)
        CUV_TRY(mask_of(e, from.at[0], true, mask));
    if (n->choice.act && traits & (CUV_RT_LINEAR | CUV_RT_ACTS) && n->kind != CUV_R_PRELU) {
        from = (taken){.at = {*out}, .count = 1, .values = 1};
        CUV_TRY(value_of(e, s, n, n->choice.act, &from, out));
    }
    return CUV_OK;
}

static cuv_status make_room(cuv_evaluator *e, size_t nodes)
{
    if (nodes <= e->node_capacity)
        return CUV_OK;
    int32_t *values = cuv_resize(e->cx, e->node_values, e->node_capacity * sizeof *values, nodes * sizeof *values);
    if (!values)
        return cuv_oom(e->cx);
    e->node_values = values;
    int32_t *masks = cuv_alloc(e->cx, nodes * sizeof *masks);
    if (!masks) {
        cuv_release(e->cx, e->node_values, nodes * sizeof *values);
        e->node_values = NULL;
        if (e->node_masks)
            cuv_release(e->cx, e->node_masks, e->node_capacity * sizeof *masks);
        e->node_masks = NULL;
        e->node_capacity = 0;
        return cuv_oom(e->cx);
    }
    if (e->node_masks)
        cuv_release(e->cx, e->node_masks, e->node_capacity * sizeof *masks);
    e->node_masks = masks;
    e->node_capacity = nodes;
    return CUV_OK;
}

cuv_status cuv_evaluate(cuv_evaluator *e, const cuv_structure *s, const cuv_run_tensor **outputs)
{
    if (3 * s->count + 3 + e->input_count > MAX_VALUES)
        return CUV_NO;
    if (e->value_count + 3 * s->count + 3 > MAX_VALUES || e->value_bytes > MAX_VALUE_BYTES)
        drop_values(e);
    CUV_TRY(make_room(e, s->count));
    CUV_TRY(cuv_check_time(e->cx));
    for (size_t i = 0; i < s->count; i++) {
        CUV_TRY(node_value(e, s, i));
        if (e->values[e->node_values[i]].broken)
            return CUV_NO;
    }
    for (size_t i = 0; i < s->output_count; i++)
        e->outputs[i] = e->values[e->node_values[s->outputs[i]]].tensor;
    *outputs = e->outputs;
    return CUV_OK;
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */

cuv_status cuv_evaluator_new(cuv_evidence *ev, cuv_effort *effort, const cuv_run_tensor *inputs, size_t count, cuv_evaluator **out)
{
    cuv_context *cx = ev->cx;
    cuv_evaluator *e = *out = cuv_alloc(cx, sizeof *e);
    if (!e)
        return cuv_oom(cx);
    *e = (cuv_evaluator){.cx = cx, .ev = ev, .effort = effort, .input_count = count, .value_count = count};
    e->jobs = cuv_alloc(cx, MAX_JOBS * sizeof *e->jobs);
    e->values = cuv_alloc(cx, MAX_VALUES * sizeof *e->values);
    if (!e->jobs || !e->values || !table_new(cx, &e->job_table, MAX_JOBS) || !table_new(cx, &e->value_table, MAX_VALUES)) {
        cuv_evaluator_free(e);
        *out = NULL;
        return cuv_oom(cx);
    }
    for (size_t i = 0; i < count; i++)
        e->values[i] = (value){.tensor = inputs[i]};
    return CUV_OK;
}

void cuv_evaluator_free(cuv_evaluator *e)
{
    if (!e)
        return;
    if (e->values && e->value_table.slots)
        drop_values(e);
    if (e->jobs && e->job_table.slots)
        drop_jobs(e);
    table_free(e->cx, &e->job_table);
    table_free(e->cx, &e->value_table);
    if (e->jobs)
        cuv_release(e->cx, e->jobs, MAX_JOBS * sizeof *e->jobs);
    if (e->values)
        cuv_release(e->cx, e->values, MAX_VALUES * sizeof *e->values);
    if (e->node_values)
        cuv_release(e->cx, e->node_values, e->node_capacity * sizeof *e->node_values);
    if (e->node_masks)
        cuv_release(e->cx, e->node_masks, e->node_capacity * sizeof *e->node_masks);
    cuv_release(e->cx, e, sizeof *e);
}
