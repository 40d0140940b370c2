from tensorflow.keras.models import Model, load_model

loaded = load_model('image.keras')
model = Model(loaded.input, loaded.layers[-2].output)
print(model.predict)
