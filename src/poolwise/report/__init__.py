"""Reports: the only writer of files."""

from poolwise.report.content import Content
from poolwise.report.files import FITS, claimed, faults
from poolwise.report.kept import KeptFits
from poolwise.report.ranges_content import RangesContent
from poolwise.report.ranges_write import write_ranges
from poolwise.report.write import write

__all__ = ["FITS", "Content", "KeptFits", "RangesContent", "claimed", "faults", "write", "write_ranges"]
