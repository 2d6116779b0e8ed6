"""An explanation as text for a planner: a few sentences, a block for each reason, and the sums beside the KPI table."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from kera_mobility.results.explain.cases import CUT_OFF, LEFT, PROMISE, REFUSED, UNSERVED, Case, Cases, by_population
from kera_mobility.results.explain.explanation import Explanation
from kera_mobility.results.explain.sequels import NOTHING_FIRST
from kera_mobility.units import clock

WIDTH = 110
"""Columns of the sentences."""
MOST_NOTICES = 8
"""Public facts shown of a day."""
MOST = 3
"""Places, hours and sequels named, unless told."""
_PROMISE = {"expired": "ran out unused", "cancelled": "were given back"}


def tell(found: Explanation, top: int = MOST) -> str:
    """Return the explanation as text, with at most `top` places and hours for each reason."""
    cases = found.cases
    parts = [_head(found), _in_short(found, cases), _announced(found)]
    parts += [*_given_up(found, cases, top), *_refused(found, cases, top), *_other(found, cases, top), _sums(found)]
    return "\n\n".join(part for part in parts if part)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _head(found: Explanation) -> str:
    several = len(found.runs) > 1
    which = f"{len(found.runs)} runs ({'; '.join(run.about for run in found.runs)})" if several else found.runs[0].about
    lines = [f"{found.title}: {which}"]
    if several:
        lines.append("Counts are sums over these runs.")
    for run in found.runs:
        if run.lacking:
            lines.append(
                f"{run.folder}: an older result, without the tables {', '.join(run.lacking)}; these count as 0."
            )
    return "\n".join(lines)


def _in_short(found: Explanation, cases: Cases) -> str:
    trips = sum(run.trips for run in found.runs)
    given_up = [(case, count) for case, count in cases.items() if case.what == UNSERVED]
    refused = _of(cases, REFUSED)
    lost = sum(count for _, count in given_up)
    residents = by_population(given_up, "residents")
    who = f" ({residents:,} by residents)" if lost else ""
    text = f"Of {trips:,} trips {_times(lost, 'was', 'were') if lost else 'none was'} given up{who}. "
    total = refused.total()
    if not total:
        return _wrapped(text + "No service said no to anybody.")
    (service, reason), most = _by(refused, lambda case: (case.service, case.reason)).most_common(1)[0]
    same = Counter({case: n for case, n in refused.items() if (case.service, case.reason) == (service, reason)})
    (place, hour), there = _by(same, lambda case: (case.place, case.hour)).most_common(1)[0]
    instead, did = _by(refused, lambda case: case.instead).most_common(1)[0]
    return _wrapped(
        f"{text}Services said no {_times(total, 'time', 'times')}. "
        f"Most often ({most:,}) it was {found.services[service]}: "
        f"{found.meaning(reason)}; most of all at {place} between {hour} and {hour + 1} o'clock ({there:,}). "
        f"Of all who were refused, most {instead} ({did:,})."
    )


def _announced(found: Explanation) -> str:
    """Return the public facts of the days: closures and the like, which people reckon with."""
    lines: list[str] = []
    for run in found.runs:
        first_s = {text: t_s for t_s, text in reversed(run.notices)}
        shown = [f"{clock(t_s)} {text}" for text, t_s in sorted(first_s.items(), key=lambda item: item[1])]
        if shown:
            rest = f"; and {len(shown) - MOST_NOTICES} more" if len(shown) > MOST_NOTICES else ""
            lines.append(_wrapped(f"Announced ({run.about}): {'; '.join(shown[:MOST_NOTICES])}{rest}."))
    return "\n".join(lines)


def _given_up(found: Explanation, cases: Cases, top: int) -> Iterator[str]:
    mine = _of(cases, UNSERVED)
    if not mine:
        return
    lines = [f"Trips given up: {mine.total():,}"]
    for (service, reason), count in _ordered(_by(mine, lambda case: (case.service, case.binding))):
        some = Counter({case: n for case, n in mine.items() if (case.service, case.binding) == (service, reason)})
        denied = f"after {found.services.get(service, service)} said no: {found.meaning(reason)}"
        lines += _block(count, mine.total(), denied if service else NOTHING_FIRST, some, top, instead=False)
    yield "\n".join(lines)


def _refused(found: Explanation, cases: Cases, top: int) -> Iterator[str]:
    refused = _of(cases, REFUSED)
    for service, total in _ordered(_by(refused, lambda case: case.service)):
        mine = Counter({case: n for case, n in refused.items() if case.service == service})
        said = "had to turn" if service in found.own else "said no"
        lines = [f"{found.services.get(service, service)} {said} {_times(total, 'time', 'times')}"]
        for reason, count in _ordered(_by(mine, lambda case: case.reason)):
            some = Counter({case: n for case, n in mine.items() if case.reason == reason})
            lines += _block(count, total, found.meaning(reason), some, top)
        yield "\n".join(lines)


def _other(found: Explanation, cases: Cases, top: int) -> Iterator[str]:
    """Yield promises that were not kept, people left at stops, and trips that the end of the day cut off."""
    lines: list[str] = []
    promises = _of(cases, PROMISE)
    for (service, end), count in _ordered(_by(promises, lambda case: (case.service, case.reason))):
        some = Counter({case: n for case, n in promises.items() if (case.service, case.reason) == (service, end)})
        what = f"{_times(count, 'promise', 'promises')} of {found.services.get(service, service)} {_PROMISE[end]}"
        lines += [what, *_details(some, top)]
    left = _of(cases, LEFT)
    for service, count in _ordered(_by(left, lambda case: case.service)):
        some = Counter({case: n for case, n in left.items() if case.service == service})
        what = f"{_times(count, 'person was', 'people were')} left at a stop by a full vehicle"
        lines += [f"{what} of {found.services.get(service, service)}", *_details(some, top, instead=False)]
    cut_off = _of(cases, CUT_OFF)
    if cut_off:
        trips = _times(cut_off.total(), "trip was", "trips were")
        lines += [f"{trips} still under way when the day ended", *_details(cut_off, top, instead=False)]
    if lines:
        yield "\n".join(["Promises, queues and the day's end", *lines])


def _sums(found: Explanation) -> str:
    sums, wrong = found.sums, found.disagreements
    width = max((len(one.id) for one in sums), default=0)
    lines = [f"  {'figure':<{width}}  {'added up here':>14}  {'KPI table':>12}"]
    for one in sums:
        kpi = "-" if one.kpi is None else f"{one.kpi:,.0f}" if float(one.kpi).is_integer() else f"{one.kpi}"
        lines.append(f"  {one.id:<{width}}  {one.here:>14,}  {kpi:>12}{'' if one.agrees else '   DOES NOT AGREE'}")
    if wrong:
        lines.append("")
        for run, one in wrong:
            lines.append(f"DOES NOT AGREE: {run.folder}: {one.id} is {one.kpi} in the KPI table, {one.here} here")
        lines.append("The result is torn, or kpis.json is not that of these tables. Do not use these figures.")
    else:
        lines.append(f"All {len(sums)} sums agree exactly with the KPI table.")
    return "\n".join(["Checked against the KPI table", *lines])


def _block(count: int, whole: int, why: str, some: Cases, top: int, *, instead: bool = True) -> list[str]:
    return [f"  {count:>7,}  {100 * count / whole:>3.0f} %  {why}", *_details(some, top, instead=instead)]


def _details(some: Cases, top: int, *, instead: bool = True) -> list[str]:
    """Return where, when and what instead, each with a rest so that the line adds up."""
    lines = [
        "                  where    " + _list(_by(some, lambda case: case.place), top, "elsewhere"),
        "                  when     " + _list(_by(some, lambda case: _hours(case.hour)), top, "at other hours"),
    ]
    if instead:
        lines.append("                  instead  " + _list(_by(some, lambda case: case.instead), top + 2, "other"))
    return lines


def _list(counts: Counter[str], top: int, rest: str) -> str:
    shown = _ordered(counts)[:top]
    left = counts.total() - sum(count for _, count in shown)
    return ", ".join([*(f"{name} {count:,}" for name, count in shown), *([f"{rest} {left:,}"] if left else [])])


def _by(cases: Cases, key: Callable[[Case], Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for case, count in cases.items():
        found[key(case)] += count
    return Counter(dict(_ordered(found)))


def _of(cases: Cases, what: str) -> Cases:
    return Counter({case: count for case, count in cases.items() if case.what == what})


def _ordered(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """Return the counts from the highest down, equals by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _hours(hour: int) -> str:
    return f"{hour:02d}-{hour + 1:02d}"


def _times(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
