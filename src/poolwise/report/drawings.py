"""Pictures within a page: SVG elements with a text alternative, one for each width at which the page is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

from markupsafe import Markup

_ACROSS = 0.58  # of the height over the width: above, a picture does not fit a page that is turned, under its heading
_PRINTED = 516.0
"""Points across the text of a page of A4 as the style sets it."""
_LEAST_PRINTED = 7.0  # points of the smallest type in print
_TAG = re.compile(r"<[^>]*>")
_REFERRED = re.compile(r"(?:url\(#|xlink:href=\"#|\bhref=\"#)([^)\"]+)")


@final
@dataclass(frozen=True)
class Drawing:
    """One drawing of a picture.

    Attributes
    ----------
    name : str
        Its own name on the page, before the identifiers within.
    element : str
        The SVG element.
    place : {"page", "column"}
        Where it is shown: on a page of a screen or of print, or on a phone.
    """

    name: str
    element: str
    place: Literal["page", "column"]

    @property
    def wide(self) -> float:
        """Points across, as it was drawn."""
        return float(re.findall(r'\bwidth="([0-9.]+)pt"', self._head)[0])

    @property
    def high(self) -> float:
        """Points from top to bottom, as it was drawn."""
        return float(re.findall(r'\bheight="([0-9.]+)pt"', self._head)[0])

    @property
    def smallest(self) -> float:
        """Points of its smallest type, as it was drawn."""
        sizes = [float(size) for size in re.findall(r"\bfont(?:-size)?: (?:[a-z0-9]+ )*?([0-9.]+)px", self.element)]
        return min(sizes, default=_LEAST_PRINTED)

    @property
    def turned(self) -> bool:
        """Whether its type can be read in print only where the page is turned."""
        small = self.smallest * min(1.0, _PRINTED / self.wide) < _LEAST_PRINTED
        return small and self.high / self.wide < _ACROSS

    @property
    def _head(self) -> str:
        return self.element[: self.element.index(">") + 1]

    def svg(self, label: str) -> Markup:
        """The element as a picture that says what it shows; only identifiers that are referred to stay, made its own.

        Parameters
        ----------
        label : str
            The text alternative; escaped.
        """
        kept = set(_REFERRED.findall(self.element))

        def own(tag: re.Match[str]) -> str:
            text = re.sub(r' id="([^"]*)"', lambda found: self._renamed(found[1], kept), tag[0])
            return re.sub(r'(url\(#|href="#)', rf"\g<1>{self.name}-", text)

        element = _TAG.sub(own, self.element)
        return Markup(element).replace("<svg", Markup('<svg role="img" aria-label="{}"').format(label), 1)

    def _renamed(self, identifier: str, kept: set[str]) -> str:
        return f' id="{self.name}-{identifier}"' if identifier in kept else ""


def drawings(name: str, page: str, column: str) -> Sequence[Drawing]:
    """The drawings of a picture: for a page, and for a phone.

    Parameters
    ----------
    name : str
        Name of the picture.
    page, column : str
        SVG documents.
    """
    return Drawing(name, _inline(page), "page"), Drawing(f"{name}-column", _inline(column), "column")


def _inline(svg: str) -> str:
    """An SVG document as an element of a page: without its prologue and its metadata."""
    element = svg[svg.index("<svg") :]
    return re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
