"""Reports: the only writer of files."""

from poolwise.report.content import Content
from poolwise.report.files import FITS, claimed, faults
from poolwise.report.kept import KeptFits
from poolwise.report.write import write

__all__ = ["FITS", "Content", "KeptFits", "claimed", "faults", "write"]
