/* Operations that multiply and contract: matmul, dot, tensordot, einsum and what is made of them. */
#include "layers/operation.h"

#include <ctype.h>

/* Keras 3 computes products of integers as floats and makes integers of the result; products of int8 alone stay whole, in int32. */
static cuv_dtype compute_type(const cuv_call *call, cuv_dtype dtype)
{
    return cuv_dtype_is_float(dtype) || call->layer->keras < 3 ? dtype : CUV_F32;
}

/* Both in the dtype to compute in; the result is to be in the other one. */
static cuv_status both(cuv_call *call, cuv_ref *a, cuv_ref *b, cuv_dtype *result)
{
    CUV_TRY(cuv_operands_joined(call, false, a, b));
    *result = cuv_var_of(call, *a)->dtype;
    if (call->layer->keras >= 3)
        cuv_say_rounded(call, *result);
    *a = cuv_emit_cast(call->program, *a, compute_type(call, *result));
    *b = cuv_emit_cast(call->program, *b, compute_type(call, *result));
    return call->program->status;
}

/* x with its axes in the order (others, `inner`) or (`inner`, others), then as a matrix. `sizes` gets the others' sizes, taken
 * from x. */
static cuv_ref as_matrix(cuv_call *call, cuv_ref x, const int *inner, int count, bool inner_first, int *others, int *other_count)
{
    int perm[CUV_MAX_RANK], rank = cuv_var_of(call, x)->rank, n = 0, at = inner_first ? count : 0;
    int64_t contracted = 1, free_size = 1;
    for (int i = 0; i < rank; i++) {
        bool is_inner = false;
        for (int k = 0; k < count; k++)
            is_inner |= inner[k] == i;
        int64_t size = cuv_var_of(call, x)->shape[i];
        if (!is_inner) {
            others[n++] = i;
            free_size = size < 0 || free_size < 0 ? -1 : free_size * size;
        } else {
            contracted = size < 0 || contracted < 0 ? -1 : contracted * size;
        }
    }
    for (int i = 0; i < n; i++)
        perm[at + i] = others[i];
    for (int k = 0; k < count; k++)
        perm[(inner_first ? 0 : n) + k] = inner[k];
    *other_count = n;
    x = cuv_transposed(call, x, perm);
    if (contracted < 0 && free_size < 0)        /* only one size may be left open */
        contracted = -1;
    int64_t first = inner_first ? contracted : free_size, second = inner_first ? free_size : contracted;
    if (first < 0 && second < 0) {
        call->program->status = cuv_call_unsupported(call, "axes", "a contracted and a free axis both have an unknown size");
        return CUV_NO_REF;
    }
    return cuv_emit_reshape(call->program, x, (int64_t[]){first, second}, 2);
}

/* The sizes of the free axes of a, then of b: known ones as numbers, at most one open. */
static cuv_status contract(cuv_call *call, cuv_ref a, const int *axes_a, cuv_ref b, const int *axes_b, int count, cuv_ref *out)
{
    int free_a[CUV_MAX_RANK], free_b[CUV_MAX_RANK], na, nb, open = 0;
    cuv_ref ma = as_matrix(call, a, axes_a, count, false, free_a, &na), mb = as_matrix(call, b, axes_b, count, true, free_b, &nb);
    int64_t shape[2 * CUV_MAX_RANK];
    CUV_TRY(call->program->status);
    if (na + nb > CUV_MAX_RANK)
        return cuv_call_unsupported(call, "axes", "the result has too many axes");
    for (int i = 0; i < na; i++)
        shape[i] = cuv_var_of(call, a)->shape[free_a[i]];
    for (int i = 0; i < nb; i++)
        shape[na + i] = cuv_var_of(call, b)->shape[free_b[i]];
    cuv_ref like = CUV_NO_REF;
    cuv_attrs to = {.shape_count = na + nb};
    for (int i = 0; i < na + nb; i++) {
        to.shape[i] = shape[i] < 0 ? -2 - (i < na ? free_a[i] : free_b[i - na]) : shape[i];
        open += shape[i] < 0;
        like = shape[i] < 0 ? i < na ? a : b : like;
    }
    if (open > 1)
        return cuv_call_unsupported(call, "axes", "two axes of the result have unknown sizes");
    cuv_ref y = cuv_emit2(call->program, CUV_OP_MATMUL, ma, mb);
    *out = cuv_emit(call->program, CUV_OP_RESHAPE, (cuv_ref[]){y, like}, like == CUV_NO_REF ? 1 : 2, &to);
    return call->program->status;
}

/* Vectors become matrices and lose the axis again. */
cuv_status cuv_op_matmul(cuv_call *call)
{
    cuv_ref a, b;
    cuv_dtype dtype;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    const bool bytes = cuv_operand_kind(call, cuv_operand_name(call, 0)).dtype == CUV_I8 && cuv_operand_kind(call, cuv_operand_name(call, 1)).dtype == CUV_I8;
    if (call->layer->keras >= 3 && bytes && cuv_var_of(call, a)->rank > 1 && cuv_var_of(call, b)->rank > 1) {
        dtype = CUV_I32;
        a = cuv_emit_cast(call->program, a, CUV_I32);
        b = cuv_emit_cast(call->program, b, CUV_I32);
    } else {
        CUV_TRY(both(call, &a, &b, &dtype));
    }
    bool row = cuv_var_of(call, a)->rank == 1, column = cuv_var_of(call, b)->rank == 1;
    bool ta = cuv_option_bool(call, "transpose_a", false) || cuv_option_bool(call, "adjoint_a", false);
    bool tb = cuv_option_bool(call, "transpose_b", false) || cuv_option_bool(call, "adjoint_b", false);
    if (row)
        a = cuv_expand_dims(call, a, 0);
    if (column)
        b = cuv_expand_dims(call, b, 1);
    cuv_ref y = cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(a, b), CUV_AT(.transpose_a = ta, .transpose_b = tb));
    int rank = cuv_var_of(call, y)->rank;
    if (column)
        y = cuv_squeeze(call, y, rank - 1);
    if (row)
        y = cuv_squeeze(call, y, rank - 2);
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

cuv_status cuv_op_dot(cuv_call *call)
{
    cuv_ref a, b, y;
    cuv_dtype dtype;
    CUV_TRY(both(call, &a, &b, &dtype));
    int ra = cuv_var_of(call, a)->rank, rb = cuv_var_of(call, b)->rank;
    if (!ra || !rb)
        return cuv_give(call, cuv_emit_cast(call->program, cuv_emit2(call->program, CUV_OP_MUL, a, b), dtype));
    CUV_TRY(contract(call, a, (int[]){ra - 1}, b, (int[]){rb == 1 ? 0 : rb - 2}, 1, &y));
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

cuv_status cuv_op_inner(cuv_call *call)
{
    cuv_ref a, b, y;
    cuv_dtype dtype;
    CUV_TRY(both(call, &a, &b, &dtype));
    int ra = cuv_var_of(call, a)->rank, rb = cuv_var_of(call, b)->rank;
    if (!ra || !rb)
        return cuv_give(call, cuv_emit_cast(call->program, cuv_emit2(call->program, CUV_OP_MUL, a, b), dtype));
    CUV_TRY(contract(call, a, (int[]){ra - 1}, b, (int[]){rb - 1}, 1, &y));
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

cuv_status cuv_op_vdot(cuv_call *call)
{
    cuv_ref a, b;
    cuv_dtype dtype;
    CUV_TRY(both(call, &a, &b, &dtype));
    a = cuv_emit_reshape(call->program, a, (int64_t[]){-1}, 1);
    b = cuv_emit_reshape(call->program, b, (int64_t[]){-1}, 1);
    cuv_ref y = cuv_emit(call->program, CUV_OP_SUM, CUV_IN(cuv_emit2(call->program, CUV_OP_MUL, a, b)), NULL);
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

cuv_status cuv_op_outer(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    a = cuv_emit_reshape(call->program, a, (int64_t[]){-1, 1}, 2);
    b = cuv_emit_reshape(call->program, b, (int64_t[]){-1}, 1);
    const bool truth = cuv_var_of(call, a)->dtype == CUV_BOOL;
    return cuv_give(call, cuv_emit2(call->program, truth ? CUV_OP_LOGICAL_AND : CUV_OP_MUL, a, b));
}

static bool axes_list(const cuv_value *v, int rank, int *out, int *count)
{
    int64_t n;
    *count = 0;
    for (size_t i = 0; i < (cuv_is_seq(v) ? cuv_len(v) : 1); i++) {
        if (!cuv_as_int(cuv_is_seq(v) ? cuv_item(v, i) : v, &n) || n < -rank || n >= rank || *count >= CUV_MAX_RANK)
            return false;
        out[(*count)++] = (int)(n < 0 ? n + rank : n);
    }
    return true;
}

cuv_status cuv_op_tensordot(cuv_call *call)
{
    cuv_ref a, b, y;
    int axes_a[CUV_MAX_RANK], axes_b[CUV_MAX_RANK], na = 0, nb = 0;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    const cuv_dtype dtype = cuv_var_of(call, a)->dtype, compute = dtype == CUV_I32 || dtype == CUV_I64 ? dtype : compute_type(call, dtype);
    a = cuv_emit_cast(call->program, a, compute);
    b = cuv_emit_cast(call->program, b, compute);
    const cuv_value *axes = cuv_option(call, "axes");
    int ra = cuv_var_of(call, a)->rank, rb = cuv_var_of(call, b)->rank;
    int64_t n = 2;
    if (cuv_is_null(axes) || cuv_as_int(axes, &n)) {
        if (n < 0 || n > ra || n > rb)
            return cuv_bad_option(call, "axes", "no more than the axes of both");
        for (na = 0; na < n; na++) {
            axes_a[na] = ra - (int)n + na;
            axes_b[na] = na;
        }
        nb = na;
    } else if (!axes_list(cuv_item(axes, 0), ra, axes_a, &na) || !axes_list(cuv_item(axes, 1), rb, axes_b, &nb) || na != nb) {
        return cuv_bad_option(call, "axes", "a number, or two lists of axes");
    }
    CUV_TRY(contract(call, a, axes_a, b, axes_b, na, &y));
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

/* ---- einsum ---- */

enum { MOST_OPERANDS = 8 };

/* The letters of an operand; the axes of an ellipsis have the codes 1, 2, ..., counted from the right. */
static bool letters_of(const char **at, int rank, bool is_output, int elided, char *out, int *count)
{
    int letters = 0;
    for (const char *c = *at; *c && *c != ',' && *c != '-'; c++)
        letters += isalpha((unsigned char)*c) != 0;
    int dots = is_output ? elided : rank - letters;
    *count = 0;
    for (; **at && **at != ',' && **at != '-'; (*at)++) {
        if (cuv_starts_with(*at, "...")) {
            for (int i = dots; i > 0 && *count < CUV_MAX_RANK; i--)
                out[(*count)++] = (char)i;
            *at += 2;
        } else if (isalpha((unsigned char)**at) && *count < CUV_MAX_RANK) {
            out[(*count)++] = **at;
        } else if (**at != ' ') {
            return false;
        }
    }
    return is_output || *count == rank;
}

static int find_letter(const char *letters, int count, char letter)
{
    for (int i = 0; i < count; i++)
        if (letters[i] == letter)
            return i;
    return -1;
}

typedef struct term { cuv_ref x; char letters[CUV_MAX_RANK]; int count; } term;

/* Sums away the axes whose letters are needed nowhere else. */
static void drop_unused(cuv_call *call, term *t, const char *needed, int needed_count)
{
    int axes[CUV_MAX_RANK], n = 0, kept = 0;
    for (int i = 0; i < t->count; i++) {
        if (find_letter(needed, needed_count, t->letters[i]) < 0)
            axes[n++] = i;
        else
            t->letters[kept++] = t->letters[i];
    }
    t->count = kept;
    if (n)
        t->x = cuv_reduce(call, CUV_OP_SUM, t->x, axes, n, false);
}

/* x with its axes in the order of `order`, and an axis of size 1 where it has none. */
static cuv_ref aligned(cuv_call *call, const term *t, const char *order, int count)
{
    int perm[CUV_MAX_RANK], n = 0;
    int64_t shape[CUV_MAX_RANK];
    for (int i = 0; i < count; i++) {
        int at = find_letter(t->letters, t->count, order[i]);
        shape[i] = at < 0 ? 1 : -2 - n;
        if (at >= 0)
            perm[n++] = at;
    }
    return cuv_emit_reshape(call->program, cuv_transposed(call, t->x, perm), shape, count);
}

static void add_letters(char *to, int *count, const char *letters, int n, const char *also, int also_count, bool in_both)
{
    for (int i = 0; i < n; i++)
        if ((find_letter(also, also_count, letters[i]) >= 0) == in_both && find_letter(to, *count, letters[i]) < 0 &&
            *count < 2 * CUV_MAX_RANK)
            to[(*count)++] = letters[i];
}

/* a and b joined: shared letters that are needed are a batch, those that are not are contracted. */
static cuv_status join(cuv_call *call, term *a, term *b, const char *needed, int needed_count, term *out)
{
    char shared[2 * CUV_MAX_RANK], batch[2 * CUV_MAX_RANK], inner[2 * CUV_MAX_RANK], of_a[2 * CUV_MAX_RANK],
        of_b[2 * CUV_MAX_RANK], all[4 * CUV_MAX_RANK];
    int ns = 0, nbatch = 0, ni = 0, na = 0, nb = 0, n = 0;
    add_letters(shared, &ns, a->letters, a->count, b->letters, b->count, true);
    add_letters(batch, &nbatch, shared, ns, needed, needed_count, true);
    add_letters(inner, &ni, shared, ns, needed, needed_count, false);
    add_letters(of_a, &na, a->letters, a->count, b->letters, b->count, false);
    add_letters(of_b, &nb, b->letters, b->count, a->letters, a->count, false);
    if (nbatch + na + nb > CUV_MAX_RANK || nbatch + 2 > CUV_MAX_RANK)
        return cuv_call_unsupported(call, "subscripts", "it needs a tensor of too many axes");
    memcpy(all, batch, (size_t)nbatch);
    n = nbatch;
    if (ni == 1 && na == 1 && nb == 1) {        /* the usual case, as a product of matrices */
        char order_a[CUV_MAX_RANK], order_b[CUV_MAX_RANK];
        memcpy(order_a, batch, (size_t)nbatch);
        memcpy(order_b, batch, (size_t)nbatch);
        order_a[nbatch] = of_a[0];
        order_a[nbatch + 1] = inner[0];
        order_b[nbatch] = inner[0];
        order_b[nbatch + 1] = of_b[0];
        cuv_ref x = aligned(call, a, order_a, nbatch + 2), y = aligned(call, b, order_b, nbatch + 2);
        out->x = cuv_emit2(call->program, CUV_OP_MATMUL, x, y);
    } else {
        if (nbatch + na + nb + ni > CUV_MAX_RANK)
            return cuv_call_unsupported(call, "subscripts", "it needs a tensor of too many axes");
        int axes[CUV_MAX_RANK];
        memcpy(all + n, of_a, (size_t)na);
        memcpy(all + n + na, of_b, (size_t)nb);
        memcpy(all + n + na + nb, inner, (size_t)ni);
        for (int i = 0; i < ni; i++)
            axes[i] = n + na + nb + i;
        cuv_ref x = aligned(call, a, all, n + na + nb + ni), y = aligned(call, b, all, n + na + nb + ni);
        x = cuv_emit2(call->program, CUV_OP_MUL, x, y);
        out->x = ni ? cuv_reduce(call, CUV_OP_SUM, x, axes, ni, false) : x;
    }
    out->count = nbatch + na + nb;
    memcpy(out->letters, batch, (size_t)nbatch);
    memcpy(out->letters + nbatch, of_a, (size_t)na);
    memcpy(out->letters + nbatch + na, of_b, (size_t)nb);
    return call->program->status;
}

/* Without "->", the letters that stand once, in the order of the alphabet. */
static void implied_output(const term *terms, size_t n, char *out, int *count)
{
    *count = 0;
    for (int c = 1; c < 128; c++) {
        int times = 0;
        for (size_t i = 0; i < n; i++)
            for (int k = 0; k < terms[i].count; k++)
                times += terms[i].letters[k] == (char)c;
        if ((times == 1 || (times && c <= CUV_MAX_RANK)) && *count < CUV_MAX_RANK)
            out[(*count)++] = (char)c;
    }
}

static cuv_status read_equation(cuv_call *call, const char *text, const cuv_ref *refs, size_t n, term *terms, term *out)
{
    const char *at = text, *wanted = "an equation such as 'ij,jk->ik' without repeated letters in an operand";
    int elided = 0;
    for (size_t i = 0; i < n; i++) {
        terms[i].x = refs[i];
        if (!letters_of(&at, cuv_var_of(call, refs[i])->rank, false, 0, terms[i].letters, &terms[i].count))
            return cuv_bad_option(call, "subscripts", wanted);
        for (int k = 0; k < terms[i].count; k++) {
            elided = terms[i].letters[k] <= CUV_MAX_RANK && terms[i].letters[k] > elided ? terms[i].letters[k] : elided;
            if (find_letter(terms[i].letters, k, terms[i].letters[k]) >= 0)
                return cuv_bad_option(call, "subscripts", wanted);
        }
        if (i + 1 < n && *at++ != ',')
            return cuv_bad_option(call, "subscripts", wanted);
    }
    if (!*at) {
        implied_output(terms, n, out->letters, &out->count);
        return CUV_OK;
    }
    if (!cuv_starts_with(at, "->"))
        return cuv_bad_option(call, "subscripts", wanted);
    at += 2;
    return letters_of(&at, 0, true, elided, out->letters, &out->count) && !*at ? CUV_OK
                                                                              : cuv_bad_option(call, "subscripts", wanted);
}

static cuv_status einsum_operands(cuv_call *call, cuv_ref *refs, size_t *n, cuv_dtype *result)
{
    *n = 0;
    cuv_dtype dtype = call->in_count ? cuv_var_of(call, call->in[0].value)->dtype : CUV_BOOL;
    bool bytes = call->layer->keras >= 3;
    for (size_t i = 0; i < call->in_count && i < MOST_OPERANDS; i++) {
        refs[(*n)++] = call->in[i].value;
        bytes &= cuv_var_of(call, call->in[i].value)->dtype == CUV_I8;
        dtype = cuv_join_dtypes((cuv_kind_of){.dtype = dtype}, (cuv_kind_of){.dtype = cuv_var_of(call, call->in[i].value)->dtype});
    }
    const cuv_tf_function *function = call->layer->state;
    if (function && !*n)
        return cuv_call_unsupported(call, "inputs", "Keras 2 saves the equation of tf.einsum, and not the tensors that go into it");
    if (!*n || call->in_count > MOST_OPERANDS || (!function && call->arg_count != call->in_count))
        return cuv_bad_option(call, "operands", "up to 8 tensors");
    dtype = cuv_join_dtypes((cuv_kind_of){.dtype = dtype}, (cuv_kind_of){.dtype = dtype});
    *result = bytes ? CUV_I32 : dtype;
    if (!bytes && call->layer->keras >= 3)
        cuv_say_rounded(call, dtype);
    for (size_t i = 0; i < *n; i++)
        refs[i] = cuv_emit_cast(call->program, refs[i], compute_type(call, dtype));
    return call->program->status;
}

/* The letters of `a`, `b` (may be NULL) and of all terms from `from` on. */
static int letters_needed(const term *a, const term *b, const term *terms, size_t from, size_t n, char *out)
{
    int count = a->count;
    memcpy(out, a->letters, (size_t)a->count);
    if (b) {
        memcpy(out + count, b->letters, (size_t)b->count);
        count += b->count;
    }
    for (size_t i = from; i < n; i++) {
        memcpy(out + count, terms[i].letters, (size_t)terms[i].count);
        count += terms[i].count;
    }
    return count;
}

/* One letter, one size: but for what an ellipsis stands for, nothing is repeated. */
static cuv_status same_sizes(cuv_call *call, const term *terms, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (int k = 0; k < terms[i].count; k++)
            for (size_t j = 0; terms[i].letters[k] > CUV_MAX_RANK && j < i; j++) {
                const int at = find_letter(terms[j].letters, terms[j].count, terms[i].letters[k]);
                if (at >= 0)
                    CUV_TRY(cuv_same_size(call, "operands", terms[i].x, k, terms[j].x, at));
            }
    return CUV_OK;
}

cuv_status cuv_op_einsum(cuv_call *call)
{
    cuv_ref refs[MOST_OPERANDS];
    term terms[MOST_OPERANDS], out = {0}, so_far, next;
    char needed[(MOST_OPERANDS + 2) * CUV_MAX_RANK];
    size_t n;
    const char *text = cuv_option_text(call, "subscripts", NULL);
    cuv_dtype dtype = CUV_F32;
    CUV_TRY(einsum_operands(call, refs, &n, &dtype));
    if (!text)
        return cuv_bad_option(call, "subscripts", "an equation");
    CUV_TRY(read_equation(call, text, refs, n, terms, &out));
    CUV_TRY(same_sizes(call, terms, n));
    so_far = terms[0];
    for (size_t i = 1; i < n; i++) {
        drop_unused(call, &so_far, needed, letters_needed(&out, NULL, terms, i, n, needed));
        drop_unused(call, &terms[i], needed, letters_needed(&out, &so_far, terms, i + 1, n, needed));
        CUV_TRY(join(call, &so_far, &terms[i], needed, letters_needed(&out, NULL, terms, i + 1, n, needed), &next));
        so_far = next;
    }
    drop_unused(call, &so_far, out.letters, out.count);
    if (so_far.count != out.count)
        return cuv_bad_option(call, "subscripts", "an equation whose result has only letters of its operands");
    return cuv_give(call, cuv_emit_cast(call->program, aligned(call, &so_far, out.letters, out.count), dtype));
}
