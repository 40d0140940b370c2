/* The fast backend: kernels for float32 that compute what the reference kernels do, in another order of additions. One text
 * (kernels.inc) is compiled for several instruction sets; the machine's best is picked at run time. Everything that is not here runs on
 * the reference kernels. Held against them op by op in tests/unit/test_fast.c. */
#ifndef CUV_RUN_FAST_H
#define CUV_RUN_FAST_H

#include "run/cache.h"
#include "run/fast/pool.h"
#include "run/kernels.h"

/* A float that may lie anywhere in a file. */
typedef float cuv_loose __attribute__((aligned(1)));

/* Rows of x times packed columns: y[m, n] = clamp(start + sum over taps t and i < k of x[at(m) + tap[t] + i] w[t k + i, n] + add[m, n]).
 * A convolution is this product with one row for each output place; a dense layer has one tap. */
typedef struct cuv_product {
    size_t rows, cols, k, taps;
    const float *x;
    const int32_t *at;          /* where row m starts; NULL: at m x_step */
    size_t x_step;
    const int32_t *tap;         /* floats from a row's start to each tap; NULL: the one tap starts there */
    const float *packed;        /* cuv_pack; NULL: `raw` is packed panel by panel when it is used */
    const cuv_loose *raw;       /* (taps k, raw_step), whose columns are multiplied by raw_scale unless that is NULL */
    const float *raw_scale;
    size_t raw_step;
    const float *bias;          /* cols floats rounded up to whole panels; NULL: zeros */
    const float *add;           /* (rows, y_step), added before the clamp; NULL: nothing */
    float *y;
    size_t y_step;
    bool accumulate;            /* start from y, not from the bias */
    bool clamp;                 /* between lo and hi; NaN stays */
    float lo, hi;
    const struct cuv_quants *quants;    /* of eight bits (reduced.h) */
} cuv_product;

/* Products in fewer bits (reduced.h) count x, at, tap and k in words of four bytes. */
typedef uint32_t cuv_word __attribute__((may_alias));
/* Numbers of eight bits as floats: of weights by column, of inputs by row when `each` is 1, else the same for all. */
typedef struct cuv_quants {
    const float *w_scale;
    const int32_t *w_sum;       /* of all weights of a column */
    const float *x_scale;
    const int32_t *x_zero;
    size_t each;
} cuv_quants;

/* Windows over one image of in_h x in_w places that are x_step floats apart. A depthwise convolution is y[o, c] = clamp(bias[c] + sum over
 * taps of x[..] w[tap, c]). Places outside the image count as zeros there; pools leave them out. */
typedef struct cuv_window {
    size_t channels, in_h, in_w, out_h, out_w, k_h, k_w, stride_h, stride_w, dilation_h, dilation_w;
    ptrdiff_t lo_h, lo_w;       /* padding before the first row and column */
    size_t x_step, y_step;      /* floats from place to place */
    const float *x, *w, *bias;
    size_t w_step;              /* floats from tap to tap */
    float *y;
    bool clamp;
    float lo, hi;
} cuv_window;

/* Points of F(4x4, 3x3), beside 0 and infinity: both signs of these. */
#define CUV_NEAR 0.625f
#define CUV_FAR 1.5f

typedef struct cuv_isa {
    const char *name;
    size_t panel;               /* columns of a panel */
    size_t tile;                /* rows of the largest tile */
    /* Columns [first, end) of panels, all rows. */
    void (*product)(const cuv_product *p, size_t first_row, size_t end_row, size_t first_panel, size_t end_panel);
    void (*depthwise)(const cuv_window *d, size_t first_row, size_t end_row);
    /* The largest value of each window, or its mean; no window may lie in the padding alone. */
    void (*pool)(const cuv_window *d, size_t first_row, size_t end_row, bool most);
    /* A tile of Winograd's F(2x2, 3x3), n channels: x at row and cell steps to 16 values at v, `step` apart; and from 16 values to (rows, cols)
     * outputs. [1]: of F(4x4, 3x3), 36 values. */
    void (*tile_in[2])(const float *x, size_t row, size_t cell, size_t n, float *v, size_t step);
    void (*tile_out[2])(const cuv_product *p, const float *v, size_t step, float *y, const float *add, size_t row, size_t rows, size_t cols);
    /* The same over one axis for Toom-Cook's F(4, 4): from 7 places to 7 values, and from these to `count` outputs, `row` floats apart. */
    void (*line_in)(const float *const *x, size_t n, float *v, size_t step);
    void (*line_out)(const cuv_product *p, const float *v, size_t step, float *y, const float *add, size_t row, size_t count);
    /* In place; false when the activation is not here. */
    bool (*act)(const cuv_act *act, float *y, size_t n);
    void (*softmax)(float *y, const float *x, size_t rows, size_t n, float scale);
    /* y = (x - mean) / sqrt(variance + epsilon) gamma? + beta?; `centre` false: no mean is taken away */
    void (*normalise)(float *y, const float *x, const float *gamma, const float *beta, size_t rows, size_t n, float epsilon,
                      bool centre);
    /* y[r, c] = x[r, c] scale[c] + shift[c] */
    void (*affine)(float *y, const float *x, const float *scale, const float *shift, size_t rows, size_t n);
    /* y[i] = a[i] op b[i]; CUV_OP_ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, PRELU. `b_one`: b is one number. */
    void (*binary)(cuv_op op, float *y, const float *a, const float *b, size_t n, bool b_one);
    /* y[i] = larger of both (NaN wins), or their sum */
    void (*fold_max)(float *y, const float *x, size_t n);
    void (*fold_add)(float *y, const float *x, size_t n);
    /* y[c] = sum of x[r step + c] over all rows, c < n */
    void (*sum_rows)(float *y, const float *x, size_t rows, size_t n, size_t step);
    /* The same for the largest and the least; NaN wins. */
    void (*max_rows)(float *y, const float *x, size_t rows, size_t n, size_t step);
    void (*min_rows)(float *y, const float *x, size_t rows, size_t n, size_t step);
    /* y[c] = sum of (x[r step + c] - mean[c])^2 over all rows */
    void (*square_rows)(float *y, const float *x, const float *mean, size_t rows, size_t n, size_t step);
    /* y[i] = sum of weight[k] x[k][i], k < count <= 4 */
    void (*mix)(float *y, const float *const *x, const float *weight, int count, size_t n);
    /* y = a + (b - a) t, rounded after each */
    void (*lerp)(float *y, const float *a, const float *b, float t, size_t n);
    /* To the nearest float16, or bfloat16 (`brain`), in place. */
    void (*round_half)(float *x, size_t n, bool brain);
    /* CUV_OP_MAX, MIN, or any other: the sum, of n > 0 numbers. */
    float (*reduce_row)(cuv_op op, const float *x, size_t n);
    void (*scale)(float *y, size_t n, float by);
    /* One step over n units, whose activated gates (LSTM: i f c o) are `stride` floats apart; the new state goes to h (to). */
    void (*lstm_cell)(const float *gates, size_t stride, float *c, float *h, size_t n);
    void (*gru_cell)(const float *z, const float *candidate, const float *h, float *to, size_t n);
} cuv_isa;

extern const cuv_isa cuv_isa_base, cuv_isa_avx2, cuv_isa_avx512;
/* The best one of this processor. */
const cuv_isa *cuv_isa_best(void);

/* ---- packed columns (pack.c) ---- */

/* Panels of `panel` columns one after the other, each (k, panel); columns beyond the last are zeros. */
size_t cuv_packed_floats(size_t k, size_t cols, size_t panel);
/* w[i, n] at w[i row + n col]. _rows: those from `first` to before `end`, each column times its scale unless `scale` is NULL. */
void cuv_pack_rows(float *packed, const cuv_loose *w, const float *scale, size_t k, size_t first, size_t end, size_t cols, size_t row, size_t col,
                   size_t panel);
/* Rows [first, first + n) of k from w[c n + i], each column times its scale unless that is NULL. */
void cuv_pack_columns(float *packed, const cuv_loose *w, const float *scale, size_t n, size_t first, size_t k, size_t cols, size_t panel);
void cuv_pack(float *to, const cuv_loose *w, size_t k, size_t cols, size_t row, size_t col, size_t panel);

/* ---- kernels of a plan (choose.c) ---- */

/* What one kernel does beyond its own step: zeros around its input, batch normalisation or a bias, a sum with another tensor and an activation
 * after it, in this order; of attention the transposes around it. */
typedef struct cuv_fused {
    bool absorbed;              /* this step is done by another one */
    unsigned parts;             /* how many steps are done here; 0: none are fused */
    size_t head;                /* the step whose kernel does it */
    cuv_ref x, add;             /* the input before its padding; CUV_NO_REF: nothing is added */
    const int64_t *pad_lo;      /* by axis of x; NULL: none */
    const float *scale, *shift; /* by output channel; NULL: none. A dense layer may have a shift alone */
    unsigned turned;            /* of attention: bit k: input k has its heads after its rows, bit 3: so has the result */
    bool unread;                /* of attention: nobody reads its weights */
    const cuv_act *act;         /* NULL: the step's own */
    const struct cuv_fused *expand;     /* of a depthwise convolution: the 1x1 convolution that makes its input; x is that one's; or NULL */
    const cuv_step *steps[6];   /* the others, for people; ended by NULL */
} cuv_fused;

/* What a step needs beyond its arguments: made once, with the plan. */
typedef struct cuv_prepared {
    const cuv_isa *isa;
    const char *family;         /* which chooser made it, for people */
    cuv_pool *pool;             /* borrowed; NULL: one thread */
    const cuv_fused *fused;     /* NULL: nothing */
    const cuv_act *after;       /* the activation */
    const cuv_act *before;      /* that of the 1x1 convolution before a depthwise one */
    cuv_op act;                 /* of kernels that serve several ops */
    cuv_product product;        /* all but rows, x, y */
    size_t panels;              /* of the product, of one group */
    /* convolutions */
    cuv_space space;
    int64_t groups, size[3];    /* of the image with its padding */
    cuv_window window;          /* depthwise, pools; all but x and y */
    bool padded;                /* the image is copied into scratch */
    const cuv_taps *rows_of, *cols_of;  /* resized images */
    const struct cuv_phases *phases;    /* transposed convolutions (transpose.c) */
    size_t tiles[2], block;     /* Winograd: tiles of an image; how many are transformed at once */
    size_t across;              /* outputs of a tile along an axis: 2 or 4 */
    /* recurrence: the product is that with x */
    cuv_product recurrent, candidate;
    size_t chunk;               /* time steps whose products with x, or rows whose windows, are made at once */
    size_t scratch;             /* bytes */
    unsigned copied;            /* bit i: input i is not read when the kernel runs */
    /* products in fewer bits */
    const struct cuv_dots *dots;        /* NULL: float32 */
    cuv_quants quants;          /* of the weights */
    size_t wide;                /* words of a row, or of a place of the image */
} cuv_prepared;

/* The fast kernel of a step: the one in *kernel stays when there is none. `args` has all shapes, and the data of the inputs that are
 * fixed; what is made here lives in the arena. */
typedef struct cuv_slab cuv_slab;
typedef struct cuv_chooser {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_isa *isa;
    cuv_pool *pool;
    bool lasting;               /* the plan will run often: weights may be transformed for it */
    const struct cuv_dots *dots;        /* for products in fewer bits; NULL: float32 */
    bool everywhere;            /* in fewer bits even where that does not pay */
    cuv_cache *cache;           /* of packed weights, borrowed; NULL: none */
    const cuv_program *program; /* whose weights they are; NULL: not known */
    cuv_slab *slab;             /* where rooms for large weights are cut from; NULL: each is a piece of memory of its own */
} cuv_chooser;
/* For about `expected` bytes of packed weights, in large pieces with few page faults. NULL when they are too few for that, or without memory. */
cuv_slab *cuv_slab_new(cuv_arena *arena, size_t expected);
/* Memory that is about to be filled as a whole: pages of 2 MiB save most of the page faults. */
void cuv_want_huge_pages(void *memory, size_t size);
CUV_MUST_USE cuv_status cuv_fast_kernel(const cuv_chooser *c, cuv_op op, cuv_kernel_args *args, const cuv_fused *fused,
                                        cuv_kernel *kernel, cuv_kernel_scratch *scratch);
/* Whether conv, depthwise or dense of these shapes have a fast kernel, so that others may be fused with it. */
bool cuv_fast_can(cuv_op op, const cuv_kernel_args *args);
/* Inputs of a step with `expand`: those of the depthwise convolution (x being the 1x1 convolution's), nothing, then its kernel and bias. */
enum { CUV_EXPAND_KERNEL = 4, CUV_EXPAND_BIAS, CUV_EXPAND_INPUTS };

/* Whether a step is a recurrent layer whose work one thread does best: two of them keep two threads busy. */
bool cuv_recurrent_alone(const cuv_kernel_args *args);

/* ---- for the families ---- */

/* A family's chooser: *kernel is left alone when the step is not for it. */
typedef cuv_status cuv_fast_choose(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel);
cuv_fast_choose cuv_choose_reduced, cuv_choose_linear, cuv_choose_winograd, cuv_choose_toom, cuv_choose_conv, cuv_choose_transpose, cuv_choose_depthwise, cuv_choose_rows, cuv_choose_reduce, cuv_choose_group_norm, cuv_choose_resize, cuv_choose_turn, cuv_choose_pool, cuv_choose_recurrent,
    cuv_choose_attention;
bool cuv_can_dense(const cuv_kernel_args *a);
bool cuv_can_conv(const cuv_kernel_args *a);
bool cuv_can_depthwise(const cuv_kernel_args *a);
bool cuv_can_transpose(const cuv_kernel_args *a);
bool cuv_can_attention(const cuv_kernel_args *a);      /* of shapes with the heads before the rows */
/* `floats` floats, aligned to 64 bytes, that live as long as the arena; not cleared. NULL: no memory. */
float *cuv_fast_room(const cuv_chooser *c, size_t floats);
/* The same for what is made from weights (and batch normalisation) alone, and may come from a cache: when *ready it is filled and must not be
 * written. `layout` names the order of the floats (at most 31 bytes); the order in which a step asks must always be the same. */
float *cuv_fast_kept(const cuv_chooser *c, const char *layout, size_t floats, bool *ready);
/* cuv_pack_rows of a whole weight, by all threads, in pieces: pages of its file leave memory as soon as they are packed. */
void cuv_fast_fill(const cuv_chooser *c, float *to, const cuv_loose *w, const float *scale, size_t k, size_t cols, size_t row, size_t col);
/* Packs the columns of w(k, cols) with the given steps between rows and columns, and the bias, when there is one. */
CUV_MUST_USE cuv_status cuv_fast_pack(const cuv_chooser *c, const cuv_fused *fused, const float *w, size_t k, size_t cols, size_t row,
                                      size_t col, const float *bias, cuv_product *to);
/* Large weights of a plan that may run only once are not packed but kept in to->raw, with the bias: packing a panel whenever it is used takes less
 * time than the memory for a packed copy of all does. All others: nothing is done. cuv_fast_late_floats: the scratch that this takes for one
 * thread; 0 when there are none. */
CUV_MUST_USE cuv_status cuv_fast_late(const cuv_chooser *c, const cuv_fused *fused, const float *w, size_t k, size_t cols, size_t row, size_t col,
                                      const float *bias, cuv_product *to);
size_t cuv_fast_late_floats(const cuv_isa *isa, const cuv_product *p);
/* Panels [n, end) of such weights, packed at `to`. */
void cuv_fast_late_panels(const cuv_isa *isa, const cuv_product *p, size_t n, size_t end, float *to);
/* A convolution's kernel (taps, ci, co) that is transformed into `points` kernels (rows, co), each for a product of its own. `columns` writes the
 * transformed columns [col, col + wide) of a row, wide at most CUV_STRIDE: a count that the compiler knows becomes vectors, and panels are
 * multiples of it. */
enum { CUV_STRIDE = 8, CUV_MOST_POINTS = 36 };
typedef struct cuv_transform {
    const char *layout;         /* as for cuv_fast_kept */
    void (*columns)(const struct cuv_transform *w, size_t row, size_t col, size_t wide, float u[][CUV_STRIDE]);
    const cuv_loose *kernel;
    size_t ci, co, taps, points, rows;
} cuv_transform;
/* Whether a transformed kernel is used often: by later runs, or at many places in this one. */
bool cuv_transform_pays(const cuv_chooser *c, int64_t places);
/* Transforms and packs the kernel, by all threads, and the bias, which may be NULL, into to->product. */
CUV_MUST_USE cuv_status cuv_fast_transformed(const cuv_chooser *c, const cuv_transform *w, const float *bias, cuv_prepared *to);
/* The activation as clamp of the product when it is one; true then, and when there is none. */
bool cuv_fast_clamp(const cuv_act *act, cuv_product *p);
/* Fills to[0, width): bias[first + c] with the scale and shift of what is fused, zeros from `cols` on. `bias` may be NULL. */
void cuv_fast_bias(const cuv_fused *fused, const float *bias, size_t first, size_t cols, size_t width, float *to);
/* Applies an activation to rows in place: fast where it can be. */
void cuv_fast_act(const cuv_isa *isa, const cuv_act *act, float *y, size_t rows, size_t cols);
/* Runs a product on the pool, and the activation on what each part made (columns must be the whole row). `room`: the scratch for weights that are
 * packed late, of all threads; NULL where they never are. */
void cuv_fast_product(const cuv_prepared *f, const cuv_product *p, const cuv_act *act, float *room);
/* The window of two axes that a space is, without weights. */
cuv_window cuv_fast_window(const cuv_space *s);
/* Sizes of the image that the outputs of a convolution reach, and whether x itself can be it; false when there are too many numbers for int32. */
bool cuv_conv_measure(const cuv_kernel_args *a, cuv_prepared *to);
/* Convolutions in one group that are products of rows with a matrix: windows of one place, all of them. */
bool cuv_conv_is_points(const cuv_prepared *f);
/* Where the rows and taps of a convolution start in its image, whose places are `wide` apart. */
CUV_MUST_USE cuv_status cuv_conv_places(const cuv_chooser *c, cuv_prepared *to, size_t wide);
/* The image with its padding: x itself, or a copy in scratch (conv.c). */
const float *cuv_fast_image(const cuv_prepared *f, const float *x, float *scratch);
/* Rows times packed columns: dense layers, and 1x1 convolutions. */
void cuv_fast_dense(const cuv_kernel_args *a);
/* The tensor that is added to the result, or NULL. */
static inline const float *cuv_fast_added(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    return f->fused && f->fused->add != CUV_NO_REF ? a->in[3].data : NULL;
}
/* Batch normalisation of n channels as x scale + shift; gamma and beta may be NULL (rows.c). */
void cuv_norm_numbers(const float *mean, const float *variance, const float *gamma, const float *beta, double epsilon, size_t n, float *scale,
                      float *shift);
static inline size_t cuv_panels(const cuv_isa *isa, size_t cols)
{
    return (cols + isa->panel - 1) / isa->panel;
}

#endif
