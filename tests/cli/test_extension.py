"""Services, policies and KPIs of one's own: found where they are dropped, or by entry point; nothing else is touched.

The boat in tests/kit/boat is a full operated service with limited capacity in one folder; the raft below is one file.
Both import from `kera_mobility.plugins` only.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

import kera_mobility

ROOT = Path(__file__).parents[2]
PACKAGE = Path(kera_mobility.__file__).parent
BOAT = ROOT / "tests" / "kit" / "boat"

RAFT = '''
"""A raft: half as fast as walking, and always at hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kera_mobility.plugins import Booking, Offers, Outcome, Requests, Ride, Service, ServiceSettings, round_s


class RaftSettings(ServiceSettings):
    """Settings of the raft."""

    kind: Literal["raft"] = "raft"
    speed_m_s: float = Field(0.6, gt=0, le=3)
    """Mean speed. Assumption."""
    fare_eur: float = Field(0.5, ge=0, le=20)
    """Per crossing. Assumption."""


class Raft(Service):
    """People drift along the cycle network."""

    kind = "raft"
    settings_type = RaftSettings
    mode = "raft"
    nest = "raft"
    time_class = "walk"
    operated = True

    settings: RaftSettings

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
        """Drift there."""
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

from kera_mobility.plugins import FloatArray, IntArray, OvernightPolicy, Settings


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

from kera_mobility.plugins import Facts, Kpi, kpi, numbers


@kpi
def early_trips(facts: Facts) -> Iterator[Kpi]:
    """Yield the number of early trips."""
    early = int(np.count_nonzero(numbers(facts.record.tables["trips"], "t_s") < 9 * 3600.0))
    yield Kpi("early_trips", early, "trips", "everyone", "Trips that set out before nine.")
'''

DAY = """
import json, sys, tempfile
from pathlib import Path
from kera_mobility.experiments.remedies import remedies
from kera_mobility.simulation.scenario import schema
from kera_mobility.simulation.run import live
from tests.kit.hamlet import HOME, MILL, hamlet_town, rows, scenario, trip

services, clocks = json.loads(sys.argv[1]), json.loads(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    trips = [trip(number, HOME, MILL, clock) for number, clock in enumerate(clocks, 1)]
    town = hamlet_town(Path(folder), trips=trips)
    trial = scenario({"walk": {}, **services}, ("boat", "raft", "scooter", "walk"))
    log = live(trial, town)
    saved = log.save(Path(folder) / "result")
    meta = json.loads((saved / "run.json").read_text())
    print(json.dumps({
        "schema": json.dumps(schema()),
        "kpis": {kpi.id: kpi.value for kpi in log.kpis()},
        "saved": {kpi["id"]: kpi["value"] for kpi in json.loads((saved / "kpis.json").read_text())},
        "services": meta["services"],
        "reasons": meta["reasons"],
        "legs": rows(log, "legs"),
        "refusals": rows(log, "refusals"),
        "remedies": {remedy.words: remedy.cost_eur for remedy in remedies(trial, "boat", "no_boat", 0.0)},
        "overnight": {name: {key: values.tolist() for key, values in state.items()}
                      for name, state in log.overnight.items()},
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
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


def day(tree: Path, services: dict[str, Any], clocks: tuple[str, ...] = ("8:00", "10:00")) -> dict[str, Any]:
    """Return what came of a day in the hamlet of the tree on which people go from HOME to MILL at some times."""
    done = python(tree, "-c", DAY, json.dumps(services), json.dumps(clocks))
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def drop(tree: Path, folder: str, text: str, name: str = "of_ones_own.py") -> None:
    path = tree / "kera_mobility" / folder / name
    assert not path.exists()
    path.write_text(text.lstrip(), encoding="utf-8")


def drop_boat(tree: Path, place: str = "kera_mobility/services/boat") -> None:
    shutil.copytree(BOAT, tree / place, ignore=shutil.ignore_patterns("__pycache__"))


def entry_point(tree: Path, group: str, value: str) -> None:
    """Install a distribution that names a module or package for a group."""
    about = tree / "rowing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rowing\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[{group}]\nown = {value}\n", encoding="utf-8")


def contract(tree: Path, kind: str) -> subprocess.CompletedProcess[str]:
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", kind]
    return python(tree, *options, "tests/laws/test_contract.py")


# A full operated service is one folder.


def test_the_boat_imports_from_plugins_only() -> None:
    imported = {
        name
        for file in BOAT.rglob("*.py")
        for name in re.findall(r"^(?:from|import) (kera_mobility[\w.]*)", file.read_text(encoding="utf-8"), re.M)
    }
    assert imported == {"kera_mobility.plugins"}


@pytest.mark.parametrize("place", ["kera_mobility/services/boat", "rowing"])
def test_a_full_service_is_one_folder_here_or_in_another_package(tree: Path, place: str) -> None:
    """Both want the one boat at 8:00: 600 m at 0.6 m/s take 1,000 s, so it is free again at 10:00."""
    drop_boat(tree, place)
    if place == "rowing":
        entry_point(tree, "kera_mobility.services", "rowing")
    result = day(tree, {"boat": {"kind": "boat", "fleet": 1, "fare_eur": 0.75}}, ("8:00", "8:00", "10:00"))
    assert '"BoatSettings"' in result["schema"]
    assert '"BailingSettings"' in result["schema"]
    rides = [(leg["service"], leg["ride_s"], leg["fare_eur"]) for leg in result["legs"] if leg["service"] == "boat"]
    assert rides == [("boat", 1000.0, 0.75)] * 2
    assert [(refusal["person"], refusal["reason"]) for refusal in result["refusals"]] == [(2, "no_boat")]
    assert result["reasons"]["no_boat"]["sentence"]["en"] == "all boats were taken"
    assert result["remedies"] == {"boat: 2 boats instead of 1": 3.0, "boat: 3 boats instead of 1": 6.0}
    assert result["services"]["boat"]["mode"] == "boat"
    assert result["saved"]["boat.revenue_eur"] == 1.5
    for name, value in {
        "boat.rides": 2, "boat.denied_requests.no_boat": 1, "boat.bookings.ridden": 2, "boat.rides_per_boat": 2.0,
        "boat.operating_cost_eur": 3.0,
    }.items():  # fmt: skip
        assert result["kpis"][name] == value, name


@pytest.mark.parametrize(("turnaround", "rides"), [({"kind": "none"}, 2), ({"kind": "bailing", "share": 0.5}, 1)])
def test_a_policy_of_a_service_stands_in_its_folder(tree: Path, turnaround: dict[str, Any], rides: int) -> None:
    """The boat is back at 8:16:40; bailed out it is free at 8:25, too late for who leaves at 8:20."""
    drop_boat(tree)
    result = day(tree, {"boat": {"kind": "boat", "fleet": 1, "turnaround": turnaround}}, ("8:00", "8:20"))
    assert result["kpis"]["boat.rides"] == rides


def test_the_settings_of_a_service_of_ones_own_are_checked_like_any_others(tree: Path) -> None:
    drop_boat(tree)
    for wrong in ({"fare_eur": -1}, {"sail": True}):
        done = python(tree, "-c", DAY, json.dumps({"boat": {"kind": "boat", **wrong}}), "[]")
        assert done.returncode != 0
        assert f"services.boat.boat.{next(iter(wrong))}" in done.stderr


def test_a_full_service_of_ones_own_is_asked_all_that_the_others_are_asked(tree: Path) -> None:
    drop_boat(tree)
    done = contract(tree, "boat")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_command_line_shows_a_full_service(tree: Path) -> None:
    """Two days that differ in the number of boats alone: cost, refusals and rides stand in every view of them."""
    drop_boat(tree)
    drop(tree, "results/kpis", KPI)
    drop(tree, "services/scooter/policies", POLICY)
    for shipped in ("configs", "networks"):
        (tree / shipped).symlink_to(ROOT / shipped)
    few, many = (boats_day(tree, fleet) for fleet in (1, 40))
    assert "boat.rides_per_boat" in few
    assert "early_trips" in few
    assert "boat.denied_requests.no_boat" in few
    assert "boat.denied_requests.no_boat" not in many
    resolved = next((tree / "out" / "1").rglob("scenario.yaml")).read_text(encoding="utf-8")
    assert "kind: boat" in resolved
    assert "kind: turn_round" in resolved
    changes = {row["id"]: row for row in json.loads(kera(tree, "compare", "out/1", "out/40", "--json"))["differences"]}
    cost, refused = changes["boat.operating_cost_eur"], changes["boat.denied_requests.no_boat"]
    assert (cost["mean_a"], cost["mean_b"]) == (3.0, 120.0)
    assert refused["mean_a"] > refused["mean_b"] == 0.0
    assert "all boats were taken" in kera(tree, "explain", "out/1")
    kera(tree, "report", "out/1", "-o", "report.html")
    packed = re.search(r'id="content">([^<]+)<', (tree / "report.html").read_text(encoding="utf-8"))
    assert packed
    assert b"no boat left" in zlib.decompress(base64.b64decode(packed[1]))


def boats_day(tree: Path, fleet: int) -> str:
    """Return what `kera run` prints of a day on which people like boats; its result is in out/<fleet>."""
    settings = {
        "town.people.residents": 40, "town.people.jobs": 20, "town.people.neighbours_within_m": 0,
        "services.boat.kind": "boat", "services.boat.fleet": fleet, "services.boat.speed_m_s": 3.0,
        "choice.constants.boat": 20.0, "services.scooter.overnight.kind": "turn_round", "planning.warm_up_days": 0,
    }  # fmt: skip
    changes = [f"--set={name}={value}" for name, value in settings.items()]
    return kera(tree, "run", "configs/trials/scooters.yaml", *changes, "--out", f"out/{fleet}", "--all")


def kera(tree: Path, *arguments: str) -> str:
    done = python(tree, "-m", "kera_mobility", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


# A service, a policy or a KPI of one's own may be one file.


def test_a_service_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "services", RAFT)
    result = day(tree, {"raft": {"kind": "raft", "fare_eur": 0.75}})
    assert '"RaftSettings"' in result["schema"]
    assert [(leg["service"], leg["ride_s"], leg["fare_eur"]) for leg in result["legs"]] == [("raft", 1000.0, 0.75)] * 2
    assert result["kpis"]["raft.rides"] == 2
    assert result["kpis"]["mode_share.raft"] == 1.0
    done = contract(tree, "raft")
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
    assert kept in RAFT
    drop(tree, "services", RAFT.replace(kept, broken) + COUNTING)
    done = contract(tree, "raft")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any(caught_by in line for line in failed), failed


def test_a_policy_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "services/scooter/policies", POLICY)
    result = day(tree, {"scooter": {"overnight": {"kind": "turn_round"}}})
    assert '"TurnSettings"' in result["schema"]
    # Two ride from the mill, where the fleet stands, to the mill: all stay full, and the night takes half.
    assert result["overnight"]["scooter"]["charge"] == [0.5] * 4


def test_a_kpi_of_ones_own_is_one_file(tree: Path) -> None:
    drop(tree, "results/kpis", KPI)
    result = day(tree, {})
    assert result["kpis"]["early_trips"] == 1
    assert result["saved"]["early_trips"] == 1


@pytest.mark.parametrize(
    ("folder", "text", "kind"),
    [
        ("services", RAFT, "raft"),
        ("services", RAFT.replace("raft", "walk"), "walk"),
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
    done = python(tree, "-c", DAY, "{}", "[]")
    assert done.returncode != 0
    assert "KPI 'early_trips' is already made by kera_mobility.results.kpis.of_ones_own" in done.stderr


def test_a_service_without_its_kind_in_its_settings_is_an_error(tree: Path) -> None:
    drop(tree, "services", RAFT.replace('kind: Literal["raft"] = "raft"', 'kind: Literal["ship"] = "ship"'))
    done = python(tree, "-c", "import kera_mobility.simulation.scenario")
    assert done.returncode != 0
    assert "expected a settings_type with the field kind: Literal['raft']" in done.stderr


@pytest.mark.parametrize(
    ("group", "text", "services", "shown"),
    [
        ("kera_mobility.services", RAFT, {"raft": {"kind": "raft"}}, "raft.rides"),
        ("kera_mobility.policies", POLICY, {"scooter": {"overnight": {"kind": "turn_round"}}}, "scooter.rides"),
        ("kera_mobility.kpis", KPI, {}, "early_trips"),
    ],
)
def test_another_package_brings_one_file_through_an_entry_point(
    tree: Path, group: str, text: str, services: dict[str, Any], shown: str
) -> None:
    (tree / "rowing.py").write_text(text.lstrip(), encoding="utf-8")
    entry_point(tree, group, "rowing")
    assert shown in day(tree, services)["kpis"]


def test_nothing_that_is_not_asked_for_is_found(tree: Path) -> None:
    """The tree is what runs, not the package that is installed; without the file there is no boat."""
    result = day(tree, {})
    kinds = {kind for kind in ("boat", "raft") if f'"{kind}"' in result["schema"]}
    assert not kinds
    assert "early_trips" not in result["kpis"]
    done = python(tree, "-c", "import kera_mobility; print(kera_mobility.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(tree)
