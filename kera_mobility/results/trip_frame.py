"""The trips of a run as a frame for analysis: the events with main mode, population and places beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kera_mobility.results.facts import Facts
from kera_mobility.results.record import RunRecord, numbers, texts

if TYPE_CHECKING:
    import pandas as pd


def trip_frame(record: RunRecord) -> pd.DataFrame:
    """Return the table `trips` and the columns of `events.DERIVED`, in the order of the events."""
    facts, frame = Facts(record), record.frame("trips")
    codes, populations = texts(record.people, "population")
    main = facts.main_mode
    frame["main_mode"] = np.where(main >= 0, np.array([*facts.modes, ""], dtype=object)[main], "")
    frame["population"] = np.array(populations, dtype=object)[codes[facts.person_row]]
    nodes = numbers(record.places, "node")
    order = np.argsort(nodes)
    for end in ("origin", "destination"):
        row = order[np.searchsorted(nodes, frame[end].to_numpy(), sorter=order)]
        for axis in ("lon", "lat"):
            frame[f"{end}_{axis}"] = numbers(record.places, axis)[row]
    return frame
