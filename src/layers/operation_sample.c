/* Tensors read at places between their cells (keras.ops.image's map_coordinates and transforms), and slices put into
 * them. */
#include "layers/operation_emit.h"

#include <math.h>

/* ---- map_coordinates ---- */

/* What is read along one axis: one or two places, whether they lie inside, and their weights. */
typedef struct reading {
    int count;
    cuv_ref place[2], inside[2], weight[2];
} reading;

/* A place, folded back into the axis as the mode says. */
static cuv_status fold_place(cuv_call *call, const char *mode, int64_t n, cuv_ref *place, cuv_ref *inside)
{
    cuv_ref at = *place, size = LIKE(at, (double)n), zero = LIKE(at, 0), last = LIKE(at, (double)(n - 1));
    *inside = CUV_NO_REF;
    if (strcmp(mode, "constant") == 0)
        *inside = E2(LOGICAL_AND, E2(GREATER_EQUAL, at, zero), E2(LESS, at, size));
    if (strcmp(mode, "constant") == 0 || strcmp(mode, "nearest") == 0) {
        *place = E2(MINIMUM, E2(MAXIMUM, at, zero), last);
        return call->program->status;
    }
    if (strcmp(mode, "wrap") == 0) {
        *place = E2(MOD, at, size);
        return call->program->status;
    }
    if (strcmp(mode, "mirror") != 0 && strcmp(mode, "reflect") != 0)
        return cuv_bad_option(call, "fill_mode", "'constant', 'nearest', 'wrap', 'mirror' or 'reflect'");
    cuv_ref twice = LIKE(at, 2 * (double)n), rest = E2(MOD, E1(ABS, at), twice), back = E2(SUB, twice, rest);
    if (strcmp(mode, "reflect") == 0)
        back = E2(SUB, back, LIKE(at, 1));
    *place = WHERE(E2(LESS, rest, size), rest, back);
    return call->program->status;
}

static cuv_status read_axis(cuv_call *call, cuv_ref at, int64_t n, reading *r)
{
    int64_t order = cuv_option_int(call, "order", -1);
    const char *mode = cuv_option_text(call, "fill_mode", "constant");
    bool whole = !cuv_dtype_is_float(cuv_var_of(call, at)->dtype);
    if (order != 0 && order != 1)
        return cuv_bad_option(call, "order", "0 or 1");
    r->count = (int)order + 1;
    cuv_ref low = order == 0 ? whole ? at : E1(ROUND, at) : E1(FLOOR, at);
    r->place[0] = TO(low, CUV_I32);
    r->weight[0] = LIKE(at, 1);
    if (order == 1) {
        r->place[1] = E2(ADD, r->place[0], LIKE(r->place[0], 1));
        r->weight[1] = E2(SUB, at, low);
        r->weight[0] = E2(SUB, LIKE(at, 1), r->weight[1]);
    }
    for (int i = 0; i < r->count; i++)
        CUV_TRY(fold_place(call, mode, n, &r->place[i], &r->inside[i]));
    return CUV_OK;
}

/* One corner of the cell around each place, by its weight. `corner` says for each axis which of its places. */
static cuv_ref read_corner(cuv_call *call, cuv_ref flat, const reading *axes, int rank, const int64_t *shape, unsigned corner,
                           cuv_ref fill)
{
    cuv_ref place = CUV_NO_REF, inside = CUV_NO_REF, weight = CUV_NO_REF;
    for (int i = 0; i < rank; i++) {
        int k = (int)(corner >> i & 1);
        place = place == CUV_NO_REF ? axes[i].place[k]
                                    : E2(ADD, E2(MUL, place, LIKE(place, (double)shape[i])), axes[i].place[k]);
        inside = cuv_mask_join(call, CUV_OP_LOGICAL_AND, inside, axes[i].inside[k]);
        weight = weight == CUV_NO_REF ? axes[i].weight[k] : E2(MUL, weight, axes[i].weight[k]);
    }
    cuv_ref y = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(flat, place), CUV_AT(.axis = 0));
    y = TO(y, cuv_var_of(call, weight)->dtype);
    if (inside != CUV_NO_REF)
        y = WHERE(inside, y, TO(fill, cuv_var_of(call, y)->dtype));
    return E2(MUL, weight, y);
}

cuv_status cuv_op_map_coordinates(cuv_call *call)
{
    cuv_ref x, at, y = CUV_NO_REF;
    reading axes[CUV_MAX_RANK];
    int64_t shape[CUV_MAX_RANK], cells = 1;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "coordinates", CUV_F32, &at));
    const cuv_var v = *cuv_var_of(call, x);
    if (cuv_var_of(call, at)->rank < 2 || cuv_var_of(call, at)->shape[0] != v.rank || v.rank > 6)
        return cuv_bad_option(call, "coordinates", "a row of places for each axis of the inputs (six at most)");
    for (int i = 0; i < v.rank; i++) {
        shape[i] = v.shape[i];
        if (shape[i] < 1 || !cuv_mul_i64(cells, shape[i], &cells) || cells > INT32_MAX)
            return cuv_bad_option(call, "inputs", "of known size");
        cuv_ref row = cuv_squeeze(call, cuv_slice_axis(call, at, 0, i, i + 1), 0);
        CUV_TRY(read_axis(call, row, shape[i], &axes[i]));
    }
    cuv_ref flat = cuv_emit_reshape(call->program, x, (int64_t[]){-1}, 1);
    cuv_ref fill = TO(cuv_program_scalar(call->program, CUV_F64, cuv_option_real(call, "fill_value", 0)), v.dtype);
    unsigned corners = axes[0].count == 2 ? 1u << v.rank : 1;
    for (unsigned corner = 0; corner < corners; corner++) {
        cuv_ref part = read_corner(call, flat, axes, v.rank, shape, corner, fill);
        y = y == CUV_NO_REF ? part : E2(ADD, y, part);
    }
    if (!cuv_dtype_is_float(v.dtype) && cuv_dtype_is_float(cuv_var_of(call, y)->dtype))
        y = E1(ROUND, y);
    return cuv_give(call, TO(y, v.dtype));
}

/* ---- projective transforms, as TensorFlow's ImageProjectiveTransformV3 computes them ---- */

typedef struct projection {
    cuv_ref x, y;               /* places in the source, (batch or 1, height, width) */
    cuv_ref nowhere;            /* where the projection is 0 */
} projection;

static cuv_ref coefficient(cuv_call *call, cuv_ref transform, int64_t i)
{
    return cuv_expand_dims(call, cuv_slice_axis(call, transform, 1, i, i + 1), 2);
}

static projection project(cuv_call *call, cuv_ref image, cuv_ref transform)
{
    cuv_ref t[8], sum[2];
    cuv_ref y = TO(cuv_counting(call, image, 1, 1), CUV_F32), x = TO(cuv_counting(call, image, 2, 0), CUV_F32);
    for (int64_t i = 0; i < 8; i++)
        t[i] = coefficient(call, transform, i);
    cuv_ref below = E2(ADD, E2(ADD, E2(MUL, t[6], x), E2(MUL, t[7], y)), LIKE(x, 1));
    for (int i = 0; i < 2; i++) {
        sum[i] = E2(ADD, E2(ADD, E2(MUL, t[3 * i], x), E2(MUL, t[3 * i + 1], y)), t[3 * i + 2]);
        sum[i] = E2(DIV, sum[i], below);
    }
    return (projection){sum[0], sum[1], E2(EQUAL, below, LIKE(below, 0))};
}

static cuv_ref clamped(cuv_call *call, cuv_ref x, double last)
{
    return E2(MINIMUM, E2(MAXIMUM, x, LIKE(x, 0)), LIKE(x, last));
}

/* A place along an axis of n cells, as fill_mode "reflect" and "wrap" fold it. */
static cuv_ref folded(cuv_call *call, cuv_ref x, double n, bool wrap)
{
    cuv_ref zero = LIKE(x, 0), low = E2(LESS, x, zero), high = E2(GREATER, x, LIKE(x, n - 1)), up, down;
    if (n <= 1)
        return E2(MUL, x, zero);
    cuv_ref period = LIKE(x, wrap ? n - 1 : 2 * n), times = E1(TRUNC, E2(DIV, E1(ABS, x), period));
    if (wrap) {
        up = E2(ADD, x, E2(MUL, LIKE(x, n), E2(ADD, times, LIKE(x, 1))));
        down = E2(SUB, x, E2(MUL, LIKE(x, n), times));
    } else {
        up = E2(ADD, E2(MUL, period, times), x);
        up = WHERE(E2(LESS, up, LIKE(x, -n)), E2(ADD, up, period), E2(SUB, LIKE(x, -1), up));
        down = E2(SUB, x, E2(MUL, period, times));
        down = WHERE(E2(GREATER_EQUAL, down, LIKE(x, n)), E2(SUB, E2(SUB, period, down), LIKE(x, 1)), down);
    }
    return clamped(call, WHERE(low, up, WHERE(high, down, x)), n - 1);
}

/* Cells of an image at whole places (floats), `fill` outside. */
static cuv_ref cells_at(cuv_call *call, cuv_ref image, cuv_ref y, cuv_ref x, cuv_ref fill)
{
    const int64_t *size = cuv_var_of(call, image)->shape;
    double h = (double)size[1], w = (double)size[2];
    cuv_ref in_y = E2(LOGICAL_AND, E2(GREATER_EQUAL, y, LIKE(y, 0)), E2(LESS, y, LIKE(y, h)));
    cuv_ref in_x = E2(LOGICAL_AND, E2(GREATER_EQUAL, x, LIKE(x, 0)), E2(LESS, x, LIKE(x, w)));
    cuv_ref row = TO(clamped(call, y, h - 1), CUV_I32), column = TO(clamped(call, x, w - 1), CUV_I32);
    cuv_ref at = E2(ADD, E2(MUL, row, LIKE(row, w)), column), inside = E2(LOGICAL_AND, in_y, in_x);
    at = cuv_emit_reshape(call->program, at, (int64_t[]){-2, size[1] * size[2], 1}, 3);
    inside = cuv_emit_reshape(call->program, inside, (int64_t[]){-2, size[1] * size[2], 1}, 3);
    cuv_ref flat = cuv_emit_reshape(call->program, image, (int64_t[]){-2, size[1] * size[2], -5}, 3);
    cuv_ref read = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(flat, at), CUV_AT(.axis = 1));
    return WHERE(inside, read, fill);
}

/* To the nearest whole number, halves away from 0. */
static cuv_ref rounded(cuv_call *call, cuv_ref x)
{
    return E2(MUL, E1(SIGN, x), E1(FLOOR, E2(ADD, E1(ABS, x), LIKE(x, 0.5))));
}

/* A weight of each place as a row of cells. */
static cuv_ref as_cells(cuv_call *call, cuv_ref weight, int64_t cells)
{
    return cuv_emit_reshape(call->program, weight, (int64_t[]){-2, cells, 1}, 3);
}

static cuv_ref between(cuv_call *call, cuv_ref image, const projection *at, cuv_ref fill)
{
    int64_t cells = cuv_var_of(call, image)->shape[1] * cuv_var_of(call, image)->shape[2];
    cuv_ref y0 = E1(FLOOR, at->y), x0 = E1(FLOOR, at->x), y1 = E2(ADD, y0, LIKE(y0, 1)), x1 = E2(ADD, x0, LIKE(x0, 1));
    cuv_ref left = as_cells(call, E2(SUB, x1, at->x), cells), right = as_cells(call, E2(SUB, at->x, x0), cells);
    cuv_ref up = as_cells(call, E2(SUB, y1, at->y), cells), down = as_cells(call, E2(SUB, at->y, y0), cells);
    cuv_ref top = E2(ADD, E2(MUL, left, cells_at(call, image, y0, x0, fill)), E2(MUL, right, cells_at(call, image, y0, x1, fill)));
    cuv_ref low = E2(ADD, E2(MUL, left, cells_at(call, image, y1, x0, fill)), E2(MUL, right, cells_at(call, image, y1, x1, fill)));
    return E2(ADD, E2(MUL, up, top), E2(MUL, down, low));
}

/* An image read through a transform; `image` is float32, a batch with channels last. */
static cuv_status projected(cuv_call *call, cuv_ref image, cuv_ref transform, const char *mode, cuv_ref *out)
{
    const char *how = cuv_option_text(call, "interpolation", "bilinear");
    int64_t h = cuv_var_of(call, image)->shape[1], w = cuv_var_of(call, image)->shape[2];
    bool nearest = strcmp(how, "nearest") == 0;
    if (!nearest && strcmp(how, "bilinear") != 0)
        return cuv_bad_option(call, "interpolation", "'nearest' or 'bilinear'");
    if (h < 1 || w < 1 || h > 32768 || w > 32768 || cuv_var_of(call, image)->shape[3] < 1)
        return cuv_bad_option(call, "images", "of known size");
    projection at = project(call, image, transform);
    if (!cuv_has_word("constant nearest reflect wrap", mode))
        return cuv_bad_option(call, "fill_mode", "'constant', 'nearest', 'wrap' or 'reflect'");
    if (strcmp(mode, "nearest") == 0) {
        at.x = clamped(call, at.x, (double)(w - 1));
        at.y = clamped(call, at.y, (double)(h - 1));
    } else if (strcmp(mode, "constant") != 0) {
        at.x = folded(call, at.x, (double)w, strcmp(mode, "wrap") == 0);
        at.y = folded(call, at.y, (double)h, strcmp(mode, "wrap") == 0);
    }
    cuv_ref fill = LIKE(image, cuv_option_real(call, "fill_value", 0));
    cuv_ref y = nearest ? cells_at(call, image, rounded(call, at.y), rounded(call, at.x), fill) : between(call, image, &at, fill);
    y = WHERE(as_cells(call, at.nowhere, h * w), fill, y);
    *out = cuv_emit_reshape(call->program, y, (int64_t[]){-2, h, w, -4}, 4);
    return call->program->status;
}

/* The images' batch, channels last, and back. */
static cuv_status through_transform(cuv_call *call, cuv_ref transform, const char *mode)
{
    cuv_ref x;
    bool first = cuv_streq(cuv_option_text(call, "data_format", ""), "channels_first");
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    int rank = cuv_var_of(call, x)->rank;
    if (rank != 3 && rank != 4)
        return cuv_bad_option(call, "images", "an image (three axes) or a batch of them (four)");
    if (rank == 3)
        x = cuv_expand_dims(call, x, 0);
    if (first)
        x = cuv_move_axis(call, x, 1, 3);
    CUV_TRY(projected(call, TO(x, CUV_F32), transform, mode, &x));
    x = TO(x, dtype);
    if (first)
        x = cuv_move_axis(call, x, 3, 1);
    return cuv_give(call, rank == 3 ? cuv_squeeze(call, x, 0) : x);
}

cuv_status cuv_op_affine_transform(cuv_call *call)
{
    cuv_ref transform;
    CUV_TRY(cuv_operand_ref(call, "transform", CUV_F32, &transform));
    transform = TO(transform, CUV_F32);
    if (cuv_var_of(call, transform)->rank == 1)
        transform = cuv_expand_dims(call, transform, 0);
    if (cuv_var_of(call, transform)->rank != 2 || cuv_var_of(call, transform)->shape[1] != 8)
        return cuv_bad_option(call, "transform", "eight numbers, or a row of eight for each image");
    return through_transform(call, transform, cuv_option_text(call, "fill_mode", "constant"));
}

static cuv_status corners(cuv_call *call, const char *name, cuv_ref *out)
{
    CUV_TRY(cuv_operand_ref(call, name, CUV_F32, out));
    *out = TO(*out, CUV_F32);
    if (cuv_var_of(call, *out)->rank == 2)
        *out = cuv_expand_dims(call, *out, 0);
    const cuv_var *v = cuv_var_of(call, *out);
    return v->rank == 3 && v->shape[1] == 4 && v->shape[2] == 2
               ? CUV_OK : cuv_bad_option(call, name, "four corners of two numbers each, or four for each image");
}

/* Rows (x y 1 0 0 0 -u x, -u y) for each corner: x, y of the end, u one number of the start. `second`: the ones are 4 to 6. */
static cuv_ref corner_rows(cuv_call *call, cuv_ref start, cuv_ref end, bool second)
{
    cuv_ref u = cuv_slice_axis(call, start, 2, second, second + 1), zeros[3], products = E1(NEG, E2(MUL, u, end));
    for (int i = 0; i < 3; i++)
        zeros[i] = cuv_filled_like(call, u, 0, CUV_F32);
    cuv_ref one = cuv_filled_like(call, u, 1, CUV_F32);
    cuv_ref first[] = {end, one, zeros[0], zeros[1], zeros[2], products}, other[] = {zeros[0], zeros[1], zeros[2], end, one, products};
    return cuv_emit(call->program, CUV_OP_CONCAT, second ? other : first, 6, CUV_AT(.axis = 2));
}

/* The transform that brings the corners `end` to `start` solves eight equations. */
cuv_status cuv_op_perspective_transform(cuv_call *call)
{
    cuv_ref start, end, y;
    CUV_TRY(corners(call, "start_points", &start));
    CUV_TRY(corners(call, "end_points", &end));
    cuv_ref rows[2] = {cuv_expand_dims(call, corner_rows(call, start, end, false), 2),
                       cuv_expand_dims(call, corner_rows(call, start, end, true), 2)};
    cuv_ref a = cuv_emit(call->program, CUV_OP_CONCAT, rows, 2, CUV_AT(.axis = 2));
    a = cuv_emit_reshape(call->program, a, (int64_t[]){-2, 8, 8}, 3);
    CUV_TRY(cuv_solve_matrix(call, a, cuv_emit_reshape(call->program, start, (int64_t[]){-2, 8, 1}, 3), &y));
    return through_transform(call, cuv_squeeze(call, y, 2), "constant");
}

/* ---- scale_and_translate ---- */

static cuv_ref at_least(cuv_call *call, cuv_ref x, double least, cuv_ref then, cuv_ref otherwise)
{
    return WHERE(E2(GREATER_EQUAL, x, LIKE(x, least)), then, otherwise);
}

static cuv_ref scaled(cuv_call *call, cuv_ref x, double times, double plus)
{
    return E2(ADD, E2(MUL, x, LIKE(x, times)), LIKE(x, plus));
}

/* What a cell at distance x >= 0 counts. */
static cuv_ref kernel_at(cuv_call *call, const char *method, cuv_ref x)
{
    cuv_ref zero = LIKE(x, 0);
    if (cuv_has_word("linear bilinear trilinear triangle", method))
        return E2(MAXIMUM, scaled(call, x, -1, 1), zero);
    if (cuv_has_word("cubic bicubic tricubic", method)) {
        cuv_ref near = scaled(call, E2(MUL, E2(MUL, scaled(call, x, 1.5, -2.5), x), x), 1, 1);
        cuv_ref far = scaled(call, E2(MUL, scaled(call, E2(MUL, scaled(call, x, -0.5, 2.5), x), 1, -4), x), 1, 2);
        return at_least(call, x, 2, zero, at_least(call, x, 1, far, near));
    }
    double radius = strcmp(method, "lanczos3") == 0 ? 3 : 5, pi = 3.14159265358979323846;
    cuv_ref y = E2(MUL, E1(SIN, scaled(call, x, pi, 0)), E1(SIN, scaled(call, x, pi / radius, 0)));
    y = E2(DIV, scaled(call, y, radius, 0), scaled(call, E1(SQUARE, x), pi * pi, 0));
    y = WHERE(E2(GREATER, x, LIKE(x, 1e-3)), y, LIKE(x, 1));
    return WHERE(E2(GREATER, x, LIKE(x, radius)), zero, y);
}

/* How much each of m cells counts for each of n new ones: (m, n). */
static cuv_status resampling(cuv_call *call, const char *method, int64_t m, int64_t n, cuv_ref scale, cuv_ref shift, cuv_ref *out)
{
    cuv_ref cells, places;
    int64_t most = m > n ? m : n;
    cuv_dtype dtype = cuv_var_of(call, scale)->dtype;
    double *at = cuv_arena_calloc(call->arena, (size_t)most, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < most; i++)
        at[i] = (double)i;
    CUV_TRY(cuv_constant(call, dtype, at, (int64_t[]){m, 1}, 2, &cells));
    CUV_TRY(cuv_constant(call, dtype, at, &n, 1, &places));
    cuv_ref inverse = E1(RECIPROCAL, scale);
    places = E2(SUB, E2(MUL, scaled(call, places, 1, 0.5), inverse), E2(MUL, shift, inverse));
    places = scaled(call, places, 1, -0.5);
    cuv_ref x = E1(ABS, E2(SUB, places, cells));
    if (cuv_option_bool(call, "antialias", true))
        x = E2(DIV, x, E2(MAXIMUM, inverse, LIKE(inverse, 1)));
    cuv_ref weights = kernel_at(call, method, x), zero = LIKE(weights, 0);
    cuv_ref total = cuv_reduce(call, CUV_OP_SUM, weights, (int[]){0}, 1, true);
    cuv_ref enough = E2(GREATER, E1(ABS, total), LIKE(total, 1000 * 1.1920928955078125e-07));
    weights = WHERE(enough, E2(DIV, weights, total), zero);
    cuv_ref inside = E2(LOGICAL_AND, E2(GREATER_EQUAL, places, LIKE(places, -0.5)),
                        E2(LESS_EQUAL, places, LIKE(places, (double)m - 0.5)));
    *out = WHERE(inside, weights, zero);
    return call->program->status;
}

/* One number of a row that has one for each axis. */
static cuv_ref number_of(cuv_call *call, cuv_ref row, int64_t i)
{
    return cuv_squeeze(call, cuv_slice_axis(call, row, 0, i, i + 1), 0);
}

static cuv_status resample_axis(cuv_call *call, const char *method, int axis, int64_t n, cuv_ref scale, cuv_ref shift, cuv_ref *x)
{
    cuv_ref weights = CUV_NO_REF;
    const cuv_var *v = cuv_var_of(call, *x);
    int64_t m = v->shape[axis], size;
    int last = v->rank - 1;
    if (m < 1 || n < 1 || !cuv_mul_i64(m, n, &size) || size > ((int64_t)1 << 24))
        return cuv_bad_option(call, "output_shape", "known along 'spatial_dims', as the images are");
    CUV_TRY(resampling(call, method, m, n, scale, shift, &weights));
    *x = cuv_move_axis(call, *x, axis, last);
    *x = E2(MATMUL, *x, TO(weights, cuv_var_of(call, *x)->dtype));
    *x = cuv_move_axis(call, *x, last, axis);
    return call->program->status;
}

cuv_status cuv_op_scale_and_translate(cuv_call *call)
{
    cuv_ref x, y, scale, shift;
    int64_t dims[CUV_MAX_RANK], n;
    const char *method = cuv_option_text(call, "method", "");
    const cuv_value *shape = cuv_option(call, "output_shape");
    int count = cuv_option_ints(call, "spatial_dims", dims);
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "scale", CUV_F32, &scale));
    CUV_TRY(cuv_operand_ref(call, "translation", CUV_F32, &shift));
    cuv_kind_of a = {.dtype = cuv_var_of(call, scale)->dtype}, b = {.dtype = cuv_var_of(call, shift)->dtype};
    cuv_dtype dtype = cuv_join_dtypes(a, b);
    scale = cuv_as_float(call, TO(scale, dtype));
    shift = cuv_as_float(call, TO(shift, dtype));
    if (!cuv_has_word("linear bilinear trilinear triangle cubic bicubic tricubic lanczos3 lanczos5", method))
        return cuv_bad_option(call, "method", "'linear', 'cubic', 'lanczos3', 'lanczos5' or another name of these");
    int rank = cuv_var_of(call, x)->rank;
    if (count < 0 || cuv_var_of(call, scale)->rank != 1 || cuv_var_of(call, shift)->rank != 1 || rank < 2)
        return cuv_bad_option(call, "spatial_dims", "a list of axes, with a scale and a translation each");
    y = cuv_as_float(call, x);
    for (int i = 0; i < count; i++) {
        int axis = (int)(dims[i] < 0 ? dims[i] + rank : dims[i]);
        if (axis < 0 || axis >= rank || !cuv_as_int(cuv_item(shape, (size_t)axis), &n))
            return cuv_bad_option(call, "spatial_dims", "axes whose size 'output_shape' tells");
        CUV_TRY(resample_axis(call, method, axis, n, number_of(call, scale, i), number_of(call, shift, i), &y));
    }
    if (cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return cuv_give(call, y);
    cuv_ref least = TO(REDUCE(MIN, x, NULL), CUV_F32), most = TO(REDUCE(MAX, x, NULL), CUV_F32);
    y = E2(MINIMUM, E2(MAXIMUM, E1(ROUND, y), least), most);
    return cuv_give(call, TO(y, cuv_var_of(call, x)->dtype));
}

/* ---- slice_update ---- */

/* Whether an axis is replaced as a whole, so that its sizes need not be known. */
static bool whole_axis(const cuv_call *call, const cuv_var *x, const cuv_var *part, int axis)
{
    int64_t starts[CUV_MAX_RANK];
    int n = cuv_option_ints(call, "start_indices", starts);
    return n > axis ? starts[axis] == 0 && x->shape[axis] == part->shape[axis]
                    : x->shape[axis] >= 0 && x->shape[axis] == part->shape[axis];
}

/* The updates at their places, the inputs elsewhere; a start too far on moves back until the updates fit. */
cuv_status cuv_op_slice_update(cuv_call *call)
{
    cuv_ref x, starts, part, inside = CUV_NO_REF;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "start_indices", CUV_I32, &starts));
    CUV_TRY(cuv_operand_ref(call, "updates", cuv_var_of(call, x)->dtype, &part));
    part = TO(part, cuv_var_of(call, x)->dtype);
    starts = TO(starts, CUV_I32);
    int rank = cuv_var_of(call, x)->rank;
    if (cuv_var_of(call, part)->rank != rank || cuv_var_of(call, starts)->rank != 1 ||
        (cuv_var_of(call, starts)->shape[0] >= 0 && cuv_var_of(call, starts)->shape[0] != rank))
        return cuv_bad_option(call, "updates", "a tensor of as many axes as 'inputs', with a start for each");
    for (int i = 0; i < rank; i++)
        if (cuv_var_of(call, part)->shape[i] == 0)
            return cuv_give(call, x);       /* nothing is replaced */
    for (int i = 0; i < rank; i++) {
        int64_t n = cuv_var_of(call, x)->shape[i], m = cuv_var_of(call, part)->shape[i];
        if (whole_axis(call, cuv_var_of(call, x), cuv_var_of(call, part), i))
            continue;
        if (n < 1 || m < 1 || m > n)
            return cuv_bad_option(call, "updates", "of known size, no larger than 'inputs'");
        cuv_ref start = clamped(call, number_of(call, starts, i), (double)(n - m));
        cuv_ref at = E2(SUB, cuv_counting(call, x, i, 0), start);
        cuv_ref in = E2(LOGICAL_AND, E2(GREATER_EQUAL, at, LIKE(at, 0)), E2(LESS, at, LIKE(at, (double)m)));
        part = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(part, clamped(call, at, (double)(m - 1))), CUV_AT(.axis = i));
        for (int k = i + 1; k < rank; k++)
            in = cuv_expand_dims(call, in, k - i);
        inside = cuv_mask_join(call, CUV_OP_LOGICAL_AND, inside, in);
    }
    return cuv_give(call, inside == CUV_NO_REF ? part : WHERE(inside, part, x));
}
