"""Reference posteriors of two exchangeable groups of studies, by another road than poolwise's.

Given s, tau_1 and tau_2 everything is normal: m integrates out by hand. The rest, (s, log tau, r, z_1, z_2) with
log tau_o = log tau + r z_o, is one tensor of trapezoid rules: double exponential on the half lines, plain in z, whose
errors fall exponentially. No panels, no product integration, no refinement. Two resolutions agree to the figure that
the file states; near 0, where the density of a difference of means has a spike, they agree less. Run: python joint_outcomes.py > joint_outcomes.json
"""

import json
import math
import sys

import numpy as np
from scipy.special import ndtr

Y = ([0.1, 0.5], [-0.1, 0.3, 0.8])
SE = ([0.2, 0.15], [0.25, 0.2, 0.3])
X_MU = ([-0.1, 0.2, 0.35, 0.7], [-0.2, 0.2, 0.35, 0.9])
WEIGHTS = {"difference": (-1.0, 1.0), "average": (0.3, 0.7)}  # of mu_1 and mu_2
X_COMBINED = {"difference": [-0.5, -0.01, 0.0, 0.02, 0.4], "average": [-0.1, 0.2, 0.4, 0.8]}
X_TAU = ([0.02, 0.8], [0.15, 0.9])
HYPER = ("s", "tau", "r")


def half_normal(scale):
    return lambda x: math.sqrt(2 / math.pi) / scale * np.exp(-0.5 * (x / scale) ** 2)


def half_cauchy(scale):
    return lambda x: 2 / math.pi / scale / (1 + (x / scale) ** 2)


def exponential(rate):
    return lambda x: rate * np.exp(-rate * x)


def log_normal(location, scale):
    def density(x):
        u = np.log(x)
        return np.exp(-0.5 * ((u - location) / scale) ** 2 - u) / scale / math.sqrt(2 * math.pi)

    return density


# mu: (mean, sd) of the normal prior on m, None for a flat one; s None: independent means with that prior
CASES = {
    "half-normal": {"mu": (0.0, 1.0), "s": half_normal(0.5), "tau": half_normal(0.5), "r": half_normal(0.5)},
    "half-normal, narrow": {"mu": (0.1, 0.3), "s": half_normal(0.05), "tau": half_normal(0.2), "r": half_normal(0.01)},
    "flat, other families": {"mu": None, "s": half_normal(0.3), "tau": log_normal(-1.5, 0.8), "r": exponential(3.0)},
    "half-Cauchy": {"mu": (0.0, 1.0), "s": half_cauchy(0.3), "tau": half_cauchy(0.3), "r": half_normal(0.5)},
    "independent means": {"mu": (0.0, 1.0), "s": None, "tau": half_normal(0.5), "r": half_normal(0.5)},
    "independent flat means": {"mu": None, "s": None, "tau": half_normal(0.5), "r": half_normal(0.5)},
}


def half_line(step, low, high, unit):
    """Nodes and weights of x = unit exp(t - exp(-t))."""
    t = np.arange(low, high + step / 2, step)
    x = unit * np.exp(t - np.exp(-t))
    return x, step * x * (1 + np.exp(-t))


def group(y, v, tau):
    """Log likelihood with a flat mean, weighted mean and its variance, at tau of any shape."""
    w = 1.0 / (np.asarray(v) + tau[..., None] ** 2)
    total = w.sum(-1)
    mean = (w * y).sum(-1) / total
    misfit = (w * (np.asarray(y) - mean[..., None]) ** 2).sum(-1)
    log = 0.5 * (np.log(w).sum(-1) - np.log(total) - misfit - (len(y) - 1) * math.log(2 * math.pi))
    return log, mean, 1.0 / total


def given(s, mu, one, two):
    """Joint log likelihood, mean and variance of mu_1, mu_2 and m, and covariance of the first two, given s and both tau."""
    (log1, hat1, var1), (log2, hat2, var2) = one, two
    m0, inverse = (0.0, 0.0) if mu is None else (mu[0], mu[1] ** -2.0)
    if s is None:
        log, found = log1 + log2, []
        for hat, var in ((hat1, var1), (hat2, var2)):
            precision = inverse + 1.0 / var
            if mu is not None:
                total = var + mu[1] ** 2
                log = log - 0.5 * ((hat - m0) ** 2 / total + np.log(2 * math.pi * total))
            found.append(((m0 * inverse + hat / var) / precision, 1.0 / precision))
        return log, *found, (np.zeros(1), np.ones(1)), 0.0
    a, b = s * s + var1, s * s + var2
    if mu is None:
        log = log1 + log2 - 0.5 * ((hat1 - hat2) ** 2 / (a + b) + np.log(2 * math.pi * (a + b)))
    else:
        c = mu[1] ** 2
        det = (a + c) * (b + c) - c * c
        x, z = hat1 - m0, hat2 - m0
        log = log1 + log2 - 0.5 * (((b + c) * x * x - 2 * c * x * z + (a + c) * z * z) / det)
        log = log - 0.5 * np.log(4 * math.pi**2 * det)
    precision = inverse + 1 / a + 1 / b
    m = (m0 * inverse + hat1 / a + hat2 / b) / precision
    out, shared = [], 1 / precision
    for hat, var, total in ((hat1, var1, a), (hat2, var2, b)):
        share = s * s / total
        out.append((share * hat + (1 - share) * m, share * var + (1 - share) ** 2 / precision))
        shared = shared * (1 - share)
    return log, *out, (m, 1 / precision), shared


def check_given():
    """The hand-made formulas against 5 x 5 matrices."""
    s, t1, t2 = 0.3, 0.2, 0.4
    y = np.concatenate(Y)
    v = np.concatenate(SE) ** 2
    of = np.array([0, 0, 1, 1, 1])
    inside = np.equal.outer(of, of)
    cov = np.diag(v + np.where(of == 0, t1, t2) ** 2) + s * s * inside + 1.0
    log = -0.5 * (y @ np.linalg.solve(cov, y) + np.linalg.slogdet(2 * math.pi * cov)[1])
    cross = s * s * (of == 0) + 1.0
    mean, var = cross @ np.linalg.solve(cov, y), s * s + 1.0 - cross @ np.linalg.solve(cov, cross)
    parts = [group(Y[o], np.square(SE[o]), np.array([t])) for o, t in ((0, t1), (1, t2))]
    found = given(np.array([s]), (0.0, 1.0), *parts)
    np.testing.assert_allclose([found[0][0], found[1][0][0], found[1][1][0]], [log, mean, var], rtol=1e-12)
    shared = 1.0 - cross @ np.linalg.solve(cov, s * s * (of == 1) + 1.0)
    np.testing.assert_allclose(found[4][0], shared, rtol=1e-12)


def below(case, o, x, r, r_weight, s, s_weight, z, z_weight, step):
    """Integral over tau_o <= x, tau_o = x exp(-w); log tau = log tau_o - r z_o, so that no edge is crossed."""
    outer = (r_weight * case["r"](r))[:, None, None, None] * (1.0 if case["s"] is None else s_weight * case["s"](s))
    out = 0.0
    for w, weight in zip(*half_line(step, -3.4, 4.6, 0.3), strict=True):
        own = np.array(x * math.exp(-w))
        log_tau = math.log(x) - w - r[:, None] * z
        tau = np.exp(log_tau)
        other = np.exp(log_tau[:, :, None] + r[:, None, None] * z)[..., None]
        parts = [group(Y[0], np.square(SE[0]), own if o == 0 else other)]
        parts.append(group(Y[1], np.square(SE[1]), other if o == 0 else own))
        log = given(None if case["s"] is None else s, case["mu"], *parts)[0]
        density = (case["tau"](tau) * tau * z_weight)[:, :, None, None] * z_weight[:, None]
        out += weight * (outer * density * np.exp(log)).sum()
    return out


def posterior(case, fine):
    """Log evidence, distribution functions of mu_o, tau_o, m, theta_new and theta_11, means of hyperparameters."""
    step = 0.2 / fine
    tau, tau_weight = half_line(step, -3.4, 4.6 if "Cauchy" in case["name"] else 2.6, 0.3)
    r, r_weight = half_line(step * 1.2, -3.4, 2.8, case["r_unit"])
    s, s_weight = (np.zeros(1), np.ones(1)) if case["s"] is None else half_line(step * 1.2, -3.4, case["far"], case["unit"])
    z = np.arange(-7.2, 7.3, 0.5 / fine)
    normal = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    z_weight = normal * 0.5 / fine
    outer = (r_weight * case["r"](r))[:, None, None, None] * (1.0 if case["s"] is None else s_weight * case["s"](s))
    sums = dict.fromkeys(["total", "s", "r", "tau"], 0.0)
    cdf = {name: 0.0 for name in ("mu_0", "mu_1", "new_0", "new_1", "theta_00", "m", *WEIGHTS)}
    tails = {
        (o, i): below(case, o, x, r, r_weight, s, s_weight, z, z_weight, step)
        for o in (0, 1)
        for i, x in enumerate(X_TAU[o])
    }
    v = [np.square(se) for se in SE]
    for t, weight in zip(tau, tau_weight * case["tau"](tau), strict=True):
        if weight < 1e-300:
            continue
        spread = t * np.exp(r[:, None] * z)
        one, two = ([part[:, :, None, None] for part in group(Y[0], v[0], spread)],
                    [part[:, None, :, None] for part in group(Y[1], v[1], spread)])
        in_s = None if case["s"] is None else s
        log, first, second, m, shared = given(in_s, case["mu"], one, two)
        mass = weight * outer * z_weight[:, None, None] * z_weight[:, None] * np.exp(log)
        sums["total"] += mass.sum()
        sums["s"] += (mass * s).sum()
        sums["r"] += (mass * r[:, None, None, None]).sum()
        sums["tau"] += t * mass.sum()
        for o, (mean, var) in enumerate((first, second)):
            own = spread[:, :, None, None] if o == 0 else spread[:, None, :, None]
            cdf[f"mu_{o}"] += np.array([(mass * ndtr((x - mean) / np.sqrt(var))).sum() for x in X_MU[o]])
            cdf[f"new_{o}"] += np.array([(mass * ndtr((x - mean) / np.sqrt(var + own**2))).sum() for x in X_MU[o]])
        for name, (a, b) in WEIGHTS.items():
            mean, square = a * first[0] + b * second[0], a * a * first[1] + b * b * second[1] + 2 * a * b * shared
            sd = np.sqrt(np.maximum(square, 1e-200))
            cdf[name] += np.array([(mass * ndtr((x - mean) / sd)).sum() for x in X_COMBINED[name]])
        keep = 1.0 / (1.0 + v[0][0] / spread[:, :, None, None] ** 2)
        centre = keep * Y[0][0] + (1 - keep) * first[0]
        wide = np.sqrt(keep * v[0][0] + (1 - keep) ** 2 * first[1])
        cdf["theta_00"] += np.array([(mass * ndtr((x - centre) / wide)).sum() for x in X_MU[0]])
        if in_s is not None:
            cdf["m"] += np.array([(mass * ndtr((x - m[0]) / np.sqrt(m[1]))).sum() for x in X_MU[0]])
    total = sums["total"]
    out = {name: (np.asarray(value) / total).tolist() for name, value in cdf.items() if case["s"] or name != "m"}
    out |= {f"tau_{o}": [tails[o, i] / total for i in range(len(X_TAU[o]))] for o in (0, 1)}
    out |= {f"mean {name}": sums[name] / total for name in ("s", "r", "tau")}
    return out | {"log_evidence": math.log(total)}


def main():
    check_given()
    found = {}
    for name, case in CASES.items():
        heavy = "Cauchy" in name
        unit, far, r_unit = (0.05, 2.8, 0.01) if "narrow" in name else (0.3, 5.5 if heavy else 2.8, 0.3)
        case = {**case, "name": name, "unit": unit, "far": far, "r_unit": r_unit}
        coarse, fine = posterior(case, 1), posterior(case, 1.25)
        gaps = {key: np.abs(np.subtract(coarse[key], fine[key])) for key in fine}
        gap = max(float(np.max(gaps[key])) for key in fine if key not in WEIGHTS)
        combined = {f"gap of {key}": gaps[key].tolist() for key in WEIGHTS}
        print(name, gap, combined, file=sys.stderr)
        found[name] = {**fine, "gap between two resolutions": gap, **combined}
    json.dump({"y": Y, "se": SE, "x_mu": X_MU, "x_tau": X_TAU, "weights": WEIGHTS, "x_combined": X_COMBINED, "numpy": np.__version__, "cases": found}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
