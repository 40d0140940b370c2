/* Recurrence step by step, as a Scan with the cell as its body: for masks, which ONNX's LSTM, GRU and RNN know only as lengths, and
 * for activations that they do not have. */
#include "emit/onnx.h"

typedef struct cell {
    const char *kernel, *own, *bias, *own_bias;
    const char *x, *on;                 /* of one step; on: (b, 1) or NULL */
    const char *h, *c, *y;              /* states before it */
    const char *h2, *c2, *y2;           /* and after */
    int64_t units;
} cell;

static const char *act(onnx_writer *w, const cuv_act *a, const char *x)
{
    return onnx_unary(w, a, x, CUV_F32, 1);
}

/* x kernel + bias */
static const char *product(onnx_writer *w, const char *x, const char *kernel, const char *bias)
{
    return bias ? onnx_op3(w, "Gemm", x, kernel, bias) : onnx_op2(w, "MatMul", x, kernel);
}

static void split(onnx_writer *w, const char *x, int64_t units, size_t parts, const char **out)
{
    int64_t sizes[4] = {units, units, units, units};
    onnx_node(w, "Split", ONNX_IN(x, onnx_ints(w, sizes, parts)), ONNX_ATTRS(ONNX_AI("axis", 1)), out, parts);
}

static void lstm_cell(onnx_writer *w, const cuv_step *s, cell *k)
{
    const char *gate[4] = {NULL};
    const cuv_act *a = &s->attrs->act, *r = &s->attrs->rec_act;
    split(w, onnx_op2(w, "Add", product(w, k->x, k->kernel, k->bias), onnx_op2(w, "MatMul", k->h, k->own)), k->units, 4, gate);
    const char *kept = onnx_op2(w, "Mul", act(w, r, gate[1]), k->c);
    k->c2 = onnx_op2(w, "Add", kept, onnx_op2(w, "Mul", act(w, r, gate[0]), act(w, a, gate[2])));
    k->h2 = onnx_op2(w, "Mul", act(w, r, gate[3]), act(w, a, k->c2));
}

/* r (h U) with reset_after, (r h) U without. */
static const char *reset_part(onnx_writer *w, const cuv_step *s, const cell *k, const char *r, const char *own_h)
{
    if (s->attrs->reset_after)
        return onnx_op2(w, "Mul", r, own_h);
    return onnx_op2(w, "MatMul", onnx_op2(w, "Mul", r, k->h), onnx_slice(w, k->own, 1, 2 * k->units, INT64_MAX, 1));
}

static void gru_cell(onnx_writer *w, const cuv_step *s, cell *k)
{
    const char *of_x[3] = {NULL}, *of_h[3] = {NULL};
    const cuv_act *rec = &s->attrs->rec_act;
    split(w, product(w, k->x, k->kernel, k->bias), k->units, 3, of_x);
    split(w, product(w, k->h, k->own, k->own_bias), k->units, 3, of_h);
    const char *z = act(w, rec, onnx_op2(w, "Add", of_x[0], of_h[0])), *r = act(w, rec, onnx_op2(w, "Add", of_x[1], of_h[1]));
    const char *candidate = act(w, &s->attrs->act, onnx_op2(w, "Add", of_x[2], reset_part(w, s, k, r, of_h[2])));
    const char *rest = onnx_op2(w, "Sub", onnx_number(w, CUV_F32, 1), z);
    k->h2 = onnx_op2(w, "Add", onnx_op2(w, "Mul", z, k->h), onnx_op2(w, "Mul", rest, candidate));
}

static void rnn_cell(onnx_writer *w, const cuv_step *s, cell *k)
{
    const char *sum = onnx_op2(w, "Add", product(w, k->x, k->kernel, k->bias), onnx_op2(w, "MatMul", k->h, k->own));
    k->h2 = act(w, &s->attrs->act, sum);
}

/* Masked steps change no state; their output is the one before, or zeros. */
static void masked(onnx_writer *w, const cuv_step *s, cell *k)
{
    const char *fresh = k->h2, *still = s->attrs->zero_masked ? onnx_number(w, CUV_F32, 0) : k->y;
    if (!k->on) {
        k->y2 = onnx_op1(w, "Identity", k->h2);
        return;
    }
    k->h2 = onnx_op3(w, "Where", k->on, fresh, k->h);
    k->c2 = k->c ? onnx_op3(w, "Where", k->on, k->c2, k->c) : NULL;
    k->y2 = onnx_op3(w, "Where", k->on, fresh, still);
}

static const char *body_input(onnx_writer *w, cuv_buffer *graph, const char *what, onnx_type type, int64_t size, int rank)
{
    const char *name = onnx_name(w, cuv_format(w->cx, "%s_%s", w->base, what));
    const int64_t shape[2] = {-1, size};
    if (name)
        onnx_value_info(w, graph, 11, name, type, shape, rank, name);
    return name;
}

static void body_output(onnx_writer *w, cuv_buffer *graph, const char *name, int64_t size)
{
    const int64_t shape[2] = {-1, size};
    if (name)
        onnx_value_info(w, graph, 12, name, ONNX_FLOAT, shape, 2, name);
}

/* The body: states h, c (LSTM), y (with a mask), then x and the mask of a step; the same states, then y again as a row. */
static void write_body(onnx_writer *w, const cuv_step *s, cell *k, cuv_buffer *graph)
{
    const bool mask = onnx_has(w, 4);
    k->h = body_input(w, graph, "h", ONNX_FLOAT, k->units, 2);
    k->c = s->op == CUV_OP_LSTM ? body_input(w, graph, "c", ONNX_FLOAT, k->units, 2) : NULL;
    k->y = mask ? body_input(w, graph, "y", ONNX_FLOAT, k->units, 2) : NULL;
    k->x = body_input(w, graph, "x", ONNX_FLOAT, onnx_var(w, s->in[1])->shape[0], 2);
    k->on = mask ? body_input(w, graph, "on", ONNX_BOOL, 0, 1) : NULL;
    k->on = mask ? onnx_unsqueeze(w, k->on, 1) : NULL;
    if (s->op == CUV_OP_LSTM)
        lstm_cell(w, s, k);
    else if (s->op == CUV_OP_GRU)
        gru_cell(w, s, k);
    else
        rnn_cell(w, s, k);
    masked(w, s, k);
    body_output(w, graph, k->h2, k->units);
    body_output(w, graph, k->c ? k->c2 : NULL, k->units);
    if (mask)
        body_output(w, graph, k->y2, k->units);
    body_output(w, graph, mask ? onnx_op1(w, "Identity", k->y2) : k->y2, k->units);
    const char *name = onnx_name(w, cuv_format(w->cx, "%s_step", w->base));
    if (name)
        cuv_proto_text(graph, 2, name);
}

/* State i, or zeros (b, units). */
static const char *state(onnx_writer *w, const cuv_step *s, int i, int64_t units)
{
    if (i && onnx_has(w, i))
        return onnx_in(w, i);
    const char *shape[2] = {onnx_size(w, s->in[0], 0), onnx_ints(w, &units, 1)};
    return onnx_op2(w, "Expand", onnx_number(w, CUV_F32, 0), onnx_concat(w, shape, 2, 0));
}

/* Halves of a GRU's bias: for x, and for h where there are two. */
static void biases(onnx_writer *w, const cuv_step *s, cell *k)
{
    k->bias = onnx_in(w, 3);
    k->own_bias = NULL;
    if (!onnx_has(w, 3) || onnx_var(w, s->in[3])->rank == 1)
        return;
    k->own_bias = onnx_squeeze(w, onnx_slice(w, k->bias, 0, 1, 2, 1), 0);
    k->bias = onnx_squeeze(w, onnx_slice(w, k->bias, 0, 0, 1, 1), 0);
}

void onnx_scan(onnx_writer *w, const cuv_step *s)
{
    const bool mask = onnx_has(w, 4), lstm = s->op == CUV_OP_LSTM;
    cell k = {.units = onnx_var(w, s->in[2])->shape[0]};
    cuv_buffer graph, *outside = w->nodes;
    const char *in[5], *out[4] = {NULL};
    size_t n = 0;
    const int64_t turn = s->attrs->reverse, axes[2] = {1, 1}, directions[2] = {turn, turn}, row[1] = {1};
    k.kernel = onnx_in(w, 1);
    k.own = onnx_in(w, 2);
    biases(w, s, &k);
    in[n++] = state(w, s, 5, k.units);
    if (lstm)
        in[n++] = state(w, s, 6, k.units);
    if (mask)
        in[n++] = state(w, s, 0, k.units);
    const size_t states = n, scans = mask ? 2 : 1;
    in[n++] = onnx_in(w, 0);
    if (mask)
        in[n++] = onnx_in(w, 4);
    if (onnx_failed(w))
        return;
    cuv_buffer_init(&graph, w->cx);
    w->nodes = &graph;
    write_body(w, s, &k, &graph);
    w->nodes = outside;
    onnx_node(w, "Scan", in, n, ONNX_ATTRS({.name = "body", .kind = ONNX_A_GRAPH, .graph = &graph},
              ONNX_AI("num_scan_inputs", (int64_t)scans), ONNX_AIS("scan_input_axes", axes, scans),
              ONNX_AIS("scan_input_directions", directions, scans), ONNX_AIS("scan_output_axes", row, 1)), out, states + 1);
    cuv_buffer_free(&graph);
    if (onnx_failed(w))
        return;
    onnx_made(w, 0, s->attrs->sequences ? out[states] : mask ? out[states - 1] : out[0], NULL);
    onnx_made(w, 1, out[0], NULL);
    if (lstm)
        onnx_made(w, 2, out[1], NULL);
}
