# A picture cut into patches; attention over them. One function per block, blocks in a loop.
import keras
from keras import layers

SIDE, PATCH, WIDTH, HEADS, DEPTH = 24, 8, 20, 4, 2
patches = (SIDE // PATCH) ** 2


def feed_forward(tokens, sizes, rate=0.1):
    for size in sizes:
        tokens = layers.Dense(size, activation=keras.activations.gelu)(tokens)
        tokens = layers.Dropout(rate)(tokens)
    return tokens


def block(tokens):
    normed = layers.LayerNormalization(epsilon=1e-6)(tokens)
    seen = layers.MultiHeadAttention(num_heads=HEADS, key_dim=WIDTH // HEADS, dropout=0.1)(normed, normed)
    tokens = layers.Add()([seen, tokens])
    normed = layers.LayerNormalization(epsilon=1e-6)(tokens)
    return layers.Add()([feed_forward(normed, sizes=[WIDTH * 2, WIDTH]), tokens])


picture = keras.Input(shape=(SIDE, SIDE, 3))
tokens = layers.Rescaling(1.0 / 255)(picture)
tokens = layers.Conv2D(WIDTH, kernel_size=PATCH, strides=PATCH)(tokens)
tokens = layers.Reshape((patches, WIDTH))(tokens)
for _ in range(DEPTH):
    tokens = block(tokens)
summary_vector = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(tokens))
scores = layers.Dense(7)(feed_forward(summary_vector, [32, 16], rate=0.5))
model = keras.Model(picture, scores)
