from tensorflow.keras.layers import Input, Lambda, Dense, GlobalAveragePooling2D
from tensorflow.keras.models import Model
from tensorflow.keras.applications.mobilenet_v2 import MobileNetV2, preprocess_input

inputs = Input((64, 64, 3))
x = Lambda(preprocess_input, name='preprocessing')(inputs)
x = MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.35)(x)
x = GlobalAveragePooling2D()(x)
model = Model(inputs, Dense(4, activation='softmax')(x))
