/* --precision: which one, and what it costs. */
#include "cli.h"

#include <string.h>

static const char *const names[] = {"f32", "bf16", "int8"};

bool parse_precision(const options *o, cuv_precision *out)
{
    *out = CUV_PRECISION_F32;
    for (size_t i = 0; o->precision && i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(o->precision, names[i])) {
            *out = (cuv_precision)i;
            return true;
        }
    return !o->precision;
}

void print_precision_json(const options *o, const cuv_precision_cost *c)
{
    if (!c)
        return;
    printf(", \"precision\": {\"name\": \"%s\", \"steps\": %zu, \"of\": %zu, \"rows\": %zu, \"errors\": [", o->precision, c->reduced,
           c->steps, c->rows);
    for (size_t i = 0; i < c->count; i++) {
        printf("%s{\"name\": ", i ? ", " : "");
        print_json_text(c->outputs[i].output);
        print_json_number("max_abs", c->outputs[i].max_abs, 6);
        print_json_number("spread", c->outputs[i].spread, 6);
        print_json_number("max_rel", c->outputs[i].max_rel, 6);
        printf("}");
    }
    printf("]}");
}

void print_precision(const options *o, const cuv_precision_cost *c)
{
    if (!c)
        return;
    printf("%s: %zu of %zu steps; difference from float32 on %zu rows:\n", o->precision, c->reduced, c->steps, c->rows);
    for (size_t i = 0; i < c->count; i++)
        say(stdout, "  %s: at most %.3g, %.3g of the spread %.3g\n", c->outputs[i].output, c->outputs[i].max_abs, c->outputs[i].max_rel,
            c->outputs[i].spread);
}
