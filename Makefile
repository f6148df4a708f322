# The only place where a person looks for commands: `make help`.

PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,\
            $(if $(shell command -v $(name) 2>/dev/null),$(name))))
VENV := .venv
BIN := $(VENV)/bin
RUNTIME ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test unit e2e lint format bench docs image clean

help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

# A stamp is made last: an install that was cut short is done again.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "error: $(PYTHON) is no Python 3.11, 3.12 or 3.13"; \
		echo "where: make, PYTHON=$(PYTHON)"; \
		echo "hint:  name one: make PYTHON=/path/to/python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "error: the virtual environment can't be made"; \
		echo "where: $(PYTHON) -m venv $(VENV)"; \
		echo "hint:  on Debian and Ubuntu: apt install python3-venv"; exit 2; }

$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	@echo "installing tfdeploy[$*] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@# Where bytecode isn't written on import (PYTHONDONTWRITEBYTECODE), every start would compile.
	@$(BIN)/python -m compileall -q tfdeploy
	@touch $@

demo: $(VENV)/demo.stamp  ## The main job: train, export, add, up, predict, status, down (RUNTIME=docker|process)
	@RUNTIME=$(RUNTIME) $(BIN)/python -m stacks.demo.run

test: $(VENV)/dev.stamp  ## The whole suite; tests on Docker run when an engine answers
	@$(BIN)/python -m pytest $(ARGS)

unit: $(VENV)/dev.stamp  ## The tests that start no process
	@$(BIN)/python -m pytest tests/unit tests/golden $(ARGS)

e2e: $(VENV)/dev.stamp  ## The tests on a real Docker engine
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

lint: $(VENV)/dev.stamp  ## ruff, mypy --strict and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp  ## How fast the command line starts, beside a bare `python -c pass`
	@$(BIN)/python benchmarks/startup.py $(ARGS)

docs: $(VENV)/dev.stamp  ## Write the generated pages: docs/stack-file.md, docs/errors.md, docs/commands.md
	@$(BIN)/python -m docs.generate

image: $(VENV)/demo.stamp  ## Build the local server image (for arm64, or without a registry)
	@$(BIN)/tfdeploy image build $(ARGS)

clean:  ## Remove the virtual environment, caches and the demo's files
	rm -rf $(VENV) .demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
