"""Fixtures that more than one suite uses: real Kerases, each in a process of its own that is started once."""
import pytest

from support import Loader, keras_215_python, keras_python


def serve(python, how_to_get_it):
    if not python:
        pytest.skip(how_to_get_it)
    loader = Loader(python)
    yield loader
    loader.close()


@pytest.fixture(scope="session")
def keras3():
    yield from serve(keras_python(), "Keras is not installed (tools/setup_tests)")


@pytest.fixture(scope="session")
def keras2():
    yield from serve(keras_215_python(), "Keras 2.15 is not installed (tools/setup_tests --with-keras-2.15)")
