"""The table of a calibration: what was fitted, what was held out, what is a setting read back. Misses stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from kera_mobility.errors import NetworkError
from kera_mobility.experiments.calibration.fit import Calibration, interval
from kera_mobility.experiments.calibration.targets import Datum, TimeTargets
from kera_mobility.experiments.calibration.travel_times import Clockwork, Measured, Times
from kera_mobility.geometry import distance_m
from kera_mobility.results import observations
from kera_mobility.results.facts import Facts
from kera_mobility.results.observations import Check
from kera_mobility.town.area_tables import read_outside_table
from kera_mobility.town.town import Town
from kera_mobility.units import BoolArray, FloatArray

PERCENT = "% of trips"
_PAIRS = (
    ("midday", "transit, best departure", "best_transit_min", "transit_midday_min"),
    ("midday", "transit, waits included", "mean_transit_min", "transit_midday_with_wait_min"),
    ("midday", "car", "car_min", "car_midday_min"),
    ("rush", "transit, best departure", "best_transit_min", "transit_rush_min"),
    ("rush", "transit, waits included", "mean_transit_min", "transit_rush_with_wait_min"),
    ("rush", "car", "car_min", "car_rush_min"),
)
"""Period, what, field of Times, column of Measured."""


def evidence(calibration: Calibration) -> list[Check]:
    """Return every figure that can be held against data, fitted ones first; computed from the last day, everyone.

    Raises
    ------
    MissingFileError, NetworkError
        If the area has no measured travel times, or no such place beyond the map.
    """
    facts = Facts(calibration.run.record)
    return [
        *_fitted(calibration),
        *_boardings(calibration),
        *_beside_the_fitted(calibration),
        *_held_out(calibration, facts),
        *_times(calibration),
        *_read_back(calibration, facts),
        *_untold(calibration, facts),
    ]


def _fitted(calibration: Calibration) -> Iterator[Check]:
    settings, observed = calibration.settings, calibration.observed
    for name, target in settings.shares.items():
        yield Check(
            f"share.{name}", f"main mode {name}", 100 * observed[name], 100 * target.share, PERCENT,
            "prior" if target.prior else "fitted", target.source, tolerance=100 * target.tolerance,
        )  # fmt: skip
    for name, ratio in settings.ratios.items():
        yield Check(
            f"ratio.{name}", f"rides {ratio.service} per {ratio.per}", observed[name], ratio.ratio, "ratio",
            "prior" if ratio.prior else "fitted", ratio.source, tolerance=ratio.tolerance,
        )  # fmt: skip


def _boardings(calibration: Calibration) -> Iterator[Check]:
    settings = calibration.settings
    board = settings.boardings
    named = {board.fitted, *board.held_out, *board.told_only}
    shown = [station for station in calibration.stations if station.name in named]
    for station in sorted(shown, key=lambda station: (station.name != board.fitted, station.name)):
        low, likely, high = interval(settings, station)
        judged = station.name == board.fitted or station.name in board.held_out
        note = f"between {low:,.0f} and {high:,.0f}"
        if not judged:
            note += "; shown only: many who board there live beyond those who are simulated"
        # The interval is not the same width on both sides: the tolerance is the side on which the model lies.
        model = calibration.observed[station.name]
        side = likely - low if model < likely else high - likely
        yield Check(
            f"boardings.{station.name}", f"boardings {station.name}", model, likely, "a weekday",
            "fitted" if station.name == board.fitted else "held out", board.source, note, side if judged else None,
        )  # fmt: skip


def _beside_the_fitted(calibration: Calibration) -> Iterator[Check]:
    """Yield boardings at each station held out per boarding at the fitted one: no factor between years enters."""
    settings = calibration.settings
    board = settings.boardings
    counted = {station.name: station.counted for station in calibration.stations}
    for name in board.held_out:
        if name in counted:
            observed = calibration.observed[name] / max(calibration.observed[board.fitted], 1.0)
            ratio = counted[name] / counted[board.fitted]
            note = "whatever the change since the count, if it was the same at both"
            yield Check(
                f"boardings_ratio.{name}", f"boardings {name} per {board.fitted}", observed, ratio, "ratio", "held out",
                board.source, note, board.ratio_tolerance * ratio,
            )  # fmt: skip


def _held_out(calibration: Calibration, facts: Facts) -> Iterator[Check]:
    trips = observations.trips_of(facts, calibration.settings.groups)
    demanded = sum(int(group.trips.sum()) for group in facts.groups if group.name in calibration.settings.groups)
    people = observations.people_of(facts, calibration.settings.groups)
    figures: dict[str, tuple[str, float, str, float]] = {
        "transit_without_transfer": (
            "transit trips without transfer", observations.without_transfer_share(facts, trips), PERCENT, 100.0),
        "one_mode": ("trips with one mode", observations.one_mode_share(facts, trips), PERCENT, 100.0),
        "school_under_5_km_walked_or_cycled": (
            "to school, under 5 km, walked or cycled", observations.active_school_share(facts, trips), PERCENT, 100.0),
        "trips_per_person": ("trips per person 7+", demanded / max(people, 1), "a weekday", 1.0),
        "trip_minutes": ("mean trip", observations.travel_time_minutes(facts, trips), "min", 1.0),
    }  # fmt: skip
    for name, (title, value, unit, scale) in figures.items():
        datum: Datum | None = calibration.settings.held_out.get(name)
        if datum is not None:
            yield Check(
                name, title, scale * value, scale * datum.share, unit, "input" if datum.in_view else "held out",
                datum.source, datum.note, scale * datum.tolerance,
            )  # fmt: skip
    yield Check(
        "boardings_per_leg", "boardings per ride on lines", observations.mean_boardings(facts), None, "boardings",
        "untold", "", "exact, from the doors; everyone who rides",
    )  # fmt: skip


def _times(calibration: Calibration) -> Iterator[Check]:
    targets, town = calibration.settings.travel_times, calibration.town
    measured = Measured.read(town.folder / "checks" / "travel_times.csv")
    clockwork = Clockwork(calibration.scenario, town)
    nodes, _, near = clockwork.near_nodes(measured.lonlat)
    there = _place(town, targets.destination)
    periods: dict[str, Times] = {
        "midday": clockwork.times(nodes[near], there, *targets.midday),
        "rush": clockwork.times(nodes[near], there, *targets.rush),
    }
    away_km = _from_centre_km(town, measured.lonlat[near])
    for period, title, field, column in _PAIRS:
        model, data = getattr(periods[period], field), measured.minutes[column][near]
        comparable = np.isfinite(model) & np.isfinite(data)
        cells = f"{np.count_nonzero(comparable)} of {len(measured.lonlat)} cells"
        yield Check(
            f"time.{period}.{column}", f"to {targets.destination}, {period}, {title}", _median(model[comparable]),
            _median(data[comparable]), "min", "held out", targets.source,
            f"{cells}; {_bias(targets, model, data, away_km, comparable)}", targets.tolerance_min,
            error=_median((model - data)[comparable]),
        )  # fmt: skip


def _bias(targets: TimeTargets, model: FloatArray, data: FloatArray, away_km: FloatArray, comparable: BoolArray) -> str:
    """Return the median of model - data, its spread, and the median in each band of distance."""
    error = model - data
    median = _median(error[comparable])
    spread = _median(np.abs(error[comparable] - median))
    bands = []
    for low, high in zip(targets.bands_km[:-1], targets.bands_km[1:], strict=True):
        inside = comparable & (away_km >= low) & (away_km < high)
        if inside.any():
            bands.append(f"{low:g}-{high:g} km {_median(error[inside]):+.1f}")
    return f"median error {median:+.1f}, half within {spread:.1f} of it; by distance: {', '.join(bands)}"


def _read_back(calibration: Calibration, facts: Facts) -> Iterator[Check]:
    rates: Mapping[str, float] = observations.tours_per_person(facts, calibration.settings.groups)
    for purpose, datum in calibration.settings.tours_per_person.items():
        note = "walks for their own sake are among these" if purpose == "other" else ""
        yield Check(
            f"tours.{purpose}", f"tours per person, {purpose}", rates.get(purpose, 0.0), datum, "a weekday", "input",
            "HELMET 5 (HSL)", note,
        )  # fmt: skip


def _untold(calibration: Calibration, facts: Facts) -> Iterator[Check]:
    trips = observations.trips_of(facts, calibration.settings.groups)
    edges = observations.BANDS_KM
    shares = observations.length_shares(facts, trips)
    for low, high, value in zip(edges[:-1], edges[1:], shares.tolist(), strict=True):
        name = f"{low:g} km and more" if np.isinf(high) else f"{low:g} to {high:g} km"
        yield Check(f"length.{low:g}", f"trips of {name}", 100 * value, None, PERCENT, "untold", "")
    for (low, high), of_mode in observations.modes_by_band(facts, trips).items():
        reach = f"{low:g} km and more" if np.isinf(high) else f"{low:g} to {high:g} km"
        for mode, value in of_mode.items():
            if value:
                name = f"main mode {mode} of trips of {reach} in a straight line"
                yield Check(f"band.{low:g}.{mode}", name, 100 * value, None, PERCENT, "untold", "")
    for purpose, value in observations.purpose_shares(facts, trips).items():
        yield Check(f"purpose.{purpose}", f"trips for {purpose}", 100 * value, None, PERCENT, "untold", "")


def _place(town: Town, name: str) -> int:
    """Return the street node of a place beyond the map."""
    table = read_outside_table(town.folder)
    names = table.columns["place"] if table else []
    if name not in names:
        raise NetworkError(f"outside.csv: no place '{name}'; expected one of {', '.join(names)}")
    return int(np.flatnonzero(town.streets.node_outside)[names.index(name)])


def _from_centre_km(town: Town, lonlat: FloatArray) -> FloatArray:
    centre = town.area["centre"]
    return distance_m(lonlat, (float(centre["lon"]), float(centre["lat"]))) / 1000.0


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else float("nan")
