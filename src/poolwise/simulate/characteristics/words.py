"""What operating characteristics say in a sentence, and as a card."""

from __future__ import annotations

import pandas as pd

from poolwise import show

FAR = 3.0  # Monte Carlo standard errors from which a coverage is told apart from what was promised


def sentence(frame: pd.DataFrame, prob: float, replications: int) -> str:
    """Which intervals of the mean keep their promise over all truths that were tried, and which do not."""
    mean = frame[frame["quantity"] == "mu"]
    mcse = mean["coverage_mcse"]
    less = mean[mean["coverage"] + FAR * mcse < prob]
    short = less.groupby("method", sort=False)["coverage"].min()
    kept = [str(name) for name in dict.fromkeys(mean["method"]) if name not in short.index]
    truths = mean.groupby("method", sort=False).size().max()
    head = (
        f"{replications:,} simulated tables of {'one truth' if truths == 1 else f'each of {truths} truths'}; "
        f"{show.level(prob)} intervals of \N{GREEK SMALL LETTER MU}"
    )
    said = [f"hold it in {show.percent(value)} at worst by {name}" for name, value in short.sort_values().items()]
    if kept:
        said.append(
            f"hold it at least as often as promised, as far as the simulation can tell, by {show.and_list(kept)}"
        )
    return f"{head} {'; '.join(said)} (Monte Carlo standard error at most {100 * mcse.max():.2f} %)."


def card(frame: pd.DataFrame, prob: float, replications: int) -> str:
    """The sentence, and the rows of mu."""
    mean = frame[frame["quantity"] == "mu"]
    named = ["method"] + [name for name in ("design", "mechanism", "law", "mu", "tau") if mean[name].nunique() > 1]
    header = [*map(show.symbol, named), "coverage", "\N{PLUS-MINUS SIGN}", "mean width", "excludes the threshold"]
    rows = [
        [show.number(x) if isinstance(x, float) else str(x) for x in row[named]]
        + [show.percent(row["coverage"]), show.percent(row["coverage_mcse"])]
        + [show.number(row["width"]), show.percent(row["rejection"])]
        for _, row in mean.iterrows()
    ]
    return show.card("Operating characteristics", answer=sentence(frame, prob, replications), header=header, rows=rows)
