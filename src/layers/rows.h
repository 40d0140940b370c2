/* How the families write their rows: short forms of cuv_param and cuv_slot, and the groups of rows that many layers share.
 * Data only. */
#ifndef CUV_LAYERS_ROWS_H
#define CUV_LAYERS_ROWS_H

#include "layers/layers.h"

/* P(name, type, default, other fields...): default NULL means required. */
#define P(n, t, ...) {.name = (n), .type = CUV_P_##t, .fallback = __VA_ARGS__}
/* An argument that inference does not read. */
#define INERT(n, d) {.name = (n), .type = CUV_P_ANY, .fallback = (d), .inert = true}
#define INIT(n, d) {.name = (n), .type = CUV_P_INITIALIZER, .fallback = (d), .inert = true}
#define REGULARIZER(n) {.name = (n), .type = CUV_P_REGULARIZER, .fallback = "None", .inert = true}
#define CONSTRAINT(n) {.name = (n), .type = CUV_P_CONSTRAINT, .fallback = "None", .inert = true}
/* S(name, pattern, other fields...) */
#define S(n, ...) {.name = (n), .pattern = __VA_ARGS__}

#define DATA_FORMAT P("data_format", STRING, "None", .allowed = "channels_first channels_last th tf default")
/* Every layer of images has it: how the boxes are written that come with them in dicts. */
#define BOXES INERT("bounding_box_format", "None")
#define ACTIVATION(d) P("activation", ACTIVATION, d)
#define USE_BIAS P("use_bias", BOOL, "True")

/* Rules of training that come with a kernel and a bias, as most layers have them. */
#define KERNEL_AND_BIAS_INIT INIT("kernel_initializer", "'glorot_uniform'"), INIT("bias_initializer", "'zeros'")
#define KERNEL_AND_BIAS_RULES                                                                                                \
    REGULARIZER("kernel_regularizer"), REGULARIZER("bias_regularizer"), REGULARIZER("activity_regularizer"),                \
        CONSTRAINT("kernel_constraint"), CONSTRAINT("bias_constraint")
#define LORA INERT("lora_rank", "None"), INERT("lora_alpha", "None")
#define QUANTIZATION INERT("quantization_config", "None")
/* The same for recurrent layers. */
#define RECURRENT_INIT                                                                                                       \
    INIT("kernel_initializer", "'glorot_uniform'"), INIT("recurrent_initializer", "'orthogonal'"),                          \
        INIT("bias_initializer", "'zeros'")
#define RECURRENT_REGULARIZERS                                                                                               \
    REGULARIZER("kernel_regularizer"), REGULARIZER("recurrent_regularizer"), REGULARIZER("bias_regularizer")
#define RECURRENT_CONSTRAINTS                                                                                                \
    CONSTRAINT("kernel_constraint"), CONSTRAINT("recurrent_constraint"), CONSTRAINT("bias_constraint")
#define RECURRENT_DROPOUT INERT("dropout", "0.0"), INERT("recurrent_dropout", "0.0")

#endif
