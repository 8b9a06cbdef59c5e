"""Regression of effects on standard errors or variances, read at a study without sampling error: PET and PEESE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from poolwise import show
from poolwise.bias import _told
from poolwise.bias._robust import Robust, check_leverage, clusters, low_df, robust_estimate
from poolwise.bias.asymmetry import fit_line
from poolwise.bias.requirements import check_varies, few, independence, need_reported
from poolwise.closed_form.cluster_robust import FACTORS, robust_fit
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import symmetric
from poolwise.errors import ModelError, shown
from poolwise.model.publication import NOT_SAID, Direction, check_direction
from poolwise.quantities import Estimate, in_full
from poolwise.reading import mean_words
from poolwise.scale import Scale
from poolwise.settings import as_number, check_option, check_prob

EXTRAPOLATED = "It is an extrapolation beyond the most precise study."


@final
@dataclass(frozen=True, eq=False, repr=False)
class PrecisionEffect:
    """A mean effect adjusted under the model that bias grows with the standard error (PET) or its square (PEESE).

    Attributes
    ----------
    method : {"PET", "PEESE"}
    effects : Effects
    estimate : Estimate
        Effect in a study without sampling error, with its confidence interval and the test that it is 0.
    slope, slope_sd, slope_df : float
        Change of the effect with the standard error, or the variance.
    slope_p : float
        Two-sided p-value of the slope: of PET the funnel-asymmetry test.
    robust : str
        ``"CR2"``, ...; empty where rows were taken as independent.
    clusters : int
        How many there are; k where rows were taken as independent.
    dispersion : float
        Multiplicative factor on the sampling variances, sum w r^2 / (k - 2).
    notes : tuple of str
        What else is to be known, a sentence each.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095.
    """

    method: str
    effects: Effects
    estimate: Estimate
    slope: float
    slope_sd: float
    slope_df: float
    slope_p: float
    robust: str
    clusters: int
    dispersion: float
    notes: tuple[str, ...] = ()

    def slope_interval(self, prob: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the slope."""
        return symmetric(self.slope, self.slope_sd, self.slope_df, check_prob(prob))

    @property
    def predictor(self) -> str:
        """What the effects were regressed on."""
        return "standard error" if self.method == "PET" else "sampling variance"

    @property
    def sentence(self) -> str:
        """What was asked, the number, and what the method cannot know at this k."""
        return " ".join((self._answer, *self._rest))

    @property
    def _answer(self) -> str:
        scale = self.effects.scale
        limits = _told.limits(*self.estimate.interval(0.95), scale)
        beside = "; ".join(filter(None, (_unit(scale), self.estimate.test)))
        return (
            f"{self.method} (k = {self.effects.k}): adjusted under the model that effects change in a line with the "
            f"{self.predictor}, {_told.mean_effect(scale)} is {_told.at(self.estimate.point, scale)}, 95 % "
            f"{show.kind(self.estimate.interval_kind())} {limits}{f' ({beside})' if beside else ''}."
        )

    @property
    def _rest(self) -> tuple[str, ...]:
        robust = bool(self.robust)
        own = (
            f"{EXTRAPOLATED} A tilt has other causes than results held back, all of which the line takes away.",
            *few(self.clusters, "clusters" if robust else "studies"),
        )
        return (*own, *self.notes)

    def __str__(self) -> str:
        """The sentence."""
        return show.wrapped([self.sentence])

    def __repr__(self) -> str:
        """One line: the estimate, studies."""
        robust = f", {self.robust}" if self.robust else ""
        return f"<{self.method}: {in_full(self.estimate)}{robust}, k = {self.effects.k}>"

    def _repr_html_(self) -> str:
        """Estimate, slope and the sentences, compact."""
        kind = show.kind(self.estimate.interval_kind())
        p = f"p {show.probability(self.slope_p)}"
        rows = [
            ("mean effect", show.number(self.estimate.point), show.interval(*self.estimate.interval(0.95)), kind),
            ("slope", show.number(self.slope), show.interval(*self.slope_interval(0.95)), p),
        ]
        return show.card(
            self.method,
            answer=self._answer,
            facts=(self.effects.title, self.effects.counted, f"on the {self.predictor}"),
            header=("", "estimate", "95 % confidence interval", "kind, or test of no slope"),
            rows=rows,
            notes=self._rest,
        )


@final
@dataclass(frozen=True, eq=False, repr=False)
class PetPeese:
    """The conditional estimate: PEESE where PET's test says that there is an effect, PET otherwise.

    Attributes
    ----------
    pet, peese : PrecisionEffect
    chosen : {"PET", "PEESE"}
    p_value : float
        One-sided p-value of PET's test of no effect against one in the stated direction.
    alpha : float
        Level of that test.
    direction : {"positive", "negative"}

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095.
    """

    method: ClassVar[str] = "PET-PEESE"
    pet: PrecisionEffect
    peese: PrecisionEffect
    chosen: str
    p_value: float
    alpha: float
    direction: str

    @property
    def effects(self) -> Effects:
        """The study table."""
        return self.pet.effects

    @property
    def estimate(self) -> Estimate:
        """The estimate of the one that was chosen."""
        return (self.pet if self.chosen == "PET" else self.peese).estimate

    @property
    def sentence(self) -> str:
        """What was asked, which was chosen and why, the number, what the method cannot know at this k."""
        return " ".join((self._choice, *self._rest))

    @property
    def _choice(self) -> str:
        says = "shows an effect" if self.chosen == "PEESE" else "does not show an effect"
        scale = self.effects.scale
        limits, unit = _told.limits(*self.estimate.interval(0.95), scale), _unit(scale)
        return (
            f"PET-PEESE (k = {self.effects.k}): PET's one-sided test {says} in the {self.direction} direction (p "
            f"{show.probability(self.p_value)}, level {self.alpha:g}), so that {self.chosen} answers: adjusted under "
            f"its model, {_told.mean_effect(scale)} is {_told.at(self.estimate.point, scale)}, 95 % "
            f"{show.kind(self.estimate.interval_kind())} {limits}{f' ({unit})' if unit else ''}."
        )

    @property
    def _rest(self) -> tuple[str, ...]:
        other = self.peese if self.chosen == "PET" else self.pet
        estimate = _told.at(other.estimate.point, self.effects.scale)
        return (
            f"{other.method} would say {estimate}; the interval does not know of the choice.",
            *self.pet._rest,
        )

    def __str__(self) -> str:
        """The sentence."""
        return show.wrapped([self.sentence])

    def __repr__(self) -> str:
        """One line: the estimate, which it is, studies."""
        return f"<PET-PEESE: {in_full(self.estimate)} by {self.chosen}, k = {self.effects.k}>"

    def _repr_html_(self) -> str:
        """Both estimates and the sentences, compact."""
        rows = [
            (
                one.method + (" (chosen)" if one.method == self.chosen else ""),
                show.number(one.estimate.point),
                show.interval(*one.estimate.interval(0.95)),
                one.estimate.test,
            )
            for one in (self.pet, self.peese)
        ]
        return show.card(
            "PET-PEESE",
            answer=self._choice,
            facts=(self.effects.title, self.effects.counted, f"{self.direction} direction"),
            header=("", "mean effect", "95 % confidence interval", "test of no effect"),
            rows=rows,
            notes=self._rest,
        )


def pet(effects: Effects, *, robust: Robust | None = None, cluster: str | None = None) -> PrecisionEffect:
    """Precision-effect test: effects on their standard errors, read where these are 0.

    y_i = b0 + b1 se_i + e_i, e_i ~ Normal(0, phi v_i), phi estimated and allowed below 1; b0 with t, k - 2 degrees of
    freedom. The slope's test is that of `egger`.

    Parameters
    ----------
    effects : Effects
    robust : {"CR2", "CR1", "CR1p", "CR0"}, optional
        Cluster-robust standard errors, with Satterthwaite's degrees of freedom.
    cluster : str, optional
        Column that tells the clusters; by default the study of each effect.

    Returns
    -------
    PrecisionEffect

    Raises
    ------
    InputError
        For fewer than 3 effects (or clusters), a reconstructed table, equal standard errors.
    ModelError
        For a kind of robust error that does not exist, or clusters without one.

    Warns
    -----
    PoolwiseWarning
        When several effects are of one study and `robust` is None: they are taken as independent.

    Notes
    -----
    Rows are taken as independent unless `robust` says otherwise, as in the method as published; a table with several
    effects of one study brings a warning that offers CR2, rather than another method than was asked for.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095; Stanley 2017, Social Psychological
    and Personality Science 8:581, 10.1177/1948550617693062, on its limits; Pustejovsky & Tipton 2018, J. Business &
    Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pet(pw.datasets.load("bcg"))
    >>> round(found.estimate.point, 2), [round(limit, 2) for limit in found.estimate.interval(0.95)]
    (-0.19, [-0.68, 0.29])
    """
    return _fitted("PET", effects, robust, cluster)


def peese(effects: Effects, *, robust: Robust | None = None, cluster: str | None = None) -> PrecisionEffect:
    """Precision-effect estimate with standard error: effects on their variances, read where these are 0.

    y_i = b0 + b1 v_i + e_i, e_i ~ Normal(0, phi v_i), phi estimated and allowed below 1; b0 with t, k - 2 degrees of
    freedom. Where there is an effect, bias hardly grows with the standard error among precise studies, and PET
    adjusts too much; where there is none, PEESE adjusts too little.

    Parameters
    ----------
    effects, robust, cluster
        As for `pet`.

    Returns
    -------
    PrecisionEffect

    Raises
    ------
    InputError, ModelError
        As for `pet`.

    Notes
    -----
    As for `pet`.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095; Pustejovsky & Tipton 2018, J.
    Business & Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(peese(pw.datasets.load("bcg")).estimate.point, 2)
    -0.38
    """
    return _fitted("PEESE", effects, robust, cluster)


def pet_peese(
    effects: Effects,
    *,
    direction: Direction = NOT_SAID,
    alpha: float = 0.05,
    robust: Robust | None = None,
    cluster: str | None = None,
) -> PetPeese:
    """The conditional estimate: PEESE if PET's test finds an effect in the stated direction, PET otherwise.

    Parameters
    ----------
    effects : Effects
    direction : {"positive", "negative"}
        Sign of the results that get published, of which an effect is expected.
    alpha : float
        Level of PET's one-sided test of no effect, above 0 and below 1.
    robust, cluster
        As for `pet`.

    Returns
    -------
    PetPeese

    Raises
    ------
    InputError, ModelError
        As for `pet`; for a direction or level that is none, and on a scale without a value of no effect.

    Notes
    -----
    PET's test is one-sided at 5 %, which is the two-sided 10 % in the stated direction: an effect in the other one is
    no reason to adjust less. Carter et al. (2019) simulate this rule. Rows are taken as independent unless
    `robust` says otherwise, as for `pet`.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095; Stanley 2017, Social Psychological
    and Personality Science 8:581, 10.1177/1948550617693062; Carter et al. 2019, Advances in Methods and Practices in
    Psychological Science 2:115, 10.1177/2515245919847196.

    Examples
    --------
    >>> import poolwise as pw
    >>> pet_peese(pw.datasets.load("bcg"), direction="negative").chosen
    'PET'
    """
    check_direction(direction)
    need_reported(effects, "pet_peese")
    if effects.scale.null_value is None:
        raise ModelError(
            f"pet_peese asks whether there is an effect, and the scale '{effects.scale}' has no value of no effect",
            "a difference, a ratio or a correlation",
            "pw.bias.pet(effects), pw.bias.peese(effects)",
        )
    if not 0.0 < as_number(alpha) < 1.0:
        raise ModelError(f"alpha = {shown(alpha)}", "a level above 0 and below 1", "alpha=0.05")
    first = pet(effects, robust=robust, cluster=cluster)
    second = peese(effects, robust=robust, cluster=cluster)
    twice = first.estimate.p_value
    expected = (first.estimate.point > 0.0) == (direction == "positive")
    p = 0.5 * twice if expected else 1.0 - 0.5 * twice
    return PetPeese(first, second, "PEESE" if p < alpha else "PET", p, float(alpha), direction)


def _without_null(estimate: Estimate, effects: Effects) -> Estimate:
    """The estimate, without a test of 0 on a scale where 0 is nothing in particular."""
    return estimate if effects.scale.null_value is not None else replace(estimate, statistic=np.nan, p_value=np.nan)


def _fitted(method: str, effects: Effects, robust: str | None, cluster: str | None) -> PrecisionEffect:
    asked = method.lower()
    need_reported(effects, asked)
    if robust is not None:
        check_option("robust", robust, FACTORS)
    elif cluster is not None:
        raise ModelError(f"cluster={shown(cluster)} without robust", "clusters with robust errors", "robust='CR2'")
    x = effects.se if method == "PET" else effects.v
    check_varies(asked, effects.se, "standard error", "so that no line can tell small studies from large ones")
    line = fit_line(asked, effects.y, effects.v, x)
    if robust is None:
        estimate = _without_null(line.intercept, effects)
        notes = independence(method, effects, f"pw.bias.{asked}(effects, robust='CR2')")
        return PrecisionEffect(
            method, effects, estimate, line.slope, line.slope_sd, line.df, line.p_value, "", effects.k,
            line.dispersion, notes,
        )  # fmt: skip
    rows = clusters(asked, effects, cluster)
    design = np.column_stack([np.ones_like(x), x])
    fit = robust_fit(effects.y, design, rows, [np.diag(effects.v[place]) for place in rows], robust)
    check_leverage(asked, effects, rows, fit)
    estimate, slope = (robust_estimate(asked, fit, robust, c) for c in np.eye(2))
    return PrecisionEffect(
        method, effects, _without_null(estimate, effects), slope.point, slope.sd, slope.df, slope.p_value, robust,
        len(rows), line.dispersion, low_df(estimate.df, slope.df),
    )  # fmt: skip


def _unit(scale: Scale) -> str:
    """The scale of a mean that is told as it was analysed; empty where its name tells it."""
    return scale.label if mean_words("mu", scale) == "mu" else ""
