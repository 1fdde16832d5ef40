# Everything a person or the CI does here is a target of this file; `make` alone lists them.

SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
HOST = 127.0.0.1
BIN := .venv/bin
SCRATCH := $(CURDIR)/.venv/scratch
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/test
TEST_REDIS_URL ?= redis://127.0.0.1:6379/0
PYTEST := $(BIN)/python -m pytest -n 2 $(ARGS)
KILLS ?= 250
PATHS ?= 10000
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
BENCHES = $(notdir $(basename $(shell grep -l __main__ bench/*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup run test test-production drill guard check fix bench lock

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

setup: .venv/.installed ## create .venv and install what the platform needs
	@echo "Ready. Next: make run"

run: .venv/.installed ## run the whole platform (PORT=8000 HOST=127.0.0.1)
	@exec $(BIN)/python manage.py up --host $(HOST) --port $(PORT) $(ARGS)

test: .venv/.installed-dev ## every test on SQLite and the embedded Valkey (ARGS="-k name")
	@exec env DATABASE_URL= REDIS_URL= $(PYTEST)

test-production: .venv/.installed-dev ## the same tests on PostgreSQL and Redis
	@exec env DATABASE_URL=$(TEST_DATABASE_URL) REDIS_URL=$(TEST_REDIS_URL) \
		EXPECT_DATABASE=postgresql $(PYTEST)

drill: .venv/.installed-dev ## the crash drills: kills, outages, full disk (KILLS=250)
	@exec env DATABASE_URL= REDIS_URL= TEST_DATABASE_URL=$(TEST_DATABASE_URL) KILLS=$(KILLS) \
		$(BIN)/python -m pytest -m crash -s tests/crash tests/test_metaapi_live.py $(ARGS)

guard: .venv/.installed-dev ## the equity guard on many random paths of prices (PATHS=10000)
	@env GUARD_PATHS=$(PATHS) DATABASE_URL= REDIS_URL= $(BIN)/python -m pytest -q \
		tests/engine/risk/test_guard_paths.py $(ARGS)

check: .venv/.installed-dev ## linter, formatter, types, imports, migrations, system checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	DATABASE_URL= TRADEBOT_VAR=$(SCRATCH) $(BIN)/python manage.py makemigrations --check --dry-run
	DATABASE_URL= TRADEBOT_VAR=$(SCRATCH) $(BIN)/python manage.py check --fail-level WARNING
	DATABASE_URL=postgres://check@127.0.0.1/check REDIS_URL=redis://127.0.0.1 \
	SECRET_KEY=0123456789-only-for-the-checks-of-the-settings-0123456789 \
	FIELD_KEYS=b25seS1mb3ItdGhlLWNoZWNrcy1vZi1zZXR0aW5ncyE= \
	BACKEND_API_URL=https://check.example.com DEBUG= TRADEBOT_VAR=$(SCRATCH) \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

fix: .venv/.installed-dev ## repair what the linter and the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-dev ## every benchmark; each prints one JSON object at its end
	@set -e; for name in $(BENCHES); do $(BIN)/python -m bench.$$name; done

lock: ## resolve requirements*.in anew into the locked requirements*.txt (needs uv)
	@command -v uv >/dev/null || { echo "Expected uv, was not installed: pipx install uv" >&2; exit 1; }
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -c requirements.txt -o requirements-dev.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Expected Python 3.11 or newer as $(PYTHON), was: $$($(PYTHON) --version 2>&1)." \
		"Install it, or name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Expected Python's venv module, was not installed." \
		"On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.installed-dev: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ .venv/.installed
