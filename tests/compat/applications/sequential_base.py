from tensorflow.keras import Sequential, layers
from tensorflow.keras.applications import MobileNet

base = MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25)
model = Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(8, activation='relu'), layers.BatchNormalization(), layers.Dense(5, activation='softmax')])
