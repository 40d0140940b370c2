"""Writes keras-X/classes/: models with the layers of classes/three.py (Keras 3) or two.py (tf.keras 2), by the Keras that runs this:
build/venv/bin/python tests/compat/make_classes.py, and the same with build/venv215."""
import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
from tensorflow import keras

HERE = os.path.dirname(os.path.abspath(__file__))


def weights(model, rng):
    for w in model.weights:
        value = rng.normal(size=w.shape) * 0.3
        yield np.abs(value) + 0.5 if "variance" in (getattr(w, "path", None) or w.name) else value


def main():
    three = not hasattr(keras, "__internal__") or hasattr(keras, "ops")
    spec = importlib.util.spec_from_file_location("own", os.path.join(HERE, "classes", "three.py" if three else "two.py"))
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    folder = os.path.join(HERE, "keras-3.15" if three else "keras-2.15", "classes")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(5)
    for name, model, x in own.models(keras, rng):
        base = os.path.join(folder, name)
        model.set_weights(list(weights(model, rng)))
        np.savez(base + ".io.npz", x=x, y=np.asarray(model(x)))
        model.save(base + ".keras")
        try:
            model.save(base + ".h5")
        except ValueError as why:       # Keras 2.15 names two weights of 'chain' alike
            print(name, why)
            os.remove(base + ".h5")
        model.save_weights(base + ".weights.h5")
        with open(base + ".json", "w") as f:
            f.write(model.to_json())


if __name__ == "__main__":
    main()
