/* The sizes that an input of a known network leads to. */
#include "recover/network.h"

static int32_t padded(const cuv_net_node *node, int axis, int32_t size)
{
    if (node->pad[0] >= 0)
        return size + node->pad[2 * axis] + node->pad[2 * axis + 1];
    return size + node->kernel[0] - 1 - (size % 2 == 0);
}

static int32_t size_after(const cuv_net_node *node, int axis, int32_t size)
{
    switch (node->op) {
    case CUV_N_CONV: case CUV_N_DEPTHWISE: case CUV_N_SEPARABLE: case CUV_N_MAX_POOL: case CUV_N_AVERAGE_POOL:
        return cuv_window_size(size, node->kernel[axis], node->stride, node->flags & CUV_N_SAME ? CUV_PAD_SAME : CUV_PAD_VALID);
    case CUV_N_PAD: return size < 0 ? -1 : padded(node, axis, size);
    case CUV_N_CROP: return size < 0 ? -1 : size - node->pad[2 * axis] - node->pad[2 * axis + 1];
    case CUV_N_GLOBAL_AVERAGE: case CUV_N_GLOBAL_MAX: return 1;
    case CUV_N_DENSE: case CUV_N_BATCH_NORM: case CUV_N_LAYER_NORM: case CUV_N_NORMALIZATION: case CUV_N_GAMMA: case CUV_N_STANDARDIZE:
    case CUV_N_RESCALE: case CUV_N_ACT: case CUV_N_RELU: case CUV_N_ADD: case CUV_N_SCALED_ADD: case CUV_N_MULTIPLY: case CUV_N_CONCATENATE: case CUV_N_DROPOUT:
    case CUV_N_FLATTEN: case CUV_N_RESHAPE: break;
    }
    return size;
}

static bool flow_after(const cuv_net_node *node, const cuv_flow *in, cuv_flow *out)
{
    *out = *in;
    out->tokens = false;
    for (int k = 0; k + 1 < in->rank; k++) {
        if (in->at[k] > 1 << 20)
            return false;
        out->at[k] = size_after(node, k, in->at[k]);
        if (out->at[k] == 0 || out->at[k] < -1)
            return false;
    }
    bool one = in->rank == 3 && in->at[0] == 1 && in->at[1] == 1;
    if (node->op == CUV_N_FLATTEN) {
        int64_t values = 1;
        for (int k = 0; k < in->rank; k++)
            values = in->at[k] < 0 || values > INT32_MAX ? -1 : values * in->at[k];
        *out = (cuv_flow){.rank = 1, .at = {(int32_t)values}};
        return values > 0 && values <= INT32_MAX;
    }
    if (node->op == CUV_N_GLOBAL_AVERAGE && !(node->flags & CUV_N_KEEPDIMS))
        *out = (cuv_flow){.rank = 1};
    else if (node->op == CUV_N_RESHAPE)
        *out = one ? (cuv_flow){.rank = 1} : (cuv_flow){.rank = 3, .at = {1, 1}};
    out->at[out->rank - 1] = (int32_t)node->channels;
    return true;
}

bool cuv_net_flows(const cuv_net *n, const cuv_flow *in, cuv_flow *out)
{
    if (in->rank != 3 || in->at[2] != n->wish.in_channels)
        return false;
    for (size_t i = 0; i < n->count; i++) {
        const cuv_net_node *node = &n->nodes[i];
        const cuv_flow *first = node->in[0] < 0 ? in : &out[node->in[0]];
        if (!flow_after(node, first, &out[i]))
            return false;
        for (int k = 1; k < node->in_count; k++) {
            const cuv_flow *other = node->in[k] < 0 ? in : &out[node->in[k]];
            bool spread = node->op == CUV_N_MULTIPLY && other->rank == 3 && other->at[0] == 1 && other->at[1] == 1;
            for (int a = 0; a + 1 < first->rank && !spread; a++)
                if (other->rank != first->rank || other->at[a] != first->at[a])
                    return false;
        }
    }
    return true;
}
