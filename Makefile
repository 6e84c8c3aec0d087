# Needs Python 3.11 or newer and make; another interpreter: make setup PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: setup demo test lint bench

setup: $(VENV)/.installed

# Installed again only when pyproject.toml changed; the code itself is used in place.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("argus-otel needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(INSTALL) -e '.[dev,bench]'
	@touch $@

# make demo KEEP=1 keeps serving until Ctrl-C.
demo: setup
	@$(BIN)/argus-otel demo $(if $(filter-out 0,$(KEEP)),--keep)

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks
