"""The coding of reports: what was extracted, by whom, and how it became one row for each study."""

from poolwise.coding.agreement import Agreement, agreement
from poolwise.coding.protocol import Protocol, read
from poolwise.coding.rules import Average, FirstReport, Largest
from poolwise.coding.template import template

__all__ = ["Agreement", "Average", "FirstReport", "Largest", "Protocol", "agreement", "read", "template"]
