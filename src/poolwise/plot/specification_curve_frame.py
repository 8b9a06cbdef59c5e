"""What stands where in a specification curve: the estimates from left to right, and a matrix of choices below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import pandas as pd

from poolwise.errors import InputError
from poolwise.plot import _text, _words
from poolwise.plot._given import check_given

if TYPE_CHECKING:
    from poolwise.checks import Specifications

# The choices of the matrix from top to bottom: column of the frame, heading.
CHOICES = (
    ("model", "Model"),
    ("tau2", "Estimator of τ²"),
    ("interval", "Confidence interval"),
    ("tau_prior", "Prior on τ"),
    ("mu_prior", "Prior on the mean"),
    ("studies", "Studies"),
    ("caution", "Caution"),
)
NARROW = "known as too narrow"
_FLAT = {"Flat()": "flat"}
_ORDERS = {
    "model": ("random effects", "common effect"),
    "tau2": ("REML", "ML", "DL", "PM", "EB", "PMM", "HE", "HS", "HSk", "SJ"),
    "interval": ("Wald", "t", "Hartung-Knapp", "Hartung-Knapp ad hoc"),
}
MATRIX = ("y", "heading", "choice", "option", "words")


@final
@dataclass(frozen=True, eq=False)
class Matrix:
    """The rows below a specification curve.

    Attributes
    ----------
    rows : DataFrame
        y (height in rows from the top of the matrix), heading (whether it names a choice), choice, option, words.
    height : float
        Of all of them.
    """

    rows: pd.DataFrame
    height: float


def specification_curve_frame(check: Specifications) -> pd.DataFrame:
    """The specifications that have an answer, from left to right, with what there is to mind of each.

    Parameters
    ----------
    check : Specifications
        What `checks.specifications` returned.

    Returns
    -------
    DataFrame
        Rows of ``check.frame`` with their columns, x, the place from the left, from 0, and caution, which says so where
        an interval is known to be too narrow.

    Raises
    ------
    InputError
        For anything else, or when no specification has an answer.

    References
    ----------
    Simonsohn, Simmons & Nelson 2020, Nature Human Behaviour 4:1208, 10.1038/s41562-020-0912-z.
    """
    from poolwise.checks import Specifications

    check_given("specification_curve", check, Specifications)
    frame = check.frame
    frame = frame[frame["point"].notna()].reset_index(drop=True)
    if frame.empty:
        raise InputError("no specification has an answer", "at least one", "see the column reason of the check's frame")
    return frame.assign(x=np.arange(len(frame)), caution=np.where(frame["warning"] == "", "", NARROW))


def matrix(frame: pd.DataFrame) -> Matrix:
    """The options of every choice that differs between specifications, with a heading for each choice.

    Parameters
    ----------
    frame : DataFrame
        Of `specification_curve_frame`.
    """
    rows, y = [], 0.0
    for choice, heading in CHOICES:
        options = _options(frame, choice)
        if len(options) < 2 and not (options and (frame[choice] == "").any()):
            continue
        rows.append({"y": y + 0.55, "heading": True, "choice": choice, "option": "", "words": heading})
        y += 1.1
        for option in options:
            shorter = f"− {option.removeprefix('without ')}" if option.startswith("without ") else option
            words = _text.plain(_words.prior(_FLAT.get(shorter, shorter)))
            rows.append({"y": y + 0.45, "heading": False, "choice": choice, "option": option, "words": words})
            y += 0.9
        y += 0.2
    return Matrix(pd.DataFrame(rows, columns=list(MATRIX)), y)


def _options(frame: pd.DataFrame, choice: str) -> list[str]:
    there = [option for option in frame.sort_values("id")[choice].unique() if option]
    order = _ORDERS.get(choice, ())
    return sorted(there, key=lambda option: order.index(option) if option in order else len(order))
