"""The town: everything that a trial takes as given, as arrays."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from scipy.spatial import cKDTree

from kera_mobility.config.resources import area_folder
from kera_mobility.config.settings import Place
from kera_mobility.dice import Dice
from kera_mobility.errors import NetworkError
from kera_mobility.files import read_yaml
from kera_mobility.geometry import degree_scale
from kera_mobility.ledger import Ledger, recording, remembered, use_again
from kera_mobility.town.area_tables import read_outside_table
from kera_mobility.town.drawing import development_outlines, rail_lines
from kera_mobility.town.population.persons import People, Trips
from kera_mobility.town.population.phases import closed_nodes, read_phase
from kera_mobility.town.population.population import PeopleSettings, Population, populate
from kera_mobility.town.population.tours import draw_trips
from kera_mobility.town.streets.outside import with_outside
from kera_mobility.town.streets.overlays import with_overlays
from kera_mobility.town.streets.skims import skims_of
from kera_mobility.town.streets.streets import CLASSES, MODE_BIT, ORIGINS, Skims, Streets
from kera_mobility.town.timetable.feeds import timetable_of
from kera_mobility.town.timetable.timetable import Journeys, Timetable
from kera_mobility.units import BoolArray, FloatArray, IntArray

T = TypeVar("T")
_log = logging.getLogger(__name__)

SNAP_LIMIT_M = 500.0
"""A place of the settings farther than this from every street node lies outside the map. Assumption."""
ZONE_M = 500.0
"""Side of the squares by which the chance of being served is learned. Assumption."""


@dataclass(frozen=True)
class Lines:
    """The timetabled lines of a town, their stops joined to its streets."""

    timetable: Timetable
    journeys: Journeys
    stop_node: IntArray
    """(S,) street node of each stop; -1 where no street is near."""


@dataclass(frozen=True)
class Town:
    """Streets, shortest ways, people and timetables of one area."""

    folder: Path
    area: dict[str, Any]
    """What `area.yaml` says."""
    streets: Streets
    skims: Skims
    people: People
    demand: Callable[[Dice], Trips]
    """The trips that people want to make on the day of some dice; rows are rows of `people`."""
    dice: Dice
    """The dice of the population (`town.seed`), not of the day."""
    shared_cars: bool = False
    """Whether all who hold a licence may drive the cars of their household."""
    inputs: Ledger = field(default_factory=Ledger, repr=False, compare=False)
    """The files of the area that were opened so far."""
    _made: dict[Hashable, tuple[Any, Ledger]] = field(default_factory=dict, repr=False, compare=False)
    _whole_demand: Callable[[Dice], Trips] | None = field(default=None, repr=False, compare=False)
    """The demand of a town of which this one is a part."""

    @cached_property
    def zone(self) -> IntArray:
        """The zone of each node, (N,): squares of ZONE_M, numbered without gaps; places beyond the map apart."""
        square = np.floor(np.asarray(self.streets.node_xy_m) / ZONE_M).astype(np.int64)
        _, number = np.unique(square, axis=0, return_inverse=True)
        return number.reshape(-1)

    @property
    def drivers(self) -> BoolArray:
        """Who may drive a car of the household, (P,): its main drivers, or all with a licence where cars are shared."""
        people = self.people
        return people.licence & (people.household_cars > 0) if self.shared_cars else people.main_driver

    @cached_property
    def trip_starts(self) -> FloatArray:
        """The trips that set out from each node on an imagined day, (N,): those of everyone who was ever here, so that
        what follows from it stays when people are left out."""
        trips = (self._whole_demand or self.demand)(self.dice.at("imagined day"))
        return np.bincount(trips.origin, minlength=self.streets.nodes).astype(np.float64)

    @cached_property
    def outside_places(self) -> dict[str, int]:
        """The street node of each place beyond the map, by its name in `outside.csv`."""
        return self.computed_once("outside places", self._outside_places)

    def _outside_places(self) -> dict[str, int]:
        table = read_outside_table(self.folder)
        nodes = np.flatnonzero(np.asarray(self.streets.node_outside)).tolist()
        return dict(zip(table.columns["place"], nodes, strict=True)) if table else {}

    def without(self, persons: Collection[int]) -> Town:
        """Return the same town where the people with these ids have never lived."""
        if not persons:
            return self
        stays = ~np.isin(self.people.person, np.array(sorted(persons), dtype=np.int64))
        people = People(*(getattr(self.people, part.name)[stays] for part in fields(People)))
        demand = partial(_trips_of, self.demand, stays)
        return replace(self, people=people, demand=demand, _whole_demand=self._whole_demand or self.demand)

    def computed_once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, called once for each key; its result must depend on the town and the key alone.

        The inputs that it opened are written down each time that it is used.
        """
        if key not in self._made:
            with recording() as opened:
                self._made[key] = make(), opened
            self.inputs.add(opened)
        made, opened = self._made[key]
        use_again(opened)
        return cast("T", made)

    def lines(self, timetable: str, service_date: str | None = None) -> Lines:
        """Return the lines of a timetable of the area by name, on a date of its feed; on a typical weekday by default.

        Raises
        ------
        SettingError
            If the area has no such timetable; the message names those it has.
        TimetableError
            If its feed is broken, or has no trips on the date.
        """
        return self.computed_once(
            ("lines", timetable, service_date),
            lambda: self._joined(timetable_of(self.folder, timetable, self.area, service_date)),
        )

    def with_lines(self, timetable: str, lines: Lines, service_date: str | None = None) -> Town:
        """Return the same town with other lines under the name of a timetable and a date, and none else."""
        return replace(self, _made={**self._made, ("lines", timetable, service_date): (lines, Ledger())})

    def _joined(self, timetable: Timetable) -> Lines:
        """Return the lines with all stops at one street node made one: a street node is where people wait."""
        nodes, distance_m = self.snap_lonlat(np.asarray(timetable.stop_lonlat))
        for name, metres in zip(timetable.stop_name, distance_m.tolist(), strict=True):
            _log.info("stop %s lies %.0f m from its street node", name, metres)
        place = np.where(distance_m <= SNAP_LIMIT_M, nodes, -1 - np.arange(len(nodes)))
        _, first, number = np.unique(place, return_index=True, return_inverse=True)
        merged = replace(
            timetable,
            stop_lonlat=np.asarray(timetable.stop_lonlat)[first],
            stop_id=tuple(timetable.stop_id[stop] for stop in first.tolist()),
            stop_name=tuple(timetable.stop_name[stop] for stop in first.tolist()),
            call_stop=number[np.asarray(timetable.call_stop)].astype(np.int32),
        )
        return Lines(merged, Journeys.of(merged), np.maximum(place[first], -1))

    def snap(self, places: Sequence[Place], modes: tuple[str, ...] = ("walk",)) -> tuple[IntArray, FloatArray]:
        """Return the nearest street node of each place that all modes reach, (S,), and the distance in metres, (S,).

        A place beyond the map is no street: what is to stand there lies off the map.
        """
        lonlat = np.array([[place.lon, place.lat] for place in places], dtype=np.float64).reshape(-1, 2)
        nodes, distance_m = self._nearest(lonlat, self._reached_by(modes) & ~np.asarray(self.streets.node_outside))
        for place, metres in zip(places, distance_m.tolist(), strict=True):
            _log.info("%s lies %.0f m from its street node", place.name or "a place", metres)
        return nodes, distance_m

    def snap_lonlat(self, lonlat: FloatArray, modes: tuple[str, ...] = ("walk",)) -> tuple[IntArray, FloatArray]:
        """Return the nearest street node of each point (S, 2), places beyond the map among them, and the distance."""
        return self._nearest(lonlat, self._reached_by(modes) | np.asarray(self.streets.node_outside))

    def _nearest(self, lonlat: FloatArray, among: BoolArray) -> tuple[IntArray, FloatArray]:
        nodes = np.flatnonzero(among)
        if not len(nodes):
            return np.zeros(len(lonlat), dtype=np.int64), np.full(len(lonlat), np.inf)
        tree = cKDTree(self._local_m(np.asarray(self.streets.node_lonlat)[nodes]))
        distance_m, index = tree.query(self._local_m(lonlat))
        return nodes[np.asarray(index)], np.asarray(distance_m, dtype=np.float64)

    def _reached_by(self, modes: tuple[str, ...]) -> BoolArray:
        """Return the nodes that have streets for every one of the modes, (N,)."""
        streets = self.streets
        reached = np.ones(streets.nodes, dtype=np.bool_)
        for mode in modes:
            usable = (np.asarray(streets.edge_modes) & MODE_BIT[mode]).astype(bool)
            touched = np.zeros(streets.nodes, dtype=np.bool_)
            touched[np.asarray(streets.edge_from)[usable]] = True
            reached &= touched
        return reached

    def _local_m(self, lonlat: FloatArray) -> FloatArray:
        """Return metres east and north on a plane that touches the area; good to 0.1 % over 20 km."""
        middle = float(np.asarray(self.streets.node_lonlat)[:, 1].mean())
        return np.asarray(lonlat * degree_scale(middle))

    def drawn_streets(self) -> list[dict[str, Any]]:
        """Return each street once as {class, origin, line}, for results that outlive the network's files."""
        streets = self.streets
        start = np.asarray(streets.shape_start)
        points = np.round(np.asarray(streets.shape_lonlat, dtype=np.float64), 5)
        forward = np.flatnonzero(np.asarray(streets.edge_from) < np.asarray(streets.edge_to))
        return [
            {
                "class": CLASSES[int(streets.edge_class[edge])],
                "origin": ORIGINS[int(streets.edge_origin[edge])],
                "line": points[start[edge] : start[edge + 1]].tolist(),
            }
            for edge in forward.tolist()
            if ORIGINS[int(streets.edge_origin[edge])] != "outside"
        ]


def load_town(
    area: str, people: PeopleSettings, seed: int, overlays: tuple[str, ...] = (), phases: str = "", year: int = 0
) -> Town:
    """Return the town of a shipped area or of a folder of one, with overlays on its streets.

    With a table of `phases`, who lives and works in the developments and further overlays are those of the year.

    Raises
    ------
    MissingFileError
        If there is no such area, or no such overlay of it.
    NetworkError
        If its files are broken.
    """
    folder = area_folder(area)
    with recording() as opened:
        try:
            about = read_yaml(folder / "area.yaml")
        except (OSError, ValueError) as error:
            raise NetworkError(f"{folder / 'area.yaml'}: expected the description of the area, got {error}") from None
        if phases:
            overlays = tuple(dict.fromkeys((*read_phase(folder, phases, year).overlays, *overlays)))
        streets, skims = _streets(folder, overlays)
        population = _population(people, folder, seed, overlays, phases, year if phases else 0)
    demand = partial(draw_trips, population, streets, people)
    dice = Dice.of(seed)
    return Town(folder, about, streets, skims, population.people, demand, dice, people.shared_cars, opened)


def description(town: Town) -> dict[str, Any]:
    """Return what a result keeps of its area: names, sources, and the streets, tracks and zones to draw."""
    drawn = {
        "streets": town.drawn_streets(),
        "rail": rail_lines(town.folder),
        "zones": development_outlines(town.folder),
    }
    return {**json.loads(json.dumps(town.area, default=str)), **drawn}


def _trips_of(demand: Callable[[Dice], Trips], stays: BoolArray, dice: Dice) -> Trips:
    """Return the trips of those who stay, (P,), with the rows that they have without the others."""
    trips = demand(dice)
    kept = stays[trips.row]
    trips_kept = Trips(*(getattr(trips, part.name)[kept] for part in fields(Trips)))
    return replace(trips_kept, row=(np.cumsum(stays) - 1)[trips_kept.row])


@remembered(8)
def _streets(folder: Path, overlays: tuple[str, ...]) -> tuple[Streets, Skims]:
    streets = with_overlays(with_outside(Streets.load(folder / "streets"), folder), folder, overlays)
    return streets, skims_of(streets)


@remembered(4)
def _population(
    people: PeopleSettings, folder: Path, seed: int, overlays: tuple[str, ...], phases: str, year: int
) -> Population:
    streets = _streets(folder, overlays)[0]
    if not phases:
        return populate(people, folder, streets, Dice.of(seed))
    phase, closed = read_phase(folder, phases, year), closed_nodes(streets, folder, overlays)
    return populate(people, folder, streets, Dice.of(seed), phase, closed)
