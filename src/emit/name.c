/* Names as the Keras that is written for takes them. A name that has to change is told; two layers never end up
 * with the same. */
#include "emit/config.h"
#include "layers/support.h"

typedef bool (*allowed_char)(char c, bool first);

static bool keras3_char(char c, bool first)
{
    (void)first;
    return c != '/';
}

/* TensorFlow makes name scopes of Keras 2's names, and variables of these. */
static bool keras2_char(char c, bool first)
{
    bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alnum || c == '.' || (!first && strchr("_-/>", c));
}

static bool is_allowed(const char *name, allowed_char allowed)
{
    for (const char *at = name; *at; at++)
        if (!allowed(*at, at == name))
            return false;
    return *name != 0;
}

/* One character for each that is not allowed, for a letter of several bytes too. */
static void clean(const char *name, allowed_char allowed, char *out)
{
    for (const char *at = name; *at; at++) {
        if (((unsigned char)*at & 0xC0) == 0x80 && !allowed(*at, false))
            continue;
        bool first = at == name;
        *out++ = allowed(*at, first) ? *at : allowed('_', first) ? '_' : 'x';
    }
    *out = 0;
}

/* True when another layer, at any depth, has this name or would get it. */
static bool collides(const cuv_layer *const *layers, size_t count, const char *name, const char *made,
                     allowed_char allowed, char *room,
                     unsigned depth)
{
    for (size_t i = 0; i < count; i++) {
        const cuv_layer *l = layers[i];
        if (strcmp(l->name, name) != 0 && strlen(l->name) < 4 * strlen(name) + 8) {
            clean(l->name, allowed, room);
            if (strcmp(room, made) == 0 || strcmp(l->name, made) == 0)
                return true;
        }
        if (depth && collides((const cuv_layer *const *)l->inner, l->inner_count, name, made, allowed, room, depth - 1))
            return true;
    }
    return false;
}

static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static const char *name_for(cuv_config_writer *w, const char *name, allowed_char allowed, const char *why)
{
    if (is_allowed(name, allowed))
        return name;
    size_t size = strlen(name);
    char *made = CUV_NEW_ARRAY(w->arena, char, size + 16), *room = CUV_NEW_ARRAY(w->arena, char, 4 * size + 16);
    if (!made || !room)
        return NULL;        /* whoever writes it finds that memory ran out */
    clean(name, allowed, made);
    if (!*made || collides((const cuv_layer *const *)w->m->list, w->m->list_count, name, made, allowed, room,
                           cuv_context_limits(w->cx)->depth))
        snprintf(made + strlen(made), 16, "%s_%08x", *made ? "" : "layer", (unsigned)hash_of(name));
    if (cuv_config_tell(w, &(cuv_detail){.layer = name, .expected = made},
                        cuv_format(w->cx, "'%s' is written as '%s': %s", name, made, why)) != CUV_OK)
        return NULL;
    return made;
}

/* ---- names that Keras 3 gives itself */

/* "concatenate", "concatenate_12" */
static bool is_automatic(const char *name, const char *word)
{
    const char *rest = cuv_starts_with(name, word) ? name + strlen(word) : NULL;
    return rest && (!*rest || (*rest == '_' && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1)));
}

static bool takes_mask(const cuv_graph *g, const cuv_graph_call *call)
{
    bool found = false;
    for (size_t a = 0; a < call->arg_count && !found; a++)
        for (size_t k = 0; k < call->args[a].wire_count && !found; k++) {
            const cuv_wire wire = call->args[a].wires[k];
            const cuv_graph_call *from = &g->calls[wire.call];
            found = (size_t)wire.output < from->output_count && from->outputs[wire.output].mask != CUV_NO_REF;
        }
    return found;
}

static bool joins_masks(const cuv_graph *g, unsigned depth)
{
    static const char readers[] = "LSTM GRU SimpleRNN RNN Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D TimeDistributed GlobalAveragePooling1D "
                                  "Attention AdditiveAttention MultiHeadAttention GroupQueryAttention BatchNormalization Softmax";
    bool joins = false, reads = false, found;
    for (size_t i = 0; i < g->call_count; i++) {
        const cuv_graph_call *call = &g->calls[i];
        const cuv_layer *layer = g->layers[call->layer];
        joins = joins || (cuv_streq(layer->def->name, "Concatenate") && !(layer->def->flags & CUV_LF_OPERATION) && takes_mask(g, call));
        reads = reads || ((layer->model || cuv_has_word(readers, layer->def->name)) && takes_mask(g, call));
    }
    found = joins && reads;
    for (size_t i = 0; i < g->layer_count && !found && depth; i++)
        if (g->layers[i]->model)
            found = joins_masks(((const struct cuv_model *)g->layers[i]->model)->graph, depth - 1);
    return found;
}

/* A Concatenate of masked tensors makes an operation for the mask, which gets the first such name in a file that is read. No layer may have it. */
static const char *unlike_operations(cuv_config_writer *w, const char *name)
{
    if (!is_automatic(name, "concatenate") || !joins_masks(w->m->graph, cuv_context_limits(w->cx)->depth))
        return name;
    const char *made = cuv_format(w->cx, "%s_layer", name);
    for (size_t i = 0; i < w->m->list_count; i++)
        if (cuv_streq(w->m->list[i]->name, made)) {
            made = cuv_format(w->cx, "%s_", made);
            i = SIZE_MAX;               /* from the start */
        }
    if (cuv_config_tell(w, &(cuv_detail){.layer = name, .expected = made},
                        cuv_format(w->cx, "'%s' is written as '%s': Keras 3 gives that name to an operation on masks", name, made)) != CUV_OK)
        return NULL;
    return made;
}

const char *cuv_keras3_name(cuv_config_writer *w, const char *name)
{
    name = unlike_operations(w, name);
    return !name ? NULL : name_for(w, name, keras3_char, "Keras 3 has no slash in names");
}

const char *cuv_keras2_name(cuv_config_writer *w, const char *name)
{
    return name_for(w, name, keras2_char,
                    "Keras 2 makes names in TensorFlow of it, which has only letters, digits and _.-/>");
}
