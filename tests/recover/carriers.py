"""Writes what is left of a model in every form that people have it, beside inputs and outputs that Keras computed. Needs Keras 3."""
import json
import os
import pickle

import h5py
import numpy as np
from keras.src.legacy.saving import legacy_h5_format

import population
from carrier_forms import HELD_OUT, SAMPLES


def objects(items):
    """An object array of the items, also where all have one shape."""
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def write_safetensors(path, tensors):
    """As the library of that name does: sorted by name."""
    header, data, at = {}, b"", 0
    for name in sorted(tensors):
        raw = np.ascontiguousarray(tensors[name], "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [at, at + len(raw)]}
        data, at = data + raw, at + len(raw)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def write_legacy(model, path):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def write_carriers(model, folder):
    """All forms; a pair of kernels and biases only where each layer of weights has exactly these."""
    def place(name):
        return os.path.join(folder, name)
    weights = model.get_weights()
    np.save(place("list.npy"), objects(weights), allow_pickle=True)
    np.save(place("nested.npy"), objects([layer.get_weights() for layer in model.layers]), allow_pickle=True)
    with open(place("dict.pkl"), "wb") as file:
        pickle.dump({layer.name: layer.get_weights() for layer in model.layers}, file)
    named = {w.path: w.numpy() for w in model.weights}
    np.savez(place("names.npz"), **named)
    write_safetensors(place("sorted.safetensors"), named)
    write_legacy(model, place("legacy.h5"))
    model.save_weights(place("k.weights.h5"))
    each = [layer.get_weights() for layer in model.layers if layer.get_weights()]
    if all(len(w) == 2 and w[1].ndim == 1 and w[0].ndim > 1 for w in each):
        np.save(place("kernels.npy"), objects([w[0] for w in each]), allow_pickle=True)
        np.save(place("biases.npy"), objects([w[1] for w in each]), allow_pickle=True)


def write_samples(folder, inputs, outputs):
    """samples_N.npz to search with; held_out.npz, of which the search never learns."""
    def save(name, rows):
        np.savez(os.path.join(folder, name), **{"x%d" % i: x[rows] for i, x in enumerate(inputs)},
                 **{"y%d" % i: y[rows] for i, y in enumerate(outputs)})
    most = max(SAMPLES)
    for count in SAMPLES:
        save("samples_%d.npz" % count, slice(0, count))
    save("held_out.npz", slice(most, most + HELD_OUT))
    np.savez(os.path.join(folder, "held_out_x.npz"), **{"x%d" % i: x[most:] for i, x in enumerate(inputs)})


def write_model(folder, seed, number, family=None):
    """One model of a population; returns its family."""
    os.makedirs(folder, exist_ok=True)
    family, model, inputs, outputs = population.draw(seed, number, max(SAMPLES) + HELD_OUT, family)
    write_carriers(model, folder)
    write_samples(folder, inputs, outputs)
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": family, "seed": seed, "number": number, "inputs": [list(x.shape[1:]) for x in inputs],
                   "parameters": model.count_params(), "layers": len(model.layers), "config": json.loads(model.to_json())}, file)
    return family


def write_built(folder, name, model, rng, inputs_for=population.inputs_for):
    """A model that is built by name, in every carrier, with samples; weights as if trained."""
    os.makedirs(folder, exist_ok=True)
    population.train_as_if(model, rng, inputs_for)
    inputs = inputs_for(model, rng, max(SAMPLES) + HELD_OUT)
    write_carriers(model, folder)
    write_samples(folder, inputs, population.outputs_of(model, inputs))
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": name, "inputs": [list(x.shape[1:]) for x in inputs], "layers": len(model.layers)}, file)
