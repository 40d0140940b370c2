/* What the verbs share: options, findings, output. The command line knows <cuvier.h> alone. */
#ifndef CUVIER_CLI_H
#define CUVIER_CLI_H

#include <cuvier.h>
#include <stdio.h>

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_MACHINE = 4 };

/* A list of texts that an option gathered; borrowed from argv. */
typedef struct list { const char **items; size_t count; } list;

typedef struct options {
    list evidence, out, map, custom, input_shape;
    const char *samples, *against, *format, *in, *stage, *keras, *cache, *precision, *backend, *keras_version;
    double rtol, atol, seconds, bench_seconds;
    uint64_t memory;
    long threads, batch, top;
    bool no_libhdf5, json, quiet, verbose, no_color, strict, help, weights_only, weights_file, reference, steps;
} options;

/* A command: its verb, what help says, which options it takes (letters of the rows in options.c), and what it does. */
typedef struct verb {
    const char *name, *operands, *about;
    const char *takes;          /* names of options beyond the common ones, separated by spaces */
    int (*run)(cuv_context *cx, options *o);
} verb;
extern const verb cmd_diff, cmd_inspect, cmd_summary, cmd_rebuild, cmd_verify, cmd_predict, cmd_scan, cmd_bench, cmd_view;

/* Parses argv after the verb; writes what is wrong to stderr and gives false. */
bool parse_options(const verb *v, int argc, char **argv, options *o);
void free_options(options *o);
/* The word that is probably meant, or NULL. */
const char *nearest(const char *word, const char *const *words, size_t count);
void print_help(const verb *v, FILE *to);

/* Prints the findings (or, with --json and a failure, the error document) and returns the exit status. */
int finish(cuv_context *cx, const options *o, cuv_status status);
/* Opens the evidence of the command line; on failure *ev is NULL. */
cuv_status open_evidence(cuv_context *cx, const options *o, cuv_evidence **ev);
/* Adds what --custom gives. */
cuv_status add_customs(cuv_evidence *ev, const options *o);
/* Text that may hold words from a file, so that nothing in it acts on the terminal (print.c); `color`: the report's own colours count. */
void print_safe(FILE *to, const char *text, bool color);
/* printf of such words. */
void say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What is wrong with the command line, on standard error; with --json as a document, too. */
void wrong_usage(const options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes on standard output; null for NULL. */
void print_json_text(const char *text);
/* A member after others; null for what JSON does not have. */
void print_json_number(const char *name, double x, int digits);
/* Prints and frees. */
void print_text(cuv_context *cx, char *text);
/* The document of a rebuilt model, with what was written to the places of -o (cmd_rebuild.c). */
cuv_status print_written_json(cuv_context *cx, const cuv_model *model, const options *o);
cuv_run_options run_options(const options *o);
/* --precision (precision.c). False when it is none of them. */
bool parse_precision(const options *o, cuv_precision *out);
/* What it costs, as a member of a JSON document or as lines; `cost` NULL: nothing. */
void print_precision_json(const options *o, const cuv_precision_cost *cost);
void print_precision(const options *o, const cuv_precision_cost *cost);
/* True when `to` is a terminal and colour is wanted. */
bool wants_color(const options *o, FILE *to);

#endif
