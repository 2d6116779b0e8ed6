"""Mutants that no test can kill, each with the reason: they behave the same, or no caller can tell.

The file `argued.txt` has a block of four lines for each: module and function, the line as it is, the mutated line, the
reason. Lines are compared without their indentation. An argument whose line is gone is a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.mutations import Mutant


@dataclass(frozen=True)
class Argument:
    """Why one mutant may survive."""

    line: int
    """In the file of arguments."""
    path: str
    after: str
    key: str
    reason: str


def read_arguments(path: Path) -> list[Argument]:
    """Return the arguments of a file.

    Raises
    ------
    ValueError
        If a block is not what it should be.
    """
    arguments: list[Argument] = []
    begin, block = 0, list[str]()
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], start=1):
        if line.startswith("#"):
            continue
        if line.strip():
            begin = begin if block else number
            block.append(line)
        elif block:
            arguments.append(_argument(path.name, begin, block))
            block = []
    return arguments


def without_line(arguments: Sequence[Argument], mutants: Iterable[Mutant]) -> list[Argument]:
    """Return the arguments about mutants that there are not, because their line has changed."""
    keys = {mutant.key for mutant in mutants}
    return [argument for argument in arguments if argument.key not in keys]


def _argument(name: str, number: int, block: Sequence[str]) -> Argument:
    marks = [line[:2] for line in block[1:4]]
    if len(block) < 4 or marks != ["- ", "+ ", "= "] or len(block[0].split()) > 2:
        raise ValueError(
            f"{name}:{number}: expected module and function, then lines that begin with -, + and =, got {block}"
        )
    path, _, place = block[0].strip().partition(" ")
    before, after = block[1][2:].strip(), block[2][2:].strip()
    mutant = Mutant(path, place.strip(), 0, 0, "", "", before, after)
    return Argument(number, path, after, mutant.key, " ".join(line.removeprefix("= ").strip() for line in block[3:]))
