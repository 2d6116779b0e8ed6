"""The planner's page in its languages: what each planner's key rests on, and every fault that a wrong value makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from kera_mobility.errors import ConfigError
from kera_mobility.serve.forms import forms, page_words, typed_value
from kera_mobility.serve.translation import fault_texts, in_languages
from kera_mobility.simulation.scenario import Scenario, load_scenario

TRIAL = "configs/trials/all.yaml"
LANGUAGES = {"en", "fi", "sv"}
WRONG = ("-1e12", "1e12", "word", "1.5", "null", "[]", "[1]", "true")
ENGLISH = re.compile(r"\b(the|of|and|which|from|expected|got|least|most|number)\b")
NOTICES = (
    "scooter: the hub 'Station' lies in the zone 'Forecourt' (no_park): vehicles stand there in the morning, and no "
    "ride that may park elsewhere ends there",
    "scooter: a fleet of 300 is above the 150 of the permit",
    "shuttle: carried nobody all day: no vehicle ran; look at its hours, timetable and date",
    "scooter: carried nobody all day: all 12 requests were denied, 9 as 'no_vehicle'",
    "on_demand: carried nobody all day: 3 bookings, none of them ridden",
    "shuttle: carried nobody all day: nobody asked for a ride; look at its hours, area, prices, members and constant "
    "in the choice model",
    "rail: nothing runs on the date of the timetable on X, Y",
)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(TRIAL)


def planner_fields(scenario: Scenario) -> list[dict[str, Any]]:
    return [field for form in forms(scenario, []) for field in form["fields"]]


def problems(scenario: Scenario) -> Iterator[str]:
    """Yield every fault that a wrong value of a planner's key makes, in the file and as it is typed on the page."""
    for field in planner_fields(scenario):
        for value in WRONG:
            try:
                load_scenario(TRIAL, [f"{field['key']}={value}"])
            except ConfigError as error:
                yield from (fault.problem for fault in error.faults)
        try:
            typed_value(scenario, field["key"], "a word")
        except ConfigError as error:
            yield str(error)


def test_what_every_planners_key_rests_on_is_in_three_languages(scenario: Scenario) -> None:
    fields = planner_fields(scenario)
    assert len(fields) > 35
    lacking = [field["basis"]["en"] for field in fields if field["basis"]["en"] and set(field["basis"]) != LANGUAGES]
    assert lacking == []


def test_every_fault_of_a_planners_key_is_in_three_languages(scenario: Scenario) -> None:
    told = {problem: fault_texts(problem) for problem in problems(scenario)}
    assert len(told) > 150
    lacking = sorted(problem for problem, texts in told.items() if set(texts) != LANGUAGES)
    english = sorted(
        texts[code] for texts in told.values() for code in ("fi", "sv") if ENGLISH.search(texts.get(code, ""))
    )
    assert (lacking, english) == ([], [])


def test_contradictions_and_warnings_are_in_three_languages() -> None:
    told = [in_languages(text) for text in NOTICES]
    assert [text["en"] for text in told if set(text) != LANGUAGES] == []
    assert told[1]["fi"] == "scooter: laivue 300 ylittää luvan rajan 150"


def test_a_fault_names_the_key_as_the_page_does_and_keeps_its_numbers() -> None:
    texts = fault_texts("services.shuttle.headway_s: got 30.0, expected at least 60 s")
    assert texts["fi"] == "Vuoroväli: annettu 30.0, odotettu vähintään 60 s"
    assert texts["sv"] == "Turintervall: fick 30.0, väntade minst 60 s"


def test_what_has_no_translation_stays_english() -> None:
    assert fault_texts("something else: is odd") == {"en": "something else: is odd"}
    assert in_languages("Nobody said this.") == {"en": "Nobody said this."}


def test_a_rate_by_the_hour_is_no_duration(scenario: Scenario) -> None:
    with pytest.raises(ConfigError, match=r"eur_per_h: got 5000, expected at most 200 EUR/h"):
        load_scenario(TRIAL, ["services.scooter.crews.eur_per_h=5000"])
    with pytest.raises(ConfigError, match="expected a number in EUR/h"):
        load_scenario(TRIAL, ["services.scooter.crews.eur_per_h=2 h"])


def test_the_pages_own_words_are_in_three_languages() -> None:
    words = page_words()
    keys = {
        code: {key: frozenset(re.findall(r"\{(\w+)\}", text)) for key, text in of.items()} for code, of in words.items()
    }
    assert keys["en"] == keys["fi"] == keys["sv"]
    long = [
        key
        for key, text in words["en"].items()
        if key != "app" and len(text) > 12 and text in (words["fi"][key], words["sv"][key])
    ]
    assert long == []
