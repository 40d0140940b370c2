import tensorflow as tf

model = tf.keras.models.load_model('whole.h5', compile=False)
model.summary()
x = tf.random.normal((2, 5))
print(model(x))
