"""Readings of results as frames: one result, several side by side, and the studies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np
import pandas as pd
from scipy import special

from poolwise import show
from poolwise.density_strip import Strip, together
from poolwise.design import as_frame
from poolwise.errors import InputError, MissingQuantityError, listing, warn
from poolwise.quantities import Estimate, Quantity
from poolwise.result import NO_PRIOR, Result, check_result, priors_of
from poolwise.settings import check_prob

TEST_COLUMNS = ("statistic", "df", "residual_df", "p")
_QUANTITY_COLUMNS = ("quantity", "point", "sd", "lower", "upper", "prob", "interval")
SUMMARY_COLUMNS = (*_QUANTITY_COLUMNS, "prior", "data", *TEST_COLUMNS)
COMPARE_COLUMNS = ("label", "model", "engine", *_QUANTITY_COLUMNS, "status", "prior", "data", *TEST_COLUMNS)

_BESIDE = ("tau", "theta_new")
_TOLD = 3  # results that a card tells in a sentence


def summary(result: Result, *, prob: float = 0.95) -> pd.DataFrame:
    """What one result contains, a row for each quantity, on the analysis scale.

    Parameters
    ----------
    result : Result
        The answer of any engine.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns quantity, point, sd, lower, upper, prob, interval (its kind), prior, data. The point of a
        posterior is its median and its interval equal-tailed unless the result says otherwise; numbers that
        do not exist are NaN. I2 is a fraction. The last columns are the tests of the closed form: statistic (t, z where
        df is infinite; for Q, QE, QM and the like chi-square, or F where residual_df, its second degrees of freedom, is
        finite), df, residual_df, p (two-sided for t and z). A posterior has none: they are NaN.

    Raises
    ------
    ModelError
        When `prob` is no probability.
    InputError
        When something other than a result is given.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, so that the intervals compare with theirs.

    References
    ----------
    Kruschke 2021, Nature Human Behaviour 5:1282, 10.1038/s41562-021-01177-7, and Higgins et al. 2019, Cochrane Handbook
    for Systematic Reviews of Interventions, 2nd ed., chapter 10, on what to report.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    >>> pw.summary(fit).set_index("quantity").loc["mu", "point"].round(3)
    np.float64(-0.715)
    """
    check_prob(prob)
    _check_results("summary", (result,))
    rows = [
        {
            "quantity": name,
            **_numbers(quantity, prob),
            **_test(quantity),
            "prior": result.prior,
            "data": result.data_label,
        }
        for name, quantity in result.quantities.items()
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def compare(*results: Result, prob: float = 0.95) -> pd.DataFrame:
    """Several results in one table, a row for each result and quantity, on the analysis scale.

    Parameters
    ----------
    *results : Result
        Answers of any engines to any models, in the order of the table.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns label, model, engine, quantity, point, sd, lower, upper, prob, interval (its kind), status,
        prior, data, statistic, df, residual_df, p (the tests, as in `summary`). A notebook shows it as a card: the
        answer of each result in a sentence, their mean effects, tau and new study side by side, and their posteriors.

    Raises
    ------
    InputError
        When something other than results is given, or nothing.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, so that the intervals compare with theirs.

    References
    ----------
    Kruschke 2021, Nature Human Behaviour 5:1282, 10.1038/s41562-021-01177-7, and Higgins et al. 2019, Cochrane Handbook
    for Systematic Reviews of Interventions, 2nd ed., chapter 10, on what to report.
    """
    _check_results("compare", results)
    scales = dict.fromkeys(result.effects.scale.name for result in results)
    if len(scales) > 1:
        warn(f"results on different scales stand in one table: {listing(scales)}; their numbers do not compare")
    frames = [
        summary(result, prob=prob).assign(
            label=result.label,
            model=result.model.label,
            engine=result.engine_label,
            status=result.report.status,
        )
        for result in results
    ]
    table = Comparison(pd.concat(frames, ignore_index=True)[list(COMPARE_COLUMNS)])
    object.__setattr__(table, "results", (results, prob))  # no column, and not taken along to other frames
    return table


@final
class Comparison(pd.DataFrame):
    """The frame of `compare`, which a notebook shows as a card; every frame made of it is a plain one.

    A subclass as pandas documents it, since users expect a DataFrame and notebooks ask its class for the card.
    """

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str | None:
        """A sentence for each result on the reading scale, a table of what they share, and their posteriors."""
        from poolwise import reading  # which knows the laws of all engines

        results, prob = getattr(self, "results", ((), 0.95))
        if not results:
            return str(self.to_html())
        labels = show.numbered([show.method(result.label) for result in results])
        named = list(zip(labels, results, strict=True))
        shown = [name for result in results for name in (*result.answers, *(n for n in _BESIDE if n in result))]
        rows = [
            (show.symbol(name), label, *_cells(result.quantities[name], prob))
            for name in dict.fromkeys(shown)
            for label, result in named
            if name in result
        ]
        said = [
            f"{show.capital(label)}: {reading.sentences(each.effects, [(n, each[n]) for n in each.answers], prob)}"
            for label, each in named[:_TOLD]
        ]
        more = len(results) - _TOLD
        return show.card(
            "Comparison",
            answer=" ".join([*said, *([f"And {more} more."] if more > 0 else [])]),
            facts=(f"k = {results[0].effects.k}", f"table: {results[0].effects.scale.label}"),
            header=("quantity", "method", "point", f"{show.level(prob)} interval", "kind of interval"),
            rows=rows,
            strips=together([_strip(result, label) for label, result in named[:_TOLD] if result.answers]),
            notes=[
                f"{label}: {'no prior' if each.prior == NO_PRIOR else show.prior(each.prior)}; "
                f"status {show.status_within(each.report.status)}"
                for label, each in named
            ],
        )


def _cells(quantity: Quantity, prob: float) -> tuple[str, str, str]:
    """Point, interval and its kind in words."""
    return show.number(quantity.point), show.interval(*quantity.interval(prob)), show.kind(quantity.interval_kind())


def _strip(result: Result, label: str) -> Strip:
    """The first answer of a result as a small drawing under its label."""
    from poolwise import reading

    name = result.answers[0]
    drawn = reading.strip(result.effects, name, result.quantities[name], priors_of(result).get(name))
    return replace(drawn, name=f"{show.symbol(name)}: {label}")


def predict(result: Result, at: pd.DataFrame | Mapping[str, Any] | None = None, *, prob: float = 0.95) -> pd.DataFrame:
    """Mean effects, and true effects in new studies, at values of the moderators, on the analysis scale.

    Parameters
    ----------
    result : Result
        Of a model with moderators, by any engine.
    at : DataFrame or mapping
        Values of every moderator: ``{"ablat": [10, 30, 50], "alloc": "random"}``; single values are repeated. Without
        them the error names the moderators.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row for each row of `at`: the moderators, point, sd, lower, upper of the mean effect, new_lower and
        new_upper of the true effect in a new study, prob, interval and new_interval (their kinds), prior, data.

    Raises
    ------
    InputError
        Without `at`; for a moderator without values, with missing ones, or with a level that no study has.
    MissingQuantityError
        When the model has no moderators.

    Notes
    -----
    prob = 0.95 is the probability at which papers report, so that the intervals compare with theirs.

    References
    ----------
    Thompson & Higgins 2002, Statistics in Medicine 21:1559, 10.1002/sim.1187, for the mean; Higgins, Thompson &
    Spiegelhalter 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x, for a new study.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat"), pw.ClosedForm())
    >>> pw.predict(fit, {"ablat": [10, 50]})["point"].round(2).tolist()
    [-0.04, -1.2]
    """
    check_prob(prob)
    _check_results("predict", (result,))
    if result.design is None or result.linear is None:
        raise MissingQuantityError(
            f"'{result.label}' has no moderators to predict from", "a result of MetaRegression, or result['mu']"
        )
    if at is None:
        raise InputError(
            f"predict was given no values of the moderators of '{result.label}'",
            f"values of {listing(result.design.levels)}",
            f"at={_example(result)}",
        )
    values = as_frame(at)
    rows = []
    for c in result.design.at(values):
        mean, new = result.linear(c, new=False), result.linear(c, new=True)
        new_lower, new_upper = new.interval(prob)
        kinds = {"interval": mean.interval_kind(), "new_interval": new.interval_kind()}
        limits = {"new_lower": new_lower, "new_upper": new_upper}
        rows.append(_numbers(mean, prob) | limits | kinds | {"prior": result.prior, "data": result.data_label})
    columns = ["point", "sd", "lower", "upper", "new_lower", "new_upper", "prob", "interval", "new_interval"]
    predicted = pd.DataFrame(rows, columns=[*columns, "prior", "data"], index=values.index)
    return pd.concat([values[[name for name in result.design.levels if name in values]], predicted], axis=1)


def _example(result: Result) -> dict[str, list[Any]]:
    """Values of every moderator as they may be handed to `predict`: two of the studies' own."""
    design, table = result.design, result.effects.moderators
    assert design is not None
    return {name: table[name].dropna().drop_duplicates().tolist()[:2] for name in design.levels if name in table}


def studies(result: Result, *, prob: float = 0.95) -> pd.DataFrame:
    """The studies of a result, raw and shrunken, on the analysis scale.

    A study's shrinkage is the share of its distance from mu that the model takes away,
    B_i = v_i / (v_i + tau^2), at the point estimate of tau: given mu and tau, theta_i has the mean
    y_i + B_i (mu - y_i). B_i falls as tau grows, so at a posterior median
    of tau it is the posterior median of B_i. Without tau (common effect) it is 1; where each group has its own tau, it
    is that of the study's group; with several levels or a tau that varies with moderators it is NaN.

    Parameters
    ----------
    result : Result
        The answer of any engine.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row for each study: study, outcome, n, y, se, y_lower, y_upper (y +- z se), theta, theta_sd,
        theta_lower, theta_upper, shrinkage, weight (fractions), prob, data (provenance of that study); and derivation,
        where estimates follow from reported statistics.

    Raises
    ------
    ModelError
        When `prob` is no probability.

    References
    ----------
    Raudenbush & Bryk 1985, J. Educational Statistics 10:75, 10.3102/10769986010002075.
    """
    check_prob(prob)
    _check_results("studies", (result,))
    effects = result.effects
    reach = special.ndtri(0.5 + prob / 2.0) * effects.se
    shrunken = pd.DataFrame([_numbers(result.studies[name], prob) for name in effects.labels])
    frame = pd.DataFrame(
        {
            "study": list(effects.study),
            "outcome": list(effects.outcome),
            "n": effects.n,
            "y": effects.y,
            "se": effects.se,
            "y_lower": effects.y - reach,
            "y_upper": effects.y + reach,
            "theta": shrunken["point"],
            "theta_sd": shrunken["sd"],
            "theta_lower": shrunken["lower"],
            "theta_upper": shrunken["upper"],
            "shrinkage": effects.v / (effects.v + _tau(result) ** 2),
            "weight": [result.weights.get(name, math.nan) for name in effects.labels],
            "prob": prob,
            "data": list(effects.provenance),
        }
    )
    return frame.assign(derivation=list(effects.derivation)) if any(effects.derivation) else frame


def _numbers(quantity: Quantity, prob: float) -> dict[str, object]:
    lower, upper = quantity.interval(prob)
    return {
        "point": quantity.point,
        "sd": quantity.sd,
        "lower": lower,
        "upper": upper,
        "prob": prob,
        "interval": quantity.interval_kind(),
    }


def _test(quantity: Quantity) -> dict[str, float]:
    """Statistic, degrees of freedom and p-value of an estimate that has a test; NaN for all else."""
    if not isinstance(quantity, Estimate) or math.isnan(quantity.statistic):
        return dict.fromkeys(TEST_COLUMNS, math.nan)
    residual = quantity.residual_df if math.isfinite(quantity.residual_df) else math.nan
    numbers = (quantity.statistic, quantity.df, residual, quantity.p_value)
    return {name: float(value) for name, value in zip(TEST_COLUMNS, numbers, strict=True)}


def _tau(result: Result) -> np.ndarray:
    """Each study's tau, shape (k,): 0 for a common effect, NaN where more than one tau stands behind a study."""
    model, k = result.model, result.effects.k
    structure = model.structure(result.effects)
    if structure is None:
        return np.full(k, result["tau"].point if model.tau_is_sd else np.nan)
    if not structure.layers:
        return np.zeros(k)
    first, *others = structure.layers
    if others or first.scale is not None or not all(name in result.quantities for name in first.sds):
        return np.full(k, np.nan)
    return np.array([result[name].point for name in first.sds])[first.which]


def _check_results(asked: str, results: tuple[object, ...]) -> None:
    for result in results:
        check_result(asked, result)
    if not results:
        raise InputError(f"{asked} was given nothing", "one result or more")
