#!/usr/bin/env python3
"""Writes src/evidence/signatures.def and operations.def from layers.json: make_signatures.py [layers.json].

layers.json holds what real Keras says of its constructors. The order of old Keras's arguments is not in it; classes that only old
Keras has are listed here by hand, from its documentation.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

CONV1 = "init activation weights border_mode"
OLD = {                          # classes without a successor of the same name: arguments in order
    "ThresholdedReLU": "theta",
    "LocallyConnected1D": "filters kernel_size strides padding data_format activation use_bias",
    "LocallyConnected2D": "filters kernel_size strides padding data_format activation use_bias",
    "CuDNNLSTM": "units", "CuDNNGRU": "units",
    "RandomHeight": "factor interpolation seed", "RandomWidth": "factor interpolation seed",
    "RandomFourierFeatures": "output_dim kernel_initializer scale trainable",
    "ConvLSTM2DCell": "filters kernel_size strides padding",
    "AtrousConvolution1D": "nb_filter filter_length " + CONV1 + " subsample_length atrous_rate",
    "AtrousConvolution2D": "nb_filter nb_row nb_col " + CONV1 + " subsample atrous_rate dim_ordering",
    "Merge": "layers mode concat_axis dot_axes output_shape",
    "MaxoutDense": "output_dim nb_feature init", "Highway": "init activation",
    "TimeDistributedDense": "output_dim init activation", "SReLU": "t_left_init a_left_init t_right_init a_right_init",
    "ParametricSoftplus": "alpha_init beta_init",
}
ALIASES = {
    "Convolution3DTranspose": "Conv3DTranspose", "Deconvolution2D": "Conv2DTranspose", "Deconv2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose", "Deconv3D": "Conv3DTranspose", "AtrousConv1D": "AtrousConvolution1D",
    "AtrousConv2D": "AtrousConvolution2D", "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization", "GRUV1": "GRU", "GRUV2": "GRU", "LSTMV1": "LSTM", "LSTMV2": "LSTM",
    "GRUCellV1": "GRUCell", "GRUCellV2": "GRUCell", "LSTMCellV1": "LSTMCell", "LSTMCellV2": "LSTMCell",
}
# What a constructor hands on in **kwargs to the RNN that it extends.
THROUGH = {name: {"zero_output_for_mask"} for name in ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "SimpleRNN")}
# What every layer of images hands on in **kwargs to BaseImagePreprocessingLayer.
IMAGES = {"AugMix", "AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization", "MaxNumBoundingBoxes",
          "MixUp", "RandAugment", "Resizing", "Solarization"} | {"Random" + name for name in (
              "Brightness ColorDegeneration ColorJitter Contrast Crop ElasticTransform Erasing Flip GaussianBlur Grayscale Hue Invert "
              "Perspective Posterization Rotation Saturation Sharpness Shear Translation Zoom").split()}
for _name in IMAGES:
    THROUGH[_name] = {"bounding_box_format", "data_format"}
for _name in ("ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "MaxNumBoundingBoxes", "MixUp", "RandomColorJitter", "RandomCrop"):
    THROUGH[_name].add("factor")
ABSTRACT = {"Layer", "InputSpec", "Wrapper", "InputLayer"}


def quoted(words):
    text = " ".join(words)
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 100:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line.rstrip())
    return ("\n    ".join('"%s"' % part for part in lines))


def plain(constructor):
    return [a for a in constructor if not a.startswith("*")]


def weight_names(layer):
    best = []
    for case in layer.get("cases", ()):
        names = [v["path"] if isinstance(v, dict) else v for v in case.get("variables", ())]
        names = [n.split("/")[-1] for n in names if "seed_generator" not in n]
        best = names if len(names) > len(best) else best
    return best


def signatures(data):
    old = {}
    for release in data["old_keras_constructors"].values():
        for name, layer in release["layers"].items():
            old.setdefault(layer["class_name"], set()).update(plain(layer["constructor"]))
            old.setdefault(ALIASES.get(name, name), set()).update(plain(layer["constructor"]))
    aliases = dict(ALIASES)
    for name, layer in data["layers"].items():
        aliases.update({alias: name for alias in layer["aliases"]})
    for alias, name in aliases.items():
        old.setdefault(name, set()).update(old.get(alias, ()))
    rows = []
    for name, layer in sorted(data["layers"].items()):
        if name in ABSTRACT:
            continue
        now = plain(layer["constructor"])
        before = old.get(name, set()) | THROUGH.get(name, set())
        rows.append((name, now, sorted(before - set(now)), weight_names(layer)))
    for name, order in sorted(OLD.items()):
        rows.append((name, order.split(), sorted(old.get(name, set()) - set(order.split())), []))
    return rows, sorted(aliases.items())


def split_arguments(text):
    """'(x, axis=None, *, name=None)' to [('x', None), ('axis', 'None')]"""
    found, depth, part = [], 0, ""
    for c in text[1:-1] + ",":
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            part = part.strip()
            if part and part != "*":
                name, _, value = part.partition("=")
                found.append((name, value or None))
            part = ""
        else:
            part += c
    return found


def operations(data):
    seen = {}
    for key, op in sorted(data["ops"].items()):
        if not op["module"].startswith("keras.src.ops."):
            continue
        family = op["module"].rsplit(".", 1)[1]
        call = [name for name, _ in split_arguments(op["call"])]
        static = [(name, value) for name, value in split_arguments(op["init"]) if name not in ("name", "**kwargs")]
        names = op["functions"] or [re.sub(r"(?<!^)(?=[A-Z])", "_", op["class_name"]).lower()]
        seen.setdefault((op["class_name"], family), (names, call, static))
    return seen


HEAD = "/* Written by tools/make_signatures.py from layers.json (Keras %s). %s */\n"


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "..", "shared", "layers.json")
    with open(path) as f:
        data = json.load(f)
    rows, aliases = signatures(data)
    out = os.path.join(ROOT, "src", "evidence")
    with open(os.path.join(out, "signatures.def"), "w") as f:
        f.write(HEAD % (data["keras"], "Class, arguments in order, arguments of older Keras, weights"))
        for name, now, before, weights in rows:
            f.write('CUV_SIGNATURE("%s",\n    %s,\n    %s,\n    "%s")\n' % (name, quoted(now), quoted(before), " ".join(weights)))
        for alias, name in aliases:
            f.write('CUV_ALIAS("%s", "%s")\n' % (alias, name))
    with open(os.path.join(out, "operations.def"), "w") as f:
        f.write(HEAD % (data["keras"], "Class, family, functions, tensors, static arguments with their defaults"))
        for (name, family), (functions, call, static) in operations(data).items():
            f.write('CUV_OPERATION("%s", "%s", "%s",\n    %s, %s)\n' % (
                name, family, " ".join(functions), quoted(call),
                quoted([n if v is None else "%s=%s" % (n, v.replace(" ", "")) for n, v in static])))


if __name__ == "__main__":
    main()
