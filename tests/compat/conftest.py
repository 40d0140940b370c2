"""Fixtures that more than one suite uses."""
import pytest

from support import KerasLoader


@pytest.fixture(scope="session")
def keras_loader():
    """Real Keras in a process of its own, started once."""
    loader = KerasLoader()
    if not loader.process:
        pytest.skip("Keras is not installed (tools/setup_tests)")
    yield loader
    loader.close()
