/* libhdf5, loaded when a file needs it: the functions that cuvier uses, by pointers. Only format/hdf5_lib*.c include it.
 * The prototypes are those of HDF5 1.10, which 1.12 and 1.14 still have. */
#ifndef CUV_HDF5_LIB_H
#define CUV_HDF5_LIB_H

#include "format/hdf5.h"

#include <hdf5.h>

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t cuv_h5_object_info;
#else
typedef H5O_info_t cuv_h5_object_info;
#endif
/* The first member of every version of H5L_info_t is the type of the link. */
typedef herr_t (*cuv_h5_on_link)(hid_t group, const char *name, const void *info, void *data);

/* F(result, name without H5, parameters) */
#define CUV_H5_FUNCTIONS(F)                                                                                              \
    F(herr_t, open, (void))                                                                                              \
    F(herr_t, get_libversion, (unsigned *, unsigned *, unsigned *))                                                      \
    F(herr_t, Eget_auto2, (hid_t, H5E_auto2_t *, void **))                                                               \
    F(herr_t, Eset_auto2, (hid_t, H5E_auto2_t, void *))                                                                  \
    F(herr_t, Ewalk2, (hid_t, H5E_direction_t, H5E_walk2_t, void *))                                                     \
    F(hid_t, Pcreate, (hid_t))                                                                                           \
    F(herr_t, Pclose, (hid_t))                                                                                           \
    F(herr_t, Pset_fapl_core, (hid_t, size_t, hbool_t))                                                                  \
    F(herr_t, Pset_file_image_callbacks, (hid_t, H5FD_file_image_callbacks_t *))                                         \
    F(herr_t, Pset_file_image, (hid_t, void *, size_t))                                                                  \
    F(herr_t, Pset_libver_bounds, (hid_t, H5F_libver_t, H5F_libver_t))                                                   \
    F(herr_t, Pset_obj_track_times, (hid_t, hbool_t))                                                                    \
    F(H5D_layout_t, Pget_layout, (hid_t))                                                                                \
    F(int, Pget_chunk, (hid_t, int, hsize_t *))                                                                          \
    F(int, Pget_nfilters, (hid_t))                                                                                       \
    F(H5Z_filter_t, Pget_filter2, (hid_t, unsigned, unsigned *, size_t *, unsigned *, size_t, char *, unsigned *))       \
    F(int, Pget_external_count, (hid_t))                                                                                 \
    F(hid_t, Fcreate, (const char *, unsigned, hid_t, hid_t))                                                            \
    F(hid_t, Fopen, (const char *, unsigned, hid_t))                                                                     \
    F(herr_t, Fflush, (hid_t, H5F_scope_t))                                                                              \
    F(ssize_t, Fget_file_image, (hid_t, void *, size_t))                                                                 \
    F(herr_t, Fclose, (hid_t))                                                                                           \
    F(hid_t, Gcreate2, (hid_t, const char *, hid_t, hid_t, hid_t))                                                       \
    F(hid_t, Oopen, (hid_t, const char *, hid_t))                                                                        \
    F(herr_t, Oclose, (hid_t))                                                                                           \
    F(herr_t, Oget_info2, (hid_t, cuv_h5_object_info *, unsigned))                                                       \
    F(H5I_type_t, Iget_type, (hid_t))                                                                                    \
    F(hid_t, Aopen, (hid_t, const char *, hid_t))                                                                        \
    F(hid_t, Acreate2, (hid_t, const char *, hid_t, hid_t, hid_t, hid_t))                                                \
    F(herr_t, Aclose, (hid_t))                                                                                           \
    F(hid_t, Aget_type, (hid_t))                                                                                         \
    F(hid_t, Aget_space, (hid_t))                                                                                        \
    F(herr_t, Aread, (hid_t, hid_t, void *))                                                                             \
    F(herr_t, Awrite, (hid_t, hid_t, const void *))                                                                      \
    F(herr_t, Aiterate2, (hid_t, H5_index_t, H5_iter_order_t, hsize_t *, H5A_operator2_t, void *))                       \
    F(hid_t, Dcreate2, (hid_t, const char *, hid_t, hid_t, hid_t, hid_t, hid_t))                                         \
    F(hid_t, Dget_type, (hid_t))                                                                                         \
    F(hid_t, Dget_space, (hid_t))                                                                                        \
    F(hid_t, Dget_create_plist, (hid_t))                                                                                 \
    F(hsize_t, Dget_storage_size, (hid_t))                                                                               \
    F(haddr_t, Dget_offset, (hid_t))                                                                                     \
    F(herr_t, Dread, (hid_t, hid_t, hid_t, hid_t, hid_t, void *))                                                        \
    F(herr_t, Dwrite, (hid_t, hid_t, hid_t, hid_t, hid_t, const void *))                                                 \
    F(herr_t, Dvlen_reclaim, (hid_t, hid_t, hid_t, void *))                                                              \
    F(hid_t, Screate, (H5S_class_t))                                                                                     \
    F(hid_t, Screate_simple, (int, const hsize_t *, const hsize_t *))                                                    \
    F(herr_t, Sclose, (hid_t))                                                                                           \
    F(H5S_class_t, Sget_simple_extent_type, (hid_t))                                                                     \
    F(int, Sget_simple_extent_dims, (hid_t, hsize_t *, hsize_t *))                                                       \
    F(int, Sget_simple_extent_ndims, (hid_t))                                                                            \
    F(hid_t, Tcopy, (hid_t))                                                                                             \
    F(hid_t, Tcreate, (H5T_class_t, size_t))                                                                             \
    F(herr_t, Tclose, (hid_t))                                                                                           \
    F(H5T_class_t, Tget_class, (hid_t))                                                                                  \
    F(size_t, Tget_size, (hid_t))                                                                                        \
    F(H5T_order_t, Tget_order, (hid_t))                                                                                  \
    F(H5T_sign_t, Tget_sign, (hid_t))                                                                                    \
    F(size_t, Tget_precision, (hid_t))                                                                                   \
    F(int, Tget_offset, (hid_t))                                                                                         \
    F(herr_t, Tget_fields, (hid_t, size_t *, size_t *, size_t *, size_t *, size_t *))                                    \
    F(size_t, Tget_ebias, (hid_t))                                                                                       \
    F(H5T_norm_t, Tget_norm, (hid_t))                                                                                    \
    F(hid_t, Tget_super, (hid_t))                                                                                        \
    F(htri_t, Tis_variable_str, (hid_t))                                                                                 \
    F(H5T_str_t, Tget_strpad, (hid_t))                                                                                   \
    F(int, Tget_nmembers, (hid_t))                                                                                       \
    F(char *, Tget_member_name, (hid_t, unsigned))                                                                       \
    F(herr_t, Tget_member_value, (hid_t, unsigned, void *))                                                              \
    F(herr_t, free_memory, (void *))                                                                                     \
    F(hid_t, Tenum_create, (hid_t))                                                                                      \
    F(herr_t, Tenum_insert, (hid_t, const char *, const void *))                                                         \
    F(herr_t, Tset_size, (hid_t, size_t))                                                                                \
    F(herr_t, Tset_cset, (hid_t, H5T_cset_t))                                                                            \
    F(herr_t, Tset_strpad, (hid_t, H5T_str_t))                                                                           \
    F(herr_t, Tset_order, (hid_t, H5T_order_t))                                                                          \
    F(herr_t, Tset_precision, (hid_t, size_t))                                                                           \
    F(herr_t, Tset_fields, (hid_t, size_t, size_t, size_t, size_t, size_t))                                              \
    F(herr_t, Tset_ebias, (hid_t, size_t))                                                                               \
    F(herr_t, Tset_tag, (hid_t, const char *))

/* V(name): variables that H5open fills: H5T_C_S1_g, … */
#define CUV_H5_VARIABLES(V)                                                                                              \
    V(P_CLS_FILE_ACCESS_ID) V(P_CLS_FILE_CREATE_ID) V(P_CLS_GROUP_CREATE_ID) V(P_CLS_DATASET_CREATE_ID)                  \
    V(T_C_S1) V(T_STD_I8LE) V(T_STD_U8LE) V(T_STD_I16LE) V(T_STD_U16LE) V(T_STD_I32LE) V(T_STD_U32LE) V(T_STD_I64LE)     \
    V(T_STD_U64LE) V(T_IEEE_F32LE) V(T_IEEE_F64LE)

#define CUV_H5_MEMBER(result, name, parameters) result (*name) parameters;
#define CUV_H5_VARIABLE(name) hid_t name;
typedef struct cuv_h5_lib {
    CUV_H5_FUNCTIONS(CUV_H5_MEMBER)
    herr_t (*Literate)(hid_t, H5_index_t, H5_iter_order_t, hsize_t *, cuv_h5_on_link, void *);
    CUV_H5_VARIABLES(CUV_H5_VARIABLE)
    herr_t (*PLget_loading_state)(unsigned *);        /* NULL before 1.8.15 */
    herr_t (*PLset_loading_state)(unsigned);
    void *handle;
    H5E_auto2_t error_printer;                        /* of the process, put back on close */
    void *error_data;
    unsigned plugins;
} cuv_h5_lib;

/* Takes the one lock, loads libhdf5, silences its errors and its plugins. CUV_UNSUPPORTED without a finding when the machine
 * has no libhdf5 that will do; then nothing is held. */
CUV_MUST_USE cuv_status cuv_h5_lib_open(cuv_h5_lib *lib);
/* Puts the process's settings back and lets the lock go. */
void cuv_h5_lib_close(cuv_h5_lib *lib);
/* What libhdf5 said last, from its error stack. Never NULL. */
const char *cuv_h5_lib_words(const cuv_h5_lib *lib, cuv_context *cx);

#endif
