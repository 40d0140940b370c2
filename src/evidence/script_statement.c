/* Statements: assignments, branches, loops, definitions. A branch whose condition is not known is read for what it would do; changing
 * the model there is an error, and what it sets is unknown afterwards. */
#include "evidence/script.h"

/* ---- assignment ---- */

static cuv_status unpack(cuv_sc *e, const cuv_py *target, cuv_sv *value)
{
    cuv_sv *list = NULL, *part = NULL;
    bool known = true;
    size_t star = target->count;
    for (size_t i = 0; i < target->count; i++)
        if (target->items[i]->kind == CUV_PY_STARRED)
            star = i;
    CUV_TRY(cuv_sv_iterate(e, value, &list, &known));
    if (!known) {
        if (cuv_sv_involves(value) && value->kind != CUV_SV_TENSOR)
            return cuv_sc_unsupported(e, target, NULL, "%s cannot be taken apart here", cuv_sv_describe(e, value));
        for (size_t i = 0; i < target->count; i++) {
            if (value->kind == CUV_SV_UNKNOWN)
                part = value;
            else
                CUV_TRY(cuv_sv_unknown(e, &part, "a part of %s", cuv_sv_describe(e, value)));
            CUV_TRY(cuv_sc_assign(e, star == i ? target->items[i]->a : target->items[i], part));
        }
        return CUV_OK;
    }
    bool fits = star < target->count ? list->count + 1 >= target->count : list->count == target->count;
    if (!fits)
        return cuv_sc_fail(e, target, CUV_NO, "script.unpack", NULL, "%zu names stand here for the %zu values of %s",
                           target->count, list->count, cuv_sv_describe(e, value));
    size_t at = 0;
    for (size_t i = 0; i < target->count; i++) {
        if (i != star) {
            CUV_TRY(cuv_sc_assign(e, target->items[i], list->items[at++]));
            continue;
        }
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &part));
        for (size_t n = list->count + 1 - target->count; n > 0; n--)
            CUV_TRY(cuv_sv_add(e, part, list->items[at++]));
        CUV_TRY(cuv_sc_assign(e, target->items[i]->a, part));
    }
    return CUV_OK;
}

/* list[2:4] = other: any number of items in place of those. */
static cuv_status assign_slice(cuv_sc *e, cuv_sv *of, const cuv_sv *slice, cuv_sv *value)
{
    int64_t start = 0, stop = 0, step = 1;
    cuv_sv *by = NULL, *made = NULL;
    bool known = cuv_sc_slice_bounds(slice, (int64_t)of->count, &start, &stop, &step) && step == 1;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, value, &by, &known));
    if (!known) {
        of->unsure = true;
        return CUV_OK;
    }
    stop = stop < start ? start : stop;
    CUV_TRY(cuv_sc_step(e, of->count + by->count));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &made));
    for (int64_t i = 0; i < start; i++)
        CUV_TRY(cuv_sv_add(e, made, of->items[i]));
    for (size_t i = 0; i < by->count; i++)
        CUV_TRY(cuv_sv_add(e, made, by->items[i]));
    for (size_t i = (size_t)stop; i < of->count; i++)
        CUV_TRY(cuv_sv_add(e, made, of->items[i]));
    of->items = made->items;
    of->count = made->count;
    of->capacity = made->capacity;
    of->file = NULL;
    return CUV_OK;
}

static cuv_status assign_item(cuv_sc *e, const cuv_py *target, cuv_sv *value)
{
    cuv_sv *of = NULL, *index = NULL;
    int64_t i = 0;
    CUV_TRY(cuv_sc_eval(e, target->a, &of));
    CUV_TRY(cuv_sc_eval(e, target->b, &index));
    if (of->kind == CUV_SV_VARIABLE || of->kind == CUV_SV_LAYER || of->kind == CUV_SV_TENSOR)
        return cuv_sc_unsupported(e, target, NULL, "an element of %s is set here", cuv_sv_describe(e, of));
    if (e->guarded || (of->kind == CUV_SV_DICT && cuv_sv_unknown_in(index)))
        of->unsure = true;
    if (of->kind == CUV_SV_DICT)
        return cuv_sv_put(e, of, index, value);
    if (of->kind == CUV_SV_LIST && cuv_sv_as_int(index, &i)) {
        if (i < 0)
            i += (int64_t)of->count;
        if (i < 0 || (size_t)i >= of->count)
            return cuv_sc_fail(e, target, CUV_NO, "script.index", NULL, "element %lld of a list of %zu is set", (long long)i, of->count);
        of->items[i] = value;
        return CUV_OK;
    }
    if (of->kind == CUV_SV_ARRAY)
        return cuv_sc_array_fill(e, of, index, value);
    if (of->kind == CUV_SV_LIST && index->kind == CUV_SV_SLICE && !of->unsure)
        return assign_slice(e, of, index, value);
    of->unsure = of->unsure || of->kind == CUV_SV_LIST;
    return CUV_OK;
}

static cuv_status assign_attribute(cuv_sc *e, const cuv_py *target, cuv_sv *value)
{
    cuv_sv *of = NULL;
    CUV_TRY(cuv_sc_eval(e, target->a, &of));
    if (of->kind == CUV_SV_LAYER)
        return cuv_sc_set_layer_attribute(e, target, of->layer, target->text, value);
    if (cuv_sc_is_layer_instance(e, of))
        CUV_TRY(cuv_sc_subclass_keep(e, of, target->text, value));
    if (of->kind == CUV_SV_INSTANCE || of->kind == CUV_SV_CLASS)
        return cuv_map_set(of->scope->names, target->text, value);
    if (of->kind == CUV_SV_VARIABLE || of->kind == CUV_SV_TENSOR)
        return cuv_sc_unsupported(e, target, NULL, "the attribute '%s' of %s is set here", target->text, cuv_sv_describe(e, of));
    return CUV_OK;
}

cuv_status cuv_sc_assign(cuv_sc *e, const cuv_py *target, cuv_sv *value)
{
    switch ((int)target->kind) {
    case CUV_PY_NAME: return cuv_sc_bind(e, target->text, value);
    case CUV_PY_TUPLE: case CUV_PY_LIST: return unpack(e, target, value);
    case CUV_PY_SUBSCRIPT: return assign_item(e, target, value);
    case CUV_PY_ATTRIBUTE: return assign_attribute(e, target, value);
    case CUV_PY_STARRED: return cuv_sc_assign(e, target->a, value);
    default: return cuv_sc_unsupported(e, target, NULL, "this cannot be assigned to");
    }
}

static cuv_status assignment(cuv_sc *e, const cuv_py *s)
{
    cuv_sv *value = NULL;
    CUV_TRY(cuv_sc_eval(e, s->a, &value));
    for (size_t i = 0; i < s->count; i++)
        CUV_TRY(cuv_sc_assign(e, s->items[i], value));
    return CUV_OK;
}

static cuv_status augmented(cuv_sc *e, const cuv_py *s)
{
    cuv_sv *old = NULL, *by = NULL, *value = NULL, *list = NULL, *base = NULL;
    bool known = true;
    if (s->a->kind == CUV_PY_SUBSCRIPT)
        CUV_TRY(cuv_sc_eval(e, s->a->a, &base));
    bool viewed = base && base->kind == CUV_SV_ARRAY && base->truth;
    CUV_TRY(cuv_sc_eval(e, s->a, &old));
    if (base && base->kind == CUV_SV_ARRAY)
        base->truth = viewed;                   /* `old` is a view that nothing else keeps */
    CUV_TRY(cuv_sc_eval(e, s->b, &by));
    if (base && base->kind == CUV_SV_ARRAY && old->kind == CUV_SV_ARRAY) {
        CUV_TRY(cuv_sc_operate(e, s, s->op, old, by, &value));
        return cuv_sc_assign(e, s->a, value);
    }
    if (old->kind == CUV_SV_LIST && s->op == '+') {            /* in place, as Python does */
        CUV_TRY(cuv_sv_iterate(e, by, &list, &known));
        old->unsure = old->unsure || !known || e->guarded;
        for (size_t i = 0; known && i < list->count; i++)
            CUV_TRY(cuv_sv_add(e, old, list->items[i]));
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_operate(e, s, s->op, old, by, &value));
    if (old->kind == CUV_SV_ARRAY && old->tensor->rank > 0) {
        CUV_TRY(cuv_sc_array_fill(e, old, e->everything, value));
        return s->a->kind == CUV_PY_SUBSCRIPT ? cuv_sc_assign(e, s->a, old) : CUV_OK;
    }
    return cuv_sc_assign(e, s->a, value);
}

/* ---- branches that may not run ---- */

/* Makes the names that a statement's blocks would set unknown. Its depth is bounded by the tree's height. */
static cuv_status forget_target(cuv_sc *e, const cuv_py *target)
{
    cuv_sv *unknown = NULL;
    if (target->kind == CUV_PY_NAME) {
        CUV_TRY(cuv_sv_unknown(e, &unknown, "'%s', which is set only where %s:%u says so", target->text, e->file->name,
                               (unsigned)(e->guard ? e->guard->line : target->line)));
        return cuv_sc_bind(e, target->text, unknown);
    }
    for (size_t i = 0; (target->kind == CUV_PY_TUPLE || target->kind == CUV_PY_LIST) && i < target->count; i++)
        CUV_TRY(forget_target(e, target->items[i]));
    return target->kind == CUV_PY_STARRED ? forget_target(e, target->a) : CUV_OK;
}

static cuv_status forget(cuv_sc *e, cuv_py *const *body, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cuv_py *s = body[i];
        CUV_TRY(cuv_sc_step(e, 1));
        if (s->kind == CUV_PY_DEF || s->kind == CUV_PY_CLASS || s->kind == CUV_PY_IMPORT || s->kind == CUV_PY_FROM)
            continue;
        for (size_t k = 0; s->kind == CUV_PY_ASSIGN && k < s->count; k++)
            CUV_TRY(forget_target(e, s->items[k]));
        if (s->kind == CUV_PY_AUGMENT || s->kind == CUV_PY_ANNOTATED || s->kind == CUV_PY_FOR)
            CUV_TRY(forget_target(e, s->a));
        CUV_TRY(forget(e, s->body, s->body_count));
        CUV_TRY(forget(e, s->orelse, s->orelse_count));
        CUV_TRY(forget(e, s->final, s->final_count));
        for (size_t k = 0; (s->kind == CUV_PY_TRY || s->kind == CUV_PY_MATCH) && k < s->count; k++)
            CUV_TRY(forget(e, s->items[k]->body, s->items[k]->body_count));
    }
    return CUV_OK;
}

/* Reads a block that may not run. A `return` or `break` in it makes what follows uncertain as well: the guard stays. */
static cuv_status maybe(cuv_sc *e, const cuv_py *condition, cuv_py *const *body, size_t count)
{
    cuv_flow flow = CUV_FLOW_NEXT;
    const cuv_py *outer = e->guard;
    e->guarded++;
    e->guard = condition;
    CUV_TRY(cuv_sc_block(e, body, count, &flow));
    CUV_TRY(forget(e, body, count));
    if (flow == CUV_FLOW_NEXT) {
        e->guarded--;
        e->guard = outer;
    }
    e->maybe_returned = e->maybe_returned || flow == CUV_FLOW_RETURN;
    return CUV_OK;
}

static cuv_status if_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_sv *test = NULL;
    bool known = true;
    CUV_TRY(cuv_sc_eval(e, s->a, &test));
    bool truth = cuv_sv_truth(test, &known);
    if (known)
        return truth ? cuv_sc_block(e, s->body, s->body_count, flow) : cuv_sc_block(e, s->orelse, s->orelse_count, flow);
    CUV_TRY(maybe(e, s->a, s->body, s->body_count));
    return maybe(e, s->a, s->orelse, s->orelse_count);
}

/* ---- loops ---- */

/* The end of an iteration: true when the loop ends. */
static bool leaves(cuv_flow *flow)
{
    bool end = *flow == CUV_FLOW_BREAK || *flow == CUV_FLOW_RETURN;
    if (*flow != CUV_FLOW_RETURN)
        *flow = CUV_FLOW_NEXT;
    return end;
}

static cuv_status for_loop(cuv_sc *e, const cuv_py *s, cuv_sv *list, cuv_flow *flow)
{
    for (size_t i = 0; i < list->count; i++) {
        CUV_TRY(cuv_sc_step(e, 4));
        CUV_TRY(cuv_sc_assign(e, s->a, list->items[i]));
        CUV_TRY(cuv_sc_block(e, s->body, s->body_count, flow));
        if (leaves(flow))
            return CUV_OK;
    }
    return cuv_sc_block(e, s->orelse, s->orelse_count, flow);
}

/* Code may well not care: it reads numbers out of the names, or uses them as keys. */
static void warn_of_order(cuv_sc *e, const cuv_py *node, const cuv_sv *over)
{
    cuv_detail detail = {.file = cuv_sc_where(e, node), .help = "write sorted(...) around it"};
    if (over->kind == CUV_SV_LIST && over->truth)
        cuv_warn(e->cx, "script.order", &detail, "Python gives the names of files in no fixed order; here they are taken in alphabetical order");
}

static cuv_status for_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_sv *over = NULL, *list = NULL, *item = NULL;
    bool known = true;
    unsigned guarded = e->guarded;
    const cuv_py *guard = e->guard;
    CUV_TRY(cuv_sc_eval(e, s->b, &over));
    warn_of_order(e, s->b, over);
    CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    if (known) {
        CUV_TRY(for_loop(e, s, list, flow));
    } else {
        if (cuv_sv_involves(over))
            return cuv_sc_unsupported(e, s->b, "write the layers out, or loop over model.layers",
                                      "the loop runs over %s, whose length the code does not tell", cuv_sv_describe(e, over));
        CUV_TRY(cuv_sv_unknown(e, &item, "an item of %s", cuv_sv_describe(e, over)));
        CUV_TRY(cuv_sc_assign(e, s->a, item));
        CUV_TRY(maybe(e, s->b, s->body, s->body_count));
        CUV_TRY(forget_target(e, s->a));
    }
    if (!e->maybe_returned) {
        e->guarded = guarded;
        e->guard = guard;
    }
    return CUV_OK;
}

static cuv_status while_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    unsigned guarded = e->guarded;
    const cuv_py *guard = e->guard;
    for (;;) {
        cuv_sv *test = NULL;
        bool known = true;
        CUV_TRY(cuv_sc_eval(e, s->a, &test));
        bool truth = cuv_sv_truth(test, &known);
        if (known && !truth) {
            CUV_TRY(cuv_sc_block(e, s->orelse, s->orelse_count, flow));
            break;
        }
        if (!known || e->guarded > guarded) {       /* not known whether it goes on: once is enough to see what it does */
            CUV_TRY(maybe(e, s->a, s->body, s->body_count));
            break;
        }
        CUV_TRY(cuv_sc_block(e, s->body, s->body_count, flow));
        if (leaves(flow))
            break;
    }
    if (!e->maybe_returned) {
        e->guarded = guarded;
        e->guard = guard;
    }
    return CUV_OK;
}

/* ---- the rest ---- */

/* What Python calls the errors that the reading itself meets. */
static bool catches(const cuv_py *type, const char *id)
{
    static const struct { const char *id, *names; } table[] = {
        {"script.file", "OSError IOError FileNotFoundError EnvironmentError ValueError"}, {"script.key", "KeyError LookupError"},
        {"script.index", "IndexError LookupError"}, {"script.zero", "ZeroDivisionError ArithmeticError"},
        {"script.unpack", "ValueError TypeError"}, {"script.layer", "ValueError"}};
    if (!type)
        return true;
    for (size_t i = 0; type->kind == CUV_PY_TUPLE && i < type->count; i++)
        if (type->items[i]->kind == CUV_PY_NAME && catches(type->items[i], id))
            return true;
    if (type->kind != CUV_PY_NAME)
        return false;
    if (cuv_streq(type->text, "Exception") || cuv_streq(type->text, "BaseException") || cuv_streq(id, "script.raises"))
        return true;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].id, id))
            return cuv_word_in(table[i].names, type->text);
    return false;
}

static const cuv_py *handler_for(const cuv_sc *e, const cuv_py *s, cuv_status status, size_t mark)
{
    static const char *const known[] = {"script.file", "script.key", "script.index", "script.zero", "script.unpack", "script.layer",
                                        "script.raises"};
    if ((status != CUV_NO && status != CUV_IO) || cuv_finding_count(e->cx) <= mark)
        return NULL;
    const char *id = cuv_finding_at(e->cx, cuv_finding_count(e->cx) - 1)->id;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t k = 0; cuv_streq(known[i], id) && k < s->count; k++)
            if (catches(s->items[k]->a, id))
                return s->items[k];
    return NULL;
}

/* A handler runs when the body ends in an error that Python would have, too: a file that is not there, a key that is missing. */
static cuv_status try_body(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_sc before = *e;
    cuv_sv *error = NULL;
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_sc_block(e, s->body, s->body_count, flow);
    if (status == CUV_OK)
        return *flow == CUV_FLOW_NEXT ? cuv_sc_block(e, s->orelse, s->orelse_count, flow) : CUV_OK;
    const cuv_py *handler = handler_for(e, s, status, mark);
    if (!handler)
        return status;
    cuv_findings_rewind(e->cx, mark);
    e->scope = before.scope;
    e->depth = before.depth;
    e->calls = before.calls;
    e->yielded = before.yielded;
    e->src = before.src;
    e->guarded = before.guarded;
    e->guard = before.guard;
    e->statement = before.statement;
    e->maybe_returned = before.maybe_returned;
    e->skip = false;
    *flow = CUV_FLOW_NEXT;
    if (handler->text) {
        CUV_TRY(cuv_sv_unknown(e, &error, "the error that was caught"));
        CUV_TRY(cuv_sc_bind(e, handler->text, error));
    }
    return cuv_sc_block(e, handler->body, handler->body_count, flow);
}

static cuv_status try_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_flow last = CUV_FLOW_NEXT;
    CUV_TRY(try_body(e, s, flow));
    CUV_TRY(cuv_sc_block(e, s->final, s->final_count, &last));
    if (last != CUV_FLOW_NEXT)
        *flow = last;
    return CUV_OK;
}

static cuv_status with_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    for (size_t i = 0; i < s->count; i++) {
        cuv_sv *v = NULL;
        CUV_TRY(cuv_sc_eval(e, s->items[i]->a, &v));
        if (s->items[i]->b)
            CUV_TRY(cuv_sc_assign(e, s->items[i]->b, v));
    }
    return cuv_sc_block(e, s->body, s->body_count, flow);
}

/* Does the decorator come from the script itself? Others (tf.function, functools.wraps, register_keras_serializable) change nothing. */
static cuv_status is_own_decorator(cuv_sc *e, const cuv_py *d, bool *own)
{
    cuv_sv *root = NULL;
    *own = false;
    while (d->kind == CUV_PY_CALL || d->kind == CUV_PY_ATTRIBUTE)
        d = d->a;
    if (d->kind != CUV_PY_NAME)
        return CUV_OK;
    CUV_TRY(cuv_sc_lookup(e, d, d->text, &root));
    *own = root->kind == CUV_SV_FUNCTION || root->kind == CUV_SV_CLASS || root->kind == CUV_SV_INSTANCE;
    return CUV_OK;
}

/* @register('mlp'): what the script's own decorators make of a function or class; where that is not known it stays what it is. */
static cuv_status decorate(cuv_sc *e, const cuv_py *s, cuv_sv **v)
{
    for (size_t i = s->orelse_count; i > 0; i--) {
        const cuv_py *d = s->orelse[i - 1];
        cuv_sv *with = NULL, *result = NULL;
        bool own = false;
        CUV_TRY(is_own_decorator(e, d, &own));
        if (own)
            CUV_TRY(cuv_sc_eval(e, d, &with));
        if (!with || (with->kind != CUV_SV_FUNCTION && with->kind != CUV_SV_METHOD && with->kind != CUV_SV_PARTIAL && with->kind != CUV_SV_INSTANCE))
            continue;
        CUV_TRY(cuv_sc_call(e, with, &(cuv_sargs){v, 1, NULL, NULL, 0, d}, &result));
        if (result->kind == CUV_SV_FUNCTION || result->kind == CUV_SV_CLASS || result->kind == CUV_SV_PARTIAL || result->kind == CUV_SV_INSTANCE)
            *v = result;
    }
    return CUV_OK;
}

static cuv_status define(cuv_sc *e, const cuv_py *s)
{
    cuv_sv *f = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_FUNCTION, &f));
    f->node = s;
    f->scope = e->scope;
    for (size_t i = 0; i < s->count; i++) {
        cuv_sv *fallback = NULL;
        if (s->items[i]->a)
            CUV_TRY(cuv_sc_eval(e, s->items[i]->a, &fallback));
        CUV_TRY(cuv_sv_add(e, f, fallback));
    }
    for (size_t i = 0; i < s->orelse_count; i++) {
        const cuv_py *d = s->orelse[i];
        if ((d->kind == CUV_PY_NAME || d->kind == CUV_PY_ATTRIBUTE) && cuv_streq(d->text, "contextmanager"))
            f->label = d->text;
        if (d->kind == CUV_PY_NAME && (cuv_streq(d->text, "staticmethod") || cuv_streq(d->text, "classmethod") ||
                                       cuv_streq(d->text, "property")))
            f->label = d->text;
    }
    if (!e->scope->is_class)
        CUV_TRY(decorate(e, s, &f));
    return cuv_sc_bind(e, s->text, f);
}

static cuv_status declare(cuv_sc *e, const cuv_py *s)
{
    if (!e->scope->globals && !(e->scope->globals = cuv_map_new(e->arena)))
        return cuv_oom(e->cx);
    for (size_t i = 0; i < s->count && e->scope != e->global; i++)
        CUV_TRY(cuv_map_set(e->scope->globals, s->items[i]->text, e->none));
    return CUV_OK;
}

/* del list[2], del list[:4], del dictionary[key] */
static cuv_status delete_items(cuv_sc *e, const cuv_py *target, cuv_sv *of)
{
    cuv_sv *index = NULL, *gone = NULL, *numbers = NULL, *one = NULL;
    int64_t at = 0;
    CUV_TRY(cuv_sc_eval(e, target->b, &index));
    if (of->kind == CUV_SV_DICT || cuv_sv_as_int(index, &at)) {
        CUV_TRY(cuv_sv_method(e, of, "pop", &one));
        return cuv_sc_call(e, one, &(cuv_sargs){&index, 1, NULL, NULL, 0, target}, &gone);
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &numbers));
    for (size_t i = 0; i < of->count; i++) {
        CUV_TRY(cuv_sv_int(e, (int64_t)i, &one));
        CUV_TRY(cuv_sv_add(e, numbers, one));
    }
    CUV_TRY(cuv_sc_subscript(e, target, numbers, index, &gone));
    if (gone->kind != CUV_SV_LIST || of->unsure) {
        of->unsure = true;
        return CUV_OK;
    }
    size_t kept = 0;
    CUV_TRY(cuv_sc_step(e, of->count * (gone->count + 1) / 16));
    for (size_t i = 0; i < of->count; i++) {
        bool goes = false;
        for (size_t k = 0; !goes && k < gone->count; k++)
            goes = gone->items[k]->integer == (int64_t)i;
        if (!goes)
            of->items[kept++] = of->items[i];
    }
    of->count = kept;
    of->file = NULL;
    return CUV_OK;
}

static cuv_status delete(cuv_sc *e, const cuv_py *target)
{
    cuv_sv *v = NULL;
    if (target->kind == CUV_PY_TUPLE) {
        for (size_t i = 0; i < target->count; i++)
            CUV_TRY(delete(e, target->items[i]));
        return CUV_OK;
    }
    if (target->kind == CUV_PY_NAME) {
        CUV_TRY(cuv_sv_unknown(e, &v, "'%s', which has been deleted", target->text));
        return cuv_sc_bind(e, target->text, v);
    }
    CUV_TRY(cuv_sc_eval(e, target->a, &v));
    if (target->kind == CUV_PY_SUBSCRIPT && (v->kind == CUV_SV_LIST || v->kind == CUV_SV_DICT) && !e->guarded)
        return delete_items(e, target, v);
    if (cuv_sv_involves(v))
        return cuv_sc_unsupported(e, target, "model.pop() removes a Sequential's last layer", "a part of %s is deleted here",
                                  cuv_sv_describe(e, v));
    v->unsure = true;
    return CUV_OK;
}

static cuv_status return_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    e->returned = e->none;
    if (s->a)
        CUV_TRY(cuv_sc_eval(e, s->a, &e->returned));
    *flow = CUV_FLOW_RETURN;
    return CUV_OK;
}

/* "ValueError: layer 0 expects (784, 128)", as far as the code tells what it would say; NULL: nothing. */
static cuv_status raised_words(cuv_sc *e, const cuv_py *what, const char **out)
{
    cuv_sv *text = NULL, *words = NULL;
    *out = NULL;
    if (!what)
        return CUV_OK;
    const cuv_py *type = what->kind == CUV_PY_CALL ? what->a : what;
    *out = type->kind == CUV_PY_NAME || type->kind == CUV_PY_ATTRIBUTE ? type->text : NULL;
    if (!*out || what->kind != CUV_PY_CALL || what->count == 0 || what->items[0]->kind == CUV_PY_KEYWORD ||
        what->items[0]->kind == CUV_PY_STARRED)
        return CUV_OK;
    CUV_TRY(cuv_sc_eval(e, what->items[0], &text));
    CUV_TRY(cuv_sc_builtin(e, "str", &(cuv_sargs){&text, 1, NULL, NULL, 0, what}, &words));
    if (words->kind == CUV_SV_TEXT)
        *out = cuv_sc_format(e, "%s: %.300s", *out, words->text);
    return CUV_OK;
}

/* In a branch that may not run, raising says that it did not. */
static cuv_status raise_statement(cuv_sc *e, const cuv_py *s)
{
    const char *words = NULL;
    if (e->guarded)
        return CUV_OK;
    CUV_TRY(raised_words(e, s->a, &words));
    return cuv_sc_fail(e, s, CUV_NO, "script.raises", NULL, words ? "the script stops here with %s" : "the script raises an exception here",
                       words);
}

/* Does the pattern match? 1 yes, 0 no, -1 not known. Names take what stands in their place. Bounded by the tree's height. */
static cuv_status matches(cuv_sc *e, const cuv_py *pattern, cuv_sv *subject, int *answer)
{
    cuv_sv *constant = NULL, *same = NULL;
    bool known = true, captured = pattern && pattern->kind == CUV_PY_NAME &&
                                  !cuv_word_in("None True False", pattern->text);
    *answer = -1;
    if (captured) {
        *answer = 1;
        return cuv_streq(pattern->text, "_") ? CUV_OK : cuv_sc_bind(e, pattern->text, subject);
    }
    if (!pattern || cuv_sv_unknown_in(subject))
        return CUV_OK;
    if (pattern->kind == CUV_PY_BINARY && pattern->op == '|') {
        CUV_TRY(matches(e, pattern->a, subject, answer));
        return *answer == 0 ? matches(e, pattern->b, subject, answer) : CUV_OK;
    }
    if (pattern->kind == CUV_PY_TUPLE || pattern->kind == CUV_PY_LIST) {
        *answer = cuv_sv_is_seq(subject) && subject->count == pattern->count;
        for (size_t i = 0; i < pattern->count && *answer == 1; i++) {
            if (pattern->items[i]->kind == CUV_PY_STARRED)
                *answer = -1;
            else
                CUV_TRY(matches(e, pattern->items[i], subject->items[i], answer));
        }
        return CUV_OK;
    }
    if (pattern->kind == CUV_PY_CALL || pattern->kind == CUV_PY_DICT || pattern->kind == CUV_PY_BOOL || pattern->kind == CUV_PY_CONDITIONAL)
        return CUV_OK;
    CUV_TRY(cuv_sc_eval(e, pattern, &constant));
    CUV_TRY(cuv_sc_compare(e, pattern, CUV_PY_EQ, subject, constant, &same));
    bool truth = cuv_sv_truth(same, &known);
    *answer = known ? truth : -1;
    return CUV_OK;
}

static cuv_status match_statement(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_sv *subject = NULL;
    int answer = 0;
    CUV_TRY(cuv_sc_eval(e, s->a, &subject));
    for (size_t i = 0; i < s->count; i++) {
        const cuv_py *c = s->items[i];
        if (answer >= 0)
            CUV_TRY(matches(e, c->a, subject, &answer));
        if (answer == 1)
            return cuv_sc_block(e, c->body, c->body_count, flow);
        if (answer < 0)
            CUV_TRY(maybe(e, c, c->body, c->body_count));
    }
    return CUV_OK;
}

static cuv_status class_statement(cuv_sc *e, const cuv_py *s)
{
    cuv_sv *v = NULL;
    CUV_TRY(cuv_sc_class(e, s, &v));
    CUV_TRY(decorate(e, s, &v));
    return cuv_sc_bind(e, s->text, v);
}

static cuv_status execute(cuv_sc *e, const cuv_py *s, cuv_flow *flow)
{
    cuv_sv *v = NULL;
    switch ((int)s->kind) {
    case CUV_PY_EXPRESSION:
        if (s->a->kind == CUV_PY_STR)
            return CUV_OK;
        return cuv_sc_eval(e, s->a, &v);
    case CUV_PY_ASSIGN: return assignment(e, s);
    case CUV_PY_AUGMENT: return augmented(e, s);
    case CUV_PY_ANNOTATED:
        if (!s->c)
            return CUV_OK;
        CUV_TRY(cuv_sc_eval(e, s->c, &v));
        return cuv_sc_assign(e, s->a, v);
    case CUV_PY_DELETE:
        for (size_t i = 0; i < s->count; i++)
            CUV_TRY(delete(e, s->items[i]));
        return CUV_OK;
    case CUV_PY_BREAK: *flow = CUV_FLOW_BREAK; return CUV_OK;
    case CUV_PY_CONTINUE: *flow = CUV_FLOW_CONTINUE; return CUV_OK;
    case CUV_PY_RETURN: return return_statement(e, s, flow);
    case CUV_PY_RAISE: return raise_statement(e, s);
    case CUV_PY_GLOBAL: case CUV_PY_NONLOCAL: return declare(e, s);
    case CUV_PY_IMPORT: case CUV_PY_FROM: return cuv_sc_import(e, s);
    case CUV_PY_IF: return if_statement(e, s, flow);
    case CUV_PY_WHILE: return while_statement(e, s, flow);
    case CUV_PY_FOR: return for_statement(e, s, flow);
    case CUV_PY_TRY: return try_statement(e, s, flow);
    case CUV_PY_WITH: return with_statement(e, s, flow);
    case CUV_PY_MATCH: return match_statement(e, s, flow);
    case CUV_PY_DEF: return define(e, s);
    case CUV_PY_CLASS: return class_statement(e, s);
    case CUV_PY_ASSERT: case CUV_PY_SKIPPED:
        e->skip = true;
        return CUV_OK;
    default: return CUV_OK;
    }
}

cuv_status cuv_sc_block(cuv_sc *e, cuv_py *const *body, size_t count, cuv_flow *flow)
{
    for (size_t i = 0; i < count && *flow == CUV_FLOW_NEXT; i++) {
        const cuv_py *outer = e->statement;
        CUV_TRY(cuv_sc_step(e, 16));
        if (e->depth >= e->depth_limit)
            return cuv_sc_fail(e, body[i], CUV_UNSAFE, "script.depth", NULL, "the code is nested deeper than the limit");
        e->depth++;
        e->statement = body[i];
        e->skip = false;
        CUV_TRY(execute(e, body[i], flow));
        if (e->skip)
            CUV_TRY(cuv_sc_skip(e, body[i]));
        e->skip = false;
        e->statement = outer;
        e->depth--;
    }
    return CUV_OK;
}
