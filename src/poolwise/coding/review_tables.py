"""Tables of a review from its protocol: characteristics of the studies, their results, and files of both."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from scipy import special

from poolwise.coding.protocol import Protocol, one_code
from poolwise.effects import Effects
from poolwise.errors import InputError, shown
from poolwise.settings import check_instance, check_prob

_READ = "pw.coding.read('results.csv')"

CHARACTERISTICS = (
    "design", "sample_type", "jurisdiction", "setting", "provider", "intensity", "measure", "variant", "rater",
    "timepoint", "follow_up", "outcome",
)  # fmt: skip
FORMATS = (".csv", ".html", ".tex")


def characteristics(protocol: Protocol) -> pd.DataFrame:
    """What each study is, one row for each, as in the first table of a review.

    Parameters
    ----------
    protocol : Protocol

    Returns
    -------
    DataFrame
        study, reports, n (the largest sample, where a column ``n`` was coded), and each coded field of the study;
        different codes of one study stand beside one another, joined by " + ".

    References
    ----------
    Page et al. 2021, BMJ 372:n71, items 17 and 10b, 10.1136/bmj.n71.
    """
    check_instance("characteristics", protocol, Protocol, expected="a Protocol", advice=_READ, error=InputError)
    frame = protocol.frame
    rows = []
    for study, part in frame.groupby("study", sort=False):
        row: dict[str, object] = {"study": study, "reports": one_code(part["report"])}
        if "n" in frame:
            row["n"] = pd.to_numeric(part["n"], errors="coerce").max()
        coded = {name: one_code(part[name]) for name in CHARACTERISTICS if name in frame}
        rows.append({**row, **coded})
    return pd.DataFrame(rows)


def study_results(effects: Effects, *, prob: float = 0.95) -> pd.DataFrame:
    """The result of each study, one row for each, as in the second table of a review.

    Parameters
    ----------
    effects : Effects
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        study, outcome, n, estimate, se, lower, upper (y +- z se, on the reading scale, as the estimate), prob,
        interval (its kind), derivation.

    References
    ----------
    Page et al. 2021, BMJ 372:n71, item 19, 10.1136/bmj.n71.
    """
    advice = "protocol.effects(target='SMD')"
    check_instance("study_results", effects, Effects, expected="Effects", advice=advice, error=InputError)
    reach = special.ndtri((1.0 + check_prob(prob)) / 2.0) * effects.se
    back = effects.scale.back
    return pd.DataFrame(
        {
            "study": list(effects.study),
            "outcome": list(effects.outcome),
            "n": effects.n,
            effects.scale.natural_label: back(effects.y),
            "se": effects.se,
            "lower": back(effects.y - reach),
            "upper": back(effects.y + reach),
            "prob": prob,
            "interval": "confidence (Wald)",
            "derivation": list(effects.derivation),
        }
    )


def write_table(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table to a new file, as CSV, HTML or LaTeX by its ending, with all that these formats would read escaped.

    Parameters
    ----------
    frame : DataFrame
    path : str or Path
        Ending in .csv, .html or .tex; a file that exists is never written over.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For another ending, and a file that exists.
    """
    check_instance("write_table", frame, pd.DataFrame, expected="a DataFrame", error=InputError)
    if not isinstance(path, str | Path):
        raise InputError(f"a table was to be written to {shown(path)}", "the path of a new file")
    path = Path(path)
    if path.suffix.casefold() not in FORMATS:
        raise InputError(f"'{path.name}' ends in '{path.suffix}'", f"one of {', '.join(FORMATS)}")
    if path.suffix.casefold() == ".csv":
        text = frame.to_csv(index=False)
    elif path.suffix.casefold() == ".html":
        text = frame.to_html(index=False, na_rep="", float_format="{:.3g}".format, border=0)
    else:
        names = frame.rename(columns=str)
        styled = names.style.hide(axis="index").format(escape="latex", precision=3, na_rep="")
        text = styled.format_index(escape="latex", axis=1).to_latex(hrules=True)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"'{path.name}' exists already", "a new file, since nothing is written over") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be written: {error.strerror}", "a file in a folder that exists") from None
    return path
