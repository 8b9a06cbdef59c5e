# Every target sets itself up: the first call builds .venv from requirements.lock, later calls reuse it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-lock
# Two processes, each of models that share what PyMC compiles.
POOLED := models/dropout.toml models/misconduct.toml models/recidivism.toml models/bcg.toml \
	models/adherence.toml models/asthma_days_off.toml models/magnesium.toml models/beta_blockers.toml
STRUCTURED := models/joint_outcomes.toml models/bcg_latitude.toml models/raudenbush_weeks.toml \
	models/assink_three_level.toml models/recidivism_setting.toml

.PHONY: run run-pooled run-structured test lint bench agreement oracles calibrate calibrate-bias panel simulations docs \
	notebooks format clean
.DELETE_ON_ERROR:

run: $(STAMP)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target run-pooled run-structured

run-pooled: $(STAMP)
	$(BIN)/poolwise run $(POOLED) --out results

run-structured: $(STAMP)
	$(BIN)/poolwise run $(STRUCTURED) --out results

# One thread of linear algebra for each of the two workers: more only wait for one another.
test: export OPENBLAS_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m pytest tests/benchmarks -m benchmark_long -n 0 --benchmark-columns=median,min,rounds

# Models whose first compilation takes a minute against their oracles, and pictures of many studies: after a change of
# engines, pymc_models or plot.
agreement: export OPENBLAS_NUM_THREADS = 1
agreement: $(STAMP)
	$(BIN)/python -m pytest tests/engines tests/checks tests/plot tests/test_oracles_of_nuts.py -m agreement_long -n 2 --dist loadfile

# After a change of tests/support or tests/reference: the oracles that made the reference numbers, against slower ones.
oracles: $(STAMP)
	$(BIN)/python -m pytest tests/test_oracles.py tests/test_oracles_of_nuts.py -m oracle_long -n 0

# Hours; goes on where it was stopped, and ends with new figures in tests/reference/calibration. Some families only:
# make calibrate FAMILIES=random_effects,binomial-odds_ratio SIMULATIONS=1000
FAMILIES ?=
SIMULATIONS ?= 0
calibrate: export OPENBLAS_NUM_THREADS = 1
calibrate: $(STAMP)
	$(BIN)/python tests/reference/calibration/calibrate.py --jobs 2 --families "$(FAMILIES)" --simulations $(SIMULATIONS)
	$(if $(FAMILIES),,$(MAKE) calibrate-bias)

# The average over models of publication bias and each of them by Exact (half an hour); what methods for publication bias
# cost and gain (an hour). Both go on where they were stopped, and end with new figures in tests/reference/publication_bias.
calibrate-bias panel: export OPENBLAS_NUM_THREADS = 1
calibrate-bias: $(STAMP)
	$(BIN)/python tests/reference/publication_bias/bias_calibration.py

panel: $(STAMP)
	$(BIN)/python tests/reference/publication_bias/bias_panel.py

# The site of the documentation, in docs/_build/html, without a network; its pages are run while it is built.
docs: export OPENBLAS_NUM_THREADS = 1
docs: $(STAMP)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Run the notebooks and store what they show in them; a test holds their code to the stored outputs.
notebooks: export OPENBLAS_NUM_THREADS = 1
notebooks: $(STAMP)
	$(BIN)/python notebooks/store_outputs.py

# Published simulation studies run again (some minutes): figures in print beside ours, tests/reference/simulations.
simulations: export OPENBLAS_NUM_THREADS = 1
simulations: $(STAMP)
	$(BIN)/python tests/reference/simulations/simulations.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): requirements.lock pyproject.toml .ci/setup
	bash .ci/setup "$(PYTHON)" "$(VENV)"
	touch $@

clean:
	rm -rf $(VENV) results
