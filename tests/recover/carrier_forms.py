"""The forms in which the benchmark gives weights, and how many samples go with them."""
SAMPLES = (1, 2, 8)
HELD_OUT = 16
CARRIERS = {"list": "list.npy", "nested": "nested.npy", "pair": "kernels.npy biases.npy", "dict": "dict.pkl", "npz": "names.npz",
            "safetensors": "sorted.safetensors", "legacy": "legacy.h5", "keras3": "k.weights.h5"}
