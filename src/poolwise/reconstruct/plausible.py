"""What a single study may look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from poolwise.errors import InputError, shown
from poolwise.settings import as_number


@final
@dataclass(frozen=True)
class Plausible:
    """Limits on single studies that a reconstructed table has to keep.

    The defaults suit standardised mean differences. A standard error of 0.03 is that of two groups of
    2,200 persons, one of 0.6 that of two groups of 6.

    Attributes
    ----------
    se_min, se_max : float
        Smallest and largest standard error of a study, on the analysis scale.
    d_max : float
        Largest absolute estimate of a study, on the analysis scale.

    Notes
    -----
    A limit on |d| of 1.5 is three times a medium standardised mean difference by Cohen's convention. Other scales of
    effect need limits of their own.

    References
    ----------
    Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., section 2.2, for a medium d of 0.5.
    """

    se_min: float = 0.03
    se_max: float = 0.6
    d_max: float = 1.5

    def __post_init__(self) -> None:
        if not 0.0 <= as_number(self.se_min) < as_number(self.se_max):
            raise InputError(
                f"plausible standard errors from {shown(self.se_min)} to {shown(self.se_max)}", "0 <= se_min < se_max"
            )
        if not as_number(self.d_max) > 0.0:
            raise InputError(f"plausible d_max = {shown(self.d_max)}", "a number above 0 (inf for no limit)")
