/* Connectionist temporal classification: the loss of labels under a sequence of scores, and the likeliest labels (greedy).
 * A loss is the sum over all ways to spread the labels, with blanks between, over the steps: one round of steps each. */
#include "layers/operation_emit.h"

#include <math.h>

enum { MOST_ROUNDS = 1024 };

/* The logarithm of "impossible": sums of some of them stay far from overflow. */
static const double never = -1e30;

typedef struct alignment {
    cuv_ref labels;             /* blanks between and around them: (batch, states) */
    cuv_ref may_skip;           /* where a label may follow the one before without a blank */
    cuv_ref scores;             /* logarithms of what each state's label has at each step: (batch, steps, states) */
    cuv_ref steps;              /* how many count, (batch, 1) */
    int64_t rounds, states;
} alignment;

static cuv_ref one_step(cuv_call *call, cuv_ref x, int64_t t)
{
    return cuv_squeeze(call, cuv_slice_axis(call, x, 1, t, t + 1), 1);
}

/* Row r of states moved on by `by`, "impossible" coming in. */
static cuv_ref moved_on(cuv_call *call, cuv_ref x, int64_t by)
{
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT, .value = never};
    pads.pad_lo[1] = by;
    pads.pad_hi[1] = -by;
    return cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads);
}

static cuv_ref log_sum(cuv_call *call, const cuv_ref *x, int count)
{
    cuv_ref most = x[0], sum = CUV_NO_REF;
    for (int i = 1; i < count; i++)
        most = E2(MAXIMUM, most, x[i]);
    for (int i = 0; i < count; i++) {
        cuv_ref part = E1(EXP, E2(SUB, x[i], most));
        sum = sum == CUV_NO_REF ? part : E2(ADD, sum, part);
    }
    return E2(ADD, most, E1(LOG, sum));
}

/* One number of each row, at a place of its own. */
static cuv_ref pick(cuv_call *call, cuv_ref x, cuv_ref at)
{
    return cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(x, at), CUV_AT(.axis = 1));
}

static cuv_status read_blank(cuv_call *call, int64_t classes, int64_t *blank)
{
    *blank = cuv_option_int(call, "mask_index", 0);
    if (*blank < 0)
        *blank += classes;
    if (classes < 1 || *blank < 0 || *blank >= classes)
        return cuv_bad_option(call, "mask_index", "one of a known number of classes");
    return CUV_OK;
}

static cuv_status align(cuv_call *call, cuv_ref target, cuv_ref output, cuv_ref steps, alignment *a)
{
    int64_t blank, labels = cuv_var_of(call, target)->shape[1];
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT};
    a->rounds = cuv_var_of(call, output)->shape[1];
    CUV_TRY(read_blank(call, cuv_var_of(call, output)->shape[2], &blank));
    if (labels < 1 || labels > 65536)
        return cuv_bad_option(call, "target", "rows of a known number of labels");
    if (a->rounds < 1 || a->rounds > MOST_ROUNDS)
        return cuv_bad_option(call, "output", cuv_format(call->cx, "of a known number of steps, %d at most", MOST_ROUNDS));
    a->states = 2 * labels + 1;
    pads.value = (double)blank;
    pads.pad_hi[2] = 1;
    cuv_ref spread = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(cuv_expand_dims(call, target, 2)), &pads);  /* label, blank, ... */
    spread = cuv_emit_reshape(call->program, spread, (int64_t[]){-2, 2 * labels}, 2);
    pads.pad_hi[2] = 0;
    pads.pad_lo[1] = 1;
    a->labels = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(spread), &pads);
    pads.pad_lo[1] = 2;
    pads.pad_hi[1] = -2;
    cuv_ref before = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(a->labels), &pads);
    a->may_skip = E2(LOGICAL_AND, E2(NOT_EQUAL, a->labels, before), E2(NOT_EQUAL, a->labels, LIKE(a->labels, (double)blank)));
    cuv_ref scores = cuv_emit(call->program, CUV_OP_LOG_SOFTMAX, CUV_IN(output), CUV_AT(.axes = {2}, .axes_count = 1));
    a->scores = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(scores, cuv_expand_dims(call, a->labels, 1)), CUV_AT(.axis = 2));
    a->steps = cuv_expand_dims(call, steps, 1);
    return call->program->status;
}

static cuv_ref forward(cuv_call *call, const alignment *a)
{
    cuv_ref first = cuv_counting(call, a->labels, 1, 0), alpha = one_step(call, a->scores, 0), impossible = LIKE(alpha, never);
    alpha = WHERE(E2(LESS, first, LIKE(first, 2)), alpha, impossible);
    for (int64_t t = 1; t < a->rounds; t++) {
        cuv_ref from[3] = {alpha, moved_on(call, alpha, 1), WHERE(a->may_skip, moved_on(call, alpha, 2), impossible)};
        cuv_ref next = E2(ADD, log_sum(call, from, 3), one_step(call, a->scores, t));
        next = E2(MAXIMUM, next, impossible);
        alpha = WHERE(E2(GREATER, a->steps, LIKE(a->steps, (double)t)), next, alpha);
    }
    return alpha;
}

/* All ways together. Those that do not end with the last label or the blank behind it count ln 1e-307, as in TensorFlow. */
static cuv_ref ended(cuv_call *call, const alignment *a, cuv_ref alpha, cuv_ref labels)
{
    static const double unlikely = -706.893623549172;
    cuv_ref end = E2(MUL, labels, LIKE(labels, 2)), at = cuv_counting(call, alpha, 1, 0), gap = E2(SUB, end, at);
    cuv_ref good = E2(LOGICAL_OR, E2(EQUAL, gap, LIKE(gap, 0)), E2(EQUAL, gap, LIKE(gap, 1))), zero = LIKE(alpha, 0);
    alpha = E2(ADD, alpha, WHERE(good, zero, LIKE(alpha, unlikely)));
    cuv_ref most = cuv_reduce(call, CUV_OP_MAX, alpha, (int[]){1}, 1, true);
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, E1(EXP, E2(SUB, alpha, most)), (int[]){1}, 1, true);
    cuv_ref y = E2(ADD, most, E1(LOG, sum)), none = E2(LESS, a->steps, LIKE(a->steps, 1));
    cuv_ref still = WHERE(E2(EQUAL, labels, LIKE(labels, 0)), zero, LIKE(zero, unlikely));
    return cuv_squeeze(call, WHERE(none, still, y), 1);
}

cuv_status cuv_op_ctc_loss(cuv_call *call)
{
    cuv_ref target, output, labels, steps;
    alignment a = {0};
    CUV_TRY(cuv_operand_ref(call, "target", CUV_I32, &target));
    CUV_TRY(cuv_operand_ref(call, "output", CUV_F32, &output));
    CUV_TRY(cuv_operand_ref(call, "target_length", CUV_I32, &labels));
    CUV_TRY(cuv_operand_ref(call, "output_length", CUV_I32, &steps));
    cuv_dtype dtype = cuv_var_of(call, output)->dtype;
    if (cuv_var_of(call, target)->rank != 2 || cuv_var_of(call, output)->rank != 3 || cuv_var_of(call, labels)->rank != 1 ||
        cuv_var_of(call, steps)->rank != 1)
        return cuv_bad_option(call, "target", "(batch, labels), with 'output' (batch, steps, classes) and a length for each row");
    if (cuv_var_of(call, target)->shape[0] == 0)
        return cuv_bad_option(call, "target", "one row or more");
    CUV_TRY(cuv_same_size(call, "output", output, 0, target, 0));
    CUV_TRY(cuv_same_size(call, "target_length", labels, 0, target, 0));
    CUV_TRY(cuv_same_size(call, "output_length", steps, 0, target, 0));
    CUV_TRY(align(call, TO(target, CUV_I32), TO(output, CUV_F32), TO(steps, CUV_I32), &a));
    cuv_ref y = ended(call, &a, forward(call, &a), cuv_expand_dims(call, TO(labels, CUV_I32), 1));
    return cuv_give(call, TO(E1(NEG, y), dtype == CUV_F64 ? CUV_F64 : CUV_F32));
}

/* Labels that are kept move to the front of their row; -1 behind them. */
static cuv_ref packed(cuv_call *call, cuv_ref labels, cuv_ref keep)
{
    cuv_ref order = cuv_emit(call->program, CUV_OP_ARGSORT, CUV_IN(TO(E1(LOGICAL_NOT, keep), CUV_I32)), CUV_AT(.axis = 1));
    cuv_ref count = cuv_reduce(call, CUV_OP_SUM, TO(keep, CUV_I32), (int[]){1}, 1, true), at = cuv_counting(call, labels, 1, 0);
    return WHERE(E2(LESS, at, count), pick(call, labels, order), LIKE(labels, -1));
}

/* Lengths as they are; one beyond the steps is an index that the run tells of. */
static cuv_ref within(cuv_call *call, cuv_ref lengths, cuv_ref x)
{
    cuv_ref one = LIKE(lengths, 1), last = E2(MAXIMUM, E2(SUB, lengths, one), LIKE(lengths, 0));
    last = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(cuv_counting(call, x, 1, 0), last), CUV_AT(.axis = 0));
    return WHERE(E2(LESS, lengths, one), lengths, E2(ADD, last, one));
}

cuv_status cuv_op_ctc_decode(cuv_call *call)
{
    cuv_ref x, steps;
    int64_t blank;
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT, .value = -1};
    if (strcmp(cuv_option_text(call, "strategy", "greedy"), "greedy") != 0)
        return cuv_bad_option(call, "strategy", "'greedy' (cuvier does not search with beams)");
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "sequence_lengths", CUV_I32, &steps));
    if (cuv_var_of(call, x)->rank != 3 || cuv_var_of(call, steps)->rank != 1)
        return cuv_bad_option(call, "inputs", "(batch, steps, classes), with a length for each row");
    CUV_TRY(cuv_same_size(call, "sequence_lengths", steps, 0, x, 0));
    if (cuv_var_of(call, x)->shape[1] == 0 || cuv_var_of(call, x)->shape[0] == 0)
        return cuv_bad_option(call, "inputs", "one step or more");
    steps = within(call, TO(steps, CUV_I32), x);
    x = cuv_var_of(call, x)->dtype == CUV_F64 ? x : TO(x, CUV_F32);
    CUV_TRY(read_blank(call, cuv_var_of(call, x)->shape[2], &blank));
    cuv_ref best = cuv_emit(call->program, CUV_OP_ARGMAX, CUV_IN(x), CUV_AT(.axis = 2));
    cuv_ref score = cuv_reduce(call, CUV_OP_MAX, x, (int[]){2}, 1, false), at = cuv_counting(call, best, 1, 0);
    cuv_ref inside = E2(LESS, at, cuv_expand_dims(call, TO(steps, CUV_I32), 1));
    cuv_ref keep = E2(LOGICAL_AND, inside, E2(NOT_EQUAL, best, LIKE(best, (double)blank)));
    pads.pad_lo[1] = 1;
    pads.pad_hi[1] = -1;
    if (cuv_option_bool(call, "merge_repeated", true))
        keep = E2(LOGICAL_AND, keep, E2(NOT_EQUAL, best, cuv_emit(call->program, CUV_OP_PAD, CUV_IN(best), &pads)));
    score = cuv_reduce(call, CUV_OP_SUM, WHERE(inside, score, LIKE(score, 0)), (int[]){1}, 1, true);
    return cuv_give_many(call, (cuv_ref[]){cuv_expand_dims(call, packed(call, best, keep), 0), E1(NEG, score)}, 2);
}
