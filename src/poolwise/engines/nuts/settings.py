"""What the tools of NUTS read of its settings, so that they need not know the engine itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, Protocol

from poolwise.errors import ModelError
from poolwise.settings import check_option

Sampler = Literal["nutpie", "pymc", "numpyro"]
PACKAGES: Mapping[str, tuple[str, ...]] = {"nutpie": ("nutpie",), "pymc": (), "numpyro": ("numpyro", "jax")}
"""What each sampler needs beside PyMC; the samplers by name."""


class Settings(Protocol):
    """The settings of `NUTS`, where each is explained; `dataclasses.replace` makes others of them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def draws(self) -> int:
        """Draws kept in each chain."""

    @property
    def tune(self) -> int:
        """Draws spent on adaptation in each chain."""

    @property
    def chains(self) -> int:
        """Independent chains."""

    @property
    def seed(self) -> int:
        """Of all draws."""

    @property
    def target_accept(self) -> float | None:
        """Acceptance rate that the step size aims at; the usual one of the model when None."""

    @property
    def cores(self) -> int:
        """Chains that run at the same time."""

    @property
    def progress(self) -> bool:
        """Whether a progress bar is shown."""

    @property
    def sampler(self) -> Sampler:
        """The sampler's name."""

    @property
    def label(self) -> str:
        """Words for tables."""

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that take part in a fit."""


def check_sampler(name: object) -> None:
    """Raise a ModelError for a sampler that does not exist, or is not installed."""
    check_option("sampler", name, PACKAGES)
    missing = [package for package in PACKAGES[str(name)] if find_spec(package) is None]
    if missing:
        raise ModelError(
            f"sampler = '{name}' needs {' and '.join(missing)}, which this Python does not have",
            advice=f"pip install 'poolwise[{name}]', or sampler='nutpie', which is the default",
        )
