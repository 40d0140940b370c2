/* What samples prove: that outputs are reproduced says little when there are few of them or when thousands of structures were tried, and nothing
 * of a choice that changes no output. Each is weighed by itself (5.7 of the study). */
#include "recover/moments.h"
#include "recover/network.h"
#include "recover/proof.h"

#define BITS_MORE 20.0      /* beyond what chance gives with as many tries */
#define TOLD_APART 10.0     /* a choice is told apart when it is this many tolerances off */

/* Bits that the outputs that the search did not see are worth: each as many as its spread has steps of the tolerance. */
static double bits_of(const cuv_search *s)
{
    const cuv_target *t = s->all_target;
    double bits = 0;
    size_t first = t->samples - s->held_back;
    for (size_t o = 0; o < t->outputs; o++) {
        size_t per = t->count[o] / t->samples;
        for (size_t k = 0; k < per; k++) {
            double low = INFINITY, high = -INFINITY;
            for (size_t i = 0; i < t->samples; i++) {
                low = fmin(low, t->y[o][i * per + k]);
                high = fmax(high, t->y[o][i * per + k]);
            }
            for (size_t i = first; i < t->samples; i++) {
                double y = t->y[o][i * per + k], tolerance = t->atol + t->rtol * fabs(y);
                bool seen = false;      /* the same value again proves nothing anew */
                for (size_t j = 0; j < i && !seen; j++)
                    seen = fabs(t->y[o][j * per + k] - y) <= tolerance;
                if (!seen && high - low > tolerance)
                    bits += log2((high - low) / tolerance);
            }
        }
    }
    return bits;
}

/* Time for the proof is over: what is not compared yet is not proven. */
static bool is_late(const cuv_search *s, cuv_proof *out)
{
    out->unfinished = out->unfinished || (s->proof_until > 0 && cuv_effort_now(s->effort) > s->proof_until);
    return out->unfinished;
}

/* The ratio on all samples; on two of them only where these are already off by more than `most`. */
static cuv_status ratio_up_to(cuv_search *s, const uint8_t *values, double most, double *ratio, double *max_abs)
{
    CUV_TRY(cuv_try_scout(s, s->best.structure, values, ratio));
    return *ratio > most ? CUV_OK : cuv_try_all(s, s->best.structure, values, ratio, max_abs);
}

/* Any one choice that brings the outputs nearer by far takes the place of the chosen one. */
static cuv_status polish(cuv_search *s, cuv_proof *out)
{
    cuv_prepared *p = &s->structures[s->best.structure];
    uint8_t *v = s->best.values;
    for (int round = 0; round < 4; round++) {
        bool better = false;
        for (size_t i = 0; i < p->count; i++)
            for (uint8_t o = 0; o < p->slots[i].count && s->best.ratio > .02 && !is_late(s, out); o++) {
                uint8_t was = v[i];
                double ratio, max_abs;
                if (o == was)
                    continue;
                v[i] = o;
                s->evaluated++;
                CUV_TRY(ratio_up_to(s, v, s->best.ratio, &ratio, &max_abs));
                v[i] = was;
                if (ratio * 3 < s->best.ratio) {
                    v[i] = o;
                    s->best.ratio = ratio;
                    s->best.max_abs = max_abs;
                    better = true;
                }
            }
        if (!better)
            return CUV_OK;
    }
    return CUV_OK;
}

/* Which options change no output beyond what the tolerance hides. */
static cuv_status find_equal(cuv_search *s, cuv_proof *out)
{
    cuv_prepared *p = &s->structures[s->best.structure];
    uint8_t *v = s->best.values;
    out->equal = CUV_NEW_ARRAY(s->arena, uint64_t, p->count + 1);
    if (!out->equal)
        return cuv_oom(s->cx);
    for (size_t i = 0; i < p->count; i++)
        for (uint8_t o = 0; o < p->slots[i].count && o < 64 && !is_late(s, out); o++) {
            uint8_t was = v[i];
            double ratio, max_abs;
            if (o == was)
                continue;
            v[i] = o;
            cuv_status status = ratio_up_to(s, v, TOLD_APART, &ratio, &max_abs);
            v[i] = was;
            CUV_TRY(status);
            if (ratio <= TOLD_APART)
                out->equal[i] |= (uint64_t)1 << o;
        }
    return CUV_OK;
}

/* ---- elsewhere --------------------------------------------------------------------------------------------------------- */

/* Inputs like the samples, made of them: by turns each place along the first axis comes from some sample, or all are rolled along it. */
static cuv_status make_probe(cuv_search *s, const cuv_run_tensor *from, bool tokens, size_t rounds, cuv_run_tensor *to)
{
    size_t n = (size_t)from->shape[0], places = (size_t)from->shape[1], each = 1;
    uint64_t state = 1;
    for (int i = 2; i < from->rank; i++)
        each *= (size_t)from->shape[i];
    const float *x = from->data;
    float *y = CUV_NEW_ARRAY(s->arena, float, rounds * n * places * each + 1);
    if (!y)
        return cuv_oom(s->cx);
    *to = *from;
    to->shape[0] = (int64_t)(rounds * n);
    to->data = y;
    for (size_t row = 0; row < rounds * n; row++)
        for (size_t k = 0, by = 1 + row / n; k < places; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bool roll = from->rank > 2 && row / n % 2;
            size_t sample = roll ? row % n : (size_t)(state >> 33) % n, place = roll ? (k + by * places / (rounds + 1)) % places : k;
            memcpy(y + (row * places + k) * each, x + (sample * places + place) * each, each * sizeof *y);
            if (tokens && (state >> 40) % 4 == 0)
                y[row * places + k] = 0;        /* word 0, which may be masked */
        }
    return CUV_OK;
}

/* Numbers of all outputs in a row. */
static cuv_status outputs_on(cuv_search *s, cuv_evaluator *e, const uint8_t *values, double *out)
{
    const cuv_run_tensor *y;
    cuv_apply(&s->structures[s->best.structure], values);
    CUV_TRY(cuv_evaluate(e, &s->structures[s->best.structure].s, &y));
    for (size_t o = 0; o < s->all_target->outputs; o++) {
        size_t n = 1;
        for (int i = 0; i < y[o].rank; i++)
            n *= (size_t)y[o].shape[i];
        cuv_convert_to_f64(out, y[o].data, y[o].dtype, n);
        out += n;
    }
    return CUV_OK;
}

static bool tells_apart(const cuv_target *t, const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= TOLD_APART * (t->atol + t->rtol * fabs(a[i]))))
            return true;
    return false;
}

/* Does any choice that the samples do not tell from the best one give other outputs for inputs of the same kind? Then it is not the function
 * that is proven. */
static cuv_status compare_elsewhere(cuv_search *s, cuv_evaluator *e, size_t rounds, cuv_proof *out)
{
    cuv_prepared *p = &s->structures[s->best.structure];
    uint8_t *v = s->best.values;
    size_t n = 0;
    for (size_t o = 0; o < s->all_target->outputs; o++)
        n += rounds * s->all_target->count[o];
    double *a = CUV_NEW_ARRAY(s->arena, double, n + 1), *b = CUV_NEW_ARRAY(s->arena, double, n + 1);
    if (!a || !b)
        return cuv_oom(s->cx);
    CUV_TRY(outputs_on(s, e, v, a));
    for (size_t i = 0; i < p->count && !out->elsewhere; i++)
        for (uint8_t o = 0; o < p->slots[i].count && o < 64 && !out->elsewhere && !is_late(s, out); o++) {
            uint8_t was = v[i];
            if (!(out->equal[i] >> o & 1))
                continue;
            v[i] = o;
            cuv_status status = outputs_on(s, e, v, b);
            v[i] = was;
            if (status != CUV_OK && status != CUV_NO)
                return status;
            if (status == CUV_NO || tells_apart(s->all_target, a, b, n))
                out->elsewhere = cuv_format(s->cx, "%s %s or %s", cuv_slot_field(&p->slots[i]), cuv_choice_text(s->cx, &p->slots[i], was),
                                            cuv_choice_text(s->cx, &p->slots[i], o));
        }
    return CUV_OK;
}

static cuv_status look_elsewhere(cuv_search *s, cuv_proof *out)
{
    size_t n = s->all_target->samples, rounds = n > 8 ? 32 / n + 1 : 4;
    cuv_run_tensor probes[8];
    cuv_evaluator *e;
    for (size_t i = 0; i < s->input_count; i++)
        CUV_TRY(make_probe(s, &s->all_inputs[i], s->structures[s->best.structure].s.inputs[i].tokens, rounds, &probes[i]));
    CUV_TRY(cuv_evaluator_new(s->ev, s->effort, probes, s->input_count, &e));
    cuv_status status = compare_elsewhere(s, e, rounds, out);
    cuv_evaluator_free(e);
    return status == CUV_NO ? CUV_OK : status;
}

cuv_status cuv_prove(cuv_search *s, const char *samples, cuv_proof *out)
{
    *out = (cuv_proof){0};
    CUV_TRY(polish(s, out));
    CUV_TRY(find_equal(s, out));
    out->bits = bits_of(s);
    out->wanted = log2((double)s->evaluated + 1) + BITS_MORE;
    out->proven = s->held_back && out->bits > out->wanted && !is_late(s, out);
    if (out->proven)
        CUV_TRY(look_elsewhere(s, out));
    out->proven = out->proven && !out->elsewhere && !out->unfinished;
    const char *noise = s->noise > 0 ? cuv_format(s->cx, ", where rounding in so deep a network is measured as up to %.2g", s->noise) : "";
    out->why = cuv_format(s->cx, "%s: %zu samples reproduced, at most %.2g off%s, %zu of them not seen by the search (%zu tries)%s", samples,
                          s->all_target->samples, s->best.max_abs, noise, s->held_back, s->evaluated,
                          out->proven ? "" : out->unfinished ? "; time was over before all other choices were tried on them: give more with --time" : out->elsewhere
                              ? cuv_format(s->cx, "; they do not tell all choices apart (%s), and other inputs would: more samples may", out->elsewhere)
                              : cuv_format(s->cx, "; too few to prove it: %.0f bits of evidence, and %.0f are wanted", out->bits, out->wanted));
    return CUV_OK;
}

/* ---- decisions ------------------------------------------------------------------------------------------------------ */

typedef struct teller {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_prepared *p;
    const uint8_t *values;
    const char *const *names;
    const cuv_remains *remains;
    const cuv_proof *proof;
    cuv_recovery *out;
    size_t capacity;
} teller;

static cuv_status tell(teller *t, const char *layer, const char *field, const char *value, cuv_level level, const char *why,
                       const char *alternatives)
{
    cuv_found *grown = cuv_arena_grow(t->arena, t->out->found, t->out->found_count, &t->capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(t->cx);
    t->out->found = grown;
    grown[t->out->found_count++] = (cuv_found){layer, field, value, why, alternatives && *alternatives ? alternatives : NULL, level};
    return CUV_OK;
}

static cuv_level proven(const teller *t)
{
    return t->proof && t->proof->proven ? CUV_VERIFIED : CUV_ASSUMED;
}

static const char *tried_why(const teller *t)
{
    if (!t->proof)
        return "the likeliest one; no weight shows it, and there are no samples";
    if (t->proof->unfinished)
        return "the samples are reproduced with it; there was no time to try them with all others";
    return t->proof->proven ? "the samples are reproduced with it, and not without" : "the samples are reproduced with it, but they are too few to prove it";
}

static const char *node_text(const teller *t, const cuv_rnode *n)
{
    const cuv_runit *u = n->unit >= 0 ? &t->p->s.reading->units[n->unit] : NULL;
    return u && u->network ? u->network->net->network->name : cuv_rkind_name(n->kind);
}

static cuv_status tell_architecture(teller *t)
{
    const char *text = "";
    size_t shown = 0;
    for (size_t i = 0; i < t->p->s.count; i++)
        if (t->names[i] && !t->p->s.nodes[i].twin && t->p->s.nodes[i].kind != CUV_R_REST && ++shown <= 12)
            text = cuv_format(t->cx, "%s%s%s", text, *text ? ", " : "", node_text(t, &t->p->s.nodes[i]));
    if (shown > 12)
        text = cuv_format(t->cx, "%s and %zu more", text, shown - 12);
    return tell(t, NULL, "architecture", cuv_format(t->cx, "recovered from tensors: %s", text), proven(t),
                cuv_format(t->cx, "no file tells it; the tensors are read in %s; %s", t->remains->order_why,
                           t->proof ? t->proof->why : tried_why(t)),
                t->proof && t->proof->proven ? NULL : "--top lists other architectures");
}

/* Layers that are called once for each of several inputs. */
static cuv_status tell_shared(teller *t)
{
    const char *text = "";
    size_t shown = 0;
    for (size_t i = 0; i < t->p->s.count; i++) {
        const int32_t first = t->p->s.nodes[i].twin - 1;
        const char *name = first < 0 ? NULL : t->names[first];
        const size_t length = name ? strlen(name) : 0;
        bool known = !name;
        for (const char *at = text; !known && (at = strstr(at, name)) != NULL; at += length)
            known = (at == text || at[-1] == ' ') && (!at[length] || at[length] == ',');
        if (!known && ++shown <= 12)
            text = cuv_format(t->cx, "%s%s%s", text, *text ? ", " : "", name);
    }
    if (shown > 12)
        text = cuv_format(t->cx, "%s and %zu more", text, shown - 12);
    return shown ? tell(t, NULL, "shared layers", text, proven(t), tried_why(t), NULL) : CUV_OK;
}

static cuv_status tell_inputs(teller *t)
{
    bool given = t->proof != NULL;
    for (size_t i = 0; i < t->p->s.input_count && !given; i++) {
        const cuv_flow *f = &t->p->s.inputs[i];
        int64_t shape[CUV_MAX_RANK] = {-1};
        for (int k = 0; k < f->rank; k++)
            shape[k + 1] = f->at[k];
        CUV_TRY(tell(t, NULL, "input_shape", cuv_shape_text(t->cx, shape, f->rank + 1), f->rank > 1 ? CUV_ASSUMED : CUV_INFERRED,
                     f->rank > 1 ? "the weights tell only the channels; --input-shape states the rest" : "the first kernel's rows", NULL));
    }
    return CUV_OK;
}

static const char *network_text(teller *t, const cuv_net *net)
{
    const char *width = net->network->alphas ? cuv_format(t->cx, " of width %g", net->wish.alpha) : "";
    return cuv_format(t->cx, "%s%s, %s", net->network->name, width, net->wish.top ? "with its top" : "without its top");
}

static const char *network_choice(teller *t, const cuv_net *net, bool others)
{
    const char *at = net->network->variants, *text = "";
    for (int i = 0; at && *at; i++) {
        size_t size = strcspn(at, ";");
        if ((i == net->wish.variant) != others)
            text = cuv_format(t->cx, "%s%s%.*s", text, *text ? "; " : "", (int)size, at);
        at += size;
        at += strspn(at, "; ");
    }
    return text;
}

/* A known network: which one, and what speaks for it. */
static cuv_status tell_network(teller *t, const char *name, const cuv_net_place *p)
{
    const char *choice = network_choice(t, p->net, false), *listed = "";
    bool sure = t->proof && t->proof->proven;
    if (p->listed)
        listed = cuv_format(t->cx, "; of %zu layers that %s lists there, %zu are of its classes or names", p->listed, t->remains->source, p->met);
    CUV_TRY(tell(t, name, "network", network_text(t, p->net), sure ? CUV_VERIFIED : CUV_INFERRED,
                 cuv_format(t->cx, "%zu tensors in a row have the shapes of all of its weights, in Keras's order%s", p->count, listed), NULL));
    return *choice ? tell(t, name, "network variant", choice, proven(t), tried_why(t), sure ? NULL : network_choice(t, p->net, true)) : CUV_OK;
}

static cuv_status tell_class(teller *t, size_t i)
{
    const cuv_rnode *n = &t->p->s.nodes[i];
    const cuv_runit *u = n->unit >= 0 ? &t->p->s.reading->units[n->unit] : NULL;
    const char *name = cuv_rkind_name(n->kind);
    if (u && u->network)
        return tell_network(t, t->names[i], u->network);
    if (!t->names[i] || n->free_act || (n->kind == CUV_R_REST && !u))
        return CUV_OK;
    if (u && u->class_level == CUV_CERTAIN)
        return tell(t, t->names[i], "class", name, CUV_CERTAIN, cuv_format(t->cx, "%s says so", t->remains->source), NULL);
    if (u && u->count && !u->others && !(t->proof && t->proof->proven))
        return tell(t, t->names[i], "class", name, CUV_INFERRED, "the shapes of its weights", NULL);
    if (u && !u->count && n->kind == t->p->s.reading->units[n->unit].kind)
        return tell(t, t->names[i], "class", name, CUV_INFERRED, cuv_format(t->cx, "by its name in %s", t->remains->source), NULL);
    return tell(t, t->names[i], "class", name, proven(t), tried_why(t), proven(t) == CUV_VERIFIED ? NULL : u ? u->others : NULL);
}

static cuv_status tell_wiring(teller *t, size_t i)
{
    const cuv_rnode *n = &t->p->s.nodes[i];
    const char *from = "";
    if (!t->names[i] || !(cuv_rkind_traits(n->kind) & CUV_RT_MERGE))
        return CUV_OK;
    for (int k = 0; k < n->in_count; k++) {
        int32_t at = n->in[k];
        while (at >= 0 && !t->names[at])
            at = t->p->s.nodes[at].in[0];
        from = cuv_format(t->cx, "%s%s%s", from, *from ? ", " : "", at < 0 ? cuv_format(t->cx, "input %d", -at) : t->names[at]);
    }
    return tell(t, t->names[i], "inputs", from, proven(t), tried_why(t), NULL);
}

static cuv_status tell_slot(teller *t, size_t i)
{
    const cuv_choice_slot *s = &t->p->slots[i];
    const char *value = cuv_choice_text(t->cx, s, t->values[i]), *others = "", *layer = t->names[s->node];
    uint64_t equal = t->proof ? t->proof->equal[i] : 0;
    size_t shown = 0;
    if (!layer && s->node > 0 && !equal)
        return CUV_OK;          /* room for an activation that is none */
    if (!layer && t->p->s.nodes[s->node].in[0] >= 0)
        layer = t->names[t->p->s.nodes[s->node].in[0]];
    for (uint8_t o = 0; o < s->count && o < 64; o++)
        if (o != t->values[i] && (!t->proof || equal >> o & 1) && ++shown <= 8)
            others = cuv_format(t->cx, "%s%s%s", others, *others ? "; " : "", cuv_choice_text(t->cx, s, o));
    const char *field = t->p->s.nodes[s->node].free_act && !t->names[s->node] ? "activation after it" : cuv_slot_field(s);
    if (s->kind < CUV_S_CELL && t->p->views && cuv_moment_is_sure(&t->p->views[i]) && !(t->proof && t->proof->proven && !equal) &&
        cuv_acts_look_alike(s->options[t->values[i]].choice.act, t->p->views[i].best))
        return tell(t, layer, field, value, CUV_INFERRED,
                    cuv_format(t->cx, "the stored statistics of the normalisations around it (means off by %.2g of their size); what looks alike "
                               "in them is among the alternatives", t->p->views[i].residual), others);
    if (equal)
        return tell(t, layer, field, value, CUV_ASSUMED, "the samples are reproduced with it, but also with the others", others);
    return tell(t, layer, field, value, proven(t), tried_why(t), others);
}

cuv_status cuv_decisions_of(cuv_context *cx, cuv_arena *arena, const cuv_prepared *p, const uint8_t *values, const char *const *names,
                            const cuv_remains *remains, const cuv_proof *proof, cuv_recovery *out)
{
    teller t = {cx, arena, p, values, names, remains, proof, out, 0};
    CUV_TRY(tell_architecture(&t));
    CUV_TRY(tell_inputs(&t));
    CUV_TRY(tell_shared(&t));
    for (size_t i = 0; i < p->s.count; i++) {
        if (p->s.nodes[i].twin)
            continue;
        CUV_TRY(tell_class(&t, i));
        CUV_TRY(tell_wiring(&t, i));
    }
    for (size_t i = 0; i < p->count; i++)
        CUV_TRY(tell_slot(&t, i));
    return CUV_OK;
}
