"""--cache: what a second start takes from it gives the same outputs, and whatever else lies in its place is not trusted and does no harm."""
import os
import shutil
import stat
import subprocess

import numpy as np
import pytest

from support import BINARY, HERE, arrays, as_json, assert_same, cuvier, must, numbered

NETS = ["mlp", "conv2d", "cnn", "gru", "lstm", "bidirectional", "attention", "multi_io"]


def net(name):
    return os.path.join(HERE, "keras-3.15", name)


def run(name, cache, out, *more):
    return must("predict", net(name) + ".keras", "-i", net(name) + ".io.npz", "-o", out, "--cache", cache, *more)


def check(name, out):
    assert_same(arrays(out), numbered(np.load(net(name) + ".io.npz"), "y"))


@pytest.mark.parametrize("name", [n for n in NETS if os.path.exists(net(n) + ".keras")])
def test_second_start(name, tmp_path):
    outputs = []
    for i in range(3):
        done = run(name, str(tmp_path) + "/caches/", tmp_path / "out.npz")
        assert done.stderr == ""
        check(name, tmp_path / "out.npz")
        outputs.append(arrays(tmp_path / "out.npz"))
        held = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "caches").iterdir()}
        assert len(held) == 1 and (i == 0 or held == before)        # written once, nothing beside it
        before = held
    for other in outputs[1:]:
        for a, b in zip(outputs[0], other):
            assert a.tobytes() == b.tobytes()
    assert stat.S_IMODE(os.stat(tmp_path / "caches" / list(held)[0]).st_mode) & 0o022 == 0


def test_batches_share_a_file(tmp_path):
    cache = tmp_path / "a.packed"
    run("cnn", cache, tmp_path / "out.npz", "--batch", "1")
    size = cache.stat().st_size
    run("cnn", cache, tmp_path / "out.npz", "--batch", "3")
    check("cnn", tmp_path / "out.npz")
    assert cache.stat().st_size == size


def test_two_models_in_one_folder_and_in_one_file(tmp_path):
    folder, file = tmp_path / "caches", tmp_path / "one.packed"
    folder.mkdir()
    for name in ("mlp", "gru", "mlp", "gru"):
        run(name, folder, tmp_path / "out.npz")
        check(name, tmp_path / "out.npz")
        done = run(name, file, tmp_path / "out.npz")
        check(name, tmp_path / "out.npz")
    assert "another model" in done.stderr and len(list(folder.iterdir())) == 2


def test_other_weights_are_another_model(tmp_path):
    cache = tmp_path / "a.packed"
    weights = dict(np.load(net("mlp") + ".npz", allow_pickle=False)) if os.path.exists(net("mlp") + ".npz") else None
    if not weights:
        pytest.skip("no mlp.npz")
    run("mlp", cache, tmp_path / "out.npz")
    key = [k for k, v in weights.items() if v.ndim == 2][-1]
    weights[key] = weights[key] * 2
    np.savez(tmp_path / "changed.npz", **weights)
    evidence = [net("mlp") + ".json", tmp_path / "changed.npz", "-i", net("mlp") + ".io.npz"]
    must("predict", *evidence, "-o", tmp_path / "plain.npz")
    must("predict", *evidence, "-o", tmp_path / "cached.npz", "--cache", cache)
    assert_same(arrays(tmp_path / "cached.npz"), arrays(tmp_path / "plain.npz"))


def test_what_is_no_cache_is_left_alone(tmp_path):
    for name in ("model.keras", "notes.txt", "link"):
        place = tmp_path / name
        if name == "link":
            place.symlink_to(tmp_path / "notes.txt")
        elif name == "notes.txt":
            place.write_text("dear diary\n" * 100)
        else:
            shutil.copy(net("mlp") + ".keras", place)
        before = place.read_bytes()
        done = cuvier("predict", net("mlp") + ".keras", "-i", net("mlp") + ".io.npz", "-o", tmp_path / "out.npz", "--cache", place)
        assert done.returncode == 2 and "no cache" in done.stderr, done.stderr
        assert place.read_bytes() == before and place.is_symlink() == (name == "link")


def test_link_in_a_folder_is_not_followed(tmp_path):
    folder, victim = tmp_path / "caches", tmp_path / "victim"
    folder.mkdir()
    run("mlp", folder, tmp_path / "out.npz")
    place = next(folder.iterdir())
    place.unlink()
    victim.write_text("precious")
    place.symlink_to(victim)
    done = cuvier("predict", net("mlp") + ".keras", "-i", net("mlp") + ".io.npz", "-o", tmp_path / "out.npz", "--cache", folder)
    assert done.returncode == 2 and victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_damaged_files_are_made_anew(name, tmp_path):
    cache = tmp_path / "a.packed"
    run(name, cache, tmp_path / "out.npz")
    good = cache.read_bytes()
    rng = np.random.default_rng(0)
    cuts = [0, 16, 100, 127, 128, 200, len(good) // 2, len(good) - 1]
    turned = [80, 84, 88, 92, 96, 128, 140, 150] + [int(n) for n in rng.integers(128, len(good), 12)]
    for bad in [good[:n] for n in cuts] + [good[:n] + bytes([good[n] ^ 255]) + good[n + 1:] for n in turned] + [good + b"\0", good + good]:
        cache.write_bytes(bad)
        cache.chmod(0o644)
        done = run(name, cache, tmp_path / "out.npz")
        check(name, tmp_path / "out.npz")
        assert not done.stderr or "made anew" in done.stderr
        assert run(name, cache, tmp_path / "out.npz").stderr == ""
        check(name, tmp_path / "out.npz")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_somebody_elses_file_is_not_used(tmp_path):
    cache = tmp_path / "a.packed"
    run("mlp", cache, tmp_path / "out.npz")
    os.chown(cache, 12345, 12345)
    before = cache.read_bytes()
    done = run("mlp", cache, tmp_path / "out.npz")
    check("mlp", tmp_path / "out.npz")
    assert "somebody else" in done.stderr and cache.read_bytes() == before and os.stat(cache).st_uid == 12345


def test_file_that_others_can_write_is_made_anew(tmp_path):
    cache = tmp_path / "a.packed"
    run("mlp", cache, tmp_path / "out.npz")
    cache.chmod(0o666)
    done = run("mlp", cache, tmp_path / "out.npz")
    assert "can be written by others" in done.stderr and stat.S_IMODE(cache.stat().st_mode) & 0o022 == 0
    assert run("mlp", cache, tmp_path / "out.npz").stderr == ""


def test_place_that_cannot_be_written(tmp_path):
    done = run("mlp", tmp_path / "nowhere" / "a.packed", tmp_path / "out.npz")
    check("mlp", tmp_path / "out.npz")
    assert "is not written" in done.stderr
    assert cuvier("predict", net("mlp") + ".keras", "-i", net("mlp") + ".io.npz", "-o", tmp_path / "out.npz", "--cache",
                  str(tmp_path) + "/no/where/").returncode == 3


def test_many_at_once(tmp_path):
    """Processes that write and read the same file give the same outputs, and leave one good file."""
    folder = tmp_path / "caches"
    folder.mkdir()
    running = [subprocess.Popen([BINARY, "predict", net("cnn") + ".keras", "-i", net("cnn") + ".io.npz", "-o", str(tmp_path / f"{i}.npz"),
                                 "--cache", str(folder)], stderr=subprocess.PIPE) for i in range(12)]
    for i, process in enumerate(running):
        assert process.communicate()[1] == b"" and process.returncode == 0
        check("cnn", tmp_path / f"{i}.npz")
    assert len(list(folder.iterdir())) == 1


def test_verbs(tmp_path):
    cache = tmp_path / "a.packed"
    must("verify", net("mlp") + ".keras", "--samples", net("mlp") + ".io.npz", "--cache", cache)
    assert cache.stat().st_size > 128
    assert as_json("bench", net("mlp") + ".keras", "--seconds", "0.1", "--cache", cache)["first_ms"] > 0
