/* What wire.c and wire_layers.c share: states of a wiring that grows layer by layer. */
#ifndef CUV_RECOVER_WIRING_H
#define CUV_RECOVER_WIRING_H

#include "recover/structure.h"

typedef struct cuv_trial cuv_trial;

enum { MAX_LIVE = 28, MAX_SPOTS = 96 };

/* A node of a wiring and those before it; wirings that begin alike share them. */
typedef struct cuv_link { const struct cuv_link *prev; cuv_rnode node; int32_t index; bool kept; } cuv_link;
/* A tensor that a layer can take; `born`: the unit that was being placed when it was made, or that before it; `dull`: a normalisation or an
 * activation reads it, and then hardly anything else does; `merged`: so does a merge, whose result is read instead;
 * `normed`: a normalisation of each step reads it; `by`: the kind of layer that gives it; `squeezed`: its means over all positions are read; `left`: what reads it makes it smaller, so that the way up of a U-net may come back to it. */
typedef struct cuv_live { int32_t id, born; cuv_flow type; uint8_t by; bool used, dull, merged, left, squeezed, normed; } cuv_live;

/* What a wiring has done so far (habits.c). People repeat themselves: what was done before costs less when it is done again. */
enum { CUV_HABITS = 6 };
typedef struct cuv_habit { uint8_t what, span, reader; } cuv_habit;     /* a merge or a second reader, over so many units, for such a layer */
typedef struct cuv_habits {
    cuv_habit known[CUV_HABITS];
    uint8_t count, pad, pool;       /* padding of the last convolution and index of the last pool, plus 1; 0: none yet */
    bool strided, doubled;
    int32_t read_again;             /* the tensor that got one more reader last */
    uint8_t over;                   /* what sums add: 1: what a normalisation gave; 2: what one took; 0: not known yet */
    int32_t added;                  /* when the last sum was made; -1: none yet */
} cuv_habits;

/* A way to put activations throughout: which one, after normalisations or before them, after sums or not. */
enum { CUV_WAYS = 20 };
typedef struct cuv_way { uint8_t act; bool norm_first, after_merge; double cost; } cuv_way;

typedef struct cuv_wstate {
    double cost;
    double told;                    /* nats of the cost that samples have told (trial.h) */
    float ways[CUV_WAYS];           /* the same for each way; infinite: out of the question */
    const cuv_link *last;
    uint64_t class_hash, bones;     /* what is wired, with the sizes that result, and without */
    cuv_habits habits;
    int32_t nodes;
    int live_count;
    cuv_live live[MAX_LIVE];
} cuv_wstate;
/* A tensor of a state, and what it costs to take it. */
typedef struct cuv_spot { const cuv_wstate *state; int at; double cost; } cuv_spot;
typedef struct cuv_spots { cuv_spot items[MAX_SPOTS]; size_t count; } cuv_spots;

/* What a layer wants: ranks, channels (-1: any), integers. */
typedef struct cuv_want { int low, high; int64_t channels; bool tokens; } cuv_want;

typedef struct cuv_wirer {
    cuv_context *cx;
    cuv_arena *arena, *step;        /* step: what is made for one layer, gone after it */
    const cuv_reading *reading;
    const cuv_ends *ends;
    bool complete, attention, grows;
    bool uneven;                    /* windows need not be square */
    int reductions;                 /* merges that can still come: an upper bound */
    size_t at;                      /* unit being placed */
    double strays, follows;         /* what it costs that it reads again, and that it reads the tensor made last, for what usually stands there */
    cuv_wstate **next;
    size_t next_count, next_capacity;
    float least[CUV_WAYS];          /* by way, the least that any state is told */
    double bound;                   /* states that cost more are not wanted: so many cheaper ones are there */
    struct cuv_sizes *reach;        /* by unit: sizes of its output from which the next Flatten can be met; NULL: not known */
    size_t reach_end;
    bool to_output;                 /* they lead to the output, which has sizes */
    cuv_status status;              /* sticky */
} cuv_wirer;

/* The pools that wirings may have, the usual one first; those from CUV_POOLS on are not square, along the first axis `window` and along the second
 * `window2`. What reach.c allows and what wire_layers.c places must be the same. */
enum { CUV_POOLS = 7, CUV_POOLS_1D = 3, CUV_POOLS_ALL = 13 };
extern const struct cuv_pool { int window, stride, pad; double cost; int window2; } cuv_pools[CUV_POOLS_ALL];
size_t cuv_pool_count(const cuv_wirer *w, int rank);            /* how many of them fit a tensor of so many axes */
cuv_choice cuv_pool_choice(size_t pool);
bool cuv_pooled(const cuv_flow *f, size_t pool, cuv_flow *out);  /* false: it cannot be, or is the same as another one */
/* Strides that differ along two axes: 1 and `n`, or `n` and 1. */
enum { CUV_UNEVEN = 2 };
extern const uint8_t cuv_uneven[CUV_UNEVEN][2];

/* Sizes that can be reached (reach.c). */
typedef struct cuv_sizes { int32_t (*at)[3]; size_t count; } cuv_sizes;
CUV_MUST_USE cuv_status cuv_find_reach(cuv_wirer *w);
bool cuv_in_reach(const cuv_wirer *w, const cuv_flow *f);

/* habits.c: what a step costs, given what was done before. */
bool cuv_is_widening(const cuv_runit *u);
double cuv_cost_of_padding(const cuv_habits *h, int pad);
double cuv_cost_of_stride(const cuv_habits *h, const cuv_runit *u, int stride);
double cuv_cost_of_pool(const cuv_habits *h, size_t pool, double first);
double cuv_cost_of_listed_pool(const cuv_habits *h, size_t pool);
/* A merge of kind `what`, or a further reader (CUV_READ_AGAIN), of a tensor that was made `span` units ago; `first`: for the first time. */
enum { CUV_READ_AGAIN = 200 };
double cuv_cost_of_habit(const cuv_habits *h, int what, int span, int reader, double first);
uint8_t cuv_sum_is_over(const cuv_live *from);                  /* as cuv_habits.over, of a sum that adds this */
/* A convolution that makes nothing smaller though it gives more channels, or one of many alike without a sum between them. */
double cuv_cost_of_plainness(const cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u, bool strided, int32_t source);
double cuv_cost_of_breaking(const cuv_wirer *w, const cuv_wstate *s);
void cuv_note_habits(const cuv_wirer *w, const cuv_wstate *before, const cuv_rnode *node, cuv_habits *h);

/* A new state with one more layer; NULL: it cannot be listed there, it costs too much, or no memory, which w->status keeps. */
const cuv_wstate *cuv_wire_node(cuv_wirer *w, const cuv_wstate *s, const cuv_rnode *node, double cost);
/* It has its layer: it goes on to the next one. */
void cuv_wire_emit(cuv_wirer *w, const cuv_wstate *s);
/* wire_ends.c: states that have all layers, as structures; the cheapest first, at most `most`. */
CUV_MUST_USE cuv_status cuv_wire_finish(cuv_wirer *w, const cuv_wstate *states, size_t count, size_t most, cuv_structure **out,
                                        size_t *found);

/* ---- sources.c ---- */

const cuv_flow *cuv_spot_flow(const cuv_spot *p);
int32_t cuv_spot_id(const cuv_spot *p);
void cuv_add_spot(cuv_spots *to, const cuv_wstate *s, int at, double cost);
/* The tensor that was made last; nothing when `s` is NULL. */
void cuv_add_last(cuv_spots *to, const cuv_wstate *s);
/* Tensors that nobody has read yet. */
int cuv_count_open(const cuv_wstate *s);
cuv_rnode cuv_node_on(cuv_rkind kind, int32_t unit, const cuv_spot *p, const cuv_flow *out);
/* One more layer on a spot. */
const cuv_wstate *cuv_wire_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, int32_t unit, const cuv_flow *out, cuv_choice choice,
                              double cost);
/* After an UpSampling, which there may be where the output has sizes. */
cuv_flow cuv_doubled(const cuv_flow *f);
bool cuv_grows_to_output(const cuv_wirer *w, const cuv_flow *f);
const cuv_wstate *cuv_wire_upsampled(cuv_wirer *w, const cuv_spot *p);
/* Merges of one kind that give what is wanted (NULL: anything). */
void cuv_find_merges(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const cuv_want *want, cuv_spots *to);
/* Tensors that fit, the last one first; with `merging`, merges that give one that fits, where the carrier lists no merges. */
void cuv_find_sources(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, bool merging, size_t most, cuv_spots *to);

/* ---- wire_shapes.c: layers that only change shapes ---- */

enum { CUV_SHAPES = 8 };
/* What a Reshape can make of a tensor, given the layers from unit `next` on; the likeliest first. */
size_t cuv_find_shapes(const cuv_wirer *w, const cuv_flow *from, size_t next, cuv_flow out[CUV_SHAPES]);
/* Adds the last tensor, if nobody has read it, with a Reshape or a RepeatVector on it that gives what the unit takes. */
void cuv_add_reshaped(cuv_wirer *w, const cuv_wstate *s, cuv_spots *to);
/* The last tensor as one factor for each channel of a tensor whose means it was made of ("squeeze and excite"). */
void cuv_add_scaled(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, cuv_spots *to);
/* Do two convolutions follow that first give fewer and then as many channels again? */
bool cuv_is_squeeze(const cuv_wirer *w);
/* Means of a tensor as a picture of one position, where two convolutions of such pictures follow. */
void cuv_add_squeezed(cuv_wirer *w, const cuv_spot *p, cuv_spots *to);
/* A listed Reshape, RepeatVector, Permute, ZeroPadding2D or Cropping2D; false: it is none of these. */
bool cuv_wire_shape(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost);

/* ---- wire_joins.c: what no weight shows at the ends of branches ---- */

/* All tensors that nobody has read, each made flat (maxima or means of all positions, Flatten, a pool and a Flatten) and put behind each other,
 * where that gives so many channels. */
void cuv_add_joined(cuv_wirer *w, const cuv_wstate *s, int64_t wanted, cuv_spots *to);
/* What may come after the last layer of weights, where that gives the output: merges, a Reshape. */
void cuv_find_closings(cuv_wirer *w, const cuv_wstate *s, cuv_spots *to);

/* Puts one layer, in every way that fits, on top of a state (wire_layers.c). */
void cuv_wire_unit(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u);

#endif
