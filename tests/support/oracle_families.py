"""What the families of NUTS alone ask, stated anew: priors and likelihoods for `oracle_weighted.posterior`.

Names of quantities are those of poolwise's results. Only numbers of the tables and the wording of priors are read from
its records; every density is written here, most as one normal law of k dimensions for each point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy import special, stats

from support.oracle_counts import Arms, OneArm, Rules, log_likelihood
from support.oracle_weighted import Array, Point, Question, Rng

FINE, ROUGH = Rules(base=(0.6, 7.2), theta=(0.6, 7.8)), Rules(base=(1.0, 5.0), theta=(1.0, 5.0))
LAWS: dict[str, Callable[..., Any]] = {
    "Normal": stats.norm,
    "HalfNormal": lambda scale: stats.halfnorm(scale=scale),
    "Beta": stats.beta,
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1.0 / rate),
}


def law(prior: object) -> Any:
    """The scipy distribution that a prior names."""
    family, numbers = numbers_of(prior)
    return LAWS[family](*numbers)


def numbers_of(prior: object) -> tuple[str, list[float]]:
    """("HalfNormal", [0.5]) of HalfNormal(0.5)."""
    family, _, rest = str(prior).partition("(")
    return family, [float(number) for number in rest[:-1].split(",")]


def question(model: Any, effects: Any) -> Question:
    """The question of a model, with every prior explicit, about a table."""
    kind = type(model).__name__
    if kind == "MetaRegression":
        kind = _kind_of_regression(model, effects)
    return QUESTIONS[kind](model, effects)


def _kind_of_regression(model: Any, effects: Any) -> str:
    if model.pooled:
        return "pooled"
    if any(str(prior).startswith("Regularized") for prior in model.beta.values()):
        return "horseshoe"
    return "uncertain" if model.errors else "missing"


# ---- true effects that are not normal ----


def student_t(model: Any, effects: Any) -> Question:
    y, v = effects.y, effects.se**2

    def rows(p: Point) -> tuple[Array, Array, Array]:
        """Log terms, shape (k, n, nodes), over log lambda, tau^2 / lambda the variance of a t of true effects."""
        half = 0.5 * p["nu"]
        low = -(60.0 / (p["nu"] + 1.0) + np.sqrt(120.0 / p["nu"]))
        high = np.log1p(np.sqrt(120.0 / p["nu"]) + 120.0 / p["nu"])
        x = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 160)
        of_x = half[:, None] * (x - np.exp(x)) + (half * np.log(half) - special.gammaln(half))[:, None]
        of_x = of_x + np.log((high - low) / 159.0)[:, None]
        between = (p["tau"] ** 2)[:, None] * np.exp(np.minimum(-x, 300.0))
        terms = [of_x + _log_normal(yi - p["mu"][:, None], vi + between) for yi, vi in zip(y, v, strict=True)]
        return np.array(terms), between, x

    def total(p: Point) -> Array:
        return special.logsumexp(rows(p)[0], axis=2).sum(axis=0)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        terms, between, _ = rows(p)
        below = np.cumsum(special.softmax(terms[0], axis=1), axis=1)
        node = (below < rng.random(len(below))[:, None]).sum(axis=1).clip(max=below.shape[1] - 1)
        theta = _shrunk(y[0], v[0], p["mu"], between[np.arange(len(node)), node], rng)
        new = p["mu"] + p["tau"] * rng.standard_t(p["nu"])
        return {"theta": theta, "theta_new": new, "log likelihood": special.logsumexp(terms, axis=2).sum(axis=0)}

    return Question({name: law(prior) for name, prior in model.named_priors.items()}, _in_parts(total), more)


def skew_normal(model: Any, effects: Any) -> Question:
    y, se = effects.y, effects.se

    def place(p: Point) -> tuple[Array, Array]:
        b = p["delta"] * np.sqrt(2.0 / np.pi)
        omega = p["tau"] / np.sqrt(1.0 - b**2)
        return p["mu"] - omega * b, omega

    def total(p: Point) -> Array:
        xi, omega = place(p)
        wide = np.hypot(omega[:, None], se)
        delta = p["delta"][:, None] * omega[:, None] / wide
        z = (y - xi[:, None]) / wide
        skew = special.log_ndtr(delta * z / np.sqrt(np.maximum(1.0 - delta**2, 1e-16)))
        return (np.log(2.0) + _log_normal(z, 1.0) - np.log(wide) + skew).sum(axis=1)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        xi, omega = place(p)
        d, rest = p["delta"], omega**2 * (1.0 - p["delta"] ** 2)
        half = np.abs(rng.standard_normal(len(d)))
        new = xi + omega * (d * half + np.sqrt(1.0 - d**2) * rng.standard_normal(len(d)))
        # |Z0| of the first study: normal given its estimate, above 0
        slope = omega * d
        spread = 1.0 / np.sqrt(1.0 + slope**2 / (rest + se[0] ** 2))
        centre = spread**2 * slope * (y[0] - xi) / (rest + se[0] ** 2)
        z0 = centre - spread * special.ndtri_exp(special.log_ndtr(centre / spread) + np.log(rng.random(len(d))))
        theta = _shrunk(y[0], se[0] ** 2, xi + slope * z0, rest, rng)
        return {"theta": theta, "theta_new": new, "log likelihood": total(p)}

    priors = {name: law(prior) for name, prior in model.named_priors.items()}
    return Question({**priors, "delta": stats.uniform(-1.0, 2.0)}, total, more)


def contaminated(model: Any, effects: Any) -> Question:
    y, v = effects.y, effects.se**2

    def rows(p: Point) -> Array:
        """Log density with the usual and with the outlying law, shape (n, k, 2)."""
        more = np.stack([np.zeros_like(p["tau"]), p["tau_out"] ** 2], axis=-1)[:, None, :]
        share = np.log(np.stack([1.0 - p["pi"], p["pi"]], axis=-1))[:, None, :]
        total = v[:, None] + (p["tau"] ** 2)[:, None, None] + more
        return share + _log_normal((y - p["mu"][:, None])[:, :, None], total)

    def total(p: Point) -> Array:
        return special.logsumexp(rows(p), axis=2).sum(axis=1)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        far = special.softmax(rows(p)[:, 0], axis=1)[:, 1]
        sd = np.where(rng.random(len(far)) < far, np.hypot(p["tau"], p["tau_out"]), p["tau"])
        theta = _shrunk(y[0], v[0], p["mu"], sd**2, rng)
        sd = np.where(rng.random(len(far)) < p["pi"], np.hypot(p["tau"], p["tau_out"]), p["tau"])
        return {"theta": theta, "theta_new": p["mu"] + sd * rng.standard_normal(len(sd)), "log likelihood": total(p)}

    return Question({name: law(prior) for name, prior in model.named_priors.items()}, total, more)


# ---- counts ----


def counts(model: Any, effects: Any) -> Question:
    columns = effects.moderators
    if model.measure in ("logit", "log rate"):
        return _one_arm(OneArm(model.measure, *columns[["events", "total"]].to_numpy(dtype=float).T), model)
    events, totals = (
        columns[[f"{what}_treated", f"{what}_control"]].to_numpy(dtype=float) for what in ("events", "total")
    )
    arms, (base, base_sd) = Arms(model.measure, events, totals), numbers_of(model.base)[1]
    priors = {"mu": law(model.mu), "tau": law(model.tau)}
    if model.baseline == "exchangeable":
        priors |= {"base": law(model.base), "base_spread": law(model.base_spread)}
    if model.slope is not None:
        priors["slope"] = law(model.slope)
    known = {"base": base, "base_spread": base_sd, "slope": 0.0}

    def total(rules: Rules, p: Point) -> Array:
        at = {name: np.full(len(p["mu"]), value) for name, value in known.items()} | dict(p)
        return log_likelihood(arms, at, rules)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        return {"theta_new": p["mu"] + p["tau"] * rng.standard_normal(len(p["mu"]))}

    return Question(priors, partial(total, FINE), more, partial(total, ROUGH))


def _one_arm(arm: OneArm, model: Any) -> Question:
    def total(p: Point) -> Array:
        return log_likelihood(arm, p)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        return {"theta_new": p["mu"] + p["tau"] * rng.standard_normal(len(p["mu"]))}

    return Question({"mu": law(model.mu), "tau": law(model.tau)}, total, more)


# ---- normal given standard deviations ----


def crossed(model: Any, effects: Any) -> Question:
    mean, sd = numbers_of(model.mu)[1]
    factors = {name: _same(effects.moderators[name]) for name in model.factors}
    priors = {f"tau[{name}]": law(model.tau[name]) for name in factors} | {"tau_within": law(model.tau_within)}
    one = np.ones((effects.k, 1))

    def parts(p: Point) -> tuple[Array, Array]:
        """Covariance of the true effects, their common mean aside, shape (n, k, k); and that of the estimates."""
        between = sum((p[f"tau[{name}]"] ** 2)[:, None, None] * same for name, same in factors.items())
        between = between + (p["tau_within"] ** 2)[:, None, None] * np.eye(effects.k)
        return between, between + np.diag(effects.se**2)

    def total(p: Point) -> Array:
        return _log_law(effects.y - mean, parts(p)[1] + sd**2)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        between, cov = parts(p)
        beta, theta = _coefficients(effects.y, one, np.array([mean]), np.array([sd]), between, cov, rng)
        mu, tau = beta[:, 0], np.sqrt(between[:, 0, 0])
        icc = {f"ICC[{name}]": (p[f"tau[{name}]"] / tau) ** 2 for name in factors}
        logs = _log_law(effects.y - mu[:, None], cov)
        new = mu + tau * rng.standard_normal(len(mu))
        return {"mu": mu, "tau": tau, "theta_new": new, "theta": theta, "log likelihood": logs, **icc}

    return Question(priors, total, more)


def correlated(model: Any, effects: Any) -> Question:
    """Three outcomes; correlations by partial ones, r = 2 Beta(a, a) - 1 with a = eta + 1/2 for two, eta for one."""
    names = list(dict.fromkeys(effects.outcome))
    mean, sd = numbers_of(model.mu)[1]
    of = np.array([names.index(name) for name in effects.outcome])
    same = _same(effects.moderators[model.cluster])
    X = (of[:, None] == np.arange(3)).astype(float)
    errors = np.outer(effects.se, effects.se) * np.where(np.eye(effects.k) == 1.0, 1.0, model.rho * same)
    partial_law = {name: stats.beta(a, a, -1.0, 2.0) for name, a in (("r1", model.eta + 0.5), ("r2", model.eta + 0.5))}
    priors = {f"tau[{name}]": law(model.tau) for name in names}
    priors |= partial_law | {"r3": stats.beta(model.eta, model.eta, -1.0, 2.0)}

    def outcomes(p: Point) -> tuple[Array, Array]:
        """Correlations, and covariance of the true effects of a study, shape (n, 3, 3)."""
        R = np.ones((len(p["r1"]), 3, 3))
        R[:, 0, 1] = R[:, 1, 0] = p["r1"]
        R[:, 0, 2] = R[:, 2, 0] = p["r2"]
        R[:, 1, 2] = R[:, 2, 1] = p["r1"] * p["r2"] + p["r3"] * np.sqrt((1 - p["r1"] ** 2) * (1 - p["r2"] ** 2))
        tau = np.stack([p[f"tau[{name}]"] for name in names], axis=-1)
        return R, R * tau[:, :, None] * tau[:, None, :]

    def between(p: Point) -> Array:
        return outcomes(p)[1][:, of[:, None], of] * same

    def total(p: Point) -> Array:
        return _log_law(effects.y - mean, between(p) + errors + sd**2 * (X @ X.T))

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        (R, cov), shared = outcomes(p), between(p)
        beta, theta = _coefficients(effects.y, X, np.full(3, mean), np.full(3, sd), shared, shared + errors, rng)
        new = beta + np.einsum("nij,nj->ni", np.linalg.cholesky(_firm(cov)), rng.standard_normal(beta.shape))
        out = {"theta": theta, "log likelihood": _log_law(effects.y - beta @ X.T, shared + errors)}
        for i, name in enumerate(names):
            out |= {f"mu[{name}]": beta[:, i], f"theta_new[{name}]": new[:, i]}
            out |= {f"cor[{names[j]},{name}]": R[:, j, i] for j in range(i)}
        return out

    return Question(priors, total, more)


def pooled(model: Any, effects: Any) -> Question:
    """~ x with the levels of one factor pooled: their effects are coefficients whose prior sd is a parameter."""
    ((factor, sd_prior),) = model.pooled.items()
    levels = sorted(set(effects.moderators[factor]))
    Z = np.array([[name == level for level in levels] for name in effects.moderators[factor]], dtype=float)
    X = np.column_stack([np.ones(effects.k), effects.moderators["x"].to_numpy(dtype=float), Z])
    means, sds = np.array([numbers_of(model.beta[name])[1] for name in ("intercept", "x")]).T
    priors = {f"sd[{factor}]": law(sd_prior), "tau": law(model.tau)}

    def prior_sd(p: Point) -> Array:
        own = np.broadcast_to(sds, (len(p["tau"]), 2))
        return np.concatenate([own, np.repeat(p[f"sd[{factor}]"][:, None], len(levels), axis=1)], axis=1)

    prior_mean = np.concatenate([means, np.zeros(len(levels))])

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        beta, out = _regression(effects, X, prior_mean, prior_sd(p), p["tau"], rng)
        out |= {f"u[{factor}: {level}]": beta[:, 2 + i] for i, level in enumerate(levels)}
        return {**out, f"u[{factor}: new]": p[f"sd[{factor}]"] * rng.standard_normal(len(beta))}

    return Question(priors, lambda p: _log_regression(effects, X, prior_mean, prior_sd(p), p["tau"]), more)


def horseshoe(model: Any, effects: Any) -> Question:
    g = effects.moderators["g"].to_numpy()
    X = np.column_stack([np.ones(effects.k), effects.moderators["x"].to_numpy(dtype=float), g == "b", g == "c"])
    names = ("x", "g[b]", "g[c]")
    scale, slab, df = numbers_of(model.beta["x"])[1]
    mean, sd = numbers_of(model.beta["intercept"])[1]
    size = X[:, 1:].std(axis=0)
    priors: dict[str, Any] = {"tau": law(model.tau), "all": stats.halfcauchy(scale=scale)}
    priors |= {f"each {name}": stats.halfcauchy() for name in names}
    priors |= {"slab": stats.invgamma(0.5 * df, scale=0.5 * df * slab**2)}

    def shrunk(p: Point) -> Array:
        wide = p["all"][:, None] * np.stack([p[f"each {name}"] for name in names], axis=-1)
        return wide / np.sqrt(1.0 + wide**2 / p["slab"][:, None])

    def prior_sd(p: Point) -> Array:
        return np.concatenate([np.full((len(p["tau"]), 1), sd), shrunk(p) / size], axis=1)

    prior_mean = np.array([mean, 0.0, 0.0, 0.0])

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        beta, out = _regression(effects, X, prior_mean, prior_sd(p), p["tau"], rng)
        z2 = ((X[:, 1:] / size) ** 2 / (effects.se**2 + p["tau"][:, None] ** 2)[:, :, None]).sum(axis=1)
        kappa = 1.0 / (1.0 + shrunk(p) ** 2 * z2)
        for i, name in enumerate(names[1:], start=1):
            out |= {f"beta[{name}]": beta[:, i + 1]}
        return out | {f"kappa[{name}]": kappa[:, i] for i, name in enumerate(names)}

    return Question(priors, lambda p: _log_regression(effects, X, prior_mean, prior_sd(p), p["tau"]), more)


# ---- moderators that are missing or uncertain ----


def missing(model: Any, effects: Any) -> Question:
    """~ x + g with g missing for some: coefficients and level probabilities are parameters of the sum."""
    g, x = effects.moderators["g"], effects.moderators["x"].to_numpy(dtype=float)
    levels = sorted(set(g.dropna()))
    gone = g.isna().to_numpy()
    count = np.array([(g == level).sum() for level in levels], dtype=float)
    names = ["intercept", "x", *(f"g[{level}]" for level in levels[1:])]
    priors: dict[str, Any] = {f"beta[{name}]": law(model.beta[name]) for name in names} | {"tau": law(model.tau)}
    # Dirichlet(1 + count) by its sticks
    priors |= {f"stick {i}": stats.beta(1.0 + count[i], (1.0 + count[i + 1 :]).sum()) for i in range(len(levels) - 1)}

    def share(p: Point) -> Array:
        left, parts = np.ones(len(p["tau"])), []
        for i in range(len(levels) - 1):
            parts.append(left * p[f"stick {i}"])
            left = left - parts[-1]
        return np.stack([*parts, left], axis=-1)

    def line(p: Point) -> tuple[Array, Array]:
        """Mean effect of each study with each level, shape (n, k, levels); log weight of the level, -inf for others."""
        plain = p["beta[intercept]"][:, None] + p["beta[x]"][:, None] * x
        effect = np.stack([0.0 * plain[:, 0], *(p[f"beta[{name}]"] for name in names[2:])], axis=-1)
        known = np.array([[level == name for name in levels] for level in g])
        with np.errstate(divide="ignore"):
            weight = np.where(gone[:, None], np.log(share(p))[:, None, :], np.log(known)[None])
        return plain[:, :, None] + effect[:, None, :], weight

    def each(p: Point) -> Array:
        mean, weight = line(p)
        variance = (effects.se**2)[:, None] + (p["tau"] ** 2)[:, None, None]
        return weight + _log_normal(effects.y[:, None] - mean, variance)

    def total(p: Point) -> Array:
        return special.logsumexp(each(p), axis=2).sum(axis=1)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        below = np.cumsum(special.softmax(each(p)[:, 0], axis=1), axis=1)
        level = (below < rng.random(len(below))[:, None]).sum(axis=1).clip(max=len(levels) - 1)
        mean = line(p)[0][np.arange(len(level)), 0, level]
        theta = _shrunk(effects.y[0], effects.se[0] ** 2, mean, p["tau"] ** 2, rng)
        pi = {f"pi[g: {name}]": share(p)[:, i] for i, name in enumerate(levels)}
        return {"theta": theta, "log likelihood": total(p), **pi}

    return Question(priors, total, more)


def uncertain(model: Any, effects: Any) -> Question:
    """~ x, x known with an error or not at all: intercept and slope for one observed sd from the observed mean."""
    x = effects.moderators["x"].to_numpy(dtype=float)
    error = effects.moderators["se_x"].to_numpy(dtype=float)
    seen = np.isfinite(x)
    centre, unit = x[seen].mean(), x[seen].std(ddof=1)
    z, e = np.where(seen, (x - centre) / unit, 0.0), np.where(seen, error / unit, 0.0)
    priors = {f"beta[{name}]": law(model.beta[name]) for name in ("intercept", "x")} | {"tau": law(model.tau)}
    priors |= {"m": stats.norm(), "s": stats.halfnorm(scale=2.0)}

    def parts(p: Point) -> tuple[Array, Array, Array, Array]:
        """Mean and variance of each standardised true value given what was observed; mean and variance of y."""
        m, s = p["m"][:, None], p["s"][:, None]
        r = np.where(seen, s**2 / (s**2 + e**2), 0.0)
        mean, variance = m + r * (z - m), s**2 * (1.0 - r)
        slope = p["beta[x]"][:, None] * unit
        at_centre = (p["beta[intercept]"] + p["beta[x]"] * centre)[:, None]
        spread = effects.se**2 + p["tau"][:, None] ** 2 + slope**2 * variance
        return mean, variance, at_centre + slope * mean, spread

    def given(p: Point) -> Array:
        _, _, mean, variance = parts(p)
        return _log_normal(effects.y - mean, variance).sum(axis=1)

    def total(p: Point) -> Array:
        observed = _log_normal(z - p["m"][:, None], p["s"][:, None] ** 2 + e**2)
        return given(p) + np.where(seen, observed, 0.0).sum(axis=1)

    def more(p: Point, rng: Rng) -> dict[str, Array]:
        mean, variance, line, spread = parts(p)
        slope = p["beta[x]"][:, None] * unit
        gain = slope * variance / spread
        true = mean + gain * (effects.y - line)
        true = true + np.sqrt(np.maximum(variance - gain * slope * variance, 0.0)) * rng.standard_normal(true.shape)
        at = p["beta[intercept]"] + p["beta[x]"] * centre + slope[:, 0] * true[:, 0]
        theta = _shrunk(effects.y[0], effects.se[0] ** 2, at, p["tau"] ** 2, rng)
        rows = np.flatnonzero(~seen | (e > 0.0))
        values = {f"x[{effects.labels[i]}]": centre + unit * true[:, i] for i in rows}
        new = (
            p["beta[intercept]"] + p["beta[x]"] * np.where(seen, x, centre)[0] + p["tau"] * rng.standard_normal(len(at))
        )
        values["theta_new at x_1"] = new
        law_of_x = {"mean[x]": centre + unit * p["m"], "sd[x]": unit * p["s"]}
        return {"theta": theta, "log likelihood": given(p), **law_of_x, **values}

    return Question(priors, total, more)


QUESTIONS: Mapping[str, Callable[[Any, Any], Question]] = {
    "StudentTRandomEffects": student_t,
    "SkewNormalRandomEffects": skew_normal,
    "ContaminatedRandomEffects": contaminated,
    "BinomialNormal": counts,
    "PoissonNormal": counts,
    "CrossedEffects": crossed,
    "CorrelatedOutcomes": correlated,
    "pooled": pooled,
    "horseshoe": horseshoe,
    "missing": missing,
    "uncertain": uncertain,
}


# ---- normal laws ----


def _log_normal(x: Array, variance: Array | float) -> Array:
    return -0.5 * (x**2 / variance + np.log(2.0 * np.pi * variance))


def _log_law(x: Array, cov: Array) -> Array:
    """Log density of x, shape (k,) or (n, k), under Normal(0, cov), shape (n, k, k)."""
    root = np.linalg.cholesky(_firm(cov))
    z = np.linalg.solve(root, np.broadcast_to(x, cov.shape[:2])[..., None])[..., 0]
    log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return -0.5 * (z**2).sum(axis=1) - log_det - 0.5 * cov.shape[1] * np.log(2.0 * np.pi)


def _firm(cov: Array) -> Array:
    """With 1e-12 of the largest variance added, so that points without weight, far out, have a root too."""
    largest = np.diagonal(cov, axis1=1, axis2=2).max(axis=1)
    return cov + 1e-12 * largest[:, None, None] * np.eye(cov.shape[1])


def _shrunk(y: float, v: float, mean: Array, between: Array, rng: Rng) -> Array:
    """A draw of a true effect ~ Normal(mean, sqrt(between)), estimated as y with the variance v."""
    weight = between / (between + v)
    return mean + weight * (y - mean) + np.sqrt(weight * v) * rng.standard_normal(len(mean))


def _coefficients(
    y: Array, X: Array, prior_mean: Array, prior_sd: Array, between: Array, cov: Array, rng: Rng
) -> tuple[Array, Array]:
    """Draws of beta, shape (n, p), and of the first true effect: joint normal laws with y ~ Normal(X beta, cov).

    `between` is the covariance of the true effects given beta, shape (n, k, k); prior_sd has the shape (p,) or (n, p).
    """
    n, p = len(cov), X.shape[1]
    D = np.broadcast_to(prior_sd**2, (n, p))
    total = _firm(cov + (X * D[:, None, :]) @ X.T)
    first = between[:, 0, :] + (X[0] * D) @ X.T  # covariance of theta_1 and the true effects
    cross = np.concatenate([D[:, :, None] * X.T, first[:, None, :]], axis=1)  # (n, p + 1, k)
    own = np.zeros((n, p + 1, p + 1))
    own[:, np.arange(p), np.arange(p)] = D
    own[:, :p, p] = own[:, p, :p] = X[0] * D
    own[:, p, p] = first[:, 0]
    gain = np.linalg.solve(total, cross.transpose(0, 2, 1)).transpose(0, 2, 1)
    mean = np.append(prior_mean, X[0] @ prior_mean) + gain @ (y - X @ prior_mean)
    left = own - gain @ cross.transpose(0, 2, 1)
    value, vector = np.linalg.eigh(0.5 * (left + left.transpose(0, 2, 1)))
    draws = mean + np.einsum(
        "nij,nj->ni", vector * np.sqrt(np.maximum(value, 0.0))[:, None, :], rng.standard_normal(mean.shape)
    )
    return draws[:, :p], draws[:, p]


def _log_regression(effects: Any, X: Array, prior_mean: Array, prior_sd: Array, tau: Array) -> Array:
    """Log density of the estimates with the coefficients integrated out, shape (n,)."""
    cov = (X * prior_sd[:, None, :] ** 2) @ X.T + np.eye(effects.k) * (effects.se**2 + tau[:, None] ** 2)[:, None, :]
    return _log_law(effects.y - X @ prior_mean, cov)


def _regression(
    effects: Any, X: Array, prior_mean: Array, prior_sd: Array, tau: Array, rng: Rng
) -> tuple[Array, dict[str, Array]]:
    """Draws of the coefficients of 1, x and others, and the quantities that every regression has."""
    between = np.eye(effects.k) * (tau**2)[:, None, None]
    beta, theta = _coefficients(effects.y, X, prior_mean, prior_sd, between, between + np.diag(effects.se**2), rng)
    new = beta @ X[0] + tau * rng.standard_normal(len(tau))
    logs = _log_normal(effects.y - beta @ X.T, effects.se**2 + tau[:, None] ** 2).sum(axis=1)
    out = {"beta[intercept]": beta[:, 0], "beta[x]": beta[:, 1], "theta_new at x_1": new}
    return beta, out | {"theta": theta, "log likelihood": logs}


def _same(names: Any) -> Array:
    """1 where two rows have the same name, shape (k, k)."""
    each = np.asarray(names, dtype=object)
    return (each[:, None] == each).astype(float)


def _in_parts(total: Callable[[Point], Array], size: int = 1000) -> Callable[[Point], Array]:
    """The same function, some points at a time."""

    def of(p: Point) -> Array:
        n = len(p["tau"])
        parts = np.array_split(np.arange(n), 1 + n // size)
        return np.concatenate([total({name: x[part] for name, x in p.items()}) for part in parts])

    return of
