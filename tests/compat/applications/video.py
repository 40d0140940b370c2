from tensorflow.keras import layers, models
from tensorflow.keras.applications import MobileNet

frames = layers.Input((4, 64, 64, 3))
cnn = MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25, pooling='avg')
x = layers.TimeDistributed(cnn)(frames)
x = layers.LSTM(6)(x)
model = models.Model(frames, layers.Dense(2, activation='softmax')(x))
