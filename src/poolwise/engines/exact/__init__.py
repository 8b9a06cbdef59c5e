"""The exact engine: posteriors by quadrature."""

from poolwise.engines.exact.engine import Exact

__all__ = ["Exact"]
