"""Whether the chains of a fit can be believed, as a frame: what was found, what is asked for, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks.question import need_result
from poolwise.engines.nuts.diagnostics import DEEP_SHARE, E_BFMI_LIMIT, ESS_PER_CHAIN, R_HAT_LIMIT
from poolwise.errors import listing
from poolwise.result import Result

PARAMETERS = ("r_hat", "ess_bulk", "ess_tail", "mcse_mean", "mcse_q2.5", "mcse_q97.5", "limit_share")
COLUMNS = ("check", "found", "limit", "where", "verdict", "advice")
MCSE_SHARE = 0.1  # of the posterior sd
EXACT = "Exact() has no sampler"
PASS, FAIL, SLOW, NOISY = "pass", "fail", "slow", "noisy"


@final
@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a fit says of its own convergence.

    Attributes
    ----------
    frame : DataFrame
        One row for each check: check, found (the worst number), limit, where (the quantity with it), verdict
        (``"pass"``, ``"fail"``, ``"slow"`` for what costs time and no truth, or ``"noisy"`` for limits that more draws
        would move), advice (empty for a pass).
    parameters : DataFrame
        One row for each sampled quantity: quantity, r_hat (rank-normalised), ess_bulk, ess_tail, mcse_mean, mcse_q2.5,
        mcse_q97.5 (Monte Carlo standard errors on the scale of the effects; NaN where a mean does not exist),
        limit_share (the larger one of the two limits, in posterior sds), mcse_share (of the mean, in posterior sds).
        Without rows for exact results.
    passed : bool
        Whether no check failed.
    sentence : str
        The verdict in words.
    notes : tuple of str
        What the fit told on its way, such as a second run after divergences.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221; Betancourt 2016, arXiv:1604.00695, for E-BFMI.
    """

    frame: pd.DataFrame
    parameters: pd.DataFrame
    passed: bool
    sentence: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<Diagnosis: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The checks, compact."""
        rows = [
            (row["check"], show.number(row["found"]), f"{row['limit']}", row["where"], row["verdict"])
            for _, row in self.frame.iterrows()
        ]
        advice = tuple(words for words in self.frame["advice"] if words)
        header = ("check", "found", "asked for", "where", "verdict")
        sentence = show.greek(self.sentence)
        return show.card("Diagnosis", answer=sentence, header=header, rows=rows, notes=(*advice, *self.notes))


def diagnose(result: Result) -> Diagnosis:
    """Put every number that tells whether a fit can be believed beside what is asked of it.

    The numbers of NUTS are those of the fit's own report, by which its status is given: rank-normalised R-hat of at
    most 1.01, at least 100 effective draws for each chain in the bulk and in the tails (then the Monte Carlo error of
    a mean is at most about 5 % of the posterior sd at four chains), a Monte Carlo error of 95 % limits of at most 0.1
    posterior sds, no divergence, E-BFMI of at least 0.3. A run that diverged has been repeated once with target_accept
    = 0.99, one with too few effective draws once with four times as many draws, one with noisy limits once with two to
    four times as many. An exact result has one check, the estimated error of its quadrature, since its draws are
    independent.

    Parameters
    ----------
    result : Result
        Of `NUTS` or `Exact`.

    Returns
    -------
    Diagnosis

    Raises
    ------
    MissingQuantityError
        For a closed-form result, which has no draws.
    ModelError
        For what is no result.

    Notes
    -----
    R-hat of at most 1.01 and 100 effective draws for each chain are what Vehtari et al. recommend; an E-BFMI below 0.3
    is where Stan begins to warn. An error of a tenth of a posterior sd moves the tail beyond a 95 % limit of a normal
    law from 2.5 % to 2.0 or 3.1 %.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221; Betancourt 2016, arXiv:1604.00695, for E-BFMI.

    Examples
    --------
    >>> import poolwise as pw
    >>> diagnose(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())).passed
    True
    """
    need_result(result, "diagnose")
    if not _sampled(result):
        return _of_quadrature(result)
    numbers, chains = dict(result.report.diagnostics), result.engine.chains
    parameters = _parameters(result, numbers)
    rows = _of_parameters(parameters, chains, numbers["limit_bound"])
    rows += _of_sampler(numbers, result.native.stats["diverging"].size)
    return _diagnosis(result, pd.DataFrame(rows, columns=list(COLUMNS)), parameters)


def _sampled(result: Result) -> bool:
    return "divergences" in result.report.diagnostics


def _parameters(result: Result, numbers: Mapping[str, float]) -> pd.DataFrame:
    names = [name.removeprefix("r_hat_") for name in numbers if name.startswith("r_hat_")]
    frame = pd.DataFrame(
        [{"quantity": name} | {key: numbers[f"{key}_{name}"] for key in PARAMETERS} for name in names],
        columns=["quantity", *PARAMETERS],
    )
    sds = np.array([result[name].sd if name in result else np.nan for name in names], dtype=float)
    return frame.assign(mcse_share=frame["mcse_mean"] / sds)


def _of_parameters(frame: pd.DataFrame, chains: int, bound: float) -> list[dict[str, object]]:
    needed = ESS_PER_CHAIN * chains
    more = f"raise draws and tune (draws=4000, tune=2000, chains={max(chains, 4)}); {EXACT}"
    apart = f"the chains have not found the same law: look at plot.ranks, and {more}"
    rows = [
        _row("R-hat", frame, "r_hat", np.max, f"at most {R_HAT_LIMIT:g}", lambda x: x <= R_HAT_LIMIT, apart),
        _row("bulk ESS", frame, "ess_bulk", np.min, f"at least {needed:g}", lambda x: x >= needed, more),
        _row("tail ESS", frame, "ess_tail", np.min, f"at least {needed:g}", lambda x: x >= needed, more),
    ]
    known = frame.dropna(subset="mcse_share")
    if len(known):
        limit = f"at most {MCSE_SHARE:g}"
        rows.append(_row("MCSE / sd", known, "mcse_share", np.max, limit, lambda x: x <= MCSE_SHARE, more))
    known = frame.dropna(subset="limit_share")
    if len(known):
        limit = f"at most {bound:g}"
        row = _row("MCSE of limits / sd", known, "limit_share", np.max, limit, lambda x: x <= bound, more)
        rows.append(row | ({"verdict": NOISY} if row["verdict"] == FAIL else {}))
    return rows


def _row(
    check: str,
    frame: pd.DataFrame,
    column: str,
    worst: Callable[[np.ndarray], float],
    limit: str,
    good: Callable[[float], bool],
    advice: str,
) -> dict[str, object]:
    """The worst quantity; a number that could not be had counts as worst."""
    values = frame[column].to_numpy()
    value = float(worst(values))  # NaN when any is
    at = int(np.flatnonzero(np.isnan(values) if np.isnan(value) else values == value)[0])
    passed = bool(good(value))
    return {"check": check, "found": value, "limit": limit, "where": frame["quantity"].iloc[at]} | _said(passed, advice)


def _of_sampler(numbers: Mapping[str, float], draws: int) -> list[dict[str, object]]:
    diverged, bfmi, deep = (float(numbers[name]) for name in ("divergences", "e_bfmi", "max_depth_hits"))
    small_steps = f"raise target_accept and tune, look where they lie (az.plot_pair), or another model; {EXACT}"
    heavy = f"the tails are heavier than the sampler's steps reach: a prior with lighter tails, or more tune; {EXACT}"
    return [
        {"check": "divergences", "found": diverged, "limit": "none", "where": ""} | _said(diverged == 0.0, small_steps),
        {"check": "E-BFMI", "found": bfmi, "limit": f"at least {E_BFMI_LIMIT:g}", "where": "the worst chain"}
        | _said(bfmi >= E_BFMI_LIMIT, heavy),
        {"check": "tree depth", "found": deep, "limit": f"at most {DEEP_SHARE:.0%} of {draws} draws", "where": ""}
        | _said(
            deep <= DEEP_SHARE * draws,
            "trees reached their largest depth, so that draws cost more than they need and resemble one another: "
            "centre and scale the moderators, or raise tune",
            SLOW,
        ),
    ]


def _said(passed: bool, advice: str, otherwise: str = FAIL) -> dict[str, object]:
    return {"verdict": PASS if passed else otherwise, "advice": "" if passed else advice}


def _of_quadrature(result: Result) -> Diagnosis:
    """The error that the quadrature estimates of itself, which its status is given by."""
    numbers = {name: value for name, value in result.report.diagnostics.items() if "error" in name}
    coarse = result.report.status == "grid_too_coarse"
    rows = [
        {"check": name.replace("_", " "), "found": float(value), "limit": "the engine's own", "where": "quadrature"}
        | _said(not coarse, result.report.advice)
        for name, value in numbers.items()
    ]
    return _diagnosis(result, pd.DataFrame(rows, columns=list(COLUMNS)), _parameters(result, {}))


def _diagnosis(result: Result, frame: pd.DataFrame, parameters: pd.DataFrame) -> Diagnosis:
    failed, slow, noisy = (frame.loc[frame["verdict"] == verdict, "check"] for verdict in (FAIL, SLOW, NOISY))
    notes = tuple(note for note in result.report.notes if note.startswith(("NUTS", "cores")))
    if len(failed):
        return Diagnosis(frame, parameters, False, f"Do not rely on '{result.label}': {listing(failed)} failed.", notes)
    if not _sampled(result):
        return Diagnosis(
            frame, parameters, True, f"{show.method(result.label)}: no sampler, draws are independent.", notes
        )
    but = f", though the sampler was slow ({listing(slow)})" if len(slow) else ""
    but += ", though limits are noisy: more draws would move them" if len(noisy) else ""
    passes = len(frame) - len(slow) - len(noisy)
    return Diagnosis(frame, parameters, True, f"'{result.label}' passes {passes} checks{but}.", notes)
