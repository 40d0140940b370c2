/* What wire.c and wire_layers.c share: states of a wiring that grows layer by layer. */
#ifndef CUV_RECOVER_WIRING_H
#define CUV_RECOVER_WIRING_H

#include "recover/structure.h"

enum { MAX_LIVE = 12, MAX_SPOTS = 96 };

/* A node of a wiring and those before it; wirings that begin alike share them. */
typedef struct cuv_link { const struct cuv_link *prev; cuv_rnode node; int32_t index; bool kept; } cuv_link;
/* A tensor that a layer can take. */
typedef struct cuv_live { int32_t id; cuv_flow type; bool used; } cuv_live;
typedef struct cuv_wstate {
    double cost;
    const cuv_link *last;
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
    int reductions;                 /* merges that can still come: an upper bound */
    size_t at;                      /* unit being placed */
    cuv_wstate **next;
    size_t next_count, next_capacity;
    struct cuv_sizes *reach;        /* by unit: sizes of its output from which the next Flatten can be met; NULL: not known */
    size_t reach_end;
    cuv_status status;              /* sticky */
} cuv_wirer;

/* The pools that wirings may have, the usual one first. What reach.c allows and what wire_layers.c places must be the same. */
enum { CUV_POOLS = 7, CUV_POOLS_1D = 3 };
extern const struct cuv_pool { int window, stride, pad; double cost; } cuv_pools[CUV_POOLS];

/* Sizes that can be reached (reach.c). */
typedef struct cuv_sizes { int32_t (*at)[3]; size_t count; } cuv_sizes;
CUV_MUST_USE cuv_status cuv_find_reach(cuv_wirer *w);
bool cuv_in_reach(const cuv_wirer *w, const cuv_flow *f);

/* A new state with one more layer; NULL: it cannot be listed there, or no memory, which w->status keeps. */
const cuv_wstate *cuv_wire_node(cuv_wirer *w, const cuv_wstate *s, const cuv_rnode *node, double cost);
/* It has its layer: it goes on to the next one. */
void cuv_wire_emit(cuv_wirer *w, const cuv_wstate *s);
/* Puts one layer, in every way that fits, on top of a state (wire_layers.c). */
void cuv_wire_unit(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u);

#endif
