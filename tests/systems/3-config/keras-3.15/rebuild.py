from tensorflow.keras.models import model_from_json

# Load the architecture
with open('model_config.json', 'r') as json_file:
    model_json = json_file.read()

model = model_from_json(model_json)

# Load the weights
model.load_weights('model_weights.h5')
print("Loaded model from disk")
model.summary()
