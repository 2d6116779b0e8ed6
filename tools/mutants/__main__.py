"""The command of a mutation run: `python -m tools.mutants`, or `make mutants ARGS="--sample 40 --seed 1"`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from tools.mutants.arguments import Argument, read_arguments, without_line
from tools.mutants.mutations import Mutant, mutants
from tools.mutants.trials import KILLED, SURVIVED, Trials, import_what_is_heavy

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LAST = "last.json"
"""What survived the last run, for `--again`."""
LEAST_KILLED = 0.95
"""Share of all mutants that tests have to kill; of the others each is argued."""


def main(words: Sequence[str] | None = None) -> int:
    """Try mutants; return 0 if enough are killed and the others argued."""
    options = _options(words)
    subjects = YAML(typ="safe").load(HERE / "subjects.yaml")
    arguments = read_arguments(HERE / "argued.txt")
    every = {path: mutants(path, (ROOT / path).read_text()) for about in subjects.values() for path in about["modules"]}
    gone = without_line(arguments, [mutant for of_module in every.values() for mutant in of_module])
    for argument in gone:
        print(f"argued.txt:{argument.line}: no such mutant any more: {argument.path}: {argument.after}")
    chosen = {path: _chosen(of_module, options) for path, of_module in every.items()}
    import_what_is_heavy()
    run = _Run(arguments)
    for about in subjects.values():
        wanted = [mutant for path in about["modules"] for mutant in chosen[path]]
        if wanted:
            with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
                Trials(ROOT, Path(folder), options.keep, options.tests or about["tests"], about["modules"]).run(
                    wanted, run.note
                )
    run.print_table(every)
    options.keep.mkdir(exist_ok=True)
    (options.keep / LAST).write_text(json.dumps(sorted(run.survivors)))
    return int(bool(gone) or not run.is_good)


class _Run:
    """What became of the mutants."""

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self._argued = {argument.key: argument for argument in arguments}
        self._counts: dict[str, dict[str, int]] = {}
        self.survivors: list[str] = []
        self._refuted = 0

    @property
    def is_good(self) -> bool:
        total = sum(sum(counts.values()) for counts in self._counts.values())
        killed = sum(counts[KILLED] for counts in self._counts.values())
        return not self.survivors and not self._refuted and killed >= LEAST_KILLED * total

    def note(self, mutant: Mutant, end: str, told: str) -> None:
        """Count a mutant, and print one that survived without an argument, or was killed in spite of one."""
        argument = self._argued.get(mutant.key)
        if argument and end == SURVIVED:
            end = "argued"
        counts = self._counts.setdefault(mutant.path, dict.fromkeys((KILLED, SURVIVED, "argued"), 0))
        counts[end] += 1
        if end == SURVIVED:
            self.survivors.append(mutant.key)
            print(f"{mutant.path}:{mutant.line}  {mutant.key}  {mutant.place}  ({told})")
            print(f"  - {mutant.before}\n  + {mutant.after}")
        elif argument and end == KILLED:
            self._refuted += 1
            print(f"argued.txt:{argument.line}: a test does kill it: {told}")
        sys.stdout.flush()

    def print_table(self, every: dict[str, list[Mutant]]) -> None:
        """Print how many of each module were tried, killed, argued, and survived."""
        print(f"{'module':<55}{'of':>6}{'tried':>7}{'killed':>8}{'argued':>8}{'survived':>10}{'killed':>9}")
        rows = [(path, len(every[path]), counts) for path, counts in self._counts.items()]
        total = {end: sum(counts[end] for _, _, counts in rows) for end in (KILLED, SURVIVED, "argued")}
        for path, of, counts in [*rows, ("all", sum(of for _, of, _ in rows), total)]:
            tried = sum(counts.values())
            share = f"{counts[KILLED] / tried:.1%}" if tried else ""
            print(
                f"{path:<55}{of:>6}{tried:>7}{counts[KILLED]:>8}{counts['argued']:>8}{counts[SURVIVED]:>10}{share:>9}"
            )


def _chosen(of_module: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    keys = set(options.only or (json.loads((options.keep / LAST).read_text()) if options.again else ()))
    if keys or options.again:
        return [mutant for mutant in of_module if mutant.key in keys]
    part = [mutant for mutant in of_module if any(part in mutant.path for part in options.module)]
    if options.sample is None or options.sample >= len(part):
        return part
    picked = np.random.default_rng(options.seed).choice(len(part), options.sample, replace=False)
    return [part[place] for place in sorted(picked.tolist())]


def _options(words: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutants", description="Plant small faults, and see whether tests notice."
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="try N mutants of each module, drawn by the seed; all if not given"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--module", default=[""], metavar="PART", nargs="+", help="only modules whose path has such a part"
    )
    parser.add_argument("--only", nargs="+", metavar="KEY", help="only these mutants")
    parser.add_argument("--again", action="store_true", help="only what survived the last run")
    parser.add_argument("--tests", nargs="+", metavar="FILE", help="these test files instead of those in subjects.yaml")
    parser.add_argument(
        "--keep", type=Path, default=ROOT / ".mutants", metavar="FOLDER", help="what a run may use again"
    )
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
