"""Reports: the only writer of files."""

from poolwise.report.content import Content
from poolwise.report.documents import check_forms
from poolwise.report.files import FITS, SEARCH, faults
from poolwise.report.kept import KeptFits
from poolwise.report.kept_search import KeptSearch
from poolwise.report.paper import InWords, in_words
from poolwise.report.ranges_content import RangesContent
from poolwise.report.write import documented, held, write, write_joint

__all__ = [
    "FITS",
    "SEARCH",
    "Content",
    "InWords",
    "KeptFits",
    "KeptSearch",
    "RangesContent",
    "check_forms",
    "documented",
    "faults",
    "held",
    "in_words",
    "write",
    "write_joint",
]
