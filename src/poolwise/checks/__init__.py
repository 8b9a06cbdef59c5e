"""Checks of a fit: what the prior decides."""

from poolwise.checks.prior_panel import PriorPanel, prior_panel

__all__ = ["PriorPanel", "prior_panel"]
