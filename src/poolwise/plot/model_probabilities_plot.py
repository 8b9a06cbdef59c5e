"""The models of an average as tiles: how probable each is before and after the data."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.errors import InputError, described
from poolwise.evidence import Averaged, BiasAveraged
from poolwise.evidence.averaged import MODELS
from poolwise.plot import _canvas, _sheet, _text
from poolwise.plot._chart import refuse_small
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import size_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ((False, False), (False, True), (True, False), (True, True))  # effect, random
_HEADS = ("no effect", "effect")
_LEAST_SHOWN = 0.0005
_SIDES = {"one": "1", "two": "2"}
_LEAST = 7.0  # points of the smaller numbers
_PITCH, _TILE, _LEAST_TILE, _LEAST_PITCH = 0.36, 0.72, 0.36, 0.275
_DARKEST = np.array([0.0, 0.353, 0.553])  # of a tile whose model has all the probability


def model_frame(averaged: BiasAveraged | Averaged) -> pd.DataFrame:
    """Every number that `model_probabilities` draws.

    Parameters
    ----------
    averaged : BiasAveraged or Averaged
        What `average` returned.

    Returns
    -------
    DataFrame
        Columns bias, effect, random (whether mu and tau are unknown; None in a sum over both), prior, posterior. Rows
        of models, then the sums over biases, and of an average over biases the sum for each of them.

    Raises
    ------
    InputError
        For what is no average over models.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594.
    """
    if isinstance(averaged, BiasAveraged):
        models = averaged.models[["bias", "effect", "random", "prior", "posterior"]]
    elif isinstance(averaged, Averaged):
        models = _of_four(averaged)
    else:
        raise InputError(
            f"plot.model_probabilities was given {described(averaged)}",
            "an average over models",
            'plot.model_probabilities(pw.average(effects, bias="PSMA", direction="positive"))',
        )
    models = models.astype({"effect": object, "random": object})
    models["prior"] = models["prior"] / models["prior"].sum()
    numbers = ["prior", "posterior"]
    across = models.groupby(["effect", "random"], sort=False)[numbers].sum().reset_index().assign(bias="all")
    down = models.groupby("bias", sort=False)[numbers].sum().reset_index().assign(effect=None, random=None)
    parts = [models, across, down] if len(down) > 1 else [models]
    return pd.concat([part.astype({"effect": object, "random": object}) for part in parts], ignore_index=True)


def model_probabilities(averaged: BiasAveraged | Averaged, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the models of an average as tiles: a row for each bias, a column for each of effect and heterogeneity.

    The large number in a tile is the posterior probability of the model, which also darkens the tile, the small one its
    prior probability; the last column, where there is room for it,
    and the last row are sums. `model_frame` gives every number drawn.

    Parameters
    ----------
    averaged : BiasAveraged or Averaged
        What `average` returned, with or without models of publication bias.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what is no average over models; axes that are too small.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594.

    Examples
    --------
    >>> import poolwise as pw
    >>> pw.plot.close(pw.plot.model_probabilities(pw.average(pw.datasets.load("bcg"))))
    """
    frame = model_frame(averaged)
    rows = list(dict.fromkeys(frame["bias"]))
    sums = "all" in rows
    rows = [*(row for row in rows if row != "all"), *(["all"] if sums else [])]
    columns = [*COLUMNS, *([(None, None)] if sums else [])]
    with plain_text():
        words = _text.plain(averaged.effects.title if title is None else title) or "Probabilities of the models"
        if averaged.effects.reconstructed and "reconstructed" not in words.casefold():
            words = f"{words} — reconstructed data"
        sheet = _table(words, rows, len(columns), _notes(averaged, frame))
        if ax is not None:
            if sums and _sheet.place(sheet, size_of(ax)[0]).main[1] < _LEAST_TILE * len(columns):
                columns, sums = columns[:-1], False  # the sums over each bias give way
                sheet = _table(words, rows, len(columns), _notes(averaged, frame))
            refuse_small(sheet, ax, (_LEAST_TILE * len(columns), _LEAST_PITCH * (len(rows) + 2)))
        (own,), _ = _canvas.draw(sheet, ax)
        for line in tuple(own.lines):
            line.remove()
        own.set_xlim(0.0, len(columns))
        own.spines[:].set_visible(False)
        own.set_xticks([])
        _heads(own, sums)
        _tiles(own, frame, rows, columns)
    return own


def _of_four(averaged: Averaged) -> pd.DataFrame:
    rows = []
    for name in MODELS:
        random, effect = name.startswith("random"), name.endswith("effect")
        prior, posterior = averaged.prior_probabilities[name], math.exp(averaged.log_posterior[name])
        rows.append({"bias": "none", "effect": effect, "random": random, "prior": prior, "posterior": posterior})
    return pd.DataFrame(rows)


def _table(title: str, rows: list[str], columns: int, notes: tuple[Phrase, ...]) -> Sheet:
    lines = tuple(Line(i + 2.5, bold=row == "all") for i, row in enumerate(rows))
    names = Column("", tuple(_short(row) for row in rows))
    return Sheet(title, lines, len(rows) + 2.0, _PITCH, (names, Plot(_TILE * columns)), notes, below=0.12)


def _short(bias: str) -> str:
    """``1-sided .025, .05`` for ``one-sided (.025, .05)``, so that tiles have room."""
    if bias == "none":
        return "no bias"
    return _text.plain(re.sub(r"^(one|two)-sided \(([^)]*)\)", lambda m: f"{_SIDES[m[1]]}-sided {m[2]}", bias))


def _heads(ax: Axes, sums: bool) -> None:
    def write(x: float, y: float, words: str, *, bold: bool = False) -> None:
        look = _text.font(words, _sheet.BODY_SIZE, bold=bold)
        ax.text(x, y, words, ha="center", va="center", fontproperties=look, color=_sheet.INK, parse_math=False)

    for i, words in enumerate(_HEADS):
        write(2.0 * i + 1.0, 0.5, words, bold=True)
        write(2.0 * i + 0.5, 1.5, "τ = 0")
        write(2.0 * i + 1.5, 1.5, "τ > 0")
    if sums:
        write(4.5, 1.5, "all", bold=True)
    ax.hlines([1.0, 1.0], [0.06, 2.06], [1.94, 3.94], color=_sheet.RULE, lw=0.7)


def _tiles(ax: Axes, frame: pd.DataFrame, rows: list[str], columns: list[tuple[bool | None, bool | None]]) -> None:
    from matplotlib.patches import Rectangle

    most = float(frame.loc[(frame["bias"] != "all") & frame["effect"].notna(), "posterior"].max())
    for row in frame.to_dict("records"):
        if (row["effect"], row["random"]) not in columns:
            continue
        y, x = rows.index(row["bias"]) + 2, columns.index((row["effect"], row["random"]))
        model = row["bias"] != "all" and row["effect"] is not None
        face = 1.0 - (1.0 - _DARKEST) * (row["posterior"] / most if model else 0.0)
        ink = _ink(face)
        tile = Rectangle(
            (x + 0.03, y + 0.04), 0.94, 0.92, facecolor=face, edgecolor=_sheet.RULE, lw=0.6 if model else 0
        )
        ax.add_patch(tile)
        least = row["posterior"] < _LEAST_SHOWN
        for down, words, size, bold in (
            (0.31, _percent(row["posterior"]), _LEAST if least else _sheet.BODY_SIZE, not least),
            (0.74, _percent(row["prior"]), _LEAST, False),
        ):
            look = _text.font(words, size, bold=bold)
            ax.text(x + 0.5, y + down, words, ha="center", va="center", fontproperties=look, color=ink)


def _percent(share: float) -> str:
    """A share of 1 in percent, short enough for a tile."""
    if share >= 0.995:
        return "> 99" if share < 1.0 else "100"
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}" if share >= _LEAST_SHOWN else "< 0.1"


def _ink(face: np.ndarray) -> str:
    """Black or white, whichever is told better from a colour; one of them always by 4.5 to 1."""
    linear = np.where(face <= 0.04045, face / 12.92, ((face + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#ffffff"


def _notes(averaged: BiasAveraged | Averaged, frame: pd.DataFrame) -> tuple[Phrase, ...]:
    effects = averaged.effects
    models = frame[(frame["bias"] != "all") & frame["effect"].notna()]
    said = [f"Large: posterior probability in %, k = {effects.k}; small: prior probability."]
    if isinstance(averaged, BiasAveraged):
        said.append(f"Direction of what gets published: {averaged.direction}, stated and not found.")
    said.append(f"Prior: {averaged.prior}.")
    return (
        Phrase(_answer(models), _sheet.BODY_SIZE, _sheet.INK, bold=True),
        Phrase(show.greek(_text.plain(" ".join(said)))),
    )


def _answer(models: pd.DataFrame) -> str:
    """How probable an effect, heterogeneity and a bias are after the data, and were before."""
    parts = {"an effect": models["effect"] == True, "heterogeneity": models["random"] == True}  # noqa: E712, objects
    if models["bias"].nunique() > 1:
        parts["publication bias"] = models["bias"] != "none"
    after, before = (
        [_share(float(models.loc[own, when].sum())) for own in parts.values()] for when in ("posterior", "prior")
    )
    told = ", of ".join(f"{name} {share}" for name, share in zip(parts, after, strict=True))
    known = f"{before[0]} each" if len(set(before)) == 1 else ", ".join(before)
    return f"Probability after the data: of {told}; before them {known}."


def _share(share: float) -> str:
    """A share of 1 in percent within a sentence, which a sum of models that leave others out never fills."""
    return "> 99 %" if share >= 0.995 else f"{_percent(share)} %"
