"""The page: well-formed by the rules of HTML, nothing from outside, nothing from a file that becomes markup, and what it says is true."""
import base64
import hashlib
import json
import os
import re
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
from support import HERE, TESTS, as_json, must      # noqa: E402

html5lib = pytest.importorskip("html5lib")
FIXED = os.path.join(HERE, "keras-3.15")
ALLOWED = set("html head meta title style body header h1 h2 h3 p nav a label input button span main section div table thead tbody tr th td details summary "
              "b code br footer script svg g rect text path defs marker".split())
HTML, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"


def parse(path):
    """Any mistake in the markup is an error: strict."""
    with open(path, "rb") as f:
        tree = html5lib.HTMLParser(strict=True).parse(f.read())
    for element in tree.iter():
        if isinstance(element.tag, str):
            assert element.tag.replace(HTML, "").replace(SVG, "") in ALLOWED, element.tag
            assert not [k for k in element.attrib if k.lower().startswith("on") or k in ("src", "style")], element.attrib
            for key in ("href", "marker-end", "marker-start"):
                assert element.get(key, "#").lstrip("url(").startswith("#"), element.attrib
    return tree


def texts(tree):
    return ["".join(e.itertext()) for e in tree.iter() if isinstance(e.tag, str)]


def section(tree, name):
    return next(e for e in tree.iter(HTML + "section") if e.get("id") == name)


def rows(element):
    return [["".join(cell.itertext()) for cell in row if cell.tag in (HTML + "td", HTML + "th")] for row in element.iter(HTML + "tr")]


def page(tmp_path, *evidence):
    must("view", *evidence, "-q", "-o", tmp_path / "m.html")
    return parse(tmp_path / "m.html")


@pytest.mark.parametrize("name", ["mlp", "multi_io", "nested_deep", "seq2seq", "transformer", "preprocessing", "shared", "time_distributed", "operators"])
def test_well_formed(name, tmp_path):
    base = os.path.join(FIXED, name + ".keras")
    tree = page(tmp_path, base)
    summary = as_json("summary", base)["model"]
    table = rows(section(tree, "layers"))[1:]
    assert {layer["name"] for layer in summary["layers"]} <= {row[0].strip("\u2003") for row in table}
    assert summary["name"] in "".join(next(tree.iter(HTML + "h1")).itertext())
    targets = {e.get("id") for e in tree.iter() if isinstance(e.tag, str) and e.get("id")}
    links = {e.get("href")[1:] for e in tree.iter() if isinstance(e.tag, str) and (e.get("href") or "").startswith("#")}
    assert links <= targets and len(targets) == sum(1 for e in tree.iter() if isinstance(e.tag, str) and e.get("id")), "each id once"


def test_policy(tmp_path):
    """The policy allows the page's own style and script, by their hashes, and nothing else."""
    tree = page(tmp_path, os.path.join(FIXED, "mlp.keras"))
    policy = next(e.get("content") for e in tree.iter(HTML + "meta") if e.get("http-equiv") == "Content-Security-Policy")
    hashes = {"style-src": [], "script-src": []}
    for element in tree.iter():
        kind = {HTML + "style": "style-src", SVG + "style": "style-src", HTML + "script": "script-src"}.get(element.tag)
        if kind:
            digest = hashlib.sha256("".join(element.itertext()).encode()).digest()
            hashes[kind].append("'sha256-%s'" % base64.b64encode(digest).decode())
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'" and sorted(rules.pop("style-src").split()) == sorted(hashes["style-src"])
    assert rules.pop("script-src").split() == hashes["script-src"] and set(rules.values()) == {"'none'"}
    text = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_statistics(tmp_path):
    """Against NumPy; what is not finite is flagged and counts for nothing else."""
    weights = [np.load(os.path.join(FIXED, "mlp.npz"))["arr_%d" % i] for i in range(4)]
    weights[0][0, :3] = 0
    weights[2][1, 1], weights[2][2, :2], weights[3][:] = np.nan, np.inf, 0.25
    np.savez(tmp_path / "w.npz", *weights)
    tree = page(tmp_path, os.path.join(FIXED, "mlp.json"), tmp_path / "w.npz")
    found = [row for row in rows(section(tree, "details")) if row and row[0] in ("kernel", "bias")]
    assert len(found) == 4
    for row, w in zip(found, weights):
        finite = w[np.isfinite(w)].astype(np.float64)
        assert row[1] == str(w.shape) and row[2] == "float32"
        wanted = [finite.min(), finite.max(), finite.mean(), finite.std()]
        assert [float(v) for v in row[3:7]] == pytest.approx(wanted, rel=1e-3, abs=1e-7)
        assert float(row[7].split()[0]) == pytest.approx(100 * np.mean(w == 0), rel=1e-2)
        assert row[9].split() == (["1", "NaN", "2", "infinite"] if w is weights[2] else [])
    bars = [e for e in section(tree, "details").iter(SVG + "svg")]
    assert len(bars) == 4
    heights = [22 - float(v) for v in re.findall(r"V([0-9.]+)h4", next(bars[0].iter(SVG + "path")).get("d"))]
    counts, _ = np.histogram(weights[0], bins=24)
    np.testing.assert_allclose(heights, 21 * counts / counts.max(), atol=0.11)


def test_decisions_and_sources(tmp_path):
    given = [os.path.join(FIXED, "mlp.json"), os.path.join(FIXED, "mlp.npz")]
    tree = page(tmp_path, *given)
    decisions = as_json("rebuild", *given)["decisions"]
    shown = [row for row in rows(section(tree, "decisions")) if row[0] != "Evidence"]
    wanted = sorted([d["evidence"], d["layer"] or "", d["field"], d["value"] or "", d["why"] or "", d["alternatives"] or ""] for d in decisions)
    assert sorted(shown) == wanted and wanted
    files = {row[0]: row for row in rows(section(tree, "sources"))[1:]}
    for path in given:
        with open(path, "rb") as f:
            data = f.read()
        row = files[os.path.basename(path)]
        assert row[3] == "{:,}".format(len(data)) and row[4] == hashlib.sha256(data).hexdigest()


def test_proof(tmp_path):
    """Samples, and the self-test of an export; a wrong sample is told."""
    base, io = os.path.join(FIXED, "multi_io.keras"), dict(np.load(os.path.join(FIXED, "multi_io.io.npz")))
    must("rebuild", base, "-q", "-o", tmp_path / "export.keras")
    proof = section(page(tmp_path, tmp_path / "export.keras"), "proof")
    assert "are reproduced" in "".join(proof.itertext()) and [row[0] for row in rows(proof)[1:]] == ["kind", "price"]
    io["y1"] = io["y1"] + np.float32(0.5)
    np.savez(tmp_path / "io.npz", **io)
    must("view", base, "--samples", tmp_path / "io.npz", "-q", "-o", tmp_path / "m.html")
    proof = section(parse(tmp_path / "m.html"), "proof")
    assert "are not reproduced" in "".join(proof.itertext()) and float(rows(proof)[2][1]) == pytest.approx(0.5, rel=1e-3)
    assert not [e for e in page(tmp_path, base).iter(HTML + "section") if e.get("id") == "proof"]


def test_weights_of_another_model(tmp_path):
    told = "do not fit this model"
    assert told in "".join(texts(page(tmp_path, os.path.join(FIXED, "cnn.json"), os.path.join(FIXED, "mlp.npz"))))
    for given in (["cnn.json"], ["cnn.json", "cnn.npz"], ["cnn.keras"]):
        assert told not in "".join(texts(page(tmp_path, *(os.path.join(FIXED, name) for name in given))))


EVIL = ['<script>alert(1)</script>', '"><img src=x onerror=alert(2)>', "'onmouseover='alert(3)", "</style><b>", "-->", "]]>", "&lt;i&gt;", "</title>",
        "</svg><svg onload=alert(4)>", "\u202e\u2066turned", "javascript:alert(5)", "url(http://evil)", "a\x00b\x1b[2J"]


def hostile_model():
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 1], "dtype": "string", "name": EVIL[1]}},
              {"class_name": "StringLookup", "config": {"name": EVIL[2], "vocabulary": EVIL, "num_oov_indices": 1, "output_mode": "multi_hot"}}]
    for name in EVIL:
        layers.append({"class_name": "Dense", "registered_name": None, "module": "keras.layers",
                       "config": {"name": "n" + name, "units": 3, "activation": "relu", "kernel_initializer": {
                           "module": "keras.initializers", "class_name": EVIL[0], "config": {EVIL[1]: EVIL[3]}, "registered_name": EVIL[4]}}})
    return {"module": "keras", "class_name": "Sequential", "registered_name": None, "config": {"name": EVIL[7], "layers": layers},
            "keras_version": EVIL[0], "backend": EVIL[3]}


def test_everything_is_escaped(tmp_path):
    """Hostile words as names of models, layers, tensors and files, in configurations and vocabularies, as versions."""
    (tmp_path / "<img src=x onerror=alert(6)>.json").write_text(json.dumps(hostile_model()))
    units, arrays = len(EVIL) + 1, {}
    for name in EVIL:
        arrays["n" + name.replace("/", "|").replace("\x00", "|") + "|kernel"] = np.ones((units, 3), np.float32)
        arrays["n" + name.replace("/", "|").replace("\x00", "|") + "|bias"] = np.ones(3, np.float32)
        units = 3
    np.savez(tmp_path / "w\"'<&.npz", **arrays)
    given = [tmp_path / "<img src=x onerror=alert(6)>.json", tmp_path / "w\"'<&.npz"]
    tree = page(tmp_path, *given)
    everything = "\n".join(texts(tree))
    for word in EVIL[:10]:
        plain = word.replace("\u202e\u2066", "\\u202e\\u2066")
        assert plain in everything, "shown as what it is: %r" % word
    assert not [t for t in everything if t in "\u202e\u2066\x00\x1b"]
    assert "<img src=x onerror=alert(6)>.json" in everything and "w\"'<&.npz" in everything
    assert len([e for e in tree.iter(HTML + "script")]) == 1 and len([e for e in tree.iter(HTML + "title")]) == 1


def test_markup_in_names(tmp_path):
    page(tmp_path, os.path.join(TESTS, "files", "good-markup-in-names.json"))


def test_size_of_large_models(tmp_path):
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "in"}}]
    layers += [{"class_name": "Dense", "config": {"name": "dense_%d" % i, "units": 4}} for i in range(6000)]
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": {"name": "long", "layers": layers}, "keras_version": "3.0.0"}))
    must("view", tmp_path / "m.json", "-q", "-o", tmp_path / "m.html")
    text = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert len(text) < 12e6 and "1001 more layers are not shown here" in text
