from keras.saving import load_model

loaded = load_model("net.keras", custom_objects={}, safe_mode=True)
for layer in loaded.layers:
    print(layer.name, layer.output.shape, layer.count_params())
model = loaded
