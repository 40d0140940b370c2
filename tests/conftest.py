"""Marks the tests that are known to fail, one a line in expected_failures.txt; one that starts to pass fails the run, so the list only
shrinks."""
from pathlib import Path

import pytest

LISTED = Path(__file__).with_name("expected_failures.txt")


def pytest_collection_modifyitems(items):
    names = set()
    if LISTED.exists():
        names = {line.strip() for line in LISTED.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"}
    for item in items:
        name = item.nodeid.split("tests/")[-1]
        if name in names:
            item.add_marker(pytest.mark.xfail(reason="not there yet", strict=True))
