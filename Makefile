# Everything a person runs. `make help` lists the targets; each is a line of the project's own tools.
SHELL := /bin/bash
.DEFAULT_GOAL := help

TARGET ?= embedded
SCALE ?= demo
# Tests run side by side: half of the time goes to waiting for MySQL and for processes to start.
JOBS ?= 2
# In the tree's order, which has the many short ones last: no process is left alone with a long one.
SIDE_BY_SIDE := --dist loadgroup --no-loadscope-reorder
PYTEST_ARGS ?=
SUPPORTED := 3.11 or 3.12
VENV := .venv
BIN := $(VENV)/bin
# The first Python that dbt 1.7 and Dagster can share.
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	>/dev/null 2>&1 && echo $$python && break; done)

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export DBT_PROFILES_DIR := $(CURDIR)

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(VENV)/.installed: requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: no Python $(SUPPORTED) found (python3 is $$(python3 --version 2>&1 || echo missing))." >&2; \
		echo "  fix: install Python $(SUPPORTED), or say where it is: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; fi
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "error: $(PYTHON) cannot make virtual environments (no ensurepip)." >&2; \
		echo "  fix: install your system's venv package (python3-venv on Debian)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/warehouse manifest
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## Make .venv and install the locked packages

.PHONY: setup-spark
setup-spark: setup ## Add Spark and dbt's adapter for it to .venv (the engine needs Java 17)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-spark.lock
	@command -v java >/dev/null || echo "warning: there is no java on the PATH; Spark needs a Java 17 runtime." >&2

.PHONY: demo
demo: setup ## Deploy, fill, build, test and validate (TARGET=embedded, mysql or spark)
	@if [ "$(TARGET)" = mysql ]; then $(BIN)/warehouse mysql up; fi
	@$(BIN)/warehouse demo --target $(TARGET) --scale $(SCALE)

.PHONY: test
test: setup lint mysql-up ## Lint, then test everything on DuckDB and on MySQL
	$(BIN)/python -m pytest -n $(JOBS) $(SIDE_BY_SIDE) --durations=40 --durations-min=20 $(PYTEST_ARGS)

.PHONY: browser
browser: ## Install Debian's Chromium (as root), in which tests walk through pages
	@command -v chromium chromium-browser >/dev/null || { \
		apt-get update --quiet=2 && apt-get install --yes --quiet=2 --no-install-recommends chromium; }

.PHONY: proof
proof: setup mysql-up ## The long proofs too: many seeds, many kills, large scales
	$(BIN)/python -m pytest -n $(JOBS) $(SIDE_BY_SIDE) -m 'slow or not slow' $(PYTEST_ARGS)

.PHONY: lint
lint: setup ## Check Python, SQL and YAML style, and that generated docs are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint --strict .
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models snapshots tests/dbt
	$(BIN)/warehouse staging-docs --check

.PHONY: format
format: setup ## Bring Python and SQL into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar models snapshots tests/dbt
	$(BIN)/warehouse staging-docs

.PHONY: mysql-up mysql-down mysql-env
mysql-up: setup ## Start a private MySQL (or check the one in MYSQL_HOST)
	@$(BIN)/warehouse mysql up
mysql-down: setup ## Stop the private MySQL; its data stays
	@$(BIN)/warehouse mysql down
mysql-env: ## Print the private MySQL's settings: eval "$$(make -s mysql-env)"
	@$(BIN)/warehouse mysql env

.PHONY: dagster
dagster: setup ## Open the schedules and assets in Dagster's UI
	@$(BIN)/warehouse dagster --target $(TARGET)

.PHONY: docs
docs: setup ## Write one site: data dictionary, reports, dbt's docs, the suites' pages
	@$(BIN)/warehouse docs --target $(TARGET)

.PHONY: screens
screens: docs browser ## Leave pictures of the pages in .local/screens
	@$(BIN)/python tests/screens.py

.PHONY: forward
forward: setup ## Parse and build everything on DuckDB with the newest dbt, in .local/forward
	@$(BIN)/python tests/forward.py

.PHONY: bench
bench: setup mysql-up ## Measure side by side: generator, loaders, builds
	@$(BIN)/warehouse bench

.PHONY: audit
audit: setup ## Hold the locked packages against known advisories, where a database of them answers
	@$(BIN)/python tests/advisories.py

.PHONY: lock
lock: setup ## Resolve requirements.lock and Spark's anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-strip-extras --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra spark --constraint requirements.lock --no-deps --universal \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements-spark.lock

.PHONY: clean
clean: ## Remove what was built and loaded; keep .venv and the MySQL server's packages
	rm -rf target logs .local/saas_warehouse.duckdb* .local/data .local/docs .local/dagster
