import os
from tensorflow import keras

WEIGHTS = os.path.join(os.path.dirname(__file__), 'from_a_path_no_top.h5')
base = keras.applications.MobileNetV2((64, 64, 3), 0.35, False, WEIGHTS)
model = keras.Sequential([keras.layers.Input((64, 64, 3)), base, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, name='out')])
model.load_weights('from_a_path.weights.h5')
