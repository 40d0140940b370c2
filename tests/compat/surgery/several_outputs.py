from tensorflow import keras

base = keras.models.load_model('image.keras')
names = ['c1', 'sum', 'features']
model = keras.Model(base.input, [base.get_layer(n).output for n in names])
