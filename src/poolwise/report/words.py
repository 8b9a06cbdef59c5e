"""The sentences and number formats of a report."""

from __future__ import annotations

import math
import re

from poolwise.scale import Scale
from poolwise.show import NOTHING, capital, probability, symbol, with_minus
from poolwise.show import prior as prior_words

NOTHING_WRONG = "The fit finished and nothing was found wrong."

QUANTITIES: dict[str, tuple[str, str]] = {
    "mu": ("Mean effect", "μ, the mean of the true effects; in a common-effect model the one true effect"),
    "theta_new": ("True effect in a new study", "in a study like these, its sampling error not included"),
    "tau": ("Between-study standard deviation", "τ, in the unit of the effects"),
    "I2": (
        "I²",
        "share of the variation between the estimates that is heterogeneity: τ² over τ² plus the typical sampling "
        "variance, at the estimate of τ² or over its posterior; under a common effect, (Q − df) / Q",
    ),
}

SHARES = ("I2", "R2", "ICC")
"""Quantities printed as percentages, without a standard deviation."""

_KINDS: tuple[tuple[str, str, str], ...] = (
    ("mu[", "Mean effect", "μ of these studies"),
    ("theta_new[", "True effect in a new study", "like these, its sampling error not included"),
    ("tau[", "Between-study standard deviation", "τ of these studies, in the unit of the effects"),
    ("tau2[", "", ""),
    ("beta[", "Coefficient", "of the mean effect, per unit of the moderator (intercept: where every moderator is 0)"),
    ("gamma[", "Coefficient of log τ", "per unit of the moderator"),
    ("tau_between", "Standard deviation between clusters", "τ_between, in the unit of the effects"),
    ("tau_within", "Standard deviation within clusters", "τ_within, in the unit of the effects"),
    ("mu_spread", "Spread of the mean effects", "σ_μ, the standard deviation of μ between outcomes"),
    ("tau_spread", "Spread of log τ", "σ_logτ, the standard deviation of log τ between groups"),
    ("ICC", "Share of heterogeneity between clusters", "variance between clusters over the sum of both"),
    ("R2", "R²", "share of the heterogeneity without moderators that they account for"),
)


def quantity(name: str) -> tuple[str, str]:
    """Title and note of a quantity in the comparison; two empty words for one that only the CSV files carry.

    Examples
    --------
    >>> quantity("mu[random] - mu[alternate]")
    ('Contrast: random − alternate', 'difference of mean effects')
    """
    if name in QUANTITIES:
        return QUANTITIES[name]
    parts = re.fullmatch(r"mu\[(.*)\] - mu\[(.*)\]", name)
    if parts:
        return f"Contrast: {parts[1]} − {parts[2]}", "difference of mean effects"
    for start, title, note in _KINDS:
        if name.startswith(start) and title:
            inside = re.fullmatch(r"\w+\[(.*)\]", name)
            return f"{title}: {inside[1]}" if inside else title, note
    return "", ""


def typical(name: str) -> tuple[str, str]:
    """Title and note of mu or tau where each outcome or subgroup has its own, drawn from those of a typical one.

    Examples
    --------
    >>> typical("mu")[0]
    'Mean effect of a typical outcome'
    """
    if name == "mu":
        return "Mean effect of a typical outcome", "μ, about which the means of the outcomes or subgroups lie"
    return "Between-study standard deviation of a typical outcome", "τ, about which those of the outcomes lie"


UNASKED = (
    "The analysis file asks for no prior panel. With so few studies it is shown all the same, since no answer under "
    "one prior alone should be read."
)

CONVENTIONS: tuple[tuple[str, str], ...] = (
    (
        "Credible interval",
        "Given the model, the priors and the data, the quantity lies in the interval with the stated "
        "probability. An equal-tailed interval leaves the same probability on either side. The point "
        "estimate of a posterior is its median.",
    ),
    (
        "Confidence interval",
        "A confidence interval is not a probability statement about the quantity. If the model holds, the "
        "procedure covers the true value in the stated share of repeated data sets, or about so: Wald, "
        "Hartung-Knapp and Q-profile intervals are approximate when studies are few.",
    ),
    (
        "Prediction interval",
        "Where the true effect of a new study is expected, between-study variation included. The estimate "
        "that such a study would report varies more, by its own sampling error. The frequentist convention "
        "is named with each interval.",
    ),
    (
        "Hartung-Knapp",
        "A t interval for the mean effect with an adjusted standard error. When the estimates happen to "
        "agree closely, the adjustment makes the interval shorter than one with the unadjusted standard "
        "error. The ad hoc version, whose standard error has that one as its floor, never lets it: it is the "
        "default here, the unmodified one comes by name.",
    ),
    (
        "Shrunken study effect",
        "What the model says of the true effect in that study: its own estimate, drawn towards the mean "
        "effect, the more so the less precise it is.",
    ),
    (
        "Prior panel",
        "The same model under other priors on τ. The side does not depend on the prior on τ when the interval "
        "for μ lies on the same side of the threshold, or includes it, under every prior; the answer is "
        "prior-dependent when it does not. That a side stays the same says nothing of how large the effect "
        "is: read the spread of the limits.",
    ),
)

RECONSTRUCTED = (
    "The study-level table behind this question is not public. The rows used here are reconstructed from "
    "published aggregates: they agree with them to the published rounding, and no row is a real study. Other "
    "tables agree with the aggregates as well, so single study effects, weights and shrunken estimates "
    "are arbitrary and are shown only to illustrate the method."
)

_WATCHED = {
    "r_hat": "R-hat",
    "ess_bulk": "bulk ESS",
    "ess_tail": "tail ESS",
    "mcse_mean": "MCSE of mean",
    "mcse": "MCSE of",
    "limit_share": "limit share",
    "limit_share_first_run": "limit share of the first run",
    "e_bfmi": "E-BFMI",
    "log_likelihood_reml": "restricted log likelihood",
    "log_likelihood_ml": "log likelihood",
}


def prior(text: str) -> str:
    """The priors of a result, in Greek, with a line break allowed only between two priors."""
    whole = re.sub(r" ~ ", "\u00a0~\u00a0", prior_words(text))
    return re.sub(r",\s+(?=[^()]*\))", ",\u00a0", whole)


def watched(name: str) -> str:
    """The name of a diagnostic in words: ``"r_hat_mu"`` as ``"R-hat μ"``; what is in brackets stays."""
    for short, long in ({} if name in _WATCHED else _WATCHED).items():
        if name.startswith(f"{short}_"):
            return f"{long} {_quantile(name.removeprefix(f'{short}_'))}"
    return _WATCHED.get(name, name.replace("_", " "))


def _quantile(name: str) -> str:
    """``"q2.5_mu"`` as ``"2.5 % limit of μ"``; a quantity alone by its symbol."""
    which = re.fullmatch(r"q([\d.]+)_(.*)", name)
    return f"{which[1]} % limit of {symbol(which[2])}" if which else symbol(name)


def scale(own: Scale) -> str:
    """A scale with its short name in brackets, where that is another one: ``"log risk ratio (log RR)"``."""
    return own.label if own.label == own.name else f"{own.label} ({own.name})"


_IN_WORDS = (
    (r"interval='hartung-knapp-adhoc'", "the ad hoc version"),
    (r"(?<=\. )Exact\(\)", "The exact posterior"),
    (r"\bExact\(\)", "the exact posterior"),
    (r"(?:tau2|τ²)='PM'", "the Paule-Mandel estimate"),
    (r"\bk - (?=[\dp])", "k − "),
    (r"\ball models but ThreeLevel\(\)", "all but three-level models"),
    (r"\bse \* sqrt\(n\)", "se × √n"),
)


def uncoded(text: str) -> str:
    """A sentence with words for the names of code that it has."""
    for code, own in _IN_WORDS:
        text = re.sub(code, own, text)
    return text


def remark(note: str) -> str:
    """A remark on data or fits as a sentence of the page: without names of code, with true minus signs, ended.

    Examples
    --------
    >>> remark("statistics that do not agree: y = -0.78 and -0.439")
    'Statistics that do not agree: y = −0.78 and −0.439.'
    """
    note = with_minus(uncoded(note))
    return capital(note if note.endswith((".", "!", "?", ".)")) else f"{note}.")


def duration(seconds: float) -> str:
    """Wall time in seconds."""
    if math.isnan(seconds):
        return NOTHING
    return "< 0.01 s" if seconds < 0.01 else f"{seconds:.2f} s"


def kind(interval_kind: str) -> str:
    """``"credible (equal-tailed)"`` as it stands in a sentence: ``"equal-tailed credible interval"``."""
    outer, _, inner = interval_kind.rstrip(")").partition(" (")
    return f"{inner} {outer} interval".strip()


def kind_parts(interval_kind: str) -> tuple[str, str]:
    """The kind of an interval and its convention in brackets, between which a line may break."""
    outer, bracket, inner = interval_kind.replace(" - ", " − ").partition(" (")
    return outer, f"({inner}" if bracket else ""


def signed(value: float) -> str:
    """A number as short as it can be, with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def ratio(threshold: float, scale: Scale) -> str:
    """A threshold on the analysis scale as the ratio, proportion or rate that a reader sees: ``"1"`` for a log of 0."""
    return f"{float(scale.back([threshold])[0]):.3g}".replace("-", "−")


def natural_digits(scale: Scale, point: float) -> int:
    """Decimals of an estimate on the reading scale: two, or what tells a proportion or a rate to three digits."""
    if scale.null_value is not None or not point > 0.0:
        return 2
    return max(2, min(2 - math.floor(math.log10(point)), 8))


def p_value(value: float) -> str:
    """A p-value as a sentence has it: ``"p = 0.037"``, ``"p < 0.001"``."""
    return f"p {probability(value)}"


def count(value: float) -> str:
    """A whole number; a dash for none."""
    return NOTHING if math.isnan(value) else f"{value:,.0f}"


def few(k: int, panel: bool) -> str:
    """The sentences that a report on fewer than 5 studies begins with, with a prior panel or without."""
    advice = (
        "Read the prior panel before any single row of the comparison."
        if panel
        else "There is no prior panel for this model or this scale of effect: run the same question under other priors "
        "on τ before any single row of the comparison is read."
    )
    return (
        f"There {'is' if k == 1 else 'are'} only {count(k)} {'study' if k == 1 else 'studies'}. So few say little "
        f"about the variation between studies, and the prior on τ takes part in the answer. {advice}"
    )
