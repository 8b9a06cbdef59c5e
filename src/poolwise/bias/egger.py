"""Regression of effects on their standard errors, or on what else tells small studies from large ones."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poolwise.bias.asymmetry import AsymmetryTest, fit_line, record
from poolwise.bias.requirements import check_varies, independence, need_reported
from poolwise.closed_form.tau2 import ESTIMATORS
from poolwise.effects import Effects
from poolwise.errors import InputError, nearest, shown
from poolwise.quantities import Estimate
from poolwise.settings import check_option

Array = NDArray[np.float64]
Predictor = Literal["se", "v", "n", "ninv", "sqrtn", "sqrtninv", "seinv", "vinv"]

# Words, whether it is larger in smaller studies, and whether it is 0 in a study of unlimited size.
PREDICTORS = {
    "se": ("standard error", True, True),
    "v": ("sampling variance", True, True),
    "seinv": ("inverse of the standard error", False, False),
    "vinv": ("inverse of the sampling variance", False, False),
    "n": ("sample size", False, False),
    "ninv": ("inverse of the sample size", True, True),
    "sqrtn": ("root of the sample size", False, False),
    "sqrtninv": ("inverse of the root of the sample size", True, True),
}
MODELS = {"lm": "weighted regression with multiplicative dispersion", "rma": "mixed-effects meta-regression"}
ROBUST = "pw.bias.multilevel_egger(effects)"
OWN_ERRORS = {
    "SMD": "The standard error of a standardised mean difference contains the difference itself, so that this test "
    "rejects too often where the effect is large; pw.bias.pustejovsky(effects) does not.",
    "log OR": "The standard error of a log odds ratio contains the odds ratio itself, so that this test rejects too "
    "often where the effect is large; pw.bias.peters and pw.bias.harbord, on the counts, do not.",
}
NO_LIMIT = "the predictor of a study of unlimited size is not 0"


def egger(
    effects: Effects, *, predictor: Predictor = "se", model: Literal["lm", "rma"] = "lm", tau2: str = "REML"
) -> AsymmetryTest:
    """Egger's regression test for funnel plot asymmetry.

    ``model="lm"``: y_i = b0 + b1 x_i + e_i, e_i ~ Normal(0, phi v_i), phi estimated: t = b1 / se(b1) with k - 2 degrees
    of freedom (for x the standard error, the test that Egger wrote as an intercept). ``model="rma"``:
    e_i ~ Normal(0, v_i + tau2), z = b1 / se(b1). The limit is b0, where the predictor of a study of unlimited size is
    0.

    Parameters
    ----------
    effects : Effects
    predictor : str
        ``"se"`` or ``"v"``; ``"n"``, ``"ninv"`` (1 / n), ``"sqrtn"``, ``"sqrtninv"`` of the table's sample sizes;
        ``"seinv"``, ``"vinv"``.
    model : {"lm", "rma"}
        Multiplicative dispersion, or a between-study variance in addition to the sampling variances.
    tau2 : str
        Its estimator, for ``"rma"``.

    Returns
    -------
    AsymmetryTest

    Raises
    ------
    InputError
        For fewer than 3 effects, a reconstructed table, a predictor that is the same for all, unknown sample sizes.
    ModelError
        For a predictor, model or estimator that does not exist.

    Warns
    -----
    PoolwiseWarning
        When several effects are of one study: the test takes them as independent.

    Notes
    -----
    The standard error and multiplicative dispersion by default, as in the test as published; REML, since it is the
    default of the fits themselves. Both models' conventions are metafor's: t for one, the normal law for the other.

    References
    ----------
    Egger et al. 1997, BMJ 315:629, 10.1136/bmj.315.7109.629; Sterne & Egger 2005, in Rothstein, Sutton & Borenstein,
    Publication Bias in Meta-Analysis, chapter 6, for predictors and mixed-effects models.

    Examples
    --------
    >>> import poolwise as pw
    >>> test = pw.bias.egger(pw.datasets.load("bcg"))
    >>> round(test.statistic, 2), test.df, round(test.p_value, 2), round(test.limit.point, 2)
    (-1.4, 11.0, 0.19, -0.19)
    """
    check_option("predictor", predictor, PREDICTORS)
    check_option("model", model, MODELS)
    check_option("tau2", tau2, ESTIMATORS)
    need_reported(effects, "egger")
    words, rises, has_limit = PREDICTORS[predictor]
    x = values(effects, predictor)
    why = "so that no study is smaller than another and there is no funnel to be asymmetric"
    check_varies("egger", x, words, why)
    line = fit_line("egger", effects.y, effects.v, x, model, tau2)
    own = OWN_ERRORS.get(effects.scale.name, "") if predictor in ("se", "v", "seinv", "vinv") else ""
    return record(
        "Egger's test",
        effects,
        line,
        model=MODELS[model] + (f", {tau2}" if model == "rma" else ""),
        predictor=words,
        limit=None if has_limit else Estimate(np.nan, remark=NO_LIMIT),
        rises=rises,
        notes=(*((own,) if own else ()), *independence("Egger's test", effects, ROBUST)),
    )


def values(effects: Effects, predictor: str) -> Array:
    """The predictor of each effect, shape (k,).

    Raises
    ------
    InputError
        Where it needs sample sizes that are unknown, naming the rows.
    """
    if predictor in ("se", "v", "seinv", "vinv"):
        power = {"se": 1.0, "v": 2.0, "seinv": -1.0, "vinv": -2.0}[predictor]
        return effects.se**power
    unknown = ~(np.isfinite(effects.n) & (effects.n > 0))
    if unknown.any():
        rows = "any effect" if unknown.all() else effects.rows.names(unknown)
        raise InputError(
            f"predictor='{predictor}' needs sample sizes, and the table has none of {rows}",
            "n for each effect",
            "pw.Effects(..., n=n), or predictor='se'",
        )
    return effects.n ** {"n": 1.0, "ninv": -1.0, "sqrtn": 0.5, "sqrtninv": -0.5}[predictor]


def thompson_sharp(effects: Effects) -> AsymmetryTest:
    """The test of Thompson and Sharp: Egger's regression with an additive between-study variance by moments.

    y_i = b0 + b1 se_i + e_i, e_i ~ Normal(0, v_i + tau2), tau2 by the method of moments about the line (DL):
    t = b1 / se(b1) with k - 2 degrees of freedom.

    Parameters
    ----------
    effects : Effects

    Returns
    -------
    AsymmetryTest

    Raises
    ------
    InputError
        As for `egger`.

    References
    ----------
    Thompson & Sharp 1999, Statistics in Medicine 18:2693,
    10.1002/(SICI)1097-0258(19991030)18:20<2693::AID-SIM235>3.0.CO;2-V, method 3a; Sterne et al. 2011, BMJ 343:d4002,
    10.1136/bmj.d4002, for its use as a test of asymmetry.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(thompson_sharp(pw.datasets.load("bcg")).p_value, 2)
    0.42
    """
    need_reported(effects, "thompson_sharp")
    check_varies("thompson_sharp", effects.se, "standard error", "so that there is no funnel to be asymmetric")
    line = fit_line("thompson_sharp", effects.y, effects.v, effects.se, "t", "DL")
    own = OWN_ERRORS.get(effects.scale.name, "")
    return record(
        "Thompson and Sharp's test",
        effects,
        line,
        model="meta-regression, tau2 by moments",
        predictor="standard error",
        notes=(*((own,) if own else ()), *independence("Thompson and Sharp's test", effects, ROBUST)),
    )


def pustejovsky(effects: Effects, *, arms: tuple[str, str] | None = None) -> AsymmetryTest:
    """Egger's test for standardised mean differences, on the part of the standard error that is free of the difference.

    y_i = b0 + b1 sqrt(1 / n1_i + 1 / n2_i) + e_i, e_i ~ Normal(0, phi v_i). The usual variance of a standardised mean
    difference is (1 / n1 + 1 / n2) + d^2 / (2 (n1 + n2)): its second part correlates with d where nothing was held
    back.

    Parameters
    ----------
    effects : Effects
        Standardised mean differences.
    arms : tuple of str, optional
        Columns with the sizes of both groups. By default ``("n1", "n2")`` where the table has them.

    Returns
    -------
    AsymmetryTest

    Raises
    ------
    InputError
        On another scale, for columns that are not there, where sizes are unknown, and as for `egger`.

    Notes
    -----
    Without sizes of the groups, those of the studies are split in halves, which the record says: then
    1 / n1 + 1 / n2 = 4 / n. `Effects.from_statistics` keeps the sizes that the rows tell.

    References
    ----------
    Pustejovsky & Rodgers 2019, Research Synthesis Methods 10:57, 10.1002/jrsm.1332.

    Examples
    --------
    >>> import poolwise as pw
    >>> table = pw.Effects([0.2, 0.5, 0.3, 0.9], se=[0.1, 0.25, 0.2, 0.4], n=[400, 70, 100, 30], scale="SMD")
    >>> round(pustejovsky(table).slope, 2)
    2.18
    """
    need_reported(effects, "pustejovsky")
    x, notes = modified_se("pustejovsky", effects, arms)
    check_varies("pustejovsky", x, "modified standard error", "so that there is no funnel to be asymmetric")
    line = fit_line("pustejovsky", effects.y, effects.v, x)
    return record(
        "Pustejovsky and Rodgers's test",
        effects,
        line,
        model=MODELS["lm"],
        predictor="modified standard error sqrt(1/n1 + 1/n2)",
        notes=(*notes, *independence("Pustejovsky and Rodgers's test", effects, ROBUST)),
    )


ARMS = ("n1", "n2")


def modified_se(asked: str, effects: Effects, arms: tuple[str, str] | None) -> tuple[Array, tuple[str, ...]]:
    """The root of 1 / n1 + 1 / n2 for each effect, shape (k,), and what was assumed for it.

    Raises
    ------
    InputError
        On a scale that is no SMD, or where sizes are unknown.
    """
    if effects.scale.name != "SMD":
        raise InputError(
            f"{asked} was given effects on the scale '{effects.scale}'",
            "standardised mean differences",
            "pw.bias.egger(effects), or scale='SMD' where they are such",
        )
    frame = effects.moderators
    if arms is None and not all(name in frame for name in ARMS):
        return 2.0 * values(effects, "sqrtninv"), ("The table tells no sizes of groups, which were taken as halves.",)
    names = ARMS if arms is None else arms
    if isinstance(names, str) or not isinstance(names, tuple | list) or len(names) != 2:
        raise InputError(f"arms = {shown(arms)}", "the names of two columns", "arms=('n1', 'n2')")
    sizes = []
    for name in names:
        if name not in frame:
            raise InputError(f"there is no column {shown(name)}", "sizes of a group", nearest(str(name), frame.columns))
        sizes.append(_sizes(effects, str(name), gaps=arms is None))
    known = ~np.isnan(sizes[0] + sizes[1])
    x = np.sqrt(1.0 / sizes[0] + 1.0 / sizes[1])
    if known.all():
        return x, ()
    halves = f"The sizes of the groups of {effects.rows.names(~known)} are unknown and were taken as halves."
    return np.where(known, x, 2.0 * values(effects, "sqrtninv")), (halves,)


def _sizes(effects: Effects, name: str, *, gaps: bool) -> Array:
    """Sizes of a group, NaN where they are unknown and that is allowed."""
    column = effects.moderators[name]
    try:
        sizes = column.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"column '{name}' holds {shown(column.iloc[0])}", "sizes of a group") from None
    wrong = ~((np.isfinite(sizes) & (sizes > 0)) | (np.isnan(sizes) & gaps))
    if wrong.any():
        raise InputError(f"column '{name}' has no size of a group for {effects.rows.names(wrong)}", "numbers above 0")
    return sizes
