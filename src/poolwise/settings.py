"""Checks of settings: probabilities, counts and their memory, words, and options by what other packages call them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, ModelError, PoolwiseError, closest, described, shown

_HK, _ADHOC = "hartung-knapp", "hartung-knapp-adhoc"
_COMMON = "pw.CommonEffect() as the model"
# What the options are called elsewhere (metafor, meta, bayesmeta, ArviZ), folded; a sentence where it is none here.
SYNONYMS: dict[str, dict[str, str]] = {
    "interval": {
        **dict.fromkeys(("hk", "knha", "hksj", "hkn", "knapphartung", "sidikjonkman", "knapp", "hartung"), _HK),
        **dict.fromkeys(("adhoc", "hkadhoc", "knhaadhoc", "hksjadhoc", "floored", "mkh", "mhk", "modified"), _ADHOC),
        **dict.fromkeys(("z", "normal", "classic", "norm", "asymptotic"), "wald"),
        **dict.fromkeys(("student", "studentt", "tdist"), "t"),
    },
    "tau2": {
        **dict.fromkeys(("paulemandel", "mandelpaule", "mp"), "PM"),
        **dict.fromkeys(("dersimonianlaird", "dsl", "mm", "moments", "mom"), "DL"),
        **dict.fromkeys(("restricted", "restrictedml", "restrictedmaximumlikelihood"), "REML"),
        **dict.fromkeys(("maximumlikelihood", "mle"), "ML"),
        **dict.fromkeys(("empiricalbayes", "morris"), "EB"),
        **dict.fromkeys(("hedges", "hedgesolkin", "ho", "vc", "ca", "cochran"), "HE"),
        **dict.fromkeys(("hunterschmidt",), "HS"),
        **dict.fromkeys(("sidikjonkman",), "SJ"),
        "genq": "'DL', the generalised Q statistic with weights 1/v, or 'HE', with equal weights",
        **dict.fromkeys(("medianpaulemandel", "pmmedian"), "PMM"),
        **dict.fromkeys(("fe", "ee", "ce", "fixed", "common", "iv", "fixedeffect", "commoneffect"), _COMMON),
    },
    "prediction": {
        **dict.fromkeys(("hts", "higgins", "tk2", "k2"), "riley"),
        **dict.fromkeys(("v", "veroniki", "tk1", "k1", "tdist", "student"), "t"),
        **dict.fromkeys(("normal", "norm", "s", "wald"), "z"),
    },
    "kind": {
        **dict.fromkeys(("hdi", "hpd", "hpdi", "highest", "highestdensity"), "shortest"),
        **dict.fromkeys(("eti", "central", "quantile", "quantiles", "percentile", "symmetric"), "equal-tailed"),
    },
    "heterogeneity": {
        **dict.fromkeys(("different", "own", "independent", "unequal"), "separate"),
        **dict.fromkeys(("shared", "equal", "pooled", "same"), "common"),
        **dict.fromkeys(("hierarchical", "random", "partial"), "exchangeable"),
    },
    "measure": {
        **{word: f"log {word.upper()}" for word in ("or", "rr", "irr", "hr")},
        **dict.fromkeys(("oddsratio", "logoddsratio"), "log OR"),
        **dict.fromkeys(("riskratio", "logriskratio", "relativerisk"), "log RR"),
        **dict.fromkeys(("rateratio", "incidencerateratio"), "log IRR"),
        **dict.fromkeys(("plo", "pr", "prop", "proportion", "prevalence", "logitproportion"), "logit"),
        **dict.fromkeys(("irln", "ir", "rate", "lograte", "incidencerate", "logincidencerate"), "log rate"),
    },
    "predictor": {
        **{f"{name}i": name for name in ("se", "v", "n", "sqrtn")},
        **dict.fromkeys(("1n", "inversen"), "ninv"),
        **dict.fromkeys(("1sqrtn", "sqrt1n"), "sqrtninv"),
        **dict.fromkeys(("1se", "precision"), "seinv"),
        **dict.fromkeys(("1v",), "vinv"),
    },
    "sampler": {**dict.fromkeys(("nuts", "default"), "nutpie"), **dict.fromkeys(("jax", "blackjax"), "numpyro")},
    "missing": {**dict.fromkeys(("impute", "bayes"), "model"), **dict.fromkeys(("raise", "drop"), "error")},
}

NUMBERS_OF_A_DRAW = 10  # of a model of two studies: parameters, true effects, statistics of the sampler
UNTOLD_MEMORY = 2**36  # bytes

SMALL_K = 5  # fewer studies say so little of tau that one prior alone is never read


def as_number(value: object) -> float:
    """The value of a numeric argument; NaN for what is no number, or one that floating point does not hold.

    Examples
    --------
    >>> as_number(2), as_number(True), as_number("2"), as_number(10**5000)
    (2.0, nan, nan, nan)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def as_numbers(name: str, values: object) -> NDArray[np.float64]:
    """An argument of numbers as an array of any shape.

    Raises
    ------
    ModelError
        When they are none, or floating point does not hold them.
    """
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ModelError(f"{name} was given {shown(values)}", "numbers that floating point holds") from None


def check_prob(prob: float, name: str = "prob") -> float:
    """The probability of an interval, or of another name, checked to lie strictly between 0 and 1.

    Raises
    ------
    ModelError
        When it does not.
    """
    number = as_number(prob)
    if not 0.0 < number < 1.0:
        hint = f"{name}={number / 100:g}" if 1.0 < number < 100.0 else f"{name}=0.95"
        raise ModelError(f"{name} = {shown(prob)} is no probability", "a number between 0 and 1", hint)
    return number


def check_whole(name: str, value: object, least: int, usual: int, *, error: type[PoolwiseError] = ModelError) -> int:
    """The setting, checked to be a whole number of at least `least`.

    Raises
    ------
    PoolwiseError
        When it is not; the message offers `usual` instead.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        expected = f"{name} as a whole number of at least {least}"
        raise error(f"{name} = {shown(value)}", expected, f"{name}={usual}")
    return int(value)


def check_flag(name: str, value: object, *, error: type[PoolwiseError] = ModelError) -> bool:
    """The setting, checked to be true or false.

    Raises
    ------
    PoolwiseError
        When it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise error(f"{name} = {shown(value)}", "True or False")
    return bool(value)


def check_option(
    name: str, value: object, known: Iterable[str], *, error: type[PoolwiseError] = ModelError, whose: str = ""
) -> str:
    """The setting, checked to be one of the options that exist.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object
        What was given.
    known : iterable of str
        The options.
    error : type
        What is raised.
    whose : str
        Words before the name: ``"Scale: "``.

    Raises
    ------
    PoolwiseError
        Of the type given, naming setting, value, options and the nearest of them, or what is meant by other packages.
    """
    options = list(known)
    if isinstance(value, str) and value in options:
        return value
    expected = "one of " + ", ".join(options)
    raise error(f"{whose}{name}={shown(value)} is unknown", expected, option_meant(name, value, options))


def option_meant(name: str, value: object, known: Iterable[str]) -> str:
    """Words that offer the option meant by a name that does not exist; none when no option is near.

    Examples
    --------
    >>> option_meant("interval", "HKSJ", ["wald", "hartung-knapp"]), option_meant("tau2", "FE", ["DL"])
    ("did you mean 'hartung-knapp'?", 'pw.CommonEffect() as the model')
    """
    if not isinstance(value, str):
        return ""
    options = list(known)
    folded = _folded(value)
    meant = {_folded(option): option for option in options} | SYNONYMS.get(name, {})
    if folded in meant and meant[folded] in options:
        return f"did you mean '{meant[folded]}'?"
    return closest(value, options) if folded not in meant else meant[folded] if " " in meant[folded] else ""


def _folded(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.casefold())


# XML 1.0 (section 2.2) allows no other control characters than tab and line breaks, no surrogates, no U+FFFE, U+FFFF.
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_KINDS = (
    ("\ud800", "\udfff", "half of a character (a lone surrogate)"),
    ("\u202a", "\u2069", "a mark that turns the direction of the text"),
    ("\ufffe", "\uffff", "no character"),
    ("\x00", "\x9f", "a control character"),
)


def unprintable(text: str) -> str:
    """The first character of a text that cannot stand in one, as a message names it; empty when there is none.

    Examples
    --------
    >>> unprintable("Smith\\x1b 2010"), unprintable("Müller 2010")
    ('U+001B, a control character', '')
    """
    if text.isprintable():
        return ""
    bad = _BAD.search(text)
    if bad is None:
        return ""
    kind = next(words for low, high, words in _KINDS if low <= bad[0] <= high)
    return f"U+{ord(bad[0]):04X}, {kind}"


def check_words(text: object, what: str, *, error: type[PoolwiseError] = InputError) -> None:
    """Refuse what is no text, and a text with a character that cannot stand in one: seen by nobody, it breaks files.

    Parameters
    ----------
    text : object
        The text.
    what : str
        What it is, for the message.

    error : type
        What is raised.

    Raises
    ------
    PoolwiseError
        Of the type given, naming the character.
    """
    if not isinstance(text, str):
        raise error(f"{what} is {shown(text)}", "a text")
    bad = unprintable(text)
    if bad:
        raise error(f"{what} {text[:80]!a} holds {bad}", "text that can be printed", "removing it")


def check_instance(
    asked: str, value: object, kind: type | tuple[type, ...], *, expected: str, advice: str = "",
    error: type[PoolwiseError] = ModelError,
) -> None:  # fmt: skip
    """Raise an error for an argument of another kind, naming the function asked and what it was given."""
    if not isinstance(value, kind):
        raise error(f"{asked} was given {described(value)}", expected, advice)


def as_names(option: str, given: object, example: str) -> tuple[str, ...]:
    """One name or several as a tuple; a ModelError for what cannot be names."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable) or isinstance(given, bytes | bytearray):
        raise ModelError(f"{option} = {shown(given)}", "names of columns, each once", example)
    return tuple(given)


def check_memory(what: str, numbers: int, advice: str = "") -> None:
    """Refuse what cannot fit in memory, before it is taken.

    Parameters
    ----------
    what : str
        What is to be held, for the message: ``"NUTS(draws=1000000000000)"``.
    numbers : int
        Numbers of 8 bytes that it holds at least.
    advice : str
        What to try instead.

    Raises
    ------
    ModelError
        Saying how much it would take, and how much there is.
    """
    needed, there = 8 * int(numbers), _memory()
    if needed > there:
        raise ModelError(
            f"{what} would take at least {_bytes(needed)} of memory",
            f"at most the {_bytes(there)} of this machine",
            advice,
        )


def _memory() -> int:
    """Bytes of memory of this machine; where the system does not tell, as much as a large one has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return UNTOLD_MEMORY


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count < 1e15 else f"{count / 1e9:.2g} GB"
