"""A service, a policy and a KPI of one's own: one file each, dropped into its folder; nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kera_mobility

ROOT = Path(__file__).parents[2]
PACKAGE = Path(kera_mobility.__file__).parent

SERVICE = '''
"""A rowing boat: half as fast as walking, and it never rains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kera_mobility.services.contract import Booking, Offers, Outcome, Requests
from kera_mobility.services.base import Ride, Service, ServiceSettings
from kera_mobility.units import round_s


class BoatSettings(ServiceSettings):
    """Settings of the boat."""

    kind: Literal["boat"] = "boat"
    speed_m_s: float = Field(0.6, gt=0, le=3)
    """Mean speed. Assumption."""
    fare_eur: float = Field(0.5, ge=0, le=20)
    """Per crossing. Assumption."""


class Boat(Service):
    """People row along the cycle network."""

    kind = "boat"
    settings_type = BoatSettings
    mode = "boat"
    nest = "boat"
    time_class = "walk"
    operated = True

    settings: BoatSettings

    def expect(self, requests: Requests) -> Offers:
        """Return the crossings."""
        ride_m = self.town.skims.between(self.town.skims.cycle_m, requests.origin, requests.destination)
        return Offers.of(
            len(requests),
            ride_s=round_s(ride_m / self.settings.speed_m_s),
            fare_eur=ride_m * 0.0 + self.settings.fare_eur,
            ride_m=ride_m,
        )

    def ride(self, booking: Booking) -> Ride:
        """Row there."""
        offer = booking.offer
        yield self.world.env.timeout(offer.ride_s)
        return Outcome(booking.leg.destination, 0.0, 0.0, offer.ride_s, 0.0, offer.ride_m, offer.fare_eur)
'''

COUNTING = '''
    def calls(self) -> float:
        """Return how often this was asked: what a service must not remember."""
        self._calls = getattr(self, "_calls", 0.0) + 1.0
        return self._calls
'''

POLICY = '''
"""A night on which the fleet is turned round: the first scooter stands where the last one stood."""

from __future__ import annotations

from typing import Literal

from kera_mobility.services.scooter.policies.overnight import OvernightPolicy
from kera_mobility.config.settings import Settings
from kera_mobility.units import FloatArray, IntArray


class TurnSettings(Settings):
    """Settings of turning the fleet round."""

    kind: Literal["turn_round"] = "turn_round"


class TurnRound(OvernightPolicy):
    """Puts every scooter where another one was, and takes half of its charge."""

    kind = "turn_round"
    settings_type = TurnSettings

    def places(self, parked: IntArray, first: IntArray) -> IntArray:
        """Return the places in reverse."""
        return parked[::-1].copy()

    def charges(self, charge: FloatArray) -> FloatArray:
        """Return half of the charges."""
        return charge / 2.0
'''

KPI = '''
"""How many trips set out before nine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kera_mobility.results.facts import Facts
from kera_mobility.results.kpis import Kpi, kpi
from kera_mobility.results.record import numbers


@kpi
def early_trips(facts: Facts) -> Iterator[Kpi]:
    """Yield the number of early trips."""
    early = int(np.count_nonzero(numbers(facts.record.tables["trips"], "t_s") < 9 * 3600.0))
    yield Kpi("early_trips", early, "trips", "everyone", "Trips that set out before nine.")
'''

DAY = """
import json, sys, tempfile
from pathlib import Path
from kera_mobility.simulation.scenario import schema
from kera_mobility.simulation.run import live
from tests.kit.hamlet import HOME, MILL, hamlet_town, rows, scenario, trip

extra = json.loads(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    town = hamlet_town(Path(folder), trips=[trip(1, HOME, MILL, "8:00"), trip(2, HOME, MILL, "10:00")])
    log = live(scenario({"walk": {}, **extra}, ("boat", "scooter", "walk")), town)
    saved = log.save(Path(folder) / "result")
    print(json.dumps({
        "schema": json.dumps(schema()),
        "kpis": {one.id: one.value for one in log.kpis()},
        "saved": {one["id"]: one["value"] for one in json.loads((saved / "kpis.json").read_text())},
        "meta": json.loads((saved / "run.json").read_text())["services"],
        "legs": rows(log, "legs"),
        "overnight": {name: {key: values.tolist() for key, values in kept.items()}
                      for name, kept in log.overnight.items()},
    }))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package and of what the hamlet needs."""
    ignored = shutil.ignore_patterns("__pycache__", "_shipped")
    shutil.copytree(PACKAGE, tmp_path / "kera_mobility", ignore=ignored)
    (tmp_path / "tests").mkdir()
    for name in ("kit/hamlet.py", "conftest.py", "laws/test_contract.py"):
        (tmp_path / "tests" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the tree before everything else."""
    told = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=tree, env=told, capture_output=True, text=True, check=False)


def day(tree: Path, extra: dict[str, Any]) -> dict[str, Any]:
    """Return what came of a day in the hamlet of the tree, with some ways to travel besides walking."""
    done = python(tree, "-c", DAY, json.dumps(extra))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def drop(tree: Path, folder: str, text: str, name: str = "of_ones_own.py") -> None:
    path = tree / "kera_mobility" / folder / name
    assert not path.exists()
    path.write_text(text.lstrip(), encoding="utf-8")


def test_a_service_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "services", SERVICE)
    found = day(tree, {"boat": {"kind": "boat", "fare_eur": 0.75}})
    assert '"BoatSettings"' in found["schema"]
    assert '"boat"' in found["schema"]
    # 600 m at 0.6 m/s.
    assert [(leg["service"], leg["ride_s"], leg["fare_eur"]) for leg in found["legs"]] == [("boat", 1000.0, 0.75)] * 2
    assert found["meta"]["boat"]["mode"] == "boat"
    assert found["kpis"]["boat.rides"] == 2
    assert found["saved"]["boat.revenue_eur"] == 1.5
    assert found["kpis"]["mode_share.boat"] == 1.0


def test_the_settings_of_a_service_of_ones_own_are_checked_like_any_others(tree: Path) -> None:
    drop(tree, "services", SERVICE)
    for wrong in ({"fare_eur": -1}, {"sail": True}):
        done = python(tree, "-c", DAY, json.dumps({"boat": {"kind": "boat", **wrong}}))
        assert done.returncode != 0
        assert f"services.boat.boat.{next(iter(wrong))}" in done.stderr


def test_a_service_of_ones_own_is_asked_all_that_the_others_are_asked(tree: Path) -> None:
    drop(tree, "services", SERVICE)
    done = contract(tree, "boat")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    ("kept", "broken", "caught_by"),
    [
        (
            "yield self.world.env.timeout(offer.ride_s)",
            "yield self.world.env.timeout(offer.ride_s + 1.0)",
            "ends_where",
        ),
        ("Outcome(booking.leg.destination", "Outcome(booking.leg.origin", "ends_where"),
        ("round_s(ride_m / self.settings.speed_m_s)", "ride_m / 0.61", "not_below_zero"),
        ("ride_m = self.town", "requests.depart_s[:] += 1.0; ride_m = self.town", "pure"),
        ("ride_m=ride_m,", "ride_m=ride_m + self.calls(),", "pure"),
    ],
)
def test_a_service_that_breaks_the_contract_is_caught(tree: Path, kept: str, broken: str, caught_by: str) -> None:
    assert kept in SERVICE
    drop(tree, "services", SERVICE.replace(kept, broken) + COUNTING)
    done = contract(tree, "boat")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any(caught_by in line for line in failed), failed


def contract(tree: Path, kind: str) -> subprocess.CompletedProcess[str]:
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", kind]
    return python(tree, *options, "tests/laws/test_contract.py")


def test_a_policy_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "services/scooter/policies", POLICY)
    found = day(tree, {"scooter": {"overnight": {"kind": "turn_round"}}})
    assert '"TurnSettings"' in found["schema"]
    # Two ride from the mill, where the fleet stands, to the mill: all stay full, and the night takes half.
    assert found["overnight"]["scooter"]["charge"] == [0.5] * 4


def test_a_kpi_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "results/kpis", KPI)
    found = day(tree, {})
    assert found["kpis"]["early_trips"] == 1
    assert found["saved"]["early_trips"] == 1


def test_the_command_line_shows_them_all(tree: Path) -> None:
    drop(tree, "services", SERVICE)
    drop(tree, "services/scooter/policies", POLICY)
    drop(tree, "results/kpis", KPI)
    for shipped in ("configs", "networks"):
        (tree / shipped).symlink_to(ROOT / shipped)
    hamlet = {"residents": 40, "jobs": 20, "neighbours_within_m": 0}
    told = [f"--set=town.people.{name}={value}" for name, value in hamlet.items()]
    told += ["--set=services.boat.kind=boat", "--set=services.scooter.overnight.kind=turn_round"]
    done = python(
        tree, "-m", "kera_mobility", "run", "configs/trials/scooters.yaml", *told, "--out", str(tree / "out"), "--all"
    )
    assert done.returncode == 0, done.stderr
    assert "boat.rides" in done.stdout
    assert "early_trips" in done.stdout
    resolved = next((tree / "out").rglob("scenario.yaml")).read_text(encoding="utf-8")
    assert "kind: boat" in resolved
    assert "kind: turn_round" in resolved


@pytest.mark.parametrize(
    ("folder", "text", "kind"),
    [
        ("services", SERVICE, "boat"),
        ("services", SERVICE.replace("boat", "walk"), "walk"),
        ("services/scooter/policies", POLICY, "turn_round"),
    ],
)
def test_two_modules_with_one_kind_are_an_error_that_names_both(tree: Path, folder: str, text: str, kind: str) -> None:
    drop(tree, folder, text)
    if kind != "walk":
        drop(tree, folder, text, "second_one.py")
    done = python(tree, "-c", "import kera_mobility.simulation.scenario")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "ExtensionError" in last
    assert f"kind '{kind}' is taken by kera_mobility.{folder.replace('/', '.')}.of_ones_own" in last


def test_two_kpis_with_one_id_are_an_error_that_names_both(tree: Path) -> None:
    drop(tree, "results/kpis", KPI)
    drop(tree, "results/kpis", KPI, "second_one.py")
    done = python(tree, "-c", DAY, "{}")
    assert done.returncode != 0
    assert "KPI 'early_trips' is already made by kera_mobility.results.kpis.of_ones_own" in done.stderr


def test_a_service_without_its_kind_in_its_settings_is_an_error(tree: Path) -> None:
    drop(tree, "services", SERVICE.replace('kind: Literal["boat"] = "boat"', 'kind: Literal["ship"] = "ship"'))
    done = python(tree, "-c", "import kera_mobility.simulation.scenario")
    assert done.returncode != 0
    assert "expected a settings_type with the field kind: Literal['boat']" in done.stderr


@pytest.mark.parametrize(
    ("group", "text", "extra", "shown"),
    [
        ("kera_mobility.services", SERVICE, {"boat": {"kind": "boat"}}, "boat.rides"),
        ("kera_mobility.policies", POLICY, {"scooter": {"overnight": {"kind": "turn_round"}}}, "scooter.rides"),
        ("kera_mobility.kpis", KPI, {}, "early_trips"),
    ],
)
def test_another_package_brings_its_own_through_an_entry_point(
    tree: Path, group: str, text: str, extra: dict[str, Any], shown: str
) -> None:
    (tree / "rowing.py").write_text(text.lstrip(), encoding="utf-8")
    about = tree / "rowing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rowing\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[{group}]\nown = rowing\n", encoding="utf-8")
    assert shown in day(tree, extra)["kpis"]


def test_nothing_that_is_not_asked_for_is_found(tree: Path) -> None:
    """The tree is what runs, not the package that is installed; without the file there is no boat."""
    found = day(tree, {})
    assert "boat" not in found["schema"]
    assert "early_trips" not in found["kpis"]
    done = python(tree, "-c", "import kera_mobility; print(kera_mobility.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(tree)
