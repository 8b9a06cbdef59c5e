"""Runs of NUTS on disk: each whole or not there, each with the facts that it was made from."""

from __future__ import annotations

import io
import json
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from poolwise.engines.nuts.samplers import Chains
from poolwise.engines.nuts.stored_draws import Drawn
from poolwise.errors import ModelError, shown, warn
from poolwise.report import sealed
from poolwise.settings import check_flag

_HEADER = "header"


@final
@dataclass(frozen=True, eq=False)
class KeptFits:
    """A folder in which the draws of fits by NUTS are kept.

    Every fit has one file, written whole or not at all as soon as the fit is finished, with all that its draws depend
    on: the hash of the data, the model with its priors, the engine's settings, the seed, the versions of poolwise and
    of the samplers. A fit that finds its file made from the same takes the draws from it, and gives the same Result,
    seconds included; else it is run again, which replaces the file. Every file ends with a hash of all its bytes, which
    is verified before anything in it is read: a file that is damaged, or is none of ours, is no kept fit and is put
    aside under another name, never overwritten. A fit that cannot be kept (no room, no permission) is a warning.
    Closed-form and exact fits cost milliseconds to a few seconds and are never kept.

    Attributes
    ----------
    folder : Path
        Made when the first fit is kept.
    fresh : bool
        Whether to run every fit again, whatever is kept.
    said : list of str
        What was taken, and what was run again and why, a sentence each; grows.

    Examples
    --------
    >>> import poolwise as pw
    >>> kept = pw.KeptFits("results/bcg/fits")
    >>> result = pw.fit(effects, model, pw.NUTS(), kept=kept.place("NUTS"))  # doctest: +SKIP
    """

    folder: Path
    fresh: bool = False
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | os.PathLike) or "\0" in str(self.folder):
            raise ModelError(
                f"the fits are to be kept in {self.folder!r}", "the path of a folder", "'results/bcg/fits'"
            )
        check_flag("fresh", self.fresh)
        object.__setattr__(self, "folder", Path(self.folder))
        if any(os.path.exists(part) and not part.is_dir() for part in (self.folder, *self.folder.parents)):
            raise ModelError(f"the fits are to be kept in '{self.folder}', which is or lies in a file", "a folder")

    def place(self, name: str) -> KeptFit:
        """The place of one fit.

        Parameters
        ----------
        name : str
            Tells it from the others in the folder.
        """
        if not isinstance(name, str):
            raise ModelError(f"the name of a kept fit is {shown(name)}", "a text", "kept.place('bcg')")
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        return KeptFit(self, name, self.folder / f"{plain}-{zlib.crc32(name.encode(errors='surrogatepass')):08x}.npz")


@final
@dataclass(frozen=True, eq=False)
class KeptFit:
    """The file of one fit.

    Attributes
    ----------
    among : KeptFits
    name : str
    path : Path
    """

    among: KeptFits
    name: str
    path: Path

    def take(self, facts: Mapping[str, str]) -> Drawn | None:
        """The draws that are kept, if they were made from these facts; else None."""
        if self.among.fresh or not self.path.is_file():
            return None
        try:
            made_from, drawn = _read(sealed.read(self.path))
            changed = [name for name in facts if facts[name] != made_from.get(name)]
        except Exception:  # whatever goes wrong in reading it, the fit is not kept
            self.among.said.append(f"{self.name}: run again, as the kept fit '{self.path.name}' cannot be read")
            return None
        if changed:
            what = " and ".join(f"the {name}" for name in changed)
            self.among.said.append(f"{self.name}: run again, as {what} changed since the fit was kept")
            return None
        self.among.said.append(f"{self.name}: kept from an earlier run")
        return drawn

    def put(self, facts: Mapping[str, str], drawn: Drawn) -> None:
        """Keep the draws and the facts that they were made from, in one step.

        Where the file cannot be written, a warning says so, and an earlier one stays as it was. What stands under its
        name and is no kept fit gets another name.
        """
        try:
            aside = sealed.write(self.path, _content(facts, drawn))
            if aside:
                self.among.said.append(f"{self.name}: {aside}")
        except OSError as error:
            warn(f"{self.name}: the fit could not be kept in '{self.path}': {error.strerror}. Its result is whole")


def _content(facts: Mapping[str, str], drawn: Drawn) -> bytes:
    """The draws as an npz file, the facts in its header."""
    arrays: dict[str, Any] = {}
    named: dict[str, tuple[str, str]] = {}
    for kind, group in (("parameters", drawn.chains.parameters), ("stats", drawn.chains.stats)):
        for number, (name, values) in enumerate(group.items()):
            arrays[f"{kind}{number}"], named[f"{kind}{number}"] = values, (kind, name)
    header = {
        "facts": dict(facts),
        "arrays": named,
        "notes": drawn.notes,
        "settings": dict(drawn.settings),
        "seconds": drawn.earlier,
    }
    arrays[_HEADER] = np.array(json.dumps(header))
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _read(content: bytes) -> tuple[dict[str, str], Drawn]:
    """The facts and the draws."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        header = json.loads(str(stored[_HEADER]))
        groups: dict[str, dict[str, Any]] = {"parameters": {}, "stats": {}}
        for key, (kind, name) in header["arrays"].items():
            groups[kind][name] = stored[key]
    chains = Chains(groups["parameters"], groups["stats"])
    return header["facts"], Drawn(chains, tuple(header["notes"]), header["settings"], float(header["seconds"]))
