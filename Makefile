# Everything that one command does here, `.ci/run` and people do alike.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python on the PATH that autodrop runs on.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' \
	2>/dev/null && echo $$p && break; done)
UV_VERSION := 0.13.9
BIN := .venv/bin
FAST := not slow and not e2e and not docker and not audit
ON_MACHINE := e2e or docker or audit
SIDE_BY_SIDE := -n auto --dist worksteal
# By folder, as `tests/conftest.py` says, and in the order of the files: the longest come first.
BY_FOLDER := -n 2 --dist loadscope --no-loadscope-reorder
EXAMPLE := examples/bank-marketing
export SAM_CLI_TELEMETRY := 0
# Where it is set, every process compiles all that it imports: that takes longer than what it does.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check check-style check-types check-template check-fast audit format docs record bench clean

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: .venv/synced ## Create .venv with everything in uv.lock

.venv/synced: uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "autodrop needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || { rm -rf .venv; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --frozen --all-extras --quiet
	@touch $@

demo: setup ## Drop the bank-marketing file on a local AWS and put the results into demo-results/
	@$(BIN)/autodrop local start
	@rm -rf demo-results && mkdir -p .autodrop/demo
	@gzip -dkc $(EXAMPLE)/bank-additional-full.csv.gz > .autodrop/demo/bank-additional-full.csv
	@$(BIN)/autodrop drop .autodrop/demo/bank-additional-full.csv --local --dataset bank-marketing \
		--config $(EXAMPLE)/autodrop.yaml --wait --to demo-results
	@echo
	@echo "The report is demo-results/report.html. The local AWS goes on running:"
	@echo "  $(BIN)/autodrop drop YOUR.csv --wait     drop a file of your own"
	@echo "  $(BIN)/autodrop local stop               end it"

# With CHECKED=1 those are left out that `make check` has just run.
test: setup ## Run all tests, the real template on the local AWS included
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "$(if $(CHECKED),slow and )not ($(ON_MACHINE))"
	@$(BIN)/python -m pytest $(BY_FOLDER) -m "$(ON_MACHINE)"

check: setup ## Check format, lint, types, the template, and run the fast tests
	@$(MAKE) --no-print-directory -j4 check-style check-types check-template check-fast

check-style:
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet

check-types:
	@$(BIN)/mypy

check-template:
	@$(BIN)/sam validate --lint

check-fast:
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "$(FAST)"

audit: setup ## Check template and code with checkov and bandit, and ask for advisories on the dependencies
	@$(BIN)/python -m pytest -q -m audit
	@$(BIN)/uv audit --frozen
	@$(BIN)/uv audit --frozen --project audit

format: setup ## Format the code and fix what can be fixed
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --fix --quiet

docs: setup ## Write what is generated: docs/settings.md, docs/security.md, autodrop_local/authorization.json
	@$(BIN)/python -m docs.generate_settings
	@$(BIN)/python -m docs.generate_authorization
	@$(BIN)/python -m docs.generate_security

record: setup ## Record what uses which permission, and write docs/security.md
	@AUTODROP_RECORD=docs/used_permissions.json $(BIN)/python -m pytest -q -m e2e tests/e2e/test_statements.py
	@$(BIN)/python -m docs.generate_security

bench: setup ## Measure the numbers in docs/measurements.md
	@$(BIN)/python -m bench.demo
	@$(BIN)/python -m bench.prepare

clean: ## Remove what was built; .autodrop/ with your local runs stays
	rm -rf .venv .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-results
