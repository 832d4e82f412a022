# Everything a developer of pbxd runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup check test soak image-check demo screenshots bench transitions messages
BIN := .venv/bin
# Keep bytecode, also of pytest's rewritten tests, whatever the environment says: hundreds of processes are started.
unexport PYTHONDONTWRITEBYTECODE
# More workers than the two cores this is made for: the tests on the lab wait for phones more than they compute.
WORKERS ?= 4
# For soak: how often the lab's tests are repeated, and by how many workers; so many that everything comes late.
ROUNDS ?= 10
CROWD ?= 8
# Seconds after which a run that hangs is ended. The promise is 600; a machine that others use may need three times as long.
LIMIT ?= 1800

help:  ## this list
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/:.*  ## /\t/' | expand -t 14

setup:  ## install what is missing: Debian packages, .venv, a private Asterisk in .lab
	@tests/lab/setup.sh

check:  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test:  ## set up, check, then all tests (ARGS="-k name" for some)
	@began=$$SECONDS; \
	$(MAKE) --no-print-directory setup; \
	$(MAKE) --no-print-directory check; \
	timeout --signal=INT --kill-after=30 $(LIMIT) $(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not alone and not soak" $(ARGS); \
	alone=$$(grep -rl --include='test_*.py' 'mark\.alone' tests); \
	status=0; timeout --signal=INT --kill-after=30 $(LIMIT) $(BIN)/pytest -m "alone and not soak" $(ARGS) $$alone || status=$$?; \
	[ $$status = 0 ] || [ $$status = 5 ] || exit $$status; \
	echo "make test: all passed in $$((SECONDS - began)) s"

soak:  ## set up, then the long forms of the faults, then everything on the lab ROUNDS times (ARGS="-k name" for some)
	@$(MAKE) --no-print-directory setup
	$(BIN)/pytest -m soak $(ARGS)
	$(BIN)/pytest -n $(WORKERS) --hypothesis-profile=searching -m "not lab and not alone and not soak" $(ARGS)
	PBXD_HOUSE=postgresql $(BIN)/pytest -n $(WORKERS) -m "not lab and not alone and not soak and not both_databases" \
		tests/api tests/http $(ARGS)
	for round in $$(seq $(ROUNDS)); do \
		$(BIN)/pytest -q -n $(CROWD) --dist worksteal -m "lab and not alone and not soak" $(ARGS) || exit; \
	done

image-check:  ## build the container images without an engine and run them against a private Asterisk (part of soak)
	@$(MAKE) --no-print-directory setup
	$(BIN)/pytest tests/docker $(ARGS)

demo:  ## set up, then show the main job on a real Asterisk (KEEP=1 leaves it running, with calls and pages; ARGS=… for the rest)
	@tests/lab/setup.sh
	@$(BIN)/python -m tests.lab.demo $(if $(KEEP),--keep) $(ARGS)

screenshots:  ## set up, then write pictures of the pages to docs/pages (ARGS="VIEW… --folder F --language en --theme dark")
	@tests/lab/setup.sh
	@$(BIN)/python -m tests.web.browser.screenshots $(ARGS)

bench:  ## set up, then measure speed and memory; .bench/bench.json (ARGS="NAME… --rounds N --seconds S" for some)
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m tests.bench $(ARGS)

transitions:  ## print which transitions of the call tracker the captures and made-up histories try
	$(BIN)/python -m tests.calls.transitions

messages:  ## bring new texts of the source into the Russian catalogue and compile it; then translate the empty ones
	@pot=$$(mktemp); trap 'rm -f "$$pot"' EXIT; \
	$(BIN)/pybabel -q extract -k N_ -k NN_:1,2 --no-location --omit-header -o "$$pot" pbxd; \
	$(BIN)/pybabel -q update -i "$$pot" -D pbxd -d pbxd/locale -l ru --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date --width 120; \
	$(BIN)/python tools/messages.py
