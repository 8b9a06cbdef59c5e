"""Drawing under settings of our own, whatever the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def settings(ours: Mapping[str, object]) -> Iterator[None]:
    """Change these settings of matplotlib while drawing or saving, and nothing else.

    `matplotlib.rc_context` would restore every setting, and with them undo the backend that a notebook chooses
    when its first figure is made: later figures would not be shown.
    """
    import matplotlib as mpl

    before = {name: mpl.rcParams[name] for name in ours}
    mpl.rcParams.update(ours)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def plain_text() -> AbstractContextManager[None]:
    """Switch TeX off while drawing."""
    return settings({"text.usetex": False})
