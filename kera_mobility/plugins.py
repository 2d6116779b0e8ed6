"""What another package needs to bring a service, a policy or a KPI of its own; nothing else is promised to stay.

An entry point of the group `kera_mobility.services`, `kera_mobility.policies`, `kera_mobility.kpis` or
`kera_mobility.figures` names a module, or a package with the modules that a folder in `kera_mobility/services/` has.
"""

from __future__ import annotations

from kera_mobility.config.registry import Policy, policy_beside, policy_settings_beside
from kera_mobility.config.settings import Place, Settings
from kera_mobility.results.costs import DayCost
from kera_mobility.results.facts import EVERYONE, Facts, Group, quantile, share
from kera_mobility.results.kpis import Kpi, kpi, personal
from kera_mobility.results.reason_texts import Reason
from kera_mobility.results.record import RunRecord, numbers, texts
from kera_mobility.services.base import Carried, Experience, Ride, Service, ServiceSettings, Vehicle
from kera_mobility.services.contract import Booking, Leg, Offer, Offers, Outcome, Refusal, Requests
from kera_mobility.services.notices import (
    Announcement,
    BookingSuspended,
    FleetWithdrawn,
    Notice,
    PowerCut,
    RunLate,
    ServiceClosed,
    Snowfall,
    StreetsChanged,
)
from kera_mobility.services.on_demand.policies.dispatch import DispatchPolicy
from kera_mobility.services.on_demand.policies.repositioning import RepositioningPolicy
from kera_mobility.services.remedy_rules import Change, against, grown
from kera_mobility.services.scooter.policies.crew_routes import TourPlanner
from kera_mobility.services.scooter.policies.overnight import OvernightPolicy
from kera_mobility.services.scooter.policies.rebalancing import RebalancingPolicy
from kera_mobility.services.world import World
from kera_mobility.units import AnyArray, BoolArray, FloatArray, IntArray, round_s

__all__ = [
    "EVERYONE",
    "Announcement",
    "AnyArray",
    "Booking",
    "BookingSuspended",
    "BoolArray",
    "Carried",
    "Change",
    "DayCost",
    "DispatchPolicy",
    "Experience",
    "Facts",
    "FleetWithdrawn",
    "FloatArray",
    "Group",
    "IntArray",
    "Kpi",
    "Leg",
    "Notice",
    "Offer",
    "Offers",
    "Outcome",
    "OvernightPolicy",
    "Place",
    "Policy",
    "PowerCut",
    "Reason",
    "RebalancingPolicy",
    "Refusal",
    "RepositioningPolicy",
    "Requests",
    "Ride",
    "RunLate",
    "RunRecord",
    "Service",
    "ServiceClosed",
    "ServiceSettings",
    "Settings",
    "Snowfall",
    "StreetsChanged",
    "TourPlanner",
    "Vehicle",
    "World",
    "against",
    "grown",
    "kpi",
    "numbers",
    "personal",
    "policy_beside",
    "policy_settings_beside",
    "quantile",
    "round_s",
    "share",
    "texts",
]  # fmt: skip
