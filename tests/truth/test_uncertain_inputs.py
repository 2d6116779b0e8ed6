"""What is drawn for an input of which only a range is known, and what becomes of the scenario that it is set in."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from kera_mobility.errors import ConfigError
from kera_mobility.experiments.uncertainty import (
    UncertainInput,
    draw,
    load_uncertain,
    with_drawn,
    with_inputs,
)
from kera_mobility.simulation.scenario import Scenario, load_scenario
from tests.kit.hamlet import scenario


def known(**about: object) -> UncertainInput:
    """Return an input between 0 and 4 whose best guess is 1; its key is the shuttle's speed unless said."""
    usual = {"key": "services.shuttle.speed_m_s", "low": 0.0, "high": 4.0, "value": 1.0, "source": "assumption"}
    return UncertainInput.model_validate({**usual, **about})


def relative(sets: str, low: float, high: float, key: object = "services.shuttle.speed_m_s") -> UncertainInput:
    return known(sets=sets, low=low, high=high, value=None, key=key)


@pytest.mark.parametrize(
    ("part", "drawn"),
    # The distribution of a triangle: x^2 / 4 up to the peak at 1, then 1 - (4 - x)^2 / 12.
    [(0.0, 0.0), (1 / 16, 0.5), (0.25, 1.0), (0.25 - 1e-9, 1.0), (2 / 3, 2.0), (0.75, 4 - math.sqrt(3)), (1.0, 4.0)],
)
def test_a_triangle_has_its_peak_at_the_best_guess(part: float, drawn: float) -> None:
    assert known().drawn(part) == pytest.approx(drawn, abs=1e-6)


def test_a_triangle_may_lie_anywhere() -> None:
    """From 10 to 14 with its peak at 13: a half of it lies below 10 + sqrt(6)."""
    assert known(low=10.0, high=14.0, value=13.0).drawn(0.5) == pytest.approx(10 + math.sqrt(6))


def test_an_even_draw_is_the_part_of_the_way() -> None:
    even = known(low=2.0, high=6.0, value=3.0, shape="uniform")
    assert [even.drawn(part) for part in (0.0, 0.25, 1.0)] == [2.0, 3.0, 6.0]


def test_the_best_guess_of_a_shift_is_none_and_of_a_factor_one() -> None:
    assert (relative("shift", -1.0, 2.0).peak, relative("factor", 0.5, 2.0).peak, known().peak) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 1.0, "high": 1.0}, {"low": 5.0}, {"value": 4.5}, {"value": -0.5}, {"value": None},
        {"sets": "shift"}, {"sets": "factor", "value": None, "low": 1.5}, {"sets": "shift", "value": None, "low": 0.5},
    ],
)  # fmt: skip
def test_a_range_out_of_order_is_refused(wrong: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        known(**wrong)


@pytest.mark.parametrize("best", [0.0, 4.0])
def test_the_best_guess_may_be_an_end_of_its_range(best: float) -> None:
    assert known(value=best).drawn(0.0) == 0.0
    assert known(value=best).drawn(1.0) == 4.0


def test_a_draw_replaces_the_best_guess_and_leaves_what_was_decided() -> None:
    assert (known().applied(1.0, 3.0), known().applied(1.5, 3.0)) == (3.0, None)
    assert relative("shift", -1.0, 1.0).applied(5.0, -0.5) == 4.5
    assert relative("factor", 0.5, 2.0).applied(5.0, 0.5) == 2.5


def test_a_draw_is_read_in_six_digits_and_the_same_for_the_same_number() -> None:
    inputs = {"a": known(low=1000.0, high=2000.0, value=1500.0)}
    first = draw(inputs, 3)
    assert first == draw(inputs, 3)
    assert first != draw(inputs, 4)
    assert float(f"{first['a']:.6g}") == first["a"]
    assert any(round(draw(inputs, number)["a"], 1) != draw(inputs, number)["a"] for number in range(20))


def test_joint_draws_are_tried_until_one_is_accepted_and_no_longer() -> None:
    inputs, seen = {"a": known()}, list[float]()

    def third(drawn: Mapping[str, float]) -> bool:
        seen.append(drawn["a"])
        return len(seen) == 3

    assert draw(inputs, 1, third)["a"] == seen[2]
    assert len(set(seen)) == 3
    assert seen[0] == draw(inputs, 1)["a"]
    tries: list[float] = []
    with pytest.raises(ConfigError, match="none of 1000 joint draws was accepted"):
        draw(inputs, 1, lambda drawn: bool(tries.append(drawn["a"])))
    assert len(tries) == 1000


# In a scenario.


def trial() -> Scenario:
    return scenario({"walk": {}, "shuttle": {"speed_m_s": 4.0, "seats": 8, "fare_eur": 1.0}})


def test_what_is_drawn_is_set_and_what_is_not_there_or_decided_is_left() -> None:
    inputs = {
        "speed": relative("factor", 0.5, 2.0),
        "seats": relative("factor", 0.5, 2.0, key="services.shuttle.seats"),
        "fare": known(value=2.0, key="services.shuttle.fare_eur"),
        "elsewhere": known(key="services.tram.speed_m_s"),
    }
    joint = {"speed": 1.0 / 3, "seats": 0.7, "fare": 3.0, "elsewhere": 1.0}
    found = with_drawn(trial(), inputs, joint)
    assert found.inputs == {"services.shuttle.speed_m_s": 1.33333, "services.shuttle.seats": 6}
    assert isinstance(found.inputs["services.shuttle.seats"], int)
    assert (found.absent, found.decided) == (("elsewhere",), ("fare",))
    shuttle = found.scenario.services["shuttle"]
    assert (shuttle.speed_m_s, shuttle.seats, shuttle.fare_eur) == (1.33333, 6, 1.0)  # type: ignore[attr-defined]


def test_one_input_may_set_several_keys_of_which_none_may_be_decided_otherwise() -> None:
    keys = ("services.shuttle.speed_m_s", "services.walk.walk_speed_m_s")
    both = with_drawn(trial(), {"speed": relative("shift", -1.0, 1.0, key=keys)}, {"speed": 0.25})
    assert both.inputs == {keys[0]: 4.25, keys[1]: 1.45}
    decided = with_drawn(trial(), {"speed": known(value=4.0, key=keys)}, {"speed": 2.0})
    assert (decided.inputs, decided.decided) == ({}, ("speed",))


def test_a_draw_of_a_number_is_the_joint_draw_of_that_number() -> None:
    inputs = {"speed": relative("factor", 0.5, 2.0)}
    drawn = draw(inputs, 5)["speed"]
    assert with_inputs(trial(), inputs, 5).inputs["services.shuttle.speed_m_s"] == pytest.approx(4.0 * drawn, rel=1e-5)


def test_a_scenario_with_draws_is_still_of_its_file() -> None:
    shipped = load_scenario("configs/checks/today.yaml")
    inputs = {name: source for name, source in load_uncertain().items() if isinstance(source.key, str)}
    found = with_inputs(shipped, inputs, 1)
    assert len(found.inputs) >= 3
    assert found.scenario._source == shipped._source
    assert found.scenario._source is not None


def test_a_draw_that_does_not_fit_says_which_and_where() -> None:
    with pytest.raises(ConfigError, match=r"draw 5: services\.shuttle.*speed_m_s"):
        with_inputs(trial(), {"speed": relative("factor", 0.99, 1e5)}, 5)
    with pytest.raises(ConfigError, match=r"draw: services\.shuttle.*speed_m_s"):
        with_drawn(trial(), {"speed": relative("factor", 0.99, 1e5)}, {"speed": 1e4})
