"""Egger's regression where a study has several effects: three levels, and errors that are robust to the rest."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from poolwise import show
from poolwise.bias._table import check_table, check_varies
from poolwise.bias.asymmetry import AsymmetryTest
from poolwise.bias.egger import NO_LIMIT, OWN_ERRORS, PREDICTORS, modified_se, values
from poolwise.bias.pet_peese import Robust, clusters, low_df
from poolwise.closed_form.cluster_robust import FACTORS, robust_fit
from poolwise.closed_form.inference import p_value
from poolwise.closed_form.nested import nested_reml
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import symmetric
from poolwise.errors import InputError
from poolwise.quantities import Estimate
from poolwise.settings import check_option

MODIFIED = "modified"


def multilevel_egger(
    effects: Effects,
    *,
    predictor: Literal["se", "v", "n", "ninv", "sqrtn", "sqrtninv", "modified"] | None = None,
    robust: Robust | None = "CR2",
    cluster: str | None = None,
    arms: tuple[str, str] | None = None,
) -> AsymmetryTest:
    """Egger's test for several effects of a study.

    y_ij = b0 + b1 x_ij + u_j + w_ij + e_ij, u_j ~ Normal(0, tau_between^2) of the study, w_ij ~ Normal(0,
    tau_within^2), e_ij ~ Normal(0, v_ij), both variances by REML. The errors of b are robust to any other dependence
    within studies: t by Satterthwaite's degrees of freedom; with ``robust=None`` those of the model, normal.

    Parameters
    ----------
    effects : Effects
    predictor : str, optional
        As for `egger`, or ``"modified"``: sqrt(1 / n1 + 1 / n2), which is free of the effect.
    robust : {"CR2", "CR1", "CR1p", "CR0"}, optional
        Cluster-robust errors; None for those of the model.
    cluster : str, optional
        Column that tells the clusters; by default the study of each effect.
    arms : tuple of str, optional
        Columns with the sizes of both groups, for ``"modified"``; as for `pustejovsky`.

    Returns
    -------
    AsymmetryTest
        `tau2` is the sum of both variances.

    Raises
    ------
    InputError
        For fewer than 3 clusters, a reconstructed table, a predictor that is the same for all, unknown sizes.
    ModelError
        For a predictor or kind of robust error that does not exist.

    Notes
    -----
    The predictor is the modified standard error for standardised mean differences whose sizes are known, whose own
    standard error contains the effect, and the standard error otherwise; CR2, since clusters are few and the three-
    level model cannot know how sampling errors of one study correlate.

    References
    ----------
    Rodgers & Pustejovsky 2021, Psychological Methods 26:141, 10.1037/met0000300; Pustejovsky & Rodgers 2019, Research
    Synthesis Methods 10:57, 10.1002/jrsm.1332, for the modified standard error; Pustejovsky & Tipton 2018, J. Business
    & Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2.

    Examples
    --------
    >>> import poolwise as pw
    >>> test = pw.bias.multilevel_egger(pw.datasets.load("bcg"), cluster="alloc")
    >>> round(test.statistic, 2), round(test.df, 1)
    (-0.53, 1.4)
    """
    chosen = _predictor(effects, predictor)
    if robust is not None:
        check_option("robust", robust, FACTORS)
    check_table("multilevel_egger", effects)
    rows = clusters("multilevel_egger", effects, cluster)
    notes: tuple[str, ...] = ()
    if chosen == MODIFIED:
        words, rises, has_limit = "modified standard error sqrt(1/n1 + 1/n2)", True, True
        x, notes = modified_se("multilevel_egger", effects, arms)
    else:
        words, rises, has_limit = PREDICTORS[chosen]
        x = values(effects, chosen)
        own = OWN_ERRORS.get(effects.scale.name, "") if chosen in ("se", "v", "seinv", "vinv") else ""
        notes = (own,) if own else ()
    check_varies("multilevel_egger", x, words, "so that there is no funnel to be asymmetric")
    member = np.empty(effects.k, dtype=np.intp)
    for number, place in enumerate(rows):
        member[place] = number
    design = np.column_stack([np.ones_like(x), x / x.max()])
    spread = nested_reml(effects.y, effects.v, design, member)
    working = [
        np.diag(effects.v[place] + spread.within) + np.full((len(place), len(place)), spread.between) for place in rows
    ]
    fit = robust_fit(effects.y, design, rows, working, robust or "CR0")
    intercept, slope = (np.array([1.0, 0.0]), np.array([0.0, 1.0 / x.max()]))
    if robust is None:
        sds = [float(np.sqrt(c @ fit.working @ c)) for c in (intercept, slope)]
        dfs = [np.inf, np.inf]
    else:
        sds, dfs = [fit.sd(c) for c in (intercept, slope)], [fit.df(c) for c in (intercept, slope)]
    point = float(slope @ fit.beta)
    statistic = point / sds[1] if sds[1] > 0.0 else np.nan
    if not np.isfinite(statistic):
        raise InputError("multilevel_egger: the effects lie on a line exactly", "effects that scatter", "robust=None")
    kind = f"{robust} cluster-robust, t, Satterthwaite df" if robust else "three-level model, Wald"
    limit = Estimate(
        float(fit.beta[0]), sds[0], partial(symmetric, float(fit.beta[0]), sds[0], dfs[0]), f"confidence ({kind})",
        float(fit.beta[0]) / sds[0], dfs[0], float(p_value(float(fit.beta[0]) / sds[0], dfs[0])),
    )  # fmt: skip
    taus = (
        f"About the line the standard deviation is {show.number(float(np.sqrt(spread.between)))} between "
        f"{len(rows)} clusters and {show.number(float(np.sqrt(spread.within)))} within."
    )
    errors = f"{robust} cluster-robust errors" if robust else "errors of the model"
    return AsymmetryTest(
        "Egger's test, multilevel", effects, f"three-level meta-regression, REML, {errors}", words, statistic, dfs[1],
        float(p_value(statistic, dfs[1])), point, sds[1], limit if has_limit else Estimate(np.nan, remark=NO_LIMIT),
        rises, spread.between + spread.within, effects.scale.label,
        (*notes, taus, *(low_df(*dfs) if robust else ())),
    )  # fmt: skip


def _predictor(effects: Effects, predictor: str | None) -> str:
    """The predictor asked for, or the one that suits the table."""
    if predictor is not None:
        return check_option("predictor", predictor, (*PREDICTORS, MODIFIED))
    if not isinstance(effects, Effects) or effects.scale.name != "SMD":
        return "se"
    sized = all(name in effects.moderators for name in ("n1", "n2")) or bool(np.isfinite(effects.n).all())
    return MODIFIED if sized else "se"
