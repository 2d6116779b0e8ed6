"""An explanation as text for a planner: a few sentences, a block for each reason, and the sums beside the KPI table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from kera_mobility.results.explain.cases import (
    CUT_OFF,
    LEFT,
    PROMISE,
    REFUSED,
    UNSERVED,
    Cases,
    by_population,
    grouped,
    of_kind,
)
from kera_mobility.results.explain.explanation import Explanation
from kera_mobility.results.explain.sequels import NOTHING_FIRST
from kera_mobility.units import clock

WIDTH = 110
"""Columns of the sentences."""
MOST_NOTICES = 8
"""Public facts shown of a day."""
DETAIL = " " * 18
"""Before where, when and what instead, below a reason."""
MOST = 3
"""Places, hours and sequels named, unless told."""
_PROMISE = {"expired": "ran out unused", "cancelled": "were given back"}


def explanation_text(explanation: Explanation, top: int = MOST) -> str:
    """Return the explanation as text, with at most `top` places and hours for each reason."""
    cases = explanation.cases
    parts = [
        _head(explanation), _in_short(explanation, cases), _announced(explanation), *_given_up(explanation, cases, top),
        *_refused(explanation, cases, top), *_other(explanation, cases, top), _sums(explanation),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def brief_explanation(explanation: Explanation, width: int) -> list[str]:
    """Return what matters of the explanation as lines: the sentences, whether sums agree, and the reasons by count."""
    cases, wrong = explanation.cases, explanation.disagreements
    lines = _head(explanation).splitlines()[:1]
    lacking = sum(bool(run.lacking) for run in explanation.runs)
    lines += [f"{lacking} older results lack tables, which count as 0."] if lacking else []
    lines += textwrap.wrap(_in_short(explanation, cases), width)
    verdict = f"All {len(explanation.sums)} sums agree exactly with the KPI table."
    lines.append(
        f"DOES NOT AGREE with the KPI table: {len(wrong)} sums. Do not use these figures." if wrong else verdict
    )
    reasons = "\n".join([*_given_up(explanation, cases, 0), *_refused(explanation, cases, 0)]).splitlines()
    return [*lines, *(line for line in reasons if not line.startswith(DETAIL))]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _head(explanation: Explanation) -> str:
    runs = explanation.runs
    names = f"{len(runs)} runs ({'; '.join(run.about for run in runs)})" if len(runs) > 1 else runs[0].about
    lines = [f"{explanation.title}: {names}", *(["Counts are sums over these runs."] if len(runs) > 1 else [])]
    for run in runs:
        if run.lacking:
            lines.append(
                f"{run.folder}: an older result, without the tables {', '.join(run.lacking)}; these count as 0."
            )
    return "\n".join(lines)


def _in_short(explanation: Explanation, cases: Cases) -> str:
    trips = sum(run.trips for run in explanation.runs)
    given_up, refused = of_kind(cases, UNSERVED), of_kind(cases, REFUSED)
    lost, total = given_up.total(), refused.total()
    by_residents = f" ({by_population(given_up.items(), 'residents'):,} by residents)" if lost else ""
    text = f"Of {trips:,} trips {_times(lost, 'was', 'were') if lost else 'none was'} given up{by_residents}. "
    if not total:
        return _wrapped(text + "No request was denied.")
    (service, reason), commonest = grouped(refused, lambda case: (case.service, case.reason))[0]
    (place, hour), worst = grouped(commonest, lambda case: (case.place, case.hour))[0]
    instead, did = grouped(refused, lambda case: case.instead)[0]
    return _wrapped(
        f"{text}Services denied {_times(total, 'request', 'requests')}. "
        f"Most often ({commonest.total():,}) it was {explanation.title_of(service)}: "
        f"{explanation.meaning(reason)}; most of all at {place} between {hour} and {hour + 1} o'clock "
        f"({worst.total():,}). Of all whose request was denied, most {instead} ({did.total():,})."
    )


def _announced(explanation: Explanation) -> str:
    """Return the public facts of the days: closures and the like, which people reckon with."""
    lines: list[str] = []
    for run in explanation.runs:
        first_s = {text: t_s for t_s, text in reversed(run.notices)}
        shown = [f"{clock(t_s)} {text}" for text, t_s in sorted(first_s.items(), key=lambda item: item[1])]
        if shown:
            rest = f"; and {len(shown) - MOST_NOTICES} more" if len(shown) > MOST_NOTICES else ""
            lines.append(_wrapped(f"Announced ({run.about}): {'; '.join(shown[:MOST_NOTICES])}{rest}."))
    return "\n".join(lines)


def _given_up(explanation: Explanation, cases: Cases, top: int) -> Iterator[str]:
    given_up = of_kind(cases, UNSERVED)
    if not given_up:
        return
    lines = [f"Trips given up: {given_up.total():,}"]
    for (service, reason), alike in grouped(given_up, lambda case: (case.service, case.binding)):
        denied = f"after {explanation.title_of(service)} denied the request: {explanation.meaning(reason)}"
        lines += _block(alike, given_up.total(), denied if service else NOTHING_FIRST, top, instead=False)
    yield "\n".join(lines)


def _refused(explanation: Explanation, cases: Cases, top: int) -> Iterator[str]:
    for service, refused in grouped(of_kind(cases, REFUSED), lambda case: case.service):
        own, total = service in explanation.own, refused.total()
        words = (
            f"had to turn {_times(total, 'time', 'times')}" if own else f"denied {_times(total, 'request', 'requests')}"
        )
        lines = [f"{explanation.title_of(service)} {words}"]
        for reason, alike in grouped(refused, lambda case: case.reason):
            lines += _block(alike, refused.total(), explanation.meaning(reason), top)
        yield "\n".join(lines)


def _other(explanation: Explanation, cases: Cases, top: int) -> Iterator[str]:
    """Yield promises that were not kept, people left at stops, and trips that the end of the day cut off."""
    lines: list[str] = []
    for (service, end), alike in grouped(of_kind(cases, PROMISE), lambda case: (case.service, case.reason)):
        promises = _times(alike.total(), "promise", "promises")
        lines += [f"{promises} of {explanation.title_of(service)} {_PROMISE[end]}", *_details(alike, top)]
    for service, alike in grouped(of_kind(cases, LEFT), lambda case: case.service):
        people = f"{_times(alike.total(), 'person was', 'people were')} left at a stop by a full vehicle"
        lines += [f"{people} of {explanation.title_of(service)}", *_details(alike, top, instead=False)]
    cut_off = of_kind(cases, CUT_OFF)
    if cut_off:
        trips = _times(cut_off.total(), "trip was", "trips were")
        lines += [f"{trips} still under way when the day ended", *_details(cut_off, top, instead=False)]
    if lines:
        yield "\n".join(["Promises, queues and the day's end", *lines])


def _sums(explanation: Explanation) -> str:
    sums, wrong = explanation.sums, explanation.disagreements
    width = max((len(figure.id) for figure in sums), default=0)
    lines = [f"  {'figure':<{width}}  {'added up here':>14}  {'KPI table':>12}"]
    for name, here, value in sums:
        kpi = "-" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value}"
        mark = "" if here == (value or 0) else "   DOES NOT AGREE"
        lines.append(f"  {name:<{width}}  {here:>14,}  {kpi:>12}{mark}")
    if wrong:
        lines.append("")
        for run, (name, here, value) in wrong:
            lines.append(f"DOES NOT AGREE: {run.folder}: {name} is {value} in the KPI table, {here} here")
        lines.append("The result is torn, or kpis.json is not that of these tables. Do not use these figures.")
    else:
        lines.append(f"All {len(sums)} sums agree exactly with the KPI table.")
    return "\n".join(["Checked against the KPI table", *lines])


def _block(cases: Cases, total: int, meaning: str, top: int, *, instead: bool = True) -> list[str]:
    count = cases.total()
    return [f"  {count:>7,}  {100 * count / total:>3.0f} %  {meaning}", *_details(cases, top, instead=instead)]


def _details(cases: Cases, top: int, *, instead: bool = True) -> list[str]:
    """Return where, when and what instead, each with a rest so that the line adds up."""
    lines = [
        f"{DETAIL}where    " + _list(grouped(cases, lambda case: case.place), top, "elsewhere"),
        f"{DETAIL}when     " + _list(grouped(cases, lambda case: _hours(case.hour)), top, "at other hours"),
    ]
    if instead:
        lines.append(f"{DETAIL}instead  " + _list(grouped(cases, lambda case: case.instead), top + 2, "other"))
    return lines


def _list(groups: list[tuple[str, Cases]], top: int, rest: str) -> str:
    shown = [f"{name} {cases.total():,}" for name, cases in groups[:top]]
    hidden = sum(cases.total() for _, cases in groups[top:])
    return ", ".join([*shown, *([f"{rest} {hidden:,}"] if hidden else [])])


def _hours(hour: int) -> str:
    return f"{hour:02d}-{hour + 1:02d}"


def _times(count: int, singular: str, plural: str) -> str:
    return f"{count:,} {singular if count == 1 else plural}"
