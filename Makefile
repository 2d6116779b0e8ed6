# make run    a trial day in Kera: installs what is needed into .venv, runs configs/trials/all.yaml
# make test   every test
# make check  style, types, floors
# make bench  speed, as a ratio to bare SimPy
# `.venv` is made anew when pyproject.toml or constraints.txt changed; otherwise it is used as it is.

SHELL := /bin/bash
PYTHON ?= python3
SCENARIO ?= configs/trials/all.yaml
ARGS ?=
TESTS ?= tests
export PYTHON

.PHONY: run test check bench core-environment test-environment clean

run: core-environment
	.venv/bin/kera run $(SCENARIO) $(ARGS)

test: test-environment
	.venv/bin/python -m pytest -n 2 $(ARGS) $(TESTS)

check: test-environment
	.venv/bin/ruff check .
	.venv/bin/mypy --strict
	.venv/bin/lint-imports --no-cache --no-logo

bench: test-environment
	.venv/bin/python -m benchmarks $(ARGS)

core-environment:
	@.ci/environment core

test-environment:
	@.ci/environment test

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
