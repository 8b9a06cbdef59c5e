"""Checks of a fit: what the prior decides, what single studies do, what outcomes borrow."""

from poolwise.checks.borrowing import Borrowing, borrowing
from poolwise.checks.distance import hellinger
from poolwise.checks.leave_one_out import LeaveOneOut, leave_one_out
from poolwise.checks.posterior_predictive import PosteriorPredictive, posterior_predictive
from poolwise.checks.power_scaling import PowerScaling, power_scaling
from poolwise.checks.prior_ess import prior_ess
from poolwise.checks.prior_panel import PriorPanel, prior_panel
from poolwise.checks.prior_surface import PriorSurface, prior_surface
from poolwise.checks.ranges import Ranges, ranges
from poolwise.checks.tipping import TippingPoint, tipping_point

__all__ = [
    "Borrowing", "LeaveOneOut", "PosteriorPredictive", "PowerScaling", "PriorPanel", "PriorSurface", "Ranges",
    "TippingPoint", "borrowing", "hellinger", "leave_one_out", "posterior_predictive", "power_scaling", "prior_ess",
    "prior_panel", "prior_surface", "ranges", "tipping_point",
]  # fmt: skip
