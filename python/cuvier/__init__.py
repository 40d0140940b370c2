"""cuvier rebuilds Keras models from their weights and biases, without TensorFlow, and proves that the result is the original.

    import cuvier
    model = cuvier.rebuild("weights.npy", "biases.npy", samples="io.npz")
    print(model.summary())
    y = model.predict(x)
    model.save("model.keras")
"""
from ._errors import CuvierError, CuvierWarning
from ._library import lib
from ._model import Model, Verification, diff, inspect, rebuild, scan

__version__ = lib.version().decode()
__all__ = ["CuvierError", "CuvierWarning", "Model", "Verification", "diff", "inspect", "rebuild", "scan"]
