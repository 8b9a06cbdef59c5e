"""Values on a lattice as mixtures of normal kernels, which agree with an analytic density everywhere.

With kernels as wide as the nodes are apart, c with sum_j c_j N(x_i; x_j, s^2) = f(x_i) makes a mixture that is f to an
error that falls geometrically with the step; on equal steps c is f with a filter, found by Fourier transform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
WIDTH = 1.05  # of a kernel, in steps: wider is more exact and worse conditioned
PAD = 24  # nodes beyond either end, where the weights of kernels have died out


@final
@dataclass(frozen=True, eq=False)
class Filtered:
    """Weights of kernels on a lattice with more nodes at either end.

    Attributes
    ----------
    first : int
        Whole number of the first node.
    weight : ndarray
        Shape (..., nodes); the sum along the last axis is that of the values. Few are slightly below 0.
    """

    first: int
    weight: Array


def filtered(values: Array, first: int) -> Filtered:
    """Weights of kernels whose mixture takes these values on the nodes of a lattice.

    Parameters
    ----------
    values : ndarray
        Probability of each node (density times step), shape (..., nodes).
    first : int
        Whole number of the first node.
    """
    count = values.shape[-1] + 2 * PAD
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / WIDTH) ** 2) / (WIDTH * np.sqrt(2.0 * np.pi))
    circular = np.zeros(count)
    circular[np.arange(-8, 9) % count] = kernel
    symbol = np.fft.rfft(circular).real
    padded = np.concatenate([np.zeros((*values.shape[:-1], PAD)), values, np.zeros((*values.shape[:-1], PAD))], axis=-1)
    return Filtered(first - PAD, np.fft.irfft(np.fft.rfft(padded, axis=-1) / symbol, n=count, axis=-1))


def refined(found: Filtered, finer: int) -> Filtered:
    """The same mixtures by kernels that are narrower by a whole number."""
    count = found.weight.shape[-1]
    at = np.arange(finer * (count - 1) + 1) / finer
    kernel = np.exp(-0.5 * ((at[:, None] - np.arange(count)) / WIDTH) ** 2) / (WIDTH * np.sqrt(2.0 * np.pi) * finer)
    return filtered(found.weight @ kernel.T, found.first * finer)


def dense(row: Ints, column: Ints, values: Array) -> tuple[Array, int, int]:
    """Values by row and column as a table with zeros where there is no node, its first row and its first column."""
    first_row, first_column = int(row.min()), int(column.min())
    table = np.zeros((int(row.max()) - first_row + 1, int(column.max()) - first_column + 1))
    table[row - first_row, column - first_column] = values
    return table, first_row, first_column
