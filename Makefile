# Bare `make` lists the targets. Each installs what it needs, once: a stamp inside .venv remembers.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Every core by default, yet no more than eight: a worker with a large net in it takes 2 GB.
JOBS   ?= auto
PYTEST := $(BIN)/python -m pytest
FUZZ   ?= 100000

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs lecture slow gpu browser fuzz matrix bench build hooks clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "archdsl needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 4; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[plot]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## set up, train LeNet-5 on embedded images, end with its test accuracy
	$(BIN)/archdsl train specs/lenet5.arch

test: $(VENV)/.installed-dev ## set up and run the tests
	$(PYTEST) -q -n $(JOBS) --maxprocesses 8 --dist worksteal

check: $(VENV)/.installed-dev ## format, lint, types, layering, generated docs, terms, lengths: what a change must pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/docs.py --check
	$(BIN)/python tools/lecture.py --check
	$(BIN)/python tools/terms.py
	$(BIN)/python tools/lengths.py

format: $(VENV)/.installed-dev ## format, and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed-dev ## write the generated pages of docs/
	$(BIN)/python tools/docs.py

lecture: $(VENV)/.installed-dev ## run the fifteen studies of the lecture and write their pages; finished runs are reused
	$(BIN)/python tools/lecture.py

slow: $(VENV)/.installed-dev ## the tests that take minutes
	$(PYTEST) -q -m slow -n $(JOBS) --maxprocesses 8 --timeout 1800

gpu: $(VENV)/.installed-dev ## the tests that need a GPU
	$(PYTEST) -q -m gpu

browser: $(VENV)/.installed-dev ## the tests of the report page in Chromium, which the distribution brings
	$(PIP) -e '.[browser]'
	$(PYTEST) -q -m browser

fuzz: $(VENV)/.installed-dev ## many random inputs; FUZZ=1000000 says how many
	HYPOTHESIS_PROFILE=fuzz ARCHDSL_FUZZ=$(FUZZ) $(PYTEST) -q -m fuzz -n $(JOBS) --timeout 7200

matrix: ## the tests on three rows of versions; ROWS='--row oldest' says which (docs/benchmarks/matrix.md)
	$(PYTHON) tools/matrix.py $(ROWS)

bench: $(VENV)/.installed-dev ## the benchmarks that run on any machine; raw figures go to docs/benchmarks
	$(BIN)/python bench/l1_cold_params.py
	$(BIN)/python bench/l2_core_scaling.py
	$(BIN)/python bench/b1_module_tax.py
	$(BIN)/python bench/lsp_latency.py

build: $(VENV)/.installed-dev ## a wheel in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

hooks: $(VENV)/.installed-dev ## check before every commit
	$(BIN)/pre-commit install

clean: ## remove everything that was built; runs/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
