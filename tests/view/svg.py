"""Reads a picture back: boxes and edges with their places, texts with their fonts, whatever groups they are moved by."""
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Box:
    path: str
    name: str
    class_name: str
    shape: str
    x: float
    y: float
    width: float
    height: float
    texts: list = field(default_factory=list)       # (class, x, baseline, text)
    marks: list = field(default_factory=list)       # rectangles inside


@dataclass
class Edge:
    source: str
    target: str
    output: int
    calls: tuple
    back: bool
    points: list        # the curve, a point every pixel or two


@dataclass
class Level:
    """What lies side by side: a model, or a model inside of one."""
    boxes: list = field(default_factory=list)
    edges: list = field(default_factory=list)
    labels: list = field(default_factory=list)
    inside: dict = field(default_factory=dict)      # by the path of the box around it


def curve(d, move):
    """Points on a path of absolute M, L, Q and C."""
    points, at = [], None
    for command, numbers in re.findall(r"([MLQC])([-0-9. ]+)", d):
        n = [float(v) for v in numbers.split()]
        ends = [(n[i] + move[0], n[i + 1] + move[1]) for i in range(0, len(n), 2)]
        assert len(ends) == {"M": 1, "L": 1, "Q": 2, "C": 3}[command], d
        if command == "M":
            points.append(ends[0])
        else:
            control = [at] + ends
            length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in zip(control, control[1:]))
            steps = max(2, int(length / 1.5))
            for i in range(1, steps + 1):
                p, t = control, i / steps
                while len(p) > 1:
                    p = [(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])) for a, b in zip(p, p[1:])]
                points.append(p[0])
        at = ends[-1]
    assert "".join(re.findall(r"[A-Za-z]", d)).strip("MLQC") == "", d
    return points


def moved(element, move):
    text = element.get("transform")
    if not text:
        return move
    x, y = re.fullmatch(r"translate\(([-0-9.]+) ([-0-9.]+)\)", text).groups()
    return move[0] + float(x), move[1] + float(y)


def rectangle(element, move):
    return tuple(float(element.get(k)) + d for k, d in (("x", move[0]), ("y", move[1]), ("width", 0), ("height", 0)))


def read_box(group, move):
    box, inner = None, None
    parts = list(group)
    if parts and parts[0].tag == SVG + "a":
        parts = list(parts[0]) + parts[1:]
    for part in parts:
        if part.tag == SVG + "rect" and part.get("class") == "b":
            box = Box(group.get("data-path"), group.get("data-layer"), group.get("data-class"), group.get("data-shape"), *rectangle(part, move))
        elif part.tag == SVG + "rect":
            box.marks.append(rectangle(part, move))
        elif part.tag == SVG + "text":
            box.texts.append((part.get("class"), float(part.get("x")) + move[0], float(part.get("y")) + move[1], part.text or ""))
        elif part.tag == SVG + "g":
            inner = part
    return box, inner


def read_level(group, move):
    level = Level()
    move = moved(group, move)
    for part in group:
        if part.tag == SVG + "path":
            edge = Edge(part.get("data-from"), part.get("data-to"), int(part.get("data-output")),
                        (int(part.get("data-from-call")), int(part.get("data-to-call"))), "back" in part.get("class"),
                        curve(part.get("d"), move))
            level.edges.append(edge)
        elif part.tag == SVG + "g":
            box, inner = read_box(part, move)
            level.boxes.append(box)
            if inner is not None:
                level.inside[box.path] = read_level(inner, move)
        elif part.tag == SVG + "text":
            level.labels.append((float(part.get("x")) + move[0], float(part.get("y")) + move[1], part.text))
    return level


def read(path):
    """The picture's size and its outermost level; the file has to be XML."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == SVG + "svg"
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == "0 0 %d %d" % (width, height)
    groups = [g for g in root if g.tag == SVG + "g" and g.get("transform")]
    assert len(groups) == 1
    return (width, height), read_level(groups[0], (0, 0))


def levels(level):
    yield level
    for inner in level.inside.values():
        yield from levels(inner)
