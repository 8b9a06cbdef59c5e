"""What a new normal model costs: its own file and its name in `Model`; files, engines and reports know it by these."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.engines.nuts.plans import plan
from support.through_origin import ThroughOrigin

GUEST = Path(__file__).parent / "support" / "through_origin.py"
TABLE = "study,y,se,dose\nA,.2,.1,1\nB,.5,.2,2\nC,.9,.15,3\nD,.3,.2,1\nE,1.1,.3,4\nF,.7,.2,3\n"
FILE = """
title = "Effects and doses"
question = "Does the effect grow with the dose?"
[data]
scale = "SMD"
csv = "table.csv"
[model]
kind = "through-origin"
doses = ["dose"]
steepness = { Normal = [0, 1] }
[engines]
closed_form = [{ tau2 = "REML" }]
exact = {}
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The package with the new model's file, and its name in `Model`; an analysis file beside."""
    here = tmp_path_factory.mktemp("own")
    shutil.copytree(Path(pw.__file__).parent, here / "poolwise", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(GUEST, here / "poolwise" / "model" / "through_origin.py")
    registry = here / "poolwise" / "model" / "__init__.py"
    text = registry.read_text(encoding="utf-8").replace("\nModel = ", "\nModel = ThroughOrigin | ")
    imported = "from poolwise.model.structure import NormalStructure\n"
    also = "from poolwise.model.through_origin import ThroughOrigin\n"
    registry.write_text(text.replace(imported, imported + also), encoding="utf-8")
    (here / "table.csv").write_text(TABLE, encoding="utf-8")
    (here / "doses.toml").write_text(FILE, encoding="utf-8")
    return here


def poolwise(folder, *words):
    command = [sys.executable, "-c", "import sys; from poolwise.cli import main; sys.exit(main(sys.argv[1:]))", *words]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")


def test_a_file_runs_a_new_model_to_its_report(own):
    done = poolwise(own, "run", "doses.toml")
    assert done.returncode == 0, done.stderr
    estimates = (own / "results" / "doses" / "estimates.csv").read_text(encoding="utf-8")
    assert "through the origin, exact" in estimates
    assert "beta[dose]" in estimates


def test_a_file_without_a_needed_part_of_it_is_told_what_its_docstring_says(own):
    (own / "short.toml").write_text(FILE.replace('doses = ["dose"]\n', ""), encoding="utf-8")
    said = poolwise(own, "check", "short.toml").stderr
    assert "kind = 'through-origin' and no 'doses'" in said
    assert "names of the columns of doses" in said


@pytest.fixture
def effects():
    y, se, dose = [0.2, 0.5, 0.9, 0.3, 1.1, 0.7], [0.1, 0.2, 0.15, 0.2, 0.3, 0.2], [1, 2, 3, 1, 4, 3]
    return pw.Effects(y, se=se, moderators={"dose": dose}, scale="SMD")


def test_an_engine_answers_it_by_its_structure(effects):
    stated = {"tau": priors.HalfNormal(0.5)}
    new = pw.Exact().fit(effects, ThroughOrigin(["dose"], priors.Normal(0, 1), **stated))
    known = pw.Exact().fit(effects, pw.MetaRegression("~ 0 + dose", beta=priors.Normal(0, 1), **stated))
    np.testing.assert_allclose(new["beta[dose]"].interval(), known["beta[dose]"].interval(), rtol=1e-12)


def test_nuts_samples_what_it_samples_of_the_regression(effects):
    stated = {"tau": priors.HalfNormal(0.5)}
    new = plan(effects, ThroughOrigin(["dose"], priors.Normal(0, 1), **stated))
    known = plan(effects, pw.MetaRegression("~ 0 + dose", beta={"dose": priors.Normal(0, 1)}, **stated))
    assert new.data.keys() == known.data.keys()
    for name, value in known.data.items():
        np.testing.assert_array_equal(new.data[name], value)
