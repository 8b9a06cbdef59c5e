"""Settings of all tests."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings

# A deadline for each example measures what else the machine does; speed has its own benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

FIRST = ("test_notebooks.py", "test_docs.py")  # each test takes seconds, and none shares a fixture with another


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep half a million objects of 8,000 collected tests out of every later search for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: a worker that begins one at the end leaves the other without work."""
    items.sort(key=lambda item: item.path.name not in FIRST)
