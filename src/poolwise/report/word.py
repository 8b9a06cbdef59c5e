"""How a document of Word looks: a page of A4, small type in tables, rows and captions that stay together."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_ACROSS, _DOWN = 6.6, 8.8  # inches that a picture may take of the text of a page, with room for its caption
_PAGE = (
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" '
    'w:header="567" w:footer="567" w:gutter="0"/></w:sectPr></w:body>'
)
_SIZES = {"Compact": 17, "Title": 40, "Subtitle": 24}  # half points
_IMAGE = re.compile(r'<img src="([^"]+)"([^>]*) style="width:100%">')
_ROW = re.compile(r"<w:tr>(<w:trPr>)?")


def with_sizes(page: str, pictures: Mapping[str, bytes]) -> str:
    """The HTML with a width in inches for each picture of dots, such that it fits the page with its caption."""
    return _IMAGE.sub(lambda found: _sized(found, pictures.get(found[1], b"")), page)


def _sized(found: re.Match[str], whole: bytes) -> str:
    if not whole.startswith(b"\x89PNG"):
        return found[0]
    wide, high = struct.unpack(">II", whole[16:24])
    return f'<img src="{found[1]}"{found[2]} style="width:{min(_ACROSS, _DOWN * wide / high):.2f}in">'


def dressed(document: bytes) -> bytes:
    """The document with its page, its type and its rows as a report has them.

    Parameters
    ----------
    document : bytes
        A file of Word as pandoc makes it.

    Returns
    -------
    bytes
    """
    made = BytesIO()
    with ZipFile(BytesIO(document)) as old, ZipFile(made, "w", ZIP_DEFLATED) as new:
        for item in old.infolist():
            whole = old.read(item.filename)
            if item.filename == "word/document.xml":
                whole = _laid_out(whole.decode()).encode()
            elif item.filename == "word/styles.xml":
                whole = _styled(whole.decode()).encode()
            new.writestr(item, whole)
    return made.getvalue()


def _laid_out(text: str) -> str:
    whole = re.sub(r"<w:sectPr\b(?:[^>]*/>|.*?</w:sectPr>)\s*(?=</w:body>)", "", text, flags=re.DOTALL)
    whole = _ROW.sub(lambda row: "<w:tr><w:trPr><w:cantSplit/>" + ("" if row[1] else "</w:trPr>"), whole)
    return whole.replace("</w:body>", _PAGE, 1)


def _styled(text: str) -> str:
    for name, size in _SIZES.items():
        style = re.search(rf'<w:style\b[^>]*w:styleId="{name}".*?</w:style>', text, re.DOTALL)
        if style is not None:
            type_of = f'<w:sz w:val="{size}"/><w:szCs w:val="{size}"/>'
            plain = re.sub(r"<w:szC?s?\b[^>]*/>", "", style[0])
            sized = plain.replace("</w:rPr>", f"{type_of}</w:rPr>", 1)
            if "</w:rPr>" not in plain:
                sized = plain.replace("</w:style>", f"<w:rPr>{type_of}</w:rPr></w:style>", 1)
            text = text.replace(style[0], sized, 1)
    return re.sub(r'(<w:(?:left|right) w:type="dxa" w:w=")108"', r'\g<1>60"', text)
