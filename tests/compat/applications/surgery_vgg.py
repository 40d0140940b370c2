from tensorflow.keras.applications.vgg16 import VGG16, preprocess_input
from tensorflow.keras.models import Model
from tensorflow.keras.layers import Dense, Flatten, Dropout

vgg = VGG16(input_shape=[32, 32, 3], weights='imagenet', include_top=False)
for layer in vgg.layers:
    layer.trainable = False
x = Flatten()(vgg.output)
x = Dense(16, activation='relu', name='fc1')(x)
x = Dropout(0.5)(x)
prediction = Dense(3, activation='softmax')(x)
model = Model(inputs=vgg.input, outputs=prediction)
model.load_weights('surgery_vgg.weights.h5')
