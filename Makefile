.DEFAULT_GOAL := help
.PHONY: help try test test-slow test-exhaustive test-browser test-fleet bench items pictures lint lock format

PYTHON ?= python3
TRY := try/my-service
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	touch $@

try: $(TRY)/.venv/checked  ## Render the default service into try/ unless it exists, run its checks and serve it on 127.0.0.1:8000
	$(MAKE) --directory $(TRY) run

# A render's hook exits 0 after a failed setup, or cookiecutter would delete the folder; this target fails.
$(TRY)/.venv/checked: | .venv/installed
	test -d $(TRY) || cookiecutter . --no-input --output-dir try setup=files
	$(MAKE) --directory $(TRY) install check || \
		{ echo '$(TRY) is not ready: fix it, or delete it to render it again; then run make try again.'; exit 1; }
	touch $@

test: lint  ## Lint, then render, install and check every variant
	pytest -m "not slower and not exhaustive and not browser and not fleet"

test-slow: .venv/installed  ## Break each promise, update services of earlier releases, test unusual environments
	pytest -m "slower and not exhaustive"

test-exhaustive: .venv/installed  ## Run on the other variants what the tests above run on some
	pytest -m exhaustive

test-browser: .venv/installed  ## Test the API docs in Chromium or Chrome, which must be installed
	pytest -m browser

test-fleet: .venv/installed  ## Kill, restart and replace replicas under load; needs haproxy and kubectl
	pytest -m fleet --numprocesses=0

bench: .venv/installed  ## Compare all variants with a naive app and the bare driver, for docs/benchmarks.md
	python benchmarks/compare.py --write

items: .venv/installed  ## Write the template's items as make resource writes them in a service
	python -m tests.items

pictures: .venv/installed  ## Make the pictures of the README again, in docs/images/; needs Chromium and Prometheus
	python -m tests.pictures

lint: .venv/installed  ## Check the template's hooks, tests and benchmarks
	ruff format --check benchmarks hooks tests
	ruff check benchmarks hooks tests
	mypy

format: .venv/installed  ## Format the template's hooks, tests and benchmarks
	ruff check --fix benchmarks hooks tests
	ruff format benchmarks hooks tests

lock: .venv/installed  ## Lock the newest versions of the tools in the ranges of pyproject.toml
	uv pip compile --quiet --upgrade --group dev --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --output-file requirements.txt
