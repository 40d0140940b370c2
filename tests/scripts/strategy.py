from __future__ import annotations

try:
    import tensorflow.keras as keras
except ImportError:
    import keras
import tensorflow as tf

gpus = tf.config.list_physical_devices('GPU')
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
print('GPUs:', len(gpus))

SIZE: int = 4
with tf.device('/CPU:0'):
    model = keras.Sequential(name='scoped')
    model.add(keras.layers.InputLayer(shape=(SIZE, 2)))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(units := 3, activation='relu', kernel_regularizer=keras.regularizers.l2(0.01)))
    model.add(keras.layers.Dense(units - 1))


def scheduler(epoch, lr):
    if epoch < 10:
        return lr
    return lr * 0.9


callbacks = [keras.callbacks.LearningRateScheduler(scheduler), keras.callbacks.EarlyStopping(patience=3)]
