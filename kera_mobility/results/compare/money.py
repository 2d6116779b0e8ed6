"""Money by party: travellers, operators, the transit authority with its tickets, the city; a year's balance.

The city is taken to pay what an operator's fares leave uncovered and to get nothing of a surplus (assumption). Taxes
are not told apart. A season-ticket holder's fare counts ride by ride, as the choice model divides it.
"""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.results.compare.accounts import Accounts, Ridden
from kera_mobility.results.compare.benefit import Benefit
from kera_mobility.results.compare.quantity import About, Figure, Part
from kera_mobility.results.compare.values import CostRates, Values
from kera_mobility.results.facts import EVERYONE

EUR_PER_DAY, EUR_PER_YEAR = "EUR per day", "EUR per year"
LEAST_SHARED = 0.99
"""With fewer trips in common there is no yearly balance: it would weigh other people's days. Assumption."""
_NO_COST = CostRates()


class Money:
    """What one run costs and earns whom, EUR per day."""

    def __init__(self, accounts: Accounts, values: Values) -> None:
        self.accounts, self._values = accounts, values
        self.operators = accounts.operated(transit=False)
        self.lines = accounts.operated(transit=True)

    def cost_eur(self, service: str, kind: str, ridden: Ridden) -> float:
        """Return what a service cost to run."""
        rates = self._values.cost_of(service, kind) or _NO_COST
        return (
            rates.eur_per_km * ridden.vehicle_km
            + rates.eur_per_h * ridden.vehicle_h
            + rates.eur_per_vehicle_day * ridden.vehicles
            + rates.eur_per_ride * ridden.rides
            + ridden.crew_eur
        )

    @property
    def tickets_eur(self) -> float:
        """Tickets sold by the transit authority."""
        return sum(ridden.fare_eur for ridden in self.lines.values())

    @property
    def lines_cost_eur(self) -> float:
        """Running of the timetabled lines, over their whole length."""
        return sum(self.cost_eur(*key, ridden) for key, ridden in self.lines.items())

    @property
    def revenue_eur(self) -> float:
        """Fares of all other operators."""
        return sum(ridden.fare_eur for ridden in self.operators.values())

    @property
    def running_eur(self) -> float:
        """Running costs of all other operators."""
        return sum(self.cost_eur(*key, ridden) for key, ridden in self.operators.items())

    @property
    def subsidy_eur(self) -> float:
        """What the city pays so that no operator's service makes a loss."""
        return sum(max(self.cost_eur(*key, ridden) - ridden.fare_eur, 0.0) for key, ridden in self.operators.items())

    @property
    def rides(self) -> float:
        """Rides with services other than public transport."""
        return sum(ridden.rides for ridden in self.operators.values())

    @property
    def car_km(self) -> float:
        """Vehicle kilometres by car."""
        return self.accounts.passenger_km("car") / self._values.car_occupancy

    @property
    def accidents_eur(self) -> float:
        """Injury accidents of cars."""
        per_km = self._values.injury_accidents_per_million_km / 1e6
        return self.car_km * per_km * self._values.injury_accident_eur

    def without_rates(self) -> list[str]:
        """Return operated services for whose running no unit cost is known."""
        keys = [*self.operators, *self.lines]
        return sorted({name for name, kind in keys if self._values.cost_of(name, kind) is None})


def money_figures(a: Money, b: Money) -> Iterator[Figure]:
    """Yield what each party pays and gets."""
    rows = (
        ("travellers.paid_eur", "Fares, and the running of their cars, that people pay.", "fares_eur"),
        ("operators.fares_eur", "Fares of services other than public transport.", "revenue_eur"),
        ("operators.running_eur", "Running costs of services other than public transport.", "running_eur"),
        ("authority.tickets_eur", "Tickets for public transport.", "tickets_eur"),
        ("authority.running_eur", "Running costs of public transport, whole lines.", "lines_cost_eur"),
        ("city.subsidy_eur", "What the city pays where fares do not cover the running; an assumption.", "subsidy_eur"),
    )
    for name, definition, what in rows:
        about = About(f"money.{name}", "money", EUR_PER_DAY, EVERYONE, definition)
        yield Figure(about, _amount(a, what), _amount(b, what))
    car = About("money.car_km", "money", "km per day", EVERYONE, "Vehicle kilometres by car, from people's kilometres.")
    yield Figure(car, a.car_km, b.car_km)


def money_parts(a: Money, b: Money) -> Iterator[Part]:
    """Yield what the city's money buys: subsidy per ride, per new sustainable trip, per car kilometre avoided."""
    subsidy = b.subsidy_eur - a.subsidy_eur
    trips = b.accounts.sustainable_trips() - a.accounts.sustainable_trips()
    rows = (
        ("per_ride", "EUR per ride", "Subsidy for each more ride.", b.rides - a.rides),
        ("per_new_sustainable_trip", "EUR per trip", "Subsidy for each more sustainable trip.", trips),
        ("per_car_km_avoided", "EUR per km", "Subsidy for each car kilometre less.", a.car_km - b.car_km),
    )
    if a.operators or b.operators:
        for name, unit, definition, whole in rows:
            yield Part(About(f"subsidy.{name}", "ratios", unit, EVERYONE, definition), subsidy, float(whole))


def yearly_figures(
    a: Money, b: Money, benefit: Benefit, carbon_kg: float, shared: float, values: Values
) -> Iterator[Figure]:
    """Yield the yearly cost-benefit of B against A, if both have the same trips.

    Parameters
    ----------
    carbon_kg
        Change of CO2 in a day.
    shared
        Share of B's trips that A has too.
    """
    gained = benefit.total_eur()
    if gained is None or shared < LEAST_SHARED:
        return
    measure, travellers = gained
    rows = {
        "travellers": (travellers, f"Consumer surplus of everyone ({measure.replace('_', ' ')}), after fares."),
        "operators": ((b.revenue_eur - b.running_eur) - (a.revenue_eur - a.running_eur), "Fares less running costs."),
        "authority": (
            (b.tickets_eur - b.lines_cost_eur) - (a.tickets_eur - a.lines_cost_eur), "Tickets less running costs.",
        ),
        "climate": (-carbon_kg / 1000.0 * values.co2_eur_per_t, "Operational CO2 at its unit value."),
        "accidents": (a.accidents_eur - b.accidents_eur, "Injury accidents of cars at their unit value."),
    }  # fmt: skip
    year = values.days_per_year
    for name, (eur, definition) in rows.items():
        yield Figure(About(f"yearly.{name}", "yearly", EUR_PER_YEAR, EVERYONE, definition), None, eur * year)
    net = sum(eur for eur, _ in rows.values()) * year
    definition = "Sum of the rows above; the city's subsidy is a transfer and not in it."
    yield Figure(About("yearly.net", "yearly", EUR_PER_YEAR, EVERYONE, definition), None, net)


def _amount(money: Money, what: str) -> float:
    return money.accounts.fares_eur() if what == "fares_eur" else float(getattr(money, what))
