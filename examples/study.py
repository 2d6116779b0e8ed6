"""A study in one page: what would a shuttle every four minutes bring, by chance and by what we do not know?

    python examples/study.py [FOLDER]

It takes half a minute: a few hundred people, three seeds and three draws. Take the first three overrides away for the
whole district.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kera_mobility as km

FEW = ("town.people.residents=300", "town.people.jobs=150", "town.people.neighbours_within_m=300")
WORKERS = 2
MORE = ("services.shuttle.headway_s=240", "services.shuttle.vehicles=7")
WITHOUT = km.load_scenario("configs/finished.yaml", FEW)
WITH = km.load_scenario("configs/trials/shuttle.yaml", [*FEW, *MORE])


def main(out: Path) -> None:
    # The same seeds, then the same draws of what we do not know, on both sides.
    for scenario in (WITHOUT, WITH):
        by_chance = km.experiment(scenario, seeds=range(1, 4), out=out / "chance", workers=WORKERS)
        km.experiment(scenario, seeds=[1], inputs=3, out=out / "inputs", workers=WORKERS)

    # Every KPI of every run, as a pandas frame.
    frame = by_chance.frame
    rides = frame[frame["id"] == "shuttle.rides"]
    print(rides[["seed", "value", "unit"]].to_string(index=False))

    # What the shuttle changes, paired run by run; chance and inputs are never mixed.
    for kind in ("chance", "inputs"):
        found = km.compare(out / kind / "finished", out / kind / "shuttle")
        share = found.row("sustainable_share")
        print(f"{kind}: sustainable share {100.0 * share.difference:+.2f} points, {len(found.pairs)} pairs")

    # One day in full: columns are documented.
    run = km.load(by_chance.runs[0].folder)
    waits = run.legs[run.legs["service"] == "shuttle"]["wait_s"]
    print(f"{km.columns('legs')['wait_s']}: {waits.mean():.0f} on average for the shuttle")


if __name__ == "__main__":  # workers are processes that import this file
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/study"))
