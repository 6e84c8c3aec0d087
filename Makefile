# Needs Python 3.11 or newer and make; another interpreter: make setup PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: setup demo test lint bench bench-dashboards

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

# By file: the tests of one share their engine or service.
test: setup $(VENV)/.installed-e2e
	$(BIN)/pytest --numprocesses auto --dist loadfile

# The end-to-end test runs the real SDK. Where it cannot be installed that test alone is skipped, and says why: the log is
# read by tests/e2e/sdk_needed.py. What is installed already does not move.
$(VENV)/.installed-e2e: $(VENV)/.installed
	@$(BIN)/python -m pip freeze --exclude-editable >$(VENV)/e2e-constraints.txt
	@echo 'Installing claude-agent-sdk for the end-to-end test'
	@if $(INSTALL) --quiet --retries 1 -c $(VENV)/e2e-constraints.txt -e '.[e2e]' >$(VENV)/e2e-install.log 2>&1; then touch $@; \
	else echo 'claude-agent-sdk could not be installed, see $(VENV)/e2e-install.log'; fi

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python grafana-dashboards/builder --check

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks

# 100,000 sessions, 10 million log records: a quarter of an hour to make them. make bench-dashboards SESSIONS=2000 is quick.
SESSIONS ?= 100000
bench-dashboards: setup
	$(BIN)/python -m benchmarks.dashboards --sessions $(SESSIONS)
