/* Walking the rows of tensors that broadcast, are reversed, transposed or reduced. See kernels.h. */
#include "run/kernels.h"

void cuv_walk_init(cuv_walk *w, const int64_t *shape, int rank, int operands)
{
    w->rank = rank;
    w->operands = operands;
    for (int i = 0; i < rank; i++)
        w->shape[i] = shape[i];
    for (int k = 0; k < operands; k++) {
        w->offset[k] = 0;
        for (int i = 0; i < rank; i++)
            w->stride[k][i] = 0;
    }
}

void cuv_walk_broadcast(cuv_walk *w, int operand, const int64_t *shape, int rank)
{
    int64_t stride = 1;
    for (int i = rank; i-- > 0;) {
        w->stride[operand][w->rank - rank + i] = shape[i] == 1 ? 0 : stride;
        stride *= shape[i];
    }
}

void cuv_walk_reduced(cuv_walk *w, int operand, unsigned dropped)
{
    int64_t stride = 1;
    for (int i = w->rank; i-- > 0;) {
        bool drop = dropped >> i & 1;
        w->stride[operand][i] = drop ? 0 : stride;
        if (!drop)
            stride *= w->shape[i];
    }
}

/* True when axis i follows axis i-1 evenly in every operand, so that both are one. */
static bool joins(const cuv_walk *w, int last, int i)
{
    for (int k = 0; k < w->operands; k++)
        if (w->stride[k][last] != w->stride[k][i] * w->shape[i])
            return false;
    return true;
}

static void set_axis(cuv_walk *w, int to, int from, int64_t size)
{
    w->shape[to] = size;
    for (int k = 0; k < w->operands; k++)
        w->stride[k][to] = w->stride[k][from];
}

bool cuv_walk_start(cuv_walk *w)
{
    int last = -1;
    for (int i = 0; i < w->rank; i++) {
        if (w->shape[i] == 0)
            return false;
        if (w->shape[i] == 1)
            continue;
        if (last >= 0 && joins(w, last, i))
            set_axis(w, last, i, w->shape[last] * w->shape[i]);
        else {
            last++;
            set_axis(w, last, i, w->shape[i]);
        }
    }
    if (last < 0) {
        last = 0;
        w->shape[0] = 1;
        for (int k = 0; k < w->operands; k++)
            w->stride[k][0] = 0;
    }
    w->rank = last + 1;
    w->n = w->shape[last];
    for (int i = 0; i < w->rank; i++)
        w->at[i] = 0;
    for (int k = 0; k < w->operands; k++)
        w->step[k] = w->stride[k][last];
    return true;
}

bool cuv_walk_next(cuv_walk *w)
{
    for (int i = w->rank - 1; i-- > 0;) {
        bool wraps = ++w->at[i] == w->shape[i];
        for (int k = 0; k < w->operands; k++)
            w->offset[k] += wraps ? -w->stride[k][i] * (w->shape[i] - 1) : w->stride[k][i];
        if (!wraps)
            return true;
        w->at[i] = 0;
    }
    return false;
}

#define COPY_ROW(type) \
    do { \
        type *to = (type *)d; \
        const type *from = (const type *)src + w->offset[0]; \
        for (int64_t i = 0; i < w->n; i++, from += w->step[0]) \
            to[i] = *from; \
    } while (0)

void cuv_walk_copy(cuv_walk *w, void *dst, const void *src, size_t element)
{
    unsigned char *d = dst;
    if (!cuv_walk_start(w))
        return;
    do {
        if (w->step[0] == 1)
            memcpy(d, (const unsigned char *)src + w->offset[0] * (int64_t)element, (size_t)w->n * element);
        else if (element == 1)
            COPY_ROW(uint8_t);
        else if (element == 4)
            COPY_ROW(uint32_t);
        else if (element == 8)
            COPY_ROW(uint64_t);
        else
            COPY_ROW(cuv_string);
        d += (size_t)w->n * element;
    } while (cuv_walk_next(w));
}

unsigned cuv_axes_mask(const cuv_attrs *attrs, unsigned none)
{
    unsigned mask = 0;
    for (int i = 0; i < attrs->axes_count; i++)
        mask |= 1u << attrs->axes[i];
    return attrs->axes_count ? mask : none;
}
