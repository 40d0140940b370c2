import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Dense, Input, LeakyReLU, PReLU
from tensorflow.keras.optimizers import Adam

K.clear_session()
tf.random.set_seed(0)
lr = 1e-3
inp = Input(shape=(5,), dtype='float32')
net = Dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=0.02))(inp)
net = LeakyReLU(0.2)(net)
net = Dense(6)(net)
net = PReLU()(net)
net = Dense(1, activation=tf.nn.sigmoid)(net)
model = keras.models.Model(inp, net)
opt = Adam(learning_rate=lr, beta_1=0.5)
model.compile(loss='binary_crossentropy', optimizer=opt)
history = None
