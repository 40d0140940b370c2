/* VGG16 and VGG19. */
#include "networks/families.h"

void cuv_net_vgg(cuv_net *n)
{
    static const int filters[] = {64, 128, 256, 512, 512};
    int32_t x = -1;
    for (int b = 0; b < 5; b++) {
        cuv_net_block(n, "block%d_", b + 1);
        int convolutions = b < 2 ? 2 : n->network->number == 16 ? 3 : 4;
        for (int i = 0; i < convolutions; i++) {
            x = cuv_net_conv(n, x, (const char *[]){"conv1", "conv2", "conv3", "conv4"}[i], filters[b], 3, 1, CUV_N_SAME | CUV_N_BIAS);
            cuv_net_at(n, x)->act = "relu";
        }
        x = cuv_net_pool(n, x, "pool", CUV_N_MAX_POOL, 2, 2, 0);
    }
    cuv_net_block(n, "%s", "");
    x = cuv_net_end(n, x, CUV_N_NUMBERED);
    if (!n->wish.top)
        return;
    x = cuv_net_plain(n, x, "flatten", CUV_N_FLATTEN);
    for (int i = 1; i <= 2; i++) {
        x = cuv_net_dense(n, x, i == 1 ? "fc1" : "fc2", 4096);
        cuv_net_at(n, x)->act = "relu";
    }
    n->output = cuv_net_dense(n, x, "predictions", n->wish.classes);
}
