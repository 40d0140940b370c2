/* The numbers of calls as Keras 3.0 to 3.2 wrote them. A wire names a call of a layer by its number among the calls that the configuration lists. 3.0
 * and 3.1 wrote the number among all calls that were ever made, also those outside of the model; 3.2 wrote 0 for each of them. (Those of output_layers
 * are right in all versions.) Every call that is listed leads to an output, so each is read by somebody: that settles it, or it is refused. Keras
 * itself refuses such files, or wires them wrongly. A bare configuration says no version: where it names a call that there is not, it is of 3.0 or 3.1, and
 * where of several calls it names the first alone, of 3.2. */
#include "model/graph_parse.h"

#include <limits.h>
#include <stdlib.h>

typedef struct layer_numbers {
    int64_t *stated;            /* the numbers that wires state: each once, from the smallest */
    size_t count, capacity;
    int64_t references;         /* how many wires */
    int32_t *calls;             /* what they mean: the k-th number, or with `by_turns` the k-th wire; NULL: what they say */
    bool by_turns;
    int64_t taken;
} layer_numbers;

struct cuv_node_numbers { layer_numbers *of; };

typedef struct reader {
    struct cuv_model *m;
    cuv_graph *g;
    const cuv_map *by_name;
    const int32_t *first_call;
    layer_numbers *of;
    bool *ends;                 /* by call: an output of the model */
} reader;

static cuv_status note_number(reader *r, layer_numbers *l, int64_t number)
{
    size_t at = 0;
    l->references++;
    while (at < l->count && l->stated[at] < number)
        at++;
    if (at < l->count && l->stated[at] == number)
        return CUV_OK;
    int64_t *stated = cuv_arena_grow(r->m->arena, l->stated, l->count, &l->capacity, sizeof *stated);
    if (!stated)
        return cuv_oom(r->m->cx);
    l->stated = stated;
    memmove(stated + at + 1, stated + at, (l->count - at) * sizeof *stated);
    stated[at] = number;
    l->count++;
    return CUV_OK;
}

static cuv_status read_wires(reader *r, const cuv_value *v, unsigned depth)
{
    const cuv_value *history = cuv_get(cuv_get(v, "config"), "keras_history");
    if (!v || depth > cuv_context_limits(r->m->cx)->depth)
        return CUV_OK;
    if (cuv_is_keras_tensor(v) && cuv_is_wire_triple(history)) {
        int64_t number;
        size_t at = (size_t)(uintptr_t)cuv_map_get(r->by_name, cuv_text(cuv_item(history, 0)));
        (void)cuv_as_int(cuv_item(history, 1), &number);
        return at ? note_number(r, &r->of[at - 1], number) : CUV_OK;
    }
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        CUV_TRY(read_wires(r, v->pairs[i].value, depth + 1));
    for (size_t i = 0; cuv_is_seq(v) && i < cuv_len(v); i++)
        CUV_TRY(read_wires(r, cuv_item(v, i), depth + 1));
    return CUV_OK;
}

static int64_t calls_of(const reader *r, size_t layer)
{
    return r->first_call[layer + 1] - r->first_call[layer];
}

static void read_ends(reader *r, const cuv_value *v, unsigned depth)
{
    int64_t number;
    if (!v || depth > 16)
        return;
    if (cuv_is_wire_triple(v)) {
        size_t at = (size_t)(uintptr_t)cuv_map_get(r->by_name, cuv_text(cuv_item(v, 0)));
        (void)cuv_as_int(cuv_item(v, 1), &number);
        if (at && r->g->layers[at - 1]->model && number > 0)        /* the model's own making counts as a call there */
            number--;
        if (at && number >= 0 && number < calls_of(r, at - 1))
            r->ends[r->first_call[at - 1] + number] = true;
        return;
    }
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        read_ends(r, v->pairs[i].value, depth + 1);
    for (size_t i = 0; cuv_is_seq(v) && i < cuv_len(v); i++)
        read_ends(r, cuv_item(v, i), depth + 1);
}

/* The calls of a layer in order: all, or those that are no output. Returns how many. */
static int64_t list_calls(const reader *r, size_t layer, bool all, int32_t *calls)
{
    int64_t n = 0;
    for (int32_t k = 0; k < calls_of(r, layer); k++)
        if (all || !r->ends[r->first_call[layer] + k])
            calls[n++] = k;
    return n;
}

/* Do the numbers as they are name each call that is no output, and none that there is not? */
static bool are_right(const reader *r, size_t layer, const layer_numbers *l)
{
    size_t at = 0;
    if (l->stated[l->count - 1] >= calls_of(r, layer))
        return false;
    for (int64_t k = 0; k < calls_of(r, layer); k++) {
        const bool named = at < l->count && l->stated[at] == k;
        at += named;
        if (!named && !r->ends[r->first_call[layer] + k])
            return false;
    }
    return true;
}

static cuv_status untold(const reader *r, size_t layer, int minor)
{
    return cuv_fail(r->m->cx, CUV_UNSUPPORTED, "config.shared_calls", &(cuv_detail){.layer = r->g->layers[layer]->name,
                    .help = "a script that builds the model, given with the file, tells it; or save the model anew with another Keras"},
                    "which call of '%s' each layer takes is lost: Keras 3.%d wrote %s", r->g->layers[layer]->name, minor,
                    minor < 2 ? "numbers that count calls outside of the model" : "0 for all of them");
}

/* Of a bare configuration: a call that there is not was named by 3.0 or 3.1; 3.2 named the first of several, and none of the others. */
static int minor_of(const reader *r, size_t layer)
{
    const layer_numbers *l = &r->of[layer];
    if (!l->count)
        return INT_MAX;
    if (l->stated[l->count - 1] >= calls_of(r, layer))
        return 1;
    return !l->stated[l->count - 1] && l->references > 1 && !are_right(r, layer, l) ? 2 : INT_MAX;
}

static cuv_status settle(reader *r, size_t layer, int minor)
{
    layer_numbers *l = &r->of[layer];
    minor = minor == INT_MAX ? minor_of(r, layer) : minor;
    const int64_t n = calls_of(r, layer), given = minor != 2 ? (int64_t)l->count : l->references;
    if (minor == INT_MAX || !l->count || (minor < 2 ? are_right(r, layer, l) : n < 2 || l->stated[l->count - 1] > 0))
        return CUV_OK;
    l->calls = CUV_NEW_ARRAY(r->m->arena, int32_t, (size_t)n + 1);
    if (!l->calls)
        return cuv_oom(r->m->cx);
    if (list_calls(r, layer, true, l->calls) != given && list_calls(r, layer, false, l->calls) != given)
        return untold(r, layer, minor);
    l->by_turns = minor == 2;
    r->g->renumbered = true;
    return cuv_model_decide(r->m, r->g->layers[layer]->name, "calls", l->by_turns ? "in the order in which they are read" : "in the order of their numbers",
                            l->by_turns ? CUV_ASSUMED : CUV_INFERRED,
                            l->by_turns ? "Keras 3.2 wrote 0 for the number of each call" : "Keras 3.0 and 3.1 number calls outside of the model, too",
                            l->by_turns ? "any other order" : NULL);
}

cuv_status cuv_node_numbers_make(struct cuv_model *m, cuv_graph *g, const cuv_value *config, const cuv_map *by_name, const int32_t *first_call,
                                 const cuv_layer *like, struct cuv_node_numbers **out)
{
    *out = NULL;
    if (like->keras != 3 || (like->keras_minor > 2 && like->keras_minor != INT_MAX))
        return CUV_OK;
    reader r = {m, g, by_name, first_call, CUV_NEW_ARRAY(m->arena, layer_numbers, g->layer_count + 1),
                CUV_NEW_ARRAY(m->arena, bool, (size_t)first_call[g->layer_count] + 1)};
    struct cuv_node_numbers *made = CUV_NEW(m->arena, struct cuv_node_numbers);
    if (!r.of || !r.ends || !made)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->layer_count; i++)
        CUV_TRY(read_wires(&r, cuv_get(cuv_item(cuv_get(config, "layers"), i), "inbound_nodes"), 0));
    read_ends(&r, cuv_get(config, "output_layers"), 0);
    for (size_t i = 0; i < g->layer_count; i++)
        CUV_TRY(settle(&r, i, like->keras_minor));
    made->of = r.of;
    *out = made;
    return CUV_OK;
}

int64_t cuv_node_number(struct cuv_node_numbers *numbers, size_t layer, int64_t stated)
{
    layer_numbers *l = numbers ? &numbers->of[layer] : NULL;
    if (!l || !l->calls)
        return stated;
    if (l->by_turns)
        return l->taken < l->references ? l->calls[l->taken++] : -1;
    for (size_t i = 0; i < l->count; i++)
        if (l->stated[i] == stated)
            return l->calls[i];
    return -1;
}
