/* The input of a Sequential whose configuration does not tell it: what the user gives, else what the first weights leave as the
 * only possibility. */
#include "model/build.h"

static const cuv_tensor *first_tensor(const struct cuv_evidence *ev, const char **label)
{
    for (size_t i = 0; i < ev->file_count; i++) {
        const cuv_script *s = ev->files[i]->script;
        if (s && s->assignment_count && s->assignments[0].count) {
            const cuv_named *n = cuv_evidence_name_of(ev, s->assignments[0].tensors[0]);
            *label = n ? n->label : s->assignments[0].where;
            return s->assignments[0].tensors[0];
        }
    }
    const cuv_named *best = NULL;
    for (size_t i = 0; i < ev->file_count; i++)
        for (size_t g = 0; g < ev->files[i]->group_count; g++) {
            const cuv_group *group = &ev->files[i]->groups[g];
            if (!group->count)
                continue;
            if (!best || best->tensor->rank < group->tensors[0].tensor->rank)
                best = &group->tensors[0];
            break;
        }
    *label = best ? best->label : NULL;
    return best ? best->tensor : NULL;
}

/* The size that the pattern calls `in` ("kernel_size in/groups filters", "in units"), read from a tensor of that slot. */
static int64_t size_of_in(const cuv_layer *layer, const cuv_tensor *t)
{
    const char *pattern = layer->def->slots ? layer->def->slots[0].pattern : NULL;
    int words = 0, at = -1;
    if (!pattern)
        return -1;
    for (const char *p = pattern; *p;) {
        size_t n = strcspn(p, " ");
        if (n >= 2 && !strncmp(p, "in", 2) && (n == 2 || p[2] == '/'))
            at = words;
        words++;
        p += n;
        p += strspn(p, " ");
    }
    int from_end = words - 1 - at;
    if (at < 0 || from_end >= t->rank)
        return -1;
    int64_t size = t->shape[t->rank - 1 - from_end];
    return strstr(pattern, "in/groups") ? size * cuv_arg_int(layer, "groups") : size;
}

/* Rank of a layer's input, 0 when several are possible. */
static int input_rank(const cuv_layer *layer)
{
    static const char *const sequences[] = {"LSTM", "GRU", "SimpleRNN", "Bidirectional", NULL};
    for (size_t i = 0; sequences[i]; i++)
        if (cuv_streq(layer->def->name, sequences[i]))
            return 3;
    if (cuv_streq(layer->def->name, "Dense") || cuv_streq(layer->def->name, "Embedding"))
        return 2;
    return layer->def->spatial ? layer->def->spatial + 2 : 0;
}

static cuv_status ask(struct cuv_model *m, const cuv_layer *first)
{
    return cuv_fail(m->cx, CUV_NO, "model.input", &(cuv_detail){.layer = first->name,
                    .help = "give it with --input-shape, without the batch: --input-shape 28,28,1 ('?' for an unknown size)"},
                    "nothing tells the input shape of '%s'; its first layer is the %s '%s'", m->name, first->def->name,
                    first->name);
}

cuv_status cuv_find_input_shape(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_graph *g, int64_t *shape, int *rank)
{
    const cuv_layer *first = g->layers[0];
    if (ev && ev->input_shape_count) {
        *rank = ev->input_shapes[0].rank + 1;
        if (*rank > CUV_MAX_RANK)
            return cuv_fail(m->cx, CUV_ARGUMENT, "input.rank", NULL, "--input-shape has more than %d sizes", CUV_MAX_RANK - 1);
        shape[0] = -1;
        memcpy(shape + 1, ev->input_shapes[0].shape, (size_t)ev->input_shapes[0].rank * sizeof *shape);
        return cuv_model_decide(m, NULL, "input_shape", cuv_shape_text(m->cx, shape, *rank), CUV_CERTAIN, "--input-shape", NULL);
    }
    const char *label = NULL;
    const cuv_tensor *t = ev ? first_tensor(ev, &label) : NULL;
    int64_t in = -1;
    *rank = input_rank(first);
    if (!*rank || !t || !first->def->slots || !first->def->slots[0].name)
        return ask(m, first);
    if (!cuv_streq(first->def->name, "Embedding") && (in = size_of_in(first, t)) <= 0)
        return ask(m, first);
    for (int i = 0; i < *rank; i++)
        shape[i] = -1;
    if (in > 0)
        shape[first->channels_first ? 1 : *rank - 1] = in;
    const char *why = cuv_format(m->cx, "the %s '%s' takes it from %s", first->def->name, first->name, label);
    return cuv_model_decide(m, NULL, "input_shape", cuv_shape_text(m->cx, shape, *rank), CUV_INFERRED, why, NULL);
}
