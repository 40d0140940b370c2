"""Runs in a Python with real Keras (3.15 or 2.15): what it says of models' graphs, and what its own picture shows of them.

    view_worker.py OUT.json FILE...         models from files
    view_worker.py OUT.json --make FOLDER   large models, whose configurations are written to FOLDER

For each model and each model inside of it: its layers, an edge for every tensor that goes from one layer to another with which output it is,
and the pairs of layers that keras.utils.model_to_dot connects.
"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402

L = keras.layers
THREE = int(keras.__version__.split(".")[0]) >= 3


def nodes_of(model):
    """(layer, [(source, output), ...]) for each call in the model's own graph. What a Sequential of Keras 3 makes for its masks is none of its
    layers, and in no file."""
    graph = model._functional if THREE and isinstance(model, keras.Sequential) else model
    used = {id(n) for nodes in graph._nodes_by_depth.values() for n in nodes}
    if THREE:
        hidden = set() if graph is model else {o for o in graph.operations if not isinstance(o, L.Layer)}
        for operation in graph.operations:
            for node in operation._inbound_nodes:
                if id(node) in used and operation not in hidden:
                    history = [t._keras_history for t in node.input_tensors]
                    yield operation, [(h.operation, h.tensor_index) for h in history if h.operation not in hidden]
        return
    for layer in graph._self_tracked_trackables:
        for node in layer._inbound_nodes:
            if id(node) in used:
                yield layer, [(inbound, index) for inbound, _, index, _ in node.iterate_inbound()]


def describe(model, path, out):
    """Keras's graph of the model, and of those inside of it."""
    names, edges = set(), []
    for layer, sources in nodes_of(model):
        names.add(layer.name)
        edges += [[source.name, layer.name, output] for source, output in sources]
    by_id = {str(id(layer)): layer.name for layer, _ in nodes_of(model)}
    dot = keras.utils.model_to_dot(model)
    pairs = [[by_id.get(str(e.get_source())), by_id.get(str(e.get_destination()))] for e in dot.get_edges()]
    boxes = [by_id.get(str(n.get_name())) for n in dot.get_nodes() if str(n.get_name()) in by_id]
    out[path] = {"layers": sorted(names), "edges": sorted(edges), "dot_edges": sorted(p for p in pairs if None not in p),
                 "dot_unknown": len([p for p in pairs if None in p]), "dot_layers": sorted(boxes)}
    for layer, _ in nodes_of(model):
        inner = layer.layer if type(layer).__name__ == "TimeDistributed" else layer
        if isinstance(inner, keras.Model) and (not isinstance(inner, keras.Sequential) or inner.built):
            describe(inner, (path + "/" if path else "") + layer.name, out)


def unet():
    x = start = L.Input((64, 64, 3))
    ties = []
    for filters in (4, 8, 16):
        x = L.Conv2D(filters, 3, padding="same")(L.Conv2D(filters, 3, padding="same")(x))
        ties.append(x)
        x = L.MaxPooling2D()(x)
    for filters, tie in zip((16, 8, 4), reversed(ties)):
        x = L.Conv2D(filters, 3, padding="same")(L.Concatenate()([L.UpSampling2D()(x), tie]))
    return keras.Model(start, x, name="unet")


def siamese():
    encoder = keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(4)], name="encoder")
    left, right, dense = L.Input((8, 8, 1), name="left"), L.Input((8, 8, 1), name="right"), L.Dense(4, name="both")
    a, b = dense(encoder(left)), dense(encoder(right))
    return keras.Model([left, right], [L.Dense(1, name="same")(L.Subtract(name="minus")([a, b])), L.Add(name="plus")([a, b, a])], name="siamese")


def again():
    start, dense = L.Input((4,), name="x"), L.Dense(4, name="again")
    x = dense(dense(dense(start)))
    return keras.Model(start, L.Add(name="sum")([dense(L.Dense(4, name="between")(x)), x, start]), name="again_and_again")


def make(folder):
    apps = keras.applications
    small = apps.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    models = {"mobilenet": apps.MobileNetV2(weights=None), "resnet50": apps.ResNet50(weights=None), "inception": apps.InceptionV3(weights=None),
              "densenet": apps.DenseNet121(weights=None), "unet": unet(), "siamese": siamese(), "again": again(),
              "transfer": keras.Sequential([L.Input((96, 96, 3)), small, L.GlobalAveragePooling2D(), L.Dense(5)], name="transfer")}
    for name, model in models.items():
        path = os.path.join(folder, name + ".json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(model.to_json())
        yield path, model


def main(out, *arguments):
    known, models = {}, make(arguments[1]) if arguments[0] == "--make" else ((p, keras.models.load_model(p, compile=False)) for p in arguments)
    for path, model in models:
        known[path] = {}
        describe(model, "", known[path])
    with open(out, "w", encoding="utf-8") as f:
        json.dump({"version": keras.__version__, "models": known}, f)


main(*sys.argv[1:])
