# `table1`, `test`, `drills`, `lint`, `docs` and `gpu` set up .venv from the lock file if it is missing.
PYTHON ?= python3
DEVICE ?= auto
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: table1 test drills lint docs gpu clean lock vulnerabilities sbom

$(READY): requirements.lock pyproject.toml
	@echo "Installing into $(VENV), once: some minutes and 7 GB"
	$(PYTHON) -m venv $(VENV)
	@# Python compiles a module when it is first imported; most of these never are.
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-compile --progress-bar off --quiet -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation --quiet -e .
	touch $@

table1: $(READY)
	$(BIN)/dmtbench run

# The examples in docstrings, then all tests but those marked `slow` or `drill`; run the slow ones
# with `.venv/bin/pytest -m slow`.
test: $(READY)
	$(BIN)/pytest --doctest-modules dmtnet baselines pipeline
	$(BIN)/pytest -m "not slow and not drill" -n 2

# Faults and other machines, for real: each drill says in its docstring what it needs and how long it
# takes.
drills: $(READY)
	$(BIN)/pytest -m drill -v tests/drills

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile pipeline/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# The documentation as pages for a browser, in build/site; a broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file docs/site/mkdocs.yml

# Ten minutes on a GPU, and a page about it in docs/; `make gpu DEVICE=cpu` only proves the check.
gpu: $(READY)
	$(BIN)/dmtbench gpu-check --device $(DEVICE)

# Removes what the workflow made; keeps data, environment and MLflow's history.
clean:
	rm -rf runs results state logs $(filter-out reports/published reports/counted,$(wildcard reports/*))

# Run after changing dependencies in pyproject.toml (needs uv).
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements.lock

# Known vulnerabilities of what the lock file pins (needs uv and a network). A package that cannot be
# looked up is an error too: otherwise an index without this service would pass as a clean bill.
vulnerabilities:
	uvx pip-audit@2.10.1 --requirement requirements.lock --disable-pip --strict --progress-spinner off

# What a release is made of, by name, version and checksum (CycloneDX), in build/sbom.json (needs uv).
sbom:
	mkdir -p build
	uvx --from cyclonedx-bom@7.5.0 cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json
