/* The ready-made networks of keras.applications in a script: what is asked for (script_applications.c), their layers (script_ready.c). */
#ifndef CUV_SCRIPT_READY_H
#define CUV_SCRIPT_READY_H

#include "evidence/script.h"
#include "networks/network.h"

/* A row of applications.def. */
typedef struct cuv_application {
    const char *name, *arguments, *before;
    int64_t least;
    const char *model, *model_before, *file, *bare;
} cuv_application;

typedef struct cuv_ready {
    cuv_sc *e;
    const cuv_py *node;
    const cuv_application *application;
    const cuv_network *network;
    cuv_net_wish wish;
    cuv_st *tensor;             /* input_tensor, or NULL */
    int64_t shape[3];           /* of the input; -1: any */
    bool shape_given, imagenet, minimal;
    cuv_sv *weights, *activation;
    const char *name;           /* as given, or NULL */
} cuv_ready;

/* The model, of layers and calls of the script. */
CUV_MUST_USE cuv_status cuv_sc_make_ready(cuv_ready *r, const char *name, cuv_sl **out);
/* LayerScale and CustomScaleLayer, which are no layers of keras.layers. */
CUV_MUST_USE cuv_status cuv_sc_ready_layer(cuv_sc *e, const char *class_name, const cuv_sargs *args, cuv_sv **out);
/* keras.applications.MODULE.preprocess_input(x) of a tensor; skipped where x is none (script_preprocess.c). */
CUV_MUST_USE cuv_status cuv_sc_preprocess(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);

#endif
