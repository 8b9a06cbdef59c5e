"""Parameters of a normal structure from named values."""

from decimal import Decimal, localcontext

import numpy as np

LOG_2PI = "1.8378770664093454835606594728112352797227949472755668256343"


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


def log_density_in_digits(C, V, r):
    """Log density of residuals with covariance C + V by a Cholesky factor in 60 digits.

    C is given by its roots, one for each layer, V by the variances and the correlations.
    """
    with localcontext() as context:
        context.prec = 60
        k, L, z, total = len(r), [], [], Decimal(0)
        parts = [[[Decimal(float(x)) for x in row] for row in root] for root in C]
        se = [Decimal(float(v)).sqrt() for v in np.diag(V)]
        for i in range(k):
            L.append([])
            for j in range(i + 1):
                S = Decimal(float(V[i, j])) * se[i] * se[j] if i != j else se[i] ** 2
                S += sum(a * b for root in parts for a, b in zip(root[i], root[j], strict=True))
                left = S - sum(L[i][q] * L[j][q] for q in range(j))
                L[i].append(left.sqrt() if i == j else left / L[j][j])
            z.append((Decimal(float(r[i])) - sum(L[i][q] * z[q] for q in range(i))) / L[i][i])
            total -= z[i] ** 2 / 2 + L[i][i].ln() + Decimal(LOG_2PI) / 2
    return float(total)
