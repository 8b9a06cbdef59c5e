"""What was run beside the fits of one study table, in words: the prior panel, refits, publication bias."""

from __future__ import annotations

from collections.abc import Iterator

from poolwise.report.content import Content
from poolwise.report.references import key_of
from poolwise.report.said import Said, Told
from poolwise.show import number


def told_of(content: Content) -> Told:
    """What the paragraphs on a report are written from."""
    analysis = content.analysis
    return Told(
        content.results,
        content.main,
        analysis.prob,
        analysis.threshold,
        analysis.rope,
        also(content),
        found(content),
    )


def also(content: Content) -> tuple[Said, ...]:
    """What was run besides the fits, the prior panel first."""
    return tuple(_also(content))


def found(content: Content) -> tuple[Said, ...]:
    """What that found, the prior panel first."""
    return tuple(_found(content))


def _also(content: Content) -> Iterator[Said]:
    """What was run besides the fits."""
    panel, analysis = content.panel, content.analysis
    if panel is not None:
        cites = tuple(dict.fromkeys(filter(None, (key_of(str(source)) for source in panel.frame["source"]))))
        yield Said(f"The fit was repeated under each of {len(panel.frame)} priors on τ", cites)
    if analysis.refits.leave_one_out:
        yield Said("Every study was left out in turn", ("leave-one-out",))
    if analysis.refits.cumulative is not None:
        yield Said(f"Studies were added one at a time by {analysis.refits.cumulative}", ("cumulative",))
    if analysis.refits.specifications:
        yield Said("The analysis was repeated under every combination of methods", ("specifications",))
    if analysis.publication_bias is not None:
        yield Said(
            "Publication bias was examined by several methods side by side, taking "
            f"{analysis.publication_bias.direction} results to be likelier to be published",
            ("carter",),
        )


def _found(content: Content) -> Iterator[Said]:
    """What the prior panel found."""
    if content.panel is None:
        return
    frame = content.panel.frame
    ends = [frame["mu_point"].min(), frame["mu_point"].max(), frame["mu_lower"].min(), frame["mu_upper"].max()]
    low, high, least, most = (number(end, 2) for end in content.panel.reading.back(ends).tolist())
    medians = f"was {low} throughout" if low == high else f"ran from {low} to {high}"
    yield Said(
        f"Over {len(frame)} priors on τ, the posterior median of the mean {medians} and its credible intervals reached "
        f"from {least} to {most} ({content.panel.scale_words})"
    )
