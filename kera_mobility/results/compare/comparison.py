"""What B changes against A, from two folders of runs: paired by seed, day and input draw, person by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from kera_mobility.config.decision import CityThreshold, DecisionSettings
from kera_mobility.config.figure_ids import FiguresById, figures_of
from kera_mobility.errors import ConfigError, nearest_name
from kera_mobility.results.compare.accounts import Accounts
from kera_mobility.results.compare.benefit import Benefit
from kera_mobility.results.compare.carbon import Carbon, carbon_quantities
from kera_mobility.results.compare.differences import Difference, difference_rows, judged, quotient_rows
from kera_mobility.results.compare.intervals import ALPHA
from kera_mobility.results.compare.money import (
    LEAST_SHARED,
    Money,
    money_quantities,
    subsidy_quotients,
    yearly_quantities,
)
from kera_mobility.results.compare.paired_trips import FEEDER, MAIN, DayPair, RunTrips
from kera_mobility.results.compare.pairing import (
    Folders,
    ScenarioRuns,
    inputs_that_differ,
    matched_pairs,
    places_in,
    read_scenario_runs,
)
from kera_mobility.results.compare.quantity import About, Quantity, Quotient
from kera_mobility.results.compare.values import Values
from kera_mobility.results.display import Display, Grid
from kera_mobility.results.facts import EVERYONE
from kera_mobility.results.runs import RunKey
from kera_mobility.results.store import require_places

if TYPE_CHECKING:
    import pandas as pd

MOST_FILES = 3
"""Changed files that a note names."""
CONFIDENCE = 1.0 - ALPHA
"""Level of the intervals."""
FAMILIES = {
    "mode_share": "trips", "person_km": "person_km", "unserved": "unserved", "denied_requests": "denied_requests",
    "vehicle_km": "vehicle_km",
}  # fmt: skip
"""KPIs `<family>.<member>` that are parts of a whole: a member that a run with the whole does not name is 0 there."""
_ON_COSTS = {
    "without_rates": "No unit cost is known for {}: operating costs leave it out (give them in --values).",
    "priced_twice": "Unit costs in --values of {} are not used: the runs state costs of their own.",
    "by_default": "These results do not state what {} costs to run: the default rates of its kind are taken.",
}
"""Attribute of a pair of runs -> sentence about the services that it names."""
SERVED_NEW = "served.any_new"
YEARLY_CARBON = ("operational", "marginal")
"""The scope and method of the carbon that the yearly balance values."""


@dataclass(frozen=True, repr=False)
class Comparison(Display):
    """What b changes against a."""

    a: str
    """Name of the scenario."""
    b: str
    title_a: str
    title_b: str
    pairs: tuple[RunKey, ...]
    missing: tuple[str, ...]
    """The runs that have no partner, in words."""
    notes: tuple[str, ...]
    """What a reader must know before the numbers, in sentences."""
    differences: tuple[Difference, ...]
    """Every row: KPIs (section `outcomes`), then switched, benefit, money, yearly, carbon, ratios, substitution,
    and what only one of the two has (only_b, only_a)."""
    decision: DecisionSettings = field(default_factory=DecisionSettings, kw_only=True)
    """The primary outcomes and the thresholds that the rows were judged by."""
    changes: Mapping[str, float]
    """Trips of everyone per day by `main mode in A > main mode in B`, mean over pairs."""

    def _glance(self) -> tuple[str, str, str]:
        tested = [row for row in self.differences if row.section == "outcomes" and "@" not in row.id]
        sure = [row.id for row in tested if row.verdict in ("higher", "lower")]
        return (
            f"Comparison of {self.b} with {self.a}: {len(self.pairs)} pairs of runs",
            f"{len(sure)} of {len(tested)} outcomes differ for sure: {', '.join(sure) or 'none'}",
            ".row(id) is one row, .rows(section) some, .frame() all as a pandas frame; km.ask tells them",
        )

    def _grid(self) -> Grid:
        rows = [row for row in self.rows("outcomes") if "@" not in row.id]
        rows.sort(key=lambda row: row.verdict not in ("higher", "lower"))
        return ("figure", self.a, self.b, "difference", "95 % interval", ""), [row.cells() for row in rows]

    def rows(self, section: str) -> list[Difference]:
        """Return the rows of a section."""
        return [row for row in self.differences if row.section == section]

    def row(self, name: str) -> Difference:
        """Return a row by its id.

        Raises
        ------
        KeyError
            If there is none.
        """
        return FiguresById({row.id: row for row in self.differences})[name]

    def city_answers(self) -> list[tuple[str, CityThreshold, tuple[str, ...] | None]]:
        """Return each threshold of the city: id of its row, limits, the answers that the interval leaves open.

        The answers are None where a row has no interval; thresholds on rows that are not here are left out.
        """
        rows = {row.id: row for row in self.differences}
        return [
            (name, limit, None if row.low is None or row.high is None else limit.answers(row.low, row.high))
            for name, limit in self.decision.thresholds.items()
            if (row := rows.get(name)) is not None
        ]

    def frame(self) -> pd.DataFrame:
        """Return every row as a pandas frame; columns as in `Difference`."""
        import pandas as pd

        names = [field.name for field in fields(Difference)]
        return pd.DataFrame([asdict(row) for row in self.differences], columns=names)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain lists and maps."""
        pairs = [list(pair if pair.draw is not None else pair[:2]) for pair in self.pairs]
        return {**asdict(self), "confidence": CONFIDENCE, "pairs": pairs, "decision": self.decision.model_dump()}


def compare(
    folders_a: Folders,
    folders_b: Folders,
    *,
    values: Values | None = None,
    decision: DecisionSettings | None = None,
    primary: Sequence[str] = (),
) -> Comparison:
    """Return what b changes against a.

    Each side is a result folder, a folder of them (one scenario), or several of these. `decision` names the primary
    outcomes and the thresholds; without it they are those of the scenario b, else the default. `primary` names the
    outcomes alone, whatever the thresholds are.

    Raises
    ------
    MissingFileError, ResultError
        If a folder holds no result or a torn one, one side holds a seed, day and draw twice or two scenarios, or no
        such triple is shared.
    """
    return compare_all(folders_a, [folders_b], values=values, decision=decision, primary=primary)[0]


def compare_all(
    folders_a: Folders,
    folders_b: Sequence[Folders],
    *,
    values: Values | None = None,
    decision: DecisionSettings | None = None,
    primary: Sequence[str] = (),
) -> tuple[Comparison, ...]:
    """Return what each of several scenarios changes against a, corrected for looking at all of them; see `compare`."""
    require_places(place for folders in (folders_a, *folders_b) for place in places_in(folders))
    a, chosen = read_scenario_runs(folders_a), values or Values()
    scenarios = [read_scenario_runs(folders) for folders in folders_b]
    decision = decision or next((named for b in scenarios if (named := decision_of(b))), DecisionSettings())
    if primary:
        decision = decision.model_copy(update={"primary": tuple(primary)})
    drafts = [replace(_draft(a, b, chosen), decision=decision) for b in scenarios]
    known = {row.id for draft in drafts for row in draft.differences}
    unknown = next((name for name in (*decision.primary, *decision.thresholds) if name not in known), None)
    if unknown and decision != DecisionSettings():
        raise ConfigError(f"decision: no row '{unknown}'{nearest_name(unknown, sorted(known))} in these results")
    judgements = judged([draft.differences for draft in drafts], decision.primary)
    return tuple(replace(draft, differences=tuple(rows)) for draft, rows in zip(drafts, judgements, strict=True))


def decision_of(side: ScenarioRuns) -> DecisionSettings | None:
    """Return what the scenario of some runs names to decide by, if it does."""
    stated = next(iter(side.runs.values())).settings.get("decision")
    return None if stated is None else DecisionSettings.model_validate(stated)


def _draft(a: ScenarioRuns, b: ScenarioRuns, values: Values) -> Comparison:
    pairs, missing = matched_pairs(a, b)
    kpis, only = _kpi_quantities(a, b, pairs)
    days = {pair: _Day(DayPair(RunTrips(a.runs[pair]), RunTrips(b.runs[pair])), values) for pair in pairs}
    personal = difference_rows({pair: day.quantities for pair, day in days.items()})
    switched = {row.population: row.difference for row in personal if row.section == "switched"}
    rows = [replace(row, switched=switched.get(row.population)) for row in difference_rows(kpis)] + personal
    rows += quotient_rows({pair: day.quotients for pair, day in days.items()})
    rows += quotient_rows(_substitution(days), shares=True)
    rows += difference_rows(only)
    return Comparison(
        a.name, b.name, a.title, b.title, pairs, missing, tuple(_notes(a, b, pairs, days, values)), tuple(rows),
        _mean_changes(days),
    )  # fmt: skip


class _Day:
    """What is kept of one pair of runs once its events have been read."""

    def __init__(self, day: DayPair, values: Values) -> None:
        accounts_a, accounts_b = Accounts(day.a), Accounts(day.b)
        a, b = Money(accounts_a, values), Money(accounts_b, values)
        carbon_a, carbon_b = Carbon(accounts_a, values), Carbon(accounts_b, values)
        benefit = Benefit(day, values)
        change_kg = carbon_b.kg(*YEARLY_CARBON) - carbon_a.kg(*YEARLY_CARBON)
        self.shared = day.shared
        self.switched = day.switched()
        self.changes = day.changes()
        self.replaced = day.replaced()
        self.quotients: list[Quotient] = list(subsidy_quotients(a, b))
        self.without_rates = {*a.without_rates(), *b.without_rates()}
        self.priced_twice = {*a.priced_twice(), *b.priced_twice()}
        self.by_default = {*a.by_default(), *b.by_default()}
        self.years = accounts_a.year, accounts_b.year
        self.measures = tuple(benefit.gains)
        self.quantities: list[Quantity] = [
            *_served_quantities(day),
            *_switched_quantities(self.switched),
            *benefit.quantities(),
            *money_quantities(a, b),
            *yearly_quantities(a, b, benefit, change_kg, day.shared, values),
            *carbon_quantities(carbon_a, carbon_b),
        ]


def _kpi_quantities(
    a: ScenarioRuns, b: ScenarioRuns, pairs: Sequence[RunKey]
) -> tuple[dict[RunKey, list[Quantity]], dict[RunKey, list[Quantity]]]:
    """Return, by pair, the KPIs that both runs have, and those that only one scenario ever has, as they are there."""
    described: dict[str, Mapping[str, Any]] = {}
    of_others: set[tuple[str, str]] = set()  # a figure of residents is not held against one of everyone
    for side in (a, b):
        for pair in pairs:
            for name, kpi in side.runs[pair].kpis.items():
                if described.setdefault(name, kpi)["population"] != kpi["population"]:
                    of_others.add((side.name, name))
    both: dict[RunKey, list[Quantity]] = {pair: [] for pair in pairs}
    only: dict[RunKey, list[Quantity]] = {pair: [] for pair in pairs}
    for name, description in described.items():
        sides = [{} if (side.name, name) in of_others else {pair: side.runs[pair].kpis for pair in pairs}
                 for side in (a, b)]  # fmt: skip
        in_any = [any(_value(kpis, name) is not None for kpis in side.values()) for side in sides]
        for pair in pairs:
            before, after = (_value(side.get(pair, {}), name) for side in sides)
            if before is not None and after is not None:
                both[pair].append(Quantity(_about(description, "outcomes"), before, after))
            elif not all(in_any) and (before is not None or after is not None):
                value = after if after is not None else before
                assert value is not None
                section = "only_b" if after is not None else "only_a"
                only[pair].append(Quantity(_about(description, section), None, value))
    return both, only


def _value(kpis: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Return a KPI's value in a run; 0 for an unnamed part of a whole that the run has; None if it has none."""
    if name in kpis:
        value = kpis[name]["value"]
        return None if value is None else float(value)
    plain, at, group = name.partition("@")
    parts = plain.split(".")
    for place, part in enumerate(parts[:-1]):
        if part in FAMILIES and ".".join([*parts[:place], FAMILIES[part]]) + at + group in kpis:
            return 0.0
    return None


def _about(kpi: Mapping[str, Any], section: str) -> About:
    return About(str(kpi["id"]), section, str(kpi["unit"]), str(kpi["population"]), str(kpi["definition"]))


def _switched_quantities(switched: Mapping[str, float]) -> Iterator[Quantity]:
    definition = "Share of trips whose main mode is another in B than in A, not being completed counting as a mode."
    for place, (population, share) in enumerate(switched.items()):
        suffix = "" if place == 0 else f"@{population}"
        yield Quantity(About(f"switched{suffix}", "switched", "share of trips", population, definition), None, share)


def _served_quantities(day: DayPair) -> Iterator[Quantity]:
    """Yield how many different people ride each operated service, and any of those that only B has."""
    riders = [
        {name: set(side.facts.rides(name)["person"]) for name in side.facts.services if name in side.facts.operated}
        for side in (day.a, day.b)
    ]
    for name in riders[1]:
        before = len(riders[0][name]) if name in riders[0] else None
        definition = "Different people who ride it on the day."
        yield Quantity(
            About(f"served.{figures_of(name)}", "served", "people", EVERYONE, definition), before, len(riders[1][name])
        )
    new = [people for name, people in riders[1].items() if name not in riders[0]]
    if new:
        definition = "Different people who ride any service that only B has on the day."
        yield Quantity(About(SERVED_NEW, "served", "people", EVERYONE, definition), None, len(set().union(*new)))


def _mean_changes(days: Mapping[RunKey, _Day]) -> dict[str, float]:
    drawn = [day for pair, day in days.items() if pair.draw is not None] or list(days.values())
    changes: Counter[tuple[str, str]] = Counter()
    for day in drawn:
        changes.update(day.changes)
    return {f"{before} > {after}": count / len(drawn) for (before, after), count in sorted(changes.items())}


def _substitution(days: Mapping[RunKey, _Day]) -> dict[RunKey, list[Quotient]]:
    """Return, for each new service and role, the share of its riders who went by each main mode in A."""
    keys = sorted({key for day in days.values() for key in day.replaced})
    return {
        pair: [
            Quotient(
                About(
                    f"substitution.{figures_of(service)}.{role}.{mode.replace(' ', '_')}", "substitution",
                    "share of riders", EVERYONE, _replaced(service, role, mode),
                ),
                day.replaced.get((service, role, mode), 0),
                sum(count for key, count in day.replaced.items() if key[:2] == (service, role)),
            )
            for service, role, mode in keys
        ]
        for pair, day in days.items()
    }  # fmt: skip


def _replaced(service: str, role: str, mode: str) -> str:
    ways = {MAIN: "as the main mode", FEEDER: "on the way to or from their main mode"}
    return f"Of trips that ride {service} {ways[role]}, the share with the main mode '{mode}' in A; B: trips per day."


def _notes(
    a: ScenarioRuns, b: ScenarioRuns, pairs: Sequence[RunKey], days: Mapping[RunKey, _Day], values: Values
) -> Iterator[str]:
    yield _on_intervals(pairs)
    yield _on_people(a, b, pairs)
    yield from _on_making(a, b, pairs)
    differing = sorted({name for pair in pairs for name in inputs_that_differ(a.runs[pair], b.runs[pair])})
    if differing:
        yield f"The draws of {', '.join(differing)} differ between A and B: these differences are not paired."
    shared = min(day.shared for day in days.values())
    if shared < 1.0:
        yield (
            f"Only {shared:.1%} of the trips of B are trips of A too; the rest is left out of switched and benefit"
            + (", and there is no yearly balance." if shared < LEAST_SHARED else ".")
        )
    years = sorted({year for day in days.values() for year in day.years if year is not None})
    if len(years) > 1:
        yield f"A and B are about different years ({', '.join(map(str, years))}): emission factors differ too."
    measures = {measure for day in days.values() for measure in day.measures}
    if "realised_utility" not in measures:
        yield "A and B weigh time and money differently: their utilities, and a yearly balance, cannot be compared."
    elif "ex_ante" not in measures:
        yield "These results do not hold what people expected: benefit is ex post only."
    yield "Benefit is by age, car access and home zone; there is no income in the data."
    yield (
        "Runs of a line cost and emit over their whole length, while tickets and benefits are those of the simulated "
        "people alone: where B runs more, its balance of a year leaves out what everybody else gains."
    )
    for attribute, sentence in _ON_COSTS.items():
        names = sorted({name for day in days.values() for name in getattr(day, attribute)})
        if names:
            yield sentence.format(", ".join(names))
    yield f"Prices: {values.price_level}. A year is {values.days_per_year:g} such days, an assumption."


def _on_intervals(pairs: Sequence[RunKey]) -> str:
    fixed = {pair.seed for pair in pairs if pair.draw is None}
    seeds = {draw: {pair.seed for pair in pairs if pair.draw == draw} for draw in {pair.draw for pair in pairs}}
    drawn = {draw: of_draw for draw, of_draw in seeds.items() if draw is not None}
    if len(drawn) > 1:
        words = f"Intervals are over {len(drawn)} draws of uncertain inputs, equal on both sides: what we do not know."
        if len(fixed) > 1 or max(map(len, drawn.values())) > 1:
            return f"{words} Those over seeds (chance) stand apart in CSV and JSON."
        if len(set().union(*drawn.values())) == 1:
            return f"{words} All draws have one seed: its chance is in the centre of each interval, untold."
        return f"{words} Each draw has one seed, so chance is in them too; runs with inputs fixed would tell it apart."
    run_seeds = fixed or next(iter(drawn.values()))
    many = "1 seed" if len(run_seeds) == 1 else f"{len(run_seeds)} seeds"
    words = f"Intervals are over {many}, the inputs fixed: chance only, not what we do not know about the inputs."
    return f"{words} One seed has no interval; run more." if len(run_seeds) == 1 else words


def _on_people(a: ScenarioRuns, b: ScenarioRuns, pairs: Sequence[RunKey]) -> str:
    seeds_a, seeds_b = ([side.town_seed(pair) for pair in pairs] for side in (a, b))
    if seeds_a != seeds_b:
        return "A and B have different populations (town.seed): person by person they cannot be told from the services."
    town_seeds = sorted({seed for seed in seeds_a if seed is not None})
    if len(town_seeds) > 1:
        return f"The population was swept (town.seed {', '.join(map(str, town_seeds))}): the intervals hold it too."
    which = f" (town.seed {town_seeds[0]})" if town_seeds else ""
    return f"The population{which} is fixed: no interval says what other people would do."


def _on_making(a: ScenarioRuns, b: ScenarioRuns, pairs: Sequence[RunKey]) -> Iterator[str]:
    """Yield what differs between the runs besides their scenarios: then a difference may not be the services'."""
    hashes = [side.runs[pair].meta.get("input_hashes") or {} for side in (a, b) for pair in pairs]
    files = [side.runs[pair].meta.get("input_files") or {} for side in (a, b) for pair in pairs]
    shared = sorted(set().union(*files)) if all(files) else []
    digests = {name: {of_run[name] for of_run in files if name in of_run} for name in shared}
    changed = [name for name in shared if len(digests[name]) > 1 and name.startswith(("area/", "configs/"))]
    if changed or (not all(files) and len({of_run.get("town") for of_run in hashes}) > 1):
        which = ", ".join(changed[:MOST_FILES]) or "map, cells, timetables"
        yield f"The files of the area changed between the runs ({which}): run them anew."
    if len({of_run["code"] for of_run in hashes if "code" in of_run}) > 1:
        yield "The runs were made by different versions of the code: run them anew before believing a difference."
