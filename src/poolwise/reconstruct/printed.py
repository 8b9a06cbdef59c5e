"""A figure as it was printed: its value, its decimals, and the numbers that round to it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, shown

_PATTERN = re.compile(r"^([<=]?)\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*%?$")
# Numbers this close to a rounding boundary (in units of the box's width) count as outside, so that
# round-off of the order of 1e-15 never moves a recomputed figure across it.
_MARGIN = 1e-6


@final
@dataclass(frozen=True)
class Printed:
    """A printed figure and the box of numbers that print as it.

    Attributes
    ----------
    value : float
        The figure.
    decimals : int
        Decimals printed; ``"0.940"`` has 3.
    below : bool
        Whether the figure is a bound, as in ``"<.001"``.
    """

    value: float
    decimals: int
    below: bool = False

    @property
    def box(self) -> tuple[float, float]:
        """Lower and upper end of the numbers that print as this figure.

        ``value -/+ 0.5 x 10^-decimals``; for a bound, from 0 to the bound.
        """
        if self.below:
            return 0.0, self.value
        half = 0.5 * 10.0**-self.decimals
        return self.value - half, self.value + half

    @property
    def inside(self) -> tuple[float, float]:
        """The box without its boundary: what every rule of rounding agrees on."""
        low, high = self.box
        margin = _MARGIN * (high - low)
        return low + margin, high - margin

    def holds(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Whether each number lies inside the box; same shape as `x`, False for NaN."""
        low, high = (0.0, self.inside[1]) if self.below else self.inside
        x = np.asarray(x, dtype=float)
        return (x >= low) & (x <= high)

    def like(self, x: float) -> str:
        """Another number printed in the same way: same decimals, the bound where it is below it."""
        if self.below and x < self.value:
            return str(self)
        return f"{x:z.{self.decimals}f}"

    def __str__(self) -> str:
        return ("<" if self.below else "") + f"{self.value:z.{self.decimals}f}"


def as_printed(figure: object, name: str, decimals: int | None = None) -> Printed | None:
    """A figure from text, a number, or a `Printed`; None where none is given.

    Text keeps its trailing zeros: ``"0.940"`` has 3 decimals. A number has the decimals it needs,
    or those given by `decimals`.

    Parameters
    ----------
    figure : str, float, Printed or None
        As printed; NaN and blank text count as none.
    name : str
        What it is, for messages.
    decimals : int, optional
        Decimals that a number was printed with.

    Returns
    -------
    Printed or None

    Raises
    ------
    InputError
        If the figure is not a number, or has more decimals than were said to be printed.
    """
    if figure is None or isinstance(figure, Printed):
        return figure
    if isinstance(figure, str):
        return _from_text(figure, name)
    try:
        value = float(figure)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"published {name} = {shown(figure)} is no number", "a figure as printed") from None
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise InputError(f"published {name} is infinite", "a number as printed")
    needed = decimals_needed(value)
    if decimals is None:
        return Printed(value, needed)
    if needed > decimals:
        raise InputError(
            f"published {name} = {value!r} has more than the {decimals} decimals said to be printed",
            "the figure as printed, or the true number of decimals",
        )
    return Printed(value, int(decimals))


def decimals_needed(value: float) -> int:
    """Decimals in the shortest text that gives this number: 0.94 needs 2, 3.0 none."""
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _from_text(text: str, name: str) -> Printed | None:
    stripped = text.strip().replace("−", "-")
    if not stripped:
        return None
    match = _PATTERN.match(stripped)
    if match is None:
        advice = f"'{stripped.replace(',', '.')}' (a point before the decimals)" if "," in stripped else ""
        raise InputError(f"published {name} = {text!r} is no number", "text such as '0.390' or '<.001'", advice)
    sign, digits = match.groups()
    return Printed(float(digits), len(digits.partition(".")[2]), below=sign == "<")
