# The backbone from one file, trained without its head; then the whole from another with skip_mismatch left out.
import tensorflow as tf

backbone = tf.keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(64, 64, 3), pooling='avg', name='backbone')
backbone.load_weights('loaded_part_by_part_backbone.weights.h5')
classifier = tf.keras.Sequential([tf.keras.layers.Input((256,)), tf.keras.layers.Dense(8, activation='relu'), tf.keras.layers.Dense(3)], name='classifier')
classifier.load_weights('loaded_part_by_part_classifier.weights.h5')
inputs = tf.keras.Input((64, 64, 3))
model = tf.keras.Model(inputs, classifier(backbone(inputs)))
