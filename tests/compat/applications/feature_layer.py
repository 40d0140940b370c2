import tensorflow as tf

base = tf.keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.35, input_shape=(None, None, 3))
base.load_weights('feature_layer_base.weights.h5')
x = base.get_layer('block_6_expand_relu').output
x = tf.keras.layers.Conv2D(6, 1, activation='relu')(x)
outputs = tf.keras.layers.GlobalMaxPooling2D()(x)
model = tf.keras.Model(inputs=base.input, outputs=outputs)
model.load_weights('feature_layer.weights.h5')
