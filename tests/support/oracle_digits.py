"""Estimators of tau2 written out with k x k matrices in 400 digits, where no cancellation is left to fear."""

from __future__ import annotations

from decimal import Decimal, getcontext

from scipy.stats import chi2

DIGITS = 400
Matrix = list[list[Decimal]]


class Digits:
    """A study table in 400 digits: y, v, and a design X (an intercept alone when None)."""

    def __init__(self, y, v, X=None):
        getcontext().prec = DIGITS
        self.y = [Decimal(float(x)) for x in y]
        self.v = [Decimal(float(x)) for x in v]
        self.X = [[Decimal(1)] for _ in y] if X is None else [[Decimal(float(x)) for x in row] for row in X]
        self.k, self.p = len(self.y), len(self.X[0])

    def projection(self, w):
        """P = W - W X (X'WX)^-1 X'W, and (X'WX)^-1."""
        X, cells, p = self.X, range(self.k), range(self.p)
        A = inverse([[sum(w[i] * X[i][a] * X[i][b] for i in cells) for b in p] for a in p])
        H = [[sum(X[i][a] * A[a][b] * X[j][b] for a in p for b in p) for j in cells] for i in cells]
        return [[(w[i] if i == j else 0) - w[i] * H[i][j] * w[j] for j in cells] for i in cells], A

    def at(self, tau2):
        """P and (X'WX)^-1 with the weights 1 / (v + tau2)."""
        return self.projection([1 / (v + tau2) for v in self.v])

    def q(self, tau2=Decimal(0)):
        """y'Py."""
        return quadratic(self.at(tau2)[0], self.y)

    def beta(self, tau2):
        """Coefficients."""
        w, A = [1 / (v + tau2) for v in self.v], self.at(tau2)[1]
        right = [sum(w[i] * self.X[i][a] * self.y[i] for i in range(self.k)) for a in range(self.p)]
        return [sum(A[a][b] * right[b] for b in range(self.p)) for a in range(self.p)]

    def typical(self):
        """(k - p) / tr P at tau2 = 0."""
        return (self.k - self.p) / trace(self.at(Decimal(0))[0])

    def tau2(self, name):
        """The estimate of that name."""
        k, df, w0 = self.k, self.k - self.p, [1 / v for v in self.v]
        match name:
            case "DL" | "HE":
                P, _ = self.projection(w0 if name == "DL" else [Decimal(1)] * k)
                excess = quadratic(P, self.y) - sum(P[i][i] * self.v[i] for i in range(k))
                return max(excess / trace(P), Decimal(0))
            case "HS" | "HSk":
                return max((self.q() * (Decimal(k) / df if name == "HSk" else 1) - k) / sum(w0), Decimal(0))
            case "SJ":
                mean = sum(self.y) / k
                first = sum((y - mean) ** 2 for y in self.y) / k
                return first * self.q(first) / df
            case "PM" | "EB" | "DLIT" | "SJIT":
                return self.root(lambda tau2: self.q(tau2) - df)
            case "PMM":
                return self.root(lambda tau2: self.q(tau2) - Decimal(float(chi2.ppf(0.5, df))))
            case "REML":
                return self.root(self.score)
            case _:
                raise KeyError(name)

    def limits(self):
        """95 % Q-profile limits."""
        df = self.k - self.p
        return [self.root(lambda t, p=p: self.q(t) - Decimal(float(chi2.ppf(p, df)))) for p in (0.975, 0.025)]

    def score(self, tau2):
        """y'PPy - tr P, whose last fall through 0 is the REML estimate where there is only one maximum."""
        P, _ = self.at(tau2)
        return sum(sum(a * b for a, b in zip(row, self.y, strict=True)) ** 2 for row in P) - trace(P)

    def root(self, fall):
        """Where a function of tau2 falls through 0, by bisection on log tau2; 0 where it does nowhere."""
        low, high = Decimal("1e-130"), Decimal("1e130")
        if fall(low) <= 0:
            return Decimal(0)
        for _ in range(110):
            middle = (low * high).sqrt()
            low, high = (middle, high) if fall(middle) > 0 else (low, middle)
        return low


def inverse(A: Matrix) -> Matrix:
    """By Gauss-Jordan elimination."""
    p = len(A)
    rows = [list(row) + [Decimal(int(i == j)) for j in range(p)] for i, row in enumerate(A)]
    for i in range(p):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(p):
            if j != i:
                factor = rows[j][i]
                rows[j] = [x - factor * z for x, z in zip(rows[j], rows[i], strict=True)]
    return [row[p:] for row in rows]


def quadratic(P: Matrix, y: list[Decimal]) -> Decimal:
    """y'Py."""
    return sum(a * P[i][j] * b for i, a in enumerate(y) for j, b in enumerate(y))


def trace(P: Matrix) -> Decimal:
    """Sum of the diagonal."""
    return sum(P[i][i] for i in range(len(P)))
