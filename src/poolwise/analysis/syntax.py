"""The syntax of an analysis file: where it is not TOML, the line, the place, and what to write instead."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from poolwise.errors import AnalysisError

DEEPEST = 30  # tables and lists in one another; no analysis needs more than five
_TOO_DEEP = re.compile(r"^[ \t]*\[{0,2}[ \t]*(?:[\w-]+[ \t]*\.[ \t]*){" + str(DEEPEST) + ",}", re.MULTILINE)
_PLACE = re.compile(r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)
_SMART = str.maketrans("“”„«»‘’‚", '"""""\'\'\'')
_STATEMENT = re.compile(r"\s*(?P<key>[A-Za-z0-9_.\"'-]+)\s*=\s*(?P<value>.*?)\s*(?:#.*)?")
_HEADER = re.compile(r"\s*\[+\s*(?P<name>[^\[\]]+?)\s*\]+\s*(?:#.*)?")
_IS_NONE = "leaving the key out; a TOML file has no empty value"
_VALUES = (  # a value that is none in TOML, what should stand there, what to write
    (r"(?i)(true|yes|on)\b.*", "true in lower case", "{key} = true"),
    (r"(?i)(false|no|off)\b.*", "false in lower case", "{key} = false"),
    (r"(?i)(none|null|nil|nan|na|n/a)?", "a value", _IS_NONE),
    (r"(?P<a>[+-]?\d+),(?P<b>\d+)", "a decimal point", "{key} = {a}.{b}"),
    (r"(?P<a>[+-]?)(?P<b>\.\d+)", "a digit before the decimal point", "{key} = {a}0{b}"),
    (r"(?P<a>[+-]?\d+\.)", "a digit after the decimal point", "{key} = {a}0"),
    (r"(?P<a>[+-]?)0+(?P<b>[1-9]\d*)", "a number without zeros before it", "{key} = {a}{b}, or quotes for a text"),
    (r"[−–—]\s*(?P<a>[\d.]+)|-\s+(?P<b>[\d.]+)", "a hyphen as minus sign, next to its number", "{key} = -{a}{b}"),
    (r"[\d.]+\s*%", "a fraction instead of a percentage", "such as {key} = 0.95 for 95 %"),
    (r"\d+\s*/\s*\d+", "a number, not a calculation", "such as {key} = 0.5 for 1/2"),
    (r"(?P<a>\d+)[ '\u202f\u00a0](?P<b>\d{{3}})", "a number without separators", "{key} = {a}{b}"),
    (r"\((?P<a>.*)\)", "square brackets around a list", "{key} = [{a}]"),
    (r"=.*", "one equals sign", "{key} = ..."),
    (r"'.*'.*'?", "double quotes around a text with an apostrophe", '{key} = "..."'),
    (r"[\w.+-]+\s*(//|;|--|%).*", "a comment that begins with #, and one key on a line", "{key} = ...  # a comment"),
    (r"[^\W\d].*", "quotes around a text", '{key} = "{value}"'),
)


def parsed(path: Path, content: bytes) -> dict[str, Any]:
    """The tables of an analysis file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    content : bytes
        What stands in it.

    Returns
    -------
    dict

    Raises
    ------
    AnalysisError
        When it is not UTF-8 text or not TOML: with the line, the place in it, and what to write instead.
    """
    text = _text(path, content)
    deep = _TOO_DEEP.search(text)
    try:
        document = {} if deep else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _explained(path, text, str(error)) from None
    except RecursionError:
        deep = re.search(r"[\[{][^\n]*[\[{]", text)
    except ValueError:  # an integer of more digits than Python reads
        raise _long_number(path, text) from None
    if deep or _depth(document) > DEEPEST:
        at = 1 if deep is None else text[: deep.start()].count("\n") + 1
        raise AnalysisError(f"{path}, line {at}: tables or lists lie more than {DEEPEST} deep in one another", "fewer")
    return document


def _text(path: Path, content: bytes) -> str:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[1:4:2] == b"\0\0" or content[0:3:2] == b"\0\0"
    if wide:
        raise AnalysisError(f"{path} is not UTF-8 text but UTF-16", "a TOML file in UTF-8", "saving it as UTF-8")
    try:
        return content.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        shown = content.splitlines()[line - 1].decode("cp1252", errors="replace")
        raise AnalysisError(
            f"{path} is not UTF-8 text (line {line}, byte {error.start}): {_cut(shown)}",
            "a TOML file in UTF-8",
            "saving it as UTF-8",
        ) from None


def _depth(document: object) -> int:
    """How deep tables and lists lie in one another, at most one more than `DEEPEST`."""
    layer, depth = [document], 0
    while layer and depth <= DEEPEST:
        layer = [
            one
            for part in layer
            if isinstance(part, dict | list)
            for one in (part.values() if isinstance(part, dict) else part)
        ]
        depth += 1
    return depth


def _long_number(path: Path, text: str) -> AnalysisError:
    number = re.search(r"\d[\d_]{4000,}", text)
    line = 1 if number is None else text[: number.start()].count("\n") + 1
    return AnalysisError(f"{path}, line {line}: a number of more than 4000 digits", "a number of usual size")


def _explained(path: Path, text: str, message: str) -> AnalysisError:
    """The error of a parser in words that say what to write."""
    lines = text.splitlines() or [""]
    place = _PLACE.fullmatch(message)
    reason = place["reason"] if place else message
    last = max((number for number, line in enumerate(lines, start=1) if line.strip()), default=1)
    at = min(int(place["line"]) if place and place["line"] else last, len(lines))
    column = int(place["column"]) if place and place["column"] else len(lines[at - 1]) + 1
    at, column, expected, advice = _mended(lines, at, column, reason)
    if "\r" in text.replace("\r\n", ""):
        expected, advice = "lines that end as on Unix or Windows, not in a bare carriage return", "saving the file anew"
    where = f"line {at}, column {min(column, len(lines[at - 1]) + 1)}"
    return AnalysisError(f"{path} is not valid TOML, {where}: {_cut(lines[at - 1], column)}", expected, advice[:200])


def _cut(line: str, column: int = 1) -> str:
    """A line as a message quotes it; of a long one the part around a column."""
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line.replace("\t", " "))
    start = max(column - 50, 0) if len(line) > 100 else 0
    part = line[start : start + 100].strip()
    return f"`{'...' if start else ''}{part}{'...' if len(line) > start + 100 else ''}`"


def _mended(lines: list[str], at: int, column: int, reason: str) -> tuple[int, int, str, str]:
    """Line and column of the fault, what was expected there, and what to write."""
    line = lines[at - 1]
    if "twice" in reason or "overwrite" in reason or "mutate" in reason:
        return at, 1, *_repeated(lines, at)
    smart = next((place for place, mark in enumerate(line) if mark in "“”„«»‘’‚"), None)
    if smart is not None and (smart <= column or "Invalid value" in reason):
        return at, smart + 1, "straight quotes", line.translate(_SMART).strip()
    odd = line[column - 1 : column]
    if (odd and odd.isspace() and odd not in " \t") or odd == "\x00":
        return at, column, f"an ordinary blank or line break instead of U+{ord(odd):04X}", "retyping it"
    if "\\" in line and ('"' in line) and any(word in reason for word in ("hex", "Unescaped")):
        plain = re.sub(r'"([^"\']*)"', lambda text: f"'{text[1]}'", line).strip()
        return at, column, "a backslash doubled, or single quotes around a text with backslashes", plain
    if "Unterminated" in reason or "Illegal character" in reason or 'Expected "\'"' in reason:
        return _open_text(lines, at, column, reason)
    if any(word in reason for word in ("Unclosed", "inline table", "array")) or ("key part" in reason and "{" in line):
        return _open_bracket(lines, at, column)
    if "Escaped" in reason:
        return at, column, "the number of a whole character after the backslash and u", "the character itself"
    statement = _STATEMENT.fullmatch(line)
    if statement is None:
        return at, column, *_no_statement(line)
    return at, column, *_no_value(statement["key"], statement["value"])


def _repeated(lines: list[str], at: int) -> tuple[str, str]:
    """What to do about a section or a key that stands twice."""
    header = _HEADER.fullmatch(lines[at - 1])
    if header:
        name = re.sub(r"\s", "", header["name"])
        earlier = [
            n for n, line in enumerate(lines[: at - 1], 1) if (h := _HEADER.fullmatch(line)) and h["name"] == name
        ]
        where = f"line {earlier[0]}" if earlier else "an earlier line"
        return f"each section once: [{name}] is in {where} already", f"its keys below the first [{name}]"
    statement = _STATEMENT.fullmatch(lines[at - 1])
    key = statement["key"] if statement else "the key"
    start = max((n for n, line in enumerate(lines[: at - 1], 1) if _HEADER.fullmatch(line)), default=0)
    same = rf"\s*{re.escape(key)}\s*="
    earlier = [n for n in range(start + 1, at) if re.match(same, lines[n - 1])]
    where = f"in line {earlier[0]}" if earlier else "above"
    return f"each key once in a section: '{key}' is told {where} already", "one of the two lines"


def _open_text(lines: list[str], at: int, column: int, reason: str) -> tuple[int, int, str, str]:
    """A text in quotes that does not end."""
    for quotes in ('"""', "'''"):
        opened = [number for number, line in enumerate(lines[:at], 1) if line.count(quotes) % 2]
        if opened and len(opened) % 2:
            number = opened[-1]
            return (
                number,
                lines[number - 1].index(quotes) + 1,
                f"{quotes} at the end of a text of several lines",
                quotes,
            )
    line = lines[at - 1]
    character = re.search(r"Illegal character '(.*)'", reason)
    if character and character[1] not in (r"\n", r"\r"):
        return at, column, f"text without the control character {character[1]}", "removing it"
    mark = "'" if "Expected" in reason else '"'
    start = line.find(mark) if line.count(mark) == 1 else line.rfind(mark)
    whole = line.strip().rstrip("\"'")
    return at, start + 1, f"a {mark} at the end of the text, in the same line", f"{whole}{mark}"


def _open_bracket(lines: list[str], at: int, column: int) -> tuple[int, int, str, str]:
    """A list or a table in braces that is not closed, or has something between its parts that cannot be there."""
    for number in range(at, 0, -1):
        bare = re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", lines[number - 1])
        for left, right in ("[]", "{}"):
            if bare.count(left) > bare.count(right) and "=" in bare:
                start = lines[number - 1].rindex(left)
                told = f"a {right} for this {left}" + (", in the same line" if left == "{" else "")
                return number, start + 1, told, f"{lines[number - 1].strip()} {right}"
        if "=" in bare and number < at:
            break
    return at, column, "a comma between two parts, and none after the last", "such as [0, 1] or { Normal = [0, 1] }"


def _no_statement(line: str) -> tuple[str, str]:
    """What to write for a line that is neither a section nor a key with its value."""
    text = line.strip()
    if text[:1] in "{<":
        return "TOML, not JSON or HTML: sections [data] and lines key = value", "poolwise schema, or a file of models/"
    if re.match(r"\[+[^\]]*\]+.", text):
        return "a section alone on its line", f"{text[: text.rindex(']') + 1]} and a new line"
    if text.startswith("["):
        if not text.strip("[]# "):
            return "the name of a section between the brackets", "[data]"
        return "a section in square brackets", f"[{text.strip('[]# ')}]"
    colon = re.fullmatch(r"([\w-]+)\s*:\s*(.+)", text)
    if colon:
        return "an equals sign between key and value", f"{colon[1]} = {colon[2]}"
    name, equals, value = text.partition("=")
    if equals and name.strip():
        quoted = name.strip().replace('"', "")
        return "a key of letters, digits, - and _, or in quotes", f'"{quoted}" = {value.strip()}'
    return "a section such as [data], or key = value", "# before a comment"


def _no_value(key: str, value: str) -> tuple[str, str]:
    """What to write for a value that is none in TOML."""
    for pattern, expected, advice in _VALUES:
        shape = re.fullmatch(pattern.replace("{{", "{").replace("}}", "}"), value)
        if shape:
            words = {name: text or "" for name, text in shape.groupdict().items()}
            return expected, advice.format(key=key, value=value.replace('"', ""), **words)
    if value.count("=") and "{" not in value:
        return "each key on a line of its own", f"{key} = ..."
    return "a number, true, false, a text in quotes, a list [..] or a table { .. }", f'{key} = "..." for a text'
