# The only place where a person looks for commands: `make help`.

# TensorFlow has wheels for these; a name on PATH may be a shim that runs nothing, so it is tried.
IS_USABLE = -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
            $$name $(IS_USABLE) >/dev/null 2>&1 && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUNTIME ?=
SECONDS ?= 60
PROCESSES ?= 4
ARGS ?=
TARGETS ?= json http textproto flags tensorproto

.DEFAULT_GOAL := help
.PHONY: help demo test unit e2e lint format bench bench-server bench-changes soak fuzz docs image clean

help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | \
		awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# A stamp is made last: an install that was cut short is done again.
$(BIN)/python:
	@python="$(PYTHON)"; "$${python:-python3}" $(IS_USABLE) || { \
		echo "error: there is no Python 3.11, 3.12 or 3.13 that can make a virtual environment"; \
		echo "where: make, PYTHON=$${python:-python3}"; \
		echo "hint:  name one: make PYTHON=/path/to/python3.12 ...; on Debian and Ubuntu also:" \
			"apt install python3-venv"; exit 2; }; \
	"$$python" -m venv --clear $(VENV)

$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	@echo "installing tfdeploy[$*] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@# Where bytecode isn't written on import (PYTHONDONTWRITEBYTECODE), every start would compile.
	@$(BIN)/python -m compileall -q tfdeploy
	@touch $@

demo: $(VENV)/demo.stamp  ## The main job: train, export, add, up, predict, status, down (RUNTIME=docker|process)
	@RUNTIME=$(RUNTIME) $(BIN)/python -m stacks.demo.run

# More than there are cores: much of it is waiting for servers and containers.
test: $(VENV)/dev.stamp  ## The whole suite, in PROCESSES=4; tests on Docker run when an engine answers
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup $(ARGS)

unit: $(VENV)/dev.stamp  ## The tests that start no process
	@$(BIN)/python -m pytest tests/unit tests/golden $(ARGS)

e2e: $(VENV)/dev.stamp  ## The tests on a real Docker engine
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

fuzz: $(VENV)/dev.stamp $(VENV)/fuzz.stamp  ## Look for inputs that break the server (SECONDS=60 for each of TARGETS)
	@for target in $(TARGETS); do \
		echo "fuzzing $$target for $(SECONDS) s, new inputs in .fuzz/$$target ..."; \
		$(BIN)/python -m tests.fuzz.atheris_targets $$target --seconds $(SECONDS) $(ARGS) || exit; \
	done

lint: $(VENV)/dev.stamp  ## ruff, mypy --strict and the import contracts
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp  ## Start-up, inspect, export and lint, each beside what it is measured against
	@$(BIN)/python benchmarks/startup.py $(ARGS)
	@$(BIN)/python benchmarks/inspecting.py $(ARGS)
	@$(BIN)/python benchmarks/export.py $(ARGS)
	@$(BIN)/python benchmarks/linting.py

bench-server: $(VENV)/bench.stamp  ## The embedded server, beside a real one (ARGS="--server-binary PATH") and others
	@$(BIN)/python benchmarks/server.py $(ARGS)

bench-changes: $(VENV)/dev.stamp  ## Changes under load, and how long they take (ARGS="load --runtime=docker --image=IMAGE")
	@$(BIN)/python benchmarks/changes.py $(ARGS)

soak: $(VENV)/dev.stamp  ## The embedded server under a mixed load (SECONDS=60; an hour is 3600)
	@$(BIN)/python benchmarks/mixed_load.py --seconds=$(SECONDS) $(ARGS)

docs: $(VENV)/dev.stamp  ## Write the generated pages: docs/stack-file.md, docs/errors.md, docs/commands.md
	@$(BIN)/python -m docs.generate

image: $(VENV)/demo.stamp  ## Build the local server image (for arm64, or without a registry)
	@$(BIN)/tfdeploy image build $(ARGS)

clean:  ## Remove the virtual environment, caches and the demo's files
	rm -rf $(VENV) .demo .bench .fuzz dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
