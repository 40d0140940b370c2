import tensorflow as tf
from tensorflow.keras import layers

def upsample(filters, size):
    initializer = tf.random_normal_initializer(0., 0.02)
    result = tf.keras.Sequential()
    result.add(layers.Conv2DTranspose(filters, size, strides=2, padding='same', kernel_initializer=initializer, use_bias=False))
    result.add(layers.BatchNormalization())
    result.add(layers.ReLU())
    return result

base_model = tf.keras.applications.MobileNetV2(input_shape=[64, 64, 3], include_top=False, alpha=0.35)
layer_names = ['block_1_expand_relu', 'block_3_expand_relu', 'block_6_expand_relu', 'block_13_expand_relu', 'block_16_project']
base_model_outputs = [base_model.get_layer(name).output for name in layer_names]
down_stack = tf.keras.Model(inputs=base_model.input, outputs=base_model_outputs)
down_stack.trainable = False
up_stack = [upsample(16, 3), upsample(8, 3), upsample(8, 3), upsample(4, 3)]

def unet_model(output_channels: int):
    inputs = tf.keras.layers.Input(shape=[64, 64, 3])
    skips = down_stack(inputs)
    x = skips[-1]
    skips = reversed(skips[:-1])
    for up, skip in zip(up_stack, skips):
        x = up(x)
        concat = tf.keras.layers.Concatenate()
        x = concat([x, skip])
    last = tf.keras.layers.Conv2DTranspose(filters=output_channels, kernel_size=3, strides=2, padding='same')
    x = last(x)
    return tf.keras.Model(inputs=inputs, outputs=x)

model = unet_model(output_channels=3)
model.load_weights('unet.weights.h5')
