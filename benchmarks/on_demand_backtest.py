"""What the model says of the pilot of 2019-20 beside what came of it: predicted over observed, figure by figure.

    python -m benchmarks.on_demand_backtest [SCENARIO] [--days 5]

Nothing is tuned. Observed: HSL 4/2021, HSL and ViaVan 2020 (shared rides on demand in eastern Espoo, 9/2019-3/2020).
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import NamedTuple

from kera_mobility.results.promise_audit import verdict
from kera_mobility.simulation.run import Run, simulate

WEEKDAYS = 130
"""From September 2019 to 14 March 2020, less holidays. Arithmetic."""
SERVICE = "on_demand"


class Observed(NamedTuple):
    """A figure of the pilot."""

    kpi: str
    """The model's figure, or a name of our own for what several days give."""
    words: str
    value: float
    scale: float
    """The model's unit in that of the figure."""
    note: str


OBSERVED = (
    Observed("boardings_per_vehicle_hour", "rides per vehicle-hour", 1.8, 1.0, ""),
    Observed("rides", "rides a weekday", 18_000 / WEEKDAYS, 1.0, f"18,000 in {WEEKDAYS} weekdays"),
    Observed("stop_wait_s.mean", "mean wait at the stop, min", 10.0, 1 / 60, "observed: under 10"),
    Observed("line_share", "rides of trips with a train", 1 / 3, 1.0, "observed: 33 to 38 % to or from a station"),
    Observed("users", "different users", 1703.0, 1.0, "observed in half a year; predicted by Chao's estimate"),
    Observed(
        "operating_cost_eur_per_ride",
        "cost of a ride, EUR",
        55 / 1.8,
        1.0,
        "observed: 55 EUR an hour (unverified) / 1.8",
    ),
)


def users(days: list[Run]) -> float:
    """Return how many people would ride sooner or later, at least, from how many rode on one, and on two of the days.

    Source: Chao 1984, "Nonparametric estimation of the number of classes in a population", equation 2 (with its
    correction where nobody rode twice).
    """
    rode: Counter[int] = Counter()
    for run in days:
        legs = run.record.tables["legs"].select(["person", "service"]).to_pylist()
        rode.update({row["person"] for row in legs if row["service"] == SERVICE})
    once, twice = (sum(1 for count in rode.values() if count == number) for number in (1, 2))
    return len(rode) + (once**2 / (2 * twice) if twice else once * (once - 1) / 2)


def main() -> None:
    """Live the days and print."""
    parser = argparse.ArgumentParser(description="Predicted over observed for the pilot of 2019-20")
    parser.add_argument("scenario", nargs="?", default="configs/trials/on_demand_2019.yaml")
    parser.add_argument("--days", type=int, default=5)
    arguments = parser.parse_args()
    runs = [simulate(arguments.scenario, seed=1, day=day) for day in range(arguments.days)]
    values = [{kpi.id: kpi.value for kpi in run.kpis()} for run in runs]
    broken = sum(len(verdict(run.record, SERVICE).breaches) for run in runs)
    print(f"{'':32} {'predicted':>10} {'observed':>10} {'ratio':>7}   (mean of {len(runs)} days)")
    for figure in OBSERVED:
        if figure.kpi == "users":
            predicted = users(runs)
        else:
            predicted = sum(value[f"{SERVICE}.{figure.kpi}"] for value in values) / len(values) * figure.scale
        ratio = predicted / figure.value
        print(f"{figure.words:32} {predicted:10.2f} {figure.value:10.2f} {ratio:7.2f}   {figure.note}")
    refused = sum(value.get(f"{SERVICE}.denied_requests", 0.0) for value in values) / len(values)
    print(f"refusals a day {refused:.0f}; promises broken {broken}; days at random, population and settings fixed")


if __name__ == "__main__":
    main()
