/* What slots.c, score.c, search.c and proof.c share: choices, and how near they come to the samples. */
#ifndef CUV_RECOVER_SEARCH_H
#define CUV_RECOVER_SEARCH_H

#include "recover/structure.h"

/* ---- slots: choices of a structure that no weight shows ------------------------------------------------------- */

typedef enum cuv_slot_kind {
    CUV_S_OUT,              /* activation of an output */
    CUV_S_HIDDEN,           /* of a layer inside */
    CUV_S_ACTIVATION,       /* of a listed Activation layer */
    CUV_S_BEFORE_CONCAT,    /* of a layer that only a Concatenate reads */
    CUV_S_BEFORE_NORM, CUV_S_BEFORE_MERGE, CUV_S_AFTER_NORM, CUV_S_AFTER_MERGE, CUV_S_AFTER_CONCAT,
    CUV_S_NORM_TO_MERGE,    /* after a normalisation that only merges read */
    CUV_S_BEFORE_POSITION,
    CUV_S_GATED, CUV_S_GATING,      /* of two layers whose product is taken */
    CUV_S_MERGE_TO_NORM,    /* after a merge that a normalisation reads */
    CUV_S_CELL, CUV_S_SLOPE, CUV_S_EPSILON, CUV_S_GATE, CUV_S_GROUPS, CUV_S_MASK, CUV_S_SCALE, CUV_S_WINDOW, CUV_S_BORDER, CUV_S_POOL, CUV_S_GLOBAL, CUV_S_MODE, CUV_S_CAUSAL
} cuv_slot_kind;

/* One value of a slot: what the node becomes. */
typedef struct cuv_option { cuv_rkind kind; cuv_choice choice; } cuv_option;
typedef struct cuv_choice_slot {
    cuv_slot_kind kind;
    int32_t node, copies[CUV_R_MAX_TWINS - 1];      /* copies: its twins */
    uint8_t copy_count;
    int output;                 /* CUV_S_OUT: which */
    bool fixed;                 /* the size that the node gives must stay as it was wired */
    cuv_option *options;
    uint8_t count, first;       /* first: what the structure has as it was wired */
} cuv_choice_slot;

typedef struct cuv_prepared {
    cuv_structure s;            /* own nodes, with room for activations where they may be */
    cuv_choice_slot *slots;
    size_t count;
    bool rigid;                 /* sizes must stay as they were wired: a Flatten, a merge or an output depends on them */
    bool apart;                 /* activations are listed as layers, so that layers of weights hardly have any */
    bool gated;                 /* products of two layers take the place of most activations */
    double least, from;         /* error of its best choices so far; of those that it was last gone downhill from */
    double scouted, explored;   /* the least error on two samples; the cost up to which its choices were tried */
    const struct cuv_moment_view *views;    /* by slot, what stored statistics say (moments.h); NULL: nothing, or not asked yet */
    unsigned usual;             /* activation that they say the model mostly uses; CUV_ACT_COUNT: they say nothing */
} cuv_prepared;

/* Must sizes stay as they were wired? */
bool cuv_is_rigid(const cuv_structure *s);
/* Which nodes must keep theirs, by node: CUV_FIXED_AFTER: something after it depends on sizes as such; CUV_FIXED_BESIDE: what is made beside it
 * will be merged with what comes of it. Elsewhere all that follows takes any size. */
enum { CUV_FIXED_AFTER = 1, CUV_FIXED_BESIDE = 2 };
void cuv_find_fixed(const cuv_structure *s, uint8_t *fixed);
CUV_MUST_USE cuv_status cuv_prepare(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, cuv_prepared *out);
void cuv_apply(cuv_prepared *p, const uint8_t *values);
/* Asks the stored statistics of normalisations (moments_of.c), and puts what they say into values. */
CUV_MUST_USE cuv_status cuv_ask_statistics(cuv_context *cx, cuv_arena *arena, cuv_prepared *p);
void cuv_heed_statistics(const cuv_prepared *p, uint8_t *values);
bool cuv_slot_is_spatial(cuv_slot_kind kind);
bool cuv_slot_is_act(cuv_slot_kind kind);
/* The option of this activation; 0 when there is none. */
uint8_t cuv_option_of_act(const cuv_choice_slot *slot, unsigned act);
/* "activation", "strides and padding", ... and an option as text ("relu", "2, same"). */
const char *cuv_slot_field(const cuv_choice_slot *slot);
const char *cuv_choice_text(cuv_context *cx, const cuv_choice_slot *slot, unsigned option);

/* ---- how near -------------------------------------------------------------------------------------------------- */

/* The outputs of the samples, and their activations' inverse. */
typedef struct cuv_target {
    size_t outputs, samples;
    double *y[8], *turned[8], *room[8];
    size_t count[8], last[8];           /* values; size of the last axis */
    double norm[8];
    unsigned acts[8][5];                /* activations that the outputs allow, the likeliest first */
    size_t act_count[8];
    double rtol, atol;
} cuv_target;
CUV_MUST_USE cuv_status cuv_target_new(cuv_context *cx, cuv_arena *arena, const cuv_run_tensor *y, size_t count, double rtol, double atol,
                                       cuv_target **out);
/* The distance in the space before the output's activation, in units of the spread (0: reproduced); *ratio is the largest |a - y| over its
 * tolerance, *max_abs the largest |a - y|. */
double cuv_distance(const cuv_target *t, const cuv_run_tensor *outputs, double *ratio, double *max_abs);

/* ---- the search ------------------------------------------------------------------------------------------------- */

typedef struct cuv_hit { size_t structure; uint8_t *values; double error, ratio, max_abs; } cuv_hit;
typedef struct cuv_search {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_prepared *structures;
    size_t count;
    cuv_evaluator *part, *all, *scout;  /* on the samples for the search; on all of them; on two, to see what is far off (or NULL) */
    cuv_target *part_target, *all_target, *scout_target;
    size_t held_back;                   /* samples that the search does not see */
    size_t evaluated, most;
    cuv_effort *effort;
    double until, proof_until;          /* efforts; proof_until 0: never */
    cuv_hit *hits;                      /* what was tried and came near, unordered */
    size_t hit_count, hit_capacity;
    cuv_hit best;                       /* reproduces all samples when found */
    bool found;
    cuv_evidence *ev;
    cuv_run_tensor all_inputs[8];       /* of all samples */
    size_t input_count;
    double noise;                       /* allowed beside the tolerance, since a network so deep does not do better (noise.c); 0: none */
    struct cuv_walk *walk;              /* of deepen.c */
} cuv_search;

/* Found, or out of time or tries. */
bool cuv_search_spent(const cuv_search *s);
/* May the slot have this option? Outputs tell which activations they cannot come of. */
bool cuv_allowed(const cuv_search *s, const cuv_choice_slot *slot, uint8_t option);
/* A copy of the values of a structure's slots; NULL: no memory. */
uint8_t *cuv_copy_values(cuv_search *s, size_t structure, const uint8_t *values);
/* Keeps a try as a place to go downhill from. */
CUV_MUST_USE cuv_status cuv_keep_hit(cuv_search *s, size_t structure, const uint8_t *values, double error);
/* One choice, one kind of choices, or two choices at a time, as long as that comes nearer. */
CUV_MUST_USE cuv_status cuv_descend(cuv_search *s, size_t structure, const uint8_t *from, double error, bool with_pairs);
/* deepen.c: goes on with what is likeliest, until that effort. */
CUV_MUST_USE cuv_status cuv_deepen(cuv_search *s, double until);

/* The nearest first. */
void cuv_sort_hits(cuv_search *s);
/* Where a known network comes near the samples: allows what rounding does to it, and looks again. */
CUV_MUST_USE cuv_status cuv_allow_noise(cuv_search *s);
/* Sets s->found and s->best. CUV_OK whether it was found or not. */
CUV_MUST_USE cuv_status cuv_search_run(cuv_search *s);
/* Error of these choices on the samples of the search; found is set when all samples are reproduced. */
CUV_MUST_USE cuv_status cuv_try(cuv_search *s, size_t structure, const uint8_t *values, double *error);
/* The same on two samples when that is far off, or no nearer than this structure has come before; the whole way only else. */
CUV_MUST_USE cuv_status cuv_try_quickly(cuv_search *s, size_t structure, const uint8_t *values, double *error, bool *quick);
/* The ratio on the two samples that show what is far off; 0 where there are none of these, or rounding is allowed for. */
CUV_MUST_USE cuv_status cuv_try_scout(cuv_search *s, size_t structure, const uint8_t *values, double *ratio);
/* The same on all samples, as ratio to the tolerance; infinite where it cannot be computed. */
CUV_MUST_USE cuv_status cuv_try_all(cuv_search *s, size_t structure, const uint8_t *values, double *ratio, double *max_abs);

#endif
