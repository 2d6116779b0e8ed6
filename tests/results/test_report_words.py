"""What the report says of figures, in its three languages: every definition of a figure that this version makes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kera_mobility.config.figure_ids import figures_of
from kera_mobility.simulation.scenario import load_scenario

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / "configs" / "checks"
SCRIPT = """
import { definitionOf, speak, untranslated } from './web/src/words.js';
const { ids, services, code } = JSON.parse(process.argv[1]);
speak(code);
const texts = ids.map((id) => definitionOf(id, `English of ${id}`, services));
console.log(JSON.stringify({ texts, lacking: [...untranslated] }));
"""
OF_A_COMPARISON = (
    "switched", "served.any_new", "served.shuttle", "substitution.shuttle.main.car", "substitution.scooter.feeder.walk",
    *(f"consumer_surplus.{name}" for name in ("ex_ante", "realised_utility", "time_and_money", "left_out")),
    "consumer_surplus.ex_ante.age_7_17", "consumer_surplus.time_and_money.home_400_800_m@everyone",
    *(f"carbon.{scope}.{how}" for scope in ("operational", "life_cycle") for how in ("market", "location", "marginal")),
    "money.travellers.paid_eur", "money.operators.fares_eur", "money.operators.operating_cost_eur",
    "money.authority.operating_cost_eur", "money.operators.capital_eur",
    "money.authority.tickets_eur", "money.city.subsidy_eur", "money.owners.parking_eur", "money.car_km",
    *(f"subsidy.{name}" for name in ("per_ride", "per_new_sustainable_trip", "per_car_km_avoided")),
    *(f"yearly.{name}" for name in ("travellers", "operators", "authority", "capital", "climate", "accidents",
                                    "parking",
                                    "net")),
)  # fmt: skip
RARE = (
    "car.parking_eur", "transit.season_eur", "transit.earned_eur_per_ride", "shuttle.laps.lost.flat",
    "shuttle.holding_min", "shuttle.holding_person_min", "shuttle.connections.saved", "shuttle.connections.missed",
    "scooter.bookings.expired",
)  # fmt: skip
"""Figures that no small check makes."""


@pytest.mark.parametrize("code", ["fi", "sv"])
def test_every_figure_is_defined_in_the_language_of_the_page(code: str, require_program: Callable[..., str]) -> None:
    node = require_program("node", "node")
    ids, services = {*OF_A_COMPARISON, *RARE}, set()
    for file in CHECKS.glob("*.yaml"):
        services |= set(map(figures_of, load_scenario(file).services))
        ids |= set(json.loads((CHECKS / "baselines" / f"{file.stem}.json").read_text(encoding="utf-8"))["kpis"])
    given = {"ids": sorted(ids), "services": {name: {} for name in services}, "code": code}
    command = [node, "--input-type=module", "-e", SCRIPT, json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    of_data = [name.partition("@")[0] for name in ids if re.search(r"\.hub_|denied_requests|unserved|laps", name)]
    names = {name.rpartition(".")[2].replace("_", " ") for name in of_data}
    lacking = sorted(set(told["lacking"]) - names)  # names of hubs and reasons come with the data
    english = [text for text in told["texts"] if re.search(r"\b(the|of|and|which|from)\b|\{", text)]
    assert len(ids) > 250
    assert (lacking, english) == ([], [])
