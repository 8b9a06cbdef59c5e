"""Models of one study table side by side, by how well each foretells a study from the others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import final

import pandas as pd

from poolwise import show
from poolwise.checks.loo import REFIT, Loo, loo
from poolwise.checks.question import need_result
from poolwise.errors import ModelError, listing
from poolwise.result import Result

FEW = 100  # units below which the error of a difference is not known to be normal
CLOSE = 4.0  # difference of elpd below which models make similar predictions
COLUMNS = (
    "rank", "label", "elpd", "se", "p_loo", "elpd_diff", "dse", "weight", "p_worse", "units", "refitted",
    "prior", "data",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models ranked by expected log predictive density.

    Attributes
    ----------
    frame : DataFrame
        One row for each model, the best first: rank (from 1), label, elpd, se, p_loo, elpd_diff (to the best, at most
        0), dse (its standard error), weight (of stacking), p_worse (probability of being worse than the best, by a
        normal law), units, refitted (number of units left out by a refit), prior, data.
    sentences : tuple of str
        What the ranks say, and with how few studies they say it.

    References
    ----------
    Yao et al. 2018, Bayesian Analysis 13:917, 10.1214/17-BA1091; Sivula et al. 2025, 10.48550/arXiv.2008.10296.
    """

    frame: pd.DataFrame
    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<ModelComparison: {self.sentences[0]}>"

    def __str__(self) -> str:
        """What it has to say, wrapped to the width of the terminal."""
        return show.wrapped(self.sentences)

    def _repr_html_(self) -> str:
        """The ranks, compact."""
        rows = [
            (show.method(row["label"]), show.number(row["elpd"], 2), show.number(row["elpd_diff"], 2),
             show.number(row["dse"], 2), show.number(row["weight"], 2))
            for _, row in self.frame.iterrows()
        ]  # fmt: skip
        return show.card(
            "Comparison of models",
            answer=self.sentences[0],
            facts=(f"{self.frame['units'].iloc[0]} units left out one at a time", f"{self.frame['data'].iloc[0]} data"),
            header=("model", "elpd", "difference", "its se", "stacking weight"),
            rows=rows,
            notes=self.sentences[1:],
        )


def compare_models(*results: Result | Loo) -> ModelComparison:
    """Rank models by the leave-one-out log predictive density, with stacking weights.

    elpd = sum_u log p(y_u | y_-u); the weights w >= 0 with sum 1 maximise sum_u log sum_m w_m p_m(y_u | y_-u).

    Parameters
    ----------
    *results : Result or Loo
        Two or more fits of one study table by `Exact` or `NUTS`, or what ``loo`` made of them. Results of the same
        label are numbered.

    Returns
    -------
    ModelComparison

    Raises
    ------
    ModelError
        For fewer than two, tables that differ, or models that leave out different units (studies and clusters), whose
        log densities do not compare.
    MissingQuantityError
        For a closed-form result.

    Notes
    -----
    The sentences hold back below 100 units and below a difference of 4 in elpd, where the error of a difference is too
    small and its law not normal.

    References
    ----------
    Yao et al. 2018, Bayesian Analysis 13:917, 10.1214/17-BA1091, for stacking; Sivula et al. 2025,
    10.48550/arXiv.2008.10296, for how little a difference says with few units.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> fits = [pw.fit(bcg, model, pw.Exact()) for model in (pw.RandomEffects(), pw.MetaRegression("~ ablat"))]
    >>> compare_models(*fits).frame["label"].tolist()
    ['meta-regression ~ ablat, exact', 'exact']
    """
    if len(results) < 2:
        raise ModelError(f"compare_models was given {len(results)} results", "two or more of one study table")
    fits = [fit if isinstance(fit, Loo) else need_result(fit, "compare_models") for fit in results]
    _need_one_table(fits)
    each = [fit if isinstance(fit, Loo) else loo(fit) for fit in fits]
    _need_same_units(each)
    _need_numbers(each)
    import arviz as az

    named = dict(zip(show.numbered([fit.label for fit in each]), each, strict=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto distribution")
        ranked = az.compare({name: fit.native for name, fit in named.items()}, method="stacking", round_to="none")
    rows = [
        {
            "rank": place,
            "label": name,
            **{column: float(row[column]) for column in ("elpd", "se", "elpd_diff", "dse", "weight", "p_worse")},
            "p_loo": named[name].p_loo,
            "units": len(named[name].frame),
            "refitted": len(named[name].refitted),
            "prior": named[name].frame["prior"].iloc[0],
            "data": named[name].frame["data"].iloc[0],
        }
        for place, (name, row) in enumerate(((str(name), row) for name, row in ranked.iterrows()), start=1)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return ModelComparison(frame, _sentences(frame, each))


def _need_one_table(fits: list[Result | Loo]) -> None:
    tables = {fit.data_hash if isinstance(fit, Loo) else fit.effects.data_hash for fit in fits}
    if len(tables) > 1:
        raise ModelError(
            f"compare_models was given fits of {len(tables)} study tables ({listing(fit.label for fit in fits)})",
            "fits of one table: log densities of different data do not compare",
        )


def _need_same_units(each: list[Loo]) -> None:
    units = {tuple(sorted(fit.frame["unit"])) for fit in each}
    if len(units) > 1:
        said = listing(f"'{fit.label}': {len(fit.frame)}" for fit in each)
        raise ModelError(
            f"the models leave out different units ({said})",
            "models that take the same estimates for independent: clusters are left out whole by ThreeLevel",
            "compare models with clusters among themselves",
        )


def _need_numbers(each: list[Loo]) -> None:
    for fit in each:
        unknown = fit.frame.loc[fit.frame["elpd"].isna(), "unit"]
        if len(unknown):
            raise ModelError(
                f"'{fit.label}' cannot tell what to expect of {listing(unknown)}, so that it has no elpd",
                "a model whose every coefficient and group the other studies can estimate",
            )


def _sentences(frame: pd.DataFrame, each: list[Loo]) -> tuple[str, ...]:
    best, second, k = frame.iloc[0], frame.iloc[1], int(frame["units"].iloc[0])
    out = [
        f"'{best['label']}' has the highest estimated elpd; '{second['label']}' follows with one lower by "
        f"{show.number(-second['elpd_diff'], 1)} (standard error {show.number(second['dse'], 1)})."
    ]
    similar = frame.loc[(frame["elpd_diff"] > -CLOSE) & (frame["rank"] > 1), "label"]
    if len(similar):
        out.append(
            f"A difference below {CLOSE:g} does not tell models apart: it is no evidence against {listing(similar)}. "
            f"Report them beside '{best['label']}', or average them by their weights."
        )
    if k < FEW:
        out.append(
            f"With {k} units the standard error of a difference is itself uncertain, too small as a rule, and p_worse "
            "is overconfident: a few studies can decide the order (see the pointwise elpd)."
        )
    unsure = [
        fit.label for fit in each if ((fit.frame["pareto_k"] > fit.good_k) & (fit.frame["method"] != REFIT)).any()
    ]
    if unsure:
        out.append(f"Importance sampling failed for units of {listing(unsure)}, whose elpd is too high: refit them.")
    return tuple(out)
