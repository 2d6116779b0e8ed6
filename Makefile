# make run    a trial day in Kera: installs what is needed into .venv, runs configs/trials/all.yaml, writes its report
# make web    the script of the report, built from web/ (needs Node; the built one is in the repository)
# make test   every test
# make check  style, types, floors
# make docs   the documentation as a site, in site/; a broken link fails
# make bench  speed, as a ratio to bare SimPy
# make mutants  do the tests notice small faults? many minutes; ARGS="--sample 20 --seed 1" tries some
# make audit  known weaknesses of the packages in constraints.txt
# make mechanisms  what each mechanism costs in speed; a quarter of an hour
# `.venv` is made anew when pyproject.toml or constraints.txt changed; otherwise it is used as it is.

SHELL := /bin/bash
PYTHON ?= python3
SCENARIO ?= configs/trials/all.yaml
ARGS ?=
TESTS ?= tests
CHECKS = $(addprefix --checks ,$(wildcard docs/calibration_result.yaml))
RUNS = results/$(basename $(notdir $(SCENARIO)))
export PYTHON

.PHONY: run test check docs bench mechanisms mutants audit web core-environment test-environment clean

run: core-environment
	.venv/bin/kera run $(SCENARIO) $(ARGS)
	@if [[ -d $(RUNS) ]]; then .venv/bin/kera report $(RUNS) -o $(RUNS).html $(CHECKS); \
	else echo "No report: $(RUNS) is not there; kera report FOLDER -o FILE.html writes one."; fi

test: test-environment
	.venv/bin/python -m pytest -n 2 --dist loadgroup $(ARGS) $(TESTS)

check: test-environment
	.venv/bin/ruff check .
	.venv/bin/mypy --strict
	.venv/bin/lint-imports --no-cache --no-logo

docs: test-environment
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --site-dir site

web:
	npm ci --prefix web --no-audit --no-fund
	cd web && node build.js

bench: test-environment
	.venv/bin/python -m benchmarks $(ARGS)

mechanisms: test-environment
	.venv/bin/python -m benchmarks.mechanisms $(ARGS)

mutants: test-environment
	nice .venv/bin/python -m tools.mutants $(ARGS)

audit: test-environment
	.venv/bin/python -m tools.audit $(ARGS)

core-environment:
	@.ci/environment core

test-environment:
	@.ci/environment test

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
