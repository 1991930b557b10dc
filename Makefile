# Pathbound Contacts. `make` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.9.9
# Set on the command line to choose: make run PYTHON=/path/to/python3.12
PYTHON := $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v $$name; break; fi; done)

COMPILE := .cache/uv/bin/uv pip compile -q pyproject.toml --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help install run test test-asyncapi test-browser test-chart test-secure test-deploy chaos lint bench openapi asyncapi \
	configuration metrics lock lock-kafka clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec` and one process a line: `make` passes SIGTERM to the process that it started, and that one must be ours.
install: ## make .venv with the locked dependencies, if it is not there or not current
	@test -n '$(PYTHON)' || { echo 'Error: no Python 3.11 or above is on the PATH. Install one, or name it: make PYTHON=...' >&2; exit 1; }
	@exec '$(PYTHON)' -I deploy/stack/install.py

run: install ## start everything on this machine; flags in ARGS="--data-dir DIR --port N"
	@exec $(BIN)/pathbound up $(ARGS)

lint: install ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint ## lint, then run every test on real servers
	@exec $(BIN)/python -m pytest -n 2 $(ARGS)

test-browser: install ## open /docs in a real headless Chromium (Debian's; installed if missing)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || tests/browser/install-chromium
	@exec $(BIN)/python -m pytest tests/browser $(ARGS)

test-chart: install ## check the Helm chart, the alert rules and the dashboards (Helm by Go, Debian's promtool; installed)
	@PYTHON='$(PYTHON)' tests/chart/install-tools
	@exec $(BIN)/python -m pytest tests/chart $(ARGS)

test-deploy: install ## build the image, bring up the compose files and chart on an engine of its own (root, Debian)
	@tests/deploy/install-engine
	@exec $(BIN)/python -m pytest tests/deploy --timeout 900 $(ARGS)

chaos: install ## kill, freeze and cut off everything under load, then judge (ARGS="--minutes N --seed S"; --help)
	@exec $(BIN)/python -m tests.chaos $(ARGS)

test-secure: install ## every part against servers that ask for TLS, logins and certificates (2 min)
	@exec $(BIN)/python -m pytest tests/secure $(ARGS)

test-asyncapi: ## check schemas/asyncapi.json by AsyncAPI's own parser (needs npm)
	@exec tests/asyncapi/validate

openapi: install ## write schemas/openapi.json anew from the routes and models
	@exec $(BIN)/pathbound openapi --write

asyncapi: install ## write schemas/asyncapi.json and schemas/dataschemas/ anew from the models and topics
	@exec $(BIN)/pathbound asyncapi --write

configuration: install ## write deploy/docs/configuration.md anew from the settings
	@exec $(BIN)/pathbound configuration --write

metrics: install ## write deploy/docs/metrics.md anew from service/ops/metrics.py
	@exec $(BIN)/python -m deploy.metrics_reference

bench: install ## measure on a stack of its own (8 min; ARGS=--size, at 1,000,000 contacts: 15), write bench.json
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

lock: install ## resolve the dependencies anew into requirements.lock, and the image's share of them
	@echo 'Resolving the dependencies (about 30 s) ...'
	@test -x .cache/uv/bin/uv || { '$(PYTHON)' -m venv .cache/uv && .cache/uv/bin/pip install -q uv==$(UV_VERSION); }
	@$(COMPILE) --all-extras $(ARGS) -o requirements.lock
	@$(COMPILE) --extra image --extra otel -c requirements.lock -o deploy/requirements-image.lock
	@! grep -n '://' requirements.lock deploy/requirements-image.lock || { echo 'Error: a lock file names a host.' >&2; exit 1; }

lock-kafka: install ## resolve Kafka anew from deploy/stack/pom.xml into kafka-jars.sha256
	@exec $(BIN)/python -m deploy.stack.kafka_jars

clean: ## remove what was made here, except data (.data)
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
