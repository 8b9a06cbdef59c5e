"""Parameters of a normal structure from named values."""

import numpy as np


def parameters(structure, values):
    """Standard deviations, what scales them and Cholesky factors at N draws of named values, shape (N,) or ()."""
    out = {name: np.atleast_1d(values[name]) for name in (*structure.sds, *structure.gammas) if name in values}
    for layer in structure.layers:
        if layer.root:
            m, size = len(layer.sds), len(np.atleast_1d(values[layer.correlations[0]]))
            R = np.tile(np.eye(m), (size, 1, 1))
            for i, j, name in zip(*np.tril_indices(m, -1), layer.correlations, strict=True):
                R[:, i, j] = R[:, j, i] = values[name]
            out[layer.root] = np.linalg.cholesky(R)
    return out


def coefficients(structure, values):
    """Coefficients by their names, shape (N, p)."""
    return np.stack([np.atleast_1d(values[name]) for name in structure.coefficients], axis=-1)


def covariances(structure, values):
    """Of true effects and of sampling errors at one value of the parameters, written out pair by pair, (k, k) each."""
    point = {name: x[0] for name, x in parameters(structure, values).items()} | structure.known
    C = np.zeros((structure.k, structure.k))
    for layer in structure.layers:
        of = point[layer.root] @ point[layer.root].T if layer.root else np.ones((len(layer.sds),) * 2)
        for i in range(structure.k):
            for j in range(structure.k):
                if layer.group[i] == layer.group[j]:
                    C[i, j] += _sd(layer, i, point) * _sd(layer, j, point) * of[layer.which[i], layer.which[j]]
    return C, structure.errors.among(np.arange(structure.k))


def _sd(layer, row, point):
    slope = 0.0 if layer.scale is None else layer.scale[row] @ [point[name] for name in layer.gammas]
    return point[layer.sds[layer.which[row]]] * np.exp(slope)


def of_tree(tree, structure):
    """Named draws of a posterior group that the structure needs, shape (N,) each."""
    posterior, wanted = tree["posterior"].to_dataset(), (*structure.coefficients, *structure.sds, *structure.gammas)
    out = {}
    for name in wanted:
        stem, _, inner = name.partition("[")
        if stem in posterior:
            values = posterior[stem].values.reshape(-1, *posterior[stem].shape[2:])
            labels = [str(x) for x in posterior[posterior[stem].dims[-1]].values]
            out[name] = values[:, labels.index(inner.removesuffix("]"))] if inner else values
    return out
