/* Work as time. */
#include "recover/effort.h"

double cuv_effort_now(const cuv_effort *e)
{
    double passed = e && e->began > 0 ? cuv_monotonic_seconds() - e->began : 0;
    return !e ? 0 : passed > e->done ? passed : e->done;
}
