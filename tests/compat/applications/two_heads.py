from keras import layers, Model, Input
from keras.applications import MobileNet

inp = Input((64, 64, 3), name='image')
backbone = MobileNet(include_top=False, weights=None, alpha=0.25, pooling='max')
features = backbone(inp)
age = layers.Dense(1, name='age')(layers.Dense(8, activation='relu')(features))
kind = layers.Dense(3, activation='softmax', name='kind')(layers.Dense(8, activation='relu')(features))
model = Model(inp, [age, kind])
model.compile(loss={'age': 'mse', 'kind': 'categorical_crossentropy'}, optimizer='adam')
