/* Keras code as evidence. The parser (format/python.c) reads it; what it says of a model is not evaluated yet. */
#include "evidence/evidence.h"

cuv_status cuv_read_script(struct cuv_evidence *ev, cuv_file *file)
{
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "script.unsupported", &(cuv_detail){.file = file->path,
                    .help = "give the model's configuration (.json, .keras, whole .h5) beside the weights"},
                    "%s is Keras code, which this version does not evaluate yet", file->name);
}
