# Needs Python 3.11 or newer, make and network. Everything is installed into .venv; the system stays as it is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first interpreter that is new enough and can make an environment (Debian packs venv separately).
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/installed
BENCH_STAMP := .venv/installed-bench
MONITORING_STAMP := .venv/installed-monitoring
SUPPLY_STAMP := .venv/installed-supply
# Exactly these files, and wheels, which bring no code to run while they are installed. FROM_SOURCE=faust-streaming is for
# Linux on ARM, for which that package has no wheel.
LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	$(if $(FROM_SOURCE),--no-binary $(FROM_SOURCE)) --require-hashes --requirement
# Three files of tests at a time on two cores, in the order of tests/conftest.py: most that need a broker wait, for
# sessions and joins. Without a restart a test that kills its process is not run again and again.
FILES := --numprocesses 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

.PHONY: install
install: $(STAMP) ## Make .venv with cjstream, editable, and all that tests and the demo need

$(STAMP): pyproject.toml requirements/dev.txt
	@test -n "$(PYTHON)" || { echo 'error: no Python 3.11+ with venv; install one, or say make PYTHON=...' >&2; exit 2; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(LOCKED) requirements/dev.txt
	@# setuptools warns of every editable install
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: install ## A live journey on a real Kafka in this terminal; Ctrl-C stops all of it
	@$(BIN)/cjstream demo

.PHONY: test
test: install ## All tests, with the real broker that they start
	$(BIN)/python -m pytest $(FILES)

soak: SECONDS ?= 3600
fuzz: SECONDS ?= 60
# The faults of one kind are in one file, and some take minutes: so test by test, not file by file. Three at a time on two
# cores: most of the time they wait, for sessions and for brokers that are away.
SPREAD := --numprocesses 3 --dist worksteal --max-worker-restart 0

.PHONY: faults
faults: install ## The fault suite; SEED=7 repeats one run, KEEP=yes keeps its figures
	$(BIN)/python -m pytest $(SPREAD) --thorough --mix-seconds 15 $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep) tests/faults

.PHONY: soak
soak: install ## An hour of mixed faults, or SECONDS=60; SEED=7 repeats one run
	$(BIN)/python -m pytest $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep) \
		--mix-seconds $$(( $(SECONDS) / 2 )) tests/faults/test_mix.py

.PHONY: fuzz
fuzz: install ## Damaged records into decoder and engine, by coverage, for SECONDS=60
	$(BIN)/python tools/fuzz.py $(SECONDS)

.PHONY: cover
cover: install ## The core's tests, with branch coverage
	$(BIN)/python -m pytest $(FILES) --quiet --cov --hypothesis-profile=ci tests/core

.PHONY: fmt
fmt: install ## Format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lint
lint: install ## Style and format, changing nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: type
type: install ## Types, strictly
	$(BIN)/mypy

.PHONY: imports
imports: install ## Who may import whom
	$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: install ## Write the generated reference pages anew
	$(BIN)/python tools/docs.py

.PHONY: boards
boards: install ## Write the Grafana boards anew
	$(BIN)/python -m tools.boards

.PHONY: check
check: ## All that CI runs
	@.ci/run

.PHONY: tools
tools: install ## promtool, prometheus and amtool for make monitoring: those that are there, or from Debian, without root
	@$(BIN)/python tools/debian.py

.PHONY: monitoring
monitoring: $(MONITORING_STAMP) tools ## Rules, alerts, boards and deployment, with a real Prometheus: some 4 minutes
	$(BIN)/python -m pytest $(FILES) --monitoring tests/monitoring

$(MONITORING_STAMP): $(STAMP) requirements/monitoring.txt
	$(LOCKED) requirements/monitoring.txt
	@touch $@

.PHONY: bench
bench: $(BENCH_STAMP) ## cjstream beside its peers on this machine: one table, in some 20 minutes
	$(BIN)/python bench/throughput.py --json bench/results/throughput.json

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	$(LOCKED) requirements/bench.txt
	@touch $@

.PHONY: bench-quick
bench-quick: install ## In 3 minutes: has the lead over stock Faust halved?
	$(BIN)/python bench/quick.py

.PHONY: lock
lock: $(SUPPLY_STAMP) ## Write requirements/ anew after a change of dependencies in pyproject.toml
	$(BIN)/python -m tools.lock $(LOCK_OPTIONS)

.PHONY: audit
audit: $(SUPPLY_STAMP) ## Known vulnerabilities of all that is locked; fails if no source of them can be reached
	$(BIN)/python -m tools.audit

.PHONY: licences
licences: install ## Every package that users install has a licence that tools/licences.toml allows
	$(BIN)/python -m tools.licences

.PHONY: sbom
sbom: install ## What users install as CycloneDX: build/cjstream.cdx.json
	$(BIN)/python -m tools.sbom build/cjstream.cdx.json

$(SUPPLY_STAMP): $(STAMP) requirements/supply.txt
	$(LOCKED) requirements/supply.txt
	@touch $@

.PHONY: clean
clean: ## Remove what make and the checks made
	rm -rf .venv .cache build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find agents bench cjstream tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
