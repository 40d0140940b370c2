/* h5py.File: groups as dictionaries, with their attributes, in the order in which h5py goes through them, that of the alphabet; visit() and
 * visititems() call a function of the script. */
#include "evidence/script.h"

enum { DEEPEST = 32 };

/* ---- what is in the file ---- */

static cuv_status attributes(cuv_sc *e, const cuv_h5 *node, cuv_sv **out)
{
    if (node->attributes)
        return cuv_sv_from_value(e, node->attributes, 0, out);
    return cuv_sv_make(e, CUV_SV_DICT, out);
}

static cuv_status dataset(cuv_sc *e, const cuv_h5 *node, const char *path, const cuv_file *file, cuv_sv **out)
{
    if (!node->tensor)
        return cuv_sv_unknown(e, out, "the values of %s#%s (%s)", file->name, path, node->unsupported ? node->unsupported : "of another type");
    const cuv_named *named = cuv_evidence_name_of(e->ev, node->tensor);
    return cuv_sv_array(e, node->tensor, named ? named->label : cuv_sc_format(e, "%s#%s", file->name, path), out);
}

/* Groups and their attributes; children stand in the order of the alphabet. */
static cuv_status group(cuv_sc *e, const cuv_h5 *node, const char *path, cuv_file *file, unsigned depth, cuv_sv **out)
{
    cuv_sv *one = NULL;
    CUV_TRY(cuv_sc_step(e, 1));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    (*out)->file = file;
    (*out)->label = *path ? cuv_sc_format(e, "%s#%s", file->name, path) : file->name;
    CUV_TRY(attributes(e, node, &(*out)->self));
    for (size_t i = 0; i < node->child_count && depth < DEEPEST; i++) {
        const cuv_h5 *child = node->children[i];
        const char *name = cuv_sc_format(e, "%s%s%s", path, *path ? "/" : "", child->name);
        CUV_TRY(child->is_group ? group(e, child, name, file, depth + 1, &one) : dataset(e, child, name, file, &one));
        CUV_TRY(cuv_sv_put_word(e, *out, child->name, one));
    }
    return CUV_OK;
}

cuv_status cuv_sc_h5_file(cuv_sc *e, cuv_file *file, cuv_sv **out)
{
    if (!file->h5)
        return cuv_sc_unsupported(e, e->at, "load_model and load_weights read it whole, numpy.load an .npz", "h5py cannot read %s: that is of another kind (%s)",
                                  file->name, file->kind ? file->kind : "another form");
    return group(e, file->h5, "", file, 0, out);
}

/* ---- visit, visititems ---- */

typedef struct visit { cuv_sc *e; cuv_sv *function, *answer; const cuv_py *node; bool items; } visit;

static cuv_status visit_below(visit *v, cuv_sv *group, const char *path, unsigned depth)
{
    for (size_t i = 0; i < group->count && depth < DEEPEST && v->answer->kind == CUV_SV_NONE; i++) {
        cuv_sv *given[2] = {NULL, group->values[i]};
        const char *name = cuv_arena_printf(v->e->arena, "%s%s%s", path, *path ? "/" : "", group->items[i]->text);
        if (!name)
            return cuv_oom(v->e->cx);
        CUV_TRY(cuv_sv_word(v->e, name, &given[0]));
        CUV_TRY(cuv_sc_call(v->e, v->function, &(cuv_sargs){given, v->items ? 2 : 1, NULL, NULL, 0, v->node}, &v->answer));
        if (v->answer->kind == CUV_SV_NONE && given[1]->kind == CUV_SV_DICT)
            CUV_TRY(visit_below(v, given[1], name, depth + 1));
    }
    return CUV_OK;
}

cuv_status cuv_sc_h5_visit(cuv_sc *e, cuv_sv *group, bool items, const cuv_sargs *args, cuv_sv **out)
{
    visit v = {.e = e, .function = cuv_sc_arg(args, 0, "func"), .answer = e->none, .node = args->node, .items = items};
    if (!v.function)
        return cuv_sv_unknown(e, out, "what visiting a file of HDF5 gives");
    CUV_TRY(visit_below(&v, group, "", 0));
    *out = v.answer;
    return CUV_OK;
}
