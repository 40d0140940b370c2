"""The models in the shared folders: which files make up each, and which samples belong to it. Needs no Keras."""
import json
import os
import re
import zipfile

import numpy as np

from support import numbered

# Keras 3 forgets the input shape of these Keras 2 files, so their samples have an axis more than the file allows (the Keras 2
# that wrote them refuses it). Dense and what follows it work row by row: taken as rows, the samples are right.
ROWS = {"examples/activations/%s_model.h5.samples.npz" % n for n in ("ELU_0", "LeakyReLU_0", "ReLU_0", "ReLU_1", "ReLU_2", "ReLU_3",
                                                                    "Softmax_0")} | \
       {"examples/simple_sparse_xent/simple_sparse_xent_mlp_keras_2_model.h5.samples.npz"}
# No models: arrays and lists for the readers of NumPy's forms, values that belong to an index, tables, samples.
ASIDE = re.compile(r"/numpy/|samples\.npz$|_io\.npz$|_inputs_and_outputs\.h5$|\.bin$|group1-shard|shard\d+of\d+$|\.tsv$|README|\.data-\d+-of")


def samples_of(path):
    """Inputs and outputs, from our .npz or from the HDF5 files of Deeplearning4j."""
    if path.endswith(".npz"):
        io = np.load(path)
        xs, ys = numbered(io, "x"), numbered(io, "y")
        if path.endswith(tuple(ROWS)):
            xs, ys = [x.reshape(-1, x.shape[-1]) for x in xs], [y.reshape(-1, y.shape[-1]) for y in ys]
        return xs, ys
    import h5py
    with h5py.File(path, "r") as f:
        inputs, outputs = f["inputs"], f["predictions" if "predictions" in f else "outputs"]
        return [inputs[k][()] for k in inputs] if isinstance(inputs, h5py.Group) else [inputs[()]], \
               [outputs[k][()] for k in outputs] if isinstance(outputs, h5py.Group) else [outputs[()]]


def has_code(path):
    """True when the bytes of the file, or of an archive's configuration, speak of a Lambda layer or of pickles."""
    with open(path, "rb") as f:
        data = f.read()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as z:
            data = b"".join(z.read(n) for n in set(z.namelist()) if n.endswith(".json"))
            if any(n.endswith(".npz") for n in z.namelist()):
                return True
    return b'"Lambda"' in data or b'"__lambda__"' in data or path.endswith((".pkl", ".npy"))


# Where the architecture of a file of weights is, by what its name ends with.
CONFIGS = (("_w.h5", (".json", ".h5")), (".weights.h5", (".json", ".keras", ".h5")), ("_weights.h5", ("_config.json", "_arch.json")),
           ("/weights.h5", ("/topology.json",)), ("ck.index", ()))


def configuration_of(path):
    for ending, configs in CONFIGS:
        if path.endswith(ending):
            for config in configs:
                if os.path.exists(path[:-len(ending)] + config):
                    return path[:-len(ending)] + config
    return None


def samples_beside(path):
    """Samples of a model file, or of one in the same family of keras-files ("k1_seq.json + k1_seq_w.h5")."""
    folder, name = os.path.split(path)
    for candidate in (path + ".samples.npz", re.sub(r"_model\.h5$", "_inputs_and_outputs.h5", path)):
        if candidate != path and os.path.exists(candidate):
            return candidate
    stem = re.sub(r"(_w)?\.(weights\.h5|h5|keras|json|yaml)$", "", name)
    io = os.path.join(folder, stem + "_io.npz")
    return io if folder.endswith("keras-files") and os.path.exists(io) else None


def cases(shared):
    """One case a file: {"name", "evidence" (relative), "samples" or None, "code"}."""
    out = []
    for top in ("keras-files", "real-models"):
        for root, folders, files in os.walk(os.path.join(shared, top)):
            folders.sort()
            for file in sorted(files):
                path = os.path.join(root, file)
                if ASIDE.search(path) or os.path.getsize(path) == 0:
                    continue
                config = configuration_of(path)
                evidence = [config, path] if config else [path]
                samples = samples_beside(path)
                if samples and path.endswith((".json", ".yaml")):
                    samples = None      # a configuration alone computes nothing
                relative = [os.path.relpath(p, shared) for p in evidence]
                out.append({"name": os.path.relpath(path, shared), "evidence": relative, "code": any(has_code(p) for p in evidence),
                            "samples": os.path.relpath(samples, shared) if samples else None})
    return out


if __name__ == "__main__":
    import sys
    print(json.dumps(cases(sys.argv[1]), indent=1))
