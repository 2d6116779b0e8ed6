"""Mutation runs: do the tests notice when a line of the code is wrong? `python -m tools.mutants --help` says how."""
