# `install` sets up .venv from the lock file; all others but `clean` and `lock` do so if
# it is missing. `make install TORCH=cpu` leaves out 5 GB that only a GPU needs.
PYTHON ?= python3
DEVICE ?= auto
TORCH ?= cuda
# PyPI has no CPU builds of torch for Linux on x86-64.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export MLFLOW_DISABLE_TELEMETRY := true

# Python compiles a module when it is first imported; most of these never are.
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --no-deps --no-compile --progress-bar off --quiet

.PHONY: install table1 test drills bench lint docs dist gpu clean lock vulnerabilities sbom

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@echo "Installing into $(VENV), once: some minutes and $(if $(filter cpu,$(TORCH)),2,7) GB"
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	@# The CPU builds have the versions of the lock file, and other checksums.
	$(PIP_INSTALL) --index-url $(TORCH_CPU_INDEX) $$(grep -oE '^(torch|torchvision)==[0-9.]+' requirements.lock)
	awk '/^[a-z]/ {keep = !/^(torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/} keep' requirements.lock | $(PIP_INSTALL) -r /dev/stdin
else
	$(PIP_INSTALL) -r requirements.lock
endif
	$(PIP_INSTALL) --no-build-isolation -e .
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
	$(BIN)/pytest -m drill -n 2 --dist loadfile -rP tests/drills

# Every speed ratio with its limit, into benchmarks/README.md: half an hour on an idle machine.
bench: $(READY)
	$(BIN)/python -m benchmarks.bench

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile pipeline/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# The documentation as pages for a browser, in build/site; a broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file docs/site/mkdocs.yml

# Wheel and sdist, in dist/.
dist: $(READY)
	$(BIN)/hatchling build

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
