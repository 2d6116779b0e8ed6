"""What the columns of a run's tables mean, with their units; `kera schema` says the same of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from kera_mobility.errors import ResultError, nearest_name

_TIME = "seconds from the midnight that starts the day, in steps of 1/64 s"
_PERSON = "id of the person, the same in every scenario of an area"
_TRIP = "number of the trip in the person's day, from 0"
_LEG = "number of the leg in the trip, from 0"
_STEP = "counts repeated requests within a leg, from 0"
_SERVICE = "name of the service in the scenario"
_VEHICLE = "id of the vehicle"
_NODE = "street node; its place is in the table places"

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "trips": {
        "t_s": f"when the person set out; {_TIME}", "person": _PERSON, "trip": _TRIP,
        "tour": "number of the tour (from home to home) in the day, from 0",
        "purpose": "work, school, study, shopping or other: what the tour is for",
        "origin": _NODE, "destination": _NODE,
        "chain": "services of the journey that was taken, joined by +; empty if there was none",
        "outcome": "arrived, unserved (no service would take the person), under_way or not_started at the day's end",
        "end_s": f"when the trip ended; {_TIME}", "ready_s": f"when the person wanted to set out; {_TIME}",
        "replans": "how often the person had to think again on the way",
        "utility": "expected utility of the journey, steps of 2^-20 utils",
    },
    "legs": {
        "t_s": f"when the leg began; {_TIME}", "person": _PERSON, "trip": _TRIP, "leg": _LEG, "service": _SERVICE,
        "origin": _NODE, "destination": _NODE, "walk_s": "walking to, from and inside the service, s",
        "wait_s": "waiting, s", "ride_s": "riding, s", "walk_m": "walked, m", "ride_m": "ridden, m",
        "fare_eur": "paid, or for a car the cost of driving, EUR", "vehicle": f"{_VEHICLE}; -1 where it has none",
    },
    "refusals": {
        "t_s": f"when the service said no; {_TIME}", "person": _PERSON, "trip": _TRIP, "leg": _LEG, "step": _STEP,
        "service": _SERVICE, "reason": "why, such as full or no_vehicle", "place": f"where the person stood; {_NODE}",
    },
    "bookings": {
        "t_s": f"when the promise was made; {_TIME}", "person": _PERSON, "trip": _TRIP, "leg": _LEG, "step": _STEP,
        "service": _SERVICE, "vehicle": _VEHICLE, "end": "ridden, cancelled or expired",
        "end_s": f"when it ended; {_TIME}",
    },
    "calls": {
        "t_s": f"departure from the stop; {_TIME}", "vehicle": _VEHICLE, "run": "id of the vehicle's run",
        "step": "number of the stop in the run, from 0", "service": _SERVICE, "place": _NODE,
        "alighted": "persons who left", "boarded": "persons who came in",
        "left_behind": "persons for whom there was no room", "aboard": "persons on departure",
    },
    "moves": {
        "t_s": f"start; {_TIME}", "vehicle": _VEHICLE, "run": "number of the move, or of the run",
        "step": "counts moves within a run, from 0", "service": _SERVICE, "cause": "ride, or run of a line",
        "origin": _NODE, "destination": _NODE, "end_s": f"arrival; {_TIME}", "distance_m": "length, m",
        "charge": "state of charge on arrival, 0 to 1; NaN where there is no battery",
    },
    "notices": {
        "t_s": f"when it was posted; {_TIME}", "topic": "what it is about", "place": f"{_NODE}; -1 for everywhere",
        "text": "what it says",
    },
    "people": {
        "person": _PERSON, "household": "id of the household", "population": "resident, worker or neighbour",
        "age": "years", "home": _NODE, "household_cars": "cars of the household", "licence": "may drive",
        "main_driver": "has a car of one's own use", "bicycle": "has a bicycle",
        "season_ticket": "has a season ticket of public transport",
        "expected_utility_eur": "what the day was expected to be worth before it was lived, EUR (logsum over cost)",
    },
    "vehicles": {
        "vehicle": _VEHICLE, "service": _SERVICE, "places": "seats and standing room", "start_place": _NODE,
        "end_place": _NODE, "start_charge": "state of charge in the morning, 0 to 1; NaN if none",
        "end_charge": "state of charge at the day's end, 0 to 1; NaN if none",
    },
    "places": {
        "node": "number of the street node", "lon": "degrees east, WGS 84", "lat": "degrees north, WGS 84",
        "name": "name of the stop or hub, if it is one", "kind": "street, stop, hub or outside",
    },
}  # fmt: skip
"""Table -> column -> what it means. `people` has besides `registered.<service>` for each service with an app."""


def columns(table: str) -> dict[str, str]:
    """Return what the columns of a table mean: of a kind of event, or of people, vehicles, places.

    Raises
    ------
    ResultError
        If there is no such table.
    """
    if table not in DESCRIPTIONS:
        known = list(DESCRIPTIONS)
        raise ResultError(f"no table '{table}'{nearest_name(table, known)}; expected one of {', '.join(known)}")
    return dict(DESCRIPTIONS[table])
