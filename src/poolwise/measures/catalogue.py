"""The measures by the codes of the field: what each is, the function behind it, and what it can be computed from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from poolwise.measures import (
    correlations,
    counts,
    derived,
    matched,
    means,
    paired,
    pomp,
    reliability,
    standardised,
    superiority,
    tables,
)
from poolwise.measures.estimate import Estimate
from poolwise.scale import Scale, as_scale

OPTIONS = ("variance", "sampling", "correct", "add", "to", "drop00")
"""Arguments of measures that are settings, not statistics."""


@dataclass(frozen=True)
class Derivation:
    """Statistics that follow from others.

    Attributes
    ----------
    gives : tuple of str
        Names of what follows.
    function : callable
        Takes statistics by name, and returns one array, or one for each name.
    """

    gives: tuple[str, ...]
    function: Callable[..., Any]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the statistics that it takes."""
        return tuple(inspect.signature(self.function).parameters)


@dataclass(frozen=True)
class Measure:
    """A measure of effect.

    Attributes
    ----------
    code : str
        As in metafor's ``escalc``, where it has one.
    scale : Scale
        What the estimates are, for a study table.
    function : callable
        Statistics by name in, `Estimate` out.
    derivations : tuple of Derivation
        Where a statistic that the function needs may come from.
    otherwise : str
        Code of another estimator of the same quantity, which answers where its statistics are given instead.
    """

    code: str
    scale: Scale
    function: Callable[..., Estimate]
    derivations: tuple[Derivation, ...] = ()
    otherwise: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the statistics that the function takes."""
        return tuple(name for name in inspect.signature(self.function).parameters if name not in OPTIONS)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of its settings."""
        return tuple(name for name in inspect.signature(self.function).parameters if name in OPTIONS)

    @property
    def routes(self) -> tuple[tuple[str, ...], ...]:
        """Each set of statistics that it can be computed from."""
        by = tuple(self.through(derivation) for derivation in self.derivations)
        return (self.needs, *by)

    def through(self, derivation: Derivation) -> tuple[str, ...]:
        """What it can be computed from by a derivation."""
        rest = tuple(name for name in self.needs if name not in (*derivation.gives, *derivation.needs))
        return (*derivation.needs, *rest)


_D = tuple(
    Derivation(("d",), function)
    for function in (
        derived.d_of_means,
        derived.d_of_t,
        derived.d_of_p,
        derived.d_of_f,
        derived.d_of_r,
        derived.d_of_eta2,
    )
)
_R = tuple(Derivation(("r",), function) for function in (derived.r_of_t, derived.r_of_p))
_CHANGE = tuple(
    Derivation(("d",), function) for function in (derived.change_of_means, derived.change_of_t, derived.change_of_p)
)
_T = (Derivation(("t",), derived.t_of_coefficient), Derivation(("t",), derived.t_of_partial))
_SEMI_T = (Derivation(("t",), derived.t_of_coefficient), Derivation(("t",), derived.t_of_semipartial))
_R2 = (Derivation(("r2",), derived.r2_of_f),)
_BOTH = (Derivation(("r",), derived.phi_of_both),)
_CELLS = (Derivation(("a", "b", "c", "d"), derived.cells_of_events),)


def _plain(name: str, label: str, *, compares: bool = True) -> Scale:
    return Scale(name, label, "identity", label, compares)


def _log(name: str, label: str, *, compares: bool = True) -> Scale:
    return Scale(f"log {name}", f"log {label}", "log", label, compares)


def _single(name: str, label: str) -> Scale:
    """What a single group has: 0 stands for no absence of an effect."""
    return _plain(name, label, compares=False)


_CORRELATION, _SMD, _Z = _plain("r", "correlation"), as_scale("SMD"), as_scale("Fisher z")
_SUPERIORITY = _single("CLES", "probability of superiority")
_SEMIPARTIAL = _plain("semi-partial r", "semi-partial correlation")

MEASURES: dict[str, Measure] = {
    measure.code: measure
    for measure in (
        Measure("MD", as_scale("MD"), means.mean_difference),
        Measure("SMD", _SMD, standardised.hedges_g, _D),
        Measure("SMDH", _SMD, standardised.smd_by_average_variance),
        Measure("SMD1", _SMD, standardised.glass_delta),
        Measure("SMD1H", _SMD, standardised.glass_delta_heteroscedastic),
        Measure("ROM", as_scale("log ROM"), means.log_ratio_of_means),
        Measure("VR", _log("VR", "variability ratio"), means.log_variability_ratio),
        Measure("CVR", _log("CVR", "ratio of coefficients of variation"), means.log_ratio_of_variation),
        Measure("CLES", _SUPERIORITY, superiority.area_under_the_curve, otherwise="CLESN"),
        Measure("CLESN", _SUPERIORITY, superiority.common_language_effect_size),
        Measure("POMPMD", _plain("POMP", "difference in percent of the maximum possible"), pomp.pomp_difference),
        Measure("OR", as_scale("log OR"), tables.log_odds_ratio, _CELLS),
        Measure("RR", as_scale("log RR"), tables.log_risk_ratio, _CELLS),
        Measure("RD", _plain("RD", "risk difference"), tables.risk_difference, _CELLS),
        Measure("AS", _plain("AS", "arcsine risk difference"), tables.arcsine_risk_difference, _CELLS),
        Measure("PETO", as_scale("log OR"), tables.peto_log_odds_ratio, _CELLS),
        Measure("PHI", _plain("phi", "phi coefficient"), tables.phi_coefficient, _CELLS),
        Measure("YUQ", _plain("Yule's Q", "Yule's Q"), tables.yule_q, _CELLS),
        Measure("YUY", _plain("Yule's Y", "Yule's Y"), tables.yule_y, _CELLS),
        Measure("RTET", _CORRELATION, tables.tetrachoric, _CELLS),
        Measure("PBIT", _SMD, tables.probit_difference, _CELLS),
        Measure("OR2DL", _SMD, tables.smd_from_odds_logistic, _CELLS),
        Measure("OR2DN", _SMD, tables.smd_from_odds_normal, _CELLS),
        Measure("ZPHI", _Z, tables.fisher_z_of_phi, _CELLS),
        Measure("ZTET", _Z, tables.fisher_z_of_tetrachoric, _CELLS),
        Measure("D2ORL", as_scale("log OR"), standardised.log_odds_from_d_logistic, _D),
        Measure("D2ORN", as_scale("log OR"), standardised.log_odds_from_d_normal, _D),
        Measure("MPRD", _plain("RD", "risk difference"), matched.marginal_risk_difference),
        Measure("MPRR", as_scale("log RR"), matched.marginal_risk_ratio),
        Measure("MPOR", as_scale("log OR"), matched.marginal_odds_ratio),
        Measure("MPORC", as_scale("log OR"), matched.conditional_odds_ratio),
        Measure("MPPETO", as_scale("log OR"), matched.peto_conditional_odds_ratio),
        Measure("MPORM", as_scale("log OR"), matched.marginal_odds_ratio_of_margins, _BOTH),
        Measure("IRR", as_scale("log IRR"), counts.incidence_rate_ratio),
        Measure("IRD", _plain("IRD", "incidence rate difference"), counts.incidence_rate_difference),
        Measure("IRSD", _plain("IRSD", "difference of root incidence rates"), counts.root_rate_difference),
        Measure("COR", _CORRELATION, correlations.correlation, _R),
        Measure("UCOR", _CORRELATION, correlations.unbiased_correlation, _R),
        Measure("ZCOR", _Z, correlations.fisher_z, _R),
        Measure("PCOR", _plain("partial r", "partial correlation"), correlations.partial_correlation, _T),
        Measure("ZPCOR", _Z, correlations.fisher_z_of_partial, _T),
        Measure("SPCOR", _SEMIPARTIAL, correlations.semipartial_correlation, _SEMI_T),
        Measure("ZSPCOR", _Z, correlations.fisher_z_of_semipartial, _SEMI_T),
        Measure("R2", _plain("R2", "coefficient of determination"), correlations.coefficient_of_determination, _R2),
        Measure("ZR2", _Z, correlations.fisher_z_of_determination, _R2),
        Measure("RPB", _CORRELATION, correlations.point_biserial, _D),
        Measure("ZPB", _Z, correlations.fisher_z_of_point_biserial, _D),
        Measure("RBIS", _CORRELATION, correlations.biserial, _D),
        Measure("ZBIS", _Z, correlations.fisher_z_of_biserial, _D),
        Measure("PR", _single("proportion", "proportion"), counts.proportion),
        Measure("PLN", _log("proportion", "proportion", compares=False), counts.log_proportion),
        Measure("PLO", as_scale("logit"), counts.logit_proportion),
        Measure("PRZ", _plain("probit", "probit proportion", compares=False), counts.probit_proportion),
        Measure("PAS", _single("arcsine", "angular proportion"), counts.arcsine_proportion),
        Measure("PFT", _single("double arcsine", "double arcsine proportion"), counts.freeman_tukey_proportion),
        Measure("IR", _single("rate", "incidence rate"), counts.incidence_rate),
        Measure("IRLN", as_scale("log rate"), counts.log_incidence_rate),
        Measure("IRS", _single("root rate", "root of the incidence rate"), counts.root_incidence_rate),
        Measure("IRFT", _single("Freeman-Tukey rate", "Freeman-Tukey incidence rate"), counts.freeman_tukey_rate),
        Measure("REH", _log("REH", "relative excess heterozygosity"), counts.relative_excess_heterozygosity),
        Measure("MN", _single("mean", "mean"), means.raw_mean),
        Measure("MNLN", _log("mean", "mean", compares=False), means.log_mean),
        Measure("POMPMN", _single("POMP mean", "percent of the maximum possible"), pomp.pomp_mean),
        Measure("CVLN", _log("CV", "coefficient of variation", compares=False), means.log_variation),
        Measure("SDLN", _log("SD", "standard deviation", compares=False), means.log_standard_deviation),
        Measure("SMN", _plain("SMN", "standardised mean"), means.single_standardised_mean),
        Measure("MC", _plain("MC", "mean change"), paired.mean_change),
        Measure("SMCC", _plain("SMCC", "mean change / sd of changes"), paired.standardised_mean_change, _CHANGE),
        Measure("SMCR", _plain("SMCR", "standardised mean change"), paired.raw_standardised_change),
        Measure("SMCRH", _plain("SMCR", "standardised mean change"), paired.raw_standardised_change_heteroscedastic),
        Measure("SMCRP", _plain("SMCR", "standardised mean change"), paired.pooled_standardised_change),
        Measure(
            "SMCRPH", _plain("SMCR", "standardised mean change"), paired.pooled_standardised_change_heteroscedastic
        ),
        Measure("CLESCN", _SUPERIORITY, superiority.common_language_effect_size_of_pairs),
        Measure("POMPMC", _plain("POMP", "change in percent of the maximum possible"), pomp.pomp_change),
        Measure("ROMC", as_scale("log ROM"), paired.log_ratio_of_paired_means),
        Measure("VRC", _log("VR", "variability ratio"), paired.log_variability_ratio_of_pairs),
        Measure("CVRC", _log("CVR", "ratio of coefficients of variation"), paired.log_ratio_of_paired_variation),
        Measure("PPC", _SMD, paired.pre_post_control),
        Measure("ARAW", _single("alpha", "Cronbach's alpha"), reliability.raw_alpha),
        Measure("AHW", _single("AHW", "1 - (1 - alpha)^(1/3)"), reliability.hakstian_whalen_alpha),
        Measure("ABT", _single("ABT", "-log(1 - alpha)"), reliability.bonett_alpha),
    )
}
"""In the order of two groups, tables, rates, correlations, single groups, change, reliability."""
SUPERIORITY = ("CLES", "CLESN", "CLESCN")
"""Probabilities of superiority, in which 1/2 is no effect."""
