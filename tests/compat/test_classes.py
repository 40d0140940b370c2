"""Layers of people's own, read from the class itself (--custom NAME=its code): classes/three.py and two.py, whose models Keras wrote
(make_classes.py). Nothing of the code is run."""
import os

import pytest

from support import HERE, RELEASES, as_json, cuvier, must

CODE = {"keras-3.15": "three.py", "keras-2.15": "two.py"}
CLASSES = ["Glance", "Scale", "Block", "Places", "Chain", "Doubled"]
USES = {"glance": ["Glance"], "block": ["Block"], "places": ["Places", "Block"], "chain": ["Chain", "Doubled"], "masked": ["Scale"]}


def base(release, name):
    return os.path.join(HERE, release, "classes", name)


def options(release, name):
    code = os.path.join(HERE, "classes", CODE[release])
    return [a for c in USES[name] for a in ("--custom", "%s=%s" % (c, code))]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("carrier", [".keras", ".h5", ".json .weights.h5"])
def test_outputs(release, name, carrier):
    if (release, name, carrier) == ("keras-2.15", "chain", ".h5"):
        pytest.skip("Keras 2.15 cannot write it: two weights get one name")
    files = [base(release, name) + end for end in carrier.split()]
    found = as_json("verify", *files, *options(release, name), "--samples", base(release, name) + ".io.npz")
    assert found["ok"] is True


@pytest.mark.parametrize("release", RELEASES)
def test_without_the_class(release):
    said = cuvier("rebuild", base(release, "glance") + ".keras")
    assert said.returncode == 3 and "--custom Glance=CODE.py" in said.stderr


def test_written_where_keras_has_layers(keras3, tmp_path):
    """A class of Keras's layers becomes a model of them; a weight of its own has no layer, and the error says so."""
    out = tmp_path / "out.keras"
    must("rebuild", base("keras-3.15", "chain") + ".keras", *options("keras-3.15", "chain"), "-o", out)
    assert keras3.difference([out], base("keras-3.15", "chain") + ".io.npz") < 1e-5
    said = cuvier("rebuild", base("keras-3.15", "glance") + ".keras", *options("keras-3.15", "glance"), "-o", tmp_path / "no.keras", "--json")
    assert said.returncode == 3 and '"write.custom"' in said.stdout and not (tmp_path / "no.keras").exists()
    must("rebuild", base("keras-3.15", "glance") + ".keras", *options("keras-3.15", "glance"), "-o", tmp_path / "out.c")


BODY = {
    "unknown size": ("self.w = self.add_weight(shape=(unknown(), 2))", "return x", 3, "a size of a weight is not known"),
    "no call": ("self.w = None", None, 3, "has no method call"),
    "method of Keras": ("self.w = self.count_params()", "return x", 3, "'count_params' of Keras's own Layer"),
    "a value": ("self.w = self.add_weight(shape=(2, 2))", "return x * float(self.w)", 3, ""),
    "no tensor": ("self.w = 1", "return 3", 1, "gives no model"),
    "without end": ("self.w = 1", "return self(x)", 3, "nested more than"),
}


@pytest.mark.parametrize("what", sorted(BODY))
def test_what_is_not_followed(what, tmp_path):
    build, call, status, words = BODY[what]
    code = tmp_path / "code.py"
    code.write_text("from keras import layers\n\nclass Glance(layers.Layer):\n    def build(self, shape):\n        %s\n" % build +
                    ("\n    def call(self, x):\n        %s\n" % call if call else ""))
    said = cuvier("rebuild", base("keras-3.15", "glance") + ".keras", "--custom", "Glance=%s" % code)
    assert said.returncode == status and words in said.stderr, said.stderr
