"""Simulate a scenario for one day: load, plan, simulate, record."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simpy

from kera_mobility.config.figure_ids import FigureList
from kera_mobility.demand.choice_model import ChoiceModel
from kera_mobility.demand.planner import Planner
from kera_mobility.demand.plans import TripDemand
from kera_mobility.dice import Dice
from kera_mobility.errors import ConfigError, Fault, SettingError, UnknownPersonError
from kera_mobility.ledger import recording, use_again
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.events import BATCH_ROWS, EventLog, NoLog
from kera_mobility.results.kpis import KPI_HEADINGS, Kpi, compute, mean_rows
from kera_mobility.results.store import RunRecord, write_record
from kera_mobility.results.trip_frame import trip_frame
from kera_mobility.services.base import Service, service_kinds
from kera_mobility.services.notices import Announcement
from kera_mobility.services.world import World
from kera_mobility.simulation.disturbance_checks import disturbance_faults
from kera_mobility.simulation.expectations import Experiences, experiences_of
from kera_mobility.simulation.narrator import Narrator
from kera_mobility.simulation.notice_schedule import NoticeSchedule
from kera_mobility.simulation.run_record import DayResult, record_of
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.simulation.travellers import Travellers
from kera_mobility.town.town import Town, load_town
from kera_mobility.units import HOUR_S, AnyArray, clock

if TYPE_CHECKING:
    import pandas as pd

END_S = 28 * HOUR_S
"""A day runs until four in the morning of the next, so that late trips can end."""

Progress = Callable[[str, float], None]
"""Called with the stage (load, plan, simulate with the clock, write) and the share of it that is done, 0 to 1."""
Overnight = Mapping[str, Mapping[str, AnyArray]]
"""What the services hand from one day to the next: service -> name -> array."""


@dataclass(frozen=True, repr=False)
class Run(Display):
    """One day that was simulated."""

    record: RunRecord

    def _glance(self) -> tuple[str, str, str]:
        meta = self.record.meta
        return (
            f"Run of {meta['scenario']}, seed {meta['seed']}, day {meta['day']}: {meta['person_trips']:,} trips of "
            f"{sum(meta['people'].values()):,} people",
            f"fingerprint {self.fingerprint[:12]}; services {', '.join(meta['services'])}",
            ".trips and .legs are pandas frames, .kpis() the figures, .save(folder) writes everything",
        )

    def _grid(self) -> Grid:
        return KPI_HEADINGS, mean_rows([self.kpis()])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the event log; equal for equal input on any machine."""
        return str(self.record.meta["fingerprint"])

    @property
    def stats(self) -> dict[str, Any]:
        """What `run.json` says of the run."""
        return self.record.meta

    @property
    def overnight(self) -> Overnight:
        """What the next day starts from; give it to `simulate` as `carried`."""
        return self.record.overnight

    @property
    def trips(self) -> pd.DataFrame:
        """The trips as a pandas frame, with main mode, population and places; see `km.columns("trips")`."""
        return trip_frame(self.record)

    @property
    def legs(self) -> pd.DataFrame:
        """The legs of the trips as a pandas frame; `km.columns("legs")` says what its columns mean."""
        return self.record.frame("legs")

    def kpis(self) -> FigureList[Kpi]:
        """Return the KPIs, each with unit, population and definition; `run.kpis()["trips"]` is the one of an id."""
        return compute(self.record)

    def save(self, folder: str | Path) -> Path:
        """Write the result folder, completely or not at all, and return its path."""
        return write_record(self.record, Path(folder))


def simulate(
    scenario: Scenario | str | Path,
    seed: int = 1,
    day: int = 0,
    carried: Overnight | None = None,
    *,
    progress: Progress | None = None,
    follow: int | None = None,
    say: Callable[[str], None] | None = None,
    watched: int | None = None,
    without: Collection[int] = (),
    town: Town | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Run:
    """Return the run of one simulated day of a scenario.

    Parameters
    ----------
    seed
        Random seed of the day; the population has a seed of its own in the scenario.
    carried
        `Run.overnight` of the day before; without it fleets begin at their initial places.
    follow, say
        Id of a person, and a function that is called with a sentence for each event of their day.
    watched
        Id of a person whose choice sets are logged on every trip, not only on trips with a denied request.
    without
        Ids of people to leave out, to see what difference they make.
    town
        The town of the scenario (`town_of`), if it is already loaded.
    batch_rows
        Rows of the event log kept in Python at a time; no result depends on it.

    Raises
    ------
    ConfigError
        If the scenario does not fit its town.
    UnknownPersonError
        If nobody has the id to follow.
    """
    watch = Stopwatch(progress)
    with watch.stage("load"):
        checked = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        everyone = town or town_of(checked)
        town = everyone.without(without)
        if follow is not None and follow not in town.people.person:
            raise UnknownPersonError(f"nobody here has the id {follow}; people.parquet of a result lists all ids")
        # Learned with everyone present, so that leaving people out changes nothing for those they never met.
        experiences = expected_of(checked, everyone, day)
    log = Narrator(follow, say, batch_rows) if follow is not None and say else EventLog(batch_rows)
    log.watched = watched
    return live(checked, town, seed, day, carried, experiences=experiences, log=log, watch=watch)


@contextmanager
def _collected_afterwards() -> Iterator[None]:
    """Switch the garbage collector off during a day, and let it collect once when the day is recorded.

    A day makes millions of objects. Its services, world and processes refer to each other, so they become garbage when
    the day has been recorded. What was there before is frozen: it is not searched.
    """
    was_on = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if was_on:
            gc.enable()


@_collected_afterwards()
def live(
    scenario: Scenario,
    town: Town,
    seed: int = 1,
    day: int = 0,
    carried: Overnight | None = None,
    *,
    experiences: Experiences | None = None,
    log: EventLog | None = None,
    watch: Stopwatch | None = None,
) -> Run:
    """Return one day of a scenario in a town that is already loaded; see `simulate`.

    `experiences` is what people expect of capacity-limited services; without it they expect to be served.
    """
    log, watch, experiences = log or EventLog(), watch or Stopwatch(), experiences or {}
    with recording() as opened:
        use_again(scenario.inputs)
        use_again(town.inputs)
        result = _simulate_day(scenario, town, day, Dice.of(seed, day), carried or {}, experiences, log, watch)
        with watch.stage("write"):
            record = record_of(scenario, town, result, experiences, log, seed, day, opened)
    record.meta.update(cpu_s=watch.cpu_s, wall_s=watch.wall_s(), peak_rss_mb=peak_rss_mb())
    return Run(record)


def simulate_days(scenario: Scenario | str | Path, seed: int = 1, days: int = 2) -> list[Run]:
    """Return consecutive days; fleets begin each day as the day before left them."""
    runs: list[Run] = []
    for day in range(days):
        runs.append(simulate(scenario, seed, day, runs[-1].overnight if runs else None))
    return runs


def expected_of(scenario: Scenario, town: Town, day: int = 0) -> Experiences:
    """Return what people expect of capacity-limited services: from the cache, or learned on warm-up days."""
    undisturbed = scenario.undisturbed(day)
    return experiences_of(undisturbed, town, partial(_warm_up, undisturbed, town))


def town_of(scenario: Scenario) -> Town:
    """Return the town of a scenario: its area with the overlays, and everyone who lives or works there."""
    town = scenario.town
    return load_town(scenario.area, town.people, town.seed, town.overlays, town.phases, scenario.year)


def open_services(scenario: Scenario, town: Town) -> dict[str, Service]:
    """Return the services of a scenario by name, checked against the town.

    Raises
    ------
    ConfigError
        With everything in their settings that does not fit.
    """
    kinds = service_kinds()
    services: dict[str, Service] = {}
    faults: list[tuple[str, str]] = []
    for name, settings in sorted(scenario.services.items()):
        try:
            services[name] = kinds[settings.kind](name, settings, town)  # type: ignore[attr-defined]
            service_faults = services[name].faults()
        except SettingError as error:
            service_faults = [(error.key, error.problem)]
        faults += [(f"services.{name}.{key}", message) for key, message in service_faults]
    for name, service in services.items() if not faults else ():
        faults += [(f"services.{name}.{key}", message) for key, message in service.faults_among(services)]
    if not faults:
        faults += disturbance_faults(scenario.disturbances, town, services)
    if faults:
        raise ConfigError([Fault(scenario.where(key), f"{key}: {message}") for key, message in faults])
    return services


def _simulate_day(
    scenario: Scenario, town: Town, day: int, dice: Dice, carried: Overnight, experiences: Experiences,
    log: EventLog, watch: Stopwatch,
) -> DayResult:  # fmt: skip
    """Plan a day and simulate it; everything that happens goes to the log."""
    with watch.stage("load"):
        weather = scenario.weather_on(day)
        today = scenario.with_weather(weather)
        services = open_services(today, town)
        schedule = NoticeSchedule.of(today.disturbances, day, town, weather)
        for name, experience in experiences.items():
            services[name].learn(experience)
        world = World(simpy.Environment(), town.skims, dice, log, END_S)
        for name, service in services.items():
            service.start(world, carried.get(name))
        schedule.begin(world)
        planner = Planner(services, town, ChoiceModel(today.choice), today.planning, dice)
        planner.keeps_times = log.keeps
        for notice in world.notices.read(Announcement):
            planner.expect_closure(notice)
    with watch.stage("plan"):
        demand = TripDemand.of(town.demand(dice), town.people.person)
        plans = planner.plan_day(demand)
        expected_eur = planner.expected_eur(demand, plans)
    with watch.stage("simulate"):
        travellers = Travellers(world, services, planner, demand, plans, schedule, town)
        if schedule.next_s(0.0, END_S) < END_S:
            world.env.process(schedule.run(world, travellers.hear))
        world.env.process(travellers.feed())
        watch.run_until(world.env, END_S)
        travellers.finish()
        for service in services.values():
            service.finish()
    return DayResult(weather, services, len(demand), plans.dropped, next(world.env._eid), expected_eur)


@_collected_afterwards()
def _warm_up(scenario: Scenario, town: Town, number: int, learned: Experiences) -> Experiences:
    """Simulate a day of a seed that no run has, and return the experience with capacity-limited services."""
    kinds = service_kinds()
    if not any(kinds[settings.kind].capacity_limited for settings in scenario.services.values()):  # type: ignore[attr-defined]
        return {}
    dice = Dice().at("warm-up", number)
    services = _simulate_day(scenario, town, 0, dice, {}, learned, NoLog(), Stopwatch()).services
    return {name: service.experience for name, service in services.items() if service.capacity_limited}


def peak_rss_mb() -> float:
    """Return the most memory this process has held, in megabytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


@dataclass
class Stopwatch:
    """Measures CPU-seconds by stage and reports progress."""

    progress: Progress | None = None
    cpu_s: dict[str, float] = field(default_factory=dict)
    _begin_s: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._say(name, 0.0)
        begin_s = time.process_time()
        yield
        self.cpu_s[name] = round(self.cpu_s.get(name, 0.0) + time.process_time() - begin_s, 4)
        self._say(name, 1.0)

    def run_until(self, env: simpy.Environment, end_s: float) -> None:
        for hour in range(1, int(end_s // HOUR_S) + 1):
            env.run(until=hour * HOUR_S)
            self._say(f"simulate {clock(hour * HOUR_S)}", hour * HOUR_S / end_s)

    def wall_s(self) -> float:
        return round(time.perf_counter() - self._begin_s, 3)

    def _say(self, stage: str, part: float) -> None:
        if self.progress:
            self.progress(stage, part)
