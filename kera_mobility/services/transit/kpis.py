"""How lines ran: room and who sat, punctuality, cancelled runs, connections made and missed, what delays cost.

Punctuality, seats and connections are known of lines that ran otherwise than by their timetable (table `running`).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from kera_mobility.results.facts import Facts, mean, share, total
from kera_mobility.results.kpis import Kpi, kpi, service_kpi
from kera_mobility.results.line_kinds import of_the_map
from kera_mobility.town.timetable.route_types import KIND_TYPES
from kera_mobility.units import MINUTE_S

PUNCTUAL_S = 180.0
"""A run that reaches its last stop less than 3 min late is punctual. Source: Finnish commuter trains, 2017
(train.punctuality_commuter_2017)."""
CONNECTION_ENDS = {
    "made": "Changes of vehicle that went as the timetable has them.",
    "saved": "Changes that were too late by the timetable, but for a next vehicle that was late or waited.",
    "missed": "Changes to a vehicle that had left, or did not run.",
}


@kpi
def room(facts: Facts) -> Iterator[Kpi]:
    """Yield how much of the room that each line offered people of the model used."""
    for service in facts.services:
        if not facts.of_service("calls", service).num_rows:
            continue
        moves, vehicles = (facts.frame(kind, service) for kind in ("moves", "vehicles"))
        ridden_km = total(facts.frame("legs", service)["ride_m"]) / 1000.0
        offered_km = _offered_km(moves, "vehicle", vehicles["places"], vehicles["vehicle"])
        definition = "Passenger kilometres of people of the model over kilometres of places, seats and standing room."
        used = share(ridden_km, offered_km)
        yield service_kpi(service, "passenger_km_per_place_km", used, "share of places", definition)
        runs = facts.frame("running", service).drop_duplicates("run")
        if len(runs):
            used = share(ridden_km, _offered_km(moves, "run", runs["seats"], runs["run"]))
            definition = "Passenger kilometres of people of the model over kilometres of seats."
            yield service_kpi(service, "passenger_km_per_seat_km", used, "share of seats", definition)


@kpi
def tickets(facts: Facts) -> Iterator[Kpi]:
    """Yield what season tickets paid by the month bring in, and what a ride earns with them."""
    for service, about in facts.services.items():
        season_eur = float(about.get("season_eur_per_day", 0.0))
        if season_eur:
            fares_eur = facts.rides(service)["fare_eur"]
            definition = "What season tickets bring in a day, a thirtieth of their monthly price; not in the fares."
            yield service_kpi(service, "season_eur", season_eur, "EUR", definition)
            definition = "Fares and season tickets of the day over its rides."
            earned_eur = share(total(fares_eur) + season_eur, len(fares_eur))
            yield service_kpi(service, "earned_eur_per_ride", earned_eur, "EUR per ride", definition)


@kpi
def standing(facts: Facts) -> Iterator[Kpi]:
    """Yield how long people of the model stood, if all aboard are as likely to have a seat, and how full it was."""
    for service, running in _as_run(facts):
        next_s = running.groupby("run")["t_s"].shift(-1)
        hops = running.assign(hop_s=next_s - running["t_s"], load=running["aboard"] + running["others"])
        hops = hops[next_s.notna()]
        stood = (hops["load"] - hops["seats"]).clip(lower=0.0) / hops["load"].clip(lower=1.0)
        ridden_min = total(hops["aboard"] * hops["hop_s"]) / MINUTE_S
        stood_min = total(hops["aboard"] * stood * hops["hop_s"]) / MINUTE_S
        definition = "Minutes that people of the model stood for want of a seat."
        yield service_kpi(service, "standing_min", stood_min, "min", definition)
        definition = "Of the minutes that people of the model rode, the share that they stood for want of a seat."
        yield service_kpi(service, "standing_share", share(stood_min, ridden_min), "share of minutes", definition)
        highest = float((hops["load"] / hops["seats"]).max())
        definition = "Highest number aboard between two stops, others than of the model too, over the seats."
        yield service_kpi(service, "seat_load.max", highest, "share of seats", definition)
        filled = share(total(hops["load"] * hops["hop_s"]), total(hops["seats"] * hops["hop_s"]))
        definition = "Mean number aboard over seats while under way, others than of the model too."
        yield service_kpi(service, "seat_load.mean", filled, "share of seats", definition)


@kpi
def punctuality(facts: Facts) -> Iterator[Kpi]:
    """Yield how punctual each line was and what that cost people."""
    for service, running in _as_run(facts):
        is_cut = running["ended"] != ""
        yield service_kpi(service, "cut_share", share(int(is_cut.sum()), running["run"].nunique()), "share of runs",
                          "Runs that were cancelled, or ended before their last stop.")  # fmt: skip
        last_calls = running[~running["run"].duplicated(keep="last") & ~is_cut]
        definition = "Runs that reached their last stop less than 3 min late; cancelled and cut ones do not count."
        kinds = {"": last_calls["type"] >= 0} | {
            f".{kind}": last_calls["type"] == basic for kind, basic in KIND_TYPES.items()
        }
        for suffix, is_kind in kinds.items():
            late_s = last_calls.loc[is_kind, "arrive_late_s"]
            if len(late_s):
                punctual = share(int((late_s < PUNCTUAL_S).sum()), len(late_s))
                yield service_kpi(service, f"punctual_share{suffix}", punctual, "share of runs", definition)
        late_min = mean(last_calls["arrive_late_s"]) / MINUTE_S
        yield service_kpi(service, "late_min.mean", late_min, "min", "Mean lateness at the last stop.")
        definition = "Minutes that vehicles waited for people about to change."
        yield service_kpi(service, "held_min", total(running["held_s"]) / MINUTE_S, "min", definition)
        delay_min = total(running["alighted"] * running["arrive_late_s"]) / MINUTE_S
        definition = "Lateness of the vehicle summed over those who alighted from it."
        yield service_kpi(service, "delay_person_min", delay_min, "person-min", definition)


@kpi
def connections(facts: Facts) -> Iterator[Kpi]:
    """Yield what became of the connections that the timetable promises people who change."""
    for service in facts.services:
        if not facts.of_service("running", service).num_rows:
            continue
        changes = facts.frame("connections", service)
        for end, definition in CONNECTION_ENDS.items():
            count = int((changes["end"] == end).sum())
            yield service_kpi(service, f"connections.{end}", count, "connections", definition)
        lost_min = total(changes.loc[changes["end"] == "missed", "lost_s"].dropna()) / MINUTE_S
        definition = "Minutes by which the next way arrives later than the missed connection by timetable."
        yield service_kpi(service, "connections.lost_min", lost_min, "min", definition)


def _as_run(facts: Facts) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each service with the calls of its runs as they were run, in order of run and step.

    People of the model who were `aboard` on leaving and who `alighted` are beside them, 0 where the run did not call.
    """
    for service in facts.services:
        running = facts.frame("running", service)
        if len(running):
            calls = facts.frame("calls", service)[["run", "step", "aboard", "alighted"]]
            joined = running.merge(calls, how="left", on=["run", "step"]).fillna({"aboard": 0, "alighted": 0})
            yield service, of_the_map(facts, service, joined.sort_values(["run", "step"]))


def _offered_km(moves: pd.DataFrame, by: str, room: pd.Series, keys: pd.Series) -> float:
    """Return kilometres times the room of each vehicle or run, 0 where none is known."""
    return total(moves["distance_m"] * moves[by].map(dict(zip(keys, room, strict=True))).fillna(0.0)) / 1000.0
