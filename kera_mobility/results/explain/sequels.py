"""What travellers did in the end who were refused, in a planner's words."""

from __future__ import annotations

from collections.abc import Mapping

NOTHING_FIRST = "no service could carry this trip, as far as was known then"
"""Said of trips that were given up without any refusal before."""
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
