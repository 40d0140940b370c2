# As it was written for Keras 1 and Python 2; keras1.modern says the same for Keras 3.
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.normalization import BatchNormalization
from keras.optimizers import SGD
from keras.utils import np_utils

nb_classes = 3
nb_filters, kernel_size = 4, (3, 3)

model = Sequential()
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1], border_mode='same', input_shape=(8, 8, 2), dim_ordering='tf'))
model.add(Activation('relu'))
model.add(Convolution2D(5, nb_row=3, nb_col=3, subsample=(2, 2)))
model.add(BatchNormalization(mode=0, axis=-1))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2), border_mode='valid'))
model.add(Dropout(p=0.25))
model.add(Flatten())
model.add(Dense(output_dim=6, init='uniform', activation='relu'))
model.add(Dense(nb_classes, init='uniform', bias=False))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True))
print 'compiled', nb_classes
