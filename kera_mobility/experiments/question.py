"""A question asked of two scenarios: what does the variant change in one figure, and which of its changes did it?

The figure is named beforehand, so it is judged alone. Seeds are added in rounds, each twice the last, until the answer
is clear; every look has its part of the error (ALPHA over the number of looks), so that looking again makes no finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kera_mobility.config.figure_ids import understood_id
from kera_mobility.config.resources import find
from kera_mobility.config.yaml_layers import shared_base, shown_path
from kera_mobility.errors import ConfigError, nearest_name
from kera_mobility.experiments.batch import Note, experiment
from kera_mobility.experiments.jobs import Stages, Written
from kera_mobility.experiments.leave_one_out import Removal, named, removals
from kera_mobility.experiments.setting_changes import SettingChange, setting_changes
from kera_mobility.experiments.stopping import LEAST, Until
from kera_mobility.results.amounts import amounts
from kera_mobility.results.compare import Comparison, compare
from kera_mobility.results.compare.differences import CANNOT_TELL, HIGHER, LOWER, SAME
from kera_mobility.results.compare.intervals import ALPHA, Spread, over_seeds, sign_test
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.kpis import Kpi
from kera_mobility.simulation.scenario import Scenario, load_scenario, scenario_below

FIGURE = "sustainable_share"
"""What is asked unless told."""
MOST_SEEDS = 20
"""Where the adding of seeds ends, unless told. Assumption: some minutes for a day in a district."""
NARROW = "narrow enough"


@dataclass(frozen=True)
class PairedEffect:
    """The change of the figure between two scenarios with equal seeds."""

    name: str
    values: tuple[float, ...]
    """Difference in each seed where both have the figure."""
    alpha: float
    """Level at which this effect is judged."""
    narrow: float = 0.0
    """An interval with this half-width is clear too, 0 if none was asked for."""

    @property
    def spread(self) -> Spread | None:
        """The mean with its 95 % interval; None with fewer than two values."""
        return over_seeds(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval at the level at which the effect is judged."""
        return self.spread.interval(self.alpha) if self.spread else None

    @property
    def half_width(self) -> float:
        """Half the width of `interval`, infinite without one; 0 if all values are equal."""
        return math.inf if self.interval is None else (self.interval[1] - self.interval[0]) / 2.0

    @property
    def is_narrow(self) -> bool:
        """Whether the interval is as narrow as was asked for, from enough values."""
        return self.half_width <= self.narrow and len(self.values) >= LEAST

    @property
    def verdict(self) -> str:
        """Return whether the figure is higher, lower, unchanged, or cannot be told apart."""
        if not any(self.values):
            return SAME if len(self.values) >= LEAST else CANNOT_TELL
        if self.spread is None or self.interval is None:
            return CANNOT_TELL
        alike = len(set(self.values)) == 1
        p = sign_test(len(self.values)) if alike else self.spread.p_value()
        if p <= self.alpha:
            return HIGHER if self.spread.centre > 0 else LOWER
        return NARROW if self.is_narrow else CANNOT_TELL

    def words(self, unit: str) -> str:
        """Return the change and its interval for people."""
        ends = self.interval or (None, None)
        (change, low, high), label = amounts([self.spread.centre if self.spread else None, *ends], unit, "+")
        return f"{change} {label} ({low} to {high})" if self.interval else f"{change} {label}"


@dataclass(frozen=True, repr=False)
class Answer(Display):
    """What came of a question."""

    reference: Scenario
    variant: Scenario
    figure: Kpi
    """The figure that was asked for; its value is the mean of the reference."""
    variant_value: float
    """Mean of the variant."""
    changes: tuple[SettingChange, ...]
    effect: PairedEffect
    seeds: tuple[int, ...]
    comparison: Comparison
    folders: tuple[Path, ...]
    """Of the runs of the reference and of the variant; give them to `report`."""
    stopped: str
    """Why no more seeds were added: `narrow`, `sure` (of the sign), `same` (no seed shows a difference) or `most`."""
    parts: tuple[PairedEffect, ...] = ()
    """What the figure loses when one change is taken back, by change; if that was asked for."""
    removals: tuple[Removal, ...] = ()
    """The changes that were, or could not be, taken back apart from each other; if that was asked for."""

    @property
    def untried(self) -> tuple[str, ...]:
        """Changes that cannot be taken back alone, with the reason."""
        return tuple(f"{removal.name}: {removal.refusal}" for removal in self.removals if removal.rest is None)

    @property
    def sentence(self) -> str:
        """The answer, to read aloud."""
        (before, after), label = amounts([self.figure.value, self.variant_value], self.figure.unit)
        verdict = {
            HIGHER: "is higher", LOWER: "is lower", SAME: "does not change",
            NARROW: "may or may not change, but by no more than the interval",
        }.get(self.effect.verdict, "may or may not change: the seeds cannot tell")  # fmt: skip
        level = f"{100.0 * (1.0 - self.effect.alpha):.3g} %"
        words = self.effect.words(self.figure.unit).replace(" (", f" ({level} interval ", 1)
        return (
            f"{self.figure.id} of {self.figure.population} {verdict} in {self.variant.name}: {before} -> {after} "
            f"{label}, {words}, {len(self.seeds)} seeds."
        )

    def to_json(self) -> dict[str, Any]:
        """Return why it stopped, how narrow the interval is, and what was run without each change, as plain values."""
        half_width = self.effect.half_width
        return {
            "figure": self.figure.id, "unit": self.figure.unit, "stopped": self.stopped, "seeds": len(self.seeds),
            "half_width": half_width if math.isfinite(half_width) else None, "target": self.effect.narrow or None,
            "level": 1.0 - self.effect.alpha, "removals": [removal.to_json() for removal in self.removals],
        }  # fmt: skip

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Answer: {self.sentence}",
            f"{len(self.changes)} settings differ from {self.reference.name}: {', '.join(c.key for c in self.changes)}",
            ".comparison has every figure, .changes the settings, .parts what each change did",
        )

    def _grid(self) -> Grid:
        effects = [replace(self.effect, name="all changes"), *self.parts]
        return ("change", self.figure.id, ""), [(e.name, e.words(self.figure.unit), e.verdict) for e in effects]


def ask(
    variant: str | Path,
    against: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    figure: str = FIGURE,
    seeds: int = LEAST,
    most: int = MOST_SEEDS,
    precise: bool = False,
    attribute: bool = False,
    out: str | Path = "results",
    workers: int = 1,
    progress: Stages | None = None,
    planned: Callable[[int], None] | None = None,
    written: Callable[[Written], None] | None = None,
    note: Note | None = None,
) -> Answer:
    """Run a variant and its reference with equal seeds until one figure is clear, and return the answer.

    Parameters
    ----------
    against
        The reference. If not given: with `overrides` the variant's file without them, else the scenario that the
        variant's file extends.
    overrides
        Settings of the variant, such as `services.shuttle.fare_eur=1.50`.
    figure
        A KPI, alone or with a half-width that is clear enough, such as `sustainable_share 0.3pp`.
    seeds, most
        Of the first round, and where the adding ends.
    precise
        Add seeds until the interval of the change has the half-width of `figure`, however sure its sign is before.
    attribute
        Run the variant also without each of its changes, with the same seeds.
    out, workers, progress, planned, written, note
        As for `experiment`.

    Raises
    ------
    ConfigError
        If a scenario has faults, nothing differs, there is no such figure or half-width, or no reference can be told.
    """
    study = _Study(*sides(variant, against, overrides), figure, Path(out), workers, progress, planned, written, note)
    if precise:
        study.be_precise()
    below = scenario_below(variant) if attribute and not overrides else None
    return study.answer(seeds, most, attribute, below)


def reference_of(variant: Path) -> Path:
    """Return the scenario that a file extends; of several, the last that all of them extend.

    Raises
    ------
    ConfigError
        If there is none.
    """
    base = shared_base(variant)
    if base is None:
        raise ConfigError(
            f"{shown_path(variant)}: extends no scenario that it could be held against; give one (--against)"
        )
    return base


def sides(variant: str | Path, against: str | Path | None, overrides: Sequence[str]) -> tuple[Scenario, Scenario]:
    """Return the reference and the variant of a question, under names that tell them apart; see `ask`."""
    file = find(variant, "configs")
    changed = load_scenario(file, overrides)
    if against is None and not overrides:
        against = reference_of(file)
    reference = load_scenario(file if against is None else against)
    if overrides:  # beside the runs of the file as it is
        changed = load_scenario(file, [*overrides, f"name={named(changed.name, changed.hash[:6])}"])
    if reference.name == changed.name:
        reference = reference.model_copy(update={"name": named(reference.name, "reference")}).read_like(reference)
    return reference, changed


class _Study:
    """The two sides under way."""

    def __init__(
        self, reference: Scenario, variant: Scenario, figure: str, out: Path, workers: int, progress: Stages | None,
        planned: Callable[[int], None] | None, written: Callable[[Written], None] | None, note: Note | None,
    ) -> None:  # fmt: skip
        self._sides = (reference, variant)
        self._changes = setting_changes(reference, variant)
        if not self._changes:
            raise ConfigError(f"{variant.name} and {reference.name}: no setting differs, nothing can be asked")
        self._until = Until.of(figure) if len(figure.split()) > 1 else None
        self._precise = False
        self._figure = understood_id(figure.split()[0], "figure") if figure.split() else figure
        self._out, self._workers = out, workers
        self._progress, self._planned, self._written, self._note = progress, planned, written, note
        self._runs: dict[str, list[Written]] = {}

    def be_precise(self) -> None:
        """Stop only at the half-width; raise ConfigError if the figure has none."""
        if self._until is None:
            raise ConfigError(f"figure: got '{self._figure}', expected a half-width with it, such as '{FIGURE} 0.3pp'")
        self._precise = True

    def answer(self, seeds: int, most: int, attribute: bool, below: Scenario | None) -> Answer:
        """Add seeds until the figure is clear, and say what came."""
        reference, variant = self._sides
        rounds = _rounds(seeds, max(seeds, most))
        for number in rounds:
            for scenario in self._sides:
                self._run(scenario, number, 2 * number)
            effect = self._effect("all", reference.name, ALPHA / len(rounds))
            if stopped := _reason(effect, self._precise):
                break
        if self._note:
            self._note(
                f"{self._figure} after {number} seeds: {effect.words(self._kpi(reference.name).unit)}, {effect.verdict}"
            )
        tried = tuple(removals(reference, variant, below, self._changes)) if attribute else ()
        parts = self._parts(tried, number)
        folders = [[run.folder for run in self._runs[scenario.name]] for scenario in self._sides]
        known = replace(self._kpi(reference.name), value=self._mean(reference.name))
        return Answer(
            reference, variant, known, self._mean(variant.name), tuple(self._changes), effect,
            tuple(range(1, number + 1)), compare(*folders, primary=(self._figure,)),
            tuple(runs[0].parent for runs in folders), stopped or "most", parts, tried,
        )  # fmt: skip

    def _run(self, scenario: Scenario, number: int, total: int) -> None:
        """Run what a scenario lacks of some seeds."""
        done = self._runs.setdefault(scenario.name, [])
        if self._planned:
            self._planned(total)
        if missing := range(len(done) + 1, number + 1):
            batch = experiment(
                scenario, missing, self._out, workers=self._workers, progress=self._progress, written=self._written,
                note=self._note,
            )  # fmt: skip
            done += batch.runs
        self._kpi(scenario.name)

    def _kpi(self, name: str) -> Kpi:
        kpis = {kpi.id: kpi for kpi in self._runs[name][0].kpis}
        if self._figure not in kpis:
            near = nearest_name(self._figure, list(kpis))
            raise ConfigError(
                f"figure: no '{self._figure}' in {name}{near}; expected one that both have (kera list figures)"
            )
        return kpis[self._figure]

    def _values(self, name: str) -> list[float]:
        return [kpi.value for run in self._runs[name] for kpi in run.kpis if kpi.id == self._figure]

    def _mean(self, name: str) -> float:
        values = [value for value in self._values(name) if math.isfinite(value)]
        return math.fsum(values) / len(values) if values else math.nan

    def _effect(self, name: str, reference: str, alpha: float) -> PairedEffect:
        """Return the change from a reference to the variant."""
        pairs = zip(self._values(reference), self._values(self._sides[1].name), strict=True)
        values = tuple(after - before for before, after in pairs if math.isfinite(after - before))
        narrow = 0.0
        if self._until is not None:
            narrow = self._until.width * (abs(self._mean(reference)) if self._until.relative else 1.0)
        return PairedEffect(name, values, alpha, narrow)

    def _parts(self, tried: Sequence[Removal], number: int) -> tuple[PairedEffect, ...]:
        """Return what the figure loses when each change is taken back, the largest first."""
        trials = [(removal.name, removal.rest) for removal in tried if removal.rest is not None]
        for _, scenario in trials:
            self._run(scenario, number, (len(self._sides) + len(trials)) * number)
        parts = [self._effect(name, rest.name, ALPHA / len(trials)) for name, rest in trials]
        return tuple(sorted(parts, key=lambda part: -abs(part.spread.centre if part.spread else 0.0)))


def _reason(effect: PairedEffect, precise: bool) -> str:
    """Return why no more seeds are needed, nothing if they are."""
    if effect.verdict == SAME:
        return "same"
    if effect.is_narrow:
        return "narrow"
    return "sure" if effect.verdict in (HIGHER, LOWER) and not precise else ""


def _rounds(first: int, most: int) -> list[int]:
    """Return how many seeds there are after each round: each twice the last, and the most in the end."""
    rounds = [first]
    while rounds[-1] < most:
        rounds.append(min(2 * rounds[-1], most))
    return rounds
