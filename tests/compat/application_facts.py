"""What real Keras makes of calls of keras.applications: python application_facts.py, with Keras 3.15 or 2.15, writes
applications/facts-RELEASE.json (some minutes; several gigabytes of memory).

Of each call the number of layers and parameters, and a digest of its lines: one for each layer with its name, class, inputs and arguments, in
Keras's order. A session's calls stand in one script, so that automatic names go on. test_applications.py makes the same lines of what cuvier reads.
"""
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = """VGG16 VGG19 ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 InceptionV3 InceptionResNetV2 Xception MobileNet MobileNetV2
MobileNetV3Small MobileNetV3Large DenseNet121 DenseNet169 DenseNet201 NASNetMobile NASNetLarge EfficientNetB0 EfficientNetB1 EfficientNetB2
EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3
EfficientNetV2S EfficientNetV2M EfficientNetV2L ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge""".split()
SESSIONS = [[f"{n}(weights=None)",
             f"{n}(weights=None, include_top=False, input_shape={(107, 107, 3) if n.startswith('Incept') else (96, 96, 3)}, pooling='avg')"]
            for n in NAMES]
SESSIONS += [
    ["MobileNetV3Small(minimalistic=True, weights=None)", "MobileNetV3Large((64, 64, 3), 0.75, True, False, None)"],
    ["MobileNetV3Small(input_shape=(96, 128, 3), alpha=1.5, weights=None, classes=7, dropout_rate=0, include_preprocessing=False)"],
    ["MobileNet((128, 128, 1), 0.5, 2, 0.25, True, None, None, None, 10)", "MobileNet(include_top=False)", "MobileNet(input_shape=(160, 160, 3), alpha=0.25)"],
    ["MobileNetV2((96, 96, 3), 1.4, False, 'imagenet', None, 'max')", "MobileNetV2(weights=None, include_top=False, input_shape=(None, 70, 3))"],
    ["EfficientNetB0()", "EfficientNetB0(include_top=False, input_shape=(65, 66, 3), pooling='max')"],
    ["EfficientNetV2B0(False, None, None, (71, 71, 1))", "EfficientNetV2S(include_top=False, include_preprocessing=False, weights=None)"],
    ["ResNet50V2(False, None, None, (None, None, 4), 'max')", "ResNet101(weights=None, classes=3, classifier_activation=None, input_shape=(33, 47, 3))"],
    ["VGG16(True, None, None, (32, 48, 3), None, 9, 'sigmoid')", "DenseNet121(include_top=False)"],
    ["NASNetMobile((67, 67, 3), False, None)"],
    ["ConvNeXtTiny(include_top=False, weights=None)", "ConvNeXtTiny(include_top=False, include_preprocessing=False, weights=None, pooling='max')"],
]
# Keras 2 takes no names, and makes of a NASNetMobile of unknown sides what cannot run.
ONLY_3 = [["NASNetMobile((67, 67, 3), False, None, None)", "NASNetMobile(include_top=False, weights=None)"],
          ["ConvNeXtTiny(weights=None, name='mine', input_shape=(64, 64, 1), classes=3)", "VGG19(weights=None, include_top=False, name='mine')"]]
USUAL = {"activation": "linear", "groups": 1, "depth_multiplier": 1, "keepdims": False, "max_value": None, "noise_shape": None, "offset": 0.0,
         "epsilon": 0.001, "momentum": 0.99, "use_bias": True, "strides": [1, 1], "padding": "valid", "mean": None, "variance": None}


def histories(value, out):
    """(layer, tensor) of every tensor in the nodes of a layer, in order; numbers of other nodes differ between Kerases."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            out.append((value["config"]["keras_history"][0], value["config"]["keras_history"][2]))
            return
        value = list(value.values())
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int) and isinstance(value[2], int) and value[0] != "_CONSTANT_VALUE":
            out.append((value[0], value[2]))
            value = value[3:]
        for part in value:
            histories(part, out)


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return plain(value["config"].get("value")) if value.get("class_name") == "__numpy__" else value
    return float("%.9g" % value) if isinstance(value, float) else value


def argument(config, name):
    value = plain(config.get(name, USUAL.get(name)))
    if name == "offset":
        return float(value)
    if name == "activation":
        return {"swish": "silu", None: "linear"}.get(value, value)
    if name == "padding" and isinstance(value, str):
        return value.lower()
    return value


TAKES = {"Conv2D": "filters kernel_size strides padding groups use_bias activation", "Dense": "units use_bias activation",
         "DepthwiseConv2D": "kernel_size strides padding depth_multiplier use_bias", "SeparableConv2D": "filters kernel_size strides padding use_bias",
         "BatchNormalization": "epsilon momentum scale", "LayerNormalization": "epsilon", "Rescaling": "scale offset", "Activation": "activation",
         "ReLU": "max_value", "ZeroPadding2D": "padding", "Cropping2D": "cropping", "MaxPooling2D": "pool_size strides padding",
         "AveragePooling2D": "pool_size strides padding", "GlobalAveragePooling2D": "keepdims", "Dropout": "rate noise_shape",
         "Reshape": "target_shape", "LayerScale": "init_values projection_dim", "CustomScaleLayer": "scale", "InputLayer": "batch_shape"}


def lines_of(config):
    """A model's configuration, as Keras writes it or cuvier, as lines."""
    lines = ["model " + config["config"]["name"]]
    for layer in config["config"]["layers"]:
        class_name, of, inputs = layer["class_name"].replace("Custom>", ""), dict(layer["config"]), []
        histories(layer.get("inbound_nodes", []), inputs)
        if class_name == "InputLayer":
            of["batch_shape"] = of.get("batch_shape", of.get("batch_input_shape"))
        text = "%s %s <- %s" % (of["name"], class_name, inputs)
        if class_name == "Sequential":
            inner = [part for part in of["layers"] if part["class_name"] != "InputLayer"]
            text += " of " + "; ".join(lines_of({"config": {"name": "", "layers": inner}})[1:])
        lines.append(text + "".join(" %s=%s" % (a, json.dumps(argument(of, a))) for a in TAKES.get(class_name, "").split()))
    ends = config["config"].get("output_layers", [])
    ends = ends if ends and isinstance(ends[0], list) else [ends]
    return lines + ["gives %s" % [(end[0], end[2]) for end in ends if end]]


def fact(config, parameters):
    lines = lines_of(config)
    return {"layers": len(config["config"]["layers"]), "parameters": parameters, "digest": hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]}


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import gc
    import keras
    from keras import applications
    release = ".".join(keras.__version__.split(".")[:2])
    if release.startswith("3"):
        keras.Model.load_weights = lambda *args, **kwargs: None
        keras.src.utils.file_utils.get_file = lambda name, *args, **kwargs: name
    else:
        keras.Model.load_weights = lambda *args, **kwargs: None
        keras.src.utils.data_utils.get_file = lambda name, *args, **kwargs: name
    path, facts = os.path.join(HERE, "applications", "facts-%s.json" % release), {}
    for session in SESSIONS + (ONLY_3 if release.startswith("3") else []):
        keras.backend.clear_session()
        for call in session:
            model = eval("applications." + call, {"applications": applications})
            facts[call] = fact(json.loads(model.to_json()), model.count_params())
            del model
            gc.collect()
        print(session[0], flush=True)
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join("%s: %s" % (json.dumps(call), json.dumps(facts[call])) for call in facts) + "\n}\n")


if __name__ == "__main__":
    sys.exit(main())
