import tensorflow as tf

size = 16
x = inp = tf.keras.layers.Input((size,))
while size > 2:
    size //= 2
    x = tf.keras.layers.Dense(size, activation='relu' if size > 4 else 'tanh')(x)
model = tf.keras.Model(inputs=inp, outputs=x)
