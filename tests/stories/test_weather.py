"""The weather of the day: what it changes, by how much, and that autumn changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.errors import ConfigError, MissingFileError
from kera_mobility.simulation.run import Run, live, simulate, simulate_days
from kera_mobility.simulation.scenario import Scenario, load_scenario
from kera_mobility.simulation.weather import Day, Effect, WeatherSettings, read_days, weather_of
from tests.kit.hamlet import HOME, MILL, SCHOOL, STATION, hamlet_town, person, rows, scenario, trip

SHIPPED = load_scenario("configs/trials/scooters.yaml")
TABLE = "day,season,temperature_c,snow_cm_h,slippery,basis\nfair,autumn,10,0,no,here\nicy,winter,-5,0,yes,here\n"
SMALL = ("town.people.residents=300", "town.people.jobs=100", "town.people.neighbours_within_m=0")


def effect(key: str, by: str = "slippery", **fields: Any) -> dict[str, Any]:
    points = {} if "plus" in fields or "times" in fields else {"times": [[0, 1], [1, 0.5]]}
    return {"keys": [key], "by": by, "range": [0, 1], "source": "assumption", **points, **fields}


def table(tmp_path: Path, text: str = TABLE) -> str:
    (tmp_path / "days.csv").write_text(text, encoding="utf-8")
    return str(tmp_path / "days.csv")


def winter(tmp_path: Path, ways: dict[str, dict[str, Any]], day: str, effects: dict[str, Any], **rest: Any) -> Scenario:
    weather = {"table": table(tmp_path), "days": [day], "effects": effects}
    return scenario(ways, weather=weather, **rest)


def on_day(**values: Any) -> Day:
    return Day.model_validate(
        {"day": "x", "season": "x", "temperature_c": 0, "snow_cm_h": 0, "slippery": False, "basis": "x", **values}
    )


# What a day does


def test_people_walk_slower_on_ice(tmp_path: Path) -> None:
    # 600 m at 0.6 m/s.
    slow = winter(tmp_path, {"walk": {}}, "icy", {"ice": effect("walk_speed_m_s")})
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")])
    assert rows(live(slow, town), "legs")[0]["walk_s"] == 1000.0


def test_cyclists_leave_the_bicycle_when_they_like_it_less(tmp_path: Path) -> None:
    # By bicycle 3 min, on foot 25 min, 0.05 utils a minute: 1.1 utils between them, and the errors.
    ways: dict[str, dict[str, Any]] = {"walk": {}, "bicycle": {}}
    less = {"less": effect("constant", kinds=["bicycle"], plus=[[0, 0], [1, -50]], range=[-50, 0])}
    town = hamlet_town(tmp_path, [person(1, bicycle=True)], [trip(1, HOME, SCHOOL, "8:00")])
    prefer = {"choice": {"constants": {"bicycle": 20.0}}}
    chains = [
        rows(live(winter(tmp_path, ways, day, less, **prefer), town), "trips")[0]["chain"] for day in ("fair", "icy")
    ]
    assert chains == ["bicycle", "walk"]


def test_a_cold_battery_does_not_reach_as_far(tmp_path: Path) -> None:
    # 1,200 m take 21.6 Wh; a battery of 30 Wh has them, but at -5 degrees it is one of 21 Wh.
    cold = {"cold": effect("battery_wh", "temperature_c", kinds=["scooter"], times=[[-10, 0.65], [0, 0.75], [8, 1]])}
    scooter = {"battery_wh": 30.0, "energy_wh_per_km": 18.0, "reserve_charge": 0.0}
    ways: dict[str, dict[str, Any]] = {"walk": {}, "scooter": scooter}
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, SCHOOL, "8:00")])
    liked = {"choice": {"constants": {"scooter": 100.0}}}
    fair, icy = (live(winter(tmp_path, ways, day, cold, **liked), town) for day in ("fair", "icy"))
    assert rows(fair, "trips")[0]["chain"] == "scooter"
    assert rows(icy, "trips")[0]["chain"] == "walk"
    assert icy.stats["weather"]["effects"] == {"cold": pytest.approx(0.7)}


def test_a_fleet_that_is_kept_in_is_not_there(tmp_path: Path) -> None:
    kept_in = {"ice": effect("withdrawn", kinds=["scooter"], plus=[[0, 0], [1, 1]])}
    town = hamlet_town(tmp_path, trips=[trip(1, MILL, STATION, "8:00")])
    liked = {"choice": {"constants": {"scooter": 100.0}}}
    ways: dict[str, dict[str, Any]] = {"walk": {}, "scooter": {}}
    fair, icy = (live(winter(tmp_path, ways, day, kept_in, **liked), town) for day in ("fair", "icy"))
    assert [rows(run, "trips")[0]["chain"] for run in (fair, icy)] == ["scooter", "walk"]
    assert [row["text"] for row in rows(icy, "notices")] == [WORDS, "scooter: 100% of the fleet is kept in"]


WORDS = "icy: -5 degrees C, slippery pavements"


def test_the_run_says_what_the_weather_was(tmp_path: Path) -> None:
    icy = live(winter(tmp_path, {"walk": {}}, "icy", {"ice": effect("walk_speed_m_s")}), hamlet_town(tmp_path))
    assert icy.stats["weather"]["day"] == "icy"
    assert icy.stats["weather"]["temperature_c"] == -5.0
    assert icy.stats["weather"]["effects"] == {"ice": 0.5}
    assert [(row["t_s"], row["topic"], row["text"]) for row in rows(icy, "notices")] == [(0.0, "weather", WORDS)]


def test_a_day_on_which_no_effect_does_anything_is_the_day_without_weather(tmp_path: Path) -> None:
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")])
    plain = live(scenario({"walk": {}}), town)
    fair = live(winter(tmp_path, {"walk": {}}, "fair", {"ice": effect("walk_speed_m_s")}), town)
    off = live(winter(tmp_path, {"walk": {}}, "icy", {}), town)
    assert fair.fingerprint == off.fingerprint == plain.fingerprint


def test_an_autumn_day_of_the_shipped_weather_is_the_day_without_weather() -> None:
    autumn, without = (
        simulate(load_scenario("configs/today.yaml", [*SMALL, *overrides])) for overrides in ((), ("weather=null",))
    )
    assert autumn.fingerprint == without.fingerprint
    assert autumn.stats["weather"]["effects"] == {}
    assert "weather" not in without.stats


def test_days_of_the_run_take_the_rows_in_turn(tmp_path: Path) -> None:
    weather = {"table": table(tmp_path), "days": ["fair", "icy"], "effects": {"ice": effect("walk_speed_m_s")}}
    days = scenario({"walk": {}}, weather=weather)
    town = hamlet_town(tmp_path, trips=[trip(1, HOME, MILL, "8:00")])
    assert [rows(live(days, town, day=day), "legs")[0]["walk_s"] for day in range(3)] == [500.0, 1000.0, 500.0]


def test_a_fleet_kept_in_yesterday_is_out_today() -> None:
    days = "weather.days=[winter_slippery, autumn]"
    trial = load_scenario("configs/trials/scooters.yaml", [*SMALL, days, "choice.constants.scooter=2"])
    first, second = simulate_days(trial, seed=2, days=2)
    assert used(first) == 0 < used(second)


def used(run: Run) -> int:
    return len([row for row in rows(run, "bookings") if row["service"] == "scooter"])


def test_what_people_expect_is_learned_in_the_weather_of_the_day() -> None:
    week = load_scenario("configs/trials/scooters.yaml", ["weather.days=[autumn, winter_snow, summer, autumn]"])
    hashes = [week.undisturbed(day).hash for day in range(4)]
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3


def test_a_battery_inside_other_settings_is_found_and_one_that_is_not_there_left_alone(tmp_path: Path) -> None:
    cold = {"cold": effect("battery.battery_kwh", "temperature_c", kinds=["shuttle"], times=[[0, 0.75], [8, 1]])}
    kwh = []
    for battery in ({"battery_kwh": 40.0}, None):
        trial = winter(tmp_path, {"walk": {}, "shuttle": {"battery": battery}}, "icy", cold)
        today = trial.with_weather(trial.weather_on(0)).services["shuttle"].model_dump()
        kwh.append(today["battery"] and today["battery"]["battery_kwh"])
    assert kwh == [30.0, None]


# What is shipped


def test_the_shipped_table_has_the_seasons_and_the_base() -> None:
    days = read_days("configs/weather/days.csv")
    assert {day.season for day in days.values()} == {"autumn", "winter", "summer"}
    assert weather_numbers("autumn") == {}


@pytest.mark.parametrize(
    ("temperature_c", "factor"), [(0.0, 0.75), (-10.0, 0.65), (-5.0, 0.7), (-20.0, 0.5), (9.5, 1.0)]
)
def test_batteries_hold_three_quarters_at_zero_and_less_below(temperature_c: float, factor: float) -> None:
    assert SHIPPED.weather is not None
    battery = SHIPPED.weather.effects["battery_of_scooters"]
    assert battery.number(on_day(temperature_c=temperature_c)) == pytest.approx(factor)


def test_no_scooters_while_slippery_pavements_are_warned_of() -> None:
    assert SHIPPED.weather is not None
    settings = SHIPPED.weather.model_copy(update={"days": ("winter_slippery",)})
    assert weather_of(settings, 0, SHIPPED.services, SHIPPED.choice).withdrawn == {"scooter": 1.0}


def test_every_shipped_effect_names_its_source_and_lies_in_its_range() -> None:
    assert SHIPPED.weather is not None
    for name, shipped in SHIPPED.weather.effects.items():
        numbers = [number for _, number in shipped.times or shipped.plus]
        farthest = max(numbers, key=lambda number: abs(number - bool(shipped.times)))
        assert shipped.range[0] <= farthest <= shipped.range[1], name
        assert shipped.source


def weather_numbers(day: str) -> dict[str, float]:
    assert SHIPPED.weather is not None
    settings = SHIPPED.weather.model_copy(update={"days": (day,)})
    return weather_of(settings, 0, SHIPPED.services, SHIPPED.choice).numbers


# Laws


@given(a=st.floats(-40, 40), b=st.floats(-40, 40))
def test_the_colder_the_less_a_battery_holds_and_the_fewer_cycle(a: float, b: float) -> None:
    assert SHIPPED.weather is not None
    cold, warm = on_day(temperature_c=min(a, b)), on_day(temperature_c=max(a, b))
    for name in ("battery_of_scooters", "cycling_by_temperature", "scooters_by_temperature"):
        shipped = SHIPPED.weather.effects[name]
        assert shipped.number(cold) <= shipped.number(warm)


@given(value=st.floats(-50, 50))
def test_a_number_between_two_points_lies_between_theirs(value: float) -> None:
    utils = Effect.model_validate(effect("constant", "temperature_c", plus=[[-10, -1.5], [0, -0.5], [8, 0]]))
    assert -1.5 <= utils.number(on_day(temperature_c=value)) <= 0.0


def test_the_less_people_like_to_walk_the_fewer_walk() -> None:
    walkers = []
    for utils in (0.0, -0.5, -1.0):
        less = f"weather.effects.walking_less.plus=[[0, 0], [1, {utils}]]"
        trial = load_scenario("configs/today.yaml", [*SMALL, "weather.days=[winter_slippery]", less])
        trips = rows(simulate(trial, 3), "trips")
        walkers.append({(row["person"], row["trip"]) for row in trips if row["chain"] == "walk"})
    assert walkers[0] > walkers[1] > walkers[2]


# What does not fit


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("weather.days=[winter_snoww]", "weather.days: got 'winter_snoww' .did you mean 'winter_snow'"),
        ("weather.effects.walking_less.kinds=[wlak]", "walking_less.kinds.0: got 'wlak' .did you mean 'walk'"),
        ("weather.effects.battery_of_scooters.keys=[batery_wh]", "got 'batery_wh', which a scooter does not have"),
        ("weather.effects.walking_less.times=[[0, 1]]", "walking_less: .*expected either `times` or `plus`"),
        ("weather.effects.walking_less.plus=[[1, 1], [0, 0]]", "expected points by rising value"),
        ("weather.effects.walking_less.source=", "walking_less.source"),
        ("weather.effects.walking_slippery.times=[[0, 1], [1, 0]]", "walking_slippery: makes of walk_speed_m_s 0.0"),
    ],
)  # fmt: skip
def test_what_an_effect_names_wrongly_is_a_fault_of_the_file(changed: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_scenario("configs/trials/scooters.yaml", ["weather.days=[winter_snow]", changed])


def test_faults_of_effects_have_file_and_line(tmp_path: Path) -> None:
    fast = "{kinds: [bicycle], keys: [speed_m_s], by: slippery, times: [[0, 1], [1, 9]], range: [1, 9], source: no}"
    text = f"extends: configs/today.yaml\nweather:\n  days: [winter_slippery]\n  effects:\n    fast: {fast}\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml:5: weather\.effects\.fast: makes of speed_m_s"):
        load_scenario(tmp_path / "mine.yaml")


def test_a_table_that_is_not_there_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"weather\.table: nowhere\.csv: no such file"):
        load_scenario("configs/today.yaml", ["weather.table=nowhere.csv"])


def test_broken_tables_are_told_line_by_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_days("nowhere.csv")
    with pytest.raises(ConfigError, match=r"days\.csv:3: temperature_c"):
        read_days(table(tmp_path, TABLE.replace("-5", "cold")))
    with pytest.raises(ConfigError, match=r"days\.csv:3: slippery"):
        read_days(table(tmp_path, TABLE.replace("yes", "perhaps")))
    with pytest.raises(ConfigError, match="'fair' stands in line 2 too"):
        read_days(table(tmp_path, TABLE + "fair,autumn,1,0,no,here\n"))


def test_a_scenario_without_weather_needs_no_table() -> None:
    assert WeatherSettings().days == ("autumn",)
    assert load_scenario("configs/today.yaml", ["weather=null"]).weather_on(0) is None
