from tensorflow.keras.applications.mobilenet import MobileNet
from tensorflow.keras.layers import *
from tensorflow.keras.models import *

backbone = MobileNet(input_shape=(64, 64, 3), include_top=False, weights=None, alpha=0.25)
backbone.trainable = False
pooled = GlobalAveragePooling2D()(backbone.output)
numbers = Input(shape=(5,), name='numbers')
joined = concatenate([pooled, Dense(4, activation='relu')(numbers)])
model = Model(inputs=[backbone.input, numbers], outputs=Dense(1)(joined))
