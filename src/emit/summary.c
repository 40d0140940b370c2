/* The table of model.summary() as Keras 3 draws it (through the library rich): heavy head, lines between rows, columns reduced
 * evenly to the width, words wrapped, what is too long cut with an ellipsis. */
#include "emit/emit.h"

enum { MAX_COLUMNS = 4 };

typedef struct table {
    int columns;
    int width[MAX_COLUMNS];     /* of the content, without padding */
    cuv_buffer *out;
} table;

const char *cuv_layer_class(const cuv_layer *layer)
{
    if (layer->custom)
        return layer->class_name;
    if (layer->model)
        return ((struct cuv_model *)layer->model)->class_name;
    return layer->def->flags & CUV_LF_OPERATION ? layer->class_name : layer->def->name;
}

/* Characters, not bytes, of UTF-8 text. */
static int length_of(const char *text, size_t size)
{
    int n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static size_t bytes_of(const char *text, size_t size, int characters)
{
    size_t i = 0;
    while (i < size && (characters > 0 || ((unsigned char)text[i] & 0xC0) == 0x80)) {
        characters -= ((unsigned char)text[i] & 0xC0) != 0x80;
        if (characters < 0)
            break;
        i++;
    }
    return i;
}

/* ---- layout */

/* Python's round(): halves go to the even neighbour. */
static int round_even(int numerator, int denominator)
{
    int q = numerator / denominator, r = numerator % denominator * 2;
    return r > denominator || (r == denominator && q % 2) ? q + 1 : q;
}

static void lay_out(table *t, int columns, int width)
{
    static const int chain[] = {45, 80, 100}, net[] = {30, 56, 74, 100};
    const int *at = columns == 3 ? chain : net;
    int before = 0, sum = 0;
    t->columns = columns;
    for (int i = 0; i < columns; i++) {
        t->width[i] = at[i] * width / 100 - before + 2;
        before += t->width[i] - 2;
        sum += t->width[i];
    }
    int excess = sum - (width - columns - 1);
    for (int i = 0; i < columns; i++) {
        int cut = excess > 0 ? round_even(excess, columns - i) : 0;
        cut = cut < t->width[i] - 3 ? cut : t->width[i] - 3;
        t->width[i] -= cut + 2;
        excess -= cut;
    }
}

typedef struct line { size_t from, to; } line;
enum { MAX_LINES = 4096 };

/* Breaks text at spaces; a word that is too long stands alone and is cut when drawn. */
static int wrap(const char *text, int width, line *lines)
{
    size_t size = strlen(text), at = 0, start = 0;
    int used = 0, n = 0;
    while (at < size) {
        size_t word = at;
        while (at < size && text[at] == ' ')
            at++;
        while (at < size && text[at] != ' ')
            at++;
        int bare = length_of(text + word, at - word);
        size_t end = at;
        while (at < size && text[at] == ' ')
            at++;
        int whole = length_of(text + word, at - word);
        if (width - used < bare && used && word > start && n < MAX_LINES - 1) {
            lines[n++] = (line){start, word};
            start = word;
            used = 0;
        }
        used += whole;
        (void)end;
    }
    lines[n++] = (line){start, size};
    for (int i = 0; i < n; i++)
        while (lines[i].to > lines[i].from && text[lines[i].to - 1] == ' ')
            lines[i].to--;
    return n;
}

static void draw_cell(const table *t, int column, const char *text, line l, bool right)
{
    int width = t->width[column], n = length_of(text + l.from, l.to - l.from);
    size_t size = l.to - l.from;
    bool cut = n > width;
    if (cut) {
        size = bytes_of(text + l.from, size, width - 1);
        n = width;
    }
    cuv_buffer_char(t->out, ' ');
    for (int i = n; right && i < width; i++)
        cuv_buffer_char(t->out, ' ');
    cuv_buffer_add(t->out, text + l.from, size);
    if (cut)
        cuv_buffer_text(t->out, "…");
    for (int i = n; !right && i < width; i++)
        cuv_buffer_char(t->out, ' ');
    cuv_buffer_char(t->out, ' ');
}

static void draw_rule(const table *t, const char *left, const char *bar, const char *cross, const char *right)
{
    cuv_buffer_text(t->out, left);
    for (int c = 0; c < t->columns; c++) {
        for (int i = 0; i < t->width[c] + 2; i++)
            cuv_buffer_text(t->out, bar);
        cuv_buffer_text(t->out, c + 1 < t->columns ? cross : right);
    }
    cuv_buffer_char(t->out, '\n');
}

static void draw_row(cuv_context *cx, const table *t, const char *const *cells, const char *edge)
{
    line *lines = cuv_alloc(cx, sizeof *lines * MAX_LINES * MAX_COLUMNS);
    int count[MAX_COLUMNS], rows = 0;
    if (!lines) {
        t->out->failed = true;
        return;
    }
    for (int c = 0; c < t->columns; c++) {
        count[c] = wrap(cells[c], t->width[c], lines + c * MAX_LINES);
        rows = count[c] > rows ? count[c] : rows;
    }
    for (int r = 0; r < rows; r++) {
        cuv_buffer_text(t->out, edge);
        for (int c = 0; c < t->columns; c++) {
            draw_cell(t, c, cells[c], r < count[c] ? lines[c * MAX_LINES + r] : (line){0, 0}, c == 2);
            cuv_buffer_text(t->out, edge);
        }
        cuv_buffer_char(t->out, '\n');
    }
    cuv_release(cx, lines, sizeof *lines * MAX_LINES * MAX_COLUMNS);
}

/* ---- what the cells say */

const char *cuv_grouped(uint64_t n, char text[CUV_GROUPED])
{
    char digits[24];
    const int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    int at = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

static const char *bytes_text(cuv_context *cx, double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    int i = 0;
    for (; i < 5 && bytes >= 1024; i++)
        bytes /= 1024;
    return cuv_format(cx, "%.2f %s", bytes, units[i]);
}

/* Nodes of a layer are few; the last one's outputs are what Keras shows. */
static const cuv_node *last_node(const struct cuv_model *m, const cuv_layer *layer)
{
    for (size_t i = m->node_count; i-- > 0;)
        if (m->nodes[i].layer == layer)
            return &m->nodes[i];
    return NULL;
}

static const char *output_text(const struct cuv_model *m, const cuv_layer *layer)
{
    const cuv_node *node = last_node(m, layer);
    const char *text = "?";
    for (size_t i = 0; node && i < node->output_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, node->outputs[i].value);
        const char *shape = cuv_shape_text(m->cx, v->shape, v->rank);
        if (v->rank == 1)       /* Keras joins with ", " and writes no trailing comma */
            shape = v->shape[0] < 0 ? "(None)" : cuv_format(m->cx, "(%lld)", (long long)v->shape[0]);
        text = i ? cuv_format(m->cx, "%s, %s", text, shape) : shape;
    }
    return node && node->output_count > 1 ? cuv_format(m->cx, "[%s]", text) : text;
}

static const char *connections(const struct cuv_model *m, const cuv_layer *layer)
{
    cuv_buffer b;
    cuv_buffer_init(&b, m->cx);
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t k = 0; m->nodes[i].layer == layer && k < m->nodes[i].inbound_count; k++)
            cuv_buffer_printf(&b, "%s%s[%d][%d]", b.size ? ", " : "", m->nodes[i].inbound[k], m->nodes[i].inbound_call[k],
                              m->nodes[i].inbound_index[k]);
    const char *text = b.size ? cuv_format(m->cx, "%s", b.data) : "-";
    cuv_buffer_free(&b);
    return text;
}

/* Keras leaves out the last column when every tensor goes to one layer only and no layer is used twice. */
static bool is_chain(const struct cuv_model *m)
{
    size_t inputs = 0;
    if (cuv_streq(m->class_name, "Sequential"))
        return true;
    for (size_t i = 0; i < m->node_count; i++) {
        if (m->nodes[i].inbound_count > 1)
            return false;
        inputs += m->nodes[i].inbound_count == 0;
        if (i + 1 < m->node_count && m->nodes[i + 1].inbound_count == 1 &&
            !cuv_streq(m->nodes[i + 1].inbound[0], m->nodes[i].layer->name))
            return false;
    }
    return inputs <= 1 && m->node_count == m->list_count;
}

static double weight_bytes(const cuv_layer *layer, bool frozen, bool wanted)
{
    double bytes = 0;
    bool stays = frozen || !layer->trainable;
    for (size_t i = 0; i < layer->weight_count; i++) {
        const cuv_weight *w = &layer->weights[i];
        size_t n = 0;
        (void)cuv_shape_count(w->shape, w->rank, &n);
        if ((!stays && w->trainable) == wanted)
            bytes += (double)n * (double)cuv_dtype_size(w->dtype);
    }
    for (size_t i = 0; i < layer->inner_count; i++)
        bytes += weight_bytes(layer->inner[i], stays, wanted);
    return bytes;
}

static void draw_totals(const struct cuv_model *m, cuv_buffer *out)
{
    uint64_t trainable, frozen;
    double trainable_bytes = 0, frozen_bytes = 0;
    char count[CUV_GROUPED];
    cuv_model_params(m, &trainable, &frozen);
    for (size_t i = 0; i < m->layer_count; i++) {
        trainable_bytes += weight_bytes(m->layers[i], false, true);
        frozen_bytes += weight_bytes(m->layers[i], false, false);
    }
    cuv_buffer_printf(out, " Total params: %s (%s)\n", cuv_grouped(trainable + frozen, count),
                      bytes_text(m->cx, trainable_bytes + frozen_bytes));
    cuv_buffer_printf(out, " Trainable params: %s (%s)\n", cuv_grouped(trainable, count), bytes_text(m->cx, trainable_bytes));
    cuv_buffer_printf(out, " Non-trainable params: %s (%s)\n", cuv_grouped(frozen, count), bytes_text(m->cx, frozen_bytes));
}

/* A name without characters that could steer a terminal. */
static const char *plain(const struct cuv_model *m, const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            cuv_buffer b;
            cuv_buffer_init(&b, m->cx);
            cuv_buffer_safe(&b, name, strlen(name));
            const char *text = cuv_format(m->cx, "%s", b.data ? b.data : "?");
            cuv_buffer_free(&b);
            return text;
        }
    return name;
}

void cuv_emit_summary(const struct cuv_model *m, unsigned width, cuv_buffer *out)
{
    static const char *const head[] = {"Layer (type)", "Output Shape", "Param #", "Connected to"};
    bool chain = is_chain(m);
    table t = {.out = out};
    lay_out(&t, chain ? 3 : 4, width ? (int)width : 76);
    cuv_buffer_printf(out, "Model: \"%s\"\n", plain(m, m->name));
    draw_rule(&t, "┏", "━", "┳", "┓");
    draw_row(m->cx, &t, head, "┃");
    draw_rule(&t, "┡", "━", "╇", "┩");
    for (size_t i = 0; i < m->layer_count; i++) {
        const cuv_layer *layer = m->layers[i];
        uint64_t trainable, frozen;
        char count[CUV_GROUPED];
        cuv_layer_params(layer, &trainable, &frozen);
        const char *cells[] = {cuv_format(m->cx, "%s (%s)", plain(m, layer->name), cuv_layer_class(layer)),
                               output_text(m, layer), cuv_grouped(trainable + frozen, count), connections(m, layer)};
        if (i)
            draw_rule(&t, "├", "─", "┼", "┤");
        draw_row(m->cx, &t, cells, "│");
    }
    draw_rule(&t, "└", "─", "┴", "┘");
    draw_totals(m, out);
}
