/* Loads libhdf5 at run time, so that only files that need it pay for it (8 ms and 11 MB) and machines without it can do the rest.
 * libhdf5 is not safe for threads unless built so, hence one lock; it is the only state shared by contexts. */
#include "format/hdf5_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const sonames[] = {
#ifdef CUV_HDF5_SONAME
    CUV_HDF5_SONAME,
#endif
    "libhdf5_serial.so.103", "libhdf5_serial.so.310", "libhdf5.so.103", "libhdf5.so.200", "libhdf5.so.310", "libhdf5.so"};

/* ISO C has no cast from an object pointer to a function pointer; POSIX says they have one form. */
static bool find(void *handle, const char *name, void *slot)
{
    void *symbol = dlsym(handle, name);
    memcpy(slot, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_variable(void *handle, const char *name, hid_t *out)
{
    hid_t *variable = dlsym(handle, name);
    *out = variable ? *variable : -1;
    return variable && *out >= 0;
}

static bool find_all(cuv_h5_lib *lib)
{
    unsigned major, minor, release;
    void *h = lib->handle;
#define FIND(result, name, parameters) if (!find(h, "H5" #name, &lib->name)) return false;
    CUV_H5_FUNCTIONS(FIND)
#undef FIND
    if (!find(h, "H5Literate2", &lib->Literate) && !find(h, "H5Literate1", &lib->Literate) &&
        !find(h, "H5Literate", &lib->Literate))
        return false;
    find(h, "H5PLget_loading_state", &lib->PLget_loading_state);
    find(h, "H5PLset_loading_state", &lib->PLset_loading_state);
    /* Identifiers have 64 bits since 1.10. */
    if (lib->get_libversion(&major, &minor, &release) < 0 || (major == 1 && minor < 10) || lib->open() < 0)
        return false;
#define FIND(name) if (!find_variable(h, "H5" #name "_g", &lib->name)) return false;
    CUV_H5_VARIABLES(FIND)
#undef FIND
    return true;
}

static bool load(cuv_h5_lib *lib)
{
    for (size_t i = 0; i < sizeof sonames / sizeof *sonames; i++) {
        /* It registers a function with atexit, so it must stay. */
        lib->handle = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (lib->handle && find_all(lib))
            return true;
        if (lib->handle)
            dlclose(lib->handle);
    }
    return false;
}

cuv_status cuv_h5_lib_open(cuv_h5_lib *lib)
{
    memset(lib, 0, sizeof *lib);
    pthread_mutex_lock(&lock);
    if (!load(lib)) {
        pthread_mutex_unlock(&lock);
        return CUV_UNSUPPORTED;
    }
    lib->Eget_auto2(H5E_DEFAULT, &lib->error_printer, &lib->error_data);
    lib->Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (lib->PLget_loading_state && lib->PLset_loading_state) {
        lib->PLget_loading_state(&lib->plugins);
        lib->PLset_loading_state(0);
    }
    return CUV_OK;
}

void cuv_h5_lib_close(cuv_h5_lib *lib)
{
    lib->Eset_auto2(H5E_DEFAULT, lib->error_printer, lib->error_data);
    if (lib->PLget_loading_state && lib->PLset_loading_state)
        lib->PLset_loading_state(lib->plugins);
    dlclose(lib->handle);
    pthread_mutex_unlock(&lock);
}

int cuv_h5_lib_fork(void)
{
    pthread_mutex_lock(&lock);
    pid_t pid = fork();
    pthread_mutex_unlock(&lock);
    return (int)pid;
}

static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *data)
{
    char *text = data;
    if (n == 0 && error->desc)
        snprintf(text, 200, "%s", error->desc);
    return 0;
}

const char *cuv_h5_lib_words(const cuv_h5_lib *lib, cuv_context *cx)
{
    char text[200] = "no reason given";
    lib->Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
    return cuv_format(cx, "%s", text);
}

cuv_status cuv_h5_lib_off(cuv_context *cx, const char *file, const char *need)
{
    cuv_detail detail = {.file = file, .help = "allow libhdf5 to read it"};
    return cuv_fail(cx, CUV_UNSUPPORTED, "hdf5.library", &detail, "%s%s%s needs libhdf5, which is switched off for this run",
                    file ? file : "", file ? ": " : "", need ? need : "this");
}

cuv_status cuv_h5_lib_missing(cuv_context *cx, const char *file, const char *need)
{
    cuv_detail detail = {.file = file, .help = "install libhdf5 (Debian and Ubuntu: libhdf5-103-1 or newer, or hdf5-tools; "
                                               "Fedora: hdf5; conda: hdf5)"};
    return cuv_fail(cx, CUV_UNSUPPORTED, "hdf5.library", &detail, "%s%s%s needs libhdf5, which is not on this machine",
                    file ? file : "", file ? ": " : "", need ? need : "this");
}
