"""What a range of answers says, in sentences: one for each contrast, one for the levels, one for NUTS."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from poolwise import show
from poolwise.scale import Scale, as_scale

type Symbols = Callable[[str], str]
"""How names of quantities and the package's own words are written: as they are, or in Greek (``show.symbol``)."""

_CONTRAST = re.compile(r"mu\[(.*)\] - mu\[(.*)\]")

_NOTHING = 1e-9
_AS_IT_IS = as_scale("identity")


def ratios(scale: Scale) -> Scale:
    """The scale on which means, differences and slopes are all read: of logarithms ratios, of others as they are."""
    return scale if scale.transform == "log" else _AS_IT_IS


def contrasts(names: list[str]) -> list[str]:
    """The quantities that answer the question: contrasts, else slopes, else the mean effect."""
    chosen = [name for name in names if show.is_contrast(name)]
    chosen = chosen or [name for name in names if name.startswith("beta[") and name != "beta[intercept]"]
    return chosen or [name for name in names if name == "mu"]


def short(name: str, symbols: Symbols = str) -> str:
    """``"custodial − community"`` of a contrast; other names as `symbols` writes them.

    Examples
    --------
    >>> short("mu[custodial] - mu[community]"), short("beta[pi]", show.symbol)
    ('custodial − community', 'β[pi]')
    """
    if parts := _CONTRAST.fullmatch(name):
        return f"{parts[1]} − {parts[2]}"
    return symbols(name)


def verdicts(
    frame: pd.DataFrame, label: str, factor: str, symbols: Symbols = str, scale: Scale = _AS_IT_IS
) -> tuple[str, ...]:
    """A sentence for each answer to the question.

    Parameters
    ----------
    frame : DataFrame
        `Ranges.frame`.
    label : str
        The fit that the sentences are about.
    factor : str
        What the studies are divided by; empty when they are not.
    symbols : callable
        How the names of quantities are written.
    scale : Scale
        Of the effects; logarithms are read as ratios.
    """
    main = frame[frame["label"] == label]
    rows = main[main["quantity"].isin(contrasts(main["quantity"].tolist()))]
    return tuple(verdict(row, factor, symbols, scale) for row in rows.to_dict("records"))


def verdict(row: Mapping[Any, Any], factor: str, symbols: Symbols = str, scale: Scale = _AS_IT_IS) -> str:
    """What the range of one contrast says and what it does not.

    Parameters
    ----------
    row : mapping
        A row of `Ranges.frame`.
    factor : str
        What the studies are divided by; empty when they are not.
    symbols : callable
        How the name of the quantity is written.
    scale : Scale
        Of the effects; logarithms are read as ratios.

    Returns
    -------
    str
        One sentence.
    """
    scale = ratios(scale)
    null = f"{float(scale.back(0.0)):g}"
    tables, excluding = int(row["tables"]), round(row["excludes_0"] * row["tables"])
    made, extremes = row["data"] == "reconstructed", int(row["found"])
    many, told = (f"{tables} reconstructed tables", "published figures") if made else (f"{tables} tables", "tables")
    drawn = many
    if extremes:
        many = f"{tables + extremes} reconstructed tables, {tables} drawn and {extremes} found by search,"
    kind = f"{show.level(row['prob'])} {'credible' if 'credible' in row['interval'] else 'confidence'} interval"
    reach = f"the estimate runs {_run(row, 'point', scale)}, the limits reach from {_limits(row, scale)}"
    if not math.isnan(row["p_above_low"]):
        reach += f", the probability that it is {_chances(row, null)}"
    head = f"{short(str(row['quantity']), symbols)} ({show.method(row['label'])}): "
    if row["excludes"] == "none":
        by = f" by {factor}" if factor else ""
        none = (
            f"neither show a difference{by} nor rule one out"
            if show.is_contrast(row["quantity"])
            else "do not tell the sign"
        )
        return f"{head}in none of {many} does the {kind} exclude {null}; {reach}; so the {told} {none}."
    if row["excludes"] in ("above", "below"):
        return (
            f"{head}in every one of {many} the {kind} lies {row['excludes']} {null}; {reach}; so the {told} tell the "
            "sign under this model and its priors, if the true table is among these or within their range."
        )
    others = ", in the others not" if excluding < tables else ", on either side"
    if extremes and excluding in (0, tables):
        others = ", but in some of those found by search " + ("it does" if excluding == 0 else "it does not")
    return (
        f"{head}in {excluding} of {drawn} ({show.percent(excluding / tables)}) the {kind} excludes {null}{others}; "
        f"{reach}; so the {told} do not settle it: the answer depends on which table is the true one."
    )


def priors(panel: pd.DataFrame, k: int, prob: float, small: int, scale: Scale = _AS_IT_IS) -> str:
    """What can be said of mu under each prior of the panel over all tables; empty without a panel.

    Parameters
    ----------
    panel : DataFrame
        `Ranges.panel`.
    k : int
        Number of studies.
    prob : float
        Probability of the intervals.
    small : int
        Number of studies below which one prior alone is never read.
    scale : Scale
        Of the effects; logarithms are read as ratios.
    """
    if panel.empty:
        return ""
    scale = ratios(scale)
    null = f"{float(scale.back(0.0)):g}"
    said = {
        "above": f"lies above {null} in every table",
        "below": f"lies below {null} in every table",
        "none": f"includes {null} in every table",
        "some": f"excludes {null} in some tables and not in others",
    }
    parts = [
        f"{words} under {_of(names, len(panel))}"
        for key, words in said.items()
        if (names := panel.loc[panel["excludes"] == key, "prior"].tolist())
    ]
    side, low, high = show.likelier_range(float(panel["p_above_low"].min()), float(panel["p_above_high"].max()))
    lowest, highest = (float(panel[f"tau_upper_{end}"].agg(how)) for end, how in (("low", "min"), ("high", "max")))
    why = f"With k = {k} studies no prior on tau is to be read alone. " if k < small else ""
    return (
        f"{why}Over all tables that fit the published figures and were drawn or found by search, the "
        f"{show.level(prob)} credible interval of mu {'; it '.join(parts)}. The limits reach from "
        f"{_read(panel['lower_low'].min(), scale)} to {_read(panel['upper_high'].max(), scale)}, "
        f"the probability that mu is {side} {null} is {show.chances_said(low, high)}, "
        f"and the upper limit of tau goes from {plain(lowest, 2)} to {plain(highest, 2)}."
    )


def _of(names: list[str], total: int) -> str:
    if len(names) == total:
        return f"each of the {total} priors on tau"
    return f"{len(names)} of {total} priors on tau ({show.prior('; '.join(names))})"


def edge(row: Mapping[Any, Any], widths: pd.Series, symbols: Symbols = str, scale: Scale = _AS_IT_IS) -> str:
    """What equal weights would say, the optimistic edge; empty where there is none.

    Parameters
    ----------
    row : mapping
        A row of `Ranges.frame`.
    widths : Series
        Of the interval in every table.
    symbols : callable
        How the package's own words are written.
    scale : Scale
        Of the effects; logarithms are read as ratios.
    """
    if math.isnan(row["lower_edge"]):
        return ""
    scale = ratios(scale)
    chance = ""
    if not math.isnan(row["p_above_edge"]):
        side, size = show.likelier(float(row["p_above_edge"]))
        chance = f", the probability that it is {side} {float(scale.back(0.0)):g} is {show.chance_said(size)}"
    narrower = int((widths < row["upper_edge"] - row["lower_edge"]).sum())
    others = f"; none of the {len(widths)} tables has a narrower interval"
    if narrower:
        others = (
            f"; {narrower} of the {len(widths)} tables have a narrower interval all the same, as their unrounded "
            "figures are more favourable or tau smaller in them"
        )
    why = symbols(f"At any given tau no table that fits tells more of the mean{others}.")
    return (
        f"The table with equal weights is an optimistic edge and not an answer: {short(str(row['quantity']), symbols)} "
        f"({show.method(row['label'])}) {_read(row['point_edge'], scale)}, limits {_read(row['lower_edge'], scale)} to "
        f"{_read(row['upper_edge'], scale)}{chance}. {why}"
    )


def searched(frame: pd.DataFrame, agree: float, symbols: Symbols = str) -> str:
    """How sure the search for extremes is; empty without one."""
    if frame.empty:
        return ""
    sure = int((frame["restarts"] == frame["agree"]).sum())
    beyond = frame["beaten"] > agree
    limits = frame[frame["what"].isin(["point", "lower", "upper"])]
    worst = limits.iloc[int(limits["spread"].argmax())]
    fewest, most = frame["restarts"].min(), frame["restarts"].max()
    starts = str(most) if fewest == most else f"{fewest} to {most}"
    text = (
        f"Search: {len(frame)} lowest and highest answers, each from {starts} starts. In {sure} all starts end "
        f"within {agree:g} of the best; the farthest apart, by {plain(worst['spread'], 2)}, are those for "
        f"the {_ENDS[worst['end']]} {_WHATS[worst['what']]} of "
        f"{symbols(str(worst['quantity']))} ({show.method(worst['fit'])}), whose range may be wider than the search "
        "knows."
    )
    if beyond.any():
        text += f" In {int(beyond.sum())} a table found for another answer went farther; the range includes it."
    return text


_ENDS = {"low": "lowest", "high": "highest"}
_WHATS = {"point": "estimate", "lower": "lower limit", "upper": "upper limit"}


def plain(value: float, digits: int) -> str:
    """A number for a range: rounding errors about 0 are 0."""
    return show.number(0.0 if abs(value) < _NOTHING else value, digits)


def _read(value: float, scale: Scale) -> str:
    return plain(float(scale.back(value)), 2)


def _run(row: Mapping[Any, Any], what: str, scale: Scale) -> str:
    low, high = (_read(row[f"{what}_{end}"], scale) for end in ("low", "high"))
    return f"from {low} to {high}" if low != high else f"at {low}"


def _limits(row: Mapping[Any, Any], scale: Scale) -> str:
    return f"{_read(row['lower_low'], scale)} to {_read(row['upper_high'], scale)}"


def _chances(row: Mapping[Any, Any], null: str) -> str:
    side, low, high = show.likelier_range(row["p_above_low"], row["p_above_high"])
    return f"{side} {null} is {show.chances_said(low, high)}"


def levels(frame: pd.DataFrame, factor: str) -> str:
    """How many studies each level has over the tables; empty without levels."""
    if frame.empty:
        return ""
    words = []
    for row in frame.to_dict("records"):
        fewest, middle, most = row["fewest"], row["median"], row["most"]
        words.append(
            f"{row['level']} {fewest}" if fewest == most else f"{row['level']} {fewest} to {most} (median {middle:g})"
        )
    varies = bool((frame["fewest"] != frame["most"]).any())
    why = "; how many is not published, so it varies over the tables" if varies else ""
    return f"Studies by {factor}: {', '.join(words)}{why}."


def nuts(frame: pd.DataFrame) -> str:
    """How far NUTS is from the exact engine; empty when it was not asked for."""
    if frame.empty:
        return ""
    apart = frame[["mean_apart", "q2.5_apart", "q97.5_apart"]].to_numpy().max(initial=0.0, where=_known(frame))
    tables, divergences = frame["table"].nunique(), int(frame.groupby("table")["divergences"].first().sum())
    return (
        f"NUTS on {tables} of the tables: means and limits at most {apart:.1f} Monte Carlo standard errors from the "
        f"exact ones on the same tables, {divergences} divergences, R-hat at most {frame['r_hat'].max():.3f}."
    )


def _known(frame: pd.DataFrame) -> Any:
    return frame[["mean_apart", "q2.5_apart", "q97.5_apart"]].notna().to_numpy()
