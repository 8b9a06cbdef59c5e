"""The coding of reports: what was extracted, by whom, and how it became one row for each study."""

from poolwise.coding.agreement import Agreement, agreement
from poolwise.coding.prisma import Flow, prisma
from poolwise.coding.protocol import Protocol, read
from poolwise.coding.review_tables import characteristics, study_results, write_table
from poolwise.coding.rules import Average, Chosen, FirstReport, Largest
from poolwise.coding.template import template

__all__ = [
    "Agreement",
    "Average",
    "Chosen",
    "FirstReport",
    "Flow",
    "Largest",
    "Protocol",
    "agreement",
    "characteristics",
    "prisma",
    "read",
    "study_results",
    "template",
    "write_table",
]
