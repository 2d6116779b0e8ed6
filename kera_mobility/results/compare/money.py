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
from kera_mobility.results.costs import parking_eur
from kera_mobility.results.facts import EVERYONE

EUR_PER_DAY, EUR_PER_YEAR = "EUR per day", "EUR per year"
LEAST_SHARED = 0.99
"""With fewer trips in common there is no yearly balance: it would weigh other people's days. Assumption."""
_NO_COST = CostRates()


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
    rows = [
        ("travellers.paid_eur", "Fares, and the running of their cars, that people pay.", "fares_eur"),
        ("operators.fares_eur", "Fares of services other than public transport.", "revenue_eur"),
        ("operators.running_eur", "Operating cost of services other than public transport.", "running_eur"),
        ("operators.capital_eur", "Vehicles by their life, and overhead, where stated apart.", "capital_eur"),
        ("authority.tickets_eur", "Tickets for public transport.", "tickets_eur"),
        ("authority.running_eur", "Operating cost of public transport, whole lines.", "lines_cost_eur"),
        ("city.subsidy_eur", "What the city pays of the operating cost; an assumption.", "subsidy_eur"),
    ]
    if a.parking_eur or b.parking_eur:
        rows.append(("owners.parking_eur", "What drivers pay for parking, a part of what people pay.", "parking_eur"))
    for name, definition, attribute in rows:
        about = About(f"money.{name}", "money", EUR_PER_DAY, EVERYONE, definition)
        yield Quantity(about, _amount(a, attribute), _amount(b, attribute))
    car = About("money.car_km", "money", "km per day", EVERYONE, "Vehicle kilometres by car, from people's kilometres.")
    yield Quantity(car, a.car_km, b.car_km)


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
    definition = "Sum of the rows above; the city's subsidy is a transfer and not in it."
    yield Quantity(About("yearly.net", "yearly", EUR_PER_YEAR, EVERYONE, definition), None, net)


def _amount(money: Money, attribute: str) -> float:
    return money.accounts.fares_eur() if attribute == "fares_eur" else float(getattr(money, attribute))
