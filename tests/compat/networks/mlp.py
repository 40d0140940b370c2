import keras
from keras import layers


class MLP(keras.Model):
    def __init__(self, units=16, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden1 = layers.Dense(units, activation='relu')
        self.hidden2 = layers.Dense(units // 2, activation='tanh')
        self.dropout = layers.Dropout(0.5)
        self.out = layers.Dense(classes, activation='softmax')

    def call(self, inputs, training=None):
        x = self.hidden1(inputs)
        if training:
            x = self.dropout(x)
        x = self.hidden2(x)
        return self.out(x)


model = MLP(units=12)
model.build((None, 7))
model.summary()
