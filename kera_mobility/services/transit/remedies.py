"""What could be changed of timetabled lines so that a request is served."""

from __future__ import annotations

from collections.abc import Iterator

from kera_mobility.results.line_kinds import COMMON_KINDS
from kera_mobility.services.reasons import FULL
from kera_mobility.services.remedy_rules import COSTS, Change, against
from kera_mobility.services.transit.settings import TransitSettings

KIND = "transit"


@against(FULL)
def more_places(settings: TransitSettings, t_s: float) -> Iterator[Change]:
    """Yield larger trains, trams and buses, each with all of its settings: a scenario may name none of them."""
    for line_kind in COMMON_KINDS:
        rolling_stock = getattr(settings, line_kind).model_dump(mode="json", exclude_none=True)
        places = rolling_stock["places"]
        for larger in (round(1.25 * places), round(2.0 * places)):
            if larger > places:
                words = f"{larger} places in a {line_kind} instead of {places}"
                changed = {line_kind: {**rolling_stock, "places": larger}}
                yield Change(words, changed, (larger - places) * COSTS.line_place_eur)
