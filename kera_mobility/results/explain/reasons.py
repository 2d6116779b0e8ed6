"""Reasons in a planner's words. A reason that stands here nowhere is shown as it is, with spaces."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    # Supply
    "no_vehicle": "no free vehicle within walking distance",
    "low_battery": "the vehicles within reach had too little charge for the ride",
    "full": "no place was free on the vehicles that the person would have waited for",
    "no_departure": "no departure at that time of the day any more",
    "no_parking": "no room to park near the destination",
    "no_vehicle_in_time": "no vehicle could come within the promised time",
    "own_detour": "the ride could not have been there by the latest arrival that is promised",
    "end_of_shift": "no vehicle could have been back before the end of its shift",
    "detour_of_others": "the detour would have been too long for the passengers already promised a ride",
    "no_wheelchair_place": "no place for a wheelchair was free",
    "lost_race": "somebody else took the vehicle while the person walked to it",
    "expired": "the promise ran out before the person was there, or before the vehicle came",
    "broken": "the vehicle was out of order",
    "gone": "the vehicle had left before the person was there",
    # Where and when the service runs
    "out_of_reach": "the service does not go there, or its stops are too far to walk",
    "outside_area": "the trip begins or ends outside the operating area",
    "too_short": "the ride would be shorter than anybody unlocks a vehicle for",
    "outside_hours": "the service does not run at that hour",
    "no_ride_zone": "the way leads through a zone where riding is forbidden",
    "no_parking_zone": "parking is forbidden at the destination",
    # Disturbances
    "closed": "the line or the street was closed",
    "closed_street": "a street on the way of the line was closed",
    "cancelled": "the departure was cancelled",
    "offline": "the operator's booking system was down",
    "withdrawn": "the vehicles had been taken off the streets",
    "snow": "the service does not run in heavy snow",
    "heavy_snow": "the service does not run in heavy snow",
    "no_power": "there was no power to charge the vehicles",
    "weather": "the service does not run in such weather",
    # Nothing left
    "no_journey": "no way to get there was left",
}
"""Reason -> what it means, to follow 'because' or a colon."""

NOTHING_FIRST = "no service could carry this trip, as far as was known then"
"""Said of trips that were given up without any refusal before."""


def meaning(reason: str) -> str:
    """Return what a reason means; one without a sentence is shown as it is."""
    return REASONS.get(reason, reason.replace("_", " ") or "no reason was given")


MODE_DONE: Mapping[str, str] = {
    "walk": "walked",
    "bicycle": "cycled",
    "car": "went by car",
    "transit": "took the train or bus",
    "scooter": "took a shared scooter",
    "bicycle_share": "took a city bike",
    "shuttle": "took the shuttle",
    "on_demand": "took an on-demand ride",
}
"""What people did who travelled mainly by a mode."""

LATER = "got it after all, later"
GAVE_UP = "gave up"
UNDER_WAY = "were still under way at the day's end"
NEVER_LEFT = "never came to set out"


def done(mode: str) -> str:
    """Return what people did who travelled mainly by a mode."""
    return MODE_DONE.get(mode, f"went by {mode.replace('_', ' ')}")
