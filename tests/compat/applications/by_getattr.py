from keras import applications, layers, Model

name = 'MobileNetV3Small'
before = layers.ReLU(max_value=6)
network = getattr(applications, name)(input_shape=(64, 64, 3), alpha=0.75, weights=None, include_top=False, pooling='avg', include_preprocessing=False)
x = layers.Multiply()([network.output, layers.ReLU()(network.output)])
model = Model(network.inputs, layers.Dense(2)(before(x)))
