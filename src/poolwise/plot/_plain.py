"""Drawing without TeX, whatever the user's settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_text() -> Iterator[None]:
    """Switch TeX off while drawing, and nothing else.

    `matplotlib.rc_context` would restore every setting, and with them undo the backend that a notebook chooses
    when its first figure is made: later figures would not be shown.
    """
    import matplotlib as mpl

    before = mpl.rcParams["text.usetex"]
    mpl.rcParams["text.usetex"] = False
    try:
        yield
    finally:
        mpl.rcParams["text.usetex"] = before
