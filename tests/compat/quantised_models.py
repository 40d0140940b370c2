"""Makes models whose layers are stored in few bits, with the outputs that Keras computes: quantised_models.py FOLDER [apart]

For each case NAME.keras, NAME.weights.h5, NAME.json and NAME.io.npz. Kernels of GPTQ and AWQ are set by hand, for their calibration
needs a language model; Keras computes with them all the same.
"""
import json
import os
import struct
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py                      # noqa: E402
import keras                     # noqa: E402
import numpy as np               # noqa: E402
from keras import layers, quantizers  # noqa: E402

RNG = np.random.default_rng(5)


def dense(units=5, **kw):
    return lambda: keras.Sequential([keras.Input((7,)), layers.Dense(units, **kw)])


def dense_stack():
    return keras.Sequential([keras.Input((4, 6)), layers.Dense(9, activation="relu"), layers.LayerNormalization(),
                             layers.Dense(3, activation="softmax", use_bias=False)])


def einsum(shape, equation, output_shape, bias_axes):
    return lambda: keras.Sequential([keras.Input(shape), layers.EinsumDense(equation, output_shape, bias_axes=bias_axes,
                                                                            activation="tanh")])


def embedding():
    return keras.Sequential([keras.Input((6,), dtype="int32"), layers.Embedding(11, 7)])


def reversible(tie):
    def make():
        x = keras.Input((6,), dtype="int32")
        layer = layers.ReversibleEmbedding(11, 8, tie_weights=tie)
        return keras.Model(x, layer(layers.Activation("tanh")(layer(x)), reverse=True))
    return make


MODELS = {
    "dense": dense(), "dense_even": dense(6, activation="gelu"), "dense_stack": dense_stack,
    "einsum2": einsum((7,), "ab,bc->ac", (5,), "c"), "einsum3": einsum((4, 6), "abc,cd->abd", (None, 5), "d"),
    "einsum_heads": einsum((4, 6), "abc,cde->abde", (None, 2, 3), "de"),
    "einsum_out": einsum((4, 2, 3), "abcd,cde->abe", (None, 5), "e"),
    "einsum_any": einsum((3, 4, 6), "...x,xy->...y", (5,), "y"),
    "embedding": embedding, "reversible_tied": reversible(True), "reversible_untied": reversible(False),
}
INT8, INT4 = quantizers.Int8QuantizationConfig, quantizers.Int4QuantizationConfig
ROUND = quantizers.AbsMaxQuantizer
CONFIGS = {
    "int8": lambda: INT8(), "int8_weights": lambda: INT8(activation_quantizer=None),
    "int8_range": lambda: INT8(activation_quantizer=ROUND(value_range=(-100, 100), epsilon=1e-3)),
    "int4": lambda: INT4(), "int4_channel": lambda: INT4(block_size=-1), "int4_block": lambda: INT4(block_size=4),
    "int4_rounded": lambda: INT4(block_size=-1, activation_quantizer=ROUND()),
    "float8": lambda: "float8",
}


def settle(model):
    """Weights that are no zeros, scales of float8 that are no ones."""
    for v in model.variables:
        if "seed" in v.path:
            continue
        value = RNG.normal(size=v.shape) * 0.7
        if v.name.endswith("_scale"):
            value = np.abs(value) + 0.01
        v.assign(value.astype("float32"))


def samples(model):
    x = model.inputs[0]
    shape = (4,) + tuple(3 if n is None else n for n in x.shape[1:])
    return RNG.integers(0, 11, shape).astype("int32") if "int" in str(x.dtype) else RNG.normal(size=shape).astype("float32")


def save(model, base):
    x = samples(model)
    y = np.asarray(keras.ops.cast(keras.ops.convert_to_tensor(model(x)), "float32"))
    assert np.isfinite(y).all()
    np.savez(base + ".io.npz", x=x, y=y)
    model.save(base + ".keras")
    model.save_weights(base + ".weights.h5")
    with open(base + ".json", "w") as f:
        f.write(model.to_json())


def quantised(folder):
    for name, make in MODELS.items():
        for mode, config in CONFIGS.items():
            keras.backend.clear_session()
            keras.utils.set_random_seed(3)
            model = make()
            settle(model)
            chosen = config()
            try:
                model.quantize(chosen) if isinstance(chosen, str) else model.quantize(config=chosen)
            except (NotImplementedError, ValueError, TypeError) as error:       # an ellipsis, for one
                print("no", name, mode, str(error)[:60])
                continue
            if mode == "float8":
                for v in model.variables:
                    if v.name in ("inputs_scale", "kernel_scale", "outputs_grad_scale"):
                        v.assign(0.011 + 0.01 * RNG.random())
            elif not any(getattr(layer, "quantization_mode", None) for layer in model._flatten_layers()):
                continue
            save(model, os.path.join(folder, name + "-" + mode))


def with_zeros(base, layer, path):
    """Keras 3.15 forgets kernel_zero when it saves a GPTQ or AWQ kernel, but wants it when it loads one (as earlier releases saved
    it): puts it where it belongs. The file as it was saved stays beside it."""
    names = layer.variable_serialization_spec[layer.quantization_mode]
    for ending in (".weights.h5", ".keras"):
        os.rename(base + ending, base + ".forgotten" + ending)
    data = open(base + ".forgotten.weights.h5", "rb").read()
    with open(base + ".weights.h5", "wb") as f:
        f.write(data)
    with h5py.File(base + ".weights.h5", "r+") as f:
        group = f[path]
        for key in list(group):
            del group[key]
        for i, name in enumerate(names):
            group[str(i)] = np.asarray(getattr(layer, name))
    with zipfile.ZipFile(base + ".forgotten.keras") as old, zipfile.ZipFile(base + ".keras", "w") as new:
        for member in old.namelist():
            new.writestr(member, open(base + ".weights.h5", "rb").read() if member.endswith(".h5") else old.read(member))


def packed(folder):
    """GPTQ and AWQ: random bytes for the kernels, zeros and scales."""
    for name in ("dense", "dense_even", "einsum2", "einsum_heads", "einsum_out"):
        for mode in ("gptq/4/-1", "gptq/4/4", "gptq/8/3", "gptq/2/4", "awq/4/4", "awq/4/-1"):
            keras.backend.clear_session()
            model = MODELS[name]()
            config = model.get_config()
            policies = {"gptq": keras.dtype_policies.GPTQDTypePolicy, "awq": keras.dtype_policies.AWQDTypePolicy}
            policy = policies[mode.split("/")[0]]
            for record in config["layers"]:
                if record["class_name"] != "InputLayer":
                    record["config"]["dtype"] = keras.saving.serialize_keras_object(policy(mode, source_name="float32"))
            model = keras.Sequential.from_config(config)
            layer = model.layers[-1]
            kernel, bits = layer.quantized_kernel, int(mode.split("/")[1])
            kernel.assign(RNG.integers(0, 256 if bits in (4, 8) else 2 ** bits, kernel.shape).astype("uint8"))
            layer.kernel_zero.assign(RNG.integers(0, 2 ** bits, layer.kernel_zero.shape).astype("uint8"))
            layer.kernel_scale.assign(0.02 + 0.1 * RNG.random(layer.kernel_scale.shape))
            rows, groups = kernel.shape[1], layer.kernel_scale.shape[1]
            layer.g_idx.assign(RNG.permutation(np.arange(rows) % groups).astype("float32"))
            layer.bias.assign(RNG.normal(size=layer.bias.shape))
            if mode.startswith("awq"):
                layer.awq_scales.assign(0.5 + RNG.random(rows))
            layer.is_gptq_calibrated = layer.is_awq_calibrated = True
            base = os.path.join(folder, name + "-" + mode.replace("/", "_"))
            save(model, base)
            with_zeros(base, layer, "layers/%s/vars" % ("dense" if name.startswith("dense") else "einsum_dense"))
            again, x = keras.models.load_model(base + ".keras"), np.load(base + ".io.npz")
            assert np.allclose(again(x["x"]), x["y"], 1e-4, 1e-5)


def attention(folder):
    """The projections of an attention have policies of their own, by path, in the map of the layer around them. Keras 3.15 can save
    that for float8 only."""
    policies = keras.dtype_policies.DTypePolicyMap()
    for part in ("query", "value"):
        policies["mha/" + part] = keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32")
    x = keras.Input((5, 8))
    model = keras.Model(x, layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)(x, x))
    settle(model)
    save(model, os.path.join(folder, "attention-float8"))


def half(folder):
    for mode in ("int8", "int4_block", "float8"):
        keras.backend.clear_session()
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = dense_stack()
        settle(model)
        chosen = CONFIGS[mode]()
        model.quantize(chosen) if isinstance(chosen, str) else model.quantize(config=chosen)
        save(model, os.path.join(folder, "half-" + mode))
        keras.config.set_dtype_policy("float32")


def conv():
    return keras.Sequential([keras.Input((7, 7, 4)), layers.Conv2D(6, 2, groups=2), layers.Flatten(), layers.Dense(3)])


def safetensors(path, arrays):
    """A header of names, types and places, then the values."""
    types, header, at = {"float32": "F32", "int8": "I8", "uint8": "U8"}, {}, 0
    for name, value in arrays.items():
        header[name] = {"dtype": types[str(value.dtype)], "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in arrays.values()))


def apart(folder):
    """LoRA beside its kernels, as .h5 and lists of arrays hold it (.keras holds the sum); lora_alpha, which Keras 3.15 forgets when it loads
    a Dense, counts as the model that was saved computed with it."""
    models = {"dense": dense_stack, "conv": conv, "embedding": embedding, "einsum": MODELS["einsum_heads"], "einsum_out": MODELS["einsum_out"],
              "reversible": reversible(True)}
    for name, make in models.items():
        for mode in (None, "int8", "int4", "int4_channel", "int4_block"):
            if mode and name == "conv":
                continue
            keras.backend.clear_session()
            model = make()
            settle(model)
            if mode:
                model.quantize(config=CONFIGS[mode]())
            for layer in model.layers:
                if hasattr(layer, "enable_lora"):
                    layer.enable_lora(2, lora_alpha=None if name == "conv" else 5)
            for v in model.variables:
                if "lora" in v.name:
                    v.assign(RNG.normal(size=v.shape) * 0.6)
            base, x = os.path.join(folder, name + "-" + str(mode)), samples(model)
            np.savez(base + ".io.npz", x=x, y=np.asarray(model(x)))
            model.save(base + ".h5")
            with open(base + ".json", "w") as f:
                f.write(model.to_json())
            np.savez(base + ".npz", *model.get_weights())
            safetensors(base + ".safetensors", {v.path: np.asarray(v) for v in model.weights})
            np.save(base + ".dict.npy", {layer.name: layer.get_weights() for layer in model.layers}, allow_pickle=True)


def refused(folder):
    """What Keras 3.15 has not: it lets LoRA be put beside a float8 kernel and saves that as .h5, but cannot call it; it makes none beside GPTQ and AWQ."""
    model = MODELS["dense"]()
    model.quantize("float8")
    model.layers[-1].enable_lora(2)
    try:
        model(samples(model))
        raise AssertionError("Keras computes LoRA beside float8 now")
    except NotImplementedError:
        model.save(os.path.join(folder, "refused-float8.h5"))
    for mode, policy in (("gptq", keras.dtype_policies.GPTQDTypePolicy), ("awq", keras.dtype_policies.AWQDTypePolicy)):
        model = MODELS["dense"]()
        config = json.loads(model.to_json())
        dense_config = config["config"]["layers"][1]["config"]
        dense_config["dtype"], dense_config["lora_rank"] = keras.saving.serialize_keras_object(policy(mode + "/4/4", source_name="float32")), 2
        try:
            keras.models.model_from_json(json.dumps(config))
            raise AssertionError("Keras makes LoRA beside %s now" % mode)
        except (NotImplementedError, AttributeError):
            with open(os.path.join(folder, "refused-%s.json" % mode), "w") as f:
                json.dump(config, f)
    safetensors(os.path.join(folder, "refused.safetensors"), {"dense/lora_kernel_a": np.ones((7, 2), "float32"),
                                                              "dense/lora_kernel_b": np.ones((2, 5), "float32")})


def adapted(folder):
    """LoRA is merged when it is saved; with int8 that rounds anew, so the outputs are those of the file, loaded again."""
    for mode in (None, "int8", "int4"):
        keras.backend.clear_session()
        model = dense_stack()
        settle(model)
        if mode:
            model.quantize(mode)
        for layer in model.layers:
            if isinstance(layer, layers.Dense):
                layer.enable_lora(2)
                layer.lora_kernel_a.assign(RNG.normal(size=layer.lora_kernel_a.shape))
                layer.lora_kernel_b.assign(RNG.normal(size=layer.lora_kernel_b.shape) * 0.3)
        base = os.path.join(folder, "lora-" + str(mode))
        model.save(base + ".again.keras")
        save(keras.models.load_model(base + ".again.keras"), base)


def main(folder, only=None):
    if only == "apart":
        apart(folder)
        return refused(folder)
    quantised(folder)
    packed(folder)
    attention(folder)
    half(folder)
    adapted(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
