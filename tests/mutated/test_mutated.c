/* Real files of every carrier, each broken in the same several hundred ways: whatever the bytes are, the library ends with a status of its
 * own and says why, reads no byte that is not there and stays within its limits. The sanitizers see the rest.
 *
 *     test_mutated [NAME...]           only the carriers whose name begins so
 */
#include "fuzz_evidence.h"
#include "mutations.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 5 };

/* The files of a carrier in `folder`; those whose name begins with '*' are given to the library, the others lie beside them. */
typedef struct carrier { const char *name, *folder, *files[FILES + 1]; } carrier;

#define OLD "tests/compat/keras-2.15/"
#define NEW "tests/compat/keras-3.15/"
static const carrier carriers[] = {
    {"keras", NEW, {"*mlp.keras"}},
    {"keras_nested", NEW, {"*nested_deep.keras"}},
    {"keras_2.15", OLD, {"*mlp.keras"}},
    {"h5", NEW, {"*mlp.h5"}},
    {"h5_2.15", OLD, {"*mlp.h5"}},
    {"h5_newest", "tests/files/", {"*good-latest.weights.h5"}},
    {"json_weights", NEW, {"*mlp.json", "*mlp.weights.h5"}},
    {"json_legacy", OLD, {"*mlp.json", "*mlp.legacy_w.h5"}},
    {"json_npz", NEW, {"*lstm.json", "*lstm.npz"}},
    {"object_arrays", NEW, {"*mlp.json", "*mlp.weights.npy", "*mlp.biases.npy"}},
    {"dict_npy", NEW, {"*mlp.dict.npy"}},
    {"pickle", NEW, {"*mlp.json", "*mlp.dict.pkl"}},
    {"npy", "tests/files/", {"*good-version-2.npy"}},
    {"safetensors", "tests/files/", {"*good-one.safetensors"}},
    {"yaml", "fuzz/corpus/yaml/", {"*keras2.yaml"}},
    {"checkpoint", OLD "nested_frozen.checkpoint/", {"*ck.index", "ck.data-00000-of-00001"}},
    {"saved_model", OLD "mlp.savedmodel/", {"*saved_model.pb", "keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}},
    {"tfjs", "tests/compat/tfjs/keras-2-h5-uint8/", {"*model.json", "group1-shard1of1.bin"}},
    {"tfjs_3", "tests/compat/tfjs/keras-3-archive-float16/", {"*model.json", "group1-shard1of1.bin"}},
    {"shards", "tests/mutated/shards/", {"*mlp.json", "*mlp.weights.json", "mlp_00000.weights.h5", "mlp_00001.weights.h5"}},
    {"shards_alone", "tests/mutated/shards/", {"*mlp.json", "*mlp_00000.weights.h5", "*mlp_00001.weights.h5"}},
    {"code", "tests/compat/idioms/", {"*twins.py"}},
};

typedef struct bytes { uint8_t *data; size_t size; } bytes;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static bytes read_all(const char *path)
{
    bytes b = {0};
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) || !(b.data = malloc((size_t)info.st_size + 1)))
        die(path);
    b.size = fread(b.data, 1, (size_t)info.st_size, file);
    fclose(file);
    return b;
}

static void write_all(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file))
        die(path);
}

/* ---- one try ---- */

/* The structure alone: configurations and code without weights. */
static bool has_structure(cuv_context *cx, cuv_evidence *ev)
{
    cuv_model *model = NULL;
    bool fine = fuzz_judge(cx, cuv_rebuild_structure(ev, &model));
    cuv_model_free(model);
    return fine;
}

/* True when the files give a model. */
static bool try_files(const carrier *c, const char *scratch)
{
    cuv_context *cx = fuzz_context();
    cuv_evidence *ev = NULL;
    cuv_model *model = NULL;
    char *text = NULL, path[512];
    bool fine = cx && cuv_evidence_new(cx, &ev) == CUV_OK;
    for (size_t i = 0; fine && c->files[i]; i++) {
        snprintf(path, sizeof path, "%s/%s", scratch, c->files[i] + 1);
        fine = c->files[i][0] != '*' || fuzz_judge(cx, cuv_evidence_add_file(ev, path));
    }
    if (fine) {
        cuv_status status = cuv_evidence_report(ev, true, &text);
        fuzz_text(cx, status, text);
        fine = fuzz_judge(cx, cuv_rebuild(ev, &model));
        if (fine)
            fuzz_run(cx, model, 1 << 12);
        else
            fine = !c->files[1] && has_structure(cx, ev);
    }
    cuv_model_free(model);
    cuv_evidence_free(ev);
    text = NULL;
    if (cx && cuv_findings_report(cx, true, false, &text) == CUV_OK)
        cuv_text_free(cx, text);
    cuv_context_free(cx);
    return fine;
}

/* ---- a carrier ---- */

typedef struct tally { size_t tried, good; } tally;

static const char *name_of(const char *file)
{
    return file + (*file == '*');
}

/* What is at work, for whoever finds this program dead. */
static void announce(const char *scratch, const char *carrier_name, const char *file, const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/at", scratch);
    FILE *at = fopen(path, "wb");
    if (at) {
        fprintf(at, "%s, %s: %s\n", carrier_name, file, what);
        fclose(at);
    }
}

static tally break_file(const carrier *c, const char *file, const char *scratch)
{
    char path[512], source[512];
    tally t = {0};
    mutations m;
    snprintf(source, sizeof source, "%s/%s%s", CUV_SOURCE, c->folder, file);
    snprintf(path, sizeof path, "%s/%s", scratch, file);
    bytes original = read_all(source);
    mutant broken = {.data = malloc(2 * original.size + 64)};
    if (!broken.data || !mutations_begin(&m, original.data, original.size))
        die("malloc");
    while (mutations_next(&m, &broken)) {
        announce(scratch, c->name, file, broken.what);
        write_all(path, broken.data, broken.size);
        t.good += try_files(c, scratch);
        t.tried++;
    }
    mutations_end(&m);
    write_all(path, original.data, original.size);
    free(broken.data);
    free(original.data);
    return t;
}

static void lay_out(const carrier *c, const char *scratch)
{
    char path[512], source[512];
    for (size_t i = 0; c->files[i]; i++) {
        const char *file = name_of(c->files[i]), *slash = strrchr(file, '/');
        snprintf(path, sizeof path, "%s/%.*s", scratch, slash ? (int)(slash - file) : 0, file);
        if (slash && mkdir(path, 0700) && errno != EEXIST)
            die(path);
        snprintf(source, sizeof source, "%s/%s%s", CUV_SOURCE, c->folder, file);
        snprintf(path, sizeof path, "%s/%s", scratch, file);
        bytes b = read_all(source);
        write_all(path, b.data, b.size);
        free(b.data);
    }
}

static void clear_up(const carrier *c, const char *scratch)
{
    char path[512];
    for (size_t i = 0; c->files[i]; i++) {
        const char *file = name_of(c->files[i]), *slash = strrchr(file, '/');
        snprintf(path, sizeof path, "%s/%s", scratch, file);
        unlink(path);
        snprintf(path, sizeof path, "%s/%.*s", scratch, slash ? (int)(slash - file) : 0, file);
        if (slash)
            rmdir(path);
    }
}

static bool wanted(const carrier *c, int argc, char **argv)
{
    bool any = argc < 2;
    for (int i = 1; i < argc; i++)
        any = any || !strncmp(c->name, argv[i], strlen(argv[i]));
    return any;
}

int main(int argc, char **argv)
{
    char scratch[] = "/tmp/cuvier-mutated-XXXXXX", at[64];
    tally all = {0};
    bool sound = true;
    if (!mkdtemp(scratch))
        die("mkdtemp");
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        const carrier *c = &carriers[i];
        tally here = {0};
        if (!wanted(c, argc, argv))
            continue;
        lay_out(c, scratch);
        const bool whole = try_files(c, scratch);
        for (size_t k = 0; c->files[k]; k++) {
            tally one = break_file(c, name_of(c->files[k]), scratch);
            here = (tally){here.tried + one.tried, here.good + one.good};
        }
        printf("%-14s %zu mutants, %zu of them still give a model%s\n", c->name, here.tried, here.good, whole ? "" : "; the file itself gives none");
        sound = sound && here.tried > here.good && whole;
        all = (tally){all.tried + here.tried, all.good + here.good};
        clear_up(c, scratch);
    }
    snprintf(at, sizeof at, "%s/at", scratch);
    unlink(at);
    rmdir(scratch);
    printf("%zu mutants\n", all.tried);
    return all.tried && sound ? 0 : 1;
}
