"""The closed-form engine: estimates and intervals that need no prior."""

from poolwise.engines.closed_form.engine import ClosedForm

__all__ = ["ClosedForm"]
