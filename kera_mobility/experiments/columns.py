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
    "promises": {
        "t_s": f"when the promise was made; {_TIME}", "person": _PERSON, "trip": _TRIP, "leg": _LEG, "step": _STEP,
        "service": _SERVICE, "vehicle": f"{_VEHICLE} that had the promise in the end",
        "origin": f"stop of the pick-up; {_NODE}", "destination": f"stop of the arrival; {_NODE}",
        "ready_s": f"when the person was to be at the stop; {_TIME}",
        "latest_pickup_s": f"promised: picked up by then; {_TIME}",
        "latest_arrival_s": f"promised: there by then; {_TIME}",
        "came_s": f"when the person was at the stop; NaN if never; {_TIME}",
        "pickup_s": f"picked up; NaN if never; {_TIME}", "arrival_s": f"left the vehicle; NaN if never; {_TIME}",
        "direct_s": "ride straight to the stop, s", "end": "ridden, cancelled or expired",
        "cause": "why not as promised: late_rider, breakdown, streets, closed, snow, day_over; else empty",
    },
    "calls": {
        "t_s": f"departure from the stop; {_TIME}", "vehicle": _VEHICLE, "run": "id of the vehicle's run",
        "step": "number of the stop in the run, from 0", "service": _SERVICE, "place": _NODE,
        "alighted": "persons who left", "boarded": "persons who came in",
        "left_behind": "persons for whom there was no room", "aboard": "persons on departure",
    },
    "running": {
        "t_s": f"departure from the stop; {_TIME}", "vehicle": _VEHICLE, "run": "id of the vehicle's run",
        "step": "number of the stop in the run, from 0", "service": _SERVICE, "line": "name of the line",
        "type": "GTFS route_type of the line: 0 light rail, 1 metro, 2 rail, 3 bus",
        "place": _NODE, "arrive_late_s": "arrival after the timetable, s", "depart_late_s":
        "departure after the timetable, s", "held_s": "of that: held for people who were about to come, s",
        "others": "people aboard on departure who are not of the model", "seats": "seats of the vehicle",
        "ended": "why the run ended here or never began (cancelled, closed, broken); else empty",
    },
    "connections": {
        "t_s": f"when the person alighted; {_TIME}", "person": _PERSON, "trip": _TRIP, "leg": _LEG,
        "step": "number of the change in the leg, from 0", "service": _SERVICE, "place": _NODE,
        "end": "made as planned, saved (the next vehicle was late too, or held) or missed",
        "lost_s": "arrival at the end of the leg, as then foreseen, after that of the timetable's connection, s",
    },
    "laps": {
        "t_s": f"planned departure from the terminal; {_TIME}", "vehicle": _VEHICLE,
        "run": "number of the vehicle's day", "step": "number of the call in the run at which the lap begins, from 0",
        "service": _SERVICE,
        "end": "driven, or why it was not, or not to its end: broken, snow, low_battery, closed, ...; not_due",
        "left_s": f"when it left the terminal, NaN if it did not; {_TIME}",
        "held_s": "how long it waited for a late train, s", "held_aboard": "persons aboard when it began to wait",
        "saved": "persons who boarded only because it waited",
        "missed": "persons of the train that it was to meet who came after it had left",
    },
    "moves": {
        "t_s": f"start; {_TIME}", "vehicle": _VEHICLE, "run": "number of the move, or of the run",
        "step": "counts moves within a run, from 0", "service": _SERVICE,
        "cause": "ride, run of a line, charge at a terminal, or what a crew did: swap (of its battery), collect or "
        "rebalance (by van, 0 m)",
        "origin": _NODE, "destination": _NODE, "end_s": f"arrival; {_TIME}", "distance_m": "length, m",
        "charge": "state of charge on arrival, 0 to 1; NaN where there is no battery",
    },
    "states": {
        "t_s": f"from when on; {_TIME}", "vehicle": _VEHICLE, "step": "counts the vehicle's states in the day, from 0",
        "service": _SERVICE,
        "state": "parked, low (parked, little charge), reserved, ridden, in_van, broken, missing or away (withdrawn)",
        "place": f"where it stands, or stood last; {_NODE}", "charge": "state of charge, 0 to 1",
    },
    "considered": {
        "t_s": f"when the person chose; {_TIME}", "person": _PERSON, "trip": _TRIP,
        "step": "replans of the trip so far", "chain": "services of the journey, joined by +",
        "place": f"where the person stood; {_NODE}",
        "board": f"where a line is boarded; {_NODE}; -1 where there is none",
        "alight": f"where a line is left; {_NODE}; -1 where there is none",
        "walk_s": "expected walking, all legs, s; NaN where nothing was expected", "wait_s": "expected waiting, s",
        "ride_s": "expected riding, s", "fare_eur": "expected fares, or the cost of driving, EUR",
        "utility": "expected utility, steps of 2^-20 utils; the smallest integer where nothing was expected",
        "liking": "part of it that is not time and money: the way's constant and what is personal, steps of 2^-20",
        "answer": "of the first service, asked live: offered, or a reason of refusal; empty if it was not asked",
        "met_walk_s": "walking of the first leg as offered live, s; NaN if nothing was", "met_wait_s": "its waiting, s",
        "met_ride_s": "its riding, s", "met_fare_eur": "its fare, EUR",
        "met_utility": "utility by which it was ranked: as offered live, else at best; steps of 2^-20",
        "taken": "1 for the journey that was taken, else 0",
    },
    "crews": {
        "t_s": f"when the van set off; {_TIME}", "van": "number of the van, from 0",
        "shift": "number of the shift in the day, from 0", "step": "number of the stop in the shift, from 0: its begin",
        "service": _SERVICE, "origin": _NODE, "destination": _NODE, "arrive_s": f"arrival; {_TIME}",
        "end_s": f"when the work there was done; {_TIME}", "distance_m": "driven, m",
        "swapped": "vehicles that got another battery", "taken": "vehicles taken aboard",
        "put": "vehicles put out", "missed": "vehicles that were planned for and not found free",
        "aboard": "vehicles in the van on leaving", "spare": "charged batteries in the van on leaving",
        "charged": "charge that other batteries brought, 1 for a full one",
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
