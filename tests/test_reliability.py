"""Effects corrected for the reliability of a measure."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

Y, SE, R = np.array([0.3, 0.6, 0.1, 0.45]), np.array([0.1, 0.2, 0.15, 0.12]), np.array([0.81, 0.64, 1.0, 0.7])
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def table(scale="SMD", **more):
    return pw.Effects(Y, se=SE, study=list("abcd"), moderators={"rel": R}, scale=scale, **more)


def test_an_estimate_and_its_error_are_divided_by_the_root_of_the_reliability():
    found = table().disattenuated("rel")
    np.testing.assert_allclose(found.y, Y / np.sqrt(R))
    np.testing.assert_allclose(found.se, SE / np.sqrt(R))
    assert "corrected for the reliability of a measure (0.64 to 1), taken as known" in found.notes[-1]
    assert found.data_hash != table().data_hash
    assert found.study == table().study
    np.testing.assert_array_equal(table().disattenuated(1.0).y, Y)


def test_it_is_the_model_of_attenuated_effects():
    """y_i ~ Normal(sqrt(r_i) theta_i, se_i) by quadrature over tau, mu inside in closed form."""
    fit = pw.fit(
        table().disattenuated(R), pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(0.5)), pw.Exact()
    )  # fmt: skip
    tau = np.linspace(0.0, 4.0, 40001)[1:, None]
    a, v = np.sqrt(R), SE**2 + R * tau**2
    precision, pull = (a * a / v).sum(axis=1) + 1.0, (a * Y / v).sum(axis=1)
    log_p = -0.5 * (np.log(v) + Y**2 / v).sum(axis=1) + 0.5 * pull**2 / precision - 0.5 * np.log(precision)
    p = np.exp(log_p - log_p.max()) * np.exp(-0.5 * (tau[:, 0] / 0.5) ** 2)
    p /= p.sum()
    assert fit["mu"].mean == pytest.approx((p * pull / precision).sum(), abs=1e-4)
    assert fit["tau"].mean == pytest.approx((p * tau[:, 0]).sum(), abs=1e-4)
    assert any("corrected for the reliability" in note for note in fit.report.notes)


def test_correlations_are_corrected_as_correlations():
    found = table("Fisher z").disattenuated(0.8)
    np.testing.assert_allclose(np.tanh(found.y), np.tanh(Y) / np.sqrt(0.8))
    step = 1e-6
    slope = (np.arctanh(np.tanh(Y + step) / np.sqrt(0.8)) - np.arctanh(np.tanh(Y - step) / np.sqrt(0.8))) / (2 * step)
    np.testing.assert_allclose(found.se, SE * slope, rtol=1e-8)


def test_two_measures_are_corrected_for_one_after_the_other():
    found = table().disattenuated(0.8).disattenuated("rel")
    np.testing.assert_allclose(found.y, Y / np.sqrt(0.8 * R))
    assert len([note for note in found.notes if "reliability" in note]) == 2


def test_a_covariance_of_errors_is_corrected_too():
    V = np.diag(SE**2)
    V[0, 1] = V[1, 0] = 0.3 * SE[0] * SE[1]
    found = table(covariance=V).disattenuated("rel")
    assert found.covariance[0, 1] == pytest.approx(V[0, 1] / np.sqrt(R[0] * R[1]))
    np.testing.assert_allclose(np.diagonal(found.covariance), found.v)


def test_subsets_remember_it():
    part = table().disattenuated("rel").drop(study="a")
    assert any("corrected for the reliability" in note for note in part.notes)


@pytest.mark.parametrize(
    ("scale", "given", "said"),
    [
        ("SMD", "rell", "no column 'rell'"),
        ("SMD", 1.2, "above 0 and at most 1"),
        ("SMD", [0.5, np.nan, 0.5, 0.5], "row 2"),
        ("SMD", [0.5, 0.6], r"shape \(4,\)"),
        ("SMD", "high", "no column"),
        ("log OR", 0.8, "not in the unit of a measure's standard deviation"),
        ("Fisher z", 0.2, "correlations below the root"),
    ],
)
def test_what_is_no_reliability_is_refused(scale, given, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        table(scale).disattenuated(given)
