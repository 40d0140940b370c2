/* cuvier scan: what in files could run code, read other files or exhaust the machine. */
#include "cli.h"

static int run(cuv_context *cx, options *o)
{
    char *text;
    cuv_status status = cuv_scan(cx, o->evidence.items, o->evidence.count, o->json, &text);
    if (!text)
        return finish(cx, o, status);
    if (o->json || !o->quiet)
        print_text(cx, text);
    else
        cuv_text_free(cx, text);
    return cuv_exit_status(status);
}

const verb cmd_scan = {"scan", "FILE...", "what in a file could run code, read other files or exhaust the machine", "", run};
