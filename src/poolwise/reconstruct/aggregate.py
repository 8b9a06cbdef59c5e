"""One row of published aggregates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import pandas as pd

from poolwise.errors import InputError, nearest, shown
from poolwise.reconstruct.printed import Printed, as_printed, decimals_needed
from poolwise.settings import as_number

FIGURES = ("d", "se", "q", "i2_percent", "d_re", "p")
_OTHER_NAMES = {"d": "d_fe", "se": "se_fe", "i2_percent": "i2"}
_WORDS = ("outcome", "moderator", "level", "scale", "citation")
_KNOWN = {
    *FIGURES,
    *_OTHER_NAMES.values(),
    *_WORDS,
    "k",
    "share",
    "directions",
    "note",
    "title",
    "decimals",
    *(f"{figure}_decimals" for figure in FIGURES),
}


@final
@dataclass(frozen=True)
class Aggregate:
    """What a paper prints of one set of studies; None where it prints nothing.

    Attributes
    ----------
    k : int or None
        Number of studies.
    d, se : Printed or None
        Common-effect estimate and its standard error, on the analysis scale.
    q : Printed or None
        Cochran's Q.
    i2_percent : Printed or None
        I2 in percent, as papers print it: 100 max(0, (Q - k + 1) / Q).
    d_re : Printed or None
        Random-effects estimate (DerSimonian and Laird).
    p : Printed or None
        Two-sided p-value of d / se, normal reference; may be a bound.
    share : float or None
        Share of the outcome's studies that this level holds, where the paper tells it in words.
    outcome, moderator, level : str
        What the row is about.
    scale, citation : str
        Name of the analysis scale; whom to cite.
    directions : tuple of str
        Words for effects below and above the null value.

    References
    ----------
    Cochran 1954, Biometrics 10:101, 10.2307/3001666, for Q; Higgins & Thompson 2002, Statistics in Medicine 21:1539,
    10.1002/sim.1186, for I2; DerSimonian & Laird 1986, Controlled Clinical Trials 7:177, 10.1016/0197-2456(86)90046-2,
    for the random-effects estimate.
    """

    k: int | None = None
    d: Printed | None = None
    se: Printed | None = None
    q: Printed | None = None
    i2_percent: Printed | None = None
    d_re: Printed | None = None
    p: Printed | None = None
    share: float | None = None
    outcome: str = ""
    moderator: str = ""
    level: str = ""
    scale: str = "SMD"
    citation: str = ""
    directions: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, row: Aggregate | Mapping[str, Any] | pd.Series) -> Aggregate:
        """An aggregate from a mapping or a row of a frame.

        Figures are best given as text, as printed, trailing zeros included: ``"0.940"``. A number has
        the decimals that ``<figure>_decimals`` gives (``decimals``: of d and se), else those it needs;
        d and se then share the larger number of the two, since papers print them alike. ``d_fe``,
        ``se_fe`` and ``i2`` are taken for d, se and i2_percent.

        Parameters
        ----------
        row : Aggregate, mapping or Series
            Cells by name; empty, None and NaN cells count as not printed.

        Returns
        -------
        Aggregate

        Raises
        ------
        InputError
            If a key is unknown, a figure is no number, or k is no whole number.

        Examples
        --------
        >>> row = Aggregate.of({"k": 3, "d": "0.374", "se": "0.124", "q": "0.940", "p": ".003"})
        >>> str(row.q), row.q.decimals, str(row.p)
        ('0.940', 3, '0.003')
        """
        if isinstance(row, Aggregate):
            return row
        cells = _cells(row)
        settings: dict[str, Any] = {name: as_printed(cells.get(name), name, _decimals(cells, name)) for name in FIGURES}
        settings |= {name: str(cells[name]) for name in _WORDS if name in cells}
        below, above = cells.get("directions", ("", ""))
        return cls(k=_whole(cells.get("k")), share=_share(cells.get("share")), directions=(below, above), **settings)

    @property
    def figures(self) -> dict[str, Printed]:
        """The printed figures by name, without those that were not printed."""
        every = {name: getattr(self, name) for name in FIGURES}
        return {name: figure for name, figure in every.items() if figure is not None}

    @property
    def studies(self) -> int:
        """The number of studies, which must be published.

        Raises
        ------
        InputError
            If it is not.
        """
        if self.k is None:
            raise InputError(f"{self.name}: no k is published", "the number of studies")
        return self.k

    def figure(self, name: str) -> Printed:
        """A figure that must be published.

        Parameters
        ----------
        name : str
            ``"d"``, ``"se"``, ``"q"``, ``"i2_percent"``, ``"d_re"`` or ``"p"``.

        Returns
        -------
        Printed

        Raises
        ------
        InputError
            If it is not.
        """
        figure = self.figures.get(name)
        if figure is None:
            raise InputError(f"{self.name}: no {name} is published", "k, d, SE, and Q or I2")
        return figure

    @property
    def name(self) -> str:
        """Words for the row in messages and tables."""
        return self.level or "overall"

    def q_box(self) -> tuple[float, float]:
        """The Cochran's Q that agree with the printed Q and I2 together, for the printed k.

        I2 = 100 (Q - df) / Q, so Q = df / (1 - I2 / 100); a printed I2 of 0 admits any Q up to that.

        Returns
        -------
        tuple of float
            Smallest and largest Q, the latter inf where nothing bounds it.

        Raises
        ------
        InputError
            If no Q agrees with both, or neither is printed.
        """
        if self.q is None and self.i2_percent is None:
            raise InputError(f"{self.name}: neither Q nor I2 is published", "at least one of the two")
        df = self.studies - 1
        low, high = (0.0, math.inf) if self.q is None else self.q.inside
        if self.i2_percent is not None:
            i2_low, i2_high = self.i2_percent.inside
            high = min(high, df / (1.0 - i2_high / 100.0) if i2_high < 100.0 else math.inf)
            if i2_low > 0.0:
                low = max(low, df / (1.0 - i2_low / 100.0))
        if low > high:
            raise InputError(
                f"{self.name}: no Q agrees with Q = {self.q}, I2 = {self.i2_percent} % and k = {self.k}",
                f"I2 = 100 (Q - k + 1) / Q, here {self._i2_at_printed_q():.2f} %, in percent",
                "check Q, I2 and k against the paper",
            )
        return max(low, 0.0), high

    def _i2_at_printed_q(self) -> float:
        q, k = self.figure("q").value, self.studies
        return 100.0 * max(0.0, (q - k + 1) / q) if q > 0 else 0.0


def _cells(row: Mapping[str, Any] | pd.Series) -> dict[str, Any]:
    """The cells that say something, under poolwise's names, with what the row's frame says of itself."""
    told: dict[str, Any] = {str(name): word for name, word in getattr(row, "attrs", {}).items()}
    given = told | {str(name): cell for name, cell in row.items()}
    unknown = [name for name in given if name not in _KNOWN]
    if unknown:
        raise InputError(f"a published row has an unknown column '{unknown[0]}'", advice=nearest(unknown[0], _KNOWN))
    for name, other in _OTHER_NAMES.items():
        if name not in given and other in given:
            given[name] = given[other]
    return {name: cell for name, cell in given.items() if not _empty(cell)}


def _empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (bool(pd.api.types.is_scalar(cell)) and bool(pd.isna(cell)))


def _decimals(cells: Mapping[str, Any], name: str) -> int | None:
    """Decimals that a figure given as a number is printed with; None to take those it needs."""
    own = cells.get(f"{name}_decimals")
    if own is not None:
        return int(own)
    if name not in ("d", "se"):
        return None
    if "decimals" in cells:
        return int(cells["decimals"])
    numbers = [cells[x] for x in ("d", "se") if isinstance(cells.get(x), (int, float))]
    return max(decimals_needed(x) for x in numbers) if len(numbers) == 2 else None


def _whole(k: object) -> int | None:
    if k is None:
        return None
    try:
        number = float(k)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (1 <= number < math.inf and number == int(number)):
        raise InputError(f"published k = {shown(k)}", "a whole number of studies")
    return int(number)


def _share(share: object) -> float | None:
    if share is None:
        return None
    number = as_number(share)
    if not 0.0 < number <= 1.0:
        raise InputError(f"published share = {shown(share)}", "a fraction of the outcome's studies, as 0.667")
    return number
