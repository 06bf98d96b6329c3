# What a contributor types; `make help` lists it. Needs Python 3.11+ and pip's index, nothing else.
# Set-up happens once and again only when pyproject.toml, constraints.txt or the interpreter change.

PYTHON ?= python3

BIN := .venv/bin
VERSION := $(shell "$(PYTHON)" -c 'import platform; print(platform.python_version())' 2>/dev/null)
CREATED := .venv/.created-$(VERSION)
INSTALLED := .venv/.installed
TESTABLE := .venv/.installed-test
CLIENTS := .venv/.installed-clients
PINNED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# pytest's own closing line is the last one, whatever directory make was called from.
MAKEFLAGS += --no-print-directory
.PHONY: help demo test docs bench system clients constraints clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	  while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done
	@echo
	@echo '  PYTHON=python3.12 make test   uses that interpreter.'

demo: $(INSTALLED) ## Install into .venv and run the demonstration.
	@$(BIN)/mlserve demo

test: $(TESTABLE) $(CLIENTS) system ## Run every check: style, types, imports, documentation, tests.
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup --durations 30

clients: $(CLIENTS) ## Install clients of other projects, for the tests.

# Tests that lack one of these are skipped.
system: ## Install a browser and Prometheus's tools on Debian, as root.
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  ! { command -v chromium && command -v promtool; } >/dev/null; then \
	  echo 'Installing chromium and prometheus for the tests.'; \
	  { apt-get update && DEBIAN_FRONTEND=noninteractive \
	    apt-get install --yes --no-install-recommends chromium prometheus prometheus-alertmanager; \
	  } >/dev/null 2>&1 || echo 'They could not be installed; the tests that need them are skipped.'; \
	fi

docs: $(TESTABLE) ## Write docs/reference and the README's outputs anew.
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate.py --sessions

bench: $(TESTABLE) ## Measure side by side with the alternatives.
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit; done

constraints: ## Pin the newest set that installs, with every extra, in constraints.txt.
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo 'Pins come from the oldest supported Python: PYTHON=python3.11 make constraints' >&2; exit 2; }
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	  extras=$$("$(PYTHON)" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"], sep=",")'); \
	  "$(PYTHON)" -m venv "$$fresh/venv"; \
	  "$$fresh/venv/bin/python" -m pip install --quiet --disable-pip-version-check ".[$$extras]"; \
	  { echo '# The set that is tested together, all extras included; `make constraints` writes it.'; \
	    "$$fresh/venv/bin/python" -m pip freeze --disable-pip-version-check \
	      --exclude mlserve-cli --exclude pip --exclude setuptools; } > "$$fresh/constraints.txt"; \
	  cp "$$fresh/constraints.txt" constraints.txt; git diff --stat constraints.txt 2>/dev/null || true

clean: ## Remove .venv and everything that the tools leave behind.
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests docs benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'mlserve needs Python 3.11 or newer, but "$(PYTHON)" is $(or $(VERSION),not there).' >&2; \
	  echo 'Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '"$(PYTHON)" cannot make virtual environments.' >&2; \
	  echo 'On Debian and Ubuntu: sudo apt install python3-venv' >&2; exit 2; }
	@echo 'Setting up .venv: a minute or two, once.'
	@"$(PYTHON)" -m venv --clear .venv
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt $(CREATED)
	@$(PINNED) --editable .
	@touch $@

$(TESTABLE): pyproject.toml constraints.txt $(CREATED)
	@$(PINNED) --editable '.[boosting,flask,grpc,test]'
	@touch $@ $(INSTALLED)

$(CLIENTS): tests/serving/client_requirements.txt $(CREATED)
	@"$(PYTHON)" -m venv --clear .venv/clients
	@.venv/clients/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-compile --requirement tests/serving/client_requirements.txt
	@touch $@
