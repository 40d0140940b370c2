/* ContrastLimitedAdaptiveHistogramEqualization: each tile of an image has its own curve from its histogram, and a pixel takes
 * the values of the four nearest tiles' curves, by their distances. */
#include "layers/operation_emit.h"
#include "layers/rows.h"

#include <math.h>

enum { LEVELS = 256, MOST_CELLS = 1 << 24 };

typedef struct tiling {
    int64_t h, w, c;            /* of the image */
    int64_t rows, columns;      /* tiles */
    int64_t tile_h, tile_w;     /* pixels of a tile */
    int64_t all_h, all_w;       /* of all tiles */
} tiling;

/* A number for each pixel and channel of one padded image. */
typedef int64_t cell(const tiling *t, int64_t y, int64_t x, int64_t c, int corner);

static cuv_status cells(cuv_call *call, const tiling *t, cell *of, int corner, cuv_ref *out)
{
    int64_t n = t->all_h * t->all_w * t->c;
    double *at = cuv_arena_calloc(call->arena, (size_t)n, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < n; i++)
        at[i] = (double)of(t, i / t->c / t->all_w, i / t->c % t->all_w, i % t->c, corner);
    return cuv_constant(call, CUV_I64, at, (int64_t[]){1, t->all_h, t->all_w, t->c}, 4, out);
}

/* Where the histogram of a pixel's tile begins. */
static int64_t histogram_of(const tiling *t, int64_t y, int64_t x, int64_t c, int corner)
{
    (void)corner;
    return ((y / t->tile_h * t->columns + x / t->tile_w) * t->c + c) * LEVELS;
}

/* A place among the tiles, counted in tiles, one more on each side; in float32, as Keras computes it. */
static float among_tiles(int64_t at, int64_t size)
{
    return ((float)at - (float)((double)size / 2)) / (float)size + 1;
}

static int64_t tile_near(int64_t at, int64_t size, int64_t count, int further)
{
    int64_t tile = (int64_t)floorf(among_tiles(at, size)) + further;
    return tile < 0 ? 0 : tile > count + 1 ? count + 1 : tile;
}

/* Where the curve of a tile near a pixel begins: corner 0 up left, 1 up right, 2 down left, 3 down right. */
static int64_t curve_of(const tiling *t, int64_t y, int64_t x, int64_t c, int corner)
{
    int64_t row = tile_near(y, t->tile_h, t->rows, corner / 2), column = tile_near(x, t->tile_w, t->columns, corner % 2);
    return ((row * (t->columns + 2) + column) * t->c + c) * LEVELS;
}

static cuv_status nearness(cuv_call *call, int64_t n, int64_t size, bool down, cuv_ref *out)
{
    double *at = cuv_arena_calloc(call->arena, (size_t)n, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < n; i++)
        at[i] = (double)(among_tiles(i, size) - floorf(among_tiles(i, size)));
    return cuv_constant(call, CUV_F32, at, (int64_t[]){1, down ? n : 1, down ? 1 : n, 1}, 4, out);
}

/* How often each level occurs in each tile, (batch, rows, columns, channels, levels). */
static cuv_status histograms(cuv_call *call, const tiling *t, cuv_ref levels, cuv_ref *out)
{
    cuv_ref begin;
    int64_t size = t->rows * t->columns * t->c * LEVELS;
    CUV_TRY(cells(call, t, histogram_of, 0, &begin));
    cuv_attrs zeros = {.shape = {-2, size}, .shape_count = 2, .dtype = CUV_F32};
    cuv_ref image = TO(cuv_counting(call, levels, 0, 3), CUV_I64);
    cuv_ref at = E2(ADD, E2(ADD, levels, begin), E2(MUL, image, LIKE(image, (double)size)));
    at = cuv_emit_reshape(call->program, at, (int64_t[]){-1}, 1);
    cuv_ref none = cuv_emit_reshape(call->program, cuv_emit(call->program, CUV_OP_FILL, CUV_IN(levels), &zeros), (int64_t[]){-1}, 1);
    cuv_ref ones = cuv_filled_like(call, at, 1, CUV_F32);
    cuv_ref y = cuv_emit(call->program, CUV_OP_SCATTER, CUV_IN(none, at, ones), CUV_AT(.mode = CUV_MODE_ADD));
    *out = cuv_emit_reshape(call->program, y, (int64_t[]){-1, t->rows, t->columns, t->c, LEVELS}, 5);
    return call->program->status;
}

/* What is above the limit is spread over all levels; the sums from the left, brought to 0 .. 255, are the curve. */
static cuv_ref curves(cuv_call *call, const tiling *t, cuv_ref counts, double clip)
{
    const int last = 4;
    double pixels = (double)(t->tile_h * t->tile_w);
    if (clip > 0) {
        cuv_ref kept = E2(MINIMUM, counts, LIKE(counts, clip * pixels / LEVELS));
        cuv_ref excess = cuv_reduce(call, CUV_OP_SUM, E2(SUB, counts, kept), &last, 1, true);
        counts = E2(ADD, kept, E2(DIV, excess, LIKE(excess, LEVELS)));
    }
    cuv_ref sums = cuv_emit(call->program, CUV_OP_CUMSUM, CUV_IN(counts), CUV_AT(.axis = last));
    cuv_ref least = cuv_reduce(call, CUV_OP_MIN, sums, &last, 1, true);
    cuv_ref below = E2(SUB, LIKE(least, pixels), least);
    below = WHERE(E2(EQUAL, below, LIKE(below, 0)), LIKE(below, 1), below);
    cuv_ref above = E2(SUB, sums, least), y = E2(DIV, E2(MUL, above, LIKE(above, 255)), below);
    return cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(y), CUV_AT(.alpha = 0, .beta = 255));
}

/* The four curves' values at each pixel's level, mixed. */
static cuv_status mixed(cuv_call *call, const tiling *t, cuv_ref curve, cuv_ref levels, cuv_ref *out)
{
    cuv_ref values[4], down, across, begin;
    cuv_attrs pads = {.mode = CUV_MODE_EDGE, .pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}};
    curve = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(curve), &pads);
    int64_t size = (t->rows + 2) * (t->columns + 2) * t->c * LEVELS;
    curve = cuv_emit_reshape(call->program, curve, (int64_t[]){-1, size}, 2);
    for (int corner = 0; corner < 4; corner++) {
        CUV_TRY(cells(call, t, curve_of, corner, &begin));
        cuv_ref at = cuv_emit_reshape(call->program, E2(ADD, levels, begin), (int64_t[]){-2, t->all_h * t->all_w * t->c}, 2);
        cuv_ref v = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(curve, at), CUV_AT(.axis = 1));
        values[corner] = cuv_emit_reshape(call->program, v, (int64_t[]){-2, t->all_h, t->all_w, t->c}, 4);
    }
    CUV_TRY(nearness(call, t->all_h, t->tile_h, true, &down));
    CUV_TRY(nearness(call, t->all_w, t->tile_w, false, &across));
    cuv_ref back = E2(SUB, LIKE(across, 1), across), up = E2(SUB, LIKE(down, 1), down);
    cuv_ref top = E2(ADD, E2(MUL, values[0], back), E2(MUL, values[1], across));
    cuv_ref low = E2(ADD, E2(MUL, values[2], back), E2(MUL, values[3], across));
    *out = E2(ADD, E2(MUL, top, up), E2(MUL, low, down));
    return call->program->status;
}

static cuv_status read_tiling(cuv_call *call, cuv_ref x, tiling *t)
{
    int64_t grid[CUV_MAX_RANK], size;
    const int64_t *shape = cuv_var_of(call, x)->shape;
    if (cuv_arg_ints(call->layer, "tile_grid_size", grid) != 2 || grid[0] < 1 || grid[1] < 1 || grid[0] > 4096 || grid[1] > 4096)
        return cuv_bad_arg(call->layer, "tile_grid_size", "two numbers of tiles");
    *t = (tiling){.h = shape[1], .w = shape[2], .c = shape[3], .rows = grid[0], .columns = grid[1]};
    if (t->h < 1 || t->w < 1 || t->c < 1 || t->h > 65536 || t->w > 65536 || t->c > 4096)
        return cuv_bad_input(call, 0, "images of known size");
    t->tile_h = (t->h + t->rows - 1) / t->rows;
    t->tile_w = (t->w + t->columns - 1) / t->columns;
    t->all_h = t->tile_h * t->rows;
    t->all_w = t->tile_w * t->columns;
    if (!cuv_mul_i64(t->all_h * t->all_w, t->c, &size) || size > MOST_CELLS ||
        (t->rows + 2) * (t->columns + 2) > MOST_CELLS / LEVELS / t->c)
        return cuv_bad_input(call, 0, "smaller images, or fewer tiles");
    return CUV_OK;
}

/* x from one range of values to another, in Keras's order of steps. */
static cuv_ref ranged(cuv_call *call, cuv_ref x, double from, double to, double new_from, double new_to)
{
    if (from == new_from && to == new_to)
        return x;
    x = E2(DIV, E2(SUB, x, LIKE(x, from)), LIKE(x, to - from));
    return E2(ADD, E2(MUL, x, LIKE(x, new_to - new_from)), LIKE(x, new_from));
}

static cuv_status clahe_lower(cuv_call *call)
{
    const cuv_value *range = cuv_arg(call->layer, "value_range");
    double from = 0, to = 0;
    cuv_attrs pads = {.mode = CUV_MODE_SYMMETRIC};
    cuv_ref counts, y;
    tiling t;
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    if (cuv_len(range) != 2 || !cuv_as_real(cuv_item(range, 0), &from) || !cuv_as_real(cuv_item(range, 1), &to) || from >= to)
        return cuv_bad_arg(call->layer, "value_range", "two numbers, the smaller first");
    cuv_ref given = cuv_to_last(call, cuv_float_in(call, 0)), x = TO(given, CUV_F32);
    CUV_TRY(call->program->status);
    CUV_TRY(read_tiling(call, x, &t));
    pads.pad_hi[1] = t.all_h - t.h;
    pads.pad_hi[2] = t.all_w - t.w;
    x = ranged(call, x, from, to, 0, 255);
    if (pads.pad_hi[1] || pads.pad_hi[2])
        x = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads);
    cuv_ref levels = TO(cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(x), CUV_AT(.alpha = 0, .beta = 255)), CUV_I64);
    CUV_TRY(histograms(call, &t, levels, &counts));
    CUV_TRY(mixed(call, &t, curves(call, &t, counts, cuv_arg_real(call->layer, "clip_limit")), levels, &y));
    y = cuv_slice_axis(call, cuv_slice_axis(call, y, 1, 0, t.h), 2, 0, t.w);
    y = TO(ranged(call, y, 0, 255, from, to), cuv_call_in(call, 0)->dtype);
    return cuv_call_return(call, cuv_from_last(call, y));
}

static const cuv_param clahe_params[] = {P("value_range", ANY, "(0, 255)"), P("clip_limit", FLOAT, "4.0"), P("tile_grid_size", INTS, "(8, 8)"),
                                         DATA_FORMAT, INERT("factor", "None"), BOXES, CUV_PARAM_END};
const cuv_layer_def cuv_layer_clahe = {
    .name = "ContrastLimitedAdaptiveHistogramEqualization", .doc = "contrast evened out tile by tile", .params = clahe_params,
    .flags = CUV_LF_DICT, .lower = clahe_lower,
};
