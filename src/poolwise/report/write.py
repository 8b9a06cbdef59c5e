"""The files of one run: every one whole or not there, the manifest last."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from poolwise.report import files, tables
from poolwise.report.content import Content
from poolwise.report.page import page
from poolwise.report.pictures import pictures

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

NAMES = (
    "estimates.csv",
    "studies.csv",
    "sensitivity.csv",
    "borrowing.csv",
    "forest.svg",
    "forest.png",
    "bubble.svg",
    "bubble.png",
    "prior_panel.svg",
    "ranges.csv",
    "levels.csv",
    "prior_panel.csv",
    "searches.csv",
    "extreme_tables.csv",
    "nuts_check.csv",
    "ranges.svg",
    "ranges.png",
    "posterior.nc",
    "report.html",
)


def write(content: Content, folder: Path) -> Mapping[str, Path]:
    """Write every file of a run into a folder held by `files.claimed`.

    Parameters
    ----------
    content : Content
        What the files tell.
    folder : Path
        Where they go; what an earlier run left there and this one does not make is removed.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest included.

    Raises
    ------
    OSError
        When a file cannot be written; the run then has no manifest.
    """
    facts = _facts(content)
    drawn = pictures(content)
    made: dict[str, bytes | str] = {
        "estimates.csv": tables.estimates(content).to_csv(index=False),
        "studies.csv": tables.studies(content).to_csv(index=False),
        **drawn,
    }
    if content.panel is not None:
        made["sensitivity.csv"] = content.panel.frame.to_csv(index=False)
    if content.borrowed is not None:
        made["borrowing.csv"] = content.borrowed.frame.to_csv(index=False)
    for name, whole in made.items():
        files.write(folder / name, whole)
    written = list(made)
    if content.posterior is not None:
        _draws(content, folder / "posterior.nc")
        written.append("posterior.nc")
    shown = {name.removesuffix(".svg"): svg.decode() for name, svg in drawn.items() if name.endswith(".svg")}
    files.write(folder / "report.html", page(content, shown, facts))
    return finished(folder, {*written, "report.html"}, facts)


def finished(folder: Path, written: Collection[str], facts: dict[str, Any]) -> Mapping[str, Path]:
    """Remove what an earlier run left and this one has not written; write the manifest; every file by name."""
    names = tuple(name for name in NAMES if name in written)
    for name in set(NAMES) - set(names):
        (folder / name).unlink(missing_ok=True)
    files.finish(folder, names, facts)
    return MappingProxyType({name: folder / name for name in (*names, files.MANIFEST)})


def question(analysis: Analysis, *, quick: bool) -> dict[str, Any]:
    """What the manifest tells of the analysis file."""
    return {
        "source": analysis.source,
        "title": analysis.title,
        "question": analysis.question,
        "sha256": analysis.spec_hash,
        "quick": quick,
    }


def _draws(content: Content, path: Path) -> None:
    """The draws as netCDF, with the question and the word on the data among the attributes."""
    assert content.posterior is not None
    tree = content.posterior.to_datatree()
    tree.attrs.update(
        {
            "title": content.analysis.title,
            "data": content.data_label,
            "data_hash": content.effects.data_hash,
            "label": content.posterior.label,
            "prior": content.posterior.prior,
        }
    )
    with files.replacing(path) as part:
        tree.to_netcdf(part, engine="h5netcdf")


def _facts(content: Content) -> dict[str, Any]:
    """What the manifest tells of a run; JSON values."""
    versions = {name: number for result in content.results for name, number in result.report.versions.items()}
    analysis, effects = content.analysis, content.effects
    return {
        "poolwise": version("poolwise"),
        "analysis": question(analysis, quick=content.quick),
        "data": {
            "title": effects.title,
            "outcome": content.outcome,
            "k": effects.k,
            "scale": effects.scale.name,
            "label": content.data_label,
            "hash": effects.data_hash,
            "citation": effects.citation,
        },
        "fits": [
            {
                "label": result.label,
                "model": result.model.label,
                "engine": result.engine_label,
                "settings": repr(result.engine),
                "prior": result.prior,
                "status": result.report.status,
                "seed": result.report.seed,
                "seconds": round(result.report.seconds, 6),
            }
            for result in content.results
        ],
        "seeds": [result.report.seed for result in content.results if result.report.seed is not None],
        "versions": {"poolwise": version("poolwise"), "python": platform.python_version()} | versions,
        "seconds": round(content.seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
