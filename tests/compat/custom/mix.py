# No layer of Keras holds one factor for each feature alone; a depthwise convolution over one step does.
from keras import layers, ops


def Mix(inputs):
    a, b = inputs
    ones = ops.expand_dims(a * 0.0 + 1.0, 1)
    gate = ops.squeeze(layers.DepthwiseConv1D(1, use_bias=False)(ones), 1)
    gate = ops.sigmoid(gate)
    return gate * a + (1.0 - gate) * b
