# Layers of one's own before and after a network whose layers Keras numbers; DenseNet121's paddings, and a network made twice.
from keras import layers, models, applications

stem = layers.ZeroPadding2D(1)
inp = layers.Input((62, 62, 3))
a = applications.MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25, pooling='avg', name='a')
b = applications.MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25, pooling='avg', name='b')
x = stem(inp)
x = layers.Average()([a(x), b(x)])
x = layers.Dense(4)(x)
c = applications.MobileNetV3Small(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.75, minimalistic=True, pooling='avg')
y = layers.ReLU()(layers.Dense(4)(c(layers.ZeroPadding2D(1)(inp))))
model = models.Model(inp, layers.Add()([x, y]))
