"""How long do people wait for a taxi, and how fast is that computed? A day that other simulators can run too.

    python -m benchmarks.shared_workload [--people 5000] [--trips persons.csv] [--weights 1 0 0] [--weights 1 1 1]

A grid of 40 by 40 corners, 100 m apart, 40 km/h; people make three trips each from 6 to 22 o'clock, the next one some
time after they have come: 15 % by taxi, shared, from max(10, people / 50) vehicles with four places. Only taxis are
lived: a trip on foot (1.2 m/s), by scooter (5.5 m/s) or by a line (3 m/s from door to door, assumed) takes its time.
No vehicle is followed along its street second by second, as a traffic simulator does: compare waits, not streams.

`--trips` reads the day from a file with columns person, trip, depart_s (of the first), ox, oy, dx, dy (m), mode, stay_s
(after the trip, before the next); else one of the same kind is drawn. `--policy nearest` is the nearest idle vehicle.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import simpy

from benchmarks.on_demand import grid_town
from kera_mobility.dice import Dice
from kera_mobility.results.events import EventLog
from kera_mobility.services.contract import Booking, Leg
from kera_mobility.services.on_demand.service import OnDemand
from kera_mobility.services.on_demand.settings import OnDemandSettings
from kera_mobility.services.world import World
from kera_mobility.simulation.run import END_S
from kera_mobility.units import round_s

SIDE, BLOCK_M = 40, 100.0
STREET_M_S = 40.0 / 3.6
SPEED_M_S = {"walk": 1.2, "scooter": 5.5, "public": 3.0}
MODES, SHARES = ("walk", "public", "taxi", "scooter"), (0.30, 0.45, 0.15, 0.10)
RETRY_S, PATIENCE_S = 120.0, 7200.0
"""Who is refused asks again after the one, until the other is over."""

Life = Generator[simpy.Event, Any, None]


def drawn_day(people: int) -> pd.DataFrame:
    """Return a day of the kind described above, three rows each person."""
    dice, every = Dice.of(1).at("shared workload"), np.arange(people)
    place = {
        name: np.stack([dice.uniform(f"{name} {axis}", every) for axis in "xy"], axis=1) * (SIDE - 1) * BLOCK_M
        for name in "abc"
    }
    trips = []
    for trip, (origin, destination) in enumerate(("ab", "bc", "ca")):
        mode = np.searchsorted(np.cumsum(SHARES[:-1]), dice.uniform(f"mode {trip}", every), side="right")
        frame = pd.DataFrame(np.hstack([place[origin], place[destination]]), columns=["ox", "oy", "dx", "dy"])
        stay_s = 3600.0 + dice.uniform(f"stay {trip}", every) * 6 * 3600.0
        depart_s = (6 + 6 * dice.uniform("begin", every)) * 3600.0 if trip == 0 else np.full(people, np.nan)
        trips.append(
            frame.assign(person=every, trip=trip, depart_s=depart_s, mode=np.array(MODES)[mode], stay_s=stay_s)
        )
    return pd.concat(trips).sort_values(["person", "trip"], ignore_index=True)


def live(day: pd.DataFrame, dispatch: dict[str, Any]) -> dict[str, float]:
    """Return how the day went and the CPU-seconds that it took."""
    people = int(day["person"].max()) + 1
    town = grid_town(people, SIDE, BLOCK_M, STREET_M_S)
    lon, lat = np.asarray(town.streets.node_lonlat)[SIDE * SIDE // 2 + SIDE // 2].tolist()
    settings = OnDemandSettings.model_validate(
        {
            "vehicles": max(10, people // 50), "seats": 4, "depots": [{"lon": lon, "lat": lat}], "stop_spacing_m": 0.0,
            "operating_radius_m": 20_000.0, "driving_factor": 1.0, "stop_s": 10.0, "dispatch": dispatch,
            "max_wait_s": 900.0, "shifts": [{"start_s": 5 * 3600, "end_s": 28 * 3600}],
        }
    )  # fmt: skip
    service = OnDemand("on_demand", settings, town)
    world = World(simpy.Environment(), town.skims, Dice.of(1), EventLog(), END_S)
    service.start(world)
    node = {
        name: np.rint(day[[f"{name}y", f"{name}x"]].to_numpy() / BLOCK_M).astype(int) @ np.array([SIDE, 1])
        for name in "od"
    }
    straight_m = (day["dx"] - day["ox"]).abs() + (day["dy"] - day["oy"]).abs()
    day = day.assign(origin=node["o"], destination=node["d"], way_m=straight_m, stay_s=day["stay_s"].fillna(0.0))
    waits: list[float] = []
    rides: list[float] = []
    for _, trips in day.groupby("person", sort=True):
        world.env.process(_person(world, service, trips.to_dict("records"), waits, rides))
    begin_s = time.process_time()
    world.env.run(until=END_S)
    service.finish()
    spent_s = time.process_time() - begin_s
    moves = pd.DataFrame(world.log.tables()["moves"].to_pylist())
    return {
        "CPU-seconds": spent_s,
        "taxi trips asked": float((day["mode"] == "taxi").sum()), "taxi trips served": float(len(waits)),
        "mean wait, s": float(np.mean(waits)), "90th percentile of waits, s": float(np.quantile(waits, 0.9)),
        "mean ride, s": float(np.mean(rides)),
        "driving, vehicle-hours": float((moves["end_s"] - moves["t_s"]).sum() / 3600.0),
    }  # fmt: skip


def _person(
    world: World, service: OnDemand, trips: list[dict[str, Any]], waits: list[float], rides: list[float]
) -> Life:
    env = world.env
    yield env.timeout(float(round_s(np.asarray(trips[0]["depart_s"]))))
    for trip in trips:
        if trip["mode"] != "taxi":
            yield env.timeout(float(round_s(np.asarray(trip["way_m"] / SPEED_M_S[trip["mode"]]))))
        elif trip["origin"] != trip["destination"]:
            yield from _taxi(world, service, trip, waits, rides)
        yield env.timeout(float(trip["stay_s"]))


def _taxi(world: World, service: OnDemand, trip: dict[str, Any], waits: list[float], rides: list[float]) -> Life:
    asked_s = world.env.now
    while world.env.now < asked_s + PATIENCE_S:
        leg = Leg("on_demand", trip["origin"], trip["destination"], trip["person"], trip["person"], trip["trip"], 0)
        booking = service.book(leg)
        if isinstance(booking, Booking):
            before_s = world.env.now - asked_s
            outcome = yield from service.ride(booking)
            waits.append(before_s + outcome.wait_s)
            rides.append(outcome.ride_s)
            return
        yield world.env.timeout(RETRY_S)


def main() -> None:
    """Live the day with each set of weights, and print."""
    parser = argparse.ArgumentParser(description="Waits for a taxi on a workload shared with other simulators")
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--trips", type=Path, help="a file of trips; else they are drawn")
    parser.add_argument("--policy", default="insertion")
    parser.add_argument("--weights", type=float, nargs=3, action="append", metavar=("DRIVING", "WAITING", "RIDING"))
    arguments = parser.parse_args()
    day = pd.read_csv(arguments.trips) if arguments.trips else drawn_day(arguments.people)
    names = ("driving_weight", "waiting_weight", "riding_weight")
    choices = [dict(zip(names, weights, strict=True)) for weights in arguments.weights or ()] or [{}]
    for choice in choices:
        print(f"\n{arguments.policy} {' '.join(f'{name} {value:g}' for name, value in choice.items())}")
        for title, value in live(day, {"kind": arguments.policy, **choice}).items():
            print(f"  {title:28} {value:10,.1f}", flush=True)


if __name__ == "__main__":
    main()
