"""One trip's story in words: when and where, what came into question, denied requests, what was chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from kera_mobility.results.explain.inputs import RunReader
from kera_mobility.results.explain.trip_story import (
    OFFERED,
    Row,
    Story,
    UtilityRates,
    minutes,
    refused,
    utility,
    was_expected,
)
from kera_mobility.texts import visible
from kera_mobility.units import MINUTE_S, clock

MOST_JOURNEYS = 8
"""Journeys shown of those considered; those that were asked or taken are shown always."""

_END = {"ridden": "was ridden", "cancelled": "was given back", "expired": "ran out"}


def tell_trip(run: RunReader, story: Story) -> str:
    """Return the story of a trip, line by line in the order of its events."""
    trip, rates = story.trip, UtilityRates.of(run, story.trip["purpose"])
    lines = [_title(run, story), f"{clock(trip['ready_s'])}  ready to go"]
    if trip["outcome"] == "not_started":
        return "\n".join([*lines, "       never came to set out: the trip before lasted until the end of the day"])
    moments = sorted(_events(run, story, rates), key=lambda item: item[:3])
    lines += [line for *_, text in moments for line in text]
    return "\n".join([*lines, *_end(run, story), *_unsaid(run, story)])


def _title(run: RunReader, story: Story) -> str:
    trip, person = story.trip, story.person
    name = run.gazetteer.name
    traveller = f"{person.get('population', 'person')}, {person['age']} years" if "age" in person else "person"
    return (
        f"Trip {trip['person']}:{trip['trip']} ({traveller}; {trip['purpose']}): {name(trip['origin'])} to "
        f"{name(trip['destination'])}; {run.about}"
    )


def _events(run: RunReader, story: Story, rates: UtilityRates) -> Iterator[tuple[float, int, int, list[str]]]:
    """Yield moment, replans so far, order within both, and lines."""
    trip = story.trip
    if not story.choices and not _stayed(story):
        yield trip["t_s"], 0, 3, [f"{clock(trip['t_s'])}  set out"]
    for number, rows in enumerate(story.choices):
        t_s, step = rows[0]["t_s"], rows[0]["step"]
        yield t_s, step, 0, _considered(run, rows, rates)
        yield t_s, step, 2, _chosen(run, rows, rates)
        if number == 0 and trip["t_s"] > t_s:
            yield trip["t_s"], step, 3, [f"{clock(trip['t_s'])}  set out, so as to be there in time and no earlier"]
    for row in story.refusals:
        verb = "denied the request" if run.operated(row["service"]) else "had to turn"
        subject = f"{run.title(row['service'])} {verb}: " if row["service"] else ""
        yield row["t_s"], row["step"], 1, [f"{clock(row['t_s'])}  {subject}{run.meaning(row['reason'])}"]
    for row in story.legs:
        step = max((rows[0]["step"] for rows in story.choices if rows[0]["t_s"] <= row["t_s"]), default=0)
        yield row["t_s"], step, 4, [_leg(run, row)]
    for row in story.bookings:
        made = f"booked at {clock(row['t_s'])}"
        text = f"{clock(row['end_s'])}  the promise of {run.title(row['service'])} ({made}) {_END[row['end']]}"
        yield row["end_s"], row["step"], 0, [text]
    for row in story.connections:
        if row["end"] != "made":
            lost = f"{minutes(row['lost_s']):.0f} min lost"
            yield row["t_s"], -1, 5, [f"{clock(row['t_s'])}  connection {row['end']}, {lost}"]
    for row in story.notices:
        since = f"known since {clock(row['t_s'])}" if row["t_s"] < trip["ready_s"] else "notice"
        told = f"{since}: {visible(row['text'], keep='')}"
        yield row["t_s"], -1, 0, [f"{clock(max(row['t_s'], trip['ready_s']))}  {told}"]


def _considered(run: RunReader, rows: Sequence[Row], rates: UtilityRates) -> list[str]:
    """Return the journeys that came into question as a table."""
    where = run.gazetteer.name(rows[0]["place"])
    shown = [row for rank, row in enumerate(rows) if rank < MOST_JOURNEYS or row["taken"] or row["answer"]]
    names = {row["chain"]: journey(run, row["chain"]) for row in shown}
    width = max(len(name) for name in names.values())
    ways = "one journey" if len(rows) == 1 else f"{len(rows)} journeys"
    lines = [
        f"{clock(rows[0]['t_s'])}  at {where}: {ways} came into question",
        f"         {'journey':<{width}}  expected: walk  wait  ride min    fare EUR  worth EUR  live answer",
    ]
    for row in shown:
        mark = "->" if row["taken"] else "  "
        lines.append(f"      {mark} {names[row['chain']]:<{width}}  {_expected(row)}  {_against(row, rows, rates)}"
                     f"  {_answer(row)}".rstrip())  # fmt: skip
    hidden = len(rows) - len(shown)
    if hidden:
        lines.append(f"         and {hidden} more that were worth less")
    return lines


def _expected(row: Row) -> str:
    if not was_expected(row) or math.isnan(row["walk_s"]):
        return f"{'-':>14}  {'-':>4}  {'-':>4}      {'-':>10}"
    walk, wait, ride = (minutes(row[name]) for name in ("walk_s", "wait_s", "ride_s"))
    return f"{walk:>14.0f}  {wait:>4.0f}  {ride:>4.0f}      {row['fare_eur']:>10.2f}"


def worth_eur(row: Row, rows: Sequence[Row], rates: UtilityRates) -> float | None:
    """Return how many EUR more or less a journey was worth than the one of the rows that was taken, as it was ranked.

    None where the scenario has no price of utility.
    """
    return rates.eur(utility(row) - utility(_best(rows)))


def _best(rows: Sequence[Row]) -> Row:
    return next((row for row in rows if row["taken"]), rows[0])


def _against(row: Row, rows: Sequence[Row], rates: UtilityRates) -> str:
    eur = worth_eur(row, rows, rates)
    return f"{'-':>14}" if eur is None else f"{eur:>+14.2f}" if row is not _best(rows) else f"{'':>14}"


def _answer(row: Row) -> str:
    if refused(row):
        return f"no: {row['answer'].replace('_', ' ')}"
    if row["answer"] != OFFERED:
        return ""
    total_s = row["met_walk_s"] + row["met_wait_s"] + row["met_ride_s"]
    parts = [f"{minutes(row['met_wait_s']):.0f} min wait"] if row["met_wait_s"] >= MINUTE_S / 2 else []
    parts += [f"{minutes(row['met_walk_s']):.0f} min walk"] if row["met_walk_s"] >= MINUTE_S / 2 else []
    fare = f", {row['met_fare_eur']:.2f} EUR" if row["met_fare_eur"] else ""
    return f"yes: {minutes(total_s):.0f} min{', of it ' if parts else ''}{' and '.join(parts)}{fare}"


def _chosen(run: RunReader, rows: Sequence[Row], rates: UtilityRates) -> list[str]:
    """Return what was chosen and by how much it beat the second best that was to be had."""
    t_s = rows[0]["t_s"]
    chosen = next((row for row in rows if row["taken"]), None)
    if chosen is None:
        return []
    text = f"{clock(t_s)}  chose {journey(run, chosen['chain'])}"
    # What was not asked live is ranked at its best, and even so could not beat the one that was taken.
    alternatives = [row for row in rows if not row["taken"] and not refused(row) and was_expected(row)]
    if not alternatives:
        return [f"{text}: nothing else was to be had"]
    second = max(alternatives, key=lambda row: (utility(row), row["chain"]))
    lines = [f"{text}: worth {rates.words(utility(chosen) - utility(second))} more than the second best, "
             f"{journey(run, second['chain'])}"]  # fmt: skip
    if was_expected(chosen):
        liking = rates.eur(int(chosen["liking"]) - int(second["liking"]))
        if liking is not None:
            kind = "more" if liking >= 0 else "less"
            lines.append(f"       (apart from time and money it was liked {abs(liking):.2f} EUR {kind} than that)")
    return lines


def _leg(run: RunReader, row: Row) -> str:
    parts = [
        f"{minutes(row[name]):.0f} min {doing}"
        for name, doing in (("walk_s", "on foot"), ("wait_s", "waiting"), ("ride_s", "riding"))
        if row[name] >= MINUTE_S / 2
    ]
    km = (row["walk_m"] + row["ride_m"]) / 1000.0
    fare = f", {row['fare_eur']:.2f} EUR" if row["fare_eur"] else ""
    end_s = row["t_s"] + row["walk_s"] + row["wait_s"] + row["ride_s"]
    vehicle = f" (vehicle {row['vehicle']})" if row["vehicle"] >= 0 else ""
    ways = f"{run.gazetteer.name(row['origin'])} to {run.gazetteer.name(row['destination'])}"
    times = f"{', '.join(parts) or 'at once'}, {km:.1f} km{fare}"
    return f"{clock(row['t_s'])}  {run.title(row['service'])}{vehicle}, {ways}: {times}; until {clock(end_s)}"


def _end(run: RunReader, story: Story) -> list[str]:
    trip = story.trip
    took = f"{minutes(trip['end_s'] - trip['t_s']):.0f} min after setting out"
    late_s = trip["t_s"] - trip["ready_s"]
    waited = f", {minutes(trip['end_s'] - trip['ready_s']):.0f} min after being ready" if late_s > MINUTE_S / 2 else ""
    replans = f"; planned anew {trip['replans']} time{'s' if trip['replans'] > 1 else ''}" if trip["replans"] else ""
    ends = {
        "arrived": f"arrived by {journey(run, trip['chain'])}, {took}{waited}{replans}" if trip["chain"]
        else "was there already",
        "unserved": "gave up before setting out" if _stayed(story) else f"gave up, {took}{waited}{replans}",
        "under_way": f"was still under way when the day ended{replans}",
    }  # fmt: skip
    return [f"{clock(trip['end_s'])}  {ends.get(trip['outcome'], trip['outcome'])}"]


def _stayed(story: Story) -> bool:
    """Return whether the person gave the trip up where it was to begin."""
    return story.trip["outcome"] == "unserved" and not story.legs


def _unsaid(run: RunReader, story: Story) -> list[str]:
    """Return what the folder cannot tell."""
    if story.choices:
        return []
    if "considered" in run.lacking:
        return ["(An older result: it does not keep what came into question.)"]
    return ["(What else came into question is kept of trips that met a refusal only; --rerun tells it of this one.)"]


def journey(run: RunReader, chain: str) -> str:
    """Return the services of a chain by their titles."""
    return " + ".join(run.title(part) for part in chain.split("+")) if chain else "nothing"
