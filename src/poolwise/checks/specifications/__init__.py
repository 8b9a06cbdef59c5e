"""Every estimator, interval and prior that one could defend, on one study table."""

from poolwise.checks.specifications.specifications import Specifications, specifications

__all__ = ["Specifications", "specifications"]
