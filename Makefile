# Everything here works on a fresh Debian 12 machine as root, with Python 3.11 and Go 1.26 installed.
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo test unit check bench clean format lock

help: ## say what each target does
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## a virtual cluster on real clusters on this machine, and a tour of it
	@deploy/demo/run

test: $(INSTALLED) ## every test, on real clusters that it starts and stops
	$(BIN)/pytest

unit: $(INSTALLED) ## the tests that need no cluster
	$(BIN)/pytest tests/unit

check: $(INSTALLED) ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## direct, nginx and vgateway side by side; also into build/bench.json
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.exposition

clean: ## stop and remove every process, namespace, mount and state of the local clusters
	@if [ -x $(BIN)/vgateway ]; then $(BIN)/vgateway local down; fi
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

format: $(INSTALLED) ## write the format that `check` expects
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(INSTALLED) ## pin every dependency anew, with hashes
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --upgrade --extra dev --output-file constraints.txt pyproject.toml build.in
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --constraint constraints.txt --output-file deploy/image/requirements.txt pyproject.toml
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --constraint constraints.txt --output-file deploy/image/build-requirements.txt build.in

# Debian ships Python's venv module apart.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -y -q python3-venv; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@
