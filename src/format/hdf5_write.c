/* Writes a tree as an HDF5 image in memory through libhdf5: classic layout (superblock 0, symbol tables, contiguous data), no time
 * stamps, attributes as h5py writes those of Keras. Names too long for one attribute are split as Keras splits them. */
#include "format/hdf5_lib.h"

enum {
    HEADER_LIMIT = 64512,       /* Keras's bound on one attribute (formats.md a.2) */
    TRUNCATE = 0x0002           /* H5F_ACC_TRUNC, whose macro calls into the library */
};

typedef struct writer {
    cuv_context *cx;
    cuv_h5_lib lib;
    hid_t group_plist, dataset_plist;
} writer;

static cuv_status failed(writer *w, const char *what, const char *name)
{
    return cuv_fail(w->cx, CUV_IO, "hdf5.write", &(cuv_detail){.found = cuv_h5_lib_words(&w->lib, w->cx)},
                    "libhdf5 does not write the %s '%s': %s", what, name, cuv_h5_lib_words(&w->lib, w->cx));
}

/* ---- attributes ---- */

static cuv_status put_attribute(writer *w, hid_t object, const char *name, hid_t type, hid_t space, const void *data)
{
    hid_t attribute = w->lib.Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attribute >= 0 && (!data || w->lib.Awrite(attribute, type, data) >= 0);
    if (attribute >= 0)
        w->lib.Aclose(attribute);
    return ok ? CUV_OK : failed(w, "attribute", name);
}

static cuv_status put_text(writer *w, hid_t object, const char *name, const char *text)
{
    hid_t type = w->lib.Tcopy(w->lib.T_C_S1), space = w->lib.Screate(H5S_SCALAR);
    cuv_status status = CUV_OK;
    if (type < 0 || space < 0 || w->lib.Tset_size(type, H5T_VARIABLE) < 0 || w->lib.Tset_cset(type, H5T_CSET_UTF8) < 0)
        status = failed(w, "attribute", name);
    if (status == CUV_OK)
        status = put_attribute(w, object, name, type, space, &text);
    w->lib.Tclose(type);
    w->lib.Sclose(space);
    return status;
}

static cuv_status put_number(writer *w, hid_t object, const char *name, const cuv_value *v)
{
    hid_t space = w->lib.Screate(H5S_SCALAR), type = v->kind == CUV_REAL ? w->lib.T_IEEE_F64LE : w->lib.T_STD_I64LE;
    int64_t integer = v->kind == CUV_TRUTH ? v->truth : v->integer;
    if (space < 0)
        return failed(w, "attribute", name);
    cuv_status status = put_attribute(w, object, name, type, space, v->kind == CUV_REAL ? (const void *)&v->real : &integer);
    w->lib.Sclose(space);
    return status;
}

/* Texts [from, from + count) of equal width, padded with NULs. */
static cuv_status put_names(writer *w, hid_t object, const char *name, const cuv_value *list, size_t from, size_t count,
                            size_t width)
{
    size_t size;
    hsize_t dims = count;
    if (!cuv_mul_size(count, width, &size))
        return cuv_oom(w->cx);
    char *bytes = cuv_alloc(w->cx, size);
    hid_t type = w->lib.Tcopy(w->lib.T_C_S1), space = w->lib.Screate_simple(1, &dims, NULL);
    cuv_status status = bytes ? CUV_OK : cuv_oom(w->cx);
    if (status == CUV_OK && (type < 0 || space < 0 || w->lib.Tset_size(type, width) < 0 ||
                             w->lib.Tset_strpad(type, H5T_STR_NULLPAD) < 0))
        status = failed(w, "attribute", name);
    if (status == CUV_OK) {
        memset(bytes, 0, size);
        for (size_t i = 0; i < count; i++)
            memcpy(bytes + i * width, list->items[from + i]->text, list->items[from + i]->size);
        status = put_attribute(w, object, name, type, space, bytes);
    }
    w->lib.Tclose(type);
    w->lib.Sclose(space);
    cuv_release(w->cx, bytes, size);
    return status;
}

/* The shares of numpy.array_split: the first count % parts get one more. */
static size_t share_of(size_t count, size_t parts, size_t k)
{
    return count / parts + (k < count % parts);
}

static cuv_status put_list(writer *w, hid_t object, const char *name, const cuv_value *list)
{
    size_t width = 1, parts = 1, from = 0;
    for (size_t i = 0; i < list->size; i++) {
        if (list->items[i]->kind != CUV_TEXT)
            return cuv_fail(w->cx, CUV_UNSUPPORTED, "hdf5.write", NULL, "the attribute '%s' is no list of names", name);
        width = list->items[i]->size > width ? list->items[i]->size : width;
    }
    if (width > HEADER_LIMIT)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "hdf5.write", &(cuv_detail){.help = "shorten the name"},
                        "a name of %zu bytes is too long for the attribute '%s'", width, name);
    if (!list->size) {          /* NumPy makes an empty list an array of float64 */
        hsize_t none = 0;
        hid_t space = w->lib.Screate_simple(1, &none, NULL);
        cuv_status status = space < 0 ? failed(w, "attribute", name)
                                      : put_attribute(w, object, name, w->lib.T_IEEE_F64LE, space, NULL);
        w->lib.Sclose(space);
        return status;
    }
    while (share_of(list->size, parts, 0) * width > HEADER_LIMIT)
        parts++;
    if (parts == 1)
        return put_names(w, object, name, list, 0, list->size, width);
    for (size_t k = 0; k < parts; k++) {
        char numbered[256];
        snprintf(numbered, sizeof numbered, "%s%zu", name, k);
        CUV_TRY(put_names(w, object, numbered, list, from, share_of(list->size, parts, k), width));
        from += share_of(list->size, parts, k);
    }
    return CUV_OK;
}

static cuv_status put_attributes(writer *w, hid_t object, const cuv_value *attributes)
{
    for (size_t i = 0; attributes && i < attributes->size; i++) {
        const char *name = cuv_text(attributes->pairs[i].key);
        const cuv_value *v = attributes->pairs[i].value;
        if (v->kind == CUV_TEXT)
            CUV_TRY(put_text(w, object, name, v->text));
        else if (cuv_is_seq(v))
            CUV_TRY(put_list(w, object, name, v));
        else if (v->kind == CUV_INTEGER || v->kind == CUV_REAL || v->kind == CUV_TRUTH)
            CUV_TRY(put_number(w, object, name, v));
        else
            return cuv_fail(w->cx, CUV_UNSUPPORTED, "hdf5.write", NULL, "the attribute '%s' is of a kind that is not written", name);
    }
    return CUV_OK;
}

/* ---- datasets ---- */

/* IEEE half precision as h5py builds it. */
static hid_t half_type(writer *w)
{
    hid_t type = w->lib.Tcopy(w->lib.T_IEEE_F32LE);
    if (type < 0 || w->lib.Tset_fields(type, 15, 10, 5, 0, 10) < 0 || w->lib.Tset_size(type, 2) < 0 ||
        w->lib.Tset_ebias(type, 15) < 0)
        return -1;
    return type;
}

/* NumPy's bool as h5py has it: an enumeration of int8. */
static hid_t bool_type(writer *w)
{
    const int8_t no = 0, yes = 1;
    hid_t type = w->lib.Tenum_create(w->lib.T_STD_I8LE);
    if (type < 0 || w->lib.Tenum_insert(type, "FALSE", &no) < 0 || w->lib.Tenum_insert(type, "TRUE", &yes) < 0)
        return -1;
    return type;
}

static hid_t opaque_type(writer *w, size_t size)
{
    hid_t type = w->lib.Tcreate(H5T_OPAQUE, size);
    return type < 0 || w->lib.Tset_tag(type, "") < 0 ? -1 : type;
}

static hid_t type_of(writer *w, cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_BOOL: return bool_type(w);
    case CUV_I8: return w->lib.Tcopy(w->lib.T_STD_I8LE);
    case CUV_U8: return w->lib.Tcopy(w->lib.T_STD_U8LE);
    case CUV_I16: return w->lib.Tcopy(w->lib.T_STD_I16LE);
    case CUV_U16: return w->lib.Tcopy(w->lib.T_STD_U16LE);
    case CUV_I32: return w->lib.Tcopy(w->lib.T_STD_I32LE);
    case CUV_U32: return w->lib.Tcopy(w->lib.T_STD_U32LE);
    case CUV_I64: return w->lib.Tcopy(w->lib.T_STD_I64LE);
    case CUV_U64: return w->lib.Tcopy(w->lib.T_STD_U64LE);
    case CUV_F16: return half_type(w);
    case CUV_BF16: return opaque_type(w, 2);
    case CUV_F32: return w->lib.Tcopy(w->lib.T_IEEE_F32LE);
    case CUV_F64: return w->lib.Tcopy(w->lib.T_IEEE_F64LE);
    case CUV_F8E4M3: case CUV_F8E5M2: return opaque_type(w, 1);
    case CUV_STR: return -1;
    }
    return -1;
}

static cuv_status put_dataset(writer *w, hid_t group, const cuv_h5 *node)
{
    const cuv_tensor *t = node->tensor;
    hsize_t dims[CUV_MAX_RANK];
    for (int i = 0; i < t->rank; i++)
        dims[i] = (hsize_t)t->shape[i];
    hid_t type = type_of(w, t->dtype), set = -1;
    hid_t space = t->rank ? w->lib.Screate_simple(t->rank, dims, NULL) : w->lib.Screate(H5S_SCALAR);
    cuv_status status = CUV_OK;
    if (type >= 0 && space >= 0)
        set = w->lib.Dcreate2(group, node->name, type, space, H5P_DEFAULT, w->dataset_plist, H5P_DEFAULT);
    if (set < 0 || (cuv_tensor_count(t) && w->lib.Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->data) < 0))
        status = failed(w, "data set", node->name);
    if (status == CUV_OK)
        status = put_attributes(w, set, node->attributes);
    if (set >= 0)
        w->lib.Oclose(set);
    if (type >= 0)
        w->lib.Tclose(type);
    if (space >= 0)
        w->lib.Sclose(space);
    return status;
}

static cuv_status put_group(writer *w, hid_t group, const cuv_h5 *node, unsigned depth)
{
    if (depth > cuv_context_limits(w->cx)->depth * 4)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "hdf5.write", NULL, "groups are nested too deeply at '%s'", node->name);
    CUV_TRY(put_attributes(w, group, node->attributes));
    for (size_t i = 0; i < node->child_count; i++) {
        const cuv_h5 *child = node->children[i];
        if (!child->is_group) {
            CUV_TRY(put_dataset(w, group, child));
            continue;
        }
        hid_t made = w->lib.Gcreate2(group, child->name, H5P_DEFAULT, w->group_plist, H5P_DEFAULT);
        if (made < 0)
            return failed(w, "group", child->name);
        cuv_status status = put_group(w, made, child, depth + 1);
        w->lib.Oclose(made);
        CUV_TRY(status);
    }
    return CUV_OK;
}

/* ---- the image ---- */

static cuv_status take_image(writer *w, hid_t file, cuv_buffer *out)
{
    if (w->lib.Fflush(file, H5F_SCOPE_GLOBAL) < 0)
        return failed(w, "file", "image");
    ssize_t size = w->lib.Fget_file_image(file, NULL, 0);
    if (size < 0)
        return failed(w, "file", "image");
    cuv_buffer_free(out);
    cuv_buffer_init(out, w->cx);
    out->data = cuv_alloc(w->cx, (size_t)size + 1);
    if (!out->data)
        return cuv_oom(w->cx);
    out->capacity = (size_t)size + 1;
    if (w->lib.Fget_file_image(file, out->data, (size_t)size) != size)
        return failed(w, "file", "image");
    out->size = (size_t)size;
    out->data[size] = 0;
    return CUV_OK;
}

static hid_t untimed(writer *w, hid_t class)
{
    hid_t plist = w->lib.Pcreate(class);
    return plist >= 0 && w->lib.Pset_obj_track_times(plist, 0) < 0 ? -1 : plist;
}

static cuv_status write_file(writer *w, const cuv_h5 *root, cuv_buffer *out)
{
    hid_t access = w->lib.Pcreate(w->lib.P_CLS_FILE_ACCESS_ID), create = untimed(w, w->lib.P_CLS_FILE_CREATE_ID), file = -1;
    cuv_status status = CUV_OK;
    w->group_plist = untimed(w, w->lib.P_CLS_GROUP_CREATE_ID);
    w->dataset_plist = untimed(w, w->lib.P_CLS_DATASET_CREATE_ID);
    if (access >= 0 && create >= 0 && w->group_plist >= 0 && w->dataset_plist >= 0 &&
        w->lib.Pset_fapl_core(access, (size_t)1 << 20, 0) >= 0 &&
        w->lib.Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) >= 0)
        file = w->lib.Fcreate("cuvier.h5", TRUNCATE, create, access);
    hid_t top = file >= 0 ? w->lib.Oopen(file, "/", H5P_DEFAULT) : -1;
    status = top < 0 ? failed(w, "file", "image") : put_group(w, top, root, 0);
    if (top >= 0)
        w->lib.Oclose(top);
    if (status == CUV_OK)
        status = take_image(w, file, out);
    if (file >= 0)
        w->lib.Fclose(file);
    const hid_t plists[] = {access, create, w->group_plist, w->dataset_plist};
    for (size_t i = 0; i < 4; i++)
        if (plists[i] >= 0)
            w->lib.Pclose(plists[i]);
    return status;
}

cuv_status cuv_h5_write(cuv_context *cx, const cuv_h5 *root, cuv_buffer *out)
{
    writer w = {.cx = cx};
    cuv_status status = cuv_h5_lib_open(&w.lib);
    if (status == CUV_UNSUPPORTED)
        return cuv_fail(cx, CUV_UNSUPPORTED, "hdf5.library", &(cuv_detail){
                        .help = "install the HDF5 library (Debian: apt-get install libhdf5-103-1), or write .npz"},
                        "HDF5 files are written by libhdf5, which this machine does not have");
    CUV_TRY(status);
    status = write_file(&w, root, out);
    cuv_h5_lib_close(&w.lib);
    return status;
}
