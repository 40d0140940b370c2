import json
import keras

with open("model_config.json") as f:
    config = json.load(f)

model = keras.models.model_from_json(json.dumps(config))
model.load_weights("model_weights.h5")
model.compile(optimizer="adam", loss="categorical_crossentropy")
