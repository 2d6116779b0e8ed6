"""A background load between places of the hamlet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from kera_mobility.services.transit.background_load import FILE
from tests.kit.hamlet import LATITUDE, METRES_PER_DEGREE, NAMES, X_M


def write_background(folder: Path, travel: Sequence[tuple[int, int, int, float]], kind: int = 2) -> None:
    """Write who rides between places of the hamlet: (origin, destination, hour, persons)."""
    lon = [25.0 + x_m / METRES_PER_DEGREE for x_m in X_M]
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        ends = [f"{end}{part}" for end in ("origin", "destination") for part in ("", "_lon", "_lat")]
        writer.writerow((*ends, "type", "hour", "persons"))
        for a, b, hour, persons in travel:
            writer.writerow((NAMES[a], lon[a], LATITUDE, NAMES[b], lon[b], LATITUDE, kind, hour, persons))
