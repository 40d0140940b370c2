/* A picture in text: a line for each layer in the order of calls, and on its left the ways of the tensors that are
 * still needed, each in a column of its own. A tensor's column goes on until its last user; lines between layers join
 * and branch. */
#include "emit/view/view.h"

enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8, PASSES = 16 };
enum { MOST_COLUMNS = 60, NAME = 34 };

typedef struct ascii_or_box { const char *ascii, *box; } ascii_or_box;

/* By the directions that a cell is connected to. */
static const ascii_or_box cells[16] = {
    {" ", " "}, {"|", "│"}, {"|", "│"}, {"|", "│"}, {"-", "─"}, {"'", "╯"}, {".", "╮"}, {"|", "┤"},
    {"-", "─"}, {"'", "╰"}, {".", "╭"}, {"|", "├"}, {"-", "─"}, {"+", "┴"}, {"+", "┬"}, {"+", "┼"}};

typedef struct text_picture {
    const cuv_picture *p;
    cuv_buffer *b;
    bool ascii, color;
    const char *indent;
    uint32_t *last;             /* by box: the last box that uses it */
    uint32_t column_count, widest;
    uint32_t columns[MOST_COLUMNS];     /* box whose tensor goes down there + 1; 0: free */
} text_picture;

static const char *const ansi[CUV_FAM_COUNT] = {
    [CUV_FAM_INPUT] = "\033[37m", [CUV_FAM_CONV] = "\033[34m",      [CUV_FAM_DENSE] = "\033[94m",
    [CUV_FAM_RNN] = "\033[35m",   [CUV_FAM_ATTENTION] = "\033[95m", [CUV_FAM_EMBED] = "\033[36m",
    [CUV_FAM_NORM] = "\033[32m",  [CUV_FAM_ACT] = "\033[33m",       [CUV_FAM_POOL] = "\033[96m",
    [CUV_FAM_SHAPE] = "\033[90m", [CUV_FAM_MERGE] = "\033[93m",     [CUV_FAM_DROP] = "\033[90m",
    [CUV_FAM_OWN] = "\033[91m",   [CUV_FAM_MODEL] = "\033[1m"};

static void paint(text_picture *t, const char *sequence)
{
    if (t->color)
        cuv_buffer_text(t->b, sequence);
}

/* ---- lines */

static void draw_cells(text_picture *t, const unsigned *cell, uint32_t count)
{
    cuv_buffer_text(t->b, t->indent);
    paint(t, "\033[90m");
    for (uint32_t i = 0; i < count; i++) {
        const unsigned bits = cell[i] & PASSES ? UP | DOWN : cell[i];       /* what only passes is not joined */
        cuv_buffer_text(t->b, t->ascii ? cells[bits & 15].ascii : cells[bits & 15].box);
        cuv_buffer_text(t->b, cell[i] & RIGHT ? (t->ascii ? "-" : "─") : " ");
    }
    paint(t, "\033[0m");
}

static uint32_t used_columns(const text_picture *t)
{
    uint32_t n = t->column_count;
    while (n && !t->columns[n - 1])
        n--;
    return n;
}

/* The line before a box: its tensors come together in its column. */
static void join_line(text_picture *t, const bool *enters, const bool *ends, uint32_t target)
{
    unsigned cell[MOST_COLUMNS] = {0};
    uint32_t from = target, to = target, n = used_columns(t);
    for (uint32_t i = 0; i < n; i++)
        if (enters[i]) {
            from = i < from ? i : from;
            to = i > to ? i : to;
        }
    for (uint32_t i = 0; i < n; i++)
        cell[i] = !t->columns[i] ? 0 : ends[i] ? UP : UP | DOWN;
    cell[target] |= DOWN;
    for (uint32_t i = from; i <= to && from < to; i++) {
        const bool joined = enters[i] || i == target;
        if (!joined && cell[i])
            cell[i] |= PASSES;
        cell[i] |= (i > from ? LEFT : 0u) | (i < to ? RIGHT : 0u);
    }
    draw_cells(t, cell, to + 1 > n ? to + 1 : n);
    cuv_buffer_char(t->b, '\n');
}

static void plain_line(text_picture *t)
{
    unsigned cell[MOST_COLUMNS] = {0};
    for (uint32_t i = 0; i < t->column_count; i++)
        cell[i] = t->columns[i] ? UP | DOWN : 0;
    draw_cells(t, cell, used_columns(t));
}

static int characters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* What is no ASCII, where only that can be shown. */
static void plain_text(const char *text, cuv_buffer *b)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x80)
            cuv_buffer_char(b, *text);
        else if ((unsigned char)*text >= 0xC0)
            cuv_buffer_char(b, !strncmp(text, "×", 2) ? 'x' : !strncmp(text, "·", 2) ? '-' : '?');
}

/* Text in a field, cut where it is too long; control characters cannot act. */
static void field(text_picture *t, const char *text, int width, const char *color)
{
    cuv_buffer safe, plain;
    int used = 0;
    cuv_buffer_init(&safe, t->p->cx);
    cuv_buffer_init(&plain, t->p->cx);
    cuv_buffer_safe(&safe, text, strlen(text));
    if (t->ascii && safe.size && !safe.failed)
        plain_text(safe.data, &plain);
    cuv_buffer *shown = t->ascii ? &plain : &safe;
    t->b->failed |= shown->failed || shown->size < 2;
    if (shown->size >= 2)
        shown->data[shown->size - 1] = 0;       /* without the quotes */
    text = shown->size >= 2 ? shown->data + 1 : "?";
    const bool cut = width && characters(text) > width;
    if (color)
        paint(t, color);
    for (size_t i = 0; text[i]; i++) {
        used += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (cut && used >= width)
            break;
        cuv_buffer_char(t->b, text[i]);
    }
    if (cut)
        cuv_buffer_text(t->b, t->ascii ? "~" : "…");
    if (color)
        paint(t, "\033[0m");
    for (used = cut ? width : used; used < width; used++)
        cuv_buffer_char(t->b, ' ');
    cuv_buffer_free(&plain);
    cuv_buffer_free(&safe);
}

/* ---- a box */

static bool is_back(const cuv_arrow *a)
{
    return a->from >= a->to;
}

/* Earlier calls of the same layer, and keywords: what the columns do not show. */
static void remarks(text_picture *t, uint32_t box)
{
    const cuv_picture *p = t->p;
    if (p->boxes[box].output) {
        cuv_buffer_text(t->b, t->ascii ? "  > " : "  ▶ ");
        cuv_buffer_text(t->b, p->boxes[box].output);
    }
    if (p->boxes[box].calls > 1)
        cuv_buffer_printf(t->b, "  called %u times", p->boxes[box].calls);
    for (uint32_t i = p->entering.at[box]; i < p->entering.at[box + 1]; i++) {
        const cuv_arrow *a = &p->arrows[p->entering.items[i]];
        if (!is_back(a))
            continue;
        cuv_buffer_printf(t->b, "  call %u: of ", a->to_call + 1);
        field(t, p->boxes[a->from].name, 0, NULL);
    }
}

static const char *mark_of(const text_picture *t, const cuv_box *box)
{
    if (t->ascii)
        return box->input ? "o" : box->output ? "@" : "*";
    return box->input ? "○" : box->output ? "◉" : box->inside ? "▣" : "●";
}

static void box_line(text_picture *t, uint32_t box, uint32_t column)
{
    const cuv_box *x = &t->p->boxes[box];
    const uint32_t n = used_columns(t) > column ? used_columns(t) : column + 1;
    cuv_buffer_text(t->b, t->indent);
    for (uint32_t i = 0; i < t->widest; i++) {
        const char *line = i < n && t->columns[i] ? (t->ascii ? "|" : "│") : " ";
        paint(t, i == column ? ansi[x->family] : "\033[90m");
        cuv_buffer_text(t->b, i == column ? mark_of(t, x) : line);
        paint(t, "\033[0m");
        cuv_buffer_char(t->b, ' ');
    }
    field(t, x->name, NAME, "\033[1m");
    cuv_buffer_char(t->b, ' ');
    const int word = characters(x->class_name);
    field(t, x->class_name, 0, ansi[x->family]);
    cuv_buffer_char(t->b, ' ');
    field(t, x->detail, word + 2 < 40 ? 40 - word : 12, NULL);
    cuv_buffer_char(t->b, ' ');
    field(t, x->shape, 24, NULL);
    if (*x->params)
        cuv_buffer_printf(t->b, " %12s", x->params);
    remarks(t, box);
    while (t->b->size && t->b->data[t->b->size - 1] == ' ')
        t->b->size--;
    cuv_buffer_char(t->b, '\n');
}

static cuv_status draw(const cuv_picture *p, bool ascii, bool color, const char *indent, cuv_buffer *b);

static cuv_status draw_inside(text_picture *t, const cuv_picture *inside)
{
    cuv_buffer prefix, *b = t->b;
    cuv_buffer_init(&prefix, t->p->cx);
    t->b = &prefix;
    const bool color = t->color;
    t->color = false;
    plain_line(t);
    t->b = b;
    t->color = color;
    cuv_buffer_text(&prefix, t->ascii ? "  : " : "  ┊ ");
    cuv_status status = prefix.failed ? cuv_oom(t->p->cx) : draw(inside, t->ascii, t->color, prefix.data, b);
    cuv_buffer_free(&prefix);
    return status;
}

/* ---- columns */

static uint32_t free_column(text_picture *t, uint32_t near)
{
    for (uint32_t i = near; i < t->column_count; i++)
        if (!t->columns[i])
            return i;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (!t->columns[i])
            return i;
    return t->column_count < MOST_COLUMNS ? t->column_count++ : UINT32_MAX;
}

/* Finds the column of the next box and draws what leads there; `draws` false: only counts columns. */
static cuv_status next_box(text_picture *t, uint32_t box, bool draws)
{
    const cuv_picture *p = t->p;
    bool enters[MOST_COLUMNS] = {false}, ends[MOST_COLUMNS] = {false};
    uint32_t target = UINT32_MAX, first = 0, count = 0;
    for (uint32_t c = 0; c < t->column_count; c++) {
        for (uint32_t i = p->entering.at[box]; t->columns[c] && i < p->entering.at[box + 1]; i++)
            enters[c] |= p->arrows[p->entering.items[i]].from + 1 == t->columns[c];
        ends[c] = enters[c] && t->last[t->columns[c] - 1] == box;
        target = ends[c] && target == UINT32_MAX ? c : target;
        first = enters[c] && !count ? c : first;
        count += enters[c];
    }
    const bool fresh = target == UINT32_MAX;
    if (fresh)
        target = free_column(t, count ? first + 1 : 0);
    if (target == UINT32_MAX)
        return cuv_fail(
            t->p->cx, CUV_UNSUPPORTED, "view.size", &(cuv_detail){.help = "write it: cuvier view ... -o model.svg"},
            "more than %d tensors are needed at the same time, too many to draw side by side", MOST_COLUMNS);
    const bool joins = count > 1 || (count == 1 && fresh);
    if (draws && joins)
        join_line(t, enters, ends, target);
    for (uint32_t c = 0; c < t->column_count; c++)
        t->columns[c] = ends[c] ? 0 : t->columns[c];
    if (draws)
        box_line(t, box, target);
    t->columns[target] = t->last[box] > box ? box + 1 : 0;
    const uint32_t used = used_columns(t) > target + 1 ? used_columns(t) : target + 1;
    t->widest = used > t->widest ? used : t->widest;
    return draws && t->p->boxes[box].inside ? draw_inside(t, t->p->boxes[box].inside) : CUV_OK;
}

static cuv_status find_last_users(text_picture *t, cuv_arena *arena)
{
    const cuv_picture *p = t->p;
    t->last = CUV_NEW_ARRAY(arena, uint32_t, (size_t)p->box_count + 1);
    if (!t->last)
        return cuv_oom(p->cx);
    for (uint32_t i = 0; i < p->arrow_count; i++) {
        const cuv_arrow *a = &p->arrows[i];
        if (!is_back(a) && a->to > t->last[a->from])
            t->last[a->from] = a->to;
    }
    return CUV_OK;
}

static cuv_status draw(const cuv_picture *p, bool ascii, bool color, const char *indent, cuv_buffer *b)
{
    text_picture t = {.p = p, .b = b, .ascii = ascii, .color = color, .indent = indent};
    CUV_TRY(find_last_users(&t, p->arena));
    for (int draws = 0; draws < 2; draws++) {
        memset(t.columns, 0, sizeof t.columns);
        t.column_count = 0;
        for (uint32_t i = 0; i < p->box_count; i++) {
            CUV_TRY(cuv_check_time(p->cx));
            CUV_TRY(next_box(&t, i, draws));
        }
    }
    return CUV_OK;
}

cuv_status cuv_emit_terminal(const struct cuv_model *m, cuv_arena *arena, bool ascii, bool color, cuv_buffer *out)
{
    cuv_picture *p;
    uint64_t trainable, frozen;
    char count[CUV_GROUPED];
    CUV_TRY(cuv_picture_of(m, arena, &p));
    cuv_model_params(m, &trainable, &frozen);
    text_picture head = {.p = p, .b = out, .ascii = ascii, .color = color};
    field(&head, m->name, 0, "\033[1m");
    cuv_buffer_printf(out, "  %s, %u layers, %s parameters\n\n", m->class_name, p->total,
                      cuv_grouped(trainable + frozen, count));
    return draw(p, ascii, color, "", out);
}
