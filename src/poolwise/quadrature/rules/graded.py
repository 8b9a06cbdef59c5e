"""Eigenvectors of a covariance whose variances differ by many orders of magnitude."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# LAPACK's codes for dgejsv: the columns are scaled, no left vectors, right vectors.
SCALED, NO_LEFT, RIGHT = 0, 3, 0


def eigen(covariance: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors, each accurate relative to its own size.

    With V = S C S, C the correlations and C = L L', the right singular vectors of L'S are the eigenvectors of V.
    One-sided Jacobi rotations find them to the accuracy that C allows, however far the standard errors S are apart;
    a solver for V itself is good only to 1e-16 of the largest variance, so that a standard error of 1e-6 beside one
    of 1e2 is lost.

    Parameters
    ----------
    covariance : ndarray
        Positive definite, shape (n, n).

    Returns
    -------
    values : ndarray
        Shape (n,).
    vectors : ndarray
        In columns, shape (n, n).

    Raises
    ------
    ValueError
        When the rotations do not converge.

    References
    ----------
    Drmac & Veselic 2008, SIAM J. Matrix Analysis and Applications 29:1322, 10.1137/050639193.

    Examples
    --------
    >>> values, vectors = eigen(np.array([[1e-12, 5e-5], [5e-5, 1e4]]))
    >>> [float(f"{value:.6g}") for value in values]
    [10000.0, 7.5e-13]
    """
    from scipy.linalg.lapack import dgejsv

    se = np.sqrt(np.diagonal(covariance))
    root = np.linalg.cholesky(covariance / np.outer(se, se))
    found, _, vectors, work, _, info = dgejsv(root.T * se, joba=SCALED, jobu=NO_LEFT, jobv=RIGHT)
    if info != 0:
        raise ValueError(f"no singular values of a covariance of {len(se)} estimates: dgejsv returned {info}")
    return np.square(found * (work[0] / work[1])), vectors
