"""The z-plot: observed z-values, what a model of selection expects of them, and what without bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.evidence import BiasAveraged
from poolwise.plot import _marks, _sheet, _text
from poolwise.plot._chart import keyed_chart, name_axes, number_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._published import Subject, check_subject, densities, draws_of, intervals_of, relative_to_a_p, sign_of
from poolwise.plot._sheet import Phrase
from poolwise.quantities import Posterior
from poolwise.settings import check_prob

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
BIN = 0.49  # of z, a quarter of 1.96: bins end at 0 and about 1.96
_ENDS = (-4.9, 7.84)  # of z at most: 10 bins below 0 and 16 above
_POINTS = 401
_SEEN, _WHOLE = _marks.COLOURS[0], _marks.COLOURS[2]
_BARS = "#d4d8dd"
_DASHES = (0, (5, 2))
_HIGHEST = 3.0  # heights of the published curve that the axis shows of the other one, at most


def z_frame(subject: Subject, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `z_plot` draws.

    Parameters
    ----------
    subject : Result or BiasAveraged
        A fit of `StepSelection` or `WeightFunction`, of any model with a mean and a tau, or an average over models of
        publication bias.
    prob : float
        Probability of the intervals, where there is a posterior.

    Returns
    -------
    DataFrame
        Columns row, name, z, point, lower, upper, prob. Rows ``"study"`` (z of each estimate in the direction of what
        gets published), ``"published"`` and ``"without bias"`` (densities by z; medians and equal-tailed limits
        of the posterior), ``"cut"`` (where a step changes the weight) and ``"held back"`` (results that the model takes
        to be held back for the k that were published).

    Raises
    ------
    InputError
        For what is neither a result nor an average over models of publication bias.
    MissingQuantityError
        For a model without a single mean.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Bartoš & Schimmack 2022, Meta-Psychology 6, 10.15626/MP.2021.2720, for densities of z extrapolated from what was
    published.
    """
    check_subject("plot.z_plot", subject)
    check_prob(prob)
    draws = draws_of(subject)
    effects = subject.effects
    z = sign_of(subject) * effects.y / effects.se
    grid = np.unique(np.concatenate([np.linspace(*_ends(z), _POINTS), *_beside_cuts(subject)]))
    seen, whole, held = densities(subject, draws, grid)
    rows = [pd.DataFrame({"row": "study", "name": list(effects.labels), "z": z})]
    for row, values in (("published", seen), ("without bias", whole), ("held back", effects.k * held[:, None])):
        rows.append(_summary(row, grid if row != "held back" else np.array([np.nan]), values, prob))
    rows.append(pd.DataFrame({"row": "cut", "z": _cuts(subject)}))
    return pd.concat(rows, ignore_index=True).reindex(columns=["row", "name", "z", "point", "lower", "upper", "prob"])


def z_plot(subject: Subject, *, prob: float = 0.95, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the z-values of the studies, the density that a model gives them, and that without bias.

    Under a model of selection the two curves are equally high where results are published for certain; where the
    dashed one is the higher, the gap is what the model takes to be held back. Under PET and PEESE, which an average
    also holds, the dashed one is shifted: it is what would be found without the bias of small studies. A bar is a
    count of estimates, and both curves are in its unit.
    `z_frame` gives every number drawn.

    Parameters
    ----------
    subject : Result or BiasAveraged
        A fit of `StepSelection` or `WeightFunction`, or an average over models of publication bias. A fit of any other
        model with a mean and a tau has no dashed curve.
    prob : float
        Probability of the band, where there is a posterior.
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
        For what is neither a result nor an average over models of publication bias; axes that are too small.
    MissingQuantityError
        For a model without a single mean.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Bartoš & Schimmack 2022, Meta-Psychology 6, 10.15626/MP.2021.2720.

    Examples
    --------
    >>> import poolwise as pw
    >>> model = pw.StepSelection((0.025,), direction="negative")
    >>> pw.plot.close(pw.plot.z_plot(pw.fit(pw.datasets.load("bcg"), model, pw.ClosedForm())))
    """
    frame = z_frame(subject, prob=prob)
    effects = subject.effects
    with plain_text():
        words = _text.plain(effects.title if title is None else title) or "z-plot"
        own = keyed_chart(words, _notes(subject, frame), _keys(frame, prob), ax)
        _draw(own, frame)
        turned = "z = y / se" if sign_of(subject) > 0.0 else "z = −y / se: results below 0 are wanted"
        name_axes(own, turned, "estimates")
    return own


def _ends(z: Array) -> tuple[float, float]:
    """Whole bins that hold the z-values and the usual cuts, within the ends of the axis."""
    low = np.clip(np.floor(z.min() / BIN) * BIN, _ENDS[0], -4 * BIN)
    return float(low), float(np.clip(np.ceil(z.max() / BIN + 1e-9) * BIN, 8 * BIN, _ENDS[1]))


def _cuts(subject: Subject) -> Array:
    steps = intervals_of(subject)
    if steps is None:
        return np.zeros(0)
    return np.unique(np.concatenate([steps.cuts, -steps.cuts])) if steps.sides == 2 else steps.cuts


def _beside_cuts(subject: Subject) -> list[Array]:
    """Points right beside each cut, so that a step is drawn as one."""
    cuts = _cuts(subject)
    return [cuts - 1e-6, cuts + 1e-6] if len(cuts) else []


def _summary(row: str, z: Array, values: Array, prob: float) -> pd.DataFrame:
    tail = 0.5 * (1.0 - prob)
    if len(values) == 1:
        return pd.DataFrame({"row": row, "z": z, "point": values[0]})
    lower, point, upper = np.quantile(values, [tail, 0.5, 1.0 - tail], axis=0)
    return pd.DataFrame({"row": row, "z": z, "point": point, "lower": lower, "upper": upper, "prob": prob})


def _selects(frame: pd.DataFrame) -> bool:
    seen, whole = (frame.loc[frame["row"] == row, "point"].to_numpy() for row in ("published", "without bias"))
    return not np.array_equal(seen, whole)


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    z = frame.loc[frame["row"] == "study", "z"].to_numpy(dtype=float)
    low, high = _ends(z)
    unit = len(z) * BIN
    edges = np.arange(round(low / BIN), round(high / BIN) + 1) * BIN
    count, _ = np.histogram(z, edges)
    ax.bar(
        edges[:-1],
        count,
        width=BIN,
        align="edge",
        color=_BARS,
        edgecolor="white",
        lw=0.6,
        zorder=0.8,
        label="estimates",
    )
    seen, whole = (frame[frame["row"] == row] for row in ("published", "without bias"))
    top = max(float(count.max(initial=0)), unit * float(seen["point"].max()))
    if _selects(frame):
        top = max(top, min(unit * float(whole["point"].max()), _HIGHEST * top))
        if whole["lower"].notna().any():
            band = unit * whole["lower"], unit * whole["upper"]
            ax.fill_between(
                whole["z"], *band, color=_WHOLE, alpha=0.16, lw=0, zorder=0.5, label="without bias, interval"
            )
        ax.plot(whole["z"], unit * whole["point"], color=_WHOLE, ls=_DASHES, lw=1.6, label="without bias")
    ax.plot(seen["z"], unit * seen["point"], color=_SEEN, lw=1.8, label="published")
    for cut in frame.loc[frame["row"] == "cut", "z"]:
        ax.axvline(cut, color=_sheet.SOFT, lw=0.9, ls=(0, (1, 1.5)), zorder=1.0, label="cut")
    ax.set_xlim(low, high)
    _marks.rug(ax, z, "z")
    ax.set_ylim(0.0, 1.08 * top)
    for axis in (ax.xaxis, ax.yaxis):
        number_ticks(axis, whole=True)


def _keys(frame: pd.DataFrame, prob: float) -> list[Key]:
    keys = [Key("estimates", "patch", _BARS), Key("expected of published ones", "line", _SEEN)]
    if _selects(frame):
        keys.append(Key("expected without bias", "line", _WHOLE, dash=_DASHES))
        if frame["lower"].notna().any():
            keys.append(Key(f"its {show.level(prob)} band", "patch", "#d6efe6"))
    if (frame["row"] == "cut").any():
        keys.append(Key("weight changes", "line", _sheet.SOFT, dash=(0, (1, 1.5))))
    return keys


def _count(results: float) -> str:
    return f"{max(results, 0.0):,.0f}" if results >= 10.0 else f"{max(results, 0.0):.2g}"


def _certain(subject: Subject) -> str:
    return "those with p = .005" if relative_to_a_p(subject) else "the most significant ones"


def _notes(subject: Subject, frame: pd.DataFrame) -> list[Phrase]:
    z = frame.loc[frame["row"] == "study", "z"].to_numpy(dtype=float)
    low, high = _ends(z)
    k = len(z)
    if isinstance(subject, BiasAveraged):
        said = [f"Averaged over {len(subject.components)} models: medians and limits of exact draws."]
    elif isinstance(subject["mu"], Posterior):
        said = [f"By {show.method(subject.label)}: medians and limits of the posterior, point by point."]
    else:
        said = [f"By {show.method(subject.label)}, at its estimates, whose uncertainty is not shown."]
    held = frame[frame["row"] == "held back"].iloc[0]
    if _selects(frame):
        limits = "" if pd.isna(held["lower"]) else f" [{_count(held['lower'])}, {_count(held['upper'])}]"
        published = "the result" if k == 1 else f"{k} results"
        said.append(
            f"Beside {published} published the model takes {_count(held['point'])}{limits} "
            f"to be held back, if {_certain(subject)} are all published."
        )
    else:
        said.append("The model has no selection, so that both densities are one.")
    beyond = int(((z < low) | (z > high)).sum())
    if beyond:
        said.append(f"{beyond} beyond the axis.")
    if k < 10:
        said.append(f"k = {k} says little about a density.")
    return [Phrase(_text.plain(" ".join(said)))]
