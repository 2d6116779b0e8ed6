"""What people expect of scarce services is learned, by zone and hour, and tends to what they meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kera_mobility.services.base import PRIOR_REQUESTS, Experience
from kera_mobility.services.contract import Requests
from kera_mobility.simulation.expectations import experiences_of
from kera_mobility.simulation.run import live, simulate
from kera_mobility.simulation.scenario import load_scenario
from tests.kit.hamlet import HOME, MILL, STATION, hamlet_town, leg, live_services, person, scenario, trip

SMALL = ("town.people.residents=800", "town.people.jobs=300", "town.people.neighbours_within_m=600")


def test_nobody_met_anything_means_certainty() -> None:
    assert np.all(Experience.none(3).chance == 1.0)


def test_the_chance_of_a_place_never_tried_is_the_chance_overall() -> None:
    requests, served = np.zeros((2, 28)), np.zeros((2, 28))
    requests[0, 8], served[0, 8] = 90.0, 40.0
    chance = Experience(requests, served).chance
    overall = (40.0 + PRIOR_REQUESTS) / (90.0 + PRIOR_REQUESTS)
    assert chance[1, 8] == pytest.approx(overall)
    assert chance[0, 8] == pytest.approx((40.0 + PRIOR_REQUESTS * overall) / (90.0 + PRIOR_REQUESTS))


def test_an_expected_ride_is_a_ride_or_a_walk_by_the_chance_of_being_served(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1)])
    _, services = live_services(scenario({"walk": {}, "scooter": {}}), town)
    scooter = services["scooter"]
    request = Requests(np.array([0]), np.array([MILL]), np.array([STATION]), np.array([8 * 3600.0]))
    sure = scooter.expect(request)
    met = Experience.none(int(town.zone.max()) + 1)
    met.requests[:, :] = 1e9
    met.served[:, :] = 0.5e9
    scooter.learn(met)
    half = scooter.expect(request)
    assert half.ride_s[0] == pytest.approx(sure.ride_s[0] / 2, abs=1 / 64)
    assert half.walk_s[0] == pytest.approx((sure.walk_s[0] + 500.0) / 2, abs=1 / 64)
    assert half.fare_eur[0] == pytest.approx(sure.fare_eur[0] / 2, abs=1 / 64)
    assert scooter.bound(request).ride_s[0] <= sure.ride_s[0]


def test_asking_is_counted_where_and_when_it_happens(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1), person(2)])
    _, services = live_services(scenario({"walk": {}, "scooter": {"fleet": 1}}), town)
    scooter = services["scooter"]
    scooter.quote(leg(town, "scooter", 1, MILL, STATION))
    scooter.book(leg(town, "scooter", 1, MILL, STATION))
    scooter.quote(leg(town, "scooter", 2, MILL, STATION))
    zone = town.zone[MILL]
    assert (scooter.experience.requests[zone, 8], scooter.experience.served[zone, 8]) == (2.0, 1.0)


def test_a_service_that_does_not_go_there_is_no_matter_of_chance(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, [person(1)])
    _, services = live_services(scenario({"walk": {}, "scooter": {"max_walk_m": 100.0}}), town)
    services["scooter"].quote(leg(town, "scooter", 1, HOME, 4))
    assert services["scooter"].experience.requests.sum() == 0.0


def test_what_is_expected_and_what_is_met_agree_within_a_tenth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path))
    liked = ("choice.constants.shuttle=1.0", "choice.feeder_constants.shuttle=0.5")
    trial = load_scenario("configs/trials/shuttle.yaml", (*SMALL, *liked, "services.shuttle.seats=1"))
    chances = [simulate(trial, seed).stats["served_chance"]["shuttle"] for seed in (1, 2, 3)]
    met = sum(chance["met"] * chance["asked"] for chance in chances) / sum(chance["asked"] for chance in chances)
    expected = sum(chance["expected"] for chance in chances) / len(chances)
    assert met < 0.9
    assert expected == pytest.approx(met, abs=0.1)


def test_what_was_learned_is_kept_and_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERA_CACHE", str(tmp_path))
    trial = load_scenario("configs/trials/shuttle.yaml", SMALL)
    first = simulate(trial)
    days: list[int] = []
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")])
    experiences_of(trial, town, lambda number, learned: days.append(number) or {})
    assert days == [0]
    second = simulate(trial)
    assert first.fingerprint == second.fingerprint
    assert first.stats["cpu_s"]["load"] > second.stats["cpu_s"]["load"]


def test_without_warm_up_people_expect_to_be_served(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, STATION, "8:00")])
    run = live(scenario({"walk": {}, "scooter": {}}, prefer=["scooter", "walk"]), town)
    assert run.stats["served_chance"]["scooter"]["expected"] == 1.0
