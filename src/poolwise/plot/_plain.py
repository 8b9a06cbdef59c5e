"""Drawing under settings of our own, whatever the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import final

from poolwise.plot import _text, _theme

# Words in files are text, which can be read, found and set anew: in SVG not outlines, in PDF fonts that editors take.
TEXT: Mapping[str, object] = {"svg.fonttype": "none", "pdf.fonttype": 42}


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


@final
class plain_text:  # noqa: N801, a context manager like the one it stands on
    """Switch TeX off while drawing, warn once of characters shown as boxes, and take the theme at hand at the end."""

    def __init__(self) -> None:
        self.parts = (settings({"text.usetex": False}), _text.boxes_warned_of(), _theme.finished())

    def __enter__(self) -> None:
        for part in self.parts:
            part.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in reversed(self.parts):
            part.__exit__(kind, error, trace)
