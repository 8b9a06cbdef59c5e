"""Parts of a simulation: some tables of one truth, answered by some methods; what a process runs, and what is kept.

Table i of a truth depends on the seed, the design, the truth and i alone: neither on other truths, nor on methods, nor
on how many processes run or how many replications are asked for.
"""

from __future__ import annotations

import gc
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.environment import versions
from poolwise.simulate.characteristics.arms import Arms
from poolwise.simulate.characteristics.designs import Design
from poolwise.simulate.characteristics.mechanisms import Draw, Mechanism, Rng, Studies
from poolwise.simulate.characteristics.methods import Method
from poolwise.simulate.characteristics.tallies import Known, Tally
from poolwise.simulate.characteristics.truths import Cell
from poolwise.threads import one_thread

Array = NDArray[np.float64]
BLOCK = 1000  # tables drawn from one generator
AT_ONCE = 10  # tables of a part that are answered one by one, so that little is lost when a run is stopped


@final
@dataclass(frozen=True, eq=False)
class Part:
    """Tables of one truth and the methods that answer them.

    Attributes
    ----------
    design : Design or Arms
    mechanisms : tuple of Mechanism
    cell : Cell
    threshold : float
    methods : tuple of Method
    block, first, last : int
        The block of tables, and which of its tables, last excluded.
    seed : int
    """

    design: Design | Arms
    mechanisms: tuple[Mechanism, ...]
    cell: Cell
    threshold: float
    methods: tuple[Method, ...]
    block: int
    first: int
    last: int
    seed: int

    @property
    def source(self) -> str:
        """All that the tables depend on."""
        return f"{self.seed} {self.design.key} {self.mechanisms!r} {self.cell.key} {self.block}"

    @property
    def key(self) -> str:
        """All that the tallies depend on, in short."""
        asked = [(m.name, m.identity, m.prob, m.quantities) for m in self.methods]
        stated = f"{versions('poolwise')} {self.source} {self.first} {self.last} {self.threshold!r} {asked}"
        return hashlib.sha256(stated.encode()).hexdigest()[:32]

    def tables(self) -> tuple[Studies, Known]:
        """The studies, shape (n, k), and what is true."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.source.encode())])
        known = self.cell.drawn(rng, BLOCK)
        draw = drawn_from(known, self.design)
        for mechanism in self.mechanisms:
            draw = mechanism.applied(draw)
        studies = draw(rng, self.design.errors(rng, BLOCK), np.arange(BLOCK))
        rows = slice(self.first, self.last)
        part = Studies(studies.theta[rows], studies.y[rows], studies.se[rows])
        return part, Known(known.mu[rows], known.tau[rows], known.law)

    def run(self) -> dict[str, Tally]:
        """The tally of each method."""
        with one_thread():
            studies, known = self.tables()
            tallies = {
                method.name: Tally.of(method.answers(studies.y, studies.se), known, method.quantities, self.threshold)
                for method in self.methods
            }
        gc.collect(1)  # xarray's records refer to themselves, and would keep the arrays of many parts alive
        return tallies


def drawn_from(known: Known, design: Design | Arms | None = None) -> Draw:
    """A way to draw honest studies: theta = mu + tau x, and y ~ Normal(theta, se), or what arms of persons give."""

    def draw(rng: Rng, se: Array, table: NDArray[np.intp]) -> Studies:
        theta = known.mu[table, None] + known.tau[table, None] * known.law.draw(rng, se.shape)
        if isinstance(design, Arms):
            return Studies(theta, *design.drawn(rng, theta, se))
        return Studies(theta, theta + se * rng.standard_normal(se.shape), se)

    return draw


def parts_of(
    cells: Sequence[tuple[Design | Arms, tuple[Mechanism, ...], Cell, tuple[Method, ...]]],
    *,
    replications: int,
    seed: int,
    threshold: float,
) -> Iterator[tuple[int, Part]]:
    """The parts of a simulation with the number of their cell: of fast methods a block, of slow ones a few tables."""
    for number, (design, mechanisms, cell, methods) in enumerate(cells):
        groups = [(tuple(m for m in methods if m.batch), BLOCK), *(((m,), AT_ONCE) for m in methods if not m.batch)]
        for block, start in enumerate(range(0, replications, BLOCK)):
            left = min(BLOCK, replications - start)
            for group, step in groups:
                for first in range(0, left if group else 0, step):
                    last = min(first + step, left)
                    yield number, Part(design, mechanisms, cell, threshold, group, block, first, last, seed)
