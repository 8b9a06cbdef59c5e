"""Reports: the only writer of files."""

from poolwise.report.content import Content
from poolwise.report.files import claimed, faults
from poolwise.report.write import write

__all__ = ["Content", "claimed", "faults", "write"]
