"""The fields of a coding protocol: what is coded of each reported result, in which words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One column of a protocol.

    Attributes
    ----------
    name : str
        The column.
    meaning : str
        What belongs there, for the template.
    words : tuple of str
        Words to choose from; empty where any text, or a number, may stand.
    needed : bool
        Whether every row needs it.
    """

    name: str
    meaning: str
    words: tuple[str, ...] = ()
    needed: bool = False


FIELDS: tuple[Field, ...] = (
    Field("report", "The publication: author and year, as cited", needed=True),
    Field("study", "The study to which the result belongs; several reports may share one", needed=True),
    Field("sample", "The people: one name for one sample, in whatever report; the study when left empty"),
    Field("outcome", "What is pooled together", needed=True),
    Field("definition", "How this result defines the outcome (rearrest, charge, conviction)"),
    Field("measure", "Family of the measure of the predictor (WAI, DRI)"),
    Field("variant", "Its variant (WAI-SR)"),
    Field("rater", "Who rated (client, therapist, observer)"),
    Field("timepoint", "When it was measured (start, middle, end, throughout)"),
    Field("follow_up", "Months from treatment to outcome"),
    Field(
        "design",
        "Design of the study",
        ("randomised", "quasi-experimental", "cohort", "cross-sectional", "case-control"),
    ),
    Field("intensity", "Hours, sessions or months of treatment"),
    Field("provider", "Who provided it"),
    Field("setting", "Where"),
    Field("group", "Which group of the study, where results of several are reported"),
    Field("role", "Whether the result is the study's main one", ("primary", "secondary")),
    Field("sample_type", "What kind of people"),
    Field("jurisdiction", "Country or court"),
    Field("adjusted", "Whether the estimate is adjusted for other variables", ("yes", "no")),
    Field("direction", "Whether the numbers point the protocol's way", ("same", "reversed"), needed=True),
    Field("statistic", "The statistic as printed, in words"),
    Field("page", "Page, table or figure of the report"),
    Field("coder", "Who coded this row"),
)
"""In the order of the template's columns; statistics (n1, m1, t, r, or, ...) stand beside them."""

KEYS = ("definition", "measure", "variant", "rater", "timepoint", "follow_up", "group")
"""What tells the results of one sample on one outcome apart."""
