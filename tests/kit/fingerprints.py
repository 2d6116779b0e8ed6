"""What laws about equal results compare: fingerprints without some people, and a run in a process of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kera_mobility.dice import Dice
from kera_mobility.results.events import KINDS, table_fingerprint
from kera_mobility.simulation.run import Run

LIMITED = ("scooter", "shuttle", "rail")
"""Services that can be empty or full; they say no, or let wait."""
DRAW = Dice.of(1).at("who is taken away")

ALONE = """
import hashlib
import sys
import numpy as np
import kera_mobility
from kera_mobility.dice import Dice
from kera_mobility.simulation.scenario import load_scenario
from kera_mobility.simulation.run import simulate
DRAWS
scenario, seed, *overrides = sys.argv[1:]
run = simulate(load_scenario(scenario, overrides), int(seed))
print(run.fingerprint)
print(kera_mobility.__file__)
print(*(name for name, there in np._core._multiarray_umath.__cpu_features__.items() if there))
print(*(name for name in sys.modules if name.partition(".")[0] == name))
print(draws())
"""


def bystanders(run: Run, count: int) -> list[int]:
    """Return people drawn from those who travelled without a word to a limited service."""
    tables = run.record.tables
    legs = tables["legs"]
    limited = legs.filter(pc.is_in(legs["service"], pa.array(LIMITED)))
    touched = {number for table in (limited, tables["bookings"], tables["refusals"]) for number in ids(table)}
    free = np.array(sorted(set(ids(tables["trips"])) - touched))
    order = np.argsort(DRAW.uniform("order", free))
    return sorted(free[order][:count].tolist())


def ids(table: pa.Table) -> list[int]:
    return list(table["person"].to_pylist())


def fingerprints(run: Run, dropped: Collection[int] = ()) -> dict[str, str]:
    """Return the fingerprint of each table, and of the vehicles, without the rows of some people."""
    tables = {kind: run.record.tables[kind] for kind in KINDS} | {"vehicles": run.record.vehicles}
    gone = pa.array(sorted(dropped), pa.int64())
    for kind, table in tables.items():
        if "person" in table.column_names and len(gone):
            tables[kind] = table.filter(pc.invert(pc.is_in(table["person"], gone)))
    return {kind: table_fingerprint(table) for kind, table in tables.items()}


def draws() -> str:
    """Return a digest of draws to the last bit; the utilities made of them are rounded, and would hardly show it."""
    dice, many = Dice.of(1), np.arange(200_000)
    return hashlib.sha256(dice.gumbel(many).tobytes() + dice.log_stable(0.4, many).tobytes()).hexdigest()
