"""Pictures hold together: boxes do not touch, edges pass no box that is not theirs, texts stay inside, and the same twice."""
import glob
import json
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import svg                                                      # noqa: E402
from support import BINARY, HERE, RELEASES, TESTS, cuvier, must # noqa: E402

# The fixed set has a summary of each; configurations alone are enough.
MODELS = [p for release in RELEASES for p in sorted(glob.glob(os.path.join(HERE, release, "*.json"))) if not p.endswith(".facts.json")]
FONTS = {"k": ("Helvetica-Bold", 12.5), "n": ("Helvetica", 11), "t": ("Helvetica", 11), "r": ("Helvetica", 11), "o m": ("Helvetica-Bold", 10)}


def identify(path):
    return "/".join(path.split(os.sep)[-2:])


def inside(a, b, slack=0.2):
    """Rectangle a in rectangle b."""
    return a[0] >= b[0] - slack and a[1] >= b[1] - slack and a[0] + a[2] <= b[0] + b[2] + slack and a[1] + a[3] <= b[1] + b[3] + slack


def rectangle(box):
    return box.x, box.y, box.width, box.height


def check_boxes(level, around):
    boxes = sorted(level.boxes, key=lambda b: b.y)
    for i, a in enumerate(boxes):
        assert inside(rectangle(a), around), "%s leaves what is around it" % a.path
        for b in boxes[i + 1:]:
            if b.y >= a.y + a.height + 8:
                break
            assert a.x + a.width + 8 <= b.x or b.x + b.width + 8 <= a.x, "%s and %s touch" % (a.path, b.path)
        for mark in a.marks:
            assert inside(mark, rectangle(a)), a.path


def check_edges(level):
    by_path = {}
    for box in level.boxes:
        by_path.setdefault(box.path, []).append(box)
    for edge in level.edges:
        left, right = min(p[0] for p in edge.points), max(p[0] for p in edge.points)
        top, bottom = min(p[1] for p in edge.points), max(p[1] for p in edge.points)
        for box in level.boxes:
            x, y, w, h = box.x + 0.6, box.y + 0.6, box.width - 1.2, box.height - 1.2
            if right < x or left > x + w or bottom < y or top > y + h:
                continue
            hit = [p for p in edge.points if x < p[0] < x + w and y < p[1] < y + h]
            assert not hit, "the edge from %s to %s passes through %s at %s" % (edge.source, edge.target, box.path, hit[0])
        touches(edge.points[-1 if not edge.back else 0], by_path[edge.target], edge)
        touches(edge.points[0 if not edge.back else -1], by_path[edge.source], edge)


def touches(point, boxes, edge):
    """The end lies on the rim of its box."""
    assert any(b.x - 0.3 <= point[0] <= b.x + b.width + 0.3 and min(abs(point[1] - b.y), abs(point[1] - b.y - b.height)) < 0.3
               or edge.source == edge.target and abs(point[0] - b.x - b.width) < 0.3 for b in boxes), (edge.source, edge.target)


def check_texts(level):
    """By the widths that Adobe's metrics give for Helvetica, which Arial and Liberation Sans share."""
    width_of = pytest.importorskip("reportlab.pdfbase.pdfmetrics").stringWidth
    for box in level.boxes:
        for kind, x, y, text in box.texts:
            ascii_only = "".join(c if ord(c) < 127 else "x" for c in text)
            width = width_of(ascii_only, *FONTS[kind])
            left = x - width if kind == "r" else x - width / 2 if kind == "o m" else x
            assert left >= box.x + 2 and left + width <= box.x + box.width - 2, "%r leaves the box of %s" % (text, box.path)
            assert box.y + 8 <= y <= box.y + box.height - 2, text
        lines = {}
        for kind, x, y, text in box.texts:
            width = width_of("".join(c if ord(c) < 127 else "x" for c in text), *FONTS[kind])
            lines.setdefault(y, []).append((x - width, x) if kind == "r" else (x, x + width) if kind != "o m" else (0, 0))
        for spans in lines.values():
            for a, b in zip(sorted(spans), sorted(spans)[1:]):
                assert a[1] <= b[0] + 0.5, "texts of %s lie upon each other" % box.path


def check(path):
    size, outer = svg.read(path)
    check_boxes(outer, (0, 0, *size))
    for level in svg.levels(outer):
        check_edges(level)
        check_texts(level)
        around = {box.path: rectangle(box) for box in level.boxes}
        for name, inner in level.inside.items():
            check_boxes(inner, around[name])
    return size, outer


@pytest.mark.parametrize("path", MODELS, ids=identify)
def test_geometry(path, tmp_path):
    must("view", path, "-q", "-o", tmp_path / "m.svg")
    _, outer = check(tmp_path / "m.svg")
    assert outer.boxes


# ---- shapes of graphs ---------------------------------------------------------------------------------------------------------


def write_model(path, layers, inputs, outputs):
    """A functional model of Keras 2 from (name, class, arguments, [[sources of one call], ...])."""
    records = []
    for name, class_name, arguments, calls in layers:
        nodes = [[[s, at, 0, {}] for s, at in call] for call in calls]
        records.append({"class_name": class_name, "name": name, "config": dict(arguments, name=name), "inbound_nodes": nodes})
    config = {"name": "net", "layers": records, "input_layers": [[n, 0, 0] for n in inputs], "output_layers": [[n, 0, 0] for n in outputs]}
    path.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}))


def start(n):
    return [("in%d" % i, "InputLayer", {"batch_input_shape": [None, 4], "dtype": "float32"}, []) for i in range(n)]


def wide(n):
    """Many branches of different lengths between one input and one sum."""
    layers, ends = start(1), []
    for i in range(n):
        last = "in0"
        for k in range(i % 5 + 1):
            layers.append(("b%d_%d" % (i, k), "Dense", {"units": 4}, [[(last, 0)]]))
            last = "b%d_%d" % (i, k)
        ends.append((last, 0))
    return layers + [("sum", "Add", {}, [ends])], ["in0"], ["sum"]


def dense_net(n):
    """Every layer takes all that came before it."""
    layers, made = start(1), [("in0", 0)]
    for i in range(n):
        layers.append(("add%d" % i, "Add", {}, [made + made[:1]]))
        layers.append(("d%d" % i, "Dense", {"units": 4}, [[("add%d" % i, 0)]]))
        made = made + [("d%d" % i, 0)]
    return layers, ["in0"], [made[-1][0]]


def shared(n):
    """One layer called again and again, on inputs and on its own outputs."""
    calls = [[("in%d" % i, 0)] for i in range(n)] + [[("one", n - 1)], [("after", 0)]]
    after = ("after", "Add", {}, [[("one", 0), ("one", n)]])
    return start(n) + [("one", "Dense", {"units": 4}, calls), after, ("end", "Add", {}, [[("one", i) for i in range(n + 2)]])], \
        ["in%d" % i for i in range(n)], ["end"]


def ladder(n):
    """A U-Net's ties, n deep."""
    layers, down = start(1), ["in0"]
    for i in range(n):
        layers.append(("down%d" % i, "Dense", {"units": 4}, [[(down[-1], 0)]]))
        down.append("down%d" % i)
    last = down.pop()
    for i, side in enumerate(reversed(down)):
        layers.append(("up%d" % i, "Add", {}, [[(last, 0), (side, 0)]]))
        last = "up%d" % i
    return layers, ["in0"], [last]


def chain(n):
    layers = start(1)
    for i in range(n):
        layers.append(("d%d" % i, "Dense", {"units": 4}, [[(layers[-1][0], 0)]]))
    return layers, ["in0"], ["d%d" % (n - 1)]


def tied_chain(n):
    """Residual blocks without end."""
    layers, last = start(1), "in0"
    for i in range(n):
        layers.append(("d%d" % i, "Dense", {"units": 4}, [[(last, 0)]]))
        layers.append(("a%d" % i, "Add", {}, [[(last, 0), ("d%d" % i, 0)]]))
        last = "a%d" % i
    return layers, ["in0"], [last]


GRAPHS = {"wide": wide(40), "dense": dense_net(25), "shared": shared(5), "ladder": ladder(30), "chain": chain(1000), "tied": tied_chain(200)}


@pytest.mark.parametrize("name", list(GRAPHS))
def test_shapes_of_graphs(name, tmp_path):
    layers, inputs, outputs = GRAPHS[name]
    write_model(tmp_path / "m.json", layers, inputs, outputs)
    began = time.monotonic()
    must("view", tmp_path / "m.json", "-q", "-o", tmp_path / "m.svg")
    spent = time.monotonic() - began
    size, outer = check(tmp_path / "m.svg")
    assert [len(outer.boxes), len(outer.edges)] == [len(layers), sum(len(call) for layer in layers for call in layer[3])]
    assert name not in ("chain", "tied") or 0.5 < size[0] / size[1] < 3, "folded into columns"
    assert spent < 10, "a model of a thousand layers takes less than a second on an idle machine"


def test_text_for_the_terminal(tmp_path):
    write_model(tmp_path / "m.json", *tied_chain(2))
    lines = cuvier("view", tmp_path / "m.json").stdout.splitlines()
    names = [line.split()[[i for i, w in enumerate(line.split()) if w not in "○●◉│├╮╯"][0]] for line in lines[2:] if any(c in line for c in "○●◉")]
    assert names == ["in0", "d0", "a0", "d1", "a1"]
    assert [line.strip() for line in lines[2:] if not any(c in line for c in "○●◉")] == ["├─╮", "├─╯", "├─╮", "├─╯"]


def test_text_in_ascii(tmp_path):
    write_model(tmp_path / "m.json", *tied_chain(2))
    done = subprocess.run([BINARY, "view", tmp_path / "m.json"], env=dict(os.environ, LC_ALL="C"), capture_output=True, check=True)
    assert done.stdout.isascii() and b"|-'" in done.stdout


@pytest.mark.parametrize("form", ["png", "pdf", "keras", "onnx"])
def test_what_is_no_picture(form, tmp_path):
    """It is named, with what to do."""
    done = must("view", MODELS[0], "-o", tmp_path / ("m." + form), status=2)
    assert "m." + form in done.stderr and ("rsvg-convert" if form in ("png", "pdf") else "rebuild") in done.stderr
    assert not os.listdir(tmp_path)


def test_too_large_is_named(tmp_path):
    """A picture that nobody could look at is refused, and the page does without it."""
    for layers in (1500, 1100):     # more than a million arrows; than a million places that they pass
        write_model(tmp_path / "big.json", *dense_net(layers))
        done = cuvier("view", tmp_path / "big.json", "-q", "-o", tmp_path / "big.svg", timeout=60)
        assert done.returncode == 3 and "view.size" in cuvier("view", tmp_path / "big.json", "--json", "-o", tmp_path / "big.svg").stdout
        assert not (tmp_path / "big.svg").exists()
    must("view", tmp_path / "big.json", "-q", "-o", tmp_path / "big.html")
    page = (tmp_path / "big.html").read_text(encoding="utf-8")
    assert "for a picture that anybody could look at" in page and "data-layer" not in page.split("<script>")[0] and "d1099" in page


def test_names_that_are_no_markup(tmp_path):
    """Names out of every corner of Unicode: the document stays XML, and says what they are."""
    names = ["<b>&amp;", 'a"b\'c', "]]>", "\u202egnp.exe", "\x00\x01\x1b[31m", "\ud7ff\ufffe\uffff", "日本語の層", "\U0001f4a5" * 40, "x" * 3000, "é̂"]
    layers = start(1)
    for name in names:
        layers.append((name, "Dense", {"units": 4}, [[(layers[-1][0], 0)]]))
    write_model(tmp_path / "m.json", layers, ["in0"], [names[-1]])
    done = cuvier("view", tmp_path / "m.json", "-q", "-o", tmp_path / "m.svg")
    assert done.returncode == 0, done.stderr
    _, outer = check(tmp_path / "m.svg")
    found = [box.name for box in outer.boxes]
    assert "<b>&amp;" in found and "]]>" in found and "\\u202egnp.exe" in found and "日本語の層" in found and "x" * 3000 in found
    must("view", os.path.join(TESTS, "files", "good-markup-in-names.json"), "-q", "-o", tmp_path / "n.svg")
    check(tmp_path / "n.svg")
