import tensorflow as tf
model = tf.keras.applications.MobileNetV3Small(input_shape=(64, 64, 3), minimalistic=True, weights=None, classes=7, classifier_activation=None, dropout_rate=0.1)
model.load_weights('own_classes.h5')
