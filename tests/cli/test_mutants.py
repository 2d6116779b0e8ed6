"""The mutation run works: it kills what tests notice, shows what they do not, and knows when an argument is stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tools.mutants.arguments import read_arguments, without_line
from tools.mutants.mutations import Mutant, mutants

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "mutants"
BOARDING = "kera_mobility/services/stops/operation.py"
NOTICED = (
    "run.riding += len(riders)",  # who alights makes no room
    "fits = len(boarding) <= room and",  # one more than there is room for
    "(boarding if not (fits) else denied)",
    "self._departed[call] = False",
    "return at_moment(env, max(1.0, time_s",
    "if len(riders) <= 2:",  # two alight in the order in which they boarded
)
"""Faults that the stories of boarding notice, by how the mutated line begins."""
UNNOTICED = "run.wheelchairs += sum("
"""One that they do not: no train of theirs takes a wheelchair. Those of the shuttle do."""


def mutant_of(begin: str) -> Mutant:
    (found,) = [mutant for mutant in mutants(BOARDING, (ROOT / BOARDING).read_text()) if mutant.after.startswith(begin)]
    return found


def run(keep: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.mutants", "--keep", str(keep), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_faults_that_tests_notice_are_killed_and_another_is_shown_with_its_line(tmp_path: Path) -> None:
    keys, living = [mutant_of(begin).key for begin in NOTICED], mutant_of(UNNOTICED)
    done = run(tmp_path, "--tests", "tests/stories/test_boarding.py", "--only", *keys, living.key)
    assert done.stdout.splitlines()[-1].split()[2:6] == ["7", "6", "0", "1"], done.stdout + done.stderr
    assert f"{BOARDING}:{living.line}  {living.key}  StopOperation._set_down" in done.stdout
    assert f"  - {living.before}\n  + {living.after}\n" in done.stdout
    assert done.returncode == 1


def test_a_test_that_fails_without_any_fault_stops_the_run(tmp_path: Path) -> None:
    failing = tmp_path / "test_failing.py"
    failing.write_text("def test_it() -> None:\n    assert False, 'on purpose'\n")
    done = run(tmp_path, "--tests", str(failing), "--only", mutant_of(UNNOTICED).key)
    assert done.returncode == 1
    assert "the tests do not pass without a fault" in done.stderr
    assert "on purpose" in done.stderr


@pytest.mark.parametrize(
    ("line", "mutated"),
    [
        ("a < b", {"a <= b"}), ("a >= b", {"a > b"}), ("a == b", {"a != b"}), ("a is not b", {"a is b"}),
        ("a not in b", {"a in b"}), ("a + b * c", {"a - b * c", "a + b / c"}), ("a and b", {"a or b"}),
        ("not a", {"(a)"}), ("min(a, 2)", {"max(a, 2)", "min(a, 3)"}), ("np.minimum(a, b)", {"np.maximum(a, b)"}),
        ("a if b else c", {"a if not (b) else c"}), ("[a for a in b if c]", {"[a for a in b if not (c)]"}),
        ("f'{1 + 1}'", set()), ("zip(a, b, strict=True)", set()), ("'å' + a", set()),
        ("'å', a < 1", {"'å', a <= 1", "'å', a < 2"}),
    ],
)  # fmt: skip
def test_each_kind_of_fault_by_hand(line: str, mutated: set[str]) -> None:
    made = {mutant.after for mutant in mutants("x.py", f"def f():\n    x = {line}\n")}
    assert made == {f"x = {text}" for text in mutated}


def test_statements_are_left_out_and_what_is_no_behaviour_is_left_alone() -> None:
    lines = ('"""Say."""', 'assert a < 1, "law"', "a.b = c", "d += 1", "return")
    source = "def f(a: int | None = 0) -> None:\n" + "".join(f"    {line}\n" for line in lines)
    made = [(mutant.before, mutant.after) for mutant in mutants("x.py", source)]
    assert sorted(made) == sorted([
        ("def f(a: int | None = 0) -> None:", "def f(a: int | None = 1) -> None:"), ("a.b = c", "pass"),
        ("d += 1", "d -= 1"), ("d += 1", "d += 2"), ("d += 1", "pass"), ("return", "pass"),
    ])  # fmt: skip
    assert mutants("x.py", "speed: float = Field(3.6, gt=0)\n") == []


def test_every_argument_is_about_a_line_that_is_there_and_every_subject_has_its_files() -> None:
    subjects = YAML(typ="safe").load(TOOL / "subjects.yaml")
    named = [path for about in subjects.values() for path in about["modules"] + about["tests"]]
    assert [path for path in named if not (ROOT / path).is_file()] == []
    every = [mutant for about in subjects.values() for path in about["modules"] for mutant in
             mutants(path, (ROOT / path).read_text())]  # fmt: skip
    arguments = read_arguments(TOOL / "argued.txt")
    assert [f"{argument.path}: {argument.after}" for argument in without_line(arguments, every)] == []
    assert len({argument.key for argument in arguments}) == len(arguments)
    assert len(arguments) <= 0.05 * len(every)


def test_an_argument_whose_line_is_gone_or_that_lacks_a_reason_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "argued.txt"
    file.write_text("x.py f\n- x = a < b\n+ x = a <= b\n= They are never\n= equal.\n")
    (argument,) = read_arguments(file)
    assert argument.reason == "They are never equal."
    assert without_line([argument], mutants("x.py", "def f():\n    x = a < b\n")) == []
    assert without_line([argument], mutants("x.py", "def f():\n    x = a < c\n")) == [argument]
    file.write_text("x.py f\n- x = a < b\n+ x = a <= b\n")
    with pytest.raises(ValueError, match=r"argued\.txt:1: expected"):
        read_arguments(file)
