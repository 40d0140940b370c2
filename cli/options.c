/* The options of all verbs as rows: parsing and help come from them. */
#include "cli.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { FLAG, TEXT, LIST, COUNT, REAL, BYTES } kind;
typedef struct row {
    const char *name, *letter, *operand, *about;
    kind kind;
    size_t at;              /* offset of the field */
    bool common;
} row;

#define AT(field) offsetof(options, field)
static const row rows[] = {
    {"--out", "-o", "OUT", "write the model (or the predictions) there; the form follows the name", LIST, AT(out), false},
    {"--in", "-i", "IN", "inputs: .npy (one input) or .npz", TEXT, AT(in), false},
    {"--format", NULL, "FORM", "the form of OUT where the name does not tell (.keras, .h5, ...)", TEXT, AT(format), false},
    {"--map", NULL, "LAYER=TENSOR[,...]", "put named tensors into a layer by hand", LIST, AT(map), false},
    {"--custom", NULL, "NAME=CODE.py", "Keras code that stands in for a class which is none of Keras's", LIST, AT(custom), false},
    {"--keras-version", NULL, "X.Y.Z", "which Keras made the model, where no file says it", TEXT, AT(keras_version), false},
    {"--backend", NULL, "NAME", "on what the model was made, where no file says it: tensorflow, jax, torch, ...", TEXT, AT(backend), false},
    {"--samples", NULL, "IO.npz", "inputs and outputs of the original (x, y; x0, y0, ...)", TEXT, AT(samples), false},
    {"--against", NULL, "OTHER", "another model to compare with on random inputs", TEXT, AT(against), false},
    {"--input-shape", NULL, "28,28,1", "an input's shape without the batch, where nothing tells it; () for single numbers", LIST, AT(input_shape), false},
    {"--strict", NULL, NULL, "nothing may be assumed", FLAG, AT(strict), false},
    {"--top", NULL, "N", "how many candidates to show", COUNT, AT(top), false},
    {"--keras", NULL, "2|3", "for which Keras .keras, .h5, .weights.h5 and .json are written (3)", TEXT, AT(keras), false},
    {"--weights-only", NULL, NULL, "a .h5 file without the configuration", FLAG, AT(weights_only), false},
    {"--weights-file", NULL, NULL, "C source: the weights in a file NAME.weights of their own", FLAG, AT(weights_file), false},
    {"--stage", NULL, "STAGE", "print a stage of the pipeline: config, program, plan", TEXT, AT(stage), false},
    {"--rtol", NULL, "R", "relative tolerance (1e-4)", REAL, AT(rtol), false},
    {"--atol", NULL, "A", "absolute tolerance (1e-5)", REAL, AT(atol), false},
    {"--batch", NULL, "N", "rows that run at once (32); of C source: its constant batch (1)", COUNT, AT(batch), false},
    {"--seconds", NULL, "S", "how long to measure (2)", REAL, AT(bench_seconds), false},
    {"--reference", NULL, NULL, "reference kernels only", FLAG, AT(reference), false},
    {"--precision", NULL, "f32|bf16|int8", "bits of dense layers and convolutions (f32); what fewer cost is measured and told", TEXT, AT(precision), false},
    {"--cache", NULL, "PLACE", "keep packed weights in this file or folder: the next start is sooner", TEXT, AT(cache), false},
    {"--steps", NULL, NULL, "the time of each step of the plan, too", FLAG, AT(steps), false},
    {"--json", NULL, NULL, "one JSON document on standard output", FLAG, AT(json), true},
    {"--quiet", "-q", NULL, "only errors", FLAG, AT(quiet), true},
    {"--verbose", "-v", NULL, "every decision with its evidence", FLAG, AT(verbose), true},
    {"--threads", NULL, "N", "threads (the cores at hand)", COUNT, AT(threads), true},
    {"--no-color", NULL, NULL, "no colours (also NO_COLOR)", FLAG, AT(no_color), true},
    {"--no-libhdf5", NULL, NULL, "refuse HDF5 files beyond what Keras writes, which libhdf5 would read", FLAG, AT(no_libhdf5), true},
    {"--memory", NULL, "SIZE", "limit on memory: 500M, 2G", BYTES, AT(memory), true},
    {"--time", NULL, "SECONDS", "limit on time", REAL, AT(seconds), true},
    {"--help", "-h", NULL, "this text", FLAG, AT(help), true},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool takes(const verb *v, const row *r)
{
    size_t n = strlen(r->name);
    if (r->common)
        return true;
    for (const char *at = v->takes; (at = strstr(at, r->name)); at += n)
        if (at[n] == ' ' || at[n] == 0)
            return true;
    return false;
}

static void add(list *l, const char *text)
{
    const char **items = realloc(l->items, (l->count + 1) * sizeof *items);
    if (!items) {
        fputs("cuvier: memory ran out\n", stderr);
        exit(EXIT_MACHINE);     /* nothing has been begun */
    }
    items[l->count++] = text;
    l->items = items;
}

void free_options(options *o)
{
    free(o->evidence.items);
    free(o->out.items);
    free(o->map.items);
    free(o->custom.items);
    free(o->input_shape.items);
}

static bool parse_size(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    double n = strtod(text, &end);
    double unit = 1;
    switch (*end) {
    case 'k': case 'K': unit = 1024.0; end++; break;
    case 'm': case 'M': unit = 1024.0 * 1024; end++; break;
    case 'g': case 'G': unit = 1024.0 * 1024 * 1024; end++; break;
    case 't': case 'T': unit = 1024.0 * 1024 * 1024 * 1024; end++; break;
    default: break;
    }
    if (*end == 'i')
        end++;
    if (*end == 'b' || *end == 'B')
        end++;
    if (end == text || *end || errno || !(n > 0) || n * unit > 9e18)
        return false;
    *out = (uint64_t)(n * unit);
    return true;
}

/* Takes the operand of an option; false when it is of the wrong kind. */
static bool store(const row *r, options *o, const char *text)
{
    char *field = (char *)o + r->at, *end;
    errno = 0;
    switch (r->kind) {
    case FLAG: *(bool *)(void *)field = true; return true;
    case TEXT: *(const char **)(void *)field = text; return true;
    case LIST: add((list *)(void *)field, text); return true;
    case COUNT: {
        long n = strtol(text, &end, 10);
        *(long *)(void *)field = n;
        return end != text && !*end && !errno && n > 0;
    }
    case REAL: {
        double x = strtod(text, &end);
        *(double *)(void *)field = x;
        return end != text && !*end && !errno && x >= 0;
    }
    case BYTES: return parse_size(text, (uint64_t *)(void *)field);
    }
    return false;
}

static const row *find_row(const char *arg, size_t n)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((strlen(rows[i].name) == n && !strncmp(arg, rows[i].name, n)) ||
            (rows[i].letter && strlen(rows[i].letter) == n && !strncmp(arg, rows[i].letter, n)))
            return &rows[i];
    return NULL;
}

/* Levenshtein's distance; 99 for long words, which are no typing errors. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 24 };
    size_t line[LONGEST + 1], n = strlen(b);
    if (n > LONGEST || strlen(a) > LONGEST)
        return 99;
    for (size_t k = 0; k <= n; k++)
        line[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t corner = line[0];
        line[0] = i + 1;
        for (size_t k = 0; k < n; k++) {
            size_t change = corner + (a[i] != b[k]), least = line[k] < line[k + 1] ? line[k] + 1 : line[k + 1] + 1;
            corner = line[k + 1];
            line[k + 1] = change < least ? change : least;
        }
    }
    return line[n];
}

const char *nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

static bool no_such_option(const verb *v, const options *o, const char *arg)
{
    char name[32];
    const char *names[ROWS], *near;
    size_t n = 0;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    for (size_t i = 0; i < ROWS; i++)
        if (takes(v, &rows[i]))
            names[n++] = rows[i].name;
    near = nearest(name, names, n);
    wrong_usage(o, "cuvier %s: there is no option %s; %s%s%s%s --help%s\n", v->name, arg, near ? "did you mean " : "",
            near ? near : "see cuvier ", near ? "? See cuvier " : "", v->name, near ? "" : " for all");
    return false;
}

bool parse_options(const verb *v, int argc, char **argv, options *o)
{
    bool operands_only = false;
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)     /* what is wrong before it is told as a document, too */
        o->json |= !strcmp(argv[i], "--json");
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *equals = strchr(arg, '=');
        if (operands_only || arg[0] != '-' || !arg[1]) {
            add(&o->evidence, arg);
            continue;
        }
        if (!strcmp(arg, "--")) {
            operands_only = true;
            continue;
        }
        bool joined = arg[1] == '-' && equals;
        const row *r = find_row(arg, joined ? (size_t)(equals - arg) : strlen(arg));
        if (!r || !takes(v, r))
            return no_such_option(v, o, arg);
        const char *operand = joined ? equals + 1 : r->kind == FLAG ? NULL : i + 1 < argc ? argv[++i] : NULL;
        if ((r->kind != FLAG && !operand) || (r->kind == FLAG && joined) || !store(r, o, operand)) {
            wrong_usage(o, "cuvier %s: %s takes %s%s%s\n", v->name, r->name, r->operand ? r->operand : "nothing",
                    operand ? ", not " : "", operand ? operand : "");
            return false;
        }
    }
    for (size_t i = 0; i < o->out.count; i++)
        if (!strcmp(o->out.items[i], "-")) {
            wrong_usage(o, "cuvier %s: --out takes the name of a file, not -: standard output is for the report\n", v->name);
            return false;
        }
    return true;
}

void print_help(const verb *v, FILE *to)
{
    fprintf(to, "cuvier %s %s\n\n%s\n\n", v->name, v->operands, v->about);
    for (int common = 0; common < 2; common++)
        for (size_t i = 0; i < ROWS; i++) {
            char left[64];
            if (rows[i].common != (bool)common || !takes(v, &rows[i]))
                continue;
            snprintf(left, sizeof left, "%s%s%s%s%s", rows[i].letter ? rows[i].letter : "", rows[i].letter ? ", " : "",
                     rows[i].name, rows[i].operand ? " " : "", rows[i].operand ? rows[i].operand : "");
            fprintf(to, "  %-30s %s\n", left, rows[i].about);
        }
}
