"""The prior panel: one question under several priors on tau."""

from poolwise.checks.prior_panel.prior_panel import PriorPanel, prior_panel

__all__ = ["PriorPanel", "prior_panel"]
