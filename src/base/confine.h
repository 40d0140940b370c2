/* Code that is not trusted with what a file says runs in a process of its own that can do nothing but compute and answer. */
#ifndef CUV_BASE_CONFINE_H
#define CUV_BASE_CONFINE_H

#include <stdbool.h>

/* Confines the calling process for good, which must have been made for it: afterwards it can allocate memory, write to the
 * descriptor `answer` and end; it has no other descriptor and opens none, starts nothing and maps nothing executable. It dies
 * with its parent. False where the system cannot hold it so (no seccomp); then descriptors and resource limits alone bind it. */
bool cuv_confine(int answer);

#endif
