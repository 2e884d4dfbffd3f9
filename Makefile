# Four doors: `make demo` shows the main job, `make test` proves it, `make check` is for every save, `make bench` measures.
# Needs Python 3.11+, make and git; Node comes with a Python package. What the tests need besides, they install and start themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
# Tests start hundreds of processes, and each would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=
# Of tests that wait for clocks, sockets and phones much of their time: one more than there are cores.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
# Of those that wait for phones to ring, which is most of what they do.
CALLERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )))
WEB := $(shell find frontend -type f -not -path '*/node_modules/*' 2>/dev/null) src/ctiroute/web/wire.py

# These measure what is left of a machine under load, or times that leave hundredths of a second: nothing runs beside them.
FAULTS := tests/integration/faults
ALONE := tests/acceptance/test_cluster.py tests/acceptance/test_dialplan_nodes.py
# The tests of the pure rooms, held to what they reach of them.
PURE := $(addprefix tests/unit/,model documents protocol reasons rules desk engine)

.PHONY: demo cluster test check style types units bench bench-reasons bench-rules bench-stores bench-context format frontend clean help

help:
	@echo "make demo [ARGS=...]   see it work: a seeded company, a simulated Asterisk, the real service"
	@echo "make cluster [ARGS=..] the same on two nodes with PostgreSQL, Valkey and a balancer"
	@echo "make test [ARGS=...]   all tests, with a real Asterisk, SIPp and Chromium"
	@echo "make check             lint, types, unit tests"
	@echo "make frontend          build the operator's page after a change of frontend/"
	@echo "make bench             measure the call path against its peers"
	@echo "make bench-rules       measure rules: compile, decide, replay, and against other rule engines"
	@echo "make bench-reasons     hold likely reasons against a simulated centre whose truth is known"
	@echo "make bench-context     measure what a customer with a long history costs more"
	@echo "make bench-stores      measure PostgreSQL and Redis against the least that could be done"

demo: $(VENV)/.runtime
	@$(BIN)/ctiroute demo $(ARGS)

cluster: $(VENV)/.dev
	@$(BIN)/python -m tests.real.cluster $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m tests.real.install
	@$(BIN)/python -m coverage erase
ifeq ($(strip $(ARGS)),)
	@$(BIN)/python -m pytest $(PURE) --cov --cov-report= -n $(WORKERS)
	@$(BIN)/python tests/coverage_figures.py
	@$(BIN)/python -m pytest tests/unit tests/contract tests/integration $(addprefix --ignore=,$(PURE) $(FAULTS)) -n $(WORKERS) --dist loadfile
	@$(BIN)/python -m pytest tests/acceptance $(addprefix --ignore=,$(ALONE)) -n $(CALLERS) --dist worksteal
	@$(BIN)/python -m pytest $(FAULTS) $(ALONE)
else
	@$(BIN)/python -m pytest $(ARGS)
endif

check: $(VENV)/.dev
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target style types units

style: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev
	@$(BIN)/mypy

# What every save pays for: no contracts of stores, nothing lengthy, a share of the examples (tests/examples.py; all of them with THOROUGH=1).
units: $(VENV)/.dev
	@$(BIN)/python -m pytest tests/unit -m 'not lengthy' -p no:schemathesis -q -x -n $(WORKERS)

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.fastagi $(ARGS)

bench-stores: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.stores $(ARGS)

bench-reasons: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.reasons $(ARGS)

bench-context: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.context $(ARGS)

bench-rules: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --group bench
	@$(BIN)/python -m benchmarks.rules $(ARGS)

frontend: $(VENV)/.dev
	@$(BIN)/python hatch_build.py

clean:
	rm -rf $(VENV) src/ctiroute/web/static dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ctiroute needs Python 3.11 or later; name one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

# The page is built by the package's own build hook, so an editable install has everything the wheel has.
$(VENV)/.runtime: pyproject.toml hatch_build.py constraints.txt $(WEB) | $(VENV)/bin/python
	@echo "installing ctiroute and building its page (once)"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "installing the tools of tests and lint (once)"
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@
