import numpy as np
import tensorflow as tf

def build_model():
    inputs = tf.keras.layers.Input(shape=[784])
    x = tf.keras.layers.Dense(64, activation='relu')(inputs)
    left = tf.keras.layers.Dense(32, activation='relu')(x)
    right = tf.keras.layers.Dense(32, activation='relu')(x)
    x = tf.keras.layers.concatenate([left, right], axis=-1)
    x = tf.keras.layers.Dense(10, activation='softmax')(x)
    return tf.keras.models.Model(inputs=[inputs], outputs=[x])

model = build_model()
weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)

# skip the input layer (0) and the concatenate layer (4)
for k, i in enumerate([1, 2, 3, 5]):
    model.layers[i].set_weights([weights[k], biases[k]])
