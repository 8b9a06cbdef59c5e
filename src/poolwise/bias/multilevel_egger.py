"""Egger's regression where a study has several effects: three levels, and errors that are robust to the rest."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.bias._robust import Robust, check_leverage, clusters, low_df, robust_estimate
from poolwise.bias.asymmetry import AsymmetryTest
from poolwise.bias.egger import NO_LIMIT, OWN_ERRORS, PREDICTORS, modified_se, values
from poolwise.bias.requirements import FEW, check_varies, few, need_reported
from poolwise.closed_form.cluster_robust import FACTORS, RobustFit, robust_fit
from poolwise.closed_form.nested import Nested, nested_reml
from poolwise.effects import Effects
from poolwise.errors import InputError
from poolwise.quantities import Estimate
from poolwise.settings import check_option

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
MODIFIED = "modified"
RESOLVED = 1e-13  # of the variance between clusters: smaller variances are lost in their covariance matrix


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
    need_reported(effects, "multilevel_egger")
    rows = clusters("multilevel_egger", effects, cluster)
    x, words, rises, has_limit, notes = _told(effects, chosen, arms)
    check_varies("multilevel_egger", x, words, "so that there is no funnel to be asymmetric")
    unit = float(x.max())
    fit, spread = _three_levels(effects, x / unit, rows, robust or "CR0")
    if robust is not None:
        check_leverage("multilevel_egger", effects, rows, fit)
    limit, slope = (robust_estimate("multilevel_egger", fit, robust, c) for c in np.diag([1.0, 1.0 / unit]))
    return AsymmetryTest(
        "Egger's test, multilevel",
        effects,
        f"three-level meta-regression, REML, {f'{robust} cluster-robust errors' if robust else 'errors of the model'}",
        words,
        slope.statistic,
        slope.df,
        slope.p_value,
        slope.point,
        slope.sd,
        limit if has_limit else Estimate(np.nan, remark=NO_LIMIT),
        rises,
        spread.between + spread.within,
        effects.scale.label,
        (*notes, *_spread_words(spread, len(rows), effects.k), *(low_df(limit.df, slope.df) if robust else ())),
    )


def _three_levels(effects: Effects, x: Array, rows: list[Ints], kind: str) -> tuple[RobustFit, Nested]:
    """The line through the effects under the three-level model, and the variances about it.

    Raises
    ------
    InputError
        For sampling variances that are lost beside the variance between clusters.
    """
    member = np.empty(effects.k, dtype=np.intp)
    for number, place in enumerate(rows):
        member[place] = number
    design = np.column_stack([np.ones_like(x), x])
    spread = nested_reml(effects.y, effects.v, design, member)
    lost = (effects.v + spread.within < RESOLVED * spread.between) & (np.bincount(member)[member] > 1)
    if lost.any():
        raise InputError(
            f"multilevel_egger: beside the variance between clusters ({spread.between:.3g}) the arithmetic does "
            f"not see the sampling variances of {effects.rows.names(lost)}",
            "standard errors of a comparable size",
            "whether they are right, or pw.bias.egger(effects, model='rma')",
        )
    working = [np.diag(effects.v[place] + spread.within) + spread.between for place in rows]
    return robust_fit(effects.y, design, rows, working, kind), spread


def _told(
    effects: Effects, predictor: str, arms: tuple[str, str] | None
) -> tuple[Array, str, bool, bool, tuple[str, ...]]:
    """The predictor of each effect, words for it, whether it rises in smaller studies, has a limit, and notes."""
    if predictor == MODIFIED:
        x, notes = modified_se("multilevel_egger", effects, arms)
        return x, "modified standard error sqrt(1/n1 + 1/n2)", True, True, notes
    own = OWN_ERRORS.get(effects.scale.name, "") if predictor in ("se", "v", "seinv", "vinv") else ""
    return values(effects, predictor), *PREDICTORS[predictor], (own,) if own else ()


def _spread_words(spread: Nested, count: int, k: int) -> tuple[str, ...]:
    """How the effects scatter about the line, and that clusters are few."""
    between, within = (show.number(float(np.sqrt(variance))) for variance in (spread.between, spread.within))
    taus = f"About the line the standard deviation is {between} between {count} clusters and {within} within."
    return (taus, *(few(count, "clusters") if k >= FEW else ()))


def _predictor(effects: Effects, predictor: str | None) -> str:
    """The predictor asked for, or the one that suits the table."""
    if predictor is not None:
        return check_option("predictor", predictor, (*PREDICTORS, MODIFIED))
    if not isinstance(effects, Effects) or effects.scale.name != "SMD":
        return "se"
    sized = all(name in effects.moderators for name in ("n1", "n2")) or bool(np.isfinite(effects.n).all())
    return MODIFIED if sized else "se"
