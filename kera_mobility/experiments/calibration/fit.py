"""Constants of the choice model fitted to surveys and counts, and everything else held against data.

Share by share: a constant grows by a part of ln(wanted share / share that came), less the same of the reference, whose
constant stays. In a logit the full step would be exact; a nest, a tour of several trips and chance make it a part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kera_mobility.config.messages import read_settings
from kera_mobility.errors import ConfigError, NetworkError
from kera_mobility.experiments.calibration.targets import CalibrationSettings
from kera_mobility.experiments.calibration.variants import sampled
from kera_mobility.experiments.scenario_keys import content_of, value_at, with_values
from kera_mobility.geometry import distance_m
from kera_mobility.kernels import exact
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.facts import Facts
from kera_mobility.results.observations import boardings_at, legs_of, mode_share, trips_of
from kera_mobility.simulation.run import Run, live, town_of
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.tables import Schema, TableColumn, read_table
from kera_mobility.town.area_tables import place_columns
from kera_mobility.town.timetable.route_types import basic_type
from kera_mobility.town.town import Lines, Town
from kera_mobility.units import BoolArray

TARGETS = "configs/calibration.yaml"
"""The shipped targets."""
STEP = 1.2
"""Part of the full step of a constant. Assumption: above 1, for many have no real choice and do not move."""
STEP_IN_NEST = 0.5
"""The same inside a nest, where a constant counts 1 / l times: 0.4 x 1.2. Assumption."""
STEP_OF_COUNT = 2.0
"""Power of the ratio by which a number of people follows boardings: it makes a part of them only. Assumption."""
INSIDE = 0.05
"""A count that is moved into its interval goes this far inside, so that chance does not throw it out. Assumption."""
LONGEST_STEP = 1.0
"""Utils that a constant moves at most in one round. Assumption."""
DECIMALS = 3
"""Constants are rounded in each round, so that the figures belong to what is written."""
STATION_REACH_M = 300.0
"""A counted station is the nearest stop within this distance. Assumption."""
BOARDINGS = Schema(
    "checks/boardings.csv",
    "Counted boardings at stations, one of which is fitted by calibration.",
    (
        TableColumn("station", "Name of the station, once each.", "text"),
        *place_columns(),
        TableColumn("boardings_per_weekday", "Counted boardings.", "number", "persons a weekday", 0, 1_000_000),
        TableColumn("year", "Year of the count.", "whole", "", 1900, 2100, 1900.0, required=False),
    ),
    unique=("station",),
)
LEAST = 1e-4
"""Share that stands for none at all, so that its logarithm exists."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class CountedStation:
    """A counted station in the town."""

    name: str
    counted: float
    """Boardings per weekday in the year of the count."""
    node: int
    """Street node of its stop."""


@dataclass(frozen=True)
class Iteration:
    """One round of the search: the values tried, and what came."""

    number: int
    values: dict[str, float]
    """By dotted key."""
    observed: dict[str, float]
    """By name of target; boardings under the name of the station."""
    worst: float
    """Largest distance of a share with a constant of its own from its target."""


@dataclass(frozen=True, repr=False)
class Calibration(Display):
    """What a fit found."""

    settings: CalibrationSettings
    scenario: Scenario
    """With the values found."""
    town: Town
    """With everyone."""
    values: dict[str, float]
    """By dotted key: all that was free, and the reference."""
    iterations: tuple[Iteration, ...]
    run: Run
    """The last day, with everyone and a chance that the search has not seen."""
    observed: dict[str, float]
    """By name of target, on that day."""
    stations: tuple[CountedStation, ...]

    def _glance(self) -> tuple[str, str, str]:
        return (
            f"Calibration of {self.scenario.name}: {len(self.values)} constants in {len(self.iterations)} rounds",
            "converged" if self.converged else "not converged: the last round is the answer, not a solution",
            ".values are the constants, .observed what came, .iterations the way there",
        )

    def _grid(self) -> Grid:
        rows = [(name, f"{value:.4g}") for group in (self.values, self.observed) for name, value in group.items()]
        return ("constant or figure", "value"), rows

    @property
    def converged(self) -> bool:
        """Whether the search ended because all shares were near enough."""
        return bool(self.iterations) and self.iterations[-1].worst <= self.settings.fit.stop


def calibrate(
    scenario: Scenario | str | Path, targets: CalibrationSettings | str | Path = TARGETS, say: Say | None = None
) -> Calibration:
    """Return the constants that meet the targets, and a day lived with them; `evidence` holds it against data.

    Deterministic: the search begins at the values that the settings name, not at those of the scenario. With no
    iterations the scenario's own constants are judged.

    Raises
    ------
    ConfigError
        If the settings name a service that the scenario lacks.
    MissingFileError, NetworkError
        If the area has no counts at stations, or none at the station that is fitted.
    """
    say = say or (lambda text: None)
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    settings = targets if isinstance(targets, CalibrationSettings) else read_settings(targets, CalibrationSettings)
    _require_services(scenario, settings)
    rounds = _search(scenario, settings, say)
    values = rounds[-1].values if rounds else _own(settings, scenario)
    fitted = with_values(scenario, values)
    town = town_of(fitted)
    say(f"everyone, seed {settings.fit.check_seed}")
    run = live(fitted, town, settings.fit.check_seed)
    gauge = Gauge(settings, fitted, town)
    return Calibration(settings, fitted, town, values, tuple(rounds), run, gauge.observe(run), gauge.stations)


def _search(scenario: Scenario, settings: CalibrationSettings, say: Say) -> list[Iteration]:
    fit = settings.fit
    rounds: list[Iteration] = []
    values = _start(settings)
    for number in range(1, fit.iterations + 1):
        tried = with_values(scenario, values)
        town = sampled(town_of(tried), fit.share)
        gauge = Gauge(settings, tried, town)
        observed = _mean([gauge.observe(live(tried, town, seed), fit.share) for seed in fit.seeds])
        rounds.append(Iteration(number, values, observed, _worst(settings, observed)))
        say(_line(settings, rounds[-1]))
        following = _next(settings, values, observed, gauge.fitted_station)
        if rounds[-1].worst <= fit.stop and following[settings.boardings.key] == values[settings.boardings.key]:
            break
        values = following
    return rounds


class Gauge:
    """Reads the targets off a day of one scenario in its town."""

    def __init__(self, settings: CalibrationSettings, scenario: Scenario, town: Town) -> None:
        self._settings = settings
        board = settings.boardings
        service = scenario.services[board.service]
        lines = town.lines(str(getattr(service, "timetable")), getattr(service, "date", None))  # noqa: B009
        self._runs = counted_runs(lines, board.route_types)
        file = town.folder / "checks" / "boardings.csv"
        self.stations = read_stations(file, lines, board.route_types)
        if board.fitted not in {station.name for station in self.stations}:
            raise NetworkError(
                f"{file}: expected a count at '{board.fitted}' and a stop within {STATION_REACH_M:.0f} m"
            )

    @property
    def fitted_station(self) -> CountedStation:
        """The station whose count is fitted."""
        return next(station for station in self.stations if station.name == self._settings.boardings.fitted)

    def observe(self, run: Run, share: float = 1.0) -> dict[str, float]:
        """Return what each target came to on a day; counts of a sample are blown up to everyone."""
        settings, facts = self._settings, Facts(run.record)
        trips = trips_of(facts, settings.groups)
        observed = {name: mode_share(facts, trips, target.modes) for name, target in settings.shares.items()}
        for name, ratio in settings.ratios.items():
            per = legs_of(facts, trips, ratio.per)
            observed[name] = legs_of(facts, trips, ratio.service) / per if per else math.nan
        for station in self.stations:
            boarded = boardings_at(facts, settings.boardings.service, [station.node], self._runs)
            observed[station.name] = boarded / share
        return observed


def read_stations(file: Path, lines: Lines, route_types: Sequence[int]) -> tuple[CountedStation, ...]:
    """Return the counted stations of a file that have a stop of some route types in the timetable.

    Raises
    ------
    MissingFileError, DataError
        If there is no such file, or with every fault of it.
    """
    table = read_table(file, BOARDINGS, purpose="the area has no counts at stations")
    timetable = lines.timetable
    called = np.zeros(timetable.stops, dtype=np.bool_)
    called[np.asarray(timetable.call_stop)[counted_runs(lines, route_types)[timetable.call_run]]] = True
    stops = np.flatnonzero(called & (lines.stop_node >= 0))
    lonlat = np.asarray(timetable.stop_lonlat, dtype=np.float64)[stops]
    stations = []
    for name, (lon, lat, counted) in zip(
        table.columns["station"], table.numbers("lon", "lat", "boardings_per_weekday").tolist(), strict=True
    ):
        apart_m = distance_m(lonlat, (lon, lat))
        if len(stops) and apart_m.min() <= STATION_REACH_M:
            stations.append(CountedStation(name, counted, int(lines.stop_node[stops[apart_m.argmin()]])))
    return tuple(stations)


def counted_runs(lines: Lines, route_types: Sequence[int]) -> BoolArray:
    """Return which runs of a timetable are of the kind of one of the GTFS route types, (R,)."""
    timetable, basic = lines.timetable, [basic_type(code) for code in route_types]
    counted: BoolArray = np.isin(np.asarray(timetable.line_type), basic)[np.asarray(timetable.run_line)]
    return counted


def interval(settings: CalibrationSettings, station: CountedStation) -> tuple[float, float, float]:
    """Return the least, the likely and the largest number of boardings at a station in the base year."""
    board = settings.boardings
    return station.counted * board.factor_low, station.counted * board.factor, station.counted * board.factor_high


def layer(calibration: Calibration) -> dict[str, object]:
    """Return the values as a scenario file has them, nested by key."""
    nested: dict[str, object] = {}
    for key, value in calibration.values.items():
        *above, last = key.split(".")
        holder = nested
        for part in above:
            below = holder.setdefault(part, {})
            assert isinstance(below, dict)
            holder = below
        holder[last] = value
    return nested


def _start(settings: CalibrationSettings) -> dict[str, float]:
    constants = {f"choice.constants.{name}": value for name, value in sorted(settings.start.items())}
    return {**constants, settings.boardings.key: settings.boardings.key_start}


def _own(settings: CalibrationSettings, scenario: Scenario) -> dict[str, float]:
    """Return the values that a scenario has at the keys of the search."""
    values = {f"choice.constants.{name}": scenario.choice.constants.get(name, 0.0) for name in sorted(settings.start)}
    return {**values, settings.boardings.key: value_at(content_of(scenario), settings.boardings.key)}


def _next(
    settings: CalibrationSettings, values: dict[str, float], observed: dict[str, float], station: CountedStation
) -> dict[str, float]:
    """Return the values of the next round."""
    following = dict(values)
    constant_of = {target.constant: name for name, target in settings.shares.items() if target.constant}
    reference = constant_of[settings.reference]
    least = _log_ratio(settings.shares[reference].share, observed[reference])
    for service, name in constant_of.items():
        if service != settings.reference:
            step = STEP * (_log_ratio(settings.shares[name].share, observed[name]) - least)
            _move(following, service, step)
    for name, ratio in settings.ratios.items():
        _move(following, ratio.constant, STEP_IN_NEST * _log_ratio(ratio.ratio, observed[name]))
    following[settings.boardings.key] = _next_count(settings, values, observed[station.name], station)
    return following


def _next_count(
    settings: CalibrationSettings, values: dict[str, float], boarded: float, station: CountedStation
) -> int:
    """Return the number that boardings follow, moved towards the interval of the count and no further."""
    board = settings.boardings
    low, _, high = interval(settings, station)
    number = int(values[board.key])
    if low <= boarded <= high:
        return number
    aim = low * (1.0 + INSIDE) if boarded < low else high * (1.0 - INSIDE)
    moved = number * exact.exp(STEP_OF_COUNT * _log_ratio(aim, boarded))
    return min(max(round(moved), board.key_low), board.key_high)


def _move(values: dict[str, float], service: str, step: float) -> None:
    key = f"choice.constants.{service}"
    values[key] = round(values[key] + min(max(step, -LONGEST_STEP), LONGEST_STEP), DECIMALS)


def _log_ratio(target: float, observed: float) -> float:
    return exact.log(max(target, LEAST)) - exact.log(max(observed, LEAST))


def _worst(settings: CalibrationSettings, observed: dict[str, float]) -> float:
    """Return the largest distance of a share from its target; NaN counts as the worst there is."""
    apart = [abs(observed[name] - target.share) for name, target in settings.shares.items() if target.constant]
    return max((1.0 if math.isnan(distance) else distance for distance in apart), default=0.0)


def _mean(days: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: math.fsum(day[name] for day in days) / len(days) for name in days[0]}


def _line(settings: CalibrationSettings, iteration: Iteration) -> str:
    observed = iteration.observed
    shares = [f"{name} {observed[name]:.1%} ({target.share:.0%})" for name, target in settings.shares.items()]
    ratios = [f"{name} {observed[name]:.2f} ({ratio.ratio:.2f})" for name, ratio in settings.ratios.items()]
    board = settings.boardings
    count = f"{board.fitted} {observed[board.fitted]:,.0f} boardings, {board.key} {iteration.values[board.key]:,.0f}"
    return f"round {iteration.number}: " + ", ".join([*shares, *ratios, count])


def _require_services(scenario: Scenario, settings: CalibrationSettings) -> None:
    ratios = [name for ratio in settings.ratios.values() for name in (ratio.service, ratio.per)]
    named = {*settings.start, *ratios, settings.reference, settings.boardings.service}
    named |= {target.constant for target in settings.shares.values() if target.constant}
    missing = sorted(named - set(scenario.services))
    if missing:
        raise ConfigError(f"{scenario.name}: no service '{missing[0]}' in the scenario, but the targets name it")
    unbegun = sorted({key.split(".")[-1] for key in settings.free_keys()[:-1]} - set(settings.start))
    if unbegun:
        raise ConfigError(f"start: no value for '{unbegun[0]}', whose constant is to be fitted")
    if settings.reference not in {target.constant for target in settings.shares.values()}:
        raise ConfigError(f"shares: none belongs to the reference '{settings.reference}'")
