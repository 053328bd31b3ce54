# Everything runs in a virtual environment that is made from requirements.lock at first use.
# Another Python than python3: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH_INSTALLED := $(VENV)/.bench-installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo stop up down test lint bench lock clean python-fits browser

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Land two days of three sources, watch them load, leave the UI running
	@$(BIN)/etl-platform demo

stop: $(INSTALLED) ## End what the demo left running; its data stays
	@$(BIN)/etl-platform demo --stop

up: $(INSTALLED) ## Start the local stack
	@$(BIN)/etl-platform local up

down: $(INSTALLED) ## Stop the local stack; its data stays
	@$(BIN)/etl-platform local down

test: lint browser ## Lint, then run every test
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The tests of the UI need a browser. As root, on Debian, this has one installed; else they are skipped.
browser:
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name > /dev/null && exit 0; done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& timeout 300 apt-get install --yes --no-install-recommends chromium > /dev/null 2>&1 \
		|| echo "There is no Chromium: the tests of the UI will be skipped"

lint: $(INSTALLED) ## Check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(BENCH_INSTALLED) ## Measure conversions beside their rivals; FULL=1: at full size, into docs/benchmarks.md
	@$(BIN)/python -m etl_platform_tests.benchmarks $(if $(FULL),--size full --docs)

lock: python-fits ## Resolve every dependency anew into requirements.lock
	@$(PYTHON) -m venv --clear $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[dev]'
	@$(VENV)-lock/bin/python -m pip freeze --exclude-editable > requirements.lock
	@rm -rf $(VENV)-lock

clean: ## Stop everything and delete the environment, the local data and the caches
	@if [ -x $(BIN)/etl-platform ]; then $(BIN)/etl-platform demo --stop; fi
	@rm -rf $(VENV) .etl *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis cdk.out

$(INSTALLED): requirements.lock pyproject.toml | python-fits
	@echo "Installing the packages of requirements.lock into $(VENV) (once, some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	@$(PIP) install --editable '.[bench]'
	@touch $@

python-fits:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is" \
	    "$$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
