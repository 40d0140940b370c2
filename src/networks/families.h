/* The families of networks.def, each in a file of its own or with its kin. */
#ifndef CUV_NETWORKS_FAMILIES_H
#define CUV_NETWORKS_FAMILIES_H

#include "networks/network.h"

void cuv_net_vgg(cuv_net *n);
void cuv_net_resnet(cuv_net *n);
void cuv_net_resnet_2015(cuv_net *n);
void cuv_net_resnet_v2(cuv_net *n);
void cuv_net_inception_v3(cuv_net *n);
void cuv_net_inception_resnet(cuv_net *n);
void cuv_net_xception(cuv_net *n);
void cuv_net_mobilenet(cuv_net *n);
void cuv_net_mobilenet_v2(cuv_net *n);
void cuv_net_mobilenet_v3(cuv_net *n);
void cuv_net_densenet(cuv_net *n);
void cuv_net_nasnet(cuv_net *n);
void cuv_net_efficientnet(cuv_net *n);
void cuv_net_efficientnet_v2(cuv_net *n);
void cuv_net_convnext(cuv_net *n);

#endif
