/* What the pickle machine has built becomes a tree of values. Shared parts stay shared, so the tree may be a knot: cycles are found,
 * and depth and size are measured as if every shared part were written out. No recursion: the depth is the file's. */
#include "format/pickle.h"

enum { WHITE, GREY, BLACK };

typedef struct frame {
    pickle_item *item;
    size_t next; /* the slot to visit next */
} frame;

typedef struct walk {
    pickle_machine *m;
    frame *frames;
    size_t count, capacity;
    size_t steps;
} walk;

static cuv_status refuse(walk *w, const char *id, const char *what)
{
    cuv_detail detail = {.file = w->m->src->name};
    return cuv_fail(w->m->cx, CUV_UNSAFE, id, &detail, "the pickle holds %s", what);
}

static size_t slot_count(const pickle_item *item)
{
    if (item->tag == PICKLE_ALIAS)
        return 1;
    return item->value.kind == CUV_DICT ? 2 * item->value.size : cuv_len(&item->value);
}

/* The slot, or NULL for the one slot of an alias, which is in `extra`. */
static cuv_value **slot_at(const pickle_item *item, size_t i)
{
    if (item->tag == PICKLE_ALIAS)
        return NULL;
    if (item->value.kind != CUV_DICT)
        return &item->value.items[i];
    return i % 2 == 0 ? &item->value.pairs[i / 2].key : &item->value.pairs[i / 2].value;
}

static pickle_item *child_at(const pickle_item *item, size_t i)
{
    cuv_value **slot = slot_at(item, i);
    return slot ? (pickle_item *)(void *)*slot : (pickle_item *)(uintptr_t)item->extra;
}

static cuv_status enter(walk *w, pickle_item *item)
{
    void *frames = cuv_arena_grow(w->m->scratch, w->frames, w->count, &w->capacity, sizeof *w->frames);
    if (!frames)
        return cuv_oom(w->m->cx);
    w->frames = frames;
    w->frames[w->count++] = (frame){.item = item};
    item->colour = GREY;
    return CUV_OK;
}

/* Leaves: texts are copied behind a NUL, types become their names. */
static cuv_status finish_leaf(walk *w, pickle_item *item)
{
    switch (item->tag) {
    case PICKLE_BORROWED: return pickle_settle(w->m, item);
    case PICKLE_DTYPE: {
        const cuv_numpy_type *type = item->extra;
        const char *name = type->kind == 'O' ? "object" : cuv_dtype_name(type->dtype);
        item->value = (cuv_value){.kind = CUV_TEXT, .text = name, .size = strlen(name)};
        item->tag = PICKLE_PLAIN;
        return CUV_OK;
    }
    case PICKLE_ARRAY: return pickle_damaged(w->m, "the pickle holds an array that never gets its values");
    case PICKLE_WRAPPED: return pickle_damaged(w->m, "the pickle holds an array of joblib that never gets its values");
    case PICKLE_VARIABLE: case PICKLE_PREPARED: return pickle_damaged(w->m, "the pickle holds a variable that never gets its array");
    case PICKLE_GLOBAL: return pickle_damaged(w->m, "the pickle holds a class or function as a value");
    case PICKLE_PLAIN:
    case PICKLE_ALIAS: break;
    }
    return CUV_OK;
}

/* All children are black: sums up and puts what aliases stand for in their place. */
static cuv_status leave(walk *w, pickle_item *item)
{
    const cuv_limits *limits = cuv_context_limits(w->m->cx);
    size_t slots = slot_count(item);
    item->expanded = 1;
    for (size_t i = 0; i < slots; i++) {
        pickle_item *child = child_at(item, i);
        cuv_value **slot = slot_at(item, i);
        if (child->tag == PICKLE_ALIAS)
            child = (pickle_item *)(uintptr_t)child->extra;
        if (slot)
            *slot = &child->value;
        else
            item->extra = child;
        if (item->height < child->height)
            item->height = child->height;
        if (__builtin_add_overflow(item->expanded, child->expanded, &item->expanded) || item->expanded > limits->items)
            return refuse(w, "pickle.items", "the same lists so often that they unfold beyond the limit of items");
    }
    if (item->tag == PICKLE_PLAIN && (cuv_is_seq(&item->value) || item->value.kind == CUV_DICT))
        item->height++;
    if (item->height > limits->depth)
        return refuse(w, "pickle.depth", "lists in lists deeper than the limit");
    item->colour = BLACK;
    return finish_leaf(w, item);
}

static cuv_status visit(walk *w)
{
    frame *top = &w->frames[w->count - 1];
    if (top->next == slot_count(top->item)) {
        w->count--;
        return leave(w, top->item);
    }
    pickle_item *child = child_at(top->item, top->next++);
    if (child->colour == GREY)
        return refuse(w, "pickle.cycle", "a list that contains itself");
    return child->colour == WHITE ? enter(w, child) : CUV_OK;
}

cuv_status pickle_finish(pickle_machine *m, pickle_item *root, cuv_value **out)
{
    enum { STEPS_PER_LOOK = 4096 };
    walk w = {.m = m};
    *out = NULL;
    CUV_TRY(enter(&w, root));
    while (w.count > 0) {
        CUV_TRY(visit(&w));
        if (++w.steps % STEPS_PER_LOOK == 0)
            CUV_TRY(cuv_check_time(m->cx));
    }
    *out = root->tag == PICKLE_ALIAS ? &((pickle_item *)(uintptr_t)root->extra)->value : &root->value;
    return CUV_OK;
}
