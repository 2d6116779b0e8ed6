"""Streets that are shut while people are on them: who must turn, at which corner, and when they are there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kera_mobility.services.base import Service
from kera_mobility.services.contract import Booking, Offer, Outcome, Refusal
from kera_mobility.services.reasons import CLOSED
from kera_mobility.town.streets.paths import TABLES, Ways
from kera_mobility.town.streets.skims import nearest_driven
from kera_mobility.town.streets.streets import Skims, Streets
from kera_mobility.town.town import Town
from kera_mobility.units import round_one_s

LENGTHS = {"walk": "walk_m", "cycle": "cycle_m", "drive": "drive_m"}
"""The table of lengths of a mode's ways, m."""


class Turn(NamedTuple):
    """The corner where somebody leaves a way."""

    node: int
    at_s: float
    """When it is reached."""
    length_m: float
    """How long the way is until there."""


class Rerouting:
    """The corners of all ways through the streets as they are at one time."""

    def __init__(self, streets: Streets, skims: Skims, town: Town) -> None:
        """Prepare the ways through `streets` of a town, with the tables of their lengths."""
        self._streets, self.skims, self._town = streets, skims, town
        self._ways: dict[str, Ways] = {}

    def turn(self, service: Service, booking: Booking, now_s: float, after: Skims) -> Turn | None:
        """Return the next corner of a ride under way, if from there on its way is longer than before, or gone."""
        leg, mode = booking.leg, service.street_mode
        if mode not in self._ways:
            town = self._town
            drives = mode == "drive"
            stands = nearest_driven(town.streets, town.skims.walk_m) if drives else np.arange(town.streets.nodes)
            self._ways[mode] = Ways(self._streets, self.skims, mode, stands)
        nodes = list(self._ways[mode].between(leg.origin, leg.destination))
        whole, later = nodes[0][1], getattr(after, TABLES[mode])
        begin_s, moving_s = booking.made_s + before_s(service, booking.offer), moving(service, booking.offer)
        for node, left in nodes:
            at_s = begin_s + (round_one_s(moving_s * ((whole - left) / whole)) if left < whole else 0.0)
            if at_s >= now_s:
                longer = float(later[node, leg.destination]) > left
                return Turn(node, at_s, self._length_m(mode, leg.origin, node)) if longer else None
        return None

    def _length_m(self, mode: str, origin: int, node: int) -> float:
        return float(getattr(self.skims, LENGTHS[mode])[origin, node])


def before_s(service: Service, offer: Offer) -> float:
    """Return the part of a ride before it moves: half of what fetching and parking the vehicle take. Assumption."""
    return 0.0 if service.mode == "walk" else round_one_s(offer.walk_s / 2.0)


def moving(service: Service, offer: Offer) -> float:
    """Return the part of a ride on the street, s."""
    return offer.walk_s if service.mode == "walk" else offer.ride_s


def walked(turn: Turn, booking: Booking) -> Outcome:
    """Return the walk of somebody who turns at a corner and thinks again there."""
    refusal = Refusal(CLOSED, turn.node)
    return Outcome(turn.node, turn.at_s - booking.made_s, 0.0, 0.0, turn.length_m, 0.0, 0.0, refusal=refusal)


def driven(turn: Turn, service: Service, booking: Booking) -> Outcome:
    """Return what is ridden of a way when a vehicle turns at a corner; what it cost goes by length."""
    offer = booking.offer
    first_s = before_s(service, offer)
    part = turn.length_m / offer.ride_m if offer.ride_m else 0.0
    ride_s = turn.at_s - booking.made_s - first_s
    return Outcome(turn.node, first_s, 0.0, ride_s, 0.0, turn.length_m, offer.fare_eur * part)


def going_on(service: Service, offer: Offer) -> Offer:
    """Return the offer of a ride that goes on from a corner: nobody fetches the vehicle there."""
    return offer._replace(walk_s=offer.walk_s - before_s(service, offer))


def joined(first: Outcome, second: Outcome) -> Outcome:
    """Return one ride of two parts."""
    return second._replace(
        walk_s=first.walk_s + second.walk_s,
        wait_s=first.wait_s + second.wait_s,
        ride_s=first.ride_s + second.ride_s,
        walk_m=first.walk_m + second.walk_m,
        ride_m=first.ride_m + second.ride_m,
        fare_eur=first.fare_eur + second.fare_eur,
    )
