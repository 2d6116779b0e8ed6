"""Names are the field's: no pronouns, no class or file of one name twice, no file too long to be one subject."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "kera_mobility"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)
PRONOUNS = frozenset({
    "one", "found", "some", "told", "known", "others", "whole", "said", "taken", "asked", "mine", "wanted", "wish",
    "left", "more", "what", "who", "each", "over", "all",
})  # fmt: skip
MOST_PRONOUNS = 2 / 1000
"""Of all names in the source."""
MOST_LINES = 45_900
"""A ratchet: lower it with the package. The goal is 29,000."""
SHARED = frozenset({"reasons"})
"""What services have in common stands beside their folders under the name that it has in each of them."""
LONGEST_FILE = 450


def pronouns(text: str) -> Counter[str]:
    """Return how often each pronoun is a name, and under the empty string how many names there are."""
    names = [item.string for item in tokenize.generate_tokens(io.StringIO(text).readline) if item.type == tokenize.NAME]
    return Counter(name for name in names if name in PRONOUNS) + Counter({"": len(names)})


def test_hardly_any_name_is_a_pronoun() -> None:
    counts = {path: pronouns(path.read_text(encoding="utf-8")) for path in FILES}
    total = sum(count[""] for count in counts.values())
    worst = sorted(((count.total() - count[""], path.name) for path, count in counts.items()), reverse=True)
    share = sum(number for number, _ in worst) / total
    assert share <= MOST_PRONOUNS, (round(1000 * share, 2), worst[:10])


def test_a_pronoun_is_counted() -> None:
    assert pronouns("found = [one for one in rows]\n")["one"] == 2


def test_no_code_knows_the_place() -> None:
    """An area is data and settings: the package says its own name, and nothing of the district of that name."""
    text = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*") if path.suffix in {".py", ".json"}}
    place = re.compile(r"\bKera\b(?! Mobility)|[\"'/]kera[\"'](?!, \*)|networks/kera|\bKilo\b|\bKarapelto\b|Nuijavuori")
    named = {path.name: place.findall(words) for path, words in text.items() if path.name not in {"__init__.py"}}
    assert {name: places for name, places in named.items() if places} == {}


def test_no_two_classes_have_one_name() -> None:
    homes = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path.relative_to(PACKAGE).as_posix())
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_a_file_name_stands_twice_only_where_its_folder_tells_it_apart() -> None:
    """A verb of the command line, a room of a service, and a subject of KPIs or plots are told apart by folder."""
    homes = defaultdict(list)
    for path in FILES:
        folder = path.parent.relative_to(PACKAGE).as_posix()
        by_folder = folder == "cli" or folder.startswith("services/") or (folder == "services" and path.stem in SHARED)
        if path.stem != "__init__" and not by_folder and path.stem != "settings":
            homes["plots/" + path.stem if folder == "results/plots" else path.stem].append(folder)
    assert {name: folders for name, folders in homes.items() if len(folders) > 1} == {}


def test_the_package_stays_small_and_its_files_are_one_subject_each() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert sum(lines.values()) < MOST_LINES
    assert {path.name: count for path, count in lines.items() if count > LONGEST_FILE} == {}
