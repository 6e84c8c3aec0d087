# Needs Python 3.11 or newer and make; another interpreter: make setup PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: setup demo test lint bench bench-dashboards collector collector-if-possible engines containers containers-if-possible

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
test: setup $(VENV)/.installed-e2e collector-if-possible containers-if-possible engines
	$(BIN)/pytest --numprocesses auto --dist loadfile

# The end-to-end test runs the real SDK, and rotel is put in front of argus-otel. Where one cannot be installed its tests alone
# are skipped, and say why: the log is read by tests/e2e/sdk_needed.py. What is installed already does not move.
$(VENV)/.installed-e2e: $(VENV)/.installed
	@$(BIN)/python -m pip freeze --exclude-editable >$(VENV)/e2e-constraints.txt
	@echo 'Installing claude-agent-sdk and rotel for their tests'
	@$(INSTALL) --quiet --retries 1 -c $(VENV)/e2e-constraints.txt -e '.[bench]' >$(VENV)/rotel-install.log 2>&1 || \
	echo 'rotel could not be installed, see $(VENV)/rotel-install.log'
	@if $(INSTALL) --quiet --retries 1 -c $(VENV)/e2e-constraints.txt -e '.[e2e]' >$(VENV)/e2e-install.log 2>&1; then touch $@; \
	else echo 'claude-agent-sdk could not be installed, see $(VENV)/e2e-install.log'; fi

# The OpenTelemetry Collector that tries collector-config/, built from Go modules: some minutes, again only when its manifest
# changed. The builder has the version of what it builds.
GO ?= $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go))
COLLECTOR := build/collector
COLLECTOR_VERSION := $(shell sed -n 's/.*receiver\/otlpreceiver //p' collector-config/builder.yaml)

collector: $(COLLECTOR)/.built

$(COLLECTOR)/.built: collector-config/builder.yaml
	@test -n "$(GO)" || { echo 'the collector is built with Go 1.25 or newer: install it, or make collector GO=…'; exit 1; }
	@mkdir -p $(COLLECTOR)
	$(GO) run go.opentelemetry.io/collector/cmd/builder@$(COLLECTOR_VERSION) --config $<
	@touch $@

# Without Go or its modules the collector's tests alone are skipped, and say why: tests/collector/collector_needed.py reads the log.
collector-if-possible:
	@mkdir -p build
	@$(MAKE) --no-print-directory collector >build/collector.log 2>&1 || echo 'the collector could not be built, see build/collector.log'

# What reads docker/ as a container engine and a cluster would: Helm, and the parsers of Compose, BuildKit and Kubernetes.
CONTAINERS := build/containers
HELM_VERSION := v3.22.0

containers: $(CONTAINERS)/helm $(CONTAINERS)/container-files

$(CONTAINERS)/helm:
	@test -n "$(GO)" || { echo 'helm is built with Go 1.26 or newer: install it, or make containers GO=…'; exit 1; }
	GOBIN=$(abspath $(CONTAINERS)) $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)

$(CONTAINERS)/container-files: $(wildcard tests/containers/go/*)
	@test -n "$(GO)" || { echo 'it is built with Go 1.26 or newer: install it, or make containers GO=…'; exit 1; }
	$(GO) -C tests/containers/go build -o $(abspath $@) .

# Without Go or its modules their tests alone are skipped, and say why: tests/containers/container_files.py reads the log.
containers-if-possible:
	@mkdir -p build
	@$(MAKE) --no-print-directory containers >build/containers.log 2>&1 || echo 'helm and what reads docker/ could not be built, see build/containers.log'

# Older engines, each in an environment of its own: what puts views on a collector's tables must work on them. Once; where they
# cannot be installed their tests alone are skipped, and say why: tests/landing/engines.py reads the log.
ENGINES := build/engines
engines: $(ENGINES)/.tried-2.1.1 $(ENGINES)/.tried-3.7.2

$(ENGINES)/.tried-%:
	@mkdir -p $(ENGINES)
	@if { $(PYTHON) -m venv $(ENGINES)/chdb-$* && $(ENGINES)/chdb-$*/bin/python -m pip install --disable-pip-version-check --quiet --retries 1 chdb==$*; } >$(ENGINES)/$*.log 2>&1; \
	then touch $(ENGINES)/.installed-$* $@; else echo 'chdb $* could not be installed, see $(ENGINES)/$*.log'; fi

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python grafana-dashboards/builder --check
	$(BIN)/python scripts/collector_config.py --check
	$(BIN)/python scripts/clickhouse_users.py --check

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks

# 100,000 sessions, 10 million log records: a quarter of an hour to make them. make bench-dashboards SESSIONS=2000 is quick.
SESSIONS ?= 100000
bench-dashboards: setup
	$(BIN)/python -m benchmarks.dashboards --sessions $(SESSIONS)
