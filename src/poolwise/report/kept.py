"""Runs of NUTS on disk: each whole or not there, each with the facts that it was made from."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final
from zipfile import BadZipFile

import numpy as np

from poolwise.engines._kept import Drawn
from poolwise.engines._samplers import Chains
from poolwise.report import files

_HEADER = "header"


@final
@dataclass(frozen=True, eq=False)
class KeptFits:
    """A folder in which the draws of fits by NUTS are kept.

    Every fit has one file, written whole or not at all as soon as the fit is finished, with all that its draws depend
    on: the hash of the data, the model with its priors, the engine's settings, the seed, the versions of poolwise and
    of the samplers. A fit that finds its file made from the same takes the draws from it, and gives the same Result,
    seconds included; else it is run again, which replaces the file. Closed-form and exact fits cost milliseconds to a
    few seconds and are never kept.

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
        object.__setattr__(self, "folder", Path(self.folder))

    def place(self, name: str) -> KeptFit:
        """The place of one fit.

        Parameters
        ----------
        name : str
            Tells it from the others in the folder.
        """
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        return KeptFit(self, name, self.folder / f"{plain}-{zlib.crc32(name.encode()):08x}.npz")


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
            made_from, drawn = _read(self.path)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, BadZipFile):
            self.among.said.append(f"{self.name}: run again, as the kept fit '{self.path.name}' cannot be read")
            return None
        changed = [name for name in facts if facts[name] != made_from.get(name)]
        if changed:
            what = " and ".join(f"the {name}" for name in changed)
            self.among.said.append(f"{self.name}: run again, as {what} changed since the fit was kept")
            return None
        self.among.said.append(f"{self.name}: kept from an earlier run")
        return drawn

    def put(self, facts: Mapping[str, str], drawn: Drawn) -> None:
        """Keep the draws and the facts that they were made from, in one step.

        Raises
        ------
        OSError
            When the file cannot be written; an earlier one then stays as it was.
        """
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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(self.path) as part, part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)


def _read(path: Path) -> tuple[dict[str, str], Drawn]:
    """The facts and the draws; every array is checked by its CRC when it is read."""
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(str(stored[_HEADER]))
        groups: dict[str, dict[str, Any]] = {"parameters": {}, "stats": {}}
        for key, (kind, name) in header["arrays"].items():
            groups[kind][name] = stored[key]
    chains = Chains(groups["parameters"], groups["stats"])
    return header["facts"], Drawn(chains, tuple(header["notes"]), header["settings"], float(header["seconds"]))
