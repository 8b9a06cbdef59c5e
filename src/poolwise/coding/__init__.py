"""The coding of reports: what was extracted, by whom, and how it became one row for each study."""

from poolwise.coding.agreement import Agreement, agreement

__all__ = ["Agreement", "agreement"]
