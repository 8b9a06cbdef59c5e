"""Checks of a fit: what the prior decides, and what outcomes borrow."""

from poolwise.checks.borrowing import Borrowing, borrowing
from poolwise.checks.prior_panel import PriorPanel, prior_panel

__all__ = ["Borrowing", "PriorPanel", "borrowing", "prior_panel"]
