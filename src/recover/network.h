/* Known networks (networks/network.h) in what is left of a model: network_match.c finds them by the shapes of all their weights in Keras's order,
 * network_order.c where a carrier keeps no order; network_flow.c has the sizes that an input leads to. */
#ifndef CUV_RECOVER_NETWORK_H
#define CUV_RECOVER_NETWORK_H

#include "networks/network.h"
#include "recover/structure.h"

/* What each node gives for an input; false: the input is too small, or sizes do not meet. `out` has room for all nodes. */
bool cuv_net_flows(const cuv_net *n, const cuv_flow *in, cuv_flow *out);
bool cuv_net_same_name(const char *a, const char *b);

/* A network that stands in the list of what is left: atoms `first` to `end` are its own. */
typedef struct cuv_net_place {
    cuv_net *net;
    size_t first, end;
    const cuv_named *tensors;       /* all of its weights, in Keras's order */
    size_t count;
    const char **names;             /* by node, as the carrier has them; NULL: it has none */
    size_t listed, met;             /* layers that the carrier names inside; those that have the class or the name of the network's */
    double cost;
} cuv_net_place;
enum { CUV_NET_PLACES = 64 };
typedef struct cuv_net_places {
    cuv_net_place at[CUV_NET_PLACES];
    size_t count;
    const cuv_network *nearest;     /* where none fits: the one that begins like the tensors for longest, `alike` of its `weights` */
    size_t alike, weights;
} cuv_net_places;
CUV_MUST_USE cuv_status cuv_find_networks(cuv_context *cx, cuv_arena *arena, const cuv_remains *remains, const cuv_atom *atoms, size_t count,
                                          cuv_net_places *out);

#endif
