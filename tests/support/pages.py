"""A report as text: its HTML, with the spaces at which no line breaks as others."""

from __future__ import annotations

from pathlib import Path


def text_of(report: Path) -> str:
    """The HTML of a report with plain spaces."""
    return report.read_text(encoding="utf-8").replace("\u00a0", " ")
