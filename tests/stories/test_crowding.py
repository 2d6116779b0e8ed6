"""How a full vehicle is felt, who stands, and who is denied boarding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.errors import ConfigError
from kera_mobility.results.events import KINDS, table_fingerprint
from kera_mobility.results.kpis import compute
from kera_mobility.services.contract import Requests
from kera_mobility.services.transit.crowding import CrowdingSettings, crowding_more_s, ride_weight
from kera_mobility.simulation.run import Run, live, open_services
from kera_mobility.town.town import Town
from kera_mobility.units import STEPS_PER_S
from tests.kit.background import write_background
from tests.kit.hamlet import (
    CITY,
    MILL,
    STATION,
    RunRow,
    TripRow,
    hamlet_timetable,
    hamlet_town,
    rows,
    run,
    scenario,
    trip,
)

QUARTERS = tuple(run((STATION, 28_800.0 + 900.0 * k), (CITY, 29_400.0 + 900.0 * k)) for k in range(4))
"""To the city at 8:00, 8:15, 8:30 and 8:45, 10 min each."""
TRAIN = {"places": 20, "boarding_penalty_min": 2.0, "seats": 10}


def crowded(tmp_path: Path, persons: float, trips: Sequence[TripRow] = (), trains: Sequence[RunRow] = QUARTERS) -> Town:
    """Return the hamlet, where `persons` others ride from the station to the city from 8 to 9."""
    town = hamlet_town(tmp_path, trips=trips, trains=trains)
    write_background(tmp_path, [(STATION, CITY, 8, persons)])
    return town


def rail(**changes: Any) -> dict[str, Any]:
    return {"train": TRAIN, "background": {"on": True}, **changes}


def felt(town: Town, **changes: Any) -> float:
    """Return the penalty that a ride to the city at 8:00 is expected to have, s."""
    service = open_services(scenario({"walk": {}, "rail": rail(**changes)}), town)["rail"]
    offers = service.expect(Requests(np.array([0]), np.array([STATION]), np.array([CITY]), np.array([28_800.0])))
    return float(offers.penalty_s[0])


def kpis(run: Run) -> dict[str, float]:
    return {kpi.id: kpi.value for kpi in compute(run.record)}


@pytest.mark.parametrize(
    ("load", "weight"),
    [
        (0.0, 0.86),  # the least
        (10.0, 1.05),  # every seat taken: 0.38 + 0.67
        (20.0, 0.5 * (0.76 + 0.67) + 0.5 * (1.64 + 0.765)),  # one half sits, one half stands
        (11.0, (10 / 11) * (0.418 + 0.67) + (1 / 11) * 1.79),  # standing has a least, too
    ],
)
def test_the_weight_of_a_minute_is_that_of_helmet(load: float, weight: float) -> None:
    assert ride_weight(CrowdingSettings(), np.array([load]), np.array([10.0]))[0] == pytest.approx(weight)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6).map(sorted))
def test_more_people_aboard_are_never_more_pleasant(loads: list[float]) -> None:
    weight = ride_weight(CrowdingSettings(), np.array(loads), np.full(len(loads), 10.0))
    assert np.all(np.diff(weight) >= -1e-12)


@given(st.lists(st.integers(0, 60), min_size=6, max_size=6))
def test_crowding_is_kept_in_steps_of_time(load: list[int]) -> None:
    trains = (run((MILL, "8:00"), (STATION, "8:05", "8:06"), (CITY, "8:16")),) * 2
    table = hamlet_timetable(trains)
    more_s = crowding_more_s(CrowdingSettings(), table, np.array(load), np.array([10, 7]))
    assert np.all(more_s * STEPS_PER_S % 1.0 == 0.0)
    assert more_s[3] == more_s[2], "nobody rides from the last stop of one run to the first of the next"


def test_a_crowded_ride_is_felt_longer_by_hand(tmp_path: Path) -> None:
    """80 others in four trains are 20 aboard each: 600 s are felt as 1.9175 times as long."""
    town = crowded(tmp_path, 80.0, [trip(1, STATION, CITY, "8:00")])
    assert felt(town) == 120.0
    assert felt(town, crowding={"on": True}) == 120.0 + 0.9175 * 600.0


def test_an_empty_train_is_felt_shorter(tmp_path: Path) -> None:
    town = crowded(tmp_path, 0.0, [trip(1, STATION, CITY, "8:00")])
    assert felt(town, crowding={"on": True}) == 36.0, "0.86 of 600 s"


def test_crowding_counts_in_every_vehicle_of_a_journey(tmp_path: Path) -> None:
    """From the mill with an empty train, on with one that 20 others fill."""
    trains = (run((MILL, "7:50"), (STATION, "7:55")), *QUARTERS)
    town = crowded(tmp_path, 80.0, [trip(1, MILL, CITY, "7:50")], trains)
    services = open_services(scenario({"walk": {}, "rail": rail(crowding={"on": True})}), town)
    request = Requests(np.array([0]), np.array([MILL]), np.array([CITY]), np.array([28_200.0]))
    penalty_s = services["rail"].expect(request).penalty_s[0]
    assert penalty_s == 2 * 120.0 + 180.0 - 0.14 * 300.0 + 0.9175 * 600.0


def test_who_finds_no_place_among_the_others_is_denied_boarding(tmp_path: Path) -> None:
    """19 of 20 places are taken: of two people one rides, the other with the next train."""
    town = crowded(tmp_path, 76.0, [trip(1, STATION, CITY, "7:59"), trip(2, STATION, CITY, "7:59")])
    today = live(scenario({"walk": {}, "rail": rail()}, prefer=("rail",)), town)
    assert [(row["boarded"], row["left_behind"]) for row in rows(today, "calls", place=STATION)[:2]] == [(1, 1), (1, 0)]
    assert sorted(row["end_s"] for row in rows(today, "trips")) == [29_400.0, 30_300.0]
    assert kpis(today)["transit.left_behind"] == 1


def test_who_stands_is_counted_by_hand(tmp_path: Path) -> None:
    """14 others and one of ours in a train with 10 seats: a third of 10 minutes is stood."""
    town = crowded(tmp_path, 56.0, [trip(1, STATION, CITY, "7:59")])
    values = kpis(live(scenario({"walk": {}, "rail": rail()}, prefer=("rail",)), town))
    assert values["transit.standing_min"] == pytest.approx(10.0 / 3.0)
    assert values["transit.standing_share"] == pytest.approx(1.0 / 3.0)
    assert values["transit.seat_load.max"] == 1.5
    assert values["transit.seat_load.mean"] == pytest.approx((15 + 3 * 14) / 40)


def test_without_a_table_or_a_background_the_settings_are_refused(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, STATION, CITY, "8:00")])
    with pytest.raises(ConfigError, match=r"services\.rail\.background\.on: .*background\.csv"):
        open_services(scenario({"rail": {"background": {"on": True}}}), town)
    with pytest.raises(ConfigError, match=r"services\.rail\.crowding\.on"):
        open_services(scenario({"rail": {"crowding": {"on": True}}}), town)


def test_a_background_of_nobody_is_a_day_as_before(tmp_path: Path) -> None:
    town = crowded(tmp_path, 0.0, [trip(1, STATION, CITY, "7:59"), trip(2, STATION, CITY, "8:16")])
    without, nobody = (
        live(scenario({"walk": {}, "rail": rail(background={"on": on})}, prefer=("rail",)), town)
        for on in (False, True)
    )
    for kind in KINDS:
        if kind != "running":
            table, other = without.record.tables[kind], nobody.record.tables[kind]
            assert table_fingerprint(table) == table_fingerprint(other), kind
