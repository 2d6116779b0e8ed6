"""A joint draw of what is not known is kept only if today still looks as the travel survey found it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kera_mobility.experiments.calibration.acceptance import acceptance
from kera_mobility.experiments.uncertainty import draw, load_uncertain


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_best_guesses_are_possible_and_what_empties_the_pavements_is_not(cache: Path) -> None:
    inputs = load_uncertain()
    said: list[str] = []
    judge = acceptance(inputs, say=said.append)
    best = {name: one.peak for name, one in inputs.items()}
    assert judge(best)
    assert not judge({**best, "walk_speed": 0.4})
    assert [text.split(":")[0] for text in said] == ["draw accepted", "draw rejected"]


def test_a_verdict_is_kept_and_not_lived_again(cache: Path) -> None:
    inputs = load_uncertain()
    said: list[str] = []
    judge = acceptance(inputs, say=said.append)
    first = draw(inputs, 1, judge)
    lived = len(said)
    assert draw(inputs, 1, acceptance(inputs, say=said.append)) == first
    assert len(said) == lived
    assert len([entry for entry in (cache / "acceptance").iterdir() if entry.is_dir()]) == lived
