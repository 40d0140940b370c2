/* Weights of tf_idf: .keras and .weights.h5 hold them beside the configuration, and there they count. Keras 3 has them nowhere else, so
 * that other forms hold those that the configuration states. */
#include "emit/config.h"
#include "layers/vocabulary.h"

static cuv_status refuse(const struct cuv_model *m, cuv_layer *const *layers, size_t count, const char *form, unsigned depth)
{
    for (size_t i = 0; depth && i < count; i++) {
        const cuv_layer *layer = layers[i];
        const struct cuv_model *inner = layer->model;
        if (cuv_idf_differs(layer))
            return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .tensor = "idf_weights",
                            .help = "write .keras, or .json and .weights.h5"},
                            "'%s' has other idf_weights in its file than in its configuration; of a %s file Keras 3 takes those of the configuration",
                            layer->name, form);
        CUV_TRY(inner ? refuse(m, inner->layers, inner->layer_count, form, depth - 1)
                      : refuse(m, layer->inner, layer->inner_count, form, depth - 1));
    }
    return CUV_OK;
}

cuv_status cuv_config_refuse_idf(const struct cuv_model *m, const char *form)
{
    return refuse(m, m->layers, m->layer_count, form, cuv_context_limits(m->cx)->depth);
}
