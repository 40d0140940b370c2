"""What real Keras says about a model, as plain data: the expectations of `cuvier summary --json`.

Works with Keras 2.15 and Keras 3. Imports no Keras itself.
"""


def _shape(shape):
    return [None if d is None else int(d) for d in shape]


def _structure(shapes):
    """One shape, or a list of shapes where a layer has several outputs."""
    return shapes[0] if len(shapes) == 1 else shapes


def _flat(value):
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in _flat(item)]
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in _flat(value[key])]
    return [value]


def _count(weights):
    total = 0
    for w in weights:
        size = 1
        for d in w.shape:
            size *= int(d)
        total += size
    return total


def _model_nodes(model):
    """The nodes that belong to this model, not to another one in which a layer is used too."""
    return set(id(n) for depth in model._nodes_by_depth.values() for n in depth)


def _history(tensor):
    return getattr(tensor, "_keras_history", None)


def _inbound(layer, nodes):
    """For every call of the layer in the model: where its tensors come from, as [layer, node, tensor]."""
    calls = []
    for node in layer._inbound_nodes:
        if id(node) not in nodes:
            continue
        tensors = node.keras_inputs if hasattr(node, "keras_inputs") else node.input_tensors
        sources = []
        for t in _flat(tensors):
            h = _history(t)
            if h is None:
                continue
            owner = getattr(h, "operation", None) or h.layer
            if owner is not layer:
                sources.append([owner.name, int(h.node_index), int(h.tensor_index)])
        calls.append(sources)
    return [c for c in calls if c]


def _output_shapes(layer):
    if hasattr(layer, "output_shape"):                                  # Keras 2
        try:
            shape = layer.output_shape
        except (AttributeError, RuntimeError):
            shape = layer.get_output_shape_at(0)
        if isinstance(shape, list):
            return [_shape(s) for s in shape]
        return [_shape(shape)]
    node = layer._inbound_nodes[0]                                      # Keras 3, as its summary does
    return [_shape(t.shape) for t in _flat(node.output_tensors)]


def facts(model):
    """The dictionary that NAME.facts.json holds."""
    functional = type(model).__name__ != "Sequential"
    nodes = _model_nodes(model) if functional else set()
    layers = []
    for layer in model.layers:
        layers.append({
            "name": layer.name,
            "class_name": type(layer).__name__,
            "output_shape": _structure(_output_shapes(layer)),
            "params": int(layer.count_params()),
            "trainable": bool(layer.trainable),
            "inbound": _inbound(layer, nodes) if functional else None,
        })
    trainable, frozen = _count(model.trainable_weights), _count(model.non_trainable_weights)
    return {
        "name": model.name,
        "class_name": type(model).__name__,
        "layers": layers,
        "inputs": [_shape(t.shape) for t in _flat(model.inputs)],
        "outputs": [_shape(t.shape) for t in _flat(model.outputs)],
        "output_names": list(getattr(model, "output_names", None) or [_history(t)[0].name for t in _flat(model.outputs)]),
        "total_params": trainable + frozen,
        "trainable_params": trainable,
        "non_trainable_params": frozen,
    }
