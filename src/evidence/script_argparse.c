/* argparse in a script: the settings are the defaults that the code states. What must be given on a command line stays unknown. */
#include "evidence/script.h"

/* "--num-classes" to "num_classes"; the first long option names the setting, else the first of all. */
static cuv_status setting_name(cuv_sc *e, const cuv_sargs *args, const char **out)
{
    const cuv_sv *dest = cuv_sc_arg(args, args->count, "dest");
    const char *best = NULL;
    *out = NULL;
    for (size_t i = 0; i < args->count; i++) {
        if (args->items[i]->kind != CUV_SV_TEXT)
            return CUV_OK;
        if (!best || (cuv_starts_with(args->items[i]->text, "--") && !cuv_starts_with(best, "--")))
            best = args->items[i]->text;
    }
    best = dest && dest->kind == CUV_SV_TEXT ? dest->text : best;
    if (!best)
        return CUV_OK;
    char *copy = cuv_arena_strdup(e->arena, best + strspn(best, "-"));
    for (char *p = copy; p && *p; p++)
        *p = *p == '-' ? '_' : *p;
    *out = copy;
    return copy ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status add_argument(cuv_sc *e, cuv_sv *parser, const cuv_sargs *args)
{
    const char *name = NULL;
    cuv_sv *value = cuv_sc_arg(args, args->count, "default"), *action = cuv_sc_arg(args, args->count, "action");
    cuv_sv *type = cuv_sc_arg(args, args->count, "type"), *required = cuv_sc_arg(args, args->count, "required");
    bool known = true, option = args->count > 0 && args->items[0]->kind == CUV_SV_TEXT && args->items[0]->text[0] == '-';
    CUV_TRY(setting_name(e, args, &name));
    if (!name)
        return CUV_OK;
    bool asked = required && cuv_sv_truth(required, &known);
    if (!value && (cuv_sv_is(action, "store_true") || cuv_sv_is(action, "store_false")))
        value = cuv_sv_bool(e, cuv_sv_is(action, "store_false"));
    if (!value && (asked || !option))
        CUV_TRY(cuv_sv_unknown(e, &value, "the argument '%s' of the command line", name));
    if (value && value->kind == CUV_SV_TEXT && type) {          /* argparse converts defaults that are strings */
        cuv_sv *text = value;
        CUV_TRY(cuv_sc_call(e, type, &(cuv_sargs){&text, 1, NULL, NULL, 0, args->node}, &value));
    }
    return cuv_sv_put_word(e, parser, name, value ? value : e->none);
}

static cuv_status settings(cuv_sc *e, const cuv_sv *parser, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_INSTANCE, out));
    CUV_TRY(cuv_sc_scope(e, NULL, &(*out)->scope));
    for (size_t i = 0; i < parser->count; i++)
        CUV_TRY(cuv_map_set((*out)->scope->names, parser->items[i]->text, parser->values[i]));
    (*out)->items = parser->items;              /* for vars() */
    (*out)->values = parser->values;
    (*out)->count = parser->count;
    return CUV_OK;
}

cuv_status cuv_sc_parser(cuv_sc *e, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_OBJECT, out));
    (*out)->text = "ArgumentParser";
    return CUV_OK;
}

cuv_status cuv_sc_parser_method(cuv_sc *e, cuv_sv *parser, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    *out = e->none;
    if (cuv_streq(name, "add_argument"))
        return add_argument(e, parser, args);
    if (cuv_starts_with(name, "add_")) {                        /* groups: the same settings */
        *out = parser;
        return CUV_OK;
    }
    if (cuv_streq(name, "set_defaults")) {
        for (size_t i = 0; i < args->named; i++)
            CUV_TRY(cuv_sv_put_word(e, parser, args->names[i], args->values[i]));
        return CUV_OK;
    }
    if (cuv_streq(name, "parse_args"))
        return settings(e, parser, out);
    if (cuv_streq(name, "parse_known_args")) {
        cuv_sv *known = NULL, *rest = NULL;
        CUV_TRY(settings(e, parser, &known));
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &rest));
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
        CUV_TRY(cuv_sv_add(e, *out, known));
        return cuv_sv_add(e, *out, rest);
    }
    return cuv_sv_unknown(e, out, "what %s() of the command line's parser gives", name);
}
