"""How much people travel, how long it takes, and whose trip did not come about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.results.facts import Facts, Group, mean, quantile, share
from kera_mobility.results.kpis import Kpi, kpi, personal
from kera_mobility.results.record import numbers


@personal("trips", "trips", "Trips that people set out on or wanted to, completed or not.")
def trips(facts: Facts, group: Group) -> float:
    """Return the number of trips."""
    return int(np.count_nonzero(group.trips))


@personal("trips_per_person", "trips per person", "Trips, completed or not, per person of the population and day.")
def trips_per_person(facts: Facts, group: Group) -> float:
    """Return trips a person."""
    return share(int(np.count_nonzero(group.trips)), group.people)


@personal("door_to_door_s.mean", "s", "Mean time from setting out to arriving, of completed trips.")
def door_to_door_mean(facts: Facts, group: Group) -> float:
    """Return the mean door-to-door time."""
    return mean(facts.door_to_door_s[group.completed])


@personal("door_to_door_s.p90", "s", "90th percentile of the time from setting out to arriving, of completed trips.")
def door_to_door_p90(facts: Facts, group: Group) -> float:
    """Return the 90th percentile of door-to-door time."""
    return quantile(facts.door_to_door_s[group.completed], 0.9)


@personal("wait_s.mean", "s", "Mean waiting time of a completed trip, all legs together, no wait counting as zero.")
def wait_mean(facts: Facts, group: Group) -> float:
    """Return the mean wait."""
    return mean(facts.wait_s[group.completed])


@personal("walk_s.mean", "s", "Mean walking time of a completed trip by any mode, all legs together.")
def walk_mean(facts: Facts, group: Group) -> float:
    """Return the mean walk."""
    return mean(facts.walk_s[group.completed])


@personal("distance_m.mean", "m", "Mean length of a completed trip, walked and ridden.")
def distance_mean(facts: Facts, group: Group) -> float:
    """Return the mean length."""
    return mean(facts.distance_m[group.completed])


@personal("replans", "replans", "Times that people planned anew on the way, after a refusal, a missed ride or a delay.")
def replans(facts: Facts, group: Group) -> float:
    """Return the number of replans."""
    return int(numbers(facts.record.tables["trips"], "replans")[group.trips].astype(np.int64).sum())


@personal("under_way_at_end", "trips", "Trips still under way when the run ended.")
def under_way_at_end(facts: Facts, group: Group) -> float:
    """Return the trips that the end of the run cut off."""
    return int(np.count_nonzero(group.trips & (facts.outcome == "under_way")))


@kpi
def unserved(facts: Facts) -> Iterator[Kpi]:
    """Yield the trips that were given up, in all and by reason."""
    reason, names = facts.unserved_reason
    in_all = "Trips given up because no way to travel could be had."
    part = "Trips given up where the last thing that stood in the way was '{}'."
    for group in facts.groups:
        of_group = reason[group.trips]
        yield Kpi(f"unserved{group.suffix}", int(np.count_nonzero(of_group >= 0)), "trips", group.name, in_all)
        for code, name in enumerate(names):
            count = int(np.count_nonzero(of_group == code))
            if count:
                yield Kpi(f"unserved.{name}{group.suffix}", count, "trips", group.name, part.format(name))
