# Gated dilated convolutions whose skips are gathered in a list.
from keras import layers, models

skips = []


def gated(x, filters, dilation):
    pair = [layers.Conv1D(filters, 2, padding='causal', dilation_rate=dilation, activation=a)(x) for a in ('tanh', 'sigmoid')]
    kept = layers.Conv1D(filters, 1)(layers.multiply(pair))
    skips.append(kept)
    return layers.add([x, kept])


wave = layers.Input((40, 1))
x = layers.Conv1D(12, 1)(wave)
for rate in [2 ** i for i in range(4)] * 2:
    x = gated(x, 12, rate)
y = layers.Activation('relu')(layers.add(skips))
model = models.Model(wave, layers.Conv1D(8, 1, activation='softmax')(y))
