"""Alternatives by name: services alone, and lines with the services that feed them."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import NamedTuple

from kera_mobility.services.base import Service
from kera_mobility.services.contract import Leg


class ModeChain(NamedTuple):
    """An alternative: which services, in which order. Its name is its address in the dice."""

    name: str
    nest: str
    access: str
    """Feeding service, or empty."""
    main: str
    egress: str
    """Feeding service, or empty."""
    parked: str = ""
    """The private vehicle that is left at the stop on the way out and fetched there on the way home, or empty."""

    @property
    def services(self) -> frozenset[str]:
        """The services that it takes."""
        return frozenset({self.access, self.main, self.egress} - {""})

    def legs(self, stops: tuple[int, int], request: Leg) -> list[Leg]:
        """Return the legs of the journey from where to where the request says. Legs of no length are left out."""
        origin, destination, number = request.origin, request.destination, request.leg
        ends = [(self.main, origin, destination)]
        if self.access:
            ends = [(self.access, origin, stops[0]), (self.main, *stops), (self.egress, stops[1], destination)]
            ends = [end for end in ends if end[1] != end[2]]
        leave_s = nan if self.access else request.leave_s
        return [
            Leg(*end, request.person, request.row, request.trip, leg, request.step, leave_s=leave_s)
            for leg, end in enumerate(ends, start=number)
        ]


def chains_of(services: Mapping[str, Service]) -> tuple[ModeChain, ...]:
    """Return all alternatives by name: services alone, and lines with at most one end that is not a walk."""
    chains = [ModeChain(name, service.nest, "", name, "") for name, service in services.items() if service.direct]
    feeders = [name for name, service in services.items() if service.access_mode]
    on_foot = [name for name in feeders if services[name].mode == "walk"]
    for line, service in services.items():
        if service.line:
            chains += [
                ModeChain(f"{access}+{line}+{egress}", service.nest, access, line, egress, parked)
                for access in feeders
                for egress in feeders
                if access in on_foot or egress in on_foot
                for parked in [next((name for name in (access, egress) if services[name].private), "")]
            ]
    return tuple(sorted(chains, key=lambda chain: chain.name))
