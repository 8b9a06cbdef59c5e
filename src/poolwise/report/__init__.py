"""Reports: the only writer of files."""

from poolwise.report.basis import digest_of
from poolwise.report.content import Content
from poolwise.report.documents import check_forms
from poolwise.report.files import FITS, RANGES, SEARCH, faults
from poolwise.report.kept import KeptFits
from poolwise.report.kept_ranges import KeptRanges
from poolwise.report.kept_search import KeptSearch
from poolwise.report.paper import InWords, in_words
from poolwise.report.ranges_content import RangesContent
from poolwise.report.write import documented, held, left, write, write_joint

__all__ = [
    "FITS",
    "RANGES",
    "SEARCH",
    "Content",
    "InWords",
    "KeptFits",
    "KeptRanges",
    "KeptSearch",
    "RangesContent",
    "check_forms",
    "digest_of",
    "documented",
    "faults",
    "held",
    "in_words",
    "left",
    "write",
    "write_joint",
]
