"""What each picture takes, said once: the words of the error for anything else."""

from __future__ import annotations

from poolwise.errors import InputError
from poolwise.settings import check_instance

_FIT = "pw.fit(effects, pw.RandomEffects(), pw.Exact())"
# By picture: what it takes, where that is not the check of the same name, and how one is had.
_TAKES = {
    "calibration": ("what simulate.ecdf returned", "pw.simulate.ecdf(places)"),
    "conditional": ("a result", _FIT),
    "cumulative": ("", "pw.checks.cumulative(result, by='year')"),
    "funnel": ("a result or a study table", "pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())"),
    "labbe": ("a result or a study table", "pw.Effects.from_counts(events, totals)"),
    "leave_one_out": ("what checks.leave_one_out returned of a result", "pw.checks.leave_one_out(result)"),
    "posterior": ("a result, or what average returned", _FIT),
    "prior_panel": ("", "pw.checks.prior_panel(effects)"),
    "prior_predictive": ("", "pw.checks.prior_predictive(result)"),
    "prior_surface": ("", "pw.checks.prior_surface(effects)"),
    "publication_bias": ("", "pw.checks.publication_bias(effects, direction='positive')"),
    "ranges": ("what checks.ranges returned, or several by name", "pw.checks.ranges(tables, model, engine)"),
    "s_value": ("what bias.s_value returned", "pw.bias.s_value(effects, direction='positive')"),
    "shrinkage": ("a result", _FIT),
    "specification_curve": ("what checks.specifications returned", "pw.checks.specifications(effects)"),
}


def check_given(picture: str, value: object, kind: type | tuple[type, ...]) -> None:
    """Raise an error for what a picture cannot draw, naming what it takes and how that is had.

    Raises
    ------
    InputError
        When `value` is of another kind.
    """
    expected, how = _TAKES[picture]
    check_instance(
        f"plot.{picture}", value, kind, expected=expected or f"what checks.{picture} returned",
        advice=f"plot.{picture}({how})", error=InputError,
    )  # fmt: skip
