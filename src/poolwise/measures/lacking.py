"""What a row that reports some statistics lacks for a target, in words that say what to add."""

from __future__ import annotations

from collections.abc import Sequence

from poolwise.measures.reports import CHANGES, Settings, ways

_TELL_NO_EFFECT = frozenset({"n", "n1", "n2", "sign", "predictors", "items"})
_WORDS = {
    "z": "z_value",
    "r_pre_post": "r_pre_post (the correlation of pre- and post-test)",
    "predictors": "predictors (their number in the regression, this one included)",
    "sign": "sign (1 or -1, the direction of the effect)",
}


def lacking(target: str, filled: Sequence[str], settings: Settings) -> str:
    """What a row that reports these statistics lacks, by the ways that need least besides.

    Parameters
    ----------
    target : str
        Code of a measure.
    filled : sequence of str
        Statistics that the row reports.
    settings : Settings

    Returns
    -------
    str
        Ways that build on what tells of the effect come before those that share its sizes only; "" where none does.
    """
    if target not in CHANGES and {"pre", "post"} <= set(filled):
        advice = f"the same of a control group, or target='SMCR' ({', '.join(CHANGES)} are changes)"
        return f"a control group: the change of one group is no {target}; {advice}"
    if settings.rules == () and "std_beta" in filled and "n" in filled and "predictors" not in filled:
        rule = "rules=['peterson-brown'], which imputes a correlation"
        return f"predictors (1 where this is the only one, and its standardised slope the correlation), or {rule}"
    known = {*filled, *(part for name in filled for part in _implied(name))}
    short: dict[bool, dict[str, int]] = {True: {}, False: {}}
    for way in ways(target):
        rest = [_WORDS.get(name, name) for name in way.needs if name not in known]
        held = len(rest) < len(way.needs)
        of_effect = bool(set(way.needs) & known - _TELL_NO_EFFECT)
        if "p" in way.needs and settings.sides is None:
            rest.append("sides=2 or sides=1 for p")
        if way.crosses_risk and settings.base_rate is None:
            rest.append("base_rate=..., the risk without treatment")
        if way.rule and way.rule not in settings.rules:
            continue
        if held:
            short[of_effect].setdefault(" and ".join(rest), len(rest) - ({"n1", "n2"} <= set(rest)))
    nearest = short[True] or short[False]
    least = min(nearest.values(), default=0)
    return ", or ".join(words for words, count in nearest.items() if count == least)


def _implied(statistic: str) -> tuple[str, ...]:
    """What follows from a statistic once the size of its group is known."""
    stem, group = (statistic[:-1], statistic[-1]) if statistic[-1] in "12" else (statistic, "")
    implied = {"percent": ("events",), "proportion": ("events",), "sem": ("sd",), "median": ("m", "sd")}
    return tuple(part + group for part in implied.get(stem, ()))
