/* Resampling of images, which Resizing and UpSampling2D share. */
#ifndef CUV_LAYERS_IMAGE_H
#define CUV_LAYERS_IMAGE_H

#include "layers/support.h"

/* *x (b, h, w, c) at another size, by the method of that name, as TensorFlow's image.resize does it. Methods that the
 * runtime has no op for are products with constant matrices. */
CUV_MUST_USE cuv_status cuv_resize_image(cuv_call *call, const char *name, bool antialias, int64_t height, int64_t width,
                                         cuv_ref *x);

/* A call of Resizing by the method of that name, whatever its own is: masks are resized by "nearest". */
CUV_MUST_USE cuv_status cuv_resize_by(cuv_call *call, const char *interpolation);

/* The middle of the images at the layer's height and width; one that is too small (or `always`) is cut to their ratio and resized. */
cuv_status cuv_crop_middle(cuv_call *call, bool always);
/* A part of the layer's height and width that begins where that middle begins, enlarged where the image ends before it. */
cuv_status cuv_crop_from_middle(cuv_call *call);

#endif
