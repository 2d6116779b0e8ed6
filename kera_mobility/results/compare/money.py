"""Money by party: travellers, operators, the transit authority with its tickets, the city; a year's balance.

The city is taken to pay what an operator's fares leave uncovered and to get nothing of a surplus (assumption). Taxes
are not told apart. A season ticket counts as its scenario has it: ride by ride, as the choice model divides it, or a
thirtieth of its price a day, whatever its holder rides.
"""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.results.compare.accounts import Accounts, ServiceDay
from kera_mobility.results.compare.benefit import Benefit
from kera_mobility.results.compare.quantity import About, Quantity, Quotient
from kera_mobility.results.compare.values import CostRates, Values
from kera_mobility.results.costs import BOUNDARIES, parking_eur
from kera_mobility.results.facts import EVERYONE

EUR_PER_DAY, EUR_PER_YEAR = "EUR per day", "EUR per year"
LEAST_SHARED = 0.99
"""With fewer trips in common there is no yearly balance: it would weigh other people's days. Assumption."""
_NO_COST = CostRates()
TWO = "two_boundaries"
_PAID = "Fares, and the running of their cars, that people pay."
_RUNNING = {
    "operators": "Operating cost of services other than public transport.",
    "authority": "Operating cost of public transport, whole lines.",
}


class Money:
    """What one run costs and earns whom, EUR per day."""

    def __init__(self, accounts: Accounts, values: Values) -> None:
        self.accounts, self._values = accounts, values
        self.operators, self.lines = (accounts.operated(transit=transit) for transit in (False, True))

    def operating_eur(self, service: str) -> float:
        """Return the operating cost of a service: as its run states it, else by the unit costs of the comparison."""
        if service in self.accounts.costs:
            return self.accounts.costs[service].operating_eur
        return sum(self._by_rates(service, kind, day) for kind, day in self.accounts.of_service(service))

    def fares_of(self, service: str) -> float:
        """Return the fares of a service, EUR."""
        return sum(day.fare_eur for _, day in self.accounts.of_service(service))

    @property
    def tickets_eur(self) -> float:
        """Tickets sold by the transit authority."""
        return sum(map(self.fares_of, self.lines)) + self.season_eur

    @property
    def season_eur(self) -> float:
        """Season tickets that are paid by the month, of a day."""
        return sum(map(self.accounts.season_eur, self.lines))

    def payer(self, service: str) -> str:
        """Return who pays for a service: as it declares, else by its mode."""
        cost = self.accounts.costs.get(service)
        return cost.payer if cost else "authority" if service in self.lines else "operators"

    def paid_by(self, payer: str) -> float:
        """Return the operating cost of all services that somebody pays for."""
        return sum(self.operating_eur(name) for name in (*self.lines, *self.operators) if self.payer(name) == payer)

    @property
    def payers(self) -> dict[str, list[str]]:
        """Who pays for services, and what is counted of each."""
        boundaries: dict[str, list[str]] = {"operators": [], "authority": []}
        for name in (*self.operators, *self.lines):
            cost = self.accounts.costs.get(name)
            boundaries.setdefault(self.payer(name), []).append(cost.boundary if cost else "operated")
        return boundaries

    @property
    def lines_cost_eur(self) -> float:
        """Operating cost of the timetabled lines, over their whole length."""
        return sum(map(self.operating_eur, self.lines))

    @property
    def revenue_eur(self) -> float:
        """Fares of all other operators."""
        return sum(map(self.fares_of, self.operators))

    @property
    def running_eur(self) -> float:
        """Operating cost of all other operators."""
        return sum(map(self.operating_eur, self.operators))

    @property
    def capital_eur(self) -> float:
        """Vehicles by their life and overhead, of services that state them apart."""
        return sum(cost.capital_eur + cost.overhead_eur for cost in self.accounts.costs.values())

    @property
    def subsidy_eur(self) -> float:
        """What the city pays so that fares and subsidy cover the operating cost of each operator's service."""
        return sum(max(self.operating_eur(name) - self.fares_of(name), 0.0) for name in self.operators)

    @property
    def rides(self) -> float:
        """Rides with services other than public transport."""
        return sum(day.rides for name in self.operators for _, day in self.accounts.of_service(name))

    @property
    def car_km(self) -> float:
        """Vehicle kilometres by car."""
        return self.accounts.passenger_km("car") / self._values.car_occupancy

    @property
    def parking_eur(self) -> float:
        """What drivers pay to those who own parking places."""
        return sum(parking_eur(self.accounts.facts).values())

    @property
    def accidents_eur(self) -> float:
        """Injury accidents of cars."""
        per_km = self._values.injury_accidents_per_million_km / 1e6
        return self.car_km * per_km * self._values.injury_accident_eur

    def without_rates(self) -> list[str]:
        """Return operated services that state no costs and that no unit cost is known for."""
        return sorted(
            name
            for name in (*self.operators, *self.lines)
            if name not in self.accounts.costs and self._values.cost_of(name, self._kind(name)) is None
        )

    def priced_twice(self) -> list[str]:
        """Return services that state their costs, and that the unit costs of the comparison name nonetheless."""
        return sorted(name for name in self.accounts.costs if self._values.cost_of(name, self._kind(name)))

    def by_default(self) -> list[str]:
        """Return services whose run states no costs, so that the defaults of their kind were taken."""
        return sorted(name for name, cost in self.accounts.costs.items() if not cost.stated)

    def _kind(self, service: str) -> str:
        return str(self.accounts.facts.services[service]["kind"])

    def _by_rates(self, service: str, kind: str, day: ServiceDay) -> float:
        rates = self._values.cost_of(service, kind) or _NO_COST
        return (
            rates.eur_per_km * day.vehicle_km
            + rates.eur_per_h * day.vehicle_h
            + rates.eur_per_vehicle_day * day.vehicles
            + rates.eur_per_ride * day.rides
        )


def money_quantities(a: Money, b: Money) -> Iterator[Quantity]:
    """Yield what each party pays and gets."""
    payers = {payer: {*a.payers.get(payer, ()), *b.payers.get(payer, ())} for payer in {**a.payers, **b.payers}}
    yield _row("travellers.paid_eur", _PAID, a.accounts.fares_eur(), b.accounts.fares_eur(), "people")
    yield _row("operators.fares_eur", "Fares of services other than public transport.", a.revenue_eur, b.revenue_eur)
    for payer, counted in payers.items():
        definition = _RUNNING.get(payer, "Operating cost of services that {} pays for.".format(payer.replace("_", " ")))
        boundary = "+".join(sorted(counted))
        yield _row(
            f"{payer}.operating_cost_eur", definition, a.paid_by(payer), b.paid_by(payer), boundary or "operated"
        )
    definition = "Vehicles by their life, and overhead, where stated apart."
    yield _row("operators.capital_eur", definition, a.capital_eur, b.capital_eur, "fleet")
    yield _row("authority.tickets_eur", "Tickets for public transport.", a.tickets_eur, b.tickets_eur)
    definition = "What the city pays of the operating cost of operators; an assumption, and a transfer."
    yield _row("city.subsidy_eur", definition, a.subsidy_eur, b.subsidy_eur, "operated")
    if a.parking_eur or b.parking_eur:
        definition = "What drivers pay for parking, a part of what people pay."
        yield _row("owners.parking_eur", definition, a.parking_eur, b.parking_eur)
    car = About("money.car_km", "money", "km per day", EVERYONE, "Vehicle kilometres by car, from people's kilometres.")
    yield Quantity(car, a.car_km, b.car_km)


def _row(name: str, definition: str, before: float, after: float, boundary: str = "") -> Quantity:
    """Return what a party pays or gets; it is a cost, and has a payer, if it has a boundary."""
    payer = name.partition(".")[0] if boundary else ""
    about = About(f"money.{name}", "money", EUR_PER_DAY, EVERYONE, definition, payer, boundary)
    return Quantity(about, before, after)


def subsidy_quotients(a: Money, b: Money) -> Iterator[Quotient]:
    """Yield what the city's money buys: subsidy per ride, per new sustainable trip, per car kilometre avoided."""
    subsidy = b.subsidy_eur - a.subsidy_eur
    trips = b.accounts.sustainable_trips() - a.accounts.sustainable_trips()
    rows = (
        ("per_ride", "EUR per ride", "Subsidy for each more ride.", b.rides - a.rides),
        ("per_new_sustainable_trip", "EUR per trip", "Subsidy for each more sustainable trip.", trips),
        ("per_car_km_avoided", "EUR per km", "Subsidy for each car kilometre less.", a.car_km - b.car_km),
    )
    if a.operators or b.operators:
        for name, unit, definition, base in rows:
            yield Quotient(About(f"subsidy.{name}", "ratios", unit, EVERYONE, definition), subsidy, float(base))


def yearly_quantities(
    a: Money, b: Money, benefit: Benefit, carbon_kg: float, shared: float, values: Values
) -> Iterator[Quantity]:
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
    travellers -= b.season_eur - a.season_eur
    rows = {
        "travellers": (travellers, f"Consumer surplus of everyone ({measure.replace('_', ' ')}), after fares."),
        "operators": ((b.revenue_eur - b.running_eur) - (a.revenue_eur - a.running_eur), "Fares less operating cost."),
        "authority": (
            (b.tickets_eur - b.lines_cost_eur) - (a.tickets_eur - a.lines_cost_eur), "Tickets less operating cost.",
        ),
        "capital": (a.capital_eur - b.capital_eur, "Vehicles by their life and overhead of operators, less of them."),
        "climate": (-carbon_kg / 1000.0 * values.co2_eur_per_t, "Operational CO2 at its unit value."),
        "accidents": (a.accidents_eur - b.accidents_eur, "Injury accidents of cars at their unit value."),
    }  # fmt: skip
    if a.parking_eur or b.parking_eur:
        definition = "Charges for parking, to those who own the places; what the places cost is not counted."
        rows["parking"] = (b.parking_eur - a.parking_eur, definition)
    year = values.days_per_year
    for name, (eur, definition) in rows.items():
        yield Quantity(About(f"yearly.{name}", "yearly", EUR_PER_YEAR, EVERYONE, definition), None, eur * year)
    net = sum(eur for eur, _ in rows.values()) * year
    definition = f"Sum of the rows above: {BOUNDARIES[TWO]}. The city's subsidy is a transfer and not in it."
    yield Quantity(About("yearly.net", "yearly", EUR_PER_YEAR, EVERYONE, definition, boundary=TWO), None, net)
