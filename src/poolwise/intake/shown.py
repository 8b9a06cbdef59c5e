"""A table as notebooks show it: compact HTML in which nothing from the data can be markup."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import pandas as pd

SHOWN_ROWS = 6


def compact(frame: pd.DataFrame, title: str, facts: Sequence[str], notes: Sequence[str]) -> str:
    """Title, facts, the first rows of the frame and the notes as one HTML element."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in frame.head(SHOWN_ROWS).itertuples(index=False, name=None)
    )
    more = f"<p>and {len(frame) - SHOWN_ROWS} more</p>" if len(frame) > SHOWN_ROWS else ""
    noted = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return (
        f"<div><b>{html.escape(title)}</b> &middot; {html.escape(' · '.join(facts))}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
        f"{f'<ul>{noted}</ul>' if noted else ''}</div>"
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)
