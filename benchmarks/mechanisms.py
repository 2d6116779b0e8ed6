"""What does each mechanism cost? A day with and without each, taking turns in one process, beside bare SimPy.

    python -m benchmarks.mechanisms [SCENARIO] [--repeats 3] [--only on_demand crews] [--seed 1]

The full day is SCENARIO with the zones of the scooters as well. Beside it stand days each of which lacks one mechanism,
or has one more; all are lived with what people expect of the full day, so that what differs is the mechanism and what
people do about it. A cost is the difference from the full day, in CPU-seconds from planning to the written log and in
percent; differences of a percent or two are noise unless repeats are many.

Each such day is lived right after a full day, and the difference is of these two; the median of all repeats counts.

Then what a trip with a scarce leg costs: one on which somebody booked, rode or was refused a vehicle of a scarce
service. Measured on a busy day, when one trip in ten is one, since these services are liked as trains are and have the
vehicles for it: one trip more, against the same vehicles on a day when few like them; on average, against the day
without these services, so that vehicles, crews and plans that are there whoever comes are shared by the trips. Beside
it stand three harder readings: one trip more when the vehicles are as few as ever, so that half of the people are
refused and think again; the average of the full day, when one trip in a hundred is one; and the day of nobody but the
people with such a trip, with everything else that they and all vehicles do.
F is as in `benchmarks.speed`. The goal is F/60 for the full day, and F/300 for a trip with a scarce leg.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.speed import STAGES, bare_simpy_timeouts_per_cpu_s
from kera_mobility.results.events import EventLog
from kera_mobility.simulation.expectations import Experiences
from kera_mobility.simulation.run import Run, expected_of, live, town_of
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.town.town import Town

FULL = ("services.scooter.zones=[riding]",)
"""Set for every day: the scenario of all trials leaves the zones out."""
SCARCE = ("scooter", "shuttle", "on_demand")
"""Services with few vehicles."""
LIKED = "scarce services as liked as trains"
SUPPLIED = "many more scarce vehicles"
BUSY = "both: a busy day"
NOTHING_SCARCE = tuple(f"services.{name}=null" for name in SCARCE)
_LIKED = tuple(f"choice.{part}.{name}=0" for part in ("constants", "feeder_constants") for name in SCARCE)
_SUPPLIED = (
    "services.scooter.fleet=1200", "services.on_demand.vehicles=60",
    "services.shuttle.vehicles=15", "services.shuttle.headway_s=120", "services.shuttle.seats=40",
)  # fmt: skip
_CUT = (
    "disturbances=[{kind: rail_closed, title: No trains, service: rail, lines: [L, City rail, U fast], start_s: 27000,"
    " end_s: 34200, announced_s: 0}]"
)

WITHOUT: Mapping[str, tuple[str, ...]] = {
    "scooters": ("services.scooter=null",),
    "  crews": ("services.scooter.crews.vans=0",),
    "  tours by PyVRP (nearest instead)": ("services.scooter.crews.tours.kind=nearest",),
    "  zones": ("services.scooter.zones=[]",),
    "  reservation": ("services.scooter.reservation=false",),
    "  hours and permit": ("services.scooter.closed=[]", "services.scooter.permit=null"),
    "shuttle": ("services.shuttle=null",),
    "  dwell by boardings": ("services.shuttle.dwell=null",),
    "  battery": ("services.shuttle.battery=null",),
    "  wheelchair place": ("services.shuttle.wheelchair=null",),
    "rides on demand": ("services.on_demand=null",),
    "  booked from the platform": ("services.on_demand.from_line=false",),
    "all scarce services": NOTHING_SCARCE,
    "late and cancelled trains": ("services.rail.delays.on=false",),
    "people from beyond, crowding": ("services.rail.background.on=false", "services.rail.crowding.on=false"),
    "  crowding": ("services.rail.crowding.on=false",),
}
"""Days that lack a mechanism; those of one service are set in."""
WITH: Mapping[str, tuple[str, ...]] = {
    "a winter day with snow": ("weather.days=[winter_snow]",),
    "scooters that break down": ("services.scooter.broken_chance=0.02",),
    "trains that wait for changes": ("services.rail.delays.connection_hold_s=60",),
    "stops lengthened by riders": ("services.rail.delays.person_at_door_s=1.5",),
    "no trains from 7:30 to 9:30": (_CUT,),
    "rides on demand as liked as trains": (
        "choice.constants.on_demand=0", "choice.feeder_constants.on_demand=0",
    ),
    LIKED: _LIKED,
    SUPPLIED: _SUPPLIED,
    BUSY: (*_LIKED, *_SUPPLIED),
    "joint assignment every 30 s": ("services.on_demand.dispatch.kind=batch",),
}  # fmt: skip
"""Days that have one more."""
ALWAYS = (NOTHING_SCARCE, _LIKED, _SUPPLIED, (*_LIKED, *_SUPPLIED))
"""Days that the cost of a trip with a scarce leg is read from."""
CONSIDERED = "what was considered"
ALONE = "only people with a scarce leg"


class Unconsidered(EventLog):
    """A log without what people considered on trips that met a refusal."""

    keeps = False


class Day(NamedTuple):
    """A day to be lived again and again."""

    scenario: Scenario
    town: Town
    experiences: Experiences
    log: Callable[[], EventLog] = EventLog

    def lived(self, seed: int) -> Run:
        """Return the day."""
        met = {name: one for name, one in self.experiences.items() if name in self.scenario.services}
        return live(self.scenario, self.town, seed, experiences=met, log=self.log())


class Cost(NamedTuple):
    """What a day costs, and the full day before it."""

    cpu_s: float
    """From planning to the written log."""
    more_s: float
    """Than the full day."""
    f: float
    """Timeouts of bare SimPy per CPU-second at that moment."""
    person_trips: int
    scarce_trips: int
    """Trips with a scarce leg."""
    simpy_events: int

    @property
    def part_of_f(self) -> float:
        """F over person-trips per CPU-second."""
        return self.f * self.cpu_s / self.person_trips


def days_of(scenario: str, seed: int, only: Collection[str] = ()) -> dict[str, Day]:
    """Return the days by name, the full one under "", and that of nobody but the people with a scarce leg.

    `only` are parts of names, or of keys that are set; all days if none is given.
    """
    scenarios = {"": load_scenario(scenario, FULL)}
    for sign, changes in (("-", WITHOUT), ("+", WITH)):
        for name, overrides in changes.items():
            needed = not only or overrides in ALWAYS
            if needed or any(part in name or part in str(overrides) for part in only):
                scenarios[f"{sign} {name}"] = load_scenario(scenario, (*FULL, *overrides))
    full = scenarios[""]
    town = town_of(full)
    met = expected_of(full, town)
    days = {name: Day(one, town, met) for name, one in scenarios.items()}
    if not only:
        days[f"- {CONSIDERED}"] = Day(full, town, met, Unconsidered)
    here = {person for person, _ in trips_with_scarce_leg(days[""].lived(seed))}
    rest = [person for person in town.people.person.tolist() if person not in here]
    days[ALONE] = Day(full, town.without(rest), met)
    return days


def trips_with_scarce_leg(run: Run) -> set[tuple[int, int]]:
    """Return the trips, as (person, trip), that booked, rode or were refused a vehicle of a scarce service."""
    found: set[tuple[int, int]] = set()
    for kind in ("bookings", "legs", "refusals"):
        table = run.record.tables[kind]
        of_service = np.isin(np.array(table.column("service").to_pylist(), dtype=np.str_), SCARCE)
        columns = (table.column(name).to_numpy()[of_service].tolist() for name in ("person", "trip"))
        found.update(zip(*columns, strict=True))
    return found


def measure(days: Mapping[str, Day], seed: int, repeats: int) -> dict[str, Cost]:
    """Return what each day costs, medians over repeats in which the days take turns."""
    spent: dict[str, list[Cost]] = {name: [] for name in days}
    for repeat in range(repeats + 1):
        for name, day in days.items():
            f = bare_simpy_timeouts_per_cpu_s()
            full_s = _cpu_s(days[""], seed)[0] if repeat else 0.0
            cpu_s, run = _cpu_s(day, seed)
            if repeat:  # at first tables are made that are kept
                about, capacity_limited = run.stats, len(trips_with_scarce_leg(run))
                counts = (about["person_trips"], capacity_limited, about["simpy_events"])
                spent[name].append(Cost(cpu_s, cpu_s - full_s, f, *counts))
    return {name: Cost(*(statistics.median(column) for column in zip(*each, strict=True)))
            for name, each in spent.items()}  # fmt: skip


def _cpu_s(day: Day, seed: int) -> tuple[float, Run]:
    run = day.lived(seed)
    begin_s = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run.save(Path(folder) / "run")
    return sum(run.stats["cpu_s"][stage] for stage in STAGES) + time.process_time() - begin_s, run


def table(costs: Mapping[str, Cost]) -> Iterable[str]:
    """Yield the lines of the table."""
    full = costs[""]
    yield f"{'':44}{'CPU-s':>6} {'F/..':>6} {'costs, s':>9} {'%':>6} {'events/trip':>12} {'scarce trips':>13}"
    for name, cost in costs.items():
        costs_s = cost.more_s if name.startswith("+") else -cost.more_s
        both = f"{costs_s:9.2f} {100 * costs_s / full.cpu_s:6.1f}" if name[:1] in ("-", "+") else " " * 16
        yield (
            f"{name or 'all, with zones':44}{cost.cpu_s:6.2f} {cost.part_of_f:6.1f} {both} "
            f"{cost.simpy_events / cost.person_trips:12.2f} {cost.scarce_trips:13,}"
        )
    yield f"\nF = {full.f:,.0f} timeouts per CPU-second, {full.person_trips:,} trips. A trip with a scarce leg costs"
    for cost, against, how in _readings(costs):
        each_s = (cost.cpu_s - against.cpu_s) / max(cost.scarce_trips - against.scarce_trips, 1)
        yield f"  F/{cost.f * each_s:<6.0f} {1e6 * each_s:6,.0f} us  {how}"


def _readings(costs: Mapping[str, Cost]) -> Iterable[tuple[Cost, Cost, str]]:
    """Yield days with more and with fewer trips with a scarce leg, and what their difference says."""
    full, without, alone = costs[""], costs["- all scarce services"], costs[ALONE]
    busy, liked, supplied = (costs[f"+ {name}"] for name in (BUSY, LIKED, SUPPLIED))
    yield busy, supplied, "one more, of a busy day: with and without more people who like these services"
    yield busy, without, "on average, of a busy day: with and without these services"
    yield liked, full, "one more, where vehicles are few and half of the people are refused"
    yield full, without, "on average, of the full day: with and without these services"
    yield alone, alone._replace(cpu_s=0.0, scarce_trips=0), "with all that else happens to who makes it"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What does each mechanism cost?")
    parser.add_argument("scenario", nargs="?", default="configs/trials/all.yaml")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=(), help="parts of the names of mechanisms, or of their keys")
    arguments = parser.parse_args()
    days = days_of(arguments.scenario, arguments.seed, arguments.only)
    for line in table(measure(days, arguments.seed, arguments.repeats)):
        print(line)


if __name__ == "__main__":
    main()
