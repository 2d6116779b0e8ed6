"""Laws of trips and legs that hold on a plain day and on one with every mechanism on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

from kera_mobility.simulation.run import END_S, Run
from tests.kit.hamlet import TripRow, rows


class LivedDay(Protocol):
    """The trips that people set out to make, and what came of the day."""

    @property
    def trips(self) -> Sequence[TripRow]: ...

    @property
    def log(self) -> Run: ...


def by_trip(found: list[dict[str, Any]]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    grouped: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        grouped[row["person"], row["trip"]].append(row)
    return grouped


def every_wanted_trip_has_one_row_and_one_end(day: LivedDay) -> None:
    wanted = Counter(one.person for one in day.trips)
    found = rows(day.log, "trips")
    assert Counter(row["person"] for row in found) == wanted
    assert len({(row["person"], row["trip"]) for row in found}) == len(found)
    assert {row["outcome"] for row in found} <= {"arrived", "unserved", "under_way", "not_started"}
    assert all(row["end_s"] <= END_S for row in found)
    assert all((row["end_s"] == END_S) == (row["outcome"] in ("under_way", "not_started")) for row in found)


def the_legs_of_a_trip_chain_in_space_and_time_without_gaps(day: LivedDay) -> None:
    legs = by_trip(rows(day.log, "legs"))
    for trip in rows(day.log, "trips"):
        place, clock_s, number = trip["origin"], trip["t_s"], -1
        for leg in sorted(legs.pop((trip["person"], trip["trip"]), []), key=lambda leg: leg["leg"]):
            assert (leg["origin"], leg["t_s"]) == (place, clock_s)
            assert leg["leg"] > number
            assert min(leg[part] for part in ("walk_s", "wait_s", "ride_s", "walk_m", "ride_m", "fare_eur")) >= 0
            place, number = leg["destination"], leg["leg"]
            clock_s += leg["walk_s"] + leg["wait_s"] + leg["ride_s"]
        if trip["outcome"] == "arrived":
            assert (place, clock_s) == (trip["destination"], trip["end_s"])
        else:
            assert clock_s <= trip["end_s"]
            assert place != trip["destination"] or trip["outcome"] == "not_started"
    assert not legs, "legs of trips that nobody made"
