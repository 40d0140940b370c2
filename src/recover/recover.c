/* The way from remains to candidates: readings, ends, wirings, search, proof. */
#include "recover/network.h"
#include "recover/recovering.h"
#include "recover/trial.h"

#include <stdlib.h>

#define RECOVER_SECONDS 10.0
#define TRIAL_ENDS .5
#define AHEAD .5            /* nats */
#define PROOF_ENDS 1.3      /* of the search's seconds: 7/10 of all that there are */
enum { MOST_TRIES = 4000000, MOST_STRUCTURES = 2400, PART_SAMPLES = 8, PART_VALUES = 16, ALL_SAMPLES = 24, SAMPLES_OF_NETWORKS = 12, DEEP = 6 };


/* ---- wirings ---------------------------------------------------------------------------------------------------------- */

static cuv_status add_structures(cuv_recovering *r, const cuv_structure *s, size_t count, double cost)
{
    for (size_t i = 0; i < count; i++) {
        cuv_structure *grown = cuv_arena_grow(r->arena, r->structures, r->count, &r->capacity, sizeof *grown);
        if (!grown)
            return cuv_oom(r->cx);
        r->structures = grown;
        grown[r->count] = s[i];
        grown[r->count++].cost += cost;
    }
    return CUV_OK;
}

/* Until there is a structure, half the time; then what is left of a fifth, or of a twentieth where no samples will tell structures apart. */
double cuv_wiring_ends(const cuv_recovering *r)
{
    return (!r->count ? .5 : r->ev->samples ? .2 : .05) * r->seconds;
}

/* Wirings that were tried on samples as they grew come before all that were not. */
static cuv_status wire_on_trial(cuv_recovering *r, const cuv_reading *reading, const cuv_ends *ends, size_t most, size_t *found)
{
    cuv_structure *s;
    cuv_ends *tried = CUV_NEW(r->arena, cuv_ends);
    if (!tried)
        return cuv_oom(r->cx);
    *tried = *ends;
    tried->narrow = true;
    tried->until = TRIAL_ENDS * r->seconds;
    CUV_TRY(cuv_trial_new(r->ev, &r->effort, r->inputs, r->input_count, &tried->trial));
    cuv_status status = cuv_wire(r->cx, r->arena, reading, tried, r->remains->complete, most, &s, found);
    cuv_trial_free(tried->trial);
    CUV_TRY(status);
    double least = INFINITY;
    for (size_t i = 0; i < r->count; i++)
        least = fmin(least, r->structures[i].cost);
    return add_structures(r, s, *found, r->count && *found ? fmin(least - s[0].cost - AHEAD, 0) : 0);
}

static cuv_status wire(cuv_recovering *r, const cuv_reading *reading, const cuv_ends *ends, double cost, size_t most, size_t *found)
{
    cuv_structure *s;
    cuv_ends *kept = CUV_NEW(r->arena, cuv_ends);
    if (!kept)
        return cuv_oom(r->cx);
    *kept = *ends;
    kept->until = cuv_wiring_ends(r);
    kept->reached = reading == &r->readings[0] ? &r->reached : NULL;
    kept->in_turn = r->remains->complete && !r->remains->opened;
    if (reading->count >= DEEP) {
        cuv_ends *narrow = CUV_NEW(r->arena, cuv_ends);
        if (!narrow)
            return cuv_oom(r->cx);
        *narrow = *kept;
        narrow->narrow = true;
        CUV_TRY(cuv_wire(r->cx, r->arena, reading, narrow, r->remains->complete, most, &s, found));
        CUV_TRY(add_structures(r, s, *found, cost));
        if (r->ev->samples && reading == &r->readings[0] && cuv_trial_helps(reading)) {
            size_t more;
            CUV_TRY(wire_on_trial(r, reading, kept, most, &more));
            *found += more;
        }
        kept->until = cuv_wiring_ends(r);
        if (*found && cuv_effort_now(&r->effort) > kept->until)
            return CUV_OK;
    }
    CUV_TRY(cuv_wire(r->cx, r->arena, reading, kept, r->remains->complete, most, &s, found));
    if (!*found && kept->in_turn) {     /* listed by another rule */
        kept->in_turn = false;
        CUV_TRY(cuv_wire(r->cx, r->arena, reading, kept, r->remains->complete, most, &s, found));
    }
    return add_structures(r, s, *found, cost);
}

static cuv_status wire_twins(cuv_recovering *r, const cuv_reading *reading, const cuv_ends *ends)
{
    cuv_structure *twins;
    size_t found;
    cuv_ends timed = *ends;
    timed.until = fmax(cuv_wiring_ends(r), cuv_effort_now(&r->effort) + .2 * r->seconds);
    CUV_TRY(cuv_wire_twins(r->cx, r->arena, reading, &timed, r->remains->complete, &twins, &found));
    return add_structures(r, twins, found, 0);
}

/* What the first layer says of an input that nobody describes. */
static void guess_input(const cuv_reading *reading, cuv_flow *f)
{
    const cuv_runit *u = reading->units;
    for (size_t i = 0; i < reading->count && !u->count; i++)
        u = &reading->units[i];
    int spatial = u->network ? 2 : cuv_rkind_spatial(u->kind);
    bool sequence = cuv_rkind_traits(u->kind) & CUV_RT_RECURRENT || u->kind == CUV_R_ATTENTION;
    *f = (cuv_flow){.rank = 1 + (sequence ? 1 : spatial)};
    for (int i = 0; i + 1 < f->rank; i++)
        f->at[i] = -1;
    f->at[f->rank - 1] = (int32_t)u->in;
    if (u->kind == CUV_R_EMBEDDING)
        *f = (cuv_flow){.rank = 1, .at = {-1}, .tokens = true};
}

/* Sizes of images and sequences, the usual ones first. */
static cuv_status guess_sizes(cuv_recovering *r, const cuv_reading *reading, cuv_ends *ends)
{
    static const int32_t usual[] = {28, 32, 224, 64, 128, 96, 48, 150, 256, 100, 299, 150, 200, 50, 84, 160, 80, 40, 20, 16, 8, 12, 24, 10, 36, 30, 14,
                                    60, 72, 90, 112, 120, 180, 192, 250, 300, 320, 400, 500, 512, 7, 6, 5, 4};
    cuv_flow *f = &ends->inputs[0];
    size_t found = 0;
    for (size_t i = 0; i < reading->count && !found; i++)
        if (reading->units[i].network) {
            f->at[0] = f->at[1] = reading->units[i].network->net->network->size;
            CUV_TRY(wire(r, reading, ends, 0, 20, &found));
        }
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !found && cuv_effort_now(&r->effort) < cuv_wiring_ends(r); i++) {
        for (int k = 0; k < f->rank - !f->tokens; k++)
            f->at[k] = usual[i];
        CUV_TRY(wire(r, reading, ends, .2 * (double)i, 20, &found));
    }
    return CUV_OK;
}

static cuv_status wire_without_samples(cuv_recovering *r, const cuv_reading *reading)
{
    cuv_ends ends = {.input_count = 1, .effort = &r->effort};
    size_t found = 0;
    if (r->ev->input_shape_count > CUV_MAX_ENDS)
        return CUV_OK;
    guess_input(reading, &ends.inputs[0]);
    bool tokens = ends.inputs[0].tokens;
    for (size_t i = 0; i < r->ev->input_shape_count; i++) {
        cuv_flow *f = &ends.inputs[i];
        if (r->ev->input_shapes[i].rank > 4 || r->ev->input_shapes[i].rank < 1)
            return CUV_OK;
        *f = (cuv_flow){.rank = r->ev->input_shapes[i].rank, .tokens = tokens && r->ev->input_shapes[i].rank == 1};
        for (int k = 0; k < f->rank; k++)
            f->at[k] = (int32_t)(r->ev->input_shapes[i].shape[k] > INT32_MAX ? -1 : r->ev->input_shapes[i].shape[k]);
        ends.input_count = i + 1;
    }
    CUV_TRY(wire(r, reading, &ends, 0, 40, &found));
    CUV_TRY(wire_twins(r, reading, &ends));
    return found || r->ev->input_shape_count ? CUV_OK : guess_sizes(r, reading, &ends);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 1099511628211u ^ h >> 29;
}

/* By how much a window without a stride makes its input smaller. */
static int32_t shrinks(const cuv_structure *s, const cuv_rnode *n)
{
    const cuv_flow *in = n->in[0] < 0 ? &s->inputs[-n->in[0] - 1] : &s->nodes[n->in[0]].out;
    return n->choice.stride > 1 || in->rank != n->out.rank || n->in_count > 1 ? 0 : (in->at[0] - n->out.at[0]) & 4095;
}

/* What is left of a structure when the choices that the search makes anyway are left out. Where sizes must meet a Flatten they belong to the
 * structure. */
static uint64_t skeleton(const cuv_structure *s, uint8_t *fixed)
{
    uint64_t h = (uint64_t)(uintptr_t)s->reading;
    bool sizes = cuv_is_rigid(s);
    if (sizes)
        cuv_find_fixed(s, fixed);
    for (size_t i = 0; i < s->count; i++) {
        const cuv_rnode *n = &s->nodes[i];
        unsigned traits = cuv_rkind_traits(n->kind);
        h = mix(h, traits & (CUV_RT_POOL | CUV_RT_GLOBAL) ? 1000 + traits : (uint64_t)n->kind);
        h = mix(h, (uint64_t)(uint32_t)n->unit);
        for (int k = 0; k < n->in_count; k++)
            h = mix(h, (uint64_t)(uint32_t)n->in[k]);
        h = mix(h, (uint64_t)n->choice.sequences + 2 * (uint64_t)(n->kind == CUV_R_BIDIRECTIONAL && n->choice.merge));
        for (int k = 0; sizes && fixed[i] & CUV_FIXED_AFTER && k < n->out.rank; k++)
            h = mix(h, (uint64_t)(uint32_t)n->out.at[k]);
        if (sizes && fixed[i] == CUV_FIXED_BESIDE)
            h = mix(h, (uint64_t)cuv_stride_of(&n->choice, 0) * 4096 + (uint64_t)shrinks(s, n));
    }
    for (size_t i = 0; i < s->output_count; i++)
        h = mix(h, (uint64_t)(uint32_t)s->outputs[i]);
    return h;
}

/* Of structures that differ only in what the search tries anyway, the cheapest stays; MOST_STRUCTURES in all. */
static cuv_status drop_doubles(cuv_recovering *r)
{
    uint64_t *seen = CUV_NEW_ARRAY(r->arena, uint64_t, r->count + 1);
    size_t kept = 0, nodes = 0;
    for (size_t i = 0; i < r->count; i++)
        nodes = r->structures[i].count > nodes ? r->structures[i].count : nodes;
    uint8_t *fixed = CUV_NEW_ARRAY(r->arena, uint8_t, nodes + 1);
    if (!seen || !fixed)
        return cuv_oom(r->cx);
    for (size_t i = 0; i < r->count && kept < MOST_STRUCTURES; i++) {
        uint64_t h = skeleton(&r->structures[i], fixed);
        bool known = false;
        for (size_t k = 0; k < kept && !known; k++)
            known = seen[k] == h;
        if (known)
            continue;
        seen[kept] = h;
        r->structures[kept++] = r->structures[i];
    }
    r->count = kept;
    return CUV_OK;
}

static cuv_status wire_all(cuv_recovering *r)
{
    for (size_t i = 0; i < r->reading_count; i++) {
        cuv_ends ends;
        size_t found;
        if (cuv_effort_now(&r->effort) > cuv_wiring_ends(r) || (!r->ev->samples && r->count && i > 2))
            break;
        if (!r->ev->samples) {
            CUV_TRY(wire_without_samples(r, &r->readings[i]));
            continue;
        }
        CUV_TRY(cuv_ends_of_samples(r, &r->readings[i], &ends));
        ends.effort = &r->effort;
        CUV_TRY(wire(r, &r->readings[i], &ends, 0, MOST_STRUCTURES, &found));
        CUV_TRY(wire_twins(r, &r->readings[i], &ends));
    }
    if (!r->count)
        return cuv_no_wiring(r);
    qsort(r->structures, r->count, sizeof *r->structures, cuv_cheaper);
    return drop_doubles(r);
}

/* ---- candidates ----------------------------------------------------------------------------------------------------------- */

static cuv_status add_candidate(cuv_recovering *r, cuv_prepared *p, const uint8_t *values, double score, double max_abs,
                                const char ***names)
{
    cuv_candidate_config *c = &r->out->candidates[r->out->count];
    cuv_apply(p, values);
    CUV_TRY(cuv_structure_config(r->cx, r->arena, &p->s, c, names));
    c->score = score;
    c->max_abs = max_abs;
    r->out->count++;
    return CUV_OK;
}

static unsigned likely_output(const cuv_prepared *p, int output)
{
    const cuv_flow *f = &p->s.nodes[p->s.outputs[output]].out;
    const cuv_flow *in = &p->s.inputs[0];
    if (cuv_flow_same(f, in))
        return f->rank > 1 ? CUV_A_SIGMOID : CUV_A_LINEAR;
    return f->at[f->rank - 1] > 1 ? CUV_A_SOFTMAX : CUV_A_SIGMOID;
}

static void likely_values(const cuv_prepared *p, uint8_t *values)
{
    for (size_t i = 0; i < p->count; i++) {
        const cuv_choice_slot *s = &p->slots[i];
        values[i] = 0;
        if (s->kind == CUV_S_OUT)
            values[i] = cuv_option_of_act(s, likely_output(p, s->output));
        else if (s->kind == CUV_S_HIDDEN || s->kind == CUV_S_BEFORE_CONCAT || s->kind == CUV_S_ACTIVATION || s->kind == CUV_S_AFTER_NORM)
            values[i] = cuv_option_of_act(s, p->usual < CUV_ACT_COUNT ? p->usual : CUV_A_RELU);
    }
    cuv_heed_statistics(p, values);
}

static cuv_status assume(cuv_recovering *r)
{
    size_t wanted = r->options->top ? r->options->top : 1;
    const char **names;
    for (size_t i = 0; i < r->count && r->out->count < wanted; i++) {
        cuv_prepared p;
        CUV_TRY(cuv_prepare(r->cx, r->arena, &r->structures[i], &p));
        uint8_t *values = CUV_NEW_ARRAY(r->arena, uint8_t, p.count + 1);
        if (!values)
            return cuv_oom(r->cx);
        CUV_TRY(cuv_ask_statistics(r->cx, r->arena, &p));
        likely_values(&p, values);
        CUV_TRY(add_candidate(r, &p, values, exp(r->structures[0].cost - r->structures[i].cost), NAN, &names));
        if (i == 0)
            CUV_TRY(cuv_decisions_of(r->cx, r->arena, &p, values, names, r->remains, NULL, r->out));
    }
    return CUV_OK;
}

/* The next best structures, each with its best choices. */
static cuv_status add_others(cuv_recovering *r, cuv_search *s)
{
    uint8_t *used = CUV_NEW_ARRAY(r->arena, uint8_t, s->count + 1);
    const char **names;
    if (!used)
        return cuv_oom(r->cx);
    used[s->best.structure] = 1;
    cuv_sort_hits(s);
    for (size_t i = 0; i < s->hit_count && r->out->count < r->options->top; i++) {
        const cuv_hit *h = &s->hits[i];
        double ratio, max_abs;
        if (used[h->structure])
            continue;
        used[h->structure] = 1;
        CUV_TRY(cuv_try_all(s, h->structure, h->values, &ratio, &max_abs));
        CUV_TRY(add_candidate(r, &s->structures[h->structure], h->values, ratio <= 1 ? 1 : 1 / (1 + h->error), max_abs, &names));
    }
    return CUV_OK;
}

static cuv_status conclude(cuv_recovering *r, cuv_search *s)
{
    cuv_proof proof;
    const char **names;
    if (!s->found)
        return cuv_not_found(r, s);
    r->out->noise = s->noise;
    CUV_TRY(cuv_prove(s, r->ev->samples->file->name, &proof));
    CUV_TRY(add_candidate(r, &s->structures[s->best.structure], s->best.values, 2, s->best.max_abs, &names));
    CUV_TRY(cuv_decisions_of(r->cx, r->arena, &s->structures[s->best.structure], s->best.values, names, r->remains, &proof, r->out));
    return add_others(r, s);
}

/* ---- the search's samples --------------------------------------------------------------------------------------------------- */

static void first_rows(const cuv_run_tensor *from, size_t count, size_t rows, cuv_run_tensor *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].shape[0] = (int64_t)rows;
    }
}

/* Numbers of one sample. */
static size_t values_of_one(const cuv_run_tensor *t)
{
    size_t n = 1;
    for (int i = 1; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

static cuv_status set_up_scout(cuv_recovering *r, cuv_search *s, size_t part)
{
    cuv_run_tensor in[CUV_MAX_ENDS], out[CUV_MAX_ENDS];
    size_t values = 0;
    for (size_t i = 0; i < r->input_count; i++)
        values += values_of_one(&r->inputs[i]);
    if (part <= 2 || values < 64)
        return CUV_OK;          /* two are no faster */
    first_rows(r->inputs, r->input_count, 2, in);
    first_rows(r->outputs, r->output_count, 2, out);
    CUV_TRY(cuv_evaluator_new(r->ev, &r->effort, in, r->input_count, &s->scout));
    return cuv_target_new(r->cx, r->arena, out, r->output_count, r->options->rtol, r->options->atol, &s->scout_target);
}

static bool has_network(const cuv_recovering *r)
{
    for (size_t i = 0; i < r->reading_count; i++)
        for (size_t k = 0; k < r->readings[i].count; k++)
            if (r->readings[i].units[k].network)
                return true;
    return false;
}

static cuv_status set_up(cuv_recovering *r, cuv_search *s)
{
    size_t n = (size_t)r->inputs[0].shape[0], most = has_network(r) ? SAMPLES_OF_NETWORKS : ALL_SAMPLES, all = n < most ? n : most, held = all < 8 ? all / 2 : all / 4;
    size_t part = all - held < PART_SAMPLES ? all - held : PART_SAMPLES, values = 0;
    for (size_t i = 0; i < r->output_count; i++)
        values += values_of_one(&r->outputs[i]);
    size_t enough = values ? PART_VALUES / values + 2 : 2;       /* many outputs: fewer samples do */
    part = part < enough ? part : enough;
    cuv_run_tensor in[CUV_MAX_ENDS], out[CUV_MAX_ENDS];
    s->held_back = all - part;
    first_rows(r->inputs, r->input_count, part, in);
    first_rows(r->outputs, r->output_count, part, out);
    CUV_TRY(cuv_evaluator_new(r->ev, &r->effort, in, r->input_count, &s->part));
    CUV_TRY(cuv_target_new(r->cx, r->arena, out, r->output_count, r->options->rtol, r->options->atol, &s->part_target));
    CUV_TRY(set_up_scout(r, s, part));
    first_rows(r->inputs, r->input_count, all, in);
    first_rows(r->outputs, r->output_count, all, out);
    CUV_TRY(cuv_evaluator_new(r->ev, &r->effort, in, r->input_count, &s->all));
    CUV_TRY(cuv_target_new(r->cx, r->arena, out, r->output_count, r->options->rtol, r->options->atol, &s->all_target));
    s->ev = r->ev;
    s->input_count = r->input_count;
    memcpy(s->all_inputs, in, sizeof in);
    s->structures = CUV_NEW_ARRAY(r->arena, cuv_prepared, r->count);
    if (!s->structures)
        return cuv_oom(r->cx);
    for (s->count = 0; s->count < r->count; s->count++)
        CUV_TRY(cuv_prepare(r->cx, r->arena, &r->structures[s->count], &s->structures[s->count]));
    return CUV_OK;
}

static cuv_status search(cuv_recovering *r)
{
    cuv_search s = {.cx = r->cx, .arena = r->arena, .most = MOST_TRIES, .effort = &r->effort, .until = r->seconds,
                    .proof_until = r->options->seconds > 0 ? r->seconds * PROOF_ENDS : 0};
    cuv_status status = set_up(r, &s);
    if (status == CUV_OK)
        status = cuv_search_run(&s);
    if (status == CUV_OK)
        status = conclude(r, &s);
    cuv_evaluator_free(s.scout);
    cuv_evaluator_free(s.part);
    cuv_evaluator_free(s.all);
    return status;
}

cuv_status cuv_recover(cuv_evidence *ev, const cuv_remains *remains, const cuv_recover_options *options, cuv_arena *arena, cuv_recovery **out)
{
    cuv_recovering r = {.ev = ev, .cx = ev->cx, .arena = arena, .remains = remains, .options = options, .effort = {0, options->seconds > 0 ? cuv_monotonic_seconds() : 0},
                  .seconds = options->seconds > 0 ? options->seconds : RECOVER_SECONDS};
    *out = r.out = CUV_NEW(arena, cuv_recovery);
    if (!r.out)
        return cuv_oom(ev->cx);
    r.out->candidates = CUV_NEW_ARRAY(arena, cuv_candidate_config, (options->top ? options->top : 1) + 1);
    if (!r.out->candidates)
        return cuv_oom(ev->cx);
    bool tokens = !ev->samples;
    if (ev->samples)
        CUV_TRY(cuv_take_samples(&r));
    for (size_t i = 0; i < r.input_count; i++)
        tokens |= r.inputs[i].rank == 2 && cuv_all_whole(&r.inputs[i]);
    CUV_TRY(cuv_read_units(ev->cx, arena, remains, tokens, r.readings, &r.reading_count, &r.near));
    CUV_TRY(wire_all(&r));
    return ev->samples ? search(&r) : assume(&r);
}
